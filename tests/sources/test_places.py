from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import fs

from checks.plan import NumericPlan, Plan
from monitor.binding import Problems, bind
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    SourceError,
    Unreachable,
    csv,
    jsonl,
    parquet,
)
from monitor.sources._dated import MARGIN, dated
from monitor.sources._places import found, shown
from monitor.windows import Window
from tests.sources.logs import LATER, START, WHOLE, assert_same, at, day

PLAN = Plan({"x": NumericPlan()})
COLUMNS = Columns("ts", "id")


def log(number: int = 0, rows: int = 12) -> pa.Table:
    """A day of a log."""
    stamps = pa.array([at(24 * number + i) for i in range(rows)], pa.timestamp("us", "UTC"))
    ids = [f"{number}-{i}" for i in range(rows)]
    return pa.table({"id": ids, "ts": stamps, "x": [i + number / 8 for i in range(rows)]})


def put(system: fs.FileSystem, path: str, octets: bytes) -> None:
    system.create_dir(path.rpartition("/")[0], recursive=True)
    with system.open_output_stream(path, compression=None) as stream:
        stream.write(octets)


def as_parquet(table: pa.Table) -> bytes:
    buffer = pa.BufferOutputStream()
    pq.write_table(table, buffer, row_group_size=5)
    return bytes(buffer.getvalue())


def as_csv(table: pa.Table) -> bytes:
    lines = [",".join(table.column_names)]
    lines += [f"{row['id']},{row['ts'].isoformat()},{row['x']}" for row in table.to_pylist()]
    return "\n".join(lines).encode()


def as_jsonl(table: pa.Table) -> bytes:
    rows = [{**row, "ts": row["ts"].isoformat()} for row in table.to_pylist()]
    return "\n".join(map(json.dumps, rows)).encode()


FORMATS = {"parquet": (parquet, as_parquet), "csv": (csv, as_csv), "jsonl": (jsonl, as_jsonl)}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """The URL of a bucket on a server on this machine, up to the path, and its query."""
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=1).close()
                break
            time.sleep(0.1)
        request = urllib.request.Request(f"http://127.0.0.1:{port}/log-bucket", method="PUT")
        urllib.request.urlopen(request, timeout=10).close()
        yield f"endpoint_override=127.0.0.1%3A{port}&scheme=http&region=us-east-1"
    finally:
        server.terminate()
        server.wait(10)


def s3(query: str, path: str) -> str:
    return f"s3://ANAS-KEY:ANAS-SECRET@log-bucket/{path}?{query}"


@pytest.mark.parametrize("kind", FORMATS)
def test_s3_is_read_as_the_disk_is(kind: str, bucket: str, tmp_path: Path) -> None:
    module, written = FORMATS[kind]
    system, _ = fs.FileSystem.from_uri(s3(bucket, ""))
    for number in range(3):
        put(system, f"log-bucket/{kind}/day={number}/log.{kind}", written(log(number)))
        folder = tmp_path / f"day={number}"
        folder.mkdir()
        (folder / f"log.{kind}").write_bytes(written(log(number)))
    put(system, f"log-bucket/{kind}/_temporary/0/log.{kind}", b"torn")
    windows = [day(0), day(1), day(2)]
    here = module.Source(tmp_path).profile(PLAN, COLUMNS, windows, LATER)
    for path in (kind, f"{kind}/*/log.{kind}", f"{kind}/**/day=*/*.{kind}"):
        source = module.Source(s3(bucket, path))
        assert_same(source.profile(PLAN, COLUMNS, windows, LATER), here)
        assert source.extent(COLUMNS, LATER) == module.Source(tmp_path).extent(COLUMNS, LATER)
    one = module.Source(s3(bucket, f"{kind}/day=1/log.{kind}"))
    assert one.survey(COLUMNS, ALL_TIME).rows == 12


