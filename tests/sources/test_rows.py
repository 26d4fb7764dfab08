from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, brier_score_loss, confusion_matrix, log_loss

from checks.log import Anomaly
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.plan import (
    SEGMENT_SHIFT,
    BinaryPlan,
    CategoricalPlan,
    MulticlassPlan,
    NumericPlan,
    Plan,
    RegressionPlan,
)
from monitor.findings import Slice
from monitor.sources import ALL_TIME, Columns, Horizon, WrongSchema
from monitor.sources._rows import profile_batches, wanted
from monitor.windows import Window
from tests.sources.logs import (
    LATER,
    START,
    WHOLE,
    assert_same,
    assert_same_portrait,
    at,
    batch,
    day,
    profile,
    whole,
)

COLUMNS = Columns(
    timestamp="ts",
    id="id",
    version="version",
    prediction="predicted",
    score="score",
    label="label",
    label_timestamp="told",
)
BINARY = Plan(
    {
        "x": NumericPlan(),
        "c": CategoricalPlan(("a", "b")),
        "score": NumericPlan(0.5),
        "label": CategoricalPlan(("0", "1")),
    },
    BinaryPlan("1", "0"),
    {"score": "score", "label": "label"},
    {"x": "number", "c": "text", "score": "number", "label": "number"},
)
LIVE = Horizon(at(240), at(240))


