"""Evidently's own report beside ours: rows of both sides are written out for it and thrown away."""

from __future__ import annotations

import tempfile
from pathlib import Path

from checks.plan import NumericPlan, Plan
from monitor.model import Model
from monitor.report.evidently import evidently_html
from monitor.sources import ALL_TIME, Columns, Horizon, Source
from monitor.sources._derived import logged
from monitor.sources._dump import MOST_ROWS, dump
from monitor.windows import Window

Side = tuple[Source, Columns, Window]


def beside(
    reference: Side, current: Side, plan: Plan, horizon: Horizon, output: Path
) -> tuple[str, ...]:
    """Write Evidently's drift report on two sides; returns a sentence for each column left out.

    Raises:
        SourceError: a side cannot be read.
        EvidentlyFailed: it is not installed, takes too long, or cannot do it.
    """
    names = [name for name in logged(plan) if name in plan.columns]
    numeric = [name for name in names if isinstance(plan.columns[name], NumericPlan)]
    with tempfile.TemporaryDirectory() as folder:
        notices = [f"Evidently is not given {name!r}: it is text" for name in plan.texts]
        notices += [f"Evidently is not given {name!r}: vectors" for name in plan.embeddings]
        files = {label: Path(folder, f"{label}.parquet") for label in ("reference", "current")}
        for (label, file), side in zip(files.items(), (reference, current), strict=True):
            source, columns, period = side
            rows = dump(source, names, columns, period, horizon, file)
            if rows >= MOST_ROWS:
                notices.append(f"Evidently was given the first {rows:,} rows of the {label}")
        left_out = evidently_html(
            files["reference"],
            files["current"],
            output,
            numeric=numeric,
            categorical=[name for name in names if name not in numeric],
        )
    return (*notices, *left_out)


def sides(model: Model, period: Window, window: Window) -> tuple[Side, Side]:
    """Both sides of a model's comparison: its reference and a window."""
    own = model.reference.source
    columns = model.columns
    then: Side = (model.source, columns, period) if own is None else (own, Columns(), ALL_TIME)
    return then, (model.source, columns, window)