def test_no_message_about_s3_shows_its_keys(bucket: str) -> None:
    system, _ = fs.FileSystem.from_uri(s3(bucket, ""))
    put(system, "log-bucket/torn/log.parquet", as_parquet(log())[:-20])
    gone = bucket.replace("endpoint_override=127.0.0.1%3A", "endpoint_override=127.0.0.1%3A1")
    for url, said in (
        (s3(bucket, "nothing/*.parquet"), "s3://log-bucket/nothing/*.parquet: no such file"),
        (s3(bucket, "torn"), "s3://log-bucket/torn/log.parquet: a damaged or incomplete"),
        (s3(gone, "x"), "s3://log-bucket/x: "),
    ):
        with pytest.raises(SourceError) as error:
            parquet.Source(url).extent(COLUMNS, LATER)
        assert said in str(error.value)
        assert "ANAS" not in str(error.value)
        assert "endpoint" not in str(error.value)


def test_a_filesystem_of_fsspec_is_read_too() -> None:
    memory = pytest.importorskip("fsspec", reason="fsspec is not installed").filesystem("memory")
    for number in range(2):
        memory.pipe(f"/logs/{number}/log.parquet", as_parquet(log(number)))
    for path in ("memory://logs", "memory://logs/*/log.parquet", "memory:///logs/**/*.parquet"):
        source = parquet.Source(path)
        portraits = source.profile(PLAN, COLUMNS, [day(0), day(1)], LATER)
        assert [portraits[day(i)][WHOLE].rows for i in range(2)] == [12, 12]
        assert source.extent(COLUMNS, LATER).rows == 24
    with pytest.raises(Unreachable, match=r"memory://logs/none\.parquet: no such file"):
        parquet.Source("memory://logs/none.parquet").names()


def test_an_unknown_or_undriven_filesystem_is_one_sentence() -> None:
    pytest.importorskip("fsspec", reason="fsspec is not installed")
    with pytest.raises(Unreachable, match=r"^nosuch://x/y: Protocol not known: nosuch$"):
        parquet.Source("nosuch://user:pw@x/y").names()
    if not _driven("paramiko"):
        with pytest.raises(Unreachable, match=r"^sftp://box/y: .*paramiko"):
            parquet.Source("sftp://ana:pw@box/y").names()


def _driven(package: str) -> bool:
    with contextlib.suppress(ImportError):
        __import__(package)
        return True
    return False


def test_without_fsspec_the_way_out_is_said(tmp_path: Path) -> None:
    (tmp_path / "fsspec").mkdir()
    (tmp_path / "fsspec/__init__.py").write_text("raise ImportError('not here')")
    code = (
        "from monitor.sources.parquet import Source\n"
        "try: Source('memory://u:p@logs').names()\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join((str(tmp_path), str(Path.cwd())))}
    told = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True
    )
    assert told.stdout == (
        "Unreachable memory://logs: to read memory:// install fsspec and its driver for it\n"
    )


def test_a_file_url_is_a_path(tmp_path: Path) -> None:
    folder = tmp_path / "a b"
    folder.mkdir()
    (folder / "log.parquet").write_bytes(as_parquet(log()))
    source = parquet.Source(folder.as_uri() + "/*.parquet")
    assert source.extent(COLUMNS, LATER).rows == 12


def test_a_url_in_the_configuration_stays_one_and_its_keys_are_secrets(tmp_path: Path) -> None:
    problems = Problems()
    table = {"path": "s3://ANAS-KEY:ANAS-SECRET@b/x", "labels": "truth/*.parquet"}
    source = bind(parquet.Source, table, "models.m.source", problems, tmp_path)
    assert source == parquet.Source("s3://ANAS-KEY:ANAS-SECRET@b/x", tmp_path / "truth/*.parquet")
    assert [secret.reveal() for secret in problems.secrets] == ["ANAS-KEY", "ANAS-SECRET"]
    assert shown("s3://ANAS-KEY:ANAS-SECRET@b/x?a=b") == "s3://b/x"


