"""Databases that are away, locked, slow, broken or not as configured: one sentence, no secrets."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from alerts.secret import Secret
from checks.plan import NumericPlan, Plan
from monitor.findings import WHOLE
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    SourceError,
    Unreachable,
    Unreadable,
    WrongSchema,
    source_type,
)
from monitor.sources._breaker import BREAKER
from monitor.sources._sql.session import session
from monitor.sources.sql import Source
from monitor.windows import Window
from tests.servers import free_port, postgres
from tests.shared import shared
from tests.sources.databases import write_postgres, write_sqlite

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIVE = Horizon(NOW, NOW)
DAY = Window(datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 1, 16, tzinfo=UTC))
TIMED = Columns(timestamp="timestamp")
LOG = {"timestamp": ["2024-01-15 10:00:00"], "x": [1.0]}
TYPES = {"timestamp": "TEXT", "x": "REAL"}
PASSWORD = "s3cr3t/p%w"
SLEEPY = "SELECT clock_timestamp() AS timestamp, 1 AS x FROM pg_sleep(600)"
ENDLESS = (
    "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) AS x FROM n"
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        write_postgres(url, "predictions", TYPES | {"timestamp": "timestamptz"}, LOG)
        yield url


@pytest.fixture(autouse=True)
def _no_pauses() -> None:
    BREAKER.forget()


@pytest.fixture
def lite(tmp_path: Path) -> str:
    return write_sqlite(tmp_path / "log.sqlite", predictions=(TYPES, LOG))


def source(url: str, **options: object) -> Source:
    return Source(Secret(url), **({"table": "predictions"} | options))  # type: ignore[arg-type]


def refusal(place: Source, columns: Columns = TIMED) -> SourceError:
    """The error of reading a window; that of a survey and of the extent must be the same."""
    with pytest.raises(SourceError) as profiled:
        place.profile(Plan({"x": NumericPlan()}), columns, [DAY], LIVE)
    with pytest.raises(SourceError) as surveyed:
        place.survey(columns, ALL_TIME)
    with pytest.raises(SourceError) as reached:
        place.extent(columns, LIVE)
    assert {type(e.value) for e in (profiled, surveyed, reached)} == {type(profiled.value)}
    assert {str(e.value) for e in (profiled, surveyed, reached)} == {str(profiled.value)}
    assert profiled.value.__cause__ is None
    assert "\n" not in str(profiled.value)
    return profiled.value


def test_the_source_is_found_by_the_name_of_its_module() -> None:
    assert source_type("sql") is Source


def test_a_missing_file_is_unreachable_and_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "no" / "log.sqlite"
    path.parent.mkdir()
    error = refusal(source(f"sqlite:///{path}"))
    assert isinstance(error, Unreachable)
    assert str(error) == f"{path}: no such file; the url of a SQLite file is sqlite:///PATH"
    assert list(path.parent.iterdir()) == []


def test_a_folder_and_a_database_in_memory_are_unreachable(tmp_path: Path) -> None:
    assert "is not a file" in str(refusal(source(f"sqlite:///{tmp_path}")))
    assert isinstance(refusal(source("sqlite://")), Unreachable)
    assert "too long" in str(refusal(source(f"sqlite:///{tmp_path / ('x' * 300)}")))


def test_a_file_of_another_format_is_unreadable(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("timestamp,x\n2024-01-15,1\n" * 1000)
    error = refusal(source(f"sqlite:///{path}"))
    assert isinstance(error, Unreadable)
    assert str(error) == f"{path}: file is not a database"


def test_a_malformed_file_is_unreadable() -> None:
    path = shared("bad", "46_sqlite_malformed.sqlite")
    error = refusal(
        source(f"sqlite:///{path}", labels="labels"),
        replace(TIMED, id="prediction_id", label="label"),
    )
    assert isinstance(error, Unreadable)
    assert "malformed" in str(error)
    assert str(path) in str(error)


def test_a_locked_file_is_unreachable_until_the_lock_goes(tmp_path: Path) -> None:
    path = tmp_path / "locked.sqlite"
    shutil.copy(shared("bad", "44_sqlite_locked.sqlite"), path)
    place = source(f"sqlite:///{path}", timeout=0.2)
    command = [sys.executable, str(shared("bad", "lock_sqlite.py")), str(path), "600"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            error = refusal(place)
        finally:
            holder.kill()
    assert isinstance(error, Unreachable)
    assert str(error) == f"{path}: database is locked"
    assert place.extent(TIMED, LIVE).rows == 700


def test_a_reading_leaves_no_lock_behind(lite: str) -> None:
    source(lite).profile(Plan(), TIMED, [DAY], LIVE)
    with closing(sqlite3.connect(lite.removeprefix("sqlite:///"), timeout=0)) as writer, writer:
        writer.execute("INSERT INTO predictions VALUES ('2024-01-15 12:00:00', 2)")
    assert source(lite).profile(Plan(), TIMED, [DAY], LIVE)[DAY][WHOLE].rows == 2


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_statement_that_runs_too_long_is_ended(kind: str, lite: str, server: str) -> None:
    url = lite if kind == "sqlite" else server
    place = source(url, table="", query=ENDLESS, timeout=0.3)
    with pytest.raises(Unreachable, match=r"longer than the timeout of 0\.3 s"):
        place.survey(Columns(), ALL_TIME)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    port = free_port()
    error = refusal(
        source(f"postgresql://somebody:{quote(PASSWORD, safe='')}@127.0.0.1:{port}/log")
    )
    assert isinstance(error, Unreachable)
    assert str(error).startswith(f"postgresql database 'log' at 127.0.0.1:{port}: ")


def test_a_server_that_never_answers_is_unreachable() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://somebody@127.0.0.1:{silent.getsockname()[1]}/log"
        with pytest.raises(Unreachable, match="timeout"):
            source(url, timeout=1).extent(TIMED, LIVE)


def test_a_server_killed_in_the_middle_of_a_query_is_unreachable() -> None:
    with postgres() as url:
        slow = source(url, table="", query=SLEEPY)
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(slow.profile, Plan(), TIMED, [DAY], LIVE)
            kill_when_asked(url, asked)
            with pytest.raises(Unreachable, match="postgresql database 'postgres' at"):
                asked.result()
        with pytest.raises(Unreachable):
            slow.profile(Plan(), TIMED, [DAY], LIVE)


def kill_when_asked(url: str, asked: Future[object]) -> None:
    """Kill the server without a farewell as soon as the slow query runs on it."""
    busy = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'"
    with psycopg.connect(url, autocommit=True) as connection:
        folder = str(connection.execute("SHOW data_directory").fetchone()[0])  # type: ignore[index]
        while connection.execute(busy).fetchone() == (0,):
            assert not asked.done(), asked.exception()
            time.sleep(0.05)
        pid = int(Path(folder, "postmaster.pid").read_text().split()[0])
        os.kill(pid, signal.SIGQUIT)


def test_a_session_ended_by_the_server_does_not_harm_the_next(server: str) -> None:
    place = source(server)
    assert place.extent(TIMED, LIVE).rows == 1
    with psycopg.connect(server, autocommit=True) as connection:
        others = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        )
        connection.execute(f"{others} AND backend_type = 'client backend'")
    assert place.extent(TIMED, LIVE).rows == 1


# What the configuration names is not there.


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_missing_tables_and_columns_are_named_with_a_suggestion(
    kind: str, lite: str, server: str
) -> None:
    url = lite if kind == "sqlite" else server
    error = refusal(source(url, table="prediction"))
    assert isinstance(error, WrongSchema)
    assert str(error).endswith(": no table 'prediction'; did you mean 'predictions'?")
    error = refusal(source(url), Columns(timestamp="timestam"))
    assert isinstance(error, WrongSchema)
    assert "table 'predictions': columns.timestamp: there is no column" in str(error)
    assert str(error).endswith("did you mean 'timestamp'?")
    with pytest.raises(WrongSchema, match=r"columns\.numeric: there is no column 'y'; it has"):
        source(url).survey(replace(TIMED, numeric=("y",)), ALL_TIME)
    with pytest.raises(WrongSchema, match=r"columns\.label: is needed to join the labels"):
        source(url, labels="predictions").profile(Plan(), replace(TIMED, id="x"), [DAY], LIVE)
    labelled = replace(TIMED, id="x", label="label")
    with pytest.raises(WrongSchema, match="no table 'label'"):
        source(url, labels="label").profile(Plan(), labelled, [DAY], LIVE)
    with pytest.raises(WrongSchema, match=r"columns\.label: there is no column 'label'"):
        source(url, labels="predictions").profile(Plan(), labelled, [DAY], LIVE)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize(
    "query",
    [
        "SELEC * FROM predictions",
        "SELECT * FROM nothing",
        "SELECT nothing FROM predictions",
        "DELETE FROM predictions",
        "DROP TABLE predictions",
        "SELECT 1; DROP TABLE predictions",
        "SELECT 1) AS log; DROP TABLE predictions; --",
    ],
)
def test_a_query_that_is_no_select_is_refused_and_changes_nothing(
    kind: str, query: str, lite: str, server: str
) -> None:
    url = lite if kind == "sqlite" else server
    assert isinstance(refusal(source(url, table="", query=query)), WrongSchema)
    assert source(url).extent(TIMED, LIVE).rows == 1


def test_a_query_that_writes_behind_the_scenes_is_refused(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute(
            "CREATE FUNCTION sneak() RETURNS int LANGUAGE sql AS "
            "$$ DELETE FROM predictions RETURNING 1 $$"
        )
    place = source(server, table="", query="SELECT sneak() AS x")
    with pytest.raises(WrongSchema, match="read-only"):
        place.survey(Columns(), ALL_TIME)
    assert source(server).extent(TIMED, LIVE).rows == 1


def test_a_session_cannot_write(lite: str, server: str) -> None:
    for url in (lite, server):
        with pytest.raises(SourceError, match=r"read-?only"), session(Secret(url), 5) as opened:
            opened.connection.exec_driver_sql("DELETE FROM predictions")
        assert source(url).extent(TIMED, LIVE).rows == 1


def test_a_query_with_two_columns_of_one_name_is_refused(server: str) -> None:
    query = "SELECT a.*, b.x FROM predictions a, predictions b"
    error = refusal(source(server, table="", query=query))
    assert isinstance(error, WrongSchema)
    assert str(error).endswith("query: two columns are named 'x'; rename one")


def test_a_value_that_cannot_be_computed_is_unreadable(server: str) -> None:
    place = source(server, table="", query="SELECT 1 / (x - x) AS x FROM predictions")
    with pytest.raises(Unreadable, match="division by zero"):
        place.survey(Columns(), ALL_TIME)


def test_an_empty_table_has_no_rows(server: str, tmp_path: Path) -> None:
    url = write_sqlite(tmp_path / "empty.sqlite", predictions=(TYPES, {"timestamp": [], "x": []}))
    write_postgres(server, "empty", TYPES, {"timestamp": [], "x": []})
    for place in (source(url), source(server, table="empty")):
        for look in (lambda p: p.survey(TIMED, ALL_TIME), lambda p: p.extent(TIMED, LIVE)):
            with pytest.raises(Unreadable, match="no rows; the log is empty"):
                look(place)
        assert place.profile(Plan(), TIMED, [DAY], LIVE)[DAY][WHOLE].rows == 0


def test_a_reading_changes_no_byte_of_a_file(lite: str) -> None:
    path = Path(lite.removeprefix("sqlite:///"))
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    place = source(lite)
    place.survey(TIMED, ALL_TIME)
    place.extent(TIMED, LIVE)
    place.profile(Plan({"x": NumericPlan()}), TIMED, [DAY], LIVE)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_path_may_hold_what_a_url_gives_a_meaning(tmp_path: Path) -> None:
    path = tmp_path / "a ?b#c%20.sqlite"
    write_sqlite(path, predictions=(TYPES, LOG))
    quoted = str(path).replace("%", "%25").replace("?", "%3F")
    assert source(f"sqlite:///{quoted}").extent(TIMED, LIVE).rows == 1
    assert source(f"sqlite+pysqlite:///file:{quoted}").extent(TIMED, LIVE).rows == 1


# Secrets and options.


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://somebody:{password}@127.0.0.1:1/log",
        "postgresql://somebody:{password}@127.0.0.1:1/log?application_name={password}",
        "postgresql://somebody:{password}@there@127.0.0.1/log",
        "nosuchdialect://somebody:{password}@127.0.0.1/log",
        "mysql://somebody:{password}@127.0.0.1/log",
        "postgresql+nosuchdriver://somebody:{password}@127.0.0.1/log",
        "{password}",
        "postgresql:/{password}",
        "postgresql://somebody:{password}@127.0.0.1:port/log",
        "postgresql://somebody:first@then:{password}@127.0.0.1/log",
    ],
)
def test_no_error_shows_a_password(url: str) -> None:
    password = "hunter2-s3cr3t"
    place = source(url.format(password=password))
    error = refusal(place)
    shown = [str(error), repr(error), repr(error.args), repr(place), str(place)]
    context = error.__context__
    while context is not None:
        shown.append(repr(context))
        context = context.__context__
    assert [text for text in shown if password in text] == []


def test_a_refused_password_stays_secret(server: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'right'")
        (file,) = connection.execute("SHOW hba_file").fetchone()  # type: ignore[misc]
        before = Path(file).read_text()
        Path(file).write_text(f"host all reader 127.0.0.1/32 scram-sha-256\n{before}")
        connection.execute("SELECT pg_reload_conf()")
        place = source(
            server.replace("postgres@", f"reader:{quote(PASSWORD, safe='').replace('%w', '%25w')}@")
        )
        error = refusal(place)
    assert isinstance(error, Unreachable)
    assert "password authentication failed" in str(error)
    assert PASSWORD not in str(error)


def test_a_password_that_the_database_repeats_is_cut_out(server: str) -> None:
    place = source(
        server.replace("postgres@", "postgres:hunter2@"), table="", query="SELECT hunter2"
    )
    assert str(refusal(place)).endswith(': column "***" does not exist')


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"table": ""}, "exactly one of 'table' and 'query'"),
        ({"query": "SELECT 1"}, "exactly one of 'table' and 'query'"),
        ({"timeout": 0.0}, "timeout = 0: "),
        ({"timeout": float("nan")}, "timeout = nan: "),
        ({"timeout": float("inf")}, "timeout = inf: "),
        ({"batch": 0}, "batch = 0: "),
    ],
)
def test_options_that_make_no_sense_are_refused_at_once(
    options: dict[str, object], said: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        source("sqlite:///log.sqlite", **options)


def test_to_be_configured_is_not_to_be_connected() -> None:
    threads = threading.active_count()
    source("postgresql://somebody@192.0.2.1/log")
    assert threading.active_count() == threads
