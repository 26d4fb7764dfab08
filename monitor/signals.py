"""Signals: the findings of one window, put into words and gathered by cause for alerting; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

from alerts.incident import Incident, Signal, Status, Subject, depth
from alerts.message import Cause
from checks.verdict import WORST_FIRST, Verdict
from monitor.findings import FIRING, WHOLE, Finding

MOST_CAUSES = 50


def signals_of(
    model: str, findings: Sequence[Finding], incidents: Sequence[Incident], at: datetime
) -> tuple[Signal, ...]:
    """What a window says of each cause, most upstream first.

    A cause fires with the worst verdict of its findings. It is clear when nothing fires and all
    that fired in its open incident has been judged fine since; otherwise it is unknown, because
    what could not be judged is no evidence that the trouble is over. Segments inform and never
    page.
    """
    unproven = {
        one.cause: one.unproven
        for one in incidents
        if one.model == model and one.state != "resolved"
    }
    ranked = sorted((f for f in findings if f.slice == WHOLE), key=_by_cause)
    signals = []
    for cause, group in groupby(ranked, key=lambda finding: finding.cause):
        members = list(group)
        firing = [f for f in members if f.verdict in FIRING]
        status = _status(members, unproven.get(cause, frozenset()))
        causes = tuple(cause_of(f) for f in firing[:MOST_CAUSES])
        fine = _subjects(f for f in members if f.verdict is Verdict.OK)
        signals.append(Signal(model, cause, status, at, causes, _subjects(firing), fine))
    return tuple(signals)


def _by_cause(finding: Finding) -> tuple[int, str, int, float, str, str]:
    rank = WORST_FIRST.index(finding.verdict)
    return depth(finding.cause), finding.cause, rank, -finding.excess, finding.column, finding.check


def _subjects(findings: Iterable[Finding]) -> frozenset[Subject]:
    return frozenset((found.check, found.column) for found in findings)


def _status(members: Iterable[Finding], unproven: frozenset[Subject]) -> Status:
    verdicts = {(f.check, f.column): f.verdict for f in members}
    if Verdict.CRITICAL in verdicts.values():
        return "critical"
    if Verdict.WARNING in verdicts.values():
        return "warning"
    again = [verdict for key, verdict in verdicts.items() if key in unproven]
    evidence = again or list(verdicts.values())
    return "clear" if all(verdict is Verdict.OK for verdict in evidence) else "unknown"


def cause_of(finding: Finding) -> Cause:
    """One finding as a cause of an incident, with a sentence for a person."""
    severity = "critical" if finding.verdict is Verdict.CRITICAL else "warning"
    return Cause(
        finding.check,
        finding.column,
        finding.value,
        finding.threshold,
        severity,
        sentence(finding),
    )


def sentence(finding: Finding) -> str:
    """What a finding says: the column, the check, how much, and the place that drives it."""
    subject = f"{finding.column}: {finding.check}" if finding.column else finding.check
    if finding.slice.segment:
        subject = f"{subject} where {finding.slice.segment}"
    return f"{subject} {finding.reason or 'is within its limit'}"
