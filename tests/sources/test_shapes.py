from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, Plan
from monitor.config import load
from monitor.learn import learn
from monitor.model import ConfigError
from monitor.oneoff import open_log
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    Source,
    Unreadable,
    WrongSchema,
    jsonl,
    parquet,
)
from monitor.sources._shapes import Exchange, Row, shape_names, shape_of
from monitor.sources._shapes._pairs import Pairs
from monitor.sources._shapes._rows import flat as flat_rows
from monitor.windows import Window
from tests.sources.logs import WHOLE, assert_same, profile
from tests.sources.shapes import make

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "logs.md"
SCORE = {"outputs": ["score"]}
CSV = {"features": [*make.FEATURES], **SCORE}
PATHS = {
    "id": 'meta["request id"]',
    "timestamp": "$.meta.at",
    "age": "request.items[*].customer.age",
    "amount": "request.items[*]['amount']",
    "channel": "request.items[*].channel",
    "score": "response.predictions[*].score[0]",
}
COLUMNS = Columns("timestamp", "id", score="score", numeric=("age", "amount"))
COLUMNS = replace(COLUMNS, categorical=("channel",))
LATER = Horizon(
    datetime.fromisoformat("2025-06-01T00:00Z"), datetime.fromisoformat("2025-06-01T00:00Z")
)
HALVES = (
    Window(make.START, make.requests()[make.HALF].time),
    Window(make.requests()[make.HALF].time, datetime.fromisoformat("2025-03-05T00:00Z")),
)
PLAN = Plan(
    {"age": NumericPlan(), "amount": NumericPlan(), "channel": CategoricalPlan(("app", "web"))},
    None,
    {},
    {"age": "number", "amount": "number", "channel": "text"},
)


def open_shape(name: str, folder: Path = make.HERE) -> Source:
    truth = folder / "truth"
    match name:
        case "sagemaker":
            truth = folder / "sagemaker/truth"
            return jsonl.Source(folder / "sagemaker/captured", truth, "sagemaker", CSV)
        case "databricks":
            return parquet.Source(folder / "databricks", "", "databricks", SCORE)
        case "nested":
            return jsonl.Source(folder / "nested", truth, "nested", PATHS)
        case "seldon":
            return jsonl.Source(folder / "seldon", "", "kserve")
    return jsonl.Source(folder / name, truth, name, SCORE)


SHAPES = ("sagemaker", "openinference", "kserve", "seldon", "databricks", "nested")


def read(source: Source) -> list[dict[str, Any]]:
    names = ("id", "timestamp", *make.FEATURES, "score")
    parts = source.rows(names, COLUMNS, ALL_TIME, LATER)
    return [row for part in parts for row in part.to_pylist()]


def named(name: str, row: dict[str, Any]) -> str:
    """The id of a row of the made-up days in a shape."""
    request, dash, place = str(row["id"]).partition("-")
    if name == "sagemaker" and not int(request[1:]) % 5:
        request = f"e-{request}"
    return request + (dash and ("-item-" if name == "seldon" else "-") + place)


def lost(name: str, half: int) -> dict[str, int]:
    """What a shape must count of the requests of one half."""
    if name in ("sagemaker", "nested"):
        return {}
    ours = [r for r in make.requests() if (r.number >= make.HALF) == bool(half)]
    failed = sum(r.failed for r in ours)
    alone = sum(len(r.rows) if name == "seldon" else 1 for r in ours if r.alone)
    found = {"unpaired_requests": alone, "failed_requests": 0 if name == "seldon" else failed}
    return {key: count for key, count in found.items() if count}


def test_the_fixtures_are_what_their_generator_makes(tmp_path: Path) -> None:
    make.make(tmp_path)
    for made in tmp_path.rglob("*.*"):
        kept = make.HERE / made.relative_to(tmp_path)
        if made.suffix == ".parquet":
            assert pq.read_table(kept).equals(pq.read_table(made))
        elif made.is_file():
            assert kept.read_text() == made.read_text(), kept


