"""Dashboards: Grafana's JSON and the page of metrics, generated from the table of metrics."""

from __future__ import annotations

import json
from pathlib import Path

from checks.verdict import WORST_FIRST
from monitor.dashboards.fleet import fleet
from monitor.dashboards.model import model
from monitor.metrics import CODES, METRICS, Metric

REPOSITORY = Path(__file__).parents[2]

_INTRODUCTION = """\
# Metrics

<!-- Written by `python -m monitor.dashboards` from monitor/metrics.py; do not edit. -->

`/metrics` shows the newest finished window of every model, without timestamps: when a window ended
is a metric of its own. A series lives as long as what it tells of: that of a column, a segment or
a model that is gone is gone with the next scrape.

- A label that does not apply is empty, which to Prometheus is the same as absent:
  `{segment="", version=""}` selects the numbers of all rows, `{segment!=""}` those of slices.
- A number that could not be measured, or only on too few rows, is an absent series, never NaN or
  zero. `modelmon_check_severity` says why.
- `modelmon_drift_score` is the number that is held against `modelmon_drift_threshold`; both carry
  the same labels, so their quotient compares methods: beyond 1 the limit is broken.
- A breach of performance depends on its interval and on which side is bad, so alert on
  `modelmon_check_severity`, not on the value.
- Series of findings are capped per model, the worst verdicts first; `modelmon_series_dropped`
  counts the rest.

## Verdicts

| `modelmon_check_severity` | verdict |
|--:|---|
"""

_WORST = """
The worst of several verdicts is the maximum where that is above zero, and else the minimum:

```promql
(max by (model) (modelmon_check_severity) > 0) or min by (model) (modelmon_check_severity)
```

## All metrics

| metric | kind | labels | meaning |
|---|---|---|---|
"""


def files() -> dict[str, str]:
    """The text of every generated file by its path in the repository."""
    return {
        "grafana/dashboards/fleet.json": _json(fleet()),
        "grafana/dashboards/model.json": _json(model()),
        "docs/metrics.md": metrics_page(),
    }


def metrics_page() -> str:
    """The table of metrics as Markdown."""
    verdicts = "".join(f"| {CODES[verdict]} | {verdict} |\n" for verdict in WORST_FIRST)
    return _INTRODUCTION + verdicts + _WORST + "".join(map(_line, METRICS))


def outdated(root: Path = REPOSITORY) -> list[str]:
    """The generated files that are missing in a checkout, or are not what they should be."""
    return [
        name
        for name, text in files().items()
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != text
    ]


def write(root: Path = REPOSITORY) -> None:
    """Write the generated files into a checkout."""
    for name, text in files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _line(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels) or "–"
    return f"| `{metric.name}` | {metric.kind} | {labels} | {metric.help} |\n"


def _json(dashboard: object) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"
