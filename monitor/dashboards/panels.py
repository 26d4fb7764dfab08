"""Panels of a Grafana dashboard and the queries in them, as plain dictionaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase

from checks.verdict import WORST_FIRST, Verdict
from monitor.metrics import CODES, Metric

Json = dict[str, object]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GRID_COLUMNS = 24

COLOURS = {
    Verdict.CRITICAL: "red",
    Verdict.WARNING: "orange",
    Verdict.ERROR: "dark-purple",
    Verdict.NO_DATA: "purple",
    Verdict.INSUFFICIENT: "light-purple",
    Verdict.UNDECIDED: "blue",
    Verdict.OK: "green",
}


@dataclass(frozen=True, slots=True)
class Query:
    """A PromQL expression and the name of its lines (or, in a table, of its column)."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of panels, each as wide and high as it says."""

    title: str
    panels: Sequence[Json]


def series(metric: Metric, *matchers: str, model: str = 'model=~"$model"', suffix: str = "") -> str:
    """The selector of a metric's series in the chosen jobs, instances and models.

    Raises:
        ValueError: a matcher names a label that the metric does not have.
    """
    for matcher in matchers:
        label = matcher.partition("=")[0].rstrip("!")
        if label not in metric.labels:
            raise ValueError(f"{metric.name} has no label {label!r}, only {metric.labels}")
    chosen = ['job=~"$job"', 'instance=~"$instance"']
    if "model" in metric.labels:
        chosen.append(model)
    return f"{metric.name}{suffix}{{{', '.join([*chosen, *matchers])}}}"


def worst(selector: str, by: str) -> str:
    """The worst severity: trouble if there is any, else what is furthest from a judgement."""
    return f"(max by ({by}) ({selector}) > 0) or min by ({by}) ({selector})"


def rate(selector: str) -> str:
    """What a counter gains a second, over as long a range as the resolution of the panel needs."""
    return f"rate({selector}[$__rate_interval])"


def increase(selector: str) -> str:
    """What a counter gains between two points of the panel."""
    return f"increase({selector}[$__rate_interval])"


def verdict_mappings() -> list[Json]:
    """Severity codes as words and colours."""
    options = {
        str(CODES[verdict]): {
            "text": verdict.replace("_", " "),
            "color": COLOURS[verdict],
            "index": place,
        }
        for place, verdict in enumerate(WORST_FIRST)
    }
    return [{"type": "value", "options": options}]


def words(*pairs: tuple[float, str, str]) -> list[Json]:
    """Numbers as words: each a number, its text and its colour."""
    options = {
        f"{number:g}": {"text": text, "color": colour, "index": place}
        for place, (number, text, colour) in enumerate(pairs)
    }
    return [{"type": "value", "options": options}]


def steps(first: str, *later: tuple[float, str]) -> Json:
    """Colours by value: the first from minus infinity, each later one from its number on."""
    found: list[Json] = [{"color": first, "value": None}]
    found += [{"color": colour, "value": number} for number, colour in later]
    return {"mode": "absolute", "steps": found}


def override(field_name: str, **properties: object) -> Json:
    """Properties of one column or line, by its name; a dot in a property is written ``__``."""
    return {
        "matcher": {"id": "byName", "options": field_name},
        "properties": [
            {"id": name.replace("__", "."), "value": value} for name, value in properties.items()
        ],
    }


def override_like(pattern: str, **properties: object) -> Json:
    """Properties of the lines whose name matches a regular expression."""
    return {**override(pattern, **properties), "matcher": {"id": "byRegexp", "options": pattern}}


@dataclass(frozen=True, slots=True)
class Shown:
    """How the values of a panel are shown."""

    unit: str = "short"
    mappings: Sequence[Json] = ()
    thresholds: Json = field(default_factory=lambda: steps("text"))
    overrides: Sequence[Json] = ()
    links: Sequence[Json] = ()
    low: float | None = None
    high: float | None = None
    no_value: str = ""


def stat(
    title: str, text: str, query: Query, shown: Shown, *, size: tuple[int, int] = (3, 4)
) -> Json:
    """One number, or with a legend its name."""
    options: Json = {
        "colorMode": "value",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "name" if query.legend else "auto",
        "wideLayout": True,
    }
    return _panel("stat", title, text, [query], shown, size, options, at_once=True)


