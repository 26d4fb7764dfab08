from __future__ import annotations

import gzip
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, Plan
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    SourceError,
    Unreachable,
    Unreadable,
    WrongSchema,
    csv,
    jsonl,
    parquet,
    source_type,
    source_types,
)
from monitor.windows import Window
from tests.sources.logs import LATER, START, WHOLE, assert_same, at, day, profile

COLUMNS = Columns("ts", "id", "v", "p", "s", "y", "told")
PLAN = Plan(
    {"x": NumericPlan(), "c": CategoricalPlan(("a", "b")), "flag": CategoricalPlan(("true",))},
    BinaryPlan("1", "0"),
    {},
    {"x": "number", "c": "text", "flag": "boolean", "p": "number", "y": "number", "s": "number"},
    {"c": ("a",)},
)
WINDOWS = [day(0), day(1), day(2)]


def log(rows: int = 60) -> pa.Table:
    return pa.table(
        {
            "id": [f"p{i % 50}" for i in range(rows)],
            "ts": pa.array([at(i) for i in range(rows)], pa.timestamp("us", "UTC")),
            "v": ["1.10"] * rows,
            "x": [None if i % 9 == 4 else i / 8 for i in range(rows)],
            "c": [None if i % 7 == 2 else "abz"[i % 3] for i in range(rows)],
            "flag": [i % 2 == 0 for i in range(rows)],
            "p": [i % 2 for i in range(rows)],
            "s": [i / rows for i in range(rows)],
            "y": [None if i % 4 == 3 else i // 2 % 2 for i in range(rows)],
            "told": pa.array([at(i + 30) for i in range(rows)], pa.timestamp("us", "UTC")),
        }
    )


def write_parquet(table: pa.Table, path: Path, **more: Any) -> Path:
    pq.write_table(table, path, **more)
    return path


def write_csv(table: pa.Table, path: Path, separator: str = ",") -> Path:
    lines = [separator.join(table.schema.names)]
    for row in table.to_pylist():
        lines.append(separator.join("" if v is None else str(v) for v in row.values()))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_jsonl(table: pa.Table, path: Path) -> Path:
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in table.to_pylist()))
    return path


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_one_log_has_one_portrait_in_every_format(kind: str, tmp_path: Path) -> None:
    writers = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}
    path = writers[kind](log(), tmp_path / f"log.{kind}")
    source = source_type(kind)(path)
    expected = profile(PLAN, COLUMNS, *log().to_batches(), windows=WINDOWS)
    assert_same(source.profile(PLAN, COLUMNS, WINDOWS, LATER), expected)
    extent = source.extent(COLUMNS, LATER)
    assert (extent.rows, extent.first, extent.last) == (60, at(0), at(59))
    survey = source.survey(COLUMNS, ALL_TIME)
    families = {name: survey.columns[name].family for name in ("x", "c", "flag", "y")}
    assert families == {"x": "number", "c": "text", "flag": "boolean", "y": "number"}
    assert survey.columns["flag"].levels == ("false", "true")
    x = [value for value in log().column("x").to_pylist() if value is not None]
    assert survey.columns["x"].centre == np.median(x)


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_labels_may_live_in_files_of_their_own(kind: str, tmp_path: Path) -> None:
    table = log(50)
    rows, labels = table.drop_columns(["y", "told"]), table.select(["id", "y", "told"])
    writers = {"parquet": write_parquet, "csv": write_csv, "jsonl": write_jsonl}
    paths = [writers[kind](t, tmp_path / f"{n}.{kind}") for n, t in (("l", rows), ("t", labels))]
    source = source_type(kind)(*paths)
    for known_at in (at(40), at(60), at(900)):
        horizon = Horizon(known_at, at(1000))
        expected = profile(PLAN, COLUMNS, *table.to_batches(), windows=WINDOWS, horizon=horizon)
        assert_same(source.profile(PLAN, COLUMNS, WINDOWS, horizon), expected)
    assert source.survey(COLUMNS, ALL_TIME).columns["y"].levels == ("0", "1")


def test_labels_need_an_id_and_their_columns(tmp_path: Path) -> None:
    rows = write_parquet(log(), tmp_path / "rows.parquet")
    labels = write_parquet(log().select(["id", "told"]), tmp_path / "labels.parquet")
    source = parquet.Source(rows, labels)
    with pytest.raises(WrongSchema, match=r"labels.parquet: columns.label: .* no column 'y'"):
        source.profile(PLAN, COLUMNS, WINDOWS, LATER)
    with pytest.raises(WrongSchema, match=r"columns.id: is needed to join the labels"):
        source.profile(PLAN, replace(COLUMNS, id=None), WINDOWS, LATER)


