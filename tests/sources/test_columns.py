from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.text import canonical
from monitor.sources import Columns
from tests.sources.logs import batch, categorical, numeric, whole

NAN, INF = float("nan"), float("inf")


@given(st.lists(st.floats() | st.none(), max_size=60))
def test_a_numeric_profile_is_what_numpy_says_of_the_cells(cells: list[float | None]) -> None:
    profile = numeric(pa.array(cells, pa.float64()))
    loose = np.array([c for c in cells if c is not None], np.float64)
    finite = loose[np.isfinite(loose)]
    assert profile.nulls == cells.count(None)
    assert profile.nan == np.isnan(loose).sum()
    assert (profile.above, profile.below) == ((loose == INF).sum(), (loose == -INF).sum())
    assert profile.n == len(finite)
    assert profile.exact.tolist() == np.unique(finite).tolist()
    assert profile.rows == len(cells)


@pytest.mark.parametrize(
    "array",
    [
        pa.array([1, 2, None], pa.int8()),
        pa.array([1, 2, None], pa.uint64()),
        pa.array([1, 2, None], pa.float32()),
        pa.array([np.float16(1), np.float16(2), None], pa.float16()),
        pa.array([Decimal("1.00"), Decimal("2.00"), None]),
        pa.array([1, 2, None]).dictionary_encode(),
        pa.array([9, 1, 2, None], pa.int64()).slice(1),
    ],
    ids=lambda array: str(array.type),
)
def test_every_number_type_is_counted_alike(array: pa.Array) -> None:
    profile = numeric(array)
    assert (profile.exact.tolist(), profile.nulls, profile.found) == ([1.0, 2.0], 1, ("number",))


def test_single_precision_and_large_integers_are_widened_before_they_are_counted() -> None:
    assert numeric(pa.array([0.1], pa.float32())).exact.tolist() == [float(np.float32(0.1))]
    assert numeric(pa.array([2**53 + 1, -(2**60)])).exact.tolist() == [-(2.0**60), 2.0**53]


def test_text_in_a_numeric_column_is_parsed_and_the_rest_is_counted_with_an_example() -> None:
    cells = ["1.5", " 2 ", "+3", ".5", "1e3", "nan", "-inf", "N/A", "1,234.5", "0x10", "", None]
    profile = numeric(cells)
    assert profile.exact.tolist() == [0.5, 1.5, 2.0, 3.0, 1000.0]
    assert (profile.nan, profile.below, profile.nulls) == (1, 1, 2)
    assert (profile.unparsed, profile.example) == (3, "0x10")
    assert profile.found == ("text",)
    assert profile.rows == len(cells)


def test_an_example_is_cut_short() -> None:
    assert len(numeric(["x" * 500]).example) == 40


@given(st.lists(st.text("0123456789.+-eE _xnaif,", max_size=6), min_size=1, max_size=20))
def test_only_text_that_python_takes_for_a_number_is_parsed(cells: list[str]) -> None:
    profile = numeric([*cells, "N/A"])  # one cell that is no number forces the careful way
    for quick in (numeric(cells), profile):
        blank = [cell for cell in cells if not cell.strip()]
        assert quick.nulls == len(blank)
        assert quick.rows - quick.unparsed <= sum(map(_python_takes, cells)) + len(blank)
    plain = [cell for cell in cells if cell.strip() and "_" not in cell and _python_takes(cell)]
    assert profile.rows - profile.unparsed - profile.nulls == len(plain)