# every shape


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_gives_the_rows_of_the_same_days(name: str) -> None:
    found = {row["id"]: row for row in read(open_shape(name))}
    expected = list(make.flat())
    assert len(found) == len(expected) == 264
    for row in expected:
        there = found[named(name, row)]
        assert [float(there[key]) for key in ("age", "amount", "score")] == pytest.approx(
            [row["age"], row["amount"], row["score"]], rel=1e-12
        )
        assert there["channel"] == row["channel"]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_has_the_profiles_of_the_flat_rows(name: str) -> None:
    flat = pa.RecordBatch.from_pylist(list(make.flat()))
    expected = profile(PLAN, COLUMNS, flat, windows=HALVES, horizon=LATER)
    found = dict(without_labels(open_shape(name)).profile(PLAN, COLUMNS, HALVES, LATER))
    for half, window in enumerate(HALVES):
        portrait = found[window][WHOLE]
        counted = {key: met.count for key, met in portrait.log.anomalies.items()}
        assert counted == lost(name, half)
        found[window] = {WHOLE: replace(portrait, log=replace(portrait.log, anomalies={}))}
    assert_same(found, expected)


def without_labels(source: Source) -> Source:
    return replace(source, labels="")  # type: ignore[type-var]


def test_a_table_of_databricks_is_cut_to_the_windows_by_its_times(tmp_path: Path) -> None:
    table = pq.read_table(make.HERE / "databricks")
    bodies = ["{ broken" if 16 <= n < 32 else b for n, b in enumerate(table["request"].to_pylist())]
    place = table.schema.get_field_index("request")
    broken = table.set_column(place, "request", pa.array(bodies))
    pq.write_table(broken, tmp_path / "p.parquet", row_group_size=16)
    source = parquet.Source(tmp_path, shape="databricks", fields=SCORE)
    whole = without_labels(open_shape("databricks"))
    expected = whole.profile(PLAN, COLUMNS, [HALVES[1]], LATER)[HALVES[1]][WHOLE]
    assert source.profile(PLAN, COLUMNS, [HALVES[1]], LATER)[HALVES[1]][WHOLE].rows == expected.rows
    with pytest.raises(Unreadable, match="request r016: request is no JSON"):
        source.profile(PLAN, COLUMNS, [HALVES[0]], LATER)


@pytest.mark.parametrize("name", SHAPES)
def test_names_survey_and_extent_read_like_those_of_a_table(name: str) -> None:
    source = without_labels(open_shape(name))
    assert {"id", "timestamp", "score", *make.FEATURES} <= set(source.names())
    survey = source.survey(Columns("timestamp", "id"), ALL_TIME)
    families = {key: survey.columns[key].family for key in (*make.FEATURES, "score")}
    assert families == {"age": "number", "amount": "number", "channel": "text", "score": "number"}
    assert survey.rows == 264
    extent = source.extent(COLUMNS, LATER)
    kept = [r.time for r in make.requests() if r.kept]
    assert (extent.rows, extent.first, extent.last) == (264, kept[0], kept[-1])


def test_a_survey_tells_what_gave_no_rows() -> None:
    failed, alone = open_shape("databricks").survey(COLUMNS, ALL_TIME).notices
    assert failed == (
        "left out: 3 requests that failed (payload.parquet, request d-r013); "
        "failed_requests counts them"
    )
    assert alone == (
        "left out: 2 requests whose other half is missing (payload.parquet, request d-r017); "
        "unpaired_requests counts them"
    )


@pytest.mark.parametrize("kind", ["that failed", "whose other half is missing"])
def test_a_change_of_what_gave_no_rows_changes_the_pulse_of_its_window(
    tmp_path: Path, kind: str
) -> None:
    copytree(make.HERE / "kserve", tmp_path / "kserve")
    source = without_labels(open_shape("kserve", tmp_path))
    before = source.pulse(COLUMNS, HALVES, LATER)
    assert source.pulse(COLUMNS, HALVES, LATER) == before
    told = next(each for each in source.survey(COLUMNS, ALL_TIME).notices if kind in each)
    number = int(re.findall(r"line (\d+)", told)[0])
    log = tmp_path / "kserve" / "events.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for n, line in enumerate(lines, 1) if n != number))
    after = source.pulse(COLUMNS, HALVES, LATER)
    assert [(pulse.rows, pulse.labels) for pulse in after.values()] == [
        (pulse.rows, pulse.labels) for pulse in before.values()
    ]
    assert sum(after[half] != before[half] for half in HALVES) == 1


