"""Quality of the data: missing and misshapen cells, impossible scores, rows that fail to come."""

from __future__ import annotations

import math

from checks.check import EXACT, NotEnoughData, Stat, check
from checks.intervals import counted, proven, share_of
from checks.labelled import Classified
from checks.log import LogProfile
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.profile import ABSENT, CategoricalProfile, NumericProfile

Column = NumericProfile | CategoricalProfile

OUTAGE = 3.0
"""Standard deviations from the mean beyond which a window of the reference is no example."""

ROOM = 0.75
"""A volume is unusual well beyond the extremes of the reference, not merely beyond them."""


@check(NumericProfile, CategoricalProfile, slack=(0.05, 0.2), unit="ratio", cause="nulls")
def missing(reference: Column, current: Column) -> Stat:
    """Share of rows without a value: nulls and NaN over all rows.

    The interval is Wilson's (1927).

    >>> import numpy as np
    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.array([1.0, np.nan]), NumericPlan(), nulls=2)
    >>> missing.compute(profile, profile).value
    0.75
    """
    n = _rows(current)
    where = counted(current.missing, n, "rows")
    return share_of(current.missing, n, n_reference=reference.rows, where=where)


@check(NumericProfile, CategoricalProfile, slack=(0.0, 0.05), unit="ratio", cause="schema")
def schema(reference: Column, current: Column) -> Stat:
    """Share of cells that are not of the type the column had: text that is no number, most often.

    For numbers it is unparsed / (rows - missing), with Wilson's (1927) interval. It is 1 where the
    column is gone from the log, or from part of it, and where no type family of a categorical
    column is one it had, as when texts become numbers.

    >>> import numpy as np
    >>> from checks.plan import NumericPlan
    >>> before = NumericProfile.of(np.arange(8.0), NumericPlan(), found=("number",))
    >>> now = NumericProfile.of(np.arange(6.0), NumericPlan(), unparsed=2, example="1,234.5")
    >>> schema.compute(before, now).value, schema.compute(before, now).where
    (0.25, "2 of 8 cells, such as '1,234.5'")
    """
    broken = _break(reference, current)
    if broken:
        return Stat(1.0, n_reference=reference.rows, n_current=current.rows, where=broken)
    n = _rows(current) - current.missing
    unparsed = current.unparsed if isinstance(current, NumericProfile) else 0
    example = current.example if isinstance(current, NumericProfile) else ""
    where = counted(unparsed, n, "cells", example)
    return proven(unparsed, n, n_reference=reference.rows, where=where)


@check(NumericProfile, slack=(0.0, 0.05), unit="ratio", cause="schema")
def infinite(reference: NumericProfile, current: NumericProfile) -> Stat:
    """Share of numbers that are infinite: (+inf and -inf) / (finite and infinite).

    No distance and no mean knows what to do with them. The interval is Wilson's (1927).

    >>> import numpy as np
    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.array([1.0, 2.0, 3.0, -np.inf]), NumericPlan())
    >>> infinite.compute(profile, profile).value
    0.25
    """
    _rows(current)
    found = current.above + current.below
    where = f"{current.above:,} times +inf, {current.below:,} times -inf" if found else ""
    return proven(found, current.n + found, n_reference=reference.rows, where=where)


@check(BinaryOutcome, MulticlassOutcome, slack=(0.0, 0.05), unit="ratio", cause="schema")
def score_range(reference: Classified, current: Classified) -> Stat:
    """Share of scores that are no probability: outside [0, 1] or infinite, over all scores.

    Scores in percent, or log-odds, look like this. The interval is Wilson's (1927).

    >>> import numpy as np
    >>> from checks.plan import BinaryPlan
    >>> told, score = np.array([0, 0, 1, 1]), np.array([0.1, 0.3, 0.8, 97.0])
    >>> outcome = BinaryOutcome.of(BinaryPlan("1", "0"), told, told, score)
    >>> score_range.compute(outcome, outcome).value
    0.25
    """
    n = current.valid + current.invalid
    if not n:
        raise NotEnoughData("no scores" if current.rows else "no rows", among=current.rows)
    where = counted(current.invalid, n, "scores")
    return proven(current.invalid, n, n_reference=reference.rows, where=where)


