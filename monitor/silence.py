"""Silence: a window without rows is judged by how long the log has said nothing; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from checks.check import Stat
from checks.log import LogProfile
from checks.verdict import default_limit, judge
from monitor.baseline import Baseline
from monitor.evaluate import Rule
from monitor.findings import FIRING, WHOLE, Finding
from monitor.windows import Window

_CHECK = "freshness"
_PATIENCE = timedelta(days=1)
"""The silence taken for normal where no window of a reference tells it."""


def with_silence(
    findings: Sequence[Finding],
    rules: Iterable[Rule],
    baseline: Baseline,
    log: LogProfile,
    newest: datetime | None,
) -> tuple[Finding, ...]:
    """The findings of a window, where freshness speaks although the window has no rows.

    One window cannot tell how long a log has been silent, and what cannot be measured wakes
    nobody: so a log that stopped between two windows would never be missed. ``newest`` is the time
    of the newest row up to the end of the window (None: there never was one). The silence since
    then is held against the longest between two rows of the reference, with the slack of the
    check, or against the limit of the configuration. A silence within it stays ``no_data``: it is
    no news, and no good news either.
    """
    if log.rows or newest is None:
        return tuple(findings)
    by_name = {rule.check.name: rule for rule in rules}
    return tuple(
        _judged(one, by_name[one.check], baseline, newest)
        if (one.kind, one.slice) == (_CHECK, WHOLE)
        else one
        for one in findings
    )


def newest_row(log: LogProfile, *before: datetime | None) -> datetime | None:
    """The time of the newest row up to the end of a window, its own or one known from before."""
    if log.rows:
        return datetime.fromtimestamp(log.last, UTC)
    return max((moment for moment in before if moment is not None), default=None)


def last_of_reference(baseline: Baseline, window: Window) -> datetime | None:
    """The time of the reference's newest row, where it lies before a window."""
    last = baseline.portraits[WHOLE].log.last
    known = math.isfinite(last) and last < window.start.timestamp()
    return datetime.fromtimestamp(last, UTC) if known else None


def longest_silence(baseline: Baseline) -> float | None:
    """Seconds of the longest silence in the reference's windows, also across several of them.

    None where it has none with rows, as with a file for a reference.
    """
    logs = [baseline.windows[w] for w in sorted(baseline.windows)]
    logs = [log for log in logs if log.rows]
    gaps = [later.first - earlier.last for earlier, later in pairwise(logs)]
    return max([*gaps, *(log.silence for log in logs)], default=None)


def _judged(finding: Finding, rule: Rule, baseline: Baseline, newest: datetime) -> Finding:
    silence = Stat(
        (finding.window.end - newest).total_seconds(),
        n_reference=baseline.rows,
        where=f"no rows since {newest:%Y-%m-%d %H:%M}Z",
    )
    limit = rule.limit or default_limit(rule.check, _normal(baseline, finding.window))
    judged = judge(silence, limit, rule.check.unit)
    if judged.verdict not in FIRING:
        return finding
    return replace(
        finding,
        stat=silence,
        threshold=judged.threshold,
        rule=limit.rule,
        verdict=judged.verdict,
        reason=judged.reason,
    )


def _normal(baseline: Baseline, window: Window) -> Stat:
    """The silence that the reference knows; the slack is in shares of the window's length."""
    span = window.length.total_seconds()
    known = longest_silence(baseline)
    return Stat(max(_PATIENCE.total_seconds(), span) if known is None else known, scale=span)
