"""ClickHouse inside this process gives what the same log gives as files."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.profile import CategoricalProfile
from monitor.findings import WHOLE
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    SourceError,
    Unreachable,
    Unreadable,
    WrongSchema,
    parquet,
    source_type,
)
from monitor.sources._breaker import TimedOut
from monitor.sources.clickhouse import Source
from monitor.windows import Window
from tests.servers import require_module
from tests.shared import shared
from tests.sources.databases import differences, plan_of
from tests.sources.logs import assert_same
from tests.sources.test_sql import LIVE, daily, day, real_columns

START = datetime(2024, 1, 1, tzinfo=UTC)
ENDLESS = "SELECT count() AS x FROM numbers(1000000000000) WHERE number * 3 = 7"
APART = ("label", "label_timestamp")


def query(folder: Path, *statements: str) -> None:
    """Run statements on a data folder."""
    server = require_module("chdb.session").Session(str(folder))
    try:
        for statement in statements:
            server.query(statement)
    finally:
        server.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a real log, and one of odd types."""
    made = tmp_path_factory.mktemp("clickhouse") / "data"
    path = shared("data", "elec2.parquet")
    table = "ENGINE = MergeTree ORDER BY timestamp SETTINGS allow_nullable_key = 1 AS SELECT"
    query(
        made,
        f"CREATE TABLE predictions {table} * EXCEPT (label, label_timestamp) FROM file('{path}')",
        "CREATE TABLE labels ENGINE = MergeTree ORDER BY prediction_id SETTINGS allow_nullable_key"
        f" = 1 AS SELECT prediction_id, label, label_timestamp FROM file('{path}')"
        " WHERE label IS NOT NULL",
        """CREATE TABLE odd (ts DateTime('Asia/Kolkata'), fine DateTime64(9),
           kind Enum8('a' = 1, 'b' = 2), id UUID, low LowCardinality(Nullable(String)),
           fixed FixedString(2), list Array(Int8),
           flag Bool, day Date, price Decimal(10, 2), single Float32, wide UInt64)
           ENGINE = MergeTree ORDER BY ts""",
        """INSERT INTO odd SELECT toDateTime('2024-01-01 00:00:00', 'UTC') + number, now64(9), 'b',
           generateUUIDv4(), if(number = 0, NULL, 'x'), 'ab', [1], number % 2, '2024-01-01', 1.25,
           0.1, 18446744073709551615 FROM numbers(10)""",
    )
    return made


@pytest.fixture(scope="module")
def elec2(folder: Path) -> Iterator[tuple[parquet.Source, Source]]:
    yield (
        parquet.Source(shared("data", "elec2.parquet")),
        Source(folder, table="predictions", labels="labels"),
    )


def test_the_source_is_found_by_the_name_of_its_module() -> None:
    assert source_type("clickhouse") is Source


def test_a_table_gives_what_the_same_log_gives_as_a_file(
    elec2: tuple[parquet.Source, Source],
) -> None:
    file, stored = elec2
    columns = real_columns("elec2")
    first = day(1, 12, 1996)
    month = Window(first, first + timedelta(days=31))
    assert [*stored.names(), *APART] == list(file.names())
    assert stored.extent(columns, LIVE) == file.extent(columns, LIVE)
    survey = file.survey(columns, month)
    looks = stored.survey(columns, month).columns
    apart = set(survey.columns) - set(looks)
    assert apart == {"label_timestamp"}  # it is not in the log, but in the table of labels
    assert list(differences(looks, {name: survey.columns[name] for name in looks})) == []
    plan, windows = plan_of(survey, columns), daily(first, 31)
    early = Horizon(first + timedelta(days=20), LIVE.clock)
    for horizon in (LIVE, early):
        asked = (plan, columns, windows, horizon)
        for push_down in (True, False):
            found = replace(stored, push_down=push_down).profile(*asked)
            assert_same(found, file.profile(*asked))
    ours, theirs = (
        pa.Table.from_batches(each.rows(["prediction_id"], columns, month, LIVE))
        for each in (stored, file)
    )
    assert sorted(map(str, ours["prediction_id"].to_pylist())) == (
        sorted(map(str, theirs["prediction_id"].to_pylist()))
    )


def test_files_are_read_by_a_query_without_a_folder() -> None:
    require_module("chdb")
    path = shared("data", "elec2.parquet")
    files = Source(query=f"SELECT * FROM file('{path}', Parquet) -- a comment")
    columns = replace(real_columns("elec2"), label=None, label_timestamp=None)
    window = [Window(day(1, 12, 1996), day(2, 12, 1996))]
    assert files.extent(columns, LIVE) == parquet.Source(path).extent(columns, LIVE)
    plan = Plan({"period": NumericPlan()})
    assert_same(
        files.profile(plan, columns, window, LIVE),
        parquet.Source(path).profile(plan, columns, window, LIVE),
    )


