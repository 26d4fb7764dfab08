"""What ``status`` and ``baseline show`` say, as plain values and as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from checks.verdict import Verdict
from monitor.findings import FIRING, waits_for_labels
from monitor.report.order import tally, worst, worst_first
from monitor.report.records import moment
from monitor.report.words import counted
from monitor.signals import sentence
from monitor.step import command_for
from monitor.trouble import PIPELINE

if TYPE_CHECKING:
    from alerts.incident import Incident
    from monitor.baseline import Baseline
    from monitor.findings import Finding
    from monitor.model import Config, Model
    from monitor.store import Store
    from monitor.windows import Window

_SHOWN = 12


def overview(config: Config, store: Store | None) -> list[dict[str, Any]]:
    """One record a model: its newest window, verdict counts and open incidents."""
    return [_model(model, store) for model in config.models.values()]


def _model(model: Model, store: Store | None) -> dict[str, Any]:
    latest = None if store is None else store.latest(model.name)
    entry = latest.entry if latest else None
    findings = latest.findings if latest else ()
    own = [f for f in findings if entry and f.window == entry.window]
    settled = [
        f for f in own if entry and not waits_for_labels(f, entry.state, model.columns.label)
    ]
    older = [f for f in findings if entry and f.window != entry.window]
    incidents = () if store is None else store.incidents(model.name)
    return {
        "model": model.name,
        **_when(entry.window if entry else None),
        "state": None if entry is None else str(entry.state),
        "revision": None if entry is None else entry.revision,
        "rows": None if entry is None else entry.rows,
        "labels": None if entry is None or not model.schedule.labelled else entry.labels,
        "worst": str(worst([*settled, *older]) or Verdict.NO_DATA),
        **_judged(settled),
        "waiting_for_labels": len(own) - len(settled),
        "command": None if entry is None else command_for(model.name, entry.window),
        "performance": _performance(older),
        "incidents": [_incident(one) for one in incidents],
    }


def _when(window: Window | None) -> dict[str, Any]:
    return {
        "window": None if window is None else str(window),
        "window_start": None if window is None else moment(window.start),
        "window_end": None if window is None else moment(window.end),
    }


def _judged(findings: Sequence[Finding]) -> dict[str, Any]:
    """How many findings have each verdict, and those that fire in words, the worst first."""
    firing = [f for f in findings if f.verdict in FIRING]
    return {
        "verdicts": {str(verdict): count for verdict, count in tally(findings).items()},
        "findings": [f"{f.verdict} {sentence(f)}" for f in worst_first(firing)],
    }


def _performance(older: Sequence[Finding]) -> dict[str, Any] | None:
    """What is known of performance where the newest window still waits for its labels."""
    if not older:
        return None
    window = older[0].window
    command = command_for(older[0].model, window)
    return {**_when(window), **_judged(older), "command": command}


def _incident(one: Incident) -> dict[str, Any]:
    """An incident; ``trouble`` is in words what belongs to no window."""
    return {
        "key": one.key,
        "cause": one.cause,
        "severity": one.severity,
        "state": one.state,
        "since": moment(one.since),
        "opened_at": None if one.opened_at is None else moment(one.opened_at),
        "last_seen": moment(one.last_seen),
        "trouble": [c.text for c in one.causes] if one.cause in PIPELINE else [],
    }


def overview_text(models: list[dict[str, Any]]) -> str:
    """The overview for a terminal."""
    return "\n".join(line for model in models for line in _lines(model))


def _lines(model: dict[str, Any]) -> Iterator[str]:
    yield f"{model['model']}: {_newest(model)}"
    for one in model["incidents"]:
        seen = one["last_seen"][:16]
        yield f"  incident {one['key']} {one['severity']}, {one['state']}, last seen {seen}Z"
        yield from (f"    {text}" for text in one["trouble"])
    yield from _firing(model)
    if performance := model["performance"]:
        yield f"  performance of {performance['window']}: {_counts(performance)}"
        yield from _firing(performance)


def _firing(told: dict[str, Any]) -> Iterator[str]:
    """What fires in a window, and the command that shows what has no room here."""
    yield from (f"  {text}" for text in told["findings"][:_SHOWN])
    if len(told["findings"]) > _SHOWN:
        yield f"  and {len(told['findings']) - _SHOWN} more: {told['command']} --all"


def _newest(model: dict[str, Any]) -> str:
    """The newest window of a model in a line."""
    if model["window"] is None:
        return "no window evaluated yet"
    labels = "" if model["labels"] is None else f", {counted(model['labels'], 'label')}"
    waiting = model["waiting_for_labels"]
    return (
        f"{model['worst']}  {model['window']} ({model['state']}, revision {model['revision']}), "
        f"{counted(model['rows'], 'row')}{labels}; {_counts(model)}"
        + f"; {counted(waiting, 'check')} wait{'s' * (waiting == 1)} for labels"
        * bool(waiting)
    )


def _counts(told: dict[str, Any]) -> str:
    return ", ".join(f"{n} {verdict}" for verdict, n in told["verdicts"].items()) or "none judged"


def baseline_text(baseline: Baseline) -> str:
    """A baseline, column by column, for a terminal."""
    from checks.profile import NumericProfile
    from monitor.findings import WHOLE

    lines = [
        f"{baseline.model} baseline {baseline.version}: {baseline.period}",
        f"{baseline.rows:,} rows, {len(baseline.windows)} windows, plan {baseline.plan.hash}",
        f"accepted by {baseline.accepted_by}: {baseline.note}",
    ]
    for name, profile in baseline.portraits[WHOLE].columns.items():
        role = baseline.plan.role(name)
        if isinstance(profile, NumericProfile):
            what = (
                f"mean {profile.mean:.4g}, sd {profile.sd:.4g}, "
                f"{profile.minimum:.4g} to {profile.maximum:.4g}"
                if profile.n
                else "no values"
            )
        else:
            levels = [
                level for level, n in zip(profile.plan.levels, profile.counts, strict=True) if n
            ]
            what = f"{len(levels)} levels: {', '.join(levels[:5])}{' …' if len(levels) > 5 else ''}"
        lines.append(f"  {name} ({role}): {what}; {profile.missing:,} missing")
    return "\n".join(lines)