def test_a_folder_and_a_pattern_are_read_in_the_order_of_names(tmp_path: Path) -> None:
    for place in range(3):
        part = log().slice(place * 20, 20)
        (tmp_path / f"day={place}").mkdir()
        write_parquet(part, tmp_path / f"day={place}" / "part.parquet")
    (tmp_path / "_SUCCESS").touch()
    (tmp_path / "_temporary").mkdir()
    (tmp_path / "_temporary" / "half.parquet").write_text("PAR1 half")
    (tmp_path / "notes.txt").write_text("not a log")
    expected = profile(PLAN, COLUMNS, *log().to_batches(), windows=WINDOWS)
    for path in (tmp_path, str(tmp_path / "day=*" / "*.parquet"), str(tmp_path / "day=?/**")):
        source = parquet.Source(path)
        assert_same(source.profile(PLAN, COLUMNS, WINDOWS, LATER), expected)
        assert source.extent(COLUMNS, LATER).rows == 60


def test_files_of_a_log_may_differ_in_columns_and_types(tmp_path: Path) -> None:
    write_parquet(pa.table({"ts": [at(1)], "x": [1], "c": ["a"]}), tmp_path / "1.parquet")
    write_parquet(pa.table({"ts": ["2024-01-01T02:00Z"], "x": ["2.0"]}), tmp_path / "2.parquet")
    plan = Plan({"x": NumericPlan(), "c": CategoricalPlan(("a",))})
    found = parquet.Source(tmp_path).profile(plan, Columns("ts"), [day(0)], LATER)[day(0)][WHOLE]
    assert (found.columns["x"].exact.tolist(), found.columns["x"].found) == (
        [1.0, 2.0],
        ("number", "text"),
    )
    assert found.columns["c"].found == ("absent", "text")


