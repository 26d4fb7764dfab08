from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.plan import EXACT_VALUES, MOST_ATOMS, MOST_LEVELS
from monitor.sources import ALL_TIME, Columns, ColumnSurvey, Survey
from monitor.sources._extent import extent_batches
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._looks import SAMPLE, Spread
from monitor.sources._survey import survey_batches, surveyed
from tests.sources.logs import LATER, at, batch, day


def survey(*batches: pa.RecordBatch, columns: Columns | None = None, **more: Any) -> Survey:
    return survey_batches(columns or Columns(), ALL_TIME, lambda: batches, **more)


def column(cells: Any, *, typed: bool = True, **roles: Any) -> ColumnSurvey:
    return survey(batch({"x": cells}), columns=Columns(**roles), typed=typed).columns["x"]


def test_a_numeric_column_has_a_centre_and_mass_points() -> None:
    rng = np.random.default_rng(1)
    loose = rng.normal(10.0, 2.0, 900)
    seen = column(pa.array(np.concatenate((np.full(80, -999.0), np.full(20, 0.0), loose))))
    assert seen.centre == float(np.median([*[-999.0] * 80, *[0.0] * 20, *loose]))
    assert seen.atoms == (-999.0, 0.0)
    assert (seen.family, seen.values, seen.nulls, seen.integral) == ("number", 1000, 0, False)
    assert seen.levels == ()


def test_the_centre_of_whole_numbers_is_whole() -> None:
    seen = column([1, 2, 2, 3, 3, 10])
    assert (seen.centre, seen.integral) == (2.0, True)
    assert seen.levels == ("2", "3", "1", "10")
    assert column([0.1, 0.2]).centre == float(np.median([0.1, 0.2]))
    assert column([1.5, float("nan"), None, float("inf")]).nulls == 2


def test_at_most_so_many_mass_points_are_kept_the_most_frequent_first() -> None:
    cells = [float(i) for i in range(100) for _ in range(10 + i)]
    seen = column(cells)
    assert seen.atoms == tuple(float(i) for i in range(99, 99 - MOST_ATOMS, -1))


def test_many_distinct_numbers_are_no_levels() -> None:
    assert column(list(range(50))).levels == tuple(sorted(map(str, range(50))))
    assert column(list(range(51))).levels == ()
    parts = [batch({"x": list(range(i, i + 18))}) for i in (0, 18, 36)]
    assert survey(*parts).columns["x"].levels == ()


@pytest.mark.parametrize("distinct", [1, 21, EXACT_VALUES, EXACT_VALUES + 1])
def test_distinct_numbers_are_counted_to_the_limit_however_rare(distinct: int) -> None:
    rows = 3 * SAMPLE
    cells = np.zeros(rows)
    cells[np.random.default_rng(5).permutation(rows)[: distinct - 1]] = np.arange(1, distinct)
    table = pa.table({"x": cells})
    for size in (rows, 9_999):
        seen = survey(*table.to_batches(max_chunksize=size)).columns["x"]
        assert min(seen.distinct, EXACT_VALUES + 1) == distinct


def test_beyond_the_limit_distinct_numbers_are_estimated() -> None:
    rng = np.random.default_rng(6)
    kinds = rng.integers(0, 50_000, 4 * SAMPLE).astype(float)
    assert column(kinds).distinct == pytest.approx(50_000, rel=0.05)
    assert column(rng.normal(size=4 * SAMPLE)).distinct == 4 * SAMPLE
    assert column(np.arange(20_000.0)).distinct == 20_000


def test_levels_are_all_of_the_period_and_ties_stand_in_order() -> None:
    seen = column(["b", "a", "c", "a", None, "b"])
    assert (seen.levels, seen.complete, seen.values, seen.nulls) == (("a", "b", "c"), True, 5, 1)
    many = column([f"l{i:05d}" for i in range(MOST_LEVELS + 1)] + ["l01000"])
    assert (many.levels[0], len(many.levels), many.complete) == ("l01000", MOST_LEVELS, False)


def test_too_many_levels_are_said() -> None:
    found = survey(batch({"x": [str(i) for i in range(MOST_LEVELS + 1)]}))
    assert found.notices == ("x: more than 1,000 levels; the rarest count as one",)


@pytest.mark.parametrize(
    ("cells", "family"),
    [
        ([Decimal("1.5"), None], "number"),
        ([True, None], "boolean"),
        (["a", None], "text"),
        (pa.array(["a", None]).dictionary_encode(), "text"),
        ([date(2024, 1, 1), None], "time"),
        ([[1], None], "nested"),
        ([{"a": 1}, None], "nested"),
        ([b"x", None], "nested"),
        (pa.nulls(2), "empty"),
        (pa.array([None, None], pa.float64()), "number"),
    ],
    ids=str,
)
def test_every_column_has_a_family(cells: Any, family: str) -> None:
    seen = column(cells)
    assert seen.family == family
    assert seen.values + seen.nulls == 2


def test_times_and_nested_values_are_left_out_with_one_notice_each() -> None:
    log = batch({"ts": [at(0)], "tags": [["a"]], "made": [at(1)], "blob": [b"x"], "x": [1.0]})
    found = survey(log, columns=Columns("ts"))
    assert [notice.partition(":")[0] for notice in found.notices] == ["tags", "made", "blob"]
    assert survey(log, columns=Columns("ts", exclude=("tags", "made", "blob"))).notices == ()