def test_only_files_near_the_wanted_windows_are_opened(tmp_path: Path) -> None:
    for number in range(6):
        name = (START + timedelta(days=number)).strftime("%Y/%m/%d")
        (tmp_path / name).mkdir(parents=True)
        octets = b"never opened" if number in (0, 5) else as_parquet(log(number))
        (tmp_path / name / "log.parquet").write_bytes(octets)
    source = parquet.Source(tmp_path / "{date:%Y/%m/%d}/*.parquet")
    found = source.profile(PLAN, COLUMNS, [day(2), day(3)], LATER)
    assert [found[day(i)][WHOLE].rows for i in (2, 3)] == [12, 12]
    assert len(list(source.rows(["x"], COLUMNS, day(2), LATER))) > 0
    with pytest.raises(SourceError, match="not a Parquet file"):
        source.profile(PLAN, COLUMNS, [day(1)], LATER)
    whole = parquet.Source(tmp_path / "{date:%Y/%m/%d}")
    assert whole.profile(PLAN, COLUMNS, [day(2)], LATER)[day(2)][WHOLE].rows == 12


def test_a_window_without_a_file_is_empty_and_a_log_without_one_an_error(tmp_path: Path) -> None:
    source = parquet.Source(tmp_path / "{date:%Y-%m-%d}.parquet")
    with pytest.raises(Unreachable, match="no such file"):
        source.profile(PLAN, COLUMNS, [day(9)], LATER)
    (tmp_path / f"{START:%Y-%m-%d}.parquet").write_bytes(as_parquet(log()))
    assert source.profile(PLAN, COLUMNS, [day(9)], LATER)[day(9)][WHOLE].rows == 0
    assert source.extent(COLUMNS, LATER).rows == 12


def test_labels_with_dates_are_read_from_the_window_on(tmp_path: Path) -> None:
    (tmp_path / "log.parquet").write_bytes(as_parquet(log(3)))
    for number in range(30):
        octets = (
            b"never opened"
            if number < 2
            else as_parquet(pa.table({"id": [f"3-{number % 12}"], "y": [1]}))
        )
        (tmp_path / f"{START + timedelta(days=number):y-%Y%m%d}.parquet").write_bytes(octets)
    source = parquet.Source(tmp_path / "log.parquet", tmp_path / "y-{date:%Y%m%d}.parquet")
    plan = Plan({"x": NumericPlan(), "y": NumericPlan()}, roles={"y": "label"})
    columns = Columns("ts", "id", label="y")
    assert source.profile(plan, columns, [day(3)], LATER)[day(3)][WHOLE].log.labels == 12


