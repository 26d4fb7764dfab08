"""The order in which a person should meet findings: the worst first, or the likeliest cause."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime

from alerts.records import depth
from checks.verdict import WORST_FIRST, Verdict
from monitor.findings import FIRING, WHOLE, Finding

_Rank = tuple[int, bool, int, float, str, str, tuple[str, str], datetime]


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Worse verdicts first, then all rows before slices, upstream causes, and the larger excess."""
    return sorted(findings, key=_rank)


def likeliest_first(findings: Iterable[Finding]) -> list[Finding]:
    """The findings that fire, the most upstream cause first and its worst finding in front."""
    firing = (finding for finding in findings if finding.verdict in FIRING)
    return sorted(firing, key=lambda finding: (depth(finding.cause), finding.cause, _rank(finding)))


def tally(findings: Iterable[Finding]) -> dict[Verdict, int]:
    """How many findings have each verdict, the worst verdict first, without those nobody has.

    >>> tally([])
    {}
    """
    counts = Counter(finding.verdict for finding in findings)
    return {verdict: counts[verdict] for verdict in WORST_FIRST if counts[verdict]}


def worst(findings: Iterable[Finding]) -> Verdict | None:
    """The worst verdict, or None where there are no findings."""
    return next(iter(tally(findings)), None)


def by_column(findings: Iterable[Finding]) -> Mapping[str, list[Finding]]:
    """What is said of each column in all rows, worst column and worst finding first."""
    found: dict[str, list[Finding]] = {}
    for finding in worst_first(findings):
        if finding.column and finding.slice == WHOLE:
            found.setdefault(finding.column, []).append(finding)
    return found


def _rank(finding: Finding) -> _Rank:
    return (
        WORST_FIRST.index(finding.verdict),
        finding.slice != WHOLE,
        depth(finding.cause),
        -finding.excess,
        finding.column,
        finding.check,
        finding.slice,
        finding.window.start,
    )
