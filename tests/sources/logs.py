"""Small logs, plans and comparisons that the tests of sources share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import NumericProfile
from monitor.findings import Slice
from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources._rows import LabelIndex, profile_batches
from monitor.windows import Window

START = datetime(2024, 1, 1, tzinfo=UTC)
LATER = Horizon(datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
WHOLE = Slice()

Portraits = Mapping[Window, Mapping[Slice, Portrait]]


def at(hours: float) -> datetime:
    """A moment, in hours from the start."""
    return START + timedelta(hours=hours)


def day(number: int) -> Window:
    return Window(START + timedelta(days=number), START + timedelta(days=number + 1))


def batch(columns: Mapping[str, Any]) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict(dict(columns))


def profile(
    plan: Plan,
    columns: Columns,
    *batches: pa.RecordBatch,
    windows: Sequence[Window] = (ALL_TIME,),
    horizon: Horizon = LATER,
    labels: LabelIndex | None = None,
    typed: bool = True,
) -> Portraits:
    return profile_batches(plan, columns, windows, horizon, lambda: batches, labels, typed=typed)


def whole(
    plan: Plan, columns: Columns, *batches: pa.RecordBatch, typed: bool = True, **more: Any
) -> Portrait:
    """The portrait of all rows."""
    found = profile(plan, columns, *batches, typed=typed, **more)
    (slices,) = found.values()
    return slices[WHOLE]


def numeric(cells: Any, *, found: str = "number", typed: bool = True) -> Any:
    """The numeric profile of one column of cells."""
    plan = Plan({"x": NumericPlan()}, found={"x": found})
    return whole(plan, Columns(), batch({"x": cells}), typed=typed).columns["x"]


def categorical(
    cells: Any, levels: tuple[str, ...] = (), *, found: str = "text", typed: bool = True
) -> Any:
    """The categorical profile of one column of cells."""
    plan = Plan({"x": CategoricalPlan(levels)}, found={"x": found})
    return whole(plan, Columns(), batch({"x": cells}), typed=typed).columns["x"]


def assert_same(left: Portraits, right: Portraits) -> None:
    """The same windows and slices, equal counts, and sums equal but for rounding."""
    assert left.keys() == right.keys()
    for window, slices in left.items():
        assert slices.keys() == right[window].keys()
        for key, portrait in slices.items():
            assert_same_portrait(portrait, right[window][key])


def assert_same_portrait(left: Portrait, right: Portrait) -> None:
    assert left.plan == right.plan
    assert left.log == right.log
    assert left.columns.keys() == right.columns.keys()
    for name, column in left.columns.items():
        _assert_same_fields(column, right.columns[name])
    assert type(left.outcome) is type(right.outcome)
    if left.outcome is not None and right.outcome is not None:
        _assert_same_fields(left.outcome, right.outcome)


def _assert_same_fields(left: Any, right: Any) -> None:
    assert type(left) is type(right)
    for each in fields(left):
        a, b = getattr(left, each.name), getattr(right, each.name)
        if isinstance(a, float | np.ndarray) and np.asarray(a).dtype.kind == "f":
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9, err_msg=each.name)
        elif isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b, err_msg=each.name)
        elif isinstance(a, NumericProfile):  # of errors, within an outcome
            _assert_same_fields(a, b)
        else:
            assert a == b, each.name
