"""One window judged: what it says, what that changes about the incidents, and what people read."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from alerts.incident import Incident, Review, review
from checks.portrait import Portrait
from monitor.baseline import Baseline
from monitor.evaluate import Learnt, Target, evaluate
from monitor.findings import WHOLE, Finding, Slice
from monitor.model import Model
from monitor.signals import signals_of
from monitor.silence import with_silence
from monitor.why import EXPLAIN, explained, place
from monitor.windows import Window
from monitor.withdrawn import without_disproved


def step(
    model: Model,
    baseline: Baseline,
    target: Target,
    slices: Mapping[Slice, Portrait],
    newest: datetime | None,
    known: Sequence[Incident],
    now: datetime,
    learnt: Learnt,
) -> tuple[tuple[Finding, ...], Review]:
    """What a window says, and what that changes about the incidents; pure but for ``learnt``.

    ``newest`` is the time of the newest row up to its end, ``known`` the incidents so far.
    """
    found = evaluate(target, baseline.plan, model.rules, baseline.portraits, slices, learnt)
    found = without_disproved(found, model.rules, known)
    findings = with_silence(found, model.rules, baseline, slices[WHOLE].log, newest)
    told = signals_of(model.name, findings, known, target.window.end)
    return findings, review(known, told, now, model.policy)


def facts_of(
    window: Window, portrait: Portrait, findings: Sequence[Finding]
) -> Iterator[tuple[str, str]]:
    """What else a person wants to know of the window that speaks."""
    log = portrait.log
    yield "Window", str(window)
    yield "Rows", f"{log.rows:,}"
    if portrait.outcome is not None and log.rows:
        yield "Labels", f"{log.labels / log.rows:.0%} known"
    if len(log.versions) > 1:
        yield "Versions", ", ".join(f"{name} {n:,}" for name, n in sorted(log.versions.items()))
    elif log.versions:
        yield "Version", next(iter(log.versions))
    metrics = (each for each in findings if each.kind not in EXPLAIN)
    for finding in metrics:
        if finding.cause == "performance" and finding.stat and finding.slice == WHOLE:
            yield finding.check, performance_text(finding)
    for finding in explained(findings):
        yield " ".join(filter(None, ("Why:", finding.check, finding.column))), place(finding)


def performance_text(finding: Finding) -> str:
    """A metric with its interval and verdict: ``0.71 (0.66 to 0.76), critical``."""
    stat = finding.stat
    if stat is None:
        return finding.reason
    bounded = stat.low is not None and stat.high is not None
    interval = f" ({stat.low:.3g} to {stat.high:.3g})" if bounded else ""
    return f"{stat.value:.3g}{interval}, {finding.verdict}"


def command_for(model: str, window: Window) -> str:
    """The command that shows the same findings again."""
    return (
        f"modelmon check {shlex.quote(model)}"
        f" --from {window.start:%Y-%m-%dT%H:%MZ} --to {window.end:%Y-%m-%dT%H:%MZ}"
    )
