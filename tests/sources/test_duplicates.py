from __future__ import annotations

import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from checks.log import Anomaly
from checks.plan import NumericPlan, Plan
from monitor.sources import Columns, Unreachable
from monitor.sources._duplicates import IdLedger
from tests.sources.logs import WHOLE, at, batch, day, profile, whole

PLAN = Plan({"x": NumericPlan()})
COLUMNS = Columns("ts", "id", prediction="p", score="s")


def log(rows: list[tuple[Any, float, float]], **more: Any) -> pa.RecordBatch:
    """Rows of (id, hour, x); they predict x."""
    ids, hours, x = zip(*rows, strict=True)
    return batch({"id": ids, "ts": [at(h) for h in hours], "x": x, "p": x, **more})


def kept(rows: list[tuple[Any, float, float]]) -> list[float]:
    return whole(PLAN, COLUMNS, log(rows)).columns["x"].exact.tolist()


def test_the_row_with_the_latest_time_counts() -> None:
    assert kept([("a", 3, 1.0), ("a", 5, 2.0), ("a", 4, 3.0), ("b", 1, 4.0)]) == [2.0, 4.0]


def test_on_equal_times_the_later_row_counts() -> None:
    assert kept([("a", 3, 1.0), ("a", 3, 2.0), ("b", 1, 4.0), ("a", 3, 3.0)]) == [3.0, 4.0]


def test_the_others_are_counted_and_so_are_those_that_contradict() -> None:
    rows = [("b", 1, 1.0), ("a", 1, 1.0), ("a", 2, 1.0), ("b", 2, 7.0), ("c", 2, 5.0)]
    found = whole(PLAN, COLUMNS, log(rows))
    assert found.log.anomalies == {
        "duplicate_ids": Anomaly(2, "a"),
        "conflicting_ids": Anomaly(1, "b"),
    }
    assert found.rows == 3


def test_a_score_contradicts_as_a_prediction_does() -> None:
    rows = [("a", 1, 1.0), ("a", 2, 1.0)]
    scored = whole(PLAN, COLUMNS, log(rows, s=[0.1, 0.2]))
    assert scored.log.anomalies["conflicting_ids"] == Anomaly(1, "a")
    assert "conflicting_ids" not in whole(PLAN, COLUMNS, log(rows, s=[0.1, 0.1])).log.anomalies


def test_an_id_in_two_windows_is_no_duplicate() -> None:
    rows = [("a", 1, 1.0), ("a", 25, 2.0), ("a", 26, 3.0)]
    found = profile(PLAN, COLUMNS, log(rows), windows=[day(0), day(1)])
    first, second = (found[day(i)][WHOLE] for i in (0, 1))
    assert (first.rows, first.log.anomalies) == (1, {})
    assert second.log.anomalies["duplicate_ids"] == Anomaly(1, "a")
    assert second.columns["x"].exact.tolist() == [3.0]


def test_rows_without_an_id_are_no_duplicates() -> None:
    assert kept([(None, 1, 1.0), (None, 1, 2.0), ("a", 1, 3.0)]) == [1.0, 2.0, 3.0]


def test_numbers_serve_as_ids() -> None:
    assert kept([(7, 1, 1.0), (8, 1, 2.0), (7, 2, 3.0)]) == [2.0, 3.0]


def test_ids_of_two_types_meet() -> None:
    parts = (log([(7, 1, 1.0)]), log([("7", 2, 2.0)]))
    assert whole(PLAN, COLUMNS, *parts).columns["x"].exact.tolist() == [2.0]


def test_what_is_lost_is_lost_to_segments_too() -> None:
    plan = Plan({"x": NumericPlan()}, segments={"c": ("eu",)})
    rows = log([("a", 1, 1.0), ("a", 2, 2.0)], c=["eu", "us"])
    slices = next(iter(profile(plan, COLUMNS, rows).values()))
    assert [portrait.rows for portrait in slices.values()] == [1, 0]


def test_an_example_is_cut_short() -> None:
    found = whole(PLAN, COLUMNS, log([("x" * 500, 1, 1.0), ("x" * 500, 2, 2.0)]))
    assert len(found.log.anomalies["duplicate_ids"].example) == 40


IDS = st.sampled_from([None, "a", "b", "c", "d"])


@given(
    st.lists(st.tuples(IDS, st.integers(0, 3), st.integers(0, 2)), max_size=25),
    st.lists(st.integers(0, 25), max_size=4),
)
def test_the_rule_is_that_of_a_simple_loop(
    rows: list[tuple[str | None, int, int]], cuts: list[int]
) -> None:
    best: dict[str, tuple[int, int]] = {}
    for place, (name, hour, _) in enumerate(rows):
        if name is not None:
            best[name] = max(best.get(name, (-1, -1)), (hour, place))
    kept = [i for i, (name, _, _) in enumerate(rows) if name is None or best[name][1] == i]
    against = [i for i, (name, _, x) in enumerate(rows) if name and rows[best[name][1]][2] != x]
    columns = {
        "id": pa.array([name for name, _, _ in rows], pa.string()),
        "ts": pa.array([at(hour) for _, hour, _ in rows], pa.timestamp("us", "UTC")),
        "x": pa.array([float(x) for _, _, x in rows], pa.float64()),
        "p": pa.array([x for _, _, x in rows], pa.int64()),
    }
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    table = batch(columns)
    parts = [table.slice(a, b - a) for a, b in pairwise(edges)]
    found = whole(PLAN, COLUMNS, *parts)
    assert found.rows == len(kept)
    assert found.columns["x"].total == sum(rows[i][2] for i in kept)
    counts = {name: anomaly.count for name, anomaly in found.log.anomalies.items()}
    assert counts.get("duplicate_ids", 0) == len(rows) - len(kept)
    assert counts.get("conflicting_ids", 0) == len(against)


@pytest.fixture
def spilling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources._duplicates._MOST_HELD", 2)


@pytest.mark.usefixtures("spilling")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(IDS, st.integers(0, 3), st.integers(0, 2)), max_size=25),
    st.lists(st.integers(0, 25), max_size=4),
)
def test_ids_that_went_to_a_file_are_judged_alike(
    rows: list[tuple[str | None, int, int]], cuts: list[int]
) -> None:
    test_the_rule_is_that_of_a_simple_loop.hypothesis.inner_test(rows, cuts)  # type: ignore[attr-defined]


def test_memory_for_ids_does_not_grow_with_their_number() -> None:
    def peak(chunks: int) -> int:
        tracemalloc.start()
        with IdLedger() as ledger:
            for chunk in range(chunks):
                ids = np.arange(1 << 19, dtype=np.uint64) + np.uint64(chunk << 19)
                ledger.note(ids * np.uint64(0x9E3779B97F4A7C15), np.zeros(len(ids), np.int64))
            assert ledger.repeats() is None
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(8) < 1.3 * peak(2)


def test_a_full_disk_is_said_in_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.sources._duplicates._MOST_HELD", 1)
    ledger = IdLedger(Path("/dev/full"))
    with ledger, pytest.raises(Unreachable, match=r"the ids of the log do not fit .*No space left"):
        for _ in range(3):
            ledger.note(np.zeros(1 << 16, np.uint64), np.zeros(1 << 16, np.int64))
            ledger.repeats()
