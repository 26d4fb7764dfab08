from __future__ import annotations

import gzip
import itertools
import math
import os
import subprocess
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from checks.check import Stat
from checks.verdict import WORST_FIRST, Verdict
from monitor._version import __version__
from monitor.export import Board, Collector, Durations
from monitor.findings import ModelSnapshot, Slice, Snapshot
from monitor.metrics import CODES, METRICS, RUN_DURATION
from monitor.samples import samples
from tests.fleet import CHURN, GERMANY, churn, elec2, finding, fleet
from tests.servers import require

GOLDEN = Path(__file__).parent / "golden" / "metrics.txt"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def board_of(snapshot: Snapshot, limit: int = 10_000) -> Board:
    board = Board(limit)
    board.publish(snapshot)
    return board


def exposed(board: Board) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Every sample by name and its labels that are not empty."""
    found = {}
    for family in parse_text(board.exposition().body.decode()):
        for sample in family.samples:
            key = sample.name, frozenset((k, v) for k, v in sample.labels.items() if v)
            assert key not in found, f"two values of one series: {key}"
            found[key] = sample.value
    return found


def value(board: Board, name: str, **labels: str) -> float | None:
    return exposed(board).get((name, frozenset(labels.items())))


def of_findings(*findings: object) -> Board:
    return board_of(Snapshot((replace(churn(), findings=tuple(findings)),)))  # type: ignore[arg-type]


def test_the_exposition_is_the_golden_file():
    made = board_of(fleet()).exposition().body.decode().replace(__version__, "VERSION")
    if os.environ.get("MODELMON_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(made)
    assert made == GOLDEN.read_text()


def test_promtool_finds_nothing_to_say_about_the_metrics():
    body = board_of(fleet()).exposition().body
    done = subprocess.run(
        [require("promtool"), "check", "metrics"], input=body, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_the_rich_fleet_shows_every_metric_of_the_table_as_declared():
    families = {}
    for family in parse_text(board_of(fleet()).exposition().body.decode()):
        families[family.name] = family
    for metric in METRICS:
        family = families.pop(metric.name.removesuffix("_total"))
        assert family.documentation == metric.help
        shown = {label for sample in family.samples for label in sample.labels} - {"le"}
        assert shown == set(metric.labels), metric.name
    assert not families


def test_names_follow_the_rules_of_prometheus():
    names = [metric.name for metric in METRICS]
    assert len(set(names)) == len(names)
    for metric in METRICS:
        assert metric.name.startswith("modelmon_")
        assert metric.help.endswith("."), metric.name
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.name.endswith("_info") == (metric.kind == "info")
        assert not {"type", "env", "region", "service", "cluster", "job", "instance"} & set(
            metric.labels
        )


def test_both_formats_hold_the_same_samples():
    board = board_of(fleet())
    openmetrics = board.exposition(OPENMETRICS)
    assert openmetrics.content_type.startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.body.endswith(b"# EOF\n")
    plain = [s for f in parse_text(board.exposition().body.decode()) for s in f.samples]
    other = [s for f in parse_openmetrics(openmetrics.body.decode()) for s in f.samples]
    assert Counter(map(repr, plain)) == Counter(map(repr, other))


@pytest.mark.parametrize(
    ("accept", "openmetrics"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml;q=0.9,*/*;q=0.8", False),
        (
            "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
            True,
        ),
        ("application/openmetrics-text;q=0.5, text/plain", False),
        ("application/openmetrics-text;q=none, text/plain;q=0", False),
        ("text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4", False),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(accept, openmetrics):
    assert ("openmetrics" in board_of(fleet()).exposition(accept).content_type) is openmetrics


def test_a_drift_score_is_the_number_that_was_judged_and_the_raw_one_stands_beside_it():
    board = board_of(fleet())
    psi = {"model": "churn", "feature": "age", "method": "psi"}
    assert value(board, "modelmon_drift_score", **psi) == 0.12
    assert value(board, "modelmon_drift_raw_score", **psi) == 0.14
    assert value(board, "modelmon_drift_threshold", **psi) == 0.1
    assert value(board, "modelmon_drift_detected", **psi) == 1
    ks = {"model": "churn", "feature": "age", "method": "ks"}
    assert value(board, "modelmon_drift_score", **ks) == 0.08
    assert value(board, "modelmon_drift_raw_score", **ks) is None
    assert value(board, "modelmon_drift_p_value", **ks) == 0.03
    assert value(board, "modelmon_drift_detected", **ks) == 0


def test_segments_and_versions_are_series_of_their_own():
    board = board_of(fleet())
    psi = {"model": "churn", "feature": "age", "method": "psi"}
    assert value(board, "modelmon_drift_score", **psi, segment="country=de") == 0.5
    assert value(board, "modelmon_drift_score", **psi, version="v8") == 0.05


@pytest.mark.parametrize("verdict", Verdict)
def test_a_number_without_a_sound_measurement_is_absent_and_its_severity_says_why(verdict):
    stat = Stat(0.5, corrected=0.4, p_value=0.1, low=0.3, high=0.6)
    board = of_findings(
        finding("psi", "age", verdict, stat, 0.3),
        finding("accuracy", "", verdict, stat, 0.3, cause="performance"),
        finding("missing", "age", verdict, stat, 0.3, cause="nulls"),
    )
    numbers = {
        name
        for name, labels in exposed(board)
        if name.startswith(("modelmon_drift_", "modelmon_performance", "modelmon_quality"))
    }
    assert (
        value(board, "modelmon_check_severity", model="churn", check="accuracy") == CODES[verdict]
    )
    if verdict in (Verdict.INSUFFICIENT, Verdict.NO_DATA, Verdict.ERROR):
        assert numbers == set()
    else:
        judged = {"modelmon_drift_detected"} if verdict.judged else set()
        assert judged == numbers & {"modelmon_drift_detected"}
        assert {"modelmon_drift_score", "modelmon_performance", "modelmon_quality"} < numbers


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_absent(number):
    stat = Stat(number, corrected=number, low=number, high=number, p_value=number)
    board = of_findings(
        finding("psi", "age", Verdict.OK, stat, number),
        finding("accuracy", "", Verdict.OK, stat, number, cause="performance"),
    )
    body = board.exposition().body
    assert b"NaN" not in body
    assert b"modelmon_drift_score" not in body
    assert b"modelmon_performance" not in body


def test_the_drifted_share_counts_judged_features_once_and_no_slices():
    board = board_of(fleet())
    # age drifted; income and plan did not; tenure and coupon were not judged
    assert value(board, "modelmon_drifted_features_ratio", model="churn") == 1 / 3
    only_there = finding("psi", "income", Verdict.CRITICAL, Stat(0.5), 0.25, place=GERMANY)
    board = of_findings(finding("psi", "income", Verdict.OK, Stat(0.0), 0.25), only_there)
    assert value(board, "modelmon_drifted_features_ratio", model="churn") == 0
    unjudged = of_findings(finding("psi", "age", Verdict.NO_DATA))
    assert value(unjudged, "modelmon_drifted_features_ratio", model="churn") is None


def test_performance_carries_the_window_that_it_was_measured_on():
    board = board_of(fleet())
    end = "modelmon_window_end_timestamp_seconds"
    newest = value(board, end, model="churn")
    assert value(board, end, model="churn", check="psi") == newest
    assert value(board, end, model="churn", check="roc_auc") == newest - 7 * 86_400


def test_a_model_that_was_never_evaluated_has_counters_but_no_invented_numbers():
    board = board_of(Snapshot((ModelSnapshot("new"),)))
    shown = {name for name, labels in exposed(board) if ("model", "new") in labels}
    assert shown == {
        "modelmon_runs_total",
        "modelmon_rows_read_total",
        "modelmon_windows_due",
        "modelmon_incidents_open",
        "modelmon_series_dropped",
        "modelmon_run_duration_seconds_bucket",
        "modelmon_run_duration_seconds_count",
        "modelmon_run_duration_seconds_sum",
    }
    assert value(board, "modelmon_incidents_open", model="new", severity="critical") == 0


def test_nothing_is_ready_before_the_first_snapshot():
    assert value(Board(), "modelmon_ready") == 0
    assert value(board_of(fleet()), "modelmon_ready") == 1


def test_series_of_vanished_models_and_columns_vanish():
    board = board_of(fleet())
    kept = tuple(one for one in CHURN if one.column != "age")
    board.publish(Snapshot((replace(churn(), findings=kept),)))
    left = exposed(board)
    assert not any(("model", "elec2") in labels for _, labels in left)
    assert not any({("column", "age"), ("feature", "age")} & labels for _, labels in left)
    assert any(("column", "income") in labels for _, labels in left)


def test_too_many_series_keep_the_worst_verdicts_and_count_the_rest():
    calm = [finding("psi", f"f{i}", Verdict.OK, Stat(0.0), 0.1) for i in range(50)]
    loud = finding("psi", "loud", Verdict.CRITICAL, Stat(0.9), 0.1)
    lost = finding("psi", "lost", Verdict.ERROR)
    model = replace(churn(), findings=(*calm, lost, loud))
    board = board_of(Snapshot((model, elec2())), limit=15)
    severities = [labels for name, labels in exposed(board) if name == "modelmon_check_severity"]
    columns = {dict(labels)["column"] for labels in severities if ("model", "churn") in labels}
    # 4 series each (severity, score, threshold, detected), the broken one has only its severity
    assert columns == {"loud", "lost", "f0", "f1"}
    assert value(board, "modelmon_series_dropped", model="churn") == 48 * 4
    assert value(board, "modelmon_series_dropped", model="elec2") == 0


def test_two_findings_of_one_series_let_the_worse_one_speak():
    board = of_findings(
        finding("psi", "age", Verdict.OK, Stat(0.01), 0.1),
        finding("psi", "age", Verdict.CRITICAL, Stat(0.9), 0.1),
    )
    labels = {"model": "churn", "feature": "age", "method": "psi"}
    assert value(board, "modelmon_drift_score", **labels) == 0.9


def test_bytes_are_made_once_for_each_snapshot_and_format():
    board = board_of(fleet())
    for accept, compress in itertools.product(("", OPENMETRICS), (False, True)):
        first = board.exposition(accept, compress=compress)
        assert board.exposition(accept, compress=compress).body is first.body
    packed = board.exposition(compress=True).body
    assert gzip.decompress(packed) == board.exposition().body
    board.publish(fleet(runs=211))
    assert gzip.decompress(board.exposition(compress=True).body) == board.exposition().body
    assert board.exposition(compress=True).body != packed


def test_a_scrape_sees_one_snapshot_or_the_other_but_never_a_mixture():
    whole = {}
    for name in ("a", "b"):
        model = replace(churn(), model=name, run_seconds=(), runs=0)
        whole[name] = Snapshot((model,), alerts_sent=((name, 1),))
    expected = {board_of(each).exposition().body for each in whole.values()}
    board = board_of(whole["a"])
    done = threading.Event()

    def publish() -> None:
        for each in itertools.islice(itertools.cycle(whole.values()), 300):
            board.publish(each)
        done.set()

    writer = threading.Thread(target=publish)
    writer.start()
    seen = set()
    while not done.is_set():
        seen.add(board.exposition().body)
    writer.join()
    assert seen <= expected


def test_somebody_elses_registry_can_collect_the_board():
    registry = CollectorRegistry()
    board = Board()
    registry.register(Collector(board))
    board.publish(fleet())
    assert generate_latest(registry) == board.exposition().body


@given(st.text(st.characters(), max_size=30), st.text(st.characters(), max_size=30))
def test_any_text_is_a_legal_label_and_comes_back(column, segment):
    board = of_findings(
        finding("psi", column, Verdict.OK, place=Slice(segment=segment), cause="schema")
    )
    for found in (
        parse_text(board.exposition().body.decode()),
        parse_openmetrics(board.exposition(OPENMETRICS).body.decode()),
    ):
        [labels] = [
            s.labels for f in found for s in f.samples if s.name == "modelmon_check_severity"
        ]
        assert labels["column"] == column.encode("utf-8", "replace").decode()
        assert labels["segment"] == segment.encode("utf-8", "replace").decode()


def test_a_novel_as_a_column_name_is_cut():
    [sample] = [
        s for s in samples(Snapshot((replace(churn(), findings=(finding("psi", "x" * 9_999),)),)))
        if s.metric.name == "modelmon_check_severity"
    ]  # fmt: skip
    assert len(sample.labels[2]) == 200


def durations(board: Board, model: str) -> tuple[float | None, float | None]:
    name = RUN_DURATION.name
    return value(board, f"{name}_count", model=model), value(board, f"{name}_sum", model=model)


def test_durations_add_up_although_only_the_newest_are_told():
    told = (1.0, 2.0, 4.0)
    board = board_of(Snapshot((ModelSnapshot("m", runs=3, run_seconds=told),)))
    assert durations(board, "m") == (3, 7.0)
    board.publish(Snapshot((ModelSnapshot("m", runs=5, run_seconds=(4.0, 8.0, 16.0)),)))
    assert durations(board, "m") == (5, 31.0)
    board.publish(Snapshot((ModelSnapshot("m", runs=5, run_seconds=(4.0, 8.0, 16.0)),)))
    assert durations(board, "m") == (5, 31.0)


def test_a_part_of_an_old_history_is_not_taken_for_new_runs():
    board = board_of(Snapshot((ModelSnapshot("m", runs=900, run_seconds=(1.0,) * 500),)))
    assert durations(board, "m") == (0, 0.0)
    board.publish(Snapshot((ModelSnapshot("m", runs=901, run_seconds=(1.0,) * 499 + (9.0,)),)))
    assert durations(board, "m") == (1, 9.0)


def test_a_state_database_that_was_replaced_starts_the_durations_anew():
    board = board_of(Snapshot((ModelSnapshot("m", runs=2, run_seconds=(1.0, 1.0)),)))
    board.publish(Snapshot((ModelSnapshot("m", runs=1, run_seconds=(3.0,)),)))
    assert durations(board, "m") == (1, 3.0)


def test_a_duration_on_the_edge_of_a_bucket_counts_below_it():
    seen = Durations.first(ModelSnapshot("m", runs=3, run_seconds=(0.1, 0.11, 5_000.0)))
    assert (seen.counts[0], seen.counts[1], seen.counts[-1]) == (1, 1, 1)


def test_the_worst_of_several_severities_is_their_maximum_above_zero_and_else_their_minimum():
    for size in (1, 2, 3):
        for verdicts in itertools.combinations(Verdict, size):
            codes = [CODES[verdict] for verdict in verdicts]
            worst = max(codes) if max(codes) > 0 else min(codes)
            assert worst == CODES[min(verdicts, key=WORST_FIRST.index)]