def _python_takes(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def test_booleans_times_and_nested_values_in_a_numeric_column_keep_their_family() -> None:
    truth = numeric([True, False, None])
    assert (truth.exact.tolist(), truth.nulls, truth.found) == ([0.0, 1.0], 1, ("boolean",))
    for cells, family in (([date(2024, 1, 1), None], "time"), ([[1], None], "nested")):
        profile = numeric(cells)
        assert (profile.n, profile.unparsed, profile.nulls) == (0, 1, 1)
        assert profile.found == (family,)
        assert profile.example.startswith("<")


def test_a_format_without_types_calls_a_cell_what_the_plan_found_if_it_reads_so() -> None:
    cells = ["1", "2.5", "no"]
    assert numeric(cells, typed=False).found == ("number", "text")
    assert numeric(["1"], typed=False).found == ("number",)
    assert numeric(["1"], found="text", typed=False).found == ("text",)
    assert categorical(["1", "2"], found="text", typed=False).found == ("text",)
    assert categorical(["1", "no"], found="number", typed=False).found == ("number", "text")
    assert categorical(["true", None], found="boolean", typed=False).found == ("boolean",)


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["a", "b", "a", None], pa.string()),
        (["a", "b", "a", None], pa.large_string()),
        (["a", "b", "a", None], pa.string_view()),
        (["a", "b", "a", None], pa.dictionary(pa.int32(), pa.string())),
        ([1, 20, 1, None], pa.int64()),
        ([2**63 + 5, 1, None], pa.uint64()),
        ([1.0, 0.5, -0.0, None], pa.float64()),
        ([1.0, 0.5, 0.1, None], pa.float32()),
        ([True, False, True, None], pa.bool_()),
    ],
    ids=str,
)
def test_levels_are_canonical_texts(cells: list[Any], kind: pa.DataType) -> None:
    profile = categorical(pa.array(cells, kind))
    known = [c for c in pa.array(cells, kind).to_pylist() if c is not None]
    expected = {text: [canonical(c) for c in known].count(text) for text in map(canonical, known)}
    assert dict(profile.unseen) == expected
    assert profile.nulls == 1


def test_numbers_of_any_type_meet_as_levels() -> None:
    plan = Plan({"x": CategoricalPlan(("1", "2"))})
    parts = ([1, 2], [1.0, 2.0], ["1", "2"], [Decimal("1.0"), Decimal("2.0")], [1.0, NAN])
    profile: Any = whole(plan, Columns(), *(batch({"x": cells}) for cells in parts)).columns["x"]
    assert profile.counts.tolist() == [5, 4]
    assert (profile.other, profile.nulls) == (0, 1)
    assert profile.found == ("number", "text")


def test_in_a_format_without_types_whole_numbers_and_truths_lose_their_dress() -> None:
    profile = categorical(["1.0", "1", "True", "true", "FALSE", "007", "1.50"], typed=False)
    assert profile.unseen == {"1": 2, "true": 2, "false": 1, "007": 1, "1.50": 1}
    assert categorical(["1.0", "True"]).unseen == {"1.0": 1, "True": 1}


def test_long_levels_are_cut_and_those_that_then_agree_are_one() -> None:
    profile = categorical(["x" * 200_000, "x" * 300])
    ((level, count),) = profile.unseen.items()
    assert (len(level), count) == (200, 2)


def test_times_and_nested_values_have_levels_too() -> None:
    moment = datetime(2024, 1, 1, tzinfo=UTC)
    assert categorical([moment, None]).unseen == {"2024-01-01T00:00:00.000000": 1}
    assert categorical([date(2024, 1, 1)]).unseen == {"2024-01-01": 1}
    assert categorical([{"a": 1}, None]).unseen == {"<struct<a: int64>>": 1}
    assert categorical([b"\x00\xff", None]).unseen == {"00ff": 1}
    assert categorical(pa.nulls(3)).nulls == 3


def test_known_levels_keep_the_order_of_the_plan() -> None:
    profile = categorical(["b", "a", "b", "z"], ("a", "b", "c"))
    assert (profile.counts.tolist(), profile.other) == ([1, 2, 0], 1)


def test_a_column_that_a_batch_lacks_is_absent_and_has_no_cells() -> None:
    plan = Plan({"x": NumericPlan(), "c": CategoricalPlan(("a",))})
    lacking, having = batch({"y": [1, 2]}), batch({"x": [5.0], "c": ["a"]})
    gone = whole(plan, Columns(), lacking)
    assert gone.rows == 2
    for profile in gone.columns.values():
        assert (profile.rows, profile.missing, profile.found) == (0, 0, ("absent",))
    mixed = whole(plan, Columns(), lacking, having)
    assert [p.found for p in mixed.columns.values()] == [("absent", "number"), ("absent", "text")]
    assert [p.n for p in mixed.columns.values()] == [1, 1]


def test_a_column_of_nulls_has_no_family() -> None:
    assert numeric(pa.array([None, None], pa.float64())).found == ()
    assert categorical(pa.nulls(2)).found == ()