def timeseries(
    title: str,
    text: str,
    queries: Sequence[Query],
    shown: Shown,
    *,
    size: tuple[int, int] = (12, 8),
    stacked: bool = False,
    repeat: str = "",
) -> Json:
    """Lines over time; where there was nothing to measure there is a gap."""
    custom: Json = {
        "drawStyle": "line",
        "fillOpacity": 40 if stacked else 0,
        "lineInterpolation": "stepAfter",
        "lineWidth": 1 if stacked else 2,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"group": "A", "mode": "normal" if stacked else "none"},
        "thresholdsStyle": {"mode": "line" if _has_limits(shown) else "off"},
    }
    options: Json = {
        "legend": {"calcs": ["lastNotNull"], "displayMode": "table", "placement": "right"},
        "tooltip": {"mode": "multi", "sort": "desc"},
    }
    if size[0] < GRID_COLUMNS // 2:
        options["legend"] = {"calcs": [], "displayMode": "list", "placement": "bottom"}
    panel = _panel("timeseries", title, text, queries, shown, size, options, custom=custom)
    if repeat:
        panel |= {"repeat": repeat, "repeatDirection": "h", "maxPerRow": 3}
    return panel


def state_timeline(
    title: str, text: str, query: Query, shown: Shown, *, size: tuple[int, int] = (24, 8)
) -> Json:
    """A coloured band for each series, with the state in words."""
    custom: Json = {"fillOpacity": 80, "lineWidth": 0, "spanNulls": False}
    options: Json = {
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "mergeValues": True,
        "rowHeight": 0.85,
        "showValue": "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return _panel("state-timeline", title, text, [query], shown, size, options, custom=custom)


def bar_gauge(
    title: str, text: str, query: Query, shown: Shown, *, size: tuple[int, int] = (12, 8)
) -> Json:
    """A bar for each series as it is now."""
    options: Json = {
        "displayMode": "lcd",
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "left",
        "orientation": "horizontal",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return _panel("bargauge", title, text, [query], shown, size, options, at_once=True)


def table(
    title: str,
    text: str,
    columns: Sequence[Query],
    shown: Shown,
    *,
    size: tuple[int, int] = (24, 9),
    hidden: Iterable[str] = (),
    sort_by: str = "",
) -> Json:
    """Series that share their labels as lines, one column for each query."""
    many = len(columns) > 1
    names = {f"Value #{ref}" if many else "Value": q.legend for ref, q in _lettered(columns)}
    organise: Json = {
        "excludeByName": dict.fromkeys(("Time", *hidden), True),
        "indexByName": {},
        "renameByName": names,
    }
    custom: Json = {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": True}
    options: Json = {
        "cellHeight": "sm",
        "showHeader": True,
        "sortBy": [{"displayName": sort_by, "desc": True}] if sort_by else [],
    }
    panel = _panel("table", title, text, columns, shown, size, options, custom=custom, at_once=True)
    panel["transformations"] = [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": organise},
    ]
    return panel


def _panel(
    kind: str,
    title: str,
    text: str,
    queries: Sequence[Query],
    shown: Shown,
    size: tuple[int, int],
    options: Json,
    *,
    custom: Json | None = None,
    at_once: bool = False,
) -> Json:
    defaults: Json = {
        "unit": shown.unit,
        "color": {
            "mode": "thresholds" if kind not in ("timeseries", "table") else "palette-classic"
        },
        "custom": custom or {},
        "links": list(shown.links),
        "mappings": list(shown.mappings),
        "thresholds": shown.thresholds,
    }
    limits = {"min": shown.low, "max": shown.high, "noValue": shown.no_value or None}
    defaults |= {name: value for name, value in limits.items() if value is not None}
    as_table = kind == "table"
    return {
        "type": kind,
        "title": title,
        "description": text,
        "datasource": DATASOURCE,
        "gridPos": {"w": size[0], "h": size[1]},
        "targets": [_target(ref, query, as_table, at_once) for ref, query in _lettered(queries)],
        "fieldConfig": {"defaults": defaults, "overrides": list(shown.overrides)},
        "options": options,
    }


def _target(ref: str, query: Query, as_table: bool, at_once: bool) -> Json:
    return {
        "refId": ref,
        "datasource": DATASOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "format": "table" if as_table else "time_series",
        "instant": at_once,
        "legendFormat": "" if as_table else query.legend or "__auto",
        "range": not at_once,
    }


def _lettered(queries: Sequence[Query]) -> list[tuple[str, Query]]:
    return list(zip(ascii_uppercase, queries, strict=False))


def _has_limits(shown: Shown) -> bool:
    levels = shown.thresholds["steps"]
    return isinstance(levels, list) and len(levels) > 1