@pytest.mark.parametrize("name", ["openinference", "kserve", "databricks"])
def test_a_replay_counts_no_request_of_its_future(name: str) -> None:
    known = Horizon(HALVES[0].end, LATER.clock)
    source = without_labels(open_shape(name))
    found = source.profile(PLAN, COLUMNS, [HALVES[0], HALVES[1]], known)
    assert found[HALVES[0]][WHOLE].log.anomalies.keys() == {"failed_requests", "unpaired_requests"}
    first_of_the_second = len(make.requests()[make.HALF].rows)
    assert found[HALVES[1]][WHOLE].log.rows == first_of_the_second
    assert not found[HALVES[1]][WHOLE].log.anomalies


@pytest.mark.parametrize("name", ["sagemaker", "openinference", "kserve", "nested"])
def test_labels_join_on_the_ids_of_rows(name: str) -> None:
    columns = replace(COLUMNS, label="label")
    plan = replace(PLAN, outcome=BinaryPlan("1", "0"))
    found = open_shape(name).profile(plan, columns, HALVES, LATER)
    kept = [r for r in make.requests() if r.kept and (name != "sagemaker" or r.number % 4 != 3)]
    for half, window in enumerate(HALVES):
        ours = [r for r in kept if (r.number >= make.HALF) == bool(half)]
        assert found[window][WHOLE].log.labels == sum(len(r.rows) for r in ours)
        outcome = found[window][WHOLE].outcome
        assert outcome is not None
        positives = sum(sum(r.labels) for r in ours)
        assert _positives(outcome) == positives


def _positives(outcome: Any) -> int:
    return int(outcome.confusion[:, 1].sum())


def test_drift_of_the_log_on_the_command_line(tmp_path: Path) -> None:
    copytree(make.HERE / "kserve", tmp_path / "kserve")
    made = modelmon(tmp_path, "init", "kserve")
    assert made.returncode == 0, made.stderr
    assert "left out: 3 requests that failed (events.jsonl, line 106)" in made.stderr
    assert 'shape = "kserve"' in (tmp_path / "monitor.toml").read_text()
    judged = modelmon(
        tmp_path, "check", "--from", "2025-03-04", "--to", "2025-03-05", "--format", "jsonl"
    )
    assert judged.returncode == 1, judged.stderr
    lines = [json.loads(line) for line in judged.stdout.splitlines()]
    findings = {(f["check"], f["column"] or ""): f for f in lines if f["kind"] == "finding"}
    assert findings["ks", "amount"]["verdict"] == "critical"
    assert findings["ks", "age"]["verdict"] not in ("warning", "critical")
    then, now = (
        [r for r in make.requests() if (r.number >= make.HALF) == h] for h in (False, True)
    )
    distance = ks_distance(
        [row["amount"] for r in then if r.kept for row in r.rows],
        [row["amount"] for r in now if r.kept for row in r.rows],
    )
    assert findings["ks", "amount"]["value"] == pytest.approx(distance, abs=0.02)  # cells of a grid
    rows = sum(len(r.rows) for r in now if r.kept)
    for check, count in (("failed_requests", sum(r.failed for r in now)), ("unpaired_requests", 1)):
        assert findings[check, ""]["value"] == pytest.approx(count / (rows + count))


def ks_distance(a: list[float], b: list[float]) -> float:
    points = np.sort(np.array(a + b))
    shares = [np.searchsorted(np.sort(x), points, "right") / len(x) for x in (a, b)]
    return float(np.abs(shares[0] - shares[1]).max())


