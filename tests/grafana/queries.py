"""What the committed dashboards ask, with Grafana's variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "grafana" / "dashboards"
DASHBOARDS = ("fleet", "model")

VALUES = {
    "__rate_interval": "10s",
    "job": ".+",
    "instance": ".+",
    "feature": ".+",
    "method": ".+",
    "metric": ".+",
    "quality": ".+",
}
"""What the variables stand for where all values are chosen; ``model`` depends on the dashboard."""


@cache
def dashboard(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def panels(name: str) -> list[dict[str, Any]]:
    return [panel for panel in dashboard(name)["panels"] if panel["type"] != "row"]


def variables(name: str) -> list[dict[str, Any]]:
    return dashboard(name)["templating"]["list"]


def annotations(name: str) -> list[dict[str, Any]]:
    return dashboard(name)["annotations"]["list"]


def queries(name: str) -> list[str]:
    return [target["expr"] for panel in panels(name) for target in panel["targets"]]


def all_queries() -> Iterator[str]:
    for name in DASHBOARDS:
        yield from queries(name)
        yield from (annotation["expr"] for annotation in annotations(name))
        yield from (v["query"]["query"] for v in variables(name) if v["type"] == "query")


def substituted(query: str, model: str = ".+") -> str:
    for name, value in {**VALUES, "model": model}.items():
        query = re.sub(rf"\$\{{?{name}\b\}}?", value, query)
    return query


def metric_names(text: str) -> list[str]:
    """The names of metrics in a text, without the endings of a histogram's parts."""
    found = re.findall(r"(?<![\w:])modelmon_[a-z_]+", text)
    return [name.removesuffix("_bucket") for name in found]