def test_odd_types_are_read_as_what_they_mean(folder: Path) -> None:
    odd = Source(folder, table="odd")
    columns = Columns(timestamp="ts", timezone="Europe/Berlin")  # a DateTime is a moment anyway
    extent = odd.extent(columns, LIVE)
    assert (extent.rows, extent.first) == (10, START)
    survey = odd.survey(columns, ALL_TIME)
    families = {name: look.family for name, look in survey.columns.items()}
    assert {families[name] for name in ("ts", "fine", "day")} == {"time"}
    assert {families[name] for name in ("kind", "low", "fixed", "id")} == {"text"}
    assert {families[name] for name in ("price", "single", "wide")} == {"number"}
    assert (families["list"], families["flag"]) == ("nested", "boolean")
    assert survey.columns["kind"].levels == ("b",)
    assert (survey.columns["low"].nulls, survey.columns["wide"].centre) == (1, 2.0**64)
    window = Window(START, START + timedelta(hours=1))
    plan = Plan({"kind": CategoricalPlan(("a", "b")), "single": NumericPlan()})
    portrait = odd.profile(plan, columns, [window], LIVE)[window][WHOLE]
    kind = portrait.columns["kind"]
    assert isinstance(kind, CategoricalProfile)
    assert portrait.rows == 10
    assert kind.counts.tolist()[:2] == [0, 10]
    (batch,) = odd.rows(["kind", "fine"], columns, window, LIVE)
    assert set(batch.column("kind").to_pylist()) == {"b"}


def test_a_statement_that_takes_too_long_is_ended(folder: Path) -> None:
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"a statement took longer than the timeout of 0\.5 s"):
        Source(folder, query=ENDLESS, timeout=0.5).survey(Columns(), ALL_TIME)
    assert time.monotonic() - began < 10
    assert Source(folder, table="odd").extent(Columns(), LIVE).rows == 10


def test_a_slow_reader_is_no_time_out(folder: Path) -> None:
    met = 0
    for batch in Source(folder, table="predictions", timeout=2).rows(
        ["period"], Columns(timestamp="timestamp"), ALL_TIME, LIVE
    ):
        met += len(batch)
        time.sleep(2.2)
    assert met == Source(folder, table="predictions").extent(Columns(), LIVE).rows


def test_nothing_is_written(folder: Path) -> None:
    for statement in ("DROP TABLE odd", "INSERT INTO odd SELECT * FROM odd", "SELECT 1; SELECT 2"):
        with pytest.raises(WrongSchema):
            Source(folder, query=statement).names()
    from monitor.sources._sql.clickhouse import embedded

    with embedded(str(folder), 10) as opened, pytest.raises(WrongSchema, match="readonly"):
        opened.runner.rows("DROP TABLE odd")
    assert Source(folder, table="odd").extent(Columns(), LIVE).rows == 10


def test_faults_are_named_in_one_sentence(folder: Path, tmp_path: Path) -> None:
    def fails(kind: type[SourceError], said: str, path: Path | None = folder, **more: Any) -> None:
        with pytest.raises(kind, match=said) as raised:
            Source(path, **more).survey(Columns(timestamp="ts"), ALL_TIME)
        assert "\n" not in str(raised.value)
        assert "Exception" not in str(raised.value)
        assert raised.value.__cause__ is None

    file = tmp_path / "file"
    file.touch()
    fails(Unreachable, "nothing: no such folder", tmp_path / "nothing", table="odd")
    fails(Unreachable, "is no data folder of ClickHouse", tmp_path, table="odd")
    fails(Unreachable, "is no data folder of ClickHouse", file, table="odd")
    fails(WrongSchema, "no table 'oddd'; did you mean 'odd'", table="oddd")
    fails(WrongSchema, "no table 'odd'; there are none", table="odd", database="nowhere")
    fails(WrongSchema, "Unknown expression identifier `nothing`", query="SELECT nothing FROM odd")
    fails(WrongSchema, "Syntax error", query="SELEC 1")
    fails(WrongSchema, "columns.timestamp: there is no column 'ts'", query="SELECT 1 AS tsx")
    fails(
        Unreadable, "Cannot parse string 'b'", query="SELECT toInt32(toString(kind)) AS ts FROM odd"
    )
    assert not any(tmp_path.glob("nothing*"))


def test_a_folder_that_another_process_has_opened_is_unreachable(folder: Path) -> None:
    hold = "import sys; from chdb import session; s = session.Session(sys.argv[1]); "
    hold += "print('open', flush=True); input(); s.close()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "open\n"
        with pytest.raises(Unreachable, match="cannot be opened; perhaps another process has"):
            Source(folder, table="odd").names()
        other.communicate("\n")
    assert Source(folder, table="odd").extent(Columns(), LIVE).rows == 10


def test_two_folders_are_read_one_after_the_other(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    query(other, "CREATE TABLE odd (ts DateTime) ENGINE = MergeTree ORDER BY ts")
    held = Source(folder, table="predictions").rows(["period"], Columns(), ALL_TIME, LIVE)
    next(held)
    with pytest.raises(Unreachable, match="this process still reads"):
        Source(other, table="odd", timeout=0.3).names()
    again = threading.Timer(0.5, held.close)  # type: ignore[attr-defined]
    again.start()
    assert Source(other, table="odd", timeout=30).names() == ("ts",)
    again.join()


def test_options_that_make_no_sense_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="exactly one of 'table' and 'query'"):
        Source(Path("data"))
    with pytest.raises(ValueError, match="path: is missing"):
        Source(table="log")
    with pytest.raises(ValueError, match="timeout = 0"):
        Source(Path("data"), table="log", timeout=0)


def test_a_missing_package_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "chdb", None)
    with pytest.raises(Unreachable, match=r"install chdb first: .*modelmon.clickhouse"):
        Source(folder, table="odd").names()