@check(LogProfile, direction="below", slack=(0.5, 0.9), relative=True, unit="rows", cause="volume")
def row_count(reference: LogProfile, current: LogProfile) -> Stat:
    """Rows in the window.

    What is normal is learnt from the windows of the reference: their mean, but no more than 4/3 of
    the least of them, so that the quiet hours or days it knows raise no alarm. A window more than
    three standard deviations under the mean is taken for an outage and is no example.

    >>> from functools import reduce
    >>> windows = [LogProfile.of_window(rows, 0.0, 80.0, 90.0) for rows in (90, 110, 100)]
    >>> reference = reduce(LogProfile.merge, windows)
    >>> row_count.compute(reference, windows[0]).value
    90.0
    >>> row_count.compute(reference, reference).value
    100.0
    """
    mean = _volume(current)
    low = current.rows_least / ROOM if mean - current.rows_least <= _outage(current) else mean
    return _of_windows(reference, current, min(mean, low))


@check(LogProfile, slack=(1.0, 4.0), relative=True, unit="rows", cause="volume")
def row_surge(reference: LogProfile, current: LogProfile) -> Stat:
    """Rows in the window, where more is worse: replays, loops and retries.

    What is normal is learnt from the windows of the reference: their mean, but no less than 3/4 of
    the most of them, so that the busy hours or days it knows raise no alarm. A window more than
    three standard deviations over the mean is no example.

    >>> from functools import reduce
    >>> windows = [LogProfile.of_window(rows, 0.0, 80.0, 90.0) for rows in (20, 20, 200)]
    >>> reference = reduce(LogProfile.merge, windows)
    >>> row_surge.compute(reference, windows[2]).value
    200.0
    >>> row_surge.compute(reference, reference).value
    150.0
    """
    mean = _volume(current)
    high = current.rows_most * ROOM if current.rows_most - mean <= _outage(current) else mean
    return _of_windows(reference, current, max(mean, high))


@check(LogProfile, slack=(0.25, 0.5), relative=True, unit="seconds", cause="stale")
def freshness(reference: LogProfile, current: LogProfile) -> Stat:
    """Seconds between the newest row and the end of the window: the log fell silent.

    What is normal is the longest such silence in a window of the reference, and the slack is a
    share of the length of a window; so timestamps without a time of day do no harm.

    >>> window = LogProfile.of_window(20, 0.0, 3000.0, 3600.0, span=3600.0)
    >>> freshness.compute(window, window).value
    600.0
    """
    _require_rows(current)
    if not math.isfinite(current.silence):
        raise NotEnoughData("not computed: the window has no end", among=current.rows)
    return Stat(
        current.silence,
        n_reference=reference.rows,
        n_current=current.rows,
        scale=current.span if current.windows > 1 else 0.0,
        noise=EXACT,
    )


def _rows(column: Column) -> int:
    rows = column.rows
    if not rows:
        gone = ABSENT in column.found
        raise NotEnoughData("not computed: the column is missing" if gone else "no rows")
    return rows


def _break(reference: Column, current: Column) -> str:
    """How a column as a whole stopped being what it was; '' where it did not."""
    before, now = set(reference.found), set(current.found)
    if ABSENT in now - before:
        return "the column is missing" + (" from part of the log" if current.rows else "")
    before, now = before - {ABSENT}, now - {ABSENT}
    if isinstance(current, CategoricalProfile) and before and now and not before & now:
        return f"{' and '.join(sorted(before))} became {' and '.join(sorted(now))}"
    return ""


def _require_rows(log: LogProfile) -> None:
    if not log.rows or not log.windows:
        raise NotEnoughData("no rows")


def _volume(log: LogProfile) -> float:
    """Mean rows of a window."""
    _require_rows(log)
    return log.rows / log.windows


def _outage(log: LogProfile) -> float:
    mean = log.rows / log.windows
    return OUTAGE * math.sqrt(max(log.rows_squared / log.windows - mean * mean, 0.0))


def _of_windows(reference: LogProfile, current: LogProfile, value: float) -> Stat:
    """A volume; a single window, such as a file for a reference, does not tell what is normal."""
    scale = value if current.windows > 1 else 0.0
    return Stat(value, n_reference=reference.rows, n_current=current.rows, scale=scale, noise=EXACT)