def modelmon(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "monitor", *arguments]
    environment = {"PYTHONPATH": str(ROOT), "PATH": ""}
    return subprocess.run(  # noqa: PLW1510
        command, capture_output=True, text=True, cwd=folder, timeout=120, env=environment
    )


@pytest.mark.parametrize("name", ["sagemaker/captured", "openinference", "kserve", "databricks"])
def test_one_off_commands_recognise_a_shape_by_its_first_record(name: str) -> None:
    source = open_log(str(make.HERE / name))
    assert getattr(source, "shape", "") == name.partition("/")[0]
    assert {"id", "timestamp", "prediction"} <= set(source.names())


def test_a_flat_log_is_read_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "flat.jsonl"
    path.write_text('{"id": 1, "request": "GET /", "response": "no JSON", "score": 0.5}\n')
    assert open_log(str(path)).names() == ("id", "request", "response", "score")


# pairs


def half(name: str, side: str, cells: int = 1) -> Exchange:
    rows: list[Row] = [{"x": 1}] * cells
    return Exchange(name, None, None, **{side: rows}, half=True)  # type: ignore[arg-type]


@given(st.permutations([(side, n) for n in range(6) for side in ("inputs", "outputs")]))
def test_pairs_meet_in_any_order(order: list[tuple[str, int]]) -> None:
    pairs = Pairs()
    met = [pairs.match(half(str(n), side), "here") for side, n in order]
    whole = [each for each in met if each is not None]
    assert sorted(str(each.id) for each in whole) == [str(n) for n in range(6)]
    assert all(each.inputs and each.outputs and not each.half for each in whole)
    assert not list(pairs.lost(end=True))
    assert pairs.cells == 0


def test_the_oldest_halves_are_given_up_when_too_many_wait() -> None:
    pairs = Pairs(most=10)
    for n in range(5):
        assert pairs.match(half(str(n), "inputs", 3), f"line {n}") is None
    assert [each.place for each in pairs.lost()] == ["line 0", "line 1", "line 2"]
    assert pairs.match(half("4", "outputs", 3), "late") is not None
    assert [each.place for each in pairs.lost(end=True)] == ["line 3"]


def test_a_half_sent_twice_counts_once_and_is_told() -> None:
    pairs = Pairs()
    pairs.match(half("a", "inputs"), "line 1")
    pairs.match(half("a", "inputs"), "line 2")
    assert [each.place for each in pairs.lost()] == ["line 1"]
    assert pairs.match(half("a", "outputs"), "line 3") is not None


# records


def rows_of(name: str, *records: dict[str, Any], **fields: Any) -> list[Row]:
    shape, pairs, found = shape_of(name, fields), Pairs(), []
    for record in records:
        exchange = shape.exchange(record)
        if exchange is not None and exchange.half:
            exchange = pairs.match(exchange, "")
        if exchange is not None and not exchange.lost:
            found += list(flat_rows(exchange))
    return found


def capture(given: Any, answer: Any, encoding: str = "JSON", **event: Any) -> dict[str, Any]:
    sides = zip(("endpointInput", "endpointOutput"), (given, answer), strict=True)
    data = {k: {"data": v, "encoding": encoding} for k, v in sides if v is not None}
    return {"captureData": data, "eventMetadata": {"eventId": "e", "inferenceTime": "t", **event}}