def rows(count: int = 60, seed: int = 0) -> dict[str, Any]:
    """A log of one row an hour, its labels a day late, some values missing."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=count)
    return {
        "id": [f"p{i}" for i in range(count)],
        "ts": [at(i) for i in range(count)],
        "version": ["1" if i < count // 2 else "2" for i in range(count)],
        "x": [None if i % 7 == 3 else float(v) for i, v in enumerate(rng.normal(size=count))],
        "c": [None if i % 11 == 5 else v for i, v in enumerate(rng.choice(["a", "b", "z"], count))],
        "predicted": (score >= 0.5).astype(int).tolist(),
        "score": score.tolist(),
        "label": [None if i % 5 == 4 else int(v) for i, v in enumerate(rng.integers(0, 2, count))],
        "told": [None if i % 5 == 4 else at(i + 24) for i in range(count)],
    }


def test_a_window_holds_its_start_and_not_its_end() -> None:
    edges = [START, START + timedelta(days=1, microseconds=-1), START + timedelta(days=1)]
    log = batch({"ts": pa.array(edges, pa.timestamp("us", "UTC")), "x": [1.0, 2.0, 4.0]})
    plan = Plan({"x": NumericPlan()})
    found = profile(plan, Columns("ts"), log, windows=[day(1), day(0)])
    assert [found[day(i)][WHOLE].columns["x"].exact.tolist() for i in (0, 1)] == [[1.0, 2.0], [4.0]]
    first = found[day(0)][WHOLE].log
    assert (first.rows, first.first) == (2, START.timestamp())
    assert first.silence == pytest.approx(0, abs=2e-6)


@given(st.lists(st.integers(0, 40), max_size=12), st.randoms(use_true_random=False))
def test_portraits_depend_neither_on_batches_nor_on_the_order_of_rows(
    cuts: list[int], shuffled: Any
) -> None:
    plan = replace(BINARY, segments={"c": ("a", "z")})
    log = batch(rows(40))
    windows = [day(0), day(1), Window(at(48), at(500))]
    at_once = profile(plan, COLUMNS, log, windows=windows)
    edges = [0, *sorted(cuts), 40]
    parts = [log.slice(a, b - a) for a, b in pairwise(edges)]
    assert_same(profile(plan, COLUMNS, *parts, windows=windows), at_once)
    order = list(range(40))
    shuffled.shuffle(order)
    assert_same(profile(plan, COLUMNS, log.take(order), windows=windows), at_once)


def test_rows_are_gathered_over_many_batches_and_still_all_counted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    log = batch(rows(60))
    at_once = profile(BINARY, COLUMNS, log, windows=[day(0), day(1), day(2)])
    monkeypatch.setattr("monitor.sources._tally._MOST_CELLS", 50)
    parts = [log.slice(i, 3) for i in range(0, 60, 3)]
    assert_same(profile(BINARY, COLUMNS, *parts, windows=[day(0), day(1), day(2)]), at_once)


def test_every_window_and_segment_has_a_portrait_also_without_rows() -> None:
    plan = replace(BINARY, segments={"c": ("a", "never")})
    windows = [day(0), day(300)]
    found = profile(plan, COLUMNS, batch(rows(5)), windows=windows)
    nothing = profile(plan, COLUMNS, windows=windows)
    assert_same_portrait(found[day(300)][WHOLE], nothing[day(300)][WHOLE])
    for slices in found.values():
        assert list(slices) == [WHOLE, Slice("", "c=a"), Slice("", "c=never")]
        assert all(p.columns.keys() == plan.columns.keys() for p in slices.values())
    assert found[day(0)][Slice("", "c=never")].rows == 0
    assert isinstance(found[day(300)][WHOLE].outcome, BinaryOutcome)
    assert found[day(300)][WHOLE].log.silence == -np.inf
    assert profile(plan, COLUMNS, batch(rows(5)), windows=[]) == {}


def test_a_segment_is_the_log_of_its_rows_on_a_coarser_grid() -> None:
    plan = replace(BINARY, segments={"c": ("a",), "version": ("2",)})
    log = batch(rows(60))
    found = profile(plan, COLUMNS, log)[ALL_TIME]
    for key, column, value in (("c=a", "c", "a"), ("version=2", "version", "2")):
        chosen = log.filter(pa.compute.equal(log.column(column), value))
        alone = whole(plan, COLUMNS, chosen)
        part = found[Slice("", key)]
        assert part.rows == len(chosen)
        assert part.log == alone.log
        x, same = part.columns["x"], alone.columns["x"]
        assert x.plan.shift == SEGMENT_SHIFT
        assert x.exact.tolist() == same.exact.tolist()
        assert x.cells.tolist() == same.coarsen(SEGMENT_SHIFT).cells.tolist()
        assert part.outcome.confusion.tolist() == alone.outcome.confusion.tolist()


def test_the_outcome_is_what_scikit_learn_says_of_the_labelled_rows() -> None:
    log = rows(300)
    outcome = whole(BINARY, COLUMNS, batch(log)).outcome
    known = [i for i, label in enumerate(log["label"]) if label is not None]
    truth, score = ([log[name][i] for i in known] for name in ("label", "score"))
    predicted = [log["predicted"][i] for i in known]
    assert outcome.confusion[:, :2].T.tolist() == confusion_matrix(truth, predicted).tolist()
    tp, _, _, tn = outcome.matrix
    assert (tp + tn) / outcome.labelled == pytest.approx(accuracy_score(truth, predicted))
    assert outcome.log_loss / outcome.scored == pytest.approx(log_loss(truth, score))
    assert outcome.brier / outcome.scored == pytest.approx(brier_score_loss(truth, score))


def test_versions_are_counted() -> None:
    assert whole(BINARY, COLUMNS, batch(rows(60))).log.versions == {"1": 30, "2": 30}
    numbered = whole(Plan(), Columns(version="v"), batch({"v": [1, 2, 2, None]}))
    assert numbered.log.versions == {"1": 1, "2": 2}


def test_rows_from_the_future_are_booked_on_the_newest_window_and_counted_in_none() -> None:
    log = batch({"ts": [at(1), at(24 * 400), at(24 * 500)], "x": [1.0, 2.0, 3.0]})
    windows = [day(0), Window(at(24), at(24 * 1000))]
    found = profile(Plan({"x": NumericPlan()}), Columns("ts"), log, windows=windows, horizon=LIVE)
    assert [found[w][WHOLE].rows for w in windows] == [1, 0]
    assert found[windows[0]][WHOLE].log.anomalies == {}
    assert found[windows[1]][WHOLE].log.anomalies == {
        "future_rows": Anomaly(2, at(24 * 400).isoformat())
    }
    everything = whole(Plan(), Columns("ts"), log, horizon=LIVE)
    assert (everything.rows, everything.log.anomalies["future_rows"].count) == (1, 2)


def test_a_clock_may_run_an_hour_ahead() -> None:
    log = batch({"ts": [LIVE.clock + timedelta(minutes=m) for m in (30, 59, 61)]})
    window = Window(at(0), at(24 * 1000))
    found = profile(Plan(), Columns("ts"), log, windows=[window], horizon=LIVE)[window][WHOLE]
    assert found.rows == 0  # not yet: they are known when their time has come
    assert found.log.anomalies["future_rows"].count == 1


def test_in_a_replay_later_rows_are_not_known_yet_and_no_anomaly() -> None:
    log = batch({"ts": [at(i) for i in range(48)]})
    horizon = Horizon(known_at=at(30), clock=at(1000))
    found = profile(Plan(), Columns("ts"), log, windows=[day(0), day(1)], horizon=horizon)
    assert [found[day(i)][WHOLE].rows for i in (0, 1)] == [24, 7]
    assert found[day(1)][WHOLE].log.anomalies == {}


def test_rows_without_a_usable_time_are_booked_and_belong_to_all_time_alone() -> None:
    log = batch({"ts": ["2024-01-01T05:00:00Z", None, "soon", "0"], "x": [1.0, 2.0, 3.0, 4.0]})
    plan = Plan({"x": NumericPlan()})
    found = profile(plan, Columns("ts"), log, windows=[day(0)])[day(0)][WHOLE]
    assert (found.rows, found.log.anomalies) == (1, {"untimed_rows": Anomaly(3, "0")})
    everything = whole(plan, Columns("ts"), log)
    assert (everything.rows, everything.log.first) == (4, at(5).timestamp())
    lost = whole(plan, Columns("ts"), batch({"x": [1.0]}))
    assert (lost.rows, lost.log.first, lost.log.silence) == (1, np.inf, -np.inf)
    assert lost.log.anomalies == {"untimed_rows": Anomaly(1, "no column ts")}


def test_numbers_in_another_unit_are_converted_and_counted() -> None:
    seconds = [int(at(i).timestamp()) for i in range(4)]
    log = batch({"ts": [seconds[0] * 1000, seconds[1] * 1000, seconds[2], seconds[3]]})
    found = profile(Plan(timestamp_unit="ms"), Columns("ts"), log, windows=[day(0)])[day(0)][WHOLE]
    assert (found.rows, found.log.last) == (4, at(3).timestamp())
    assert found.log.anomalies == {"timestamp_unit": Anomaly(2, str(seconds[2]))}


def test_a_label_counts_from_its_arrival_on() -> None:
    log = batch(rows(10))
    for hours, labels in ((23, 0), (24, 1), (24.5, 1), (28, 4), (1000, 8)):
        horizon = Horizon(known_at=at(hours), clock=at(2000))
        found = whole(BINARY, COLUMNS, log, horizon=horizon)
        assert found.log.labels == labels
        assert found.outcome.labelled == labels
        assert found.columns["label"].n == labels
        assert found.columns["label"].nulls == 0


def test_a_label_without_a_time_of_arrival_is_known_now_and_never_in_a_replay() -> None:
    log = rows(3)
    log["told"] = pa.array([None, at(26).isoformat(), "soon"])
    for clock, labels in ((1000, 3), (2000, 1)):
        found = whole(BINARY, COLUMNS, batch(log), horizon=Horizon(at(1000), at(clock)))
        assert found.log.labels == labels
    del log["told"]
    assert whole(BINARY, COLUMNS, batch(log), horizon=Horizon(at(1000), at(2000))).log.labels == 3


def test_labels_older_than_their_prediction_count_and_are_reported() -> None:
    log = rows(10)
    log["told"][2], log["told"][7] = at(1), at(6)
    found = whole(BINARY, COLUMNS, batch(log))
    assert found.log.labels == 8
    assert found.log.anomalies == {"early_labels": Anomaly(2, "p2")}


def test_labels_outside_the_two_classes_are_strange_and_reported() -> None:
    log = rows(10)
    log["label"] = pa.array(["0", "1.0", "yes", "no", None, "1", "0", "true", "0", None])
    found = whole(BINARY, COLUMNS, batch(log))
    assert (found.outcome.strange, found.outcome.labelled, found.log.labels) == (4, 4, 4)
    assert found.log.anomalies == {"unknown_labels": Anomaly(4, "1.0")}
    assert found.columns["label"].unseen == {"1.0": 1, "yes": 1, "no": 1, "true": 1}
    assert whole(BINARY, COLUMNS, batch(log), typed=False).outcome.strange == 3


def test_a_predicted_class_nobody_knows_is_reported_and_the_score_decides() -> None:
    log = rows(10)
    log["predicted"] = pa.array(["maybe", *map(str, log["predicted"][1:])])
    found = whole(BINARY, COLUMNS, batch(log))
    assert found.log.anomalies == {"unknown_predictions": Anomaly(1, "maybe")}
    plain = whole(BINARY, COLUMNS, batch(rows(10)))
    assert found.outcome.confusion.tolist() == plain.outcome.confusion.tolist()


def test_classes_compare_as_text_whatever_their_type() -> None:
    plan = Plan(outcome=BinaryPlan("true", "false"))
    columns = Columns(prediction="p", label="y")
    truth = batch({"p": [True, False, None], "y": [True, True, False]})
    text = batch({"p": ["true", "false", None], "y": ["true", "true", "false"]})
    for log in (truth, text):
        outcome = whole(plan, columns, log).outcome
        assert (outcome.matrix, outcome.unpredicted) == ((1, 0, 1, 0), 1)


SEVERAL = Columns(prediction="p", score="s", label="y")
KINDS = Plan(outcome=MulticlassPlan(("cat", "dog", "3")))


def test_classes_are_counted_by_prediction_and_truth() -> None:
    log = {
        "p": ["cat", "dog", "dog", "3", None, "fox", "fox", "cat"],
        "s": [0.9, 0.55, 1.5, None, 0.5, 0.4, 0.3, 0.95],
        "y": ["cat", "cat", "dog", "3", "cat", "fox", "owl", None],
    }
    found = whole(KINDS, SEVERAL, batch(log))
    outcome = found.outcome
    assert isinstance(outcome, MulticlassOutcome)
    assert outcome.confusion.tolist() == [
        [1, 0, 0, 0, 1],
        [1, 1, 0, 0, 0],
        [0, 0, 1, 0, 0],
        [0, 0, 0, 2, 0],
    ]
    assert (outcome.right, outcome.labelled, outcome.strange) == (4, 6, 2)
    assert (outcome.unpredicted, outcome.scored, outcome.valid) == (1, 4, 6)
    assert (outcome.invalid, outcome.unscored, found.log.labels) == (1, 1, 7)
    known = [(p, y) for p, y in zip(log["p"], log["y"], strict=True) if p and y]
    assert outcome.right / outcome.labelled == accuracy_score(*zip(*known, strict=True))
    assert found.log.anomalies == {
        "unknown_predictions": Anomaly(2, "fox"),
        "strange_labels": Anomaly(2, "fox"),
    }


def test_classes_beyond_the_most_frequent_are_no_strangers() -> None:
    plan = Plan(outcome=MulticlassPlan(("cat", "dog"), complete=False))
    log = batch({"p": ["cat", "ant"], "s": [0.5, 0.5], "y": ["emu", "emu"]})
    assert whole(plan, SEVERAL, log).log.anomalies == {}


def test_classes_that_are_numbers_compare_with_their_text() -> None:
    plan = Plan(outcome=MulticlassPlan(("1", "2", "3")))
    for told, truth in (([1, 2, 3], ["1", "2", "2"]), ([1.0, 2.0, 3.0], [1, 2, 2])):
        found = whole(plan, SEVERAL, batch({"p": told, "s": [0.5] * 3, "y": truth}))
        assert (found.outcome.right, found.log.anomalies) == (2, {})


def test_a_regression_is_summed_over_rows_with_prediction_and_truth() -> None:
    plan = Plan(outcome=RegressionPlan(2.0))
    columns = Columns(prediction="p", label="y")
    log = batch({"p": ["1.5", "3", "x", "2"], "y": [1.0, 5.0, 1.0, None]})
    found = whole(plan, columns, log)
    assert isinstance(found.outcome, RegressionOutcome)
    assert (found.outcome.rows, found.outcome.labelled, found.outcome.unpredicted) == (4, 2, 1)
    assert (found.outcome.e, found.outcome.abs_e, found.log.labels) == (-1.5, 2.5, 3)
    assert found.log.anomalies == {"unknown_predictions": Anomaly(1, "x")}
    strange = whole(plan, columns, batch({"p": [1.0], "y": ["n/a"]}))
    assert strange.log.anomalies == {"unknown_labels": Anomaly(1, "n/a")}
    assert strange.log.labels == 0


def test_without_a_task_labels_are_only_counted() -> None:
    found = whole(Plan({"y": NumericPlan()}), Columns(label="y"), batch({"y": [1.0, None, 3.0]}))
    assert (found.outcome, found.log.labels) == (None, 2)


def test_a_log_without_its_role_columns_is_profiled_all_the_same() -> None:
    found = whole(BINARY, COLUMNS, batch({"ts": [at(1)], "x": [1.0]}))
    assert (found.rows, found.outcome.unpredicted, found.log.labels) == (1, 1, 0)
    assert found.columns["label"].found == found.columns["score"].found == ("absent",)


def test_the_plan_of_a_portrait_is_named() -> None:
    assert whole(BINARY, COLUMNS, batch(rows(3))).plan == BINARY.hash


def test_portraits_of_two_windows_add_up_to_that_of_both() -> None:
    log = batch(rows(48))
    found = profile(BINARY, COLUMNS, log, windows=[day(0), day(1)])
    both = Window(day(0).start, day(1).end)
    together = profile(BINARY, COLUMNS, log, windows=[both])[both][WHOLE]
    merged = found[day(0)][WHOLE].merge(found[day(1)][WHOLE])
    assert_same_portrait(replace(merged, log=together.log), together)
    assert merged.log.rows == together.log.rows


def test_windows_that_overlap_or_have_no_clock_are_refused() -> None:
    with pytest.raises(ValueError, match="overlap"):
        profile(Plan(), Columns("ts"), windows=[day(0), Window(at(12), at(36))])
    with pytest.raises(WrongSchema, match=r"columns\.timestamp"):
        profile(Plan(), Columns(), windows=[day(0)])


def test_a_second_pass_is_made_only_where_ids_repeat() -> None:
    passes = []

    def scan(log: pa.RecordBatch) -> Any:
        return lambda: passes.append(1) or [log]

    once = rows(5)
    profile_batches(BINARY, COLUMNS, [ALL_TIME], LATER, scan(batch(once)))
    assert len(passes) == 1
    once["id"][1] = "p0"
    profile_batches(BINARY, COLUMNS, [ALL_TIME], LATER, scan(batch(once)))
    assert len(passes) == 3


def test_wanted_names_each_column_once() -> None:
    plan = replace(BINARY, segments={"c": ("a",), "region": ("eu",)})
    assert wanted(plan, COLUMNS) == (
        "ts", "id", "version", "predicted", "score", "label", "told", "x", "c", "region",
    )  # fmt: skip
    assert wanted(Plan({"x": NumericPlan()}), Columns()) == ("x",)


def test_the_zone_of_the_columns_is_that_of_wall_clock_times() -> None:
    log = batch({"ts": ["2024-01-01 00:30:00", "2024-01-02 00:30:00"]})
    columns = Columns("ts", timezone="Europe/Paris")
    found = profile(Plan(), columns, log, windows=[day(-1), day(0), day(1)])
    assert [slices[WHOLE].rows for slices in found.values()] == [1, 1, 0]
    assert datetime(2023, 12, 31, 23, 30, tzinfo=UTC).timestamp() == found[day(-1)][WHOLE].log.last


def test_an_id_counts_once_in_a_span_of_several_windows() -> None:
    log = batch({"id": ["a", "a", "b"], "ts": [at(1), at(7), at(8)], "x": [1.0, 2.0, 4.0]})
    plan, columns = Plan({"x": NumericPlan()}), Columns("ts", "id")
    halves = [Window(at(0), at(6)), Window(at(6), at(12))]

    def values(spans: list[Window]) -> list[list[float]]:
        found = profile_batches(plan, columns, halves, LIVE, lambda: [log], spans=spans)
        return [found[half][WHOLE].columns["x"].exact.tolist() for half in halves]

    assert values([]) == [[1.0], [2.0, 4.0]]
    assert values([day(0)]) == [[], [2.0, 4.0]]
    with pytest.raises(ValueError, match="lies in none of the spans"):
        values([day(1)])