def test_in_a_format_without_types_nine_tenths_make_a_number() -> None:
    numbers, odd = [str(i) for i in range(90)], [f"n{i}" for i in range(10)]
    seen = column(numbers + odd, typed=False)
    assert (seen.family, seen.values, seen.centre) == ("number", 90, 44.0)
    text = column([*numbers, *odd, "n10"], typed=False)
    assert (text.family, len(text.levels)) == ("text", 101)
    assert column(numbers).family == "text"


def test_in_a_format_without_types_truths_and_times_are_told_by_their_text() -> None:
    truth = column(["True", "false", None, "True"], typed=False)
    assert (truth.family, truth.levels) == ("boolean", ("true", "false"))
    assert column(["2024-01-01", "2024-01-02 10:00:00+02:00"], typed=False).family == "time"
    assert column([None, None], typed=False).family == "empty"
    assert column(pa.array([None, None], pa.string()), typed=False).family == "empty"


def test_columns_are_looked_at_as_they_were_named() -> None:
    log = batch({"n": ["1.5", "x", "y", "2.5"], "c": [1, 2, 3, 3], "z": [1, 1, 1, 1]})
    found = survey(log, columns=Columns(numeric=("n",), categorical=("c",), segments=("z",)))
    assert (found.columns["n"].family, found.columns["n"].centre) == ("text", 2.0)
    assert found.columns["c"].levels == ("3", "1", "2")
    assert found.columns["z"].levels == ("1",)


def test_ids_and_times_are_not_looked_into() -> None:
    log = batch({"id": ["a", "b"], "ts": [at(0), at(1)], "told": ["x", None]})
    found = survey(log, columns=Columns("ts", "id", label_timestamp="told"))
    assert [seen.levels for seen in found.columns.values()] == [(), (), ()]
    assert [seen.values for seen in found.columns.values()] == [2, 2, 1]


def test_only_rows_of_the_period_are_looked_at() -> None:
    log = batch({"ts": [at(1), at(25), at(26)], "x": ["a", "b", "b"]})
    found = survey_batches(Columns("ts"), day(1), lambda: [log])
    assert (found.rows, found.columns["x"].levels) == (2, ("b",))
    nothing = survey_batches(Columns("ts"), day(9), lambda: [log])
    assert (nothing.rows, nothing.columns["x"].values) == (0, 0)


def test_the_unit_of_most_numeric_timestamps_is_told() -> None:
    seconds = int(at(1).timestamp())
    log = batch({"ts": [seconds * 1000, seconds * 1000, seconds]})
    assert survey(log, columns=Columns("ts")).timestamp_unit == "ms"
    assert survey(batch({"ts": [at(1)]}), columns=Columns("ts")).timestamp_unit is None


def test_labels_of_a_table_are_surveyed_as_if_they_stood_in_the_rows() -> None:
    columns = Columns("ts", "id", label="y")
    labels = batch({"id": ["a", "b", "zz"], "y": [1, 0, 7]})
    index = LabelIndex.of(columns, [labels], FOREVER)
    log = batch({"id": ["a", "b", "c", "b"], "ts": [at(i) for i in range(4)]})
    seen = survey(log, columns=columns, labels=index).columns["y"]
    assert (seen.family, seen.levels, seen.nulls) == ("number", ("0", "1"), 1)


def test_a_column_that_comes_late_is_surveyed_from_there_on() -> None:
    parts = (batch({"a": [1.0, 2.0]}), batch({"a": [3.0], "b": [5.0]}), batch({"b": [7.0]}))
    found = survey(*parts)
    assert (found.columns["a"].values, found.columns["b"].values) == (3, 2)
    assert (found.columns["a"].centre, found.columns["b"].centre) == (2.0, 6.0)


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5 * SAMPLE // 2), max_size=6))
def test_the_sample_is_spread_evenly_wherever_batches_end(sizes: list[int]) -> None:
    spread, sample = Spread(), np.empty(0, np.int64)
    for size in sizes:
        start = spread.passed
        sample = np.concatenate((sample, start + spread.pick(size)))[:: spread.widen()]
    rows = sum(sizes)
    assert len(sample) <= SAMPLE
    assert len(sample) > SAMPLE // 2 or len(sample) == rows
    assert sample.tolist() == list(range(0, rows, spread.stride))


def test_a_survey_of_a_long_column_samples_it() -> None:
    cells = np.random.default_rng(2).normal(size=3 * SAMPLE)
    whole = pa.table({"x": cells})
    seen = survey(*whole.to_batches(max_chunksize=9_999)).columns["x"]
    assert seen == survey(*whole.to_batches()).columns["x"]
    assert seen.values == 3 * SAMPLE
    assert seen.centre == float(np.median(cells[::4]))


def test_the_columns_to_read_are_all_or_those_named() -> None:
    assert surveyed(Columns("ts", "id")) is None
    named = Columns("ts", "id", "v", "p", "s", "y", "told", ("a",), ("b",), (), ("b", "c"))
    assert surveyed(named) == ("ts", "id", "told", "v", "p", "s", "y", "a", "b", "c")


def test_the_extent_leaves_out_the_future_and_what_is_not_known_yet() -> None:
    log = batch({"ts": [at(5), at(1), None, at(24 * 4000)]})
    found = extent_batches(Columns("ts"), LATER, [log, log])
    assert (found.rows, found.first, found.last) == (8, at(1), at(5))
    replay = extent_batches(Columns("ts"), type(LATER)(at(2), at(100)), [log])
    assert (replay.rows, replay.first, replay.last) == (3, at(1), at(1))
    timeless = extent_batches(Columns(), LATER, [log])
    assert (timeless.rows, timeless.first, timeless.last) == (4, None, None)
