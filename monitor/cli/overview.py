"""What ``status`` and ``baseline show`` say, as plain values and as text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from checks.verdict import WORST_FIRST
from monitor.report.records import moment
from monitor.report.words import counted
from monitor.signals import sentence

if TYPE_CHECKING:
    from monitor.baseline import Baseline
    from monitor.config import Config, Model
    from monitor.findings import Finding
    from monitor.store import Store
    from monitor.windows import Window

_SHOWN = 12


def overview(config: Config, store: Store | None) -> list[dict[str, Any]]:
    """One record a model: its newest window, verdict counts and open incidents."""
    return [_model(model, store) for model in config.models.values()]


def _model(model: Model, store: Store | None) -> dict[str, Any]:
    latest = None if store is None else store.latest(model.name)
    counts = Counter(f.verdict for f in latest.findings) if latest else Counter()
    entry = latest.entry if latest else None
    worst = next((verdict for verdict in WORST_FIRST if counts[verdict]), None)
    firing = [f for f in latest.findings if f.verdict in ("critical", "warning")] if latest else []
    shown = sorted(firing, key=lambda f: (WORST_FIRST.index(f.verdict), f.slice))
    return {
        "model": model.name,
        "window": None if entry is None else str(entry.window),
        "window_start": None if entry is None else moment(entry.window.start),
        "window_end": None if entry is None else moment(entry.window.end),
        "state": None if entry is None else str(entry.state),
        "revision": None if entry is None else entry.revision,
        "rows": None if entry is None else entry.rows,
        "labels": None if entry is None or not model.schedule.labelled else entry.labels,
        "worst": "no_data" if worst is None else str(worst),
        "verdicts": {str(verdict): counts[verdict] for verdict in WORST_FIRST if counts[verdict]},
        "findings": [_said(f, entry.window) for f in shown if entry],
        "incidents": [
            {
                "key": one.key,
                "cause": one.cause,
                "severity": one.severity,
                "state": one.state,
                "since": moment(one.since),
                "last_seen": moment(one.last_seen),
            }
            for one in (() if store is None else store.incidents(model.name))
        ],
    }


def _said(finding: Finding, window: Window) -> str:
    """A finding in words, with its window where that is not the newest one."""
    when = "" if finding.window == window else f" (in {finding.window})"
    return f"{finding.verdict} {sentence(finding)}{when}"


def overview_text(models: list[dict[str, Any]]) -> str:
    """The overview for a terminal."""
    lines = []
    for model in models:
        lines.append(f"{model['model']}: {_newest(model)}")
        lines += [
            f"  incident {one['key']} {one['severity']}, {one['state']}, last seen "
            f"{one['last_seen'][:16]}Z"
            for one in model["incidents"]
        ]
        lines += [f"  {text}" for text in model["findings"][:_SHOWN]]
        if len(model["findings"]) > _SHOWN:
            lines.append(f"  and {len(model['findings']) - _SHOWN} more; modelmon check shows all")
    return "\n".join(lines)


def _newest(model: dict[str, Any]) -> str:
    """The newest window of a model in a line."""
    if model["window"] is None:
        return "no window evaluated yet"
    verdicts = ", ".join(f"{n} {verdict}" for verdict, n in model["verdicts"].items())
    labels = "" if model["labels"] is None else f", {counted(model['labels'], 'label')}"
    return (
        f"{model['worst']}  {model['window']} ({model['state']}, revision {model['revision']}), "
        f"{counted(model['rows'], 'row')}{labels}; {verdicts}"
    )


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