def corrupt(path: Path, group: int) -> None:
    """Overwrite the data of one row group."""
    chunk = pq.ParquetFile(path).metadata.row_group(group).column(1)
    octets = bytearray(path.read_bytes())
    start = chunk.dictionary_page_offset or chunk.data_page_offset
    octets[start : start + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(bytes(octets))


@pytest.mark.parametrize(
    "kind",
    [
        pa.timestamp("us", "UTC"),
        pa.timestamp("ns", "UTC"),
        pa.timestamp("ms"),
        pa.timestamp("s"),
        pa.date32(),
        pa.int64(),
    ],
    ids=str,
)
def test_row_groups_outside_the_windows_are_not_read(kind: pa.DataType, tmp_path: Path) -> None:
    times = pa.array([at(24 * i) for i in range(30)], pa.timestamp("us"))
    stamps = (
        pc.cast(times, kind)
        if kind != pa.int64()
        else pc.cast(pc.cast(times, "timestamp[s]"), kind)
    )
    table = pa.table({"ts": stamps, "x": [float(i) for i in range(30)]})
    path = write_parquet(table, tmp_path / "log.parquet", row_group_size=10)
    corrupt(path, 0)
    source, plan = parquet.Source(path), Plan({"x": NumericPlan()})
    found = source.profile(plan, Columns("ts"), [day(15), day(25)], LATER)
    assert [slices[WHOLE].columns["x"].exact.tolist() for slices in found.values()] == [[15], [25]]
    with pytest.raises(Unreadable, match=r"log\.parquet: a damaged"):
        source.profile(plan, Columns("ts"), [day(5)], LATER)


def test_row_groups_that_may_hold_strays_are_read(tmp_path: Path) -> None:
    stamps = [at(1), at(2), at(24 * 4000), at(24 * 4001), None, at(24 * 90)]
    path = write_parquet(pa.table({"ts": stamps}), tmp_path / "log.parquet", row_group_size=2)
    found = parquet.Source(path).profile(Plan(), Columns("ts"), [day(0)], LATER)[day(0)][WHOLE]
    anomalies = {name: anomaly.count for name, anomaly in found.log.anomalies.items()}
    assert (found.rows, anomalies) == (2, {"future_rows": 2, "untimed_rows": 1})


def test_wall_clock_statistics_are_given_a_day_of_slack(tmp_path: Path) -> None:
    stamps = pa.array(
        [at(24 * i + 23.5).replace(tzinfo=None) for i in range(4)], pa.timestamp("us")
    )
    path = write_parquet(pa.table({"ts": stamps}), tmp_path / "log.parquet", row_group_size=1)
    found = parquet.Source(path).profile(
        Plan(), Columns("ts", timezone="America/Los_Angeles"), [day(0), day(1)], LATER
    )
    assert [slices[WHOLE].rows for slices in found.values()] == [0, 1]


def test_a_mistyped_column_is_refused_with_the_likeliest_meant(tmp_path: Path) -> None:
    path = write_parquet(log(), tmp_path / "log.parquet")
    source = parquet.Source(path)
    for columns, name, meant in (
        (replace(COLUMNS, timestamp="tss"), "timestamp", "ts"),
        (replace(COLUMNS, id="idd"), "id", "id"),
        (replace(COLUMNS, label_timestamp="tol"), "label_timestamp", "told"),
        (replace(COLUMNS, numeric=("x", "flags")), "numeric", "flag"),
    ):
        message = rf"log\.parquet: columns\.{name}: there is no column .*did you mean '{meant}'"
        with pytest.raises(WrongSchema, match=message):
            source.survey(columns, ALL_TIME)
    with pytest.raises(WrongSchema, match="did you mean 'ts'"):
        source.profile(PLAN, replace(COLUMNS, timestamp="tss"), WINDOWS, LATER)
    with pytest.raises(WrongSchema, match=r"it has id, ts, v"):
        source.extent(Columns("quite else"), LATER)


def test_a_feature_that_vanished_later_is_absent_and_no_error(tmp_path: Path) -> None:
    path = write_parquet(log().drop_columns(["x", "p"]), tmp_path / "log.parquet")
    found = parquet.Source(path).profile(PLAN, COLUMNS, WINDOWS, LATER)[day(0)][WHOLE]
    assert found.columns["x"].found == ("absent",)
    assert found.rows == 24


@pytest.mark.parametrize("kind", ["parquet", "csv", "jsonl"])
def test_what_is_not_there_is_unreachable(kind: str, tmp_path: Path) -> None:
    source = source_type(kind)
    for path in (tmp_path / f"none.{kind}", tmp_path / f"none*.{kind}"):
        with pytest.raises(Unreachable, match="no such file"):
            source(path).extent(COLUMNS, LATER)
    with pytest.raises(Unreachable, match=rf"no \.{kind} file in it"):
        source(tmp_path).extent(COLUMNS, LATER)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("log.parquet", b"", "not a Parquet file"),
        ("log.parquet", b"id,ts\n1,2\n", "not a Parquet file"),
        ("log.parquet", b"PAR1" + b"x" * 90, "damaged or incomplete Parquet file"),
        ("log.csv", b"", "no rows; the log is empty"),
        ("log.csv", b"\n \n", "no rows; the log is empty"),
        ("log.csv", b"ts,x\n", "no rows; the log is empty"),
        ("log.csv", b"ts,x\n2024-01-01,\xff\n", "set 'encoding'"),
        ("log.csv", "ts,x\n2024-01-01,1\n".encode("utf-16"), "set 'encoding'"),
        ("log.csv", b"SQLite format 3\0 and so on", "not a CSV file"),
        ("log.csv", b"ts,x\n2024-01-01,1,\n", "line 2 has 3 cells; the header has 2 cells"),
        ("log.csv", b"2024-01-01,1\n2024-01-02,2\n", "no column 'ts'; it has 2024-01-01, 1"),
        ("log.csv", b"ts,x,x\n2024-01-01,1,2\n", "two columns are named 'x'"),
        ("log.jsonl", b"", "no rows; the log is empty"),
        (
            "log.jsonl",
            b'{"ts": 1}\n{"ts": \n',
            r"line 2 is no JSON \(Expecting value at column 8\); repair it",
        ),
        ("log.jsonl", b'{"ts": 1}\n{"ts": "2024', r"line 2 is no JSON .*; it has no end yet"),
        (
            "log.jsonl",
            b'{"ts": 1}\n{"ts": "a\tb"}\n',
            r"line 2 is no JSON \(Invalid control character at column 10\); repair it",
        ),
        ("log.jsonl", b'{"ts": 1}\n\n[1]\n', "line 3 is no JSON object"),
        ("log.jsonl", b'{"ts": 1}\n{"ts": "\xff"}\n', "line 2 is not UTF-8"),
        ("log.jsonl.gz", b"not compressed", "not a JSON Lines file"),
    ],
)
def test_broken_files_are_refused_in_one_sentence(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    source = source_type(name.split(".")[1])(path)
    with pytest.raises(SourceError, match=message) as caught:
        source.survey(Columns("ts"), ALL_TIME)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_log_of_rows_outside_the_windows_is_not_empty(tmp_path: Path) -> None:
    source = parquet.Source(write_parquet(log(), tmp_path / "log.parquet"))
    assert source.survey(COLUMNS, day(300)).rows == 0
    assert source.extent(COLUMNS, Horizon(at(-9), at(1000))).rows == 0
    assert source.profile(PLAN, COLUMNS, [day(300)], LATER)[day(300)][WHOLE].rows == 0


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_of_a_csv_is_found_out(separator: str, tmp_path: Path) -> None:
    path = write_csv(log(), tmp_path / "log.csv", separator)
    expected = profile(PLAN, COLUMNS, *log().to_batches(), windows=WINDOWS)
    assert_same(csv.Source(path).profile(PLAN, COLUMNS, WINDOWS, LATER), expected)
    given = csv.Source(path, separator=separator)
    assert given.extent(COLUMNS, LATER).rows == 60


def test_a_wrong_separator_is_refused_with_the_right_one(tmp_path: Path) -> None:
    path = write_csv(log(), tmp_path / "log.csv", ";")
    with pytest.raises(Unreadable, match="one column only; set separator = ';'"):
        csv.Source(path, separator=",").extent(COLUMNS, LATER)


def test_decimal_commas_are_refused_with_a_hint_and_read_when_set(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("ts;x;c\n2024-01-01;1,5;a,b\n2024-01-01;-0,25;a\n2024-01-01;7;\n")
    plan = Plan({"x": NumericPlan(), "c": CategoricalPlan(("a,b",))}, found={"x": "number"})
    found = csv.Source(path, decimal=",").profile(plan, Columns("ts"), [day(0)], LATER)
    column = found[day(0)][WHOLE].columns["x"]
    assert (column.exact.tolist(), column.unparsed) == ([-0.25, 1.5, 7.0], 0)
    assert found[day(0)][WHOLE].columns["c"].n == 2
    path.write_text("ts;x\n2024-01-01;7\n2024-01-01;1,5\n2024-01-01;\n")
    with pytest.raises(Unreadable, match=r"column 'x' seems to have decimal commas \(1,5\)"):
        csv.Source(path).extent(Columns("ts"), LATER)


def test_quotes_newlines_blank_lines_and_empty_cells_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        '\ufeffts,x,c\n2024-01-01,1.5,"two\nlines, one cell"\n\n2024-01-01,,""\n'
        '2024-01-01,2,"5"" pipe"\n2024-01-01,3,6" pipe\n',
        encoding="utf-8",
    )
    plan = Plan({"x": NumericPlan(), "c": CategoricalPlan()})
    found = csv.Source(path).profile(plan, Columns("ts"), [day(0)], LATER)[day(0)][WHOLE]
    assert (found.rows, found.columns["x"].missing, found.columns["c"].missing) == (4, 1, 1)
    assert set(found.columns["c"].unseen) == {"two\nlines, one cell", '5" pipe', '6" pipe'}


def test_ragged_rows_of_a_csv_are_named_by_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('ts,x\n2024-01-01,"a\nb"\n2024-01-01\n2024-01-01,1\n2024-01-01,2,3\n')
    with pytest.raises(Unreadable) as caught:
        csv.Source(path).extent(Columns("ts"), LATER)
    assert "line 4 has 1 cells; line 6 has 3 cells" in str(caught.value)


def test_a_quote_left_open_never_swallows_the_rest_unsaid(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('ts,x\n2024-01-01,1\n2024-01-01,"2\n2024-01-01,3\n2024-01-01,4\n')
    with pytest.raises(Unreadable, match="line 3 opens a quote that is not closed"):
        csv.Source(path).extent(Columns("ts"), LATER)


def test_a_csv_may_be_compressed_or_in_another_encoding(tmp_path: Path) -> None:
    text = "ts,c\n2024-01-01,café\n"
    plan, columns = Plan({"c": CategoricalPlan()}), Columns("ts")
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(text.encode()))
    latin = tmp_path / "latin.csv"
    latin.write_bytes(text.encode("latin-1"))
    wide = tmp_path / "wide.csv"
    wide.write_bytes(text.encode("utf-16"))
    for source in (
        csv.Source(packed),
        csv.Source(latin, encoding="latin-1"),
        csv.Source(wide, encoding="utf-16"),
    ):
        found = source.profile(plan, columns, [day(0)], LATER)[day(0)][WHOLE]
        assert found.columns["c"].unseen == {"café": 1}


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"separator": "||"}, "must be one character"),
        ({"decimal": "x"}, "must be '.' or ','"),
        ({"encoding": "utf-9"}, "encoding = 'utf-9': unknown"),
    ],
)
def test_impossible_keys_of_a_csv_are_refused(keys: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        csv.Source("log.csv", **keys)


def test_cells_of_several_types_in_json_lines_are_judged_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    rows: list[dict[str, object]] = [
        {"ts": "2024-01-01T00:00:00Z", "x": 1.5, "c": "a"},
        {"ts": "2024-01-01T01:00:00+01:00", "x": "n/a", "c": 7, "late": True},
        {"ts": "2024-01-01 00:00:00", "x": "2.5", "c": None, "tags": [1, "b"]},
        {"ts": 1704067200000, "x": 2**70, "c": True},
    ]
    path.write_text("\ufeff" + "\n".join(map(json.dumps, rows)), encoding="utf-8")
    plan = Plan(
        {"x": NumericPlan(), "c": CategoricalPlan(("a", "7", "true")), "late": CategoricalPlan()},
        found={"x": "number", "c": "text"},
    )
    columns = Columns("ts", timezone="UTC")
    found = jsonl.Source(path).profile(plan, columns, [day(0)], LATER)[day(0)][WHOLE]
    assert found.rows == 4
    x, c, late = found.columns.values()
    assert (x.exact.tolist(), x.unparsed, x.example) == ([1.5, 2.5, 2.0**70], 1, "n/a")
    assert x.found == ("number", "text")
    assert (c.counts.tolist(), c.missing) == ([1, 1, 1], 1)
    assert (late.n, late.missing, late.found) == (1, 3, ("boolean",))


def test_json_times_keep_their_offset_and_wall_clocks_their_zone(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text('{"ts": "2024-01-01T00:30:00Z"}\n{"ts": "2024-01-01T00:30:00"}\n')
    extent = jsonl.Source(path).extent(Columns("ts", timezone="Europe/Paris"), LATER)
    assert (extent.first, extent.last) == (at(-0.5), at(0.5))


def test_a_key_that_comes_late_in_a_long_file_is_null_before(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("monitor.sources._jsonl._BLOCK", 100)
    path = tmp_path / "log.jsonl"
    rows = [{"ts": "2024-01-01", "c": "x"}] * 20 + [{"ts": "2024-01-01", "c": "x", "x": 1.5}]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    plan = Plan({"x": NumericPlan(), "never": NumericPlan()})
    found = jsonl.Source(path).profile(plan, Columns("ts"), [day(0)], LATER)[day(0)][WHOLE]
    x, never = found.columns.values()
    assert (x.n, x.missing, x.found) == (1, 20, ("number",))
    assert (never.rows, never.found) == (0, ("absent",))


def test_the_folder_names_the_formats() -> None:
    assert {"parquet", "csv", "jsonl"} <= set(source_types())
    assert source_type("parquet") is parquet.Source


def test_reading_parquet_imports_no_pandas(tmp_path: Path) -> None:
    write_parquet(log(), tmp_path / "log.parquet")
    script = """
import sys
from datetime import UTC, datetime
from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, Plan
from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources.parquet import Source
now = datetime(2025, 1, 1, tzinfo=UTC)
columns = Columns("ts", "id", "v", "p", "s", "y", "told")
plan = Plan({"x": NumericPlan(), "c": CategoricalPlan(("a",))}, BinaryPlan("1", "0"))
source = Source(sys.argv[1])
source.survey(columns, ALL_TIME)
source.extent(columns, Horizon(now, now))
(slices,) = source.profile(plan, columns, [ALL_TIME], Horizon(now, now)).values()
assert slices[("", "")].rows == 50
assert "pandas" not in sys.modules
"""
    command = [sys.executable, "-W", "error", "-c", script, str(tmp_path / "log.parquet")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_reading_never_writes(tmp_path: Path) -> None:
    path = write_parquet(log(), tmp_path / "log.parquet")
    path.chmod(0o444)
    before = path.read_bytes()
    window = Window(START, at(900))
    parquet.Source(path).profile(PLAN, COLUMNS, [window], LATER)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["log.parquet"]
