"""Row rules: conditions of a user's own on each row, and the share of rows that break one."""

from __future__ import annotations

from checks.check import Check, NotEnoughData, Stat, check
from checks.intervals import counted, proven
from checks.log import Anomaly, LogProfile

_FEWEST_TOLD = 0.01
"""Share of the rows of which it must be known whether they keep a rule."""

_MOST_BROKEN = 0.5
"""Share of the rows of the reference above which a rule is hardly meant as it is written."""


def broken_name(rule: str) -> str:
    """The name under which a log counts the rows that break a rule."""
    return f"rule {rule}"


def unknown_name(rule: str) -> str:
    """The same of rows of which it cannot be told: a cell is null."""
    return f"rule {rule} unknown"


def row_rule(name: str) -> Check:
    """The check of one rule, which has the name that its user gave it.

    >>> log = LogProfile.of_window(8, 0, 1, 2, anomalies={"rule paid": Anomaly(2, "a17")})
    >>> stat = row_rule("paid").compute(log, log)
    >>> stat.value, stat.where
    (0.25, "2 of 8 rows, such as 'a17'")
    """

    def compute(reference: LogProfile, current: LogProfile, *, expression: str = "") -> Stat:
        """Share of rows that break a rule of one's own; one that cannot be told breaks none."""
        if not current.rows:
            raise NotEnoughData("no rows")
        broken, unknown = _met(current, broken_name(name)), _met(current, unknown_name(name)).count
        if not broken.count and current.rows - unknown < _FEWEST_TOLD * current.rows:
            raise NotEnoughData(_untold(unknown, current.rows, expression), among=current.rows)
        parts = (
            counted(broken.count, current.rows, "rows", broken.example),
            f"of {unknown:,} rows it cannot be told" if unknown else "",
        )
        where = "; ".join(filter(None, parts))
        stat = proven(broken.count, current.rows, n_reference=reference.rows, where=where)
        before = _met(reference, broken_name(name)).count
        if before > _MOST_BROKEN * reference.rows:
            share = f"{before / reference.rows:.0%} of the rows of the reference break it"
            reason = f"{share}: is it written as it is meant?"
            raise NotEnoughData(reason, among=current.rows, stat=stat)
        return stat

    compute.__name__ = name
    return check(LogProfile, slack=(0.0, 0.05), unit="ratio", cause="schema")(compute)


def _met(log: LogProfile, name: str) -> Anomaly:
    return log.anomalies.get(name, Anomaly(0))


def _untold(unknown: int, rows: int, expression: str) -> str:
    """Why nothing can be said of a rule, and what is to be written instead."""
    return (
        f"of {unknown:,} of {rows:,} rows it cannot be told whether {expression or 'they keep it'}:"
        " a cell is empty, or no number where one is compared (texts stand in single quotes; say "
        "`is null or` where it may be empty)"
    )
