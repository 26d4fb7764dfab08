"""A whole Grafana dashboard from rows of panels: variables, annotations, links and the grid."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import cast

from monitor.dashboards.panels import DATASOURCE, GRID_COLUMNS, Json, Row, series
from monitor.metrics import BUILD_INFO, MODEL_INFO, STARTED, WINDOWS_DUE

SCHEMA_VERSION = 42
TAG = "modelmon"


@dataclass(frozen=True, slots=True)
class Variable:
    """A drop-down filled with the values of a label; ``many`` lets several be chosen, or all."""

    name: str
    label: str
    query: str
    many: bool = True


DATASOURCE_VARIABLE: Json = {
    "name": "datasource",
    "label": "Data source",
    "type": "datasource",
    "query": "prometheus",
    "regex": "",
    "refresh": 1,
    "hide": 0,
    "multi": False,
    "includeAll": False,
    "options": [],
}

JOB = Variable("job", "Job", f"label_values({BUILD_INFO.name}, job)")
INSTANCE = Variable(
    "instance", "Instance", f'label_values({BUILD_INFO.name}{{job=~"$job"}}, instance)'
)
MODELS = Variable(
    "model",
    "Model",
    f'label_values({WINDOWS_DUE.name}{{job=~"$job", instance=~"$instance"}}, model)',
)
ONE_MODEL = replace(MODELS, many=False)


def dashboard(
    uid: str,
    title: str,
    text: str,
    variables: Sequence[Variable],
    rows: Sequence[Row],
    *,
    model: str = 'model=~"$model"',
) -> Json:
    """A dashboard in Grafana's classic schema, which imports on Grafana 10 and later."""
    return {
        "uid": uid,
        "title": title,
        "description": text,
        "tags": [TAG],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "fiscalYearStartMonth": 0,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-7d", "to": "now"},
        "timepicker": {},
        "timezone": "browser",
        "weekStart": "",
        "annotations": {"list": [_new_versions(model), _restarts()]},
        "links": [_link()],
        "templating": {"list": [DATASOURCE_VARIABLE, *(_variable(each) for each in variables)]},
        "panels": list(_laid_out(rows)),
    }


def _variable(variable: Variable) -> Json:
    filled: Json = {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": DATASOURCE,
        "definition": variable.query,
        "query": {"query": variable.query, "refId": f"variable-{variable.name}"},
        "regex": "",
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": variable.many,
        "includeAll": variable.many,
        "options": [],
    }
    if variable.many:
        everything = {"selected": True, "text": ["All"], "value": ["$__all"]}
        filled |= {"allValue": ".+", "current": everything}
    return filled


def _new_versions(model: str) -> Json:
    now = series(MODEL_INFO, model=model)
    expr = f"count by (model, version) ({now}) unless count by (model, version) ({now} offset 5m)"
    return _annotation("New model versions", expr, "{{model}}: version {{version}}", "purple")


def _restarts() -> Json:
    expr = f"{series(STARTED)} * 1000"
    starts = _annotation("Daemon starts", expr, "modelmon started", "blue")
    return {**starts, "enable": False, "useValueForTime": True}


def _annotation(name: str, expr: str, title: str, colour: str) -> Json:
    return {
        "name": name,
        "datasource": DATASOURCE,
        "enable": True,
        "expr": expr,
        "iconColor": colour,
        "step": "5m",
        "titleFormat": title,
    }


def _link() -> Json:
    return {
        "title": "modelmon dashboards",
        "type": "dashboards",
        "tags": [TAG],
        "asDropdown": False,
        "icon": "external link",
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "tooltip": "",
        "url": "",
    }


def _laid_out(rows: Sequence[Row]) -> Iterator[Json]:
    """Panels with their places: row after row, each filled from the left like lines of text."""
    number, top = 0, 0
    for row in rows:
        number += 1
        yield _row(row, number, top)
        left, top, height = 0, top + 1, 0
        for panel in row.panels:
            number += 1
            size = cast("dict[str, int]", panel["gridPos"])
            if left + size["w"] > GRID_COLUMNS:
                left, top, height = 0, top + height, 0
            yield {"id": number, **panel, "gridPos": {"x": left, "y": top, **size}}
            left, height = left + size["w"], max(height, size["h"])
        top += height


def _row(row: Row, number: int, top: int) -> Json:
    return {
        "id": number,
        "type": "row",
        "title": row.title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": top, "w": GRID_COLUMNS, "h": 1},
        "panels": [],
    }