@pytest.mark.parametrize(
    ("given", "answer", "expected"),
    [
        (
            '{"features": [1, 2]}',
            '{"predictions": [{"score": 0.5}]}',
            [{"score": 0.5, "f0": 1, "f1": 2}],
        ),
        ('{"instances": [{"features": [1]}]}', "[0.5]", [{"prediction": 0.5, "f0": 1}]),
        (
            "[[1], [2]]",
            "[0.5, 0.25]",
            [{"prediction": 0.5, "f0": 1}, {"prediction": 0.25, "f0": 2}],
        ),
        ('{"x": 1}\n{"x": 2}', '{"p": 3}\n{"p": 4}', [{"p": 3, "x": 1}, {"p": 4, "x": 2}]),
        (
            '{"id": 7, "score": 1}',
            '{"score": 2}',
            [{"score": 2, "inputs.id": 7, "inputs.score": 1}],
        ),
        ("[1]", "[[0.2, 0.8]]", [{"output_0": 0.2, "output_1": 0.8, "f0": 1}]),
        ("[1]", None, [{"f0": 1}]),
        (None, "0.5", [{"prediction": 0.5}]),
    ],
)
def test_bodies_of_sagemaker(given: str, answer: str, expected: list[Row]) -> None:
    head = {"timestamp": "t"}
    ids = ["e"] if len(expected) == 1 else [f"e-{n}" for n in range(len(expected))]
    found = rows_of("sagemaker", capture(given, answer))
    assert found == [{"id": i, **head, **row} for i, row in zip(ids, expected, strict=True)]


def test_empty_cells_of_csv_are_null() -> None:
    (row,) = rows_of("sagemaker", capture('1,,"a,b"\n', "0.5", "CSV"))
    assert (row["f0"], row["f1"], row["f2"]) == ("1", None, "a,b")


V2 = {"name": "x", "shape": [2, 2], "datatype": "FP32"}


@pytest.mark.parametrize(
    ("tensors", "fields", "expected"),
    [
        ([{**V2, "data": [1, 2, 3, 4]}], {}, [{"f0": 1, "f1": 2}, {"f0": 3, "f1": 4}]),
        (
            [{**V2, "data": [[1, 2], [3, 4]]}],
            {"features": ["a", "b"]},
            [{"a": 1, "b": 2}, {"a": 3, "b": 4}],
        ),
        (
            [{**V2, "data": [1, 2, 3, 4]}, {"name": "y", "shape": [2], "data": ["u", "v"]}],
            {},
            [{"x_0": 1, "x_1": 2, "y": "u"}, {"x_0": 3, "x_1": 4, "y": "v"}],
        ),
        ([{"name": "x", "shape": [2, 1], "data": [5, 6]}], {}, [{"x": 5}, {"x": 6}]),
    ],
)
def test_tensors_become_columns(tensors: Any, fields: Any, expected: list[Row]) -> None:
    answer = {"name": "y", "shape": [2], "datatype": "FP32", "data": [0.1, 0.2]}
    record = {"id": "q", "inputs": tensors, "outputs": [answer]}
    found = rows_of("openinference", record, **fields)
    given = [{k: v for k, v in row.items() if k not in ("id", "prediction")} for row in found]
    assert given == expected
    assert [row["prediction"] for row in found] == [0.1, 0.2]


def test_events_in_binary_mode_and_seldons_own_bodies() -> None:
    names = {"names": ["a", "b"], "ndarray": [[1, 2], [3, 4]]}
    told = {"data": {"names": ["proba"], "tensor": {"shape": [2, 1], "values": [0.5, 0.25]}}}
    seldon = "io.seldon.serving.inference"
    request = {
        "ce-type": f"{seldon}.request",
        "Ce-Requestid": "q",
        "ce-time": "t",
        "data": {"data": names},
    }
    octets = base64.b64encode(json.dumps(told).encode()).decode()
    answer = {"type": f"{seldon}.response", "requestid": "q", "id": "z", "data_base64": octets}
    other = {"type": f"{seldon}.outlier", "id": "q", "data": {}}
    assert rows_of("kserve", request, other, answer) == [
        {"id": "q-0", "timestamp": "t", "prediction": 0.5, "a": 1, "b": 2},
        {"id": "q-1", "timestamp": "t", "prediction": 0.25, "a": 3, "b": 4},
    ]


