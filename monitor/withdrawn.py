"""Withdrawal: no estimate counts while labels show that estimates are off; pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from alerts.incident import Incident
from checks.check import kind_of
from checks.text import figure
from checks.verdict import Verdict
from monitor.evaluate import Rule
from monitor.findings import FIRING, WHOLE, Finding

_AUDIT = "estimate_error"
_FROM = ("score", "prediction")


def without_disproved(
    findings: Sequence[Finding], rules: Iterable[Rule], known: Iterable[Incident]
) -> tuple[Finding, ...]:
    """The findings of a window, where no estimate is judged that labels have shown to be off.

    The audit of the window itself decides where it is judged, which takes its labels; else an open
    incident does in which that of an earlier window fired and was not found fine since. The number
    stays, to be shown. Without the audit among the rules all is as it was.
    """
    estimates = {
        rule.check.name
        for rule in rules
        if rule.check.cause == "performance" and rule.check.needs in _FROM
    }
    told = _disproof(findings, known) if estimates else None
    if told is None:
        return tuple(findings)
    return tuple(
        replace(
            one, threshold=None, rule="", verdict=Verdict.INSUFFICIENT, reason=f"withdrawn: {told}"
        )
        if one.check in estimates and one.stat is not None
        else one
        for one in findings
    )


def _disproof(findings: Sequence[Finding], known: Iterable[Incident]) -> str | None:
    """What labels show of estimates, in words; None where nothing speaks against them."""
    own = [one for one in findings if one.kind == _AUDIT and one.slice == WHOLE]
    judged = [one for one in own if one.verdict.judged]
    if judged:
        firing = [one for one in judged if one.verdict in FIRING]
        return _words(firing[0].value, "these rows") if firing else None
    models = {one.model for one in findings}
    return next(_earlier(one for one in known if one.model in models), None)


def _earlier(known: Iterable[Incident]) -> Iterator[str]:
    for one in known:
        if one.state != "resolved" and any(kind_of(check) == _AUDIT for check, _ in one.unproven):
            values = [cause.value for cause in one.causes if kind_of(cause.check) == _AUDIT]
            yield _words(next(iter(values), None), "an earlier window")


def _words(error: float | None, where: str) -> str:
    by = "" if error is None else f" by {figure(error)}"
    return f"the labels of {where} show that estimates are off{by} ({_AUDIT})"
