from __future__ import annotations

from datetime import timedelta
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from checks.log import Anomaly
from checks.plan import BinaryPlan, CategoricalPlan, Plan, RegressionPlan
from monitor.sources import Columns, Horizon
from monitor.sources._labels import FOREVER, LabelIndex
from tests.sources.logs import LATER, at, batch, whole

COLUMNS = Columns("ts", "id", prediction="p", label="y", label_timestamp="told")
PLAN = Plan({"y": CategoricalPlan(("0", "1"))}, BinaryPlan("1", "0"), {"y": "label"})


def index(*batches: pa.RecordBatch, horizon: Horizon = LATER) -> LabelIndex:
    return LabelIndex.of(COLUMNS, batches, horizon)


def truth(ids: list[Any], found: LabelIndex) -> list[Any]:
    return found.join(pa.array(ids)).label.to_pylist()


def predictions(ids: list[Any]) -> pa.RecordBatch:
    return batch({"id": ids, "ts": [at(i) for i in range(len(ids))], "p": [1] * len(ids)})


def test_the_last_arrival_wins_and_the_later_row_on_ties() -> None:
    found = index(
        batch({"id": ["a", "a", "b"], "y": [0, 1, 0], "told": [at(5), at(3), at(4)]}),
        batch({"id": ["b"], "y": [1], "told": [at(4)]}),
    )
    assert truth(["b", "a", "c", None], found) == [1, 0, None, None]


def test_labels_that_have_not_arrived_are_not_there() -> None:
    labels = batch({"id": ["a", "a"], "y": [0, 1], "told": [at(5), at(9)]})
    for hours, expected in ((4, None), (5, 0), (8, 0), (9, 1)):
        assert truth(["a"], index(labels, horizon=Horizon(at(hours), at(1000)))) == [expected]


def test_contradictions_are_reported_with_the_rows_they_touch() -> None:
    labels = batch({"id": ["a", "a", "b", "b"], "y": [0, 1, 1, 1], "told": [at(200)] * 4})
    found = whole(PLAN, COLUMNS, predictions(["a", "b", "c"]), labels=index(labels))
    assert found.log.anomalies == {"conflicting_labels": Anomaly(1, "a")}
    assert (found.log.labels, found.outcome.matrix) == (2, (2, 0, 0, 0))
    untouched = whole(PLAN, COLUMNS, predictions(["b", "c"]), labels=index(labels))
    assert untouched.log.anomalies == {}


def test_a_correction_that_is_not_known_yet_contradicts_nothing() -> None:
    labels = batch({"id": ["a", "a"], "y": [0, 1], "told": [at(5), at(9)]})
    found = index(labels, horizon=Horizon(at(6), at(1000)))
    assert found.join(pa.array(["a"])).contradicted.tolist() == [False]


def test_ids_and_labels_of_several_types_meet_as_text() -> None:
    found = index(
        batch({"id": [1, 2], "y": [0, 1], "told": [at(1)] * 2}),
        batch({"id": ["3"], "y": ["1"], "told": ["2024-01-02"]}),
    )
    assert truth(["1", "2", "3"], found) == ["0", "1", "1"]
    assert truth([1, 2, 3], found) == ["0", "1", "1"]


def test_an_index_without_labels_knows_nothing() -> None:
    for found in (index(), index(batch({"id": ["a"], "y": [None]})), index(batch({"z": [1]}))):
        assert truth(["a"], found) == [None]


def test_labels_in_the_rows_give_way_to_the_table() -> None:
    rows = predictions(["a", "b"]).append_column("y", pa.array([0, 0]))
    labels = index(batch({"id": ["a"], "y": [1], "told": [at(300)]}))
    found = whole(PLAN, COLUMNS, rows, labels=labels)
    assert (found.log.labels, found.columns["y"].counts.tolist()) == (1, [0, 1])


def test_early_labels_of_a_table_are_reported() -> None:
    labels = index(batch({"id": ["b"], "y": [1], "told": [at(0.5)]}))
    found = whole(PLAN, COLUMNS, predictions(["a", "b"]), labels=labels)
    assert found.log.anomalies == {"early_labels": Anomaly(1, "b")}


def test_a_log_without_ids_meets_no_label() -> None:
    rows = batch({"ts": [at(1)], "p": [1]})
    labels = index(batch({"id": ["a"], "y": [1], "told": [at(2)]}))
    assert whole(PLAN, COLUMNS, rows, labels=labels).log.labels == 0


def test_a_table_without_times_of_arrival_is_known_at_once() -> None:
    plan = Plan(outcome=RegressionPlan())
    columns = Columns("ts", "id", prediction="p", label="y")
    labels = LabelIndex.of(columns, [batch({"id": ["a"], "y": [3.0]})], FOREVER)
    assert whole(plan, columns, predictions(["a"]), labels=labels).outcome.e == -2.0


LABELS = st.tuples(st.sampled_from("abc"), st.sampled_from([None, 0, 1]), st.integers(0, 5))


@given(st.lists(LABELS, max_size=20), st.integers(0, 20), st.integers(0, 5))
def test_the_index_says_what_a_simple_loop_says(
    rows: list[tuple[str, int | None, int]], cut: int, hours: int
) -> None:
    best: dict[str, tuple[int, int]] = {}
    said: dict[str, set[int]] = {}
    for place, (name, label, told) in enumerate(rows):
        if label is not None and told <= hours:
            best[name] = max(best.get(name, (-1, -1)), (told, place))
            said.setdefault(name, set()).add(label)
    table = batch(
        {
            "id": pa.array([name for name, _, _ in rows], pa.string()),
            "y": pa.array([label for _, label, _ in rows], pa.int64()),
            "told": pa.array([at(told) for _, _, told in rows], pa.timestamp("us", "UTC")),
        }
    )
    horizon = Horizon(at(hours), at(hours) + timedelta(days=9))
    found = LabelIndex.of(COLUMNS, [table.slice(0, cut), table.slice(cut)], horizon).join(
        pa.array(list("abc"))
    )
    labels = [rows[best[name][1]][1] if name in best else None for name in "abc"]
    assert found.label.to_pylist() == labels
    assert found.contradicted.tolist() == [len(said.get(name, ())) > 1 for name in "abc"]