def test_ai_gateway_tables_are_read_too() -> None:
    record = {
        "databricks_request_id": "d",
        "request_time": datetime.fromisoformat("2025-03-03T00:00Z"),
        "status_code": 200,
        "served_entity_id": "m-3",
        "execution_duration_ms": 7,
        "request": '{"instances": [[1, 2]]}',
        "response": '{"predictions": [{"label": "yes", "p": {"yes": 0.9}}]}',
    }
    (row,) = rows_of("databricks", record)
    assert row == {
        "id": "d",
        "timestamp": record["request_time"],
        "version": "m-3",
        "execution_duration_ms": 7,
        "label": "yes",
        "p.yes": 0.9,
        "f0": 1,
        "f1": 2,
    }


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"x": "$.a[1]", "y": "b.c"}, [{"x": 2, "y": "deep"}]),
        ({"x": "a[*]", "y": "text.k"}, [{"x": 1, "y": 5}, {"x": 2, "y": 5}]),
        ({"x": '$["odd name"]', "y": "none.of[3].this"}, [{"x": 4, "y": None}]),
        ({"id": "b.c", "x": "a[*]"}, [{"id": "deep-0", "x": 1}, {"id": "deep-1", "x": 2}]),
        ({"id": "a[*]", "x": "b.c"}, [{"id": 1, "x": "deep"}, {"id": 2, "x": "deep"}]),
        ({"id": "b.c", "x": "empty[*]"}, []),
    ],
)
def test_paths_of_a_nested_shape(fields: dict[str, str], expected: list[Row]) -> None:
    record = {"a": [1, 2], "b": {"c": "deep"}, "text": '{"k": 5}', "odd name": 4, "empty": []}
    assert rows_of("nested", record, **fields) == expected


# what is broken


GOOD = {"type": "org.kubeflow.serving.inference.request", "id": "q", "data": {"instances": [1, 2]}}
ANSWER = {**GOOD, "type": "org.kubeflow.serving.inference.response"}
SERVED = {"databricks_request_id": "d", "status_code": 200, "request": "{", "response": "{}"}


@pytest.mark.parametrize(
    ("shape", "records", "said"),
    [
        ("sagemaker", [{"eventMetadata": {}}], "line 1: captureData is missing"),
        (
            "sagemaker",
            [{"captureData": {}, "eventMetadata": {}}],
            "neither endpointInput nor endpointOutput",
        ),
        ("sagemaker", [capture("[1", "[2]")], "line 1: endpointInput.data is no JSON (Expecting"),
        ("sagemaker", [capture("!", "2", "BASE64")], "endpointInput.data is no base64 of text"),
        ("sagemaker", [capture("/9k=", "2", "BASE64")], "endpointInput.data is no base64 of text"),
        (
            "sagemaker",
            [capture("1", "2", "XML")],
            "encoding is 'XML'; CSV, JSON or BASE64 are read",
        ),
        ("sagemaker", [capture("1\n2\n3", "0\n1", "CSV")], "3 rows were asked for and 2 answered"),
        ("sagemaker", [capture("1", "2", eventId="")], "neither inferenceId nor eventId"),
        (
            "kserve",
            [GOOD, {**ANSWER, "data": {"predictions": [1]}}],
            "line 2: 2 rows were asked for and 1 answered",
        ),
        ("kserve", [{**GOOD, "id": None}], "the event has no id"),
        ("kserve", [{**GOOD, "data": "{"}], "data is no JSON"),
        ("kserve", [{**GOOD, "data": {}}], "data has none of instances, "),
        ("kserve", [{"score": 1}], "no event of an inference logger"),
        ("openinference", [{"id": "q"}], "neither inputs nor outputs"),
        (
            "openinference",
            [{"inputs": [{**V2, "data": [1] * 4}]}],
            "without an id cannot be joined",
        ),
        (
            "openinference",
            [{"id": "q", "inputs": [{**V2, "data": [1]}]}],
            "tensor 'x' has 1 values and the shape [2, 2]",
        ),
        (
            "openinference",
            [{"id": "q", "inputs": [{**V2, "shape": [1, 2, 2], "data": [1] * 4}]}],
            "3 dimensions; one or two",
        ),
        ("databricks", [SERVED], "request d: request is no JSON"),
        ("databricks", [{**SERVED, "status_code": None}], "status_code is missing"),
        (
            "databricks",
            [{**SERVED, "request": '{"dataframe_split": {"columns": ["a"], "data": [[1, 2]]}}'}],
            "a row of another length",
        ),
        (
            "databricks",
            [{**SERVED, "request": '{"inputs": {"a": [1], "b": [1, 2]}}'}],
            "not lists of one length",
        ),
        ("nested", [{"a": [1], "b": [1, 2]}], "the lists that [*] names have 1 and 2 elements"),
        ("nested", [{"a": 1, "b": [1]}], "a[*]: there is no list where [*] stands"),
    ],
)
def test_a_broken_record_is_named_with_its_file_and_place(
    shape: str, records: list[dict[str, Any]], said: str, tmp_path: Path
) -> None:
    fields: Any = {"a": "a[*]", "b": "b[*]"} if shape == "nested" else {}
    if shape == "databricks":
        path = tmp_path / "log.parquet"
        pq.write_table(pa.Table.from_pylist(records), path)
        source: Source = parquet.Source(path, shape=shape)
    else:
        path = tmp_path / "log.jsonl"
        path.write_text("".join(json.dumps(record) + "\n" for record in records))
        source = jsonl.Source(path, shape=shape, fields=fields)
    with pytest.raises(Unreadable, match=re.escape(said)) as caught:
        source.survey(Columns(), ALL_TIME)
    assert str(caught.value).startswith(f"{path}: ")
    assert str(caught.value).endswith("; repair the record or take it out")


