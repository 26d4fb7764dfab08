"""What the row pipeline keeps of several columns together."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from checks.joint import FourierMeans, JointMoments, Multivariate
from checks.plan import CategoricalPlan, MultivariatePlan, NumericPlan, Plan
from monitor.findings import Slice
from monitor.sources import ALL_TIME, Columns
from monitor.sources._survey import survey_batches
from tests.sources.logs import WHOLE, at, batch, day, profile, whole

TOGETHER = MultivariatePlan(
    ("x", "y"), (0.0, 1.0), (1.0, 2.0), True, 10, 1.5, rows=50, categories=("c",)
)
PLAN = Plan(
    {"c": CategoricalPlan(("a", "b")), "x": NumericPlan(), "y": NumericPlan(1.0)},
    segments={"c": ("a",)},
    multivariate=TOGETHER,
)
COLUMNS = Columns("ts", "id", segments=("c",))
LEVELS = ("a", "b", "other", None)
CODES = (1, 2, 3, 0)


def log(count: int = 200, seed: int = 0) -> dict[str, Any]:
    """One row an hour, with gaps in both numbers and text that is no number."""
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(2, count))
    return {
        "id": [f"p{i}" for i in range(count)],
        "ts": [at(i) for i in range(count)],
        "x": [None if i % 7 == 3 else float(value) for i, value in enumerate(x)],
        "y": ["n/a" if i % 5 == 1 else repr(float(value)) for i, value in enumerate(y)],
        "c": [LEVELS[i % 4] for i in range(count)],
    }


def numbers(rows: dict[str, Any]) -> np.ndarray:
    x = [np.nan if each is None else each for each in rows["x"]]
    y = [np.nan if each == "n/a" else float(each) for each in rows["y"]]
    return np.column_stack((x, y))


def kept(*batches: pa.RecordBatch, columns: Columns = COLUMNS, **more: Any) -> Multivariate:
    found = whole(PLAN, columns, *batches, **more).multivariate
    assert found is not None
    return found


def sums(part: JointMoments | FourierMeans | None) -> list[np.ndarray]:
    assert part is not None
    names = ("counts", "products", "sums", "squares", "cosines", "sines")
    return [getattr(part, name) for name in names if hasattr(part, name)]


def test_sums_are_those_of_the_numbers_of_all_rows() -> None:
    rows = log()
    found = kept(batch(rows))
    for ours, truth in (
        (found.moments, JointMoments.of(numbers(rows), TOGETHER)),
        (found.fourier, FourierMeans.of(numbers(rows), TOGETHER)),
    ):
        for one, other in zip(sums(ours), sums(truth), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_the_sample_holds_rows_as_they_were_logged() -> None:
    rows = log()
    sample = kept(batch(rows)).sample
    assert sample is not None
    assert sample.n == TOGETHER.rows
    logged = {(repr(x), repr(y)): CODES[i % 4] for i, (x, y) in enumerate(numbers(rows).tolist())}
    drawn = zip(sample.values.tolist(), sample.codes[:, 0].tolist(), strict=True)
    assert all(logged[repr(x), repr(y)] == code for (x, y), code in drawn)


@pytest.mark.parametrize("order", ["as it is", "shuffled", "in pieces"])
def test_the_sample_depends_on_the_ids_alone(order: str) -> None:
    rows = log()
    table = pa.table(rows)
    if order == "shuffled":
        table = table.take(np.random.default_rng(1).permutation(len(table)))
    size = 17 if order == "in pieces" else len(table)
    sample, first = kept(*table.to_batches(size)).sample, kept(batch(rows)).sample
    assert sample is not None
    assert first is not None
    np.testing.assert_array_equal(sample.ranks, first.ranks)
    np.testing.assert_array_equal(sample.values, first.values)
    np.testing.assert_array_equal(sample.codes, first.codes)


def test_an_id_of_a_number_is_that_of_its_text() -> None:
    rows = log(40)
    one = kept(batch(rows | {"id": list(range(40))})).sample
    other = kept(batch(rows | {"id": [str(i) for i in range(40)]})).sample
    assert one is not None
    assert other is not None
    assert one.ranks.tolist() == other.ranks.tolist()


def test_rows_without_an_id_or_a_time_are_told_by_their_place() -> None:
    same = {"x": [1.0] * 300, "y": ["2.0"] * 300, "c": ["a"] * 300}
    timeless = replace(COLUMNS, timestamp=None, id=None)
    sample = kept(*pa.table(same).to_batches(100), columns=timeless).sample
    assert sample is not None
    assert sample.n == TOGETHER.rows
    null = same | {"id": pa.nulls(300, pa.string()), "ts": [at(1)] * 300}
    sample = kept(batch(null)).sample
    assert sample is not None
    assert sample.n == TOGETHER.rows


def test_windows_add_up_to_the_whole_and_an_empty_one_keeps_nothing() -> None:
    found = profile(PLAN, COLUMNS, batch(log()), windows=[day(i) for i in range(10)])
    parts = [found[day(i)][WHOLE].multivariate for i in range(10)]
    assert all(part is not None for part in parts)
    merged, truth = Multivariate.merged(parts), kept(batch(log()))  # type: ignore[arg-type]
    assert merged.sample is not None
    assert truth.sample is not None
    np.testing.assert_array_equal(merged.sample.values, truth.sample.values)
    for one, other in zip(sums(merged.moments), sums(truth.moments), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)
    last = parts[9]
    assert last is not None
    assert last.moments is not None
    assert last.fourier is not None
    assert last.sample is not None
    assert (last.moments.n, last.fourier.n, last.sample.n) == (0, 0, 0)


def test_segments_keep_nothing_and_neither_does_a_plan_that_does_not_ask() -> None:
    slices = profile(PLAN, COLUMNS, batch(log()))[ALL_TIME]
    assert slices[Slice(segment="c=a")].multivariate is None
    unasked = whole(replace(PLAN, multivariate=None), COLUMNS, batch(log()))
    assert unasked.multivariate is None


def test_a_column_that_is_gone_counts_as_missing() -> None:
    rows = log()
    del rows["y"]
    found = kept(batch(rows))
    assert found.moments is not None
    assert found.moments.counts.tolist()[1:] == [0, 0]
    assert found.fourier is not None
    assert found.fourier.n == 200


def test_of_two_rows_with_one_id_the_one_that_counts_is_kept() -> None:
    rows = log(3) | {"id": ["a", "b", "a"]}
    found = kept(batch(rows))
    assert found.moments is not None
    assert found.sample is not None
    assert (found.moments.n, found.sample.n) == (2, 2)


def test_a_survey_keeps_the_numbers_of_the_same_few_rows_of_every_column() -> None:
    cells = np.random.default_rng(2).normal(size=150_000)
    table = pa.table({"x": cells, "c": ["a"] * len(cells), "y": cells * 2.0})
    gone = pa.table({"x": cells[:9000]})
    batches = [*table.to_batches(7000), *gone.to_batches(7000)]
    sample = survey_batches(Columns(), ALL_TIME, lambda: batches).sample
    assert set(sample) == {"x", "y"}
    assert 2000 < len(sample["x"]) == len(sample["y"]) <= 4096
    there = np.isfinite(sample["y"])
    assert 0 < (~there).sum() < 400
    np.testing.assert_array_equal(sample["y"][there], 2.0 * sample["x"][there])
