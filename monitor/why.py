"""Why: what the checks that explain a change say, in the order in which a person asks."""

from __future__ import annotations

from collections.abc import Iterable

from checks.verdict import Verdict
from monitor.findings import WHOLE, Finding

EXPLAIN = (
    "concept_change",
    "change_within_segments",
    "mix_shift",
    "worst_slice",
    "input_impact",
    "weighted_drift",
)
"""Checks whose ``where`` says why a number moved, whatever their verdict."""

_UNSURE = (Verdict.INSUFFICIENT, Verdict.NO_DATA, Verdict.ERROR)


def explained(findings: Iterable[Finding]) -> list[Finding]:
    """The explanations of the newest window, of all rows, that have something to say."""
    found = [each for each in findings if each.kind in EXPLAIN and each.slice == WHOLE]
    newest = max((each.window for each in found), default=None)
    told = (each for each in found if each.window == newest and place(each))
    return sorted(told, key=lambda each: (EXPLAIN.index(each.kind), each.check, each.column))


def place(finding: Finding) -> str:
    """What an explanation says, or why it is not to be trusted; empty where nothing was found."""
    if finding.stat is None:
        return ""
    return finding.reason if finding.verdict in _UNSURE else finding.stat.where
