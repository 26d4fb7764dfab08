"""What a sample of rows keeps of predictions and their truth, by task."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks.joint import Multivariate
from checks.pack import pack, unpack
from checks.plan import (
    BinaryPlan,
    CategoricalPlan,
    MulticlassPlan,
    MultivariatePlan,
    NumericPlan,
    OutcomePlan,
    Plan,
    RegressionPlan,
)
from checks.sample import RowSample
from monitor.sources import Columns
from tests.sources.logs import at, whole

ROWS = 40
TOGETHER = MultivariatePlan(("x",), (0.0,), (1.0,), rows=ROWS)
COLUMNS = Columns("ts", "id", prediction="told", score="score", label="label")


def sampled(outcome: OutcomePlan | None, rows: dict[str, Any], *, pieces: int = 1) -> RowSample:
    """The sample of all rows, in the order of x, which is that of the rows."""
    base = {
        "id": [f"p{i}" for i in range(ROWS)],
        "ts": [at(i) for i in range(ROWS)],
        "x": np.arange(ROWS, dtype=np.float64),
    }
    numeric = isinstance(outcome, RegressionPlan)
    kind = NumericPlan() if numeric else CategoricalPlan(("no", "yes"))
    columns = {"x": NumericPlan(), "told": kind, "label": kind, "score": NumericPlan()}
    roles = {"told": "prediction", "label": "label", "score": "score"}
    plan = Plan(columns, outcome, roles, multivariate=TOGETHER)  # type: ignore[arg-type]
    batches = pa.table(base | rows).to_batches(ROWS // pieces)
    portrait = whole(plan, COLUMNS, *batches)
    assert isinstance(portrait.multivariate, Multivariate)
    sample = unpack(pack(portrait)).multivariate.sample  # type: ignore[union-attr]
    assert sample is not None
    return sample


def in_order(sample: RowSample, kept: np.ndarray) -> list[float | None]:
    """What is kept of each row, by the place of the row in the log."""
    order = np.argsort(sample.values[:, 0])
    return [None if np.isnan(each) else float(each) for each in kept[order]]


def rows(told: list[Any], label: list[Any], score: list[float | None]) -> dict[str, Any]:
    """The same few rows again and again."""
    times = ROWS // len(told)
    return {"told": told * times, "label": label * times, "score": pa.array(score * times)}


@pytest.mark.parametrize("pieces", [1, 4])
def test_of_two_classes_the_loss_is_whether_the_class_is_wrong(pieces: int) -> None:
    told = ["yes", "no", "yes", None, "no"]
    label = ["yes", "yes", None, "no", "maybe"]
    sample = sampled(
        BinaryPlan("yes", "no"), rows(told, label, [0.9, 0.2, 0.8, 0.7, None]), pieces=pieces
    )
    # The fourth row has no class, and a score above the threshold.
    assert in_order(sample, sample.loss)[:5] == [0.0, 1.0, None, 1.0, None]
    assert in_order(sample, sample.score)[:5] == [0.9, 0.2, 0.8, 0.7, 0.0]


def test_of_several_classes_it_is_the_same() -> None:
    told, label = ["a", "b", "c", None, "new"], ["a", "a", None, "a", "new"]
    sample = sampled(MulticlassPlan(("a", "b", "c")), rows(told, label, [0.9, 0.2, 0.8, None, 0.5]))
    assert in_order(sample, sample.loss)[:5] == [0.0, 1.0, None, None, 0.0]
    assert in_order(sample, sample.score)[:5] == [0.9, 0.2, 0.8, None, 0.5]


def test_of_amounts_it_is_the_absolute_error() -> None:
    told, label = [1.0, 2.5, None, 4.0, 5.0], [3.0, 2.0, 3.0, None, 5.0]
    sample = sampled(RegressionPlan(), rows(told, label, [None] * 5))
    assert in_order(sample, sample.loss)[:5] == [2.0, 0.5, None, None, 0.0]
    assert in_order(sample, sample.score)[:5] == [1.0, 2.5, None, 4.0, 5.0]


def test_without_a_task_nothing_is_known() -> None:
    sample = sampled(None, rows(["yes"], ["yes"], [0.9]))
    assert sample.n == ROWS
    assert np.isnan(sample.loss).all()
    assert np.isnan(sample.score).all()
    assert sample.labelled().n == 0