def test_other_faults_are_told_as_of_any_log(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    source = jsonl.Source(path, shape="kserve")
    path.write_text(json.dumps(GOOD) + "\n{no\n")
    with pytest.raises(Unreadable, match=r"log.jsonl: line 2 is no JSON \(.*\); repair it"):
        source.names()
    path.write_text(json.dumps(GOOD) + "\n")
    with pytest.raises(Unreadable, match="no predictions; none of its records gives a row"):
        source.survey(COLUMNS, ALL_TIME)
    path.write_text(
        json.dumps(GOOD) + "\n" + json.dumps({**ANSWER, "data": {"predictions": [1, 2]}})
    )
    with pytest.raises(WrongSchema, match="there is no column 'timestamp'"):
        source.survey(Columns("timestamp"), ALL_TIME)


def test_failed_requests_are_the_only_thing_of_a_window_without_answers(tmp_path: Path) -> None:
    table = pq.read_table(make.HERE / "databricks")
    codes = pa.array(table["status_code"].to_pylist()[:32] + [500] * 32, pa.int32())
    place = table.schema.get_field_index("status_code")
    pq.write_table(table.set_column(place, "status_code", codes), tmp_path / "p.parquet")
    source = parquet.Source(tmp_path, shape="databricks", fields=SCORE)
    portrait = source.profile(PLAN, COLUMNS, HALVES, LATER)[HALVES[1]][WHOLE]
    assert (portrait.rows, portrait.log.anomalies["failed_requests"].count) == (0, 32)


def nested(folder: Path, **fields: str) -> jsonl.Source:
    path = folder / "log.jsonl"
    records = [
        {"meta": {"at": f"2025-03-03T0{n}:00:00Z"}, "items": [{"amount": n}], "all": None}
        for n in range(9)
    ]
    path.write_text("\n".join(map(json.dumps, records)))
    return jsonl.Source(path, shape="nested", fields=fields)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (
            "itms[*].amount",
            "x: itms[*].amount was found in none of 9 rows; did you mean items[*].amount?",
        ),
        ("all", "x: all was found in none of 9 rows"),
        ("response.proba", "x: response.proba was found in none of 9 rows"),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_is_told_with_the_nearest(
    path: str, said: str, tmp_path: Path
) -> None:
    found = nested(tmp_path, at="meta.at", amount="items[*].amount", x=path)
    assert found.survey(Columns(timestamp="at"), ALL_TIME).notices == (said,)


def test_a_path_of_the_time_that_leads_nowhere_is_told_too(tmp_path: Path) -> None:
    found = nested(tmp_path, at="meta.att", amount="items[*].amount")
    day = Window(datetime(2025, 3, 3, tzinfo=UTC), datetime(2025, 3, 4, tzinfo=UTC))
    survey = found.survey(Columns(timestamp="at"), day)
    assert survey.rows == 0
    assert "at: meta.att is in none of 9 records; did you mean meta.at?" in survey.notices


# configuration


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ('shape = "sagemaked"', "shape = 'sagemaked': unknown; did you mean 'sagemaker'?"),
        (
            'shape = "kserve"\nfields = { feature = ["a"] }',
            "fields.feature: unknown; did you mean 'features'?",
        ),
        (
            'shape = "kserve"\nfields = { features = "a" }',
            "fields.features: must be a list of names",
        ),
        ('shape = "nested"', "fields: name the columns"),
        (
            'shape = "nested"\nfields = { a = "x..y" }',
            "fields.a: 'x..y' is no path such as request.items[*].price",
        ),
        ('shape = "nested"\nfields = { a = "x[*].y[*]" }', "has [*] more than once"),
        ('fields = { features = ["a"] }', "fields: belong to a shape"),
    ],
)
def test_a_wrong_shape_is_a_problem_of_the_configuration(
    extra: str, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "monitor.toml"
    path.write_text(
        f'[models.m.source]\ntype = "jsonl"\npath = "x"\n{extra}\n'
        '[models.m.columns]\ntimestamp = "timestamp"\n'
        "[models.m.reference]\nfrom = 2025-03-03\nto = 2025-03-07\n"
    )
    with pytest.raises(ConfigError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert problem.startswith("models.m.source: ")
    assert said in problem


# the page


def sections() -> Iterator[tuple[str, str]]:
    for part in PAGE.read_text().split("\n### ")[1:]:
        yield part.partition("\n")[0], part


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


def shape_in(toml: str) -> str:
    found = re.search(r'shape = "(\w+)"', toml)
    assert found is not None
    return found[1]


def test_every_shape_has_its_section() -> None:
    shown = [shape_in(blocks(text, "toml")[0]) for _, text in sections()]
    assert sorted(shown) == list(shape_names())


@pytest.mark.parametrize("text", [t for _, t in sections()], ids=[n for n, _ in sections()])
def test_the_sample_of_a_section_gives_the_rows_it_shows(text: str, tmp_path: Path) -> None:
    model = tmp_path / "monitor.toml"
    model.write_text(blocks(text, "toml")[0])
    source = load(model).model("credit").source
    records = [json.loads(line) for line in blocks(text, "json")[0].splitlines()]
    options = source.fields  # type: ignore[attr-defined]
    found = rows_of(source.shape, *records, **options)  # type: ignore[attr-defined]
    assert found == [json.loads(line) for line in blocks(text, "jsonl")[0].splitlines()]


SAMPLES = [toml for toml in blocks(PAGE.read_text(), "toml") if "shape = " in toml]


@pytest.mark.parametrize("toml", SAMPLES, ids=shape_in)
def test_the_configuration_of_a_section_runs_on_a_log_of_that_shape(
    toml: str, tmp_path: Path
) -> None:
    shape = shape_in(toml)
    kept = make.HERE / shape
    copytree(kept / "captured" if shape == "sagemaker" else kept, tmp_path / "captured")
    (tmp_path / "captured").rename(tmp_path / ("payload" if shape == "databricks" else "captured"))
    if shape == "sagemaker":
        copytree(kept / "truth", tmp_path / "truth")
    path = tmp_path / "monitor.toml"
    path.write_text(toml)
    config = load(path)
    model = config.model("credit")
    baseline, _ = learn(model, LATER)
    rows = sum(len(r.rows) for r in make.requests()[: make.HALF] if r.kept)
    assert baseline.portraits[WHOLE].rows == rows
    assert set(make.FEATURES) <= baseline.plan.columns.keys()
    assert {"failed_requests", "unpaired_requests"} <= {rule.check.name for rule in model.rules}