TEMPLATES = st.sampled_from(
    ["a/{date:%Y/%m/%d}/x.csv", "{date:%Y}/b[1]/**/{date:%m}-*.csv", "y={date:%Y}/h={date:%m%d%H}"]
)
MOMENTS = st.datetimes(datetime(1999, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@given(TEMPLATES, MOMENTS, MOMENTS, st.timedeltas(timedelta(hours=1), timedelta(days=800)))
def test_a_file_is_opened_exactly_where_its_period_is_near(
    text: str, written: datetime, start: datetime, length: timedelta
) -> None:
    template = dated(text)
    assert template is not None
    name = template.patterns([Window(written, written + timedelta(microseconds=1))])
    windows = [Window(start, start + length)]
    finest = timedelta(hours=1) if "%H" in text else timedelta(days=1 if "%d" in text else 31)
    chosen = template.patterns(windows)
    wild = template.patterns(None) == chosen
    near = start - MARGIN <= written < start + length + MARGIN
    this = written.strftime(text.replace("{date:", "").replace("}", ""))
    if near:
        assert this in name
        assert wild or this in chosen
        assert template.may_hold(
            this.replace("[1]", "1").replace("**", "q").replace("*", "x"), windows
        )
    if written + finest < start - MARGIN - finest or written > start + length + MARGIN + finest:
        assert wild or this not in chosen
        assert not template.may_hold(
            this.replace("[1]", "1").replace("**", "q").replace("*", "x"), windows
        )


@pytest.mark.parametrize("text", ["{date:%j}/x", "{date:%m-%d}.csv", "{date:now}", "{date:%Y %}"])
def test_a_date_that_is_not_understood_is_refused_up_front(text: str) -> None:
    with pytest.raises(ValueError, match="date"):
        parquet.Source(text)


def test_a_damaged_row_group_is_named(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.parquet").write_bytes(as_parquet(log(number)))
    path = tmp_path / "1.parquet"
    chunk = pq.read_metadata(path).row_group(2).column(2)
    octets = bytearray(path.read_bytes())
    offset = chunk.dictionary_page_offset or chunk.data_page_offset
    octets[offset : offset + chunk.total_compressed_size] = b"\xff" * chunk.total_compressed_size
    path.write_bytes(octets)
    with pytest.raises(SourceError, match=r"1\.parquet: .*: row group 2 of 1\.parquet"):
        parquet.Source(tmp_path).profile(PLAN, COLUMNS, [day(0), day(1), day(2)], LATER)


@pytest.mark.parametrize("kind", FORMATS)
def test_the_extent_of_unchanged_files_is_remembered(kind: str, tmp_path: Path) -> None:
    module, written = FORMATS[kind]
    first, second = (tmp_path / f"{name}.{kind}" for name in "ab")
    first.write_bytes(written(log(0)))
    second.write_bytes(written(log(1)))
    source = module.Source(str(tmp_path / f"*.{kind}"))
    before = source.extent(COLUMNS, LATER)
    assert (before.rows, before.first, before.last) == (24, at(0), at(35))
    told = second.stat()
    second.write_bytes(b"\xff" * told.st_size)  # nobody looks, as size and time are the same
    os.utime(second, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert source.extent(COLUMNS, LATER) == before
    second.write_bytes(written(log(2, rows=20)))
    assert source.extent(COLUMNS, LATER).last == at(67)


def moments(hours: list[float | None]) -> pa.Table:
    stamps = [None if hour is None else at(hour) for hour in hours]
    return pa.table({"ts": pa.array(stamps, pa.timestamp("us", "UTC"))})


@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.integers(-50, 60)), max_size=6), min_size=1, max_size=3
    ),
    st.integers(-60, 70),
    st.integers(0, 30),
    st.one_of(st.none(), st.integers(-60, 70)),
)
def test_the_extent_is_that_of_all_rows(
    files: list[list[int | None]], known: int, ahead: int, since: int | None
) -> None:
    horizon = Horizon(at(known), at(known + ahead))
    columns = Columns("ts")
    path = "memory://extent"
    memory: Any = pytest.importorskip("fsspec").filesystem("memory")
    with contextlib.suppress(FileNotFoundError):
        memory.rm("/extent", recursive=True)
    filled = [hours for hours in files if hours] or [[0]]
    for number, hours in enumerate(filled):
        buffer = pa.BufferOutputStream()
        pq.write_table(moments(list(hours)), buffer, row_group_size=2)
        memory.pipe(f"/extent/{number}.parquet", buffer.getvalue().to_pybytes())
    source = parquet.Source(path)
    start = None if since is None else at(since)
    got = source.extent(columns, horizon, start)
    times = [hour for hours in filled for hour in hours if hour is not None]
    clock = known + ahead + 1  # an hour of skew is not the future
    seen = [t for t in times if t <= min(known, clock) and (since is None or t >= since)]
    rows = len(seen)
    if since is None:
        nothing = sum(hour is None for hours in filled for hour in hours)
        rows += nothing + sum(t > clock for t in times)
    assert got.rows == rows
    assert got.first == (at(min(seen)) if seen else None)
    assert got.last == (at(max(seen)) if seen else None)


def test_hidden_files_of_a_folder_are_left_out(tmp_path: Path) -> None:
    for name in ("a.parquet", ".b.parquet", "_c/d.parquet", "e/f.parquet", "g.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [file.name for file in found(tmp_path, (".parquet",))] == ["a.parquet", "f.parquet"]
