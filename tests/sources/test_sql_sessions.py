"""Sessions on every kind of database: they only read, end in time, and survive what they can."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import column, create_engine, func, literal_column, select, table, text
from sqlalchemy.pool import NullPool

from alerts.secret import Secret
from checks.plan import NumericPlan, Plan
from monitor.findings import WHOLE
from monitor.sources import ALL_TIME, Columns, Horizon, SourceError, Unreachable, WrongSchema
from monitor.sources._breaker import BREAKER, TimedOut
from monitor.sources._sql.engines import ENGINES
from monitor.sources._sql.faults import Dropped
from monitor.sources._sql.session import attempted, resumed, session
from monitor.sources.sql import Source
from monitor.windows import Window
from tests.servers import mariadb, postgres, require_module
from tests.sources.databases import write_postgres, write_sqlite

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIVE = Horizon(NOW, NOW)
FIRST = datetime(2024, 1, 15, tzinfo=UTC)
DAY = Window(FIRST, FIRST + timedelta(days=1))
TIMED = Columns(timestamp="timestamp")
ROWS = 20_000
SERVERS = ("postgresql", "mariadb")
KINDS = (*SERVERS, "sqlite", "duckdb")
SLOW = {
    "sqlite": "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT max(i) AS x FROM n",
    "postgresql": "SELECT 1 AS x FROM generate_series(1, 1000000000000)",
    "mariadb": "SELECT SLEEP(30) AS x FROM predictions",
    "duckdb": "SELECT max(a.i * b.i) AS x FROM range(1000000) a(i), range(1000000) b(i)",
}
SHORT = {"timestamp": [FIRST], "x": [1]}
LOG = table("predictions", column("timestamp"), column("x"), column("filling"))


@pytest.fixture(autouse=True)
def _no_pauses() -> None:
    BREAKER.forget()


@pytest.fixture(scope="module")
def urls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A log of some rows in a database of each kind, whose URLs these are."""
    folder = tmp_path_factory.mktemp("sessions")
    times = [FIRST + timedelta(seconds=n) for n in range(ROWS)]
    rows = {"timestamp": times, "x": [float(n) for n in range(ROWS)], "filling": ["y" * 200] * ROWS}
    texts = rows | {"timestamp": [str(each) for each in times]}
    types = {"timestamp": "TEXT", "x": "REAL", "filling": "TEXT"}
    with postgres() as pg, mariadb() as maria:
        write_postgres(pg, "predictions", types | {"timestamp": "timestamptz"}, rows)
        write_mariadb(maria, rows)
        write_duckdb(folder / "log.duckdb")
        yield {
            "sqlite": write_sqlite(folder / "log.sqlite", predictions=(types, texts)),
            "postgresql": pg,
            "mariadb": maria,
            "duckdb": f"duckdb:///{folder / 'log.duckdb'}",
        }
        ENGINES.dispose()


def write_mariadb(url: str, rows: dict[str, list[Any]]) -> None:
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.exec_driver_sql("SET time_zone = '+00:00'")
        types = "timestamp TIMESTAMP(6) NULL, x DOUBLE, filling TEXT, INDEX (timestamp)"
        connection.exec_driver_sql(f"CREATE TABLE predictions ({types})")
        filled = list(zip(*rows.values(), strict=True))
        connection.exec_driver_sql("INSERT INTO predictions VALUES (%s, %s, %s)", filled)


def write_duckdb(path: Path) -> None:
    with require_module("duckdb").connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE predictions AS SELECT TIMESTAMPTZ '2024-01-15 00:00:00+00' "
            "+ to_seconds(i) AS timestamp, i::DOUBLE AS x, repeat('y', 200) AS filling "
            f"FROM range({ROWS}) AS r(i)"
        )


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def source(url: str, **options: object) -> Source:
    return Source(Secret(url), **({"table": "predictions"} | options))  # type: ignore[arg-type]


def opened(url: str, timeout: float = 30) -> Any:
    return session(Secret(url), timeout)


# Every kind of database.


def test_all_of_a_log_is_read(kind: str, urls: dict[str, str]) -> None:
    place = source(urls[kind])
    assert place.names() == ("timestamp", "x", "filling")
    reach = place.extent(TIMED, LIVE)
    assert (reach.rows, reach.first) == (ROWS, FIRST)
    portrait = place.profile(Plan({"x": NumericPlan()}), TIMED, [DAY], LIVE)[DAY][WHOLE]
    assert portrait.rows == ROWS
    assert portrait.columns["x"].total == ROWS * (ROWS - 1) / 2  # type: ignore[union-attr]
    hour = Window(FIRST, FIRST + timedelta(hours=1))
    found = list(place.rows(["x"], TIMED, hour, LIVE))
    assert sum(map(len, found)) == 3600


@pytest.mark.parametrize(
    "statement",
    ["DELETE FROM predictions", "DROP TABLE predictions", "CREATE TABLE more (x INT)"],
)
def test_a_session_cannot_write(kind: str, statement: str, urls: dict[str, str]) -> None:
    with (
        pytest.raises(SourceError, match=r"(?i)read-?[ _]?only"),
        opened(urls[kind]) as one,
    ):
        one.runner.rows(statement) if kind == "duckdb" else one.rows(text(statement))
    assert source(urls[kind]).extent(TIMED, LIVE).rows == ROWS
    with pytest.raises(WrongSchema, match="no table 'more'"):
        source(urls[kind], table="more").names()


def test_a_query_that_is_no_select_is_refused(kind: str, urls: dict[str, str]) -> None:
    for query in ("DELETE FROM predictions", "SELECT 1 AS x; DROP TABLE predictions"):
        with pytest.raises(WrongSchema):
            source(urls[kind], table="", query=query).names()
    assert source(urls[kind]).extent(TIMED, LIVE).rows == ROWS


def test_a_statement_that_takes_too_long_is_ended(kind: str, urls: dict[str, str]) -> None:
    place = source(urls[kind], table="", query=SLOW[kind], timeout=0.5)
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"a statement took longer than the timeout of 0\.5 s"):
        place.survey(Columns(), ALL_TIME)
    assert time.monotonic() - began < 8
    assert source(urls[kind]).extent(TIMED, LIVE).rows == ROWS


def test_a_long_stream_may_take_longer_than_the_timeout(kind: str, urls: dict[str, str]) -> None:
    met = 0
    with opened(urls[kind], 0.5) as one:
        for rows in one.stream(select(LOG), 4000):
            met += len(rows)
            time.sleep(0.2)
        assert one.rows(select(func.count()).select_from(LOG))[0][0] == ROWS
    assert met == ROWS


def test_a_stream_can_be_left_early(
    kind: str, urls: dict[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    place = source(urls[kind], batch=100)
    rows = place.rows(["x"], TIMED, DAY, LIVE)
    assert len(next(rows)) > 0
    rows.close()  # type: ignore[attr-defined]
    assert source(urls[kind]).extent(TIMED, LIVE).rows == ROWS
    assert caplog.messages == []


def test_a_missing_table_is_named_with_a_suggestion(kind: str, urls: dict[str, str]) -> None:
    with pytest.raises(WrongSchema, match="no table 'prediction'; did you mean 'predictions'"):
        source(urls[kind], table="prediction").names()
    with pytest.raises(WrongSchema):
        source(urls[kind], table="", query="SELECT nothing FROM predictions").names()


# What only servers have.


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_moments_do_not_depend_on_the_zone_of_the_server(kind: str, urls: dict[str, str]) -> None:
    abroad = Columns(timestamp="timestamp", timezone="Asia/Kolkata")  # of wall-clock times only
    assert source(urls[kind]).extent(abroad, LIVE).first == FIRST
    with opened(urls[kind]) as one:
        ((first,),) = one.rows(select(func.min(LOG.c.timestamp)))
    assert first == FIRST


def test_a_stream_of_mariadb_that_stalls_is_ended_on_the_server(urls: dict[str, str]) -> None:
    stalled = text("SELECT SLEEP(30) AS x FROM predictions").columns(column("x"))
    with pytest.raises(TimedOut), opened(urls["mariadb"], 0.5) as one:
        list(one.stream(select(stalled.subquery("log").c.x), 10))
    with opened(urls["mariadb"]) as one:
        running = text("SELECT COUNT(*) FROM information_schema.processlist WHERE info LIKE :part")
        deadline = time.monotonic() + 10
        while one.rows(running.bindparams(part="SELECT log.x%"))[0][0]:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_few_connections_are_kept_and_none_holds_a_transaction(urls: dict[str, str]) -> None:
    url = urls["postgresql"]
    ENGINES.dispose()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: source(url).extent(TIMED, LIVE), range(12)))
    with pytest.raises(WrongSchema):
        source(url, table="nothing").names()
    ours = "backend_type = 'client backend' AND pid <> pg_backend_pid()"
    with psycopg.connect(url, autocommit=True) as connection:

        def states() -> list[Any]:
            return connection.execute(f"SELECT state FROM pg_stat_activity WHERE {ours}").fetchall()

        until(lambda: len(states()) <= 2)  # overflow is closed as it comes back
        assert set(states()) == {("idle",)}
        ENGINES.dispose()
        until(lambda: not states())


def until(fine: Callable[[], bool]) -> None:
    """A server notices a closed connection a little later."""
    deadline = time.monotonic() + 10
    while not fine():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_kept_connection_opens_sooner_than_a_new_one(urls: dict[str, str]) -> None:
    def opening() -> float:
        began = time.perf_counter()
        with opened(urls["postgresql"]) as one:
            one.rows(select(literal_column("1")))
        return time.perf_counter() - began

    def anew() -> float:
        ENGINES.dispose()
        return opening()

    new = min(anew() for _ in range(5))
    kept = min(opening() for _ in range(20))
    assert kept < new / 2


def test_no_password_is_kept_where_it_could_be_shown(urls: dict[str, str]) -> None:
    url = urls["postgresql"].replace("postgres@", "postgres:hunter2@")
    source(url).names()
    assert "hunter2" not in repr(vars(ENGINES))


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_connection_that_was_ended_meanwhile_is_not_noticed(
    kind: str, urls: dict[str, str]
) -> None:
    place = source(urls[kind])
    assert place.extent(TIMED, LIVE).rows == ROWS
    end_sessions(urls[kind])
    assert place.extent(TIMED, LIVE).rows == ROWS


def end_sessions(url: str, busy_with: str = "%") -> int:
    """End the sessions of all others whose statement looks so; how many there were."""
    others = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND query LIKE :part"
    others += " AND backend_type = 'client backend'"
    end = "SELECT pg_terminate_backend({})"
    if "mysql" in url:
        others = "SELECT id FROM information_schema.processlist WHERE id <> connection_id()"
        others += " AND user = 'root' AND coalesce(info, '') LIKE :part"
        end = "KILL {}"
    url = url.replace("postgresql:", "postgresql+psycopg:")
    with create_engine(url, poolclass=NullPool).connect() as connection:
        found = connection.execute(text(others), {"part": busy_with}).all()
        for (number,) in found:
            connection.exec_driver_sql(end.format(int(number)))
    return len(found)


@pytest.mark.parametrize("kind", SERVERS, indirect=True)
def test_a_reading_whose_connection_breaks_is_done_once_more(
    kind: str, urls: dict[str, str]
) -> None:
    naps = {"postgresql": "pg_sleep(0.002)", "mariadb": "SLEEP(0.002)"}[kind]
    query = f"SELECT timestamp, x, {naps} AS nap FROM predictions WHERE x < 500"
    slow = source(urls[kind], table="", query=query)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(slow.extent, TIMED, LIVE)
        until(lambda: asked.done() or end_sessions(urls[kind], "%nap%WHERE x < 500%") > 0)
        assert asked.result().rows == 500


def test_a_restart_between_two_readings_is_not_noticed() -> None:
    rows = {"timestamp": [FIRST], "x": [1.0]}
    with postgres() as url:
        write_postgres(url, "predictions", {"timestamp": "timestamptz", "x": "real"}, rows)
        place = source(url)
        assert place.extent(TIMED, LIVE).rows == 1
        with restarted(url):
            assert place.extent(TIMED, LIVE).rows == 1
            assert place.extent(TIMED, LIVE).rows == 1


class restarted:
    """A PostgreSQL server, stopped at once and started again; stopped at the end."""

    def __init__(self, url: str) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            self.data = str(connection.execute("SHOW data_directory").fetchone()[0])  # type: ignore[index]
        bindir = subprocess.check_output(["pg_config", "--bindir"], text=True).strip()
        self.command = [f"{bindir}/pg_ctl", "-D", self.data, "-w", "-m", "immediate"]

    def __enter__(self) -> None:
        self._run("restart", "-l", f"{self.data}/log")

    def __exit__(self, *_: object) -> None:
        self._run("stop")

    def _run(self, *words: str) -> None:
        owner = "postgres" if os.geteuid() == 0 else None
        subprocess.run(
            [*self.command, *words], user=owner, cwd="/", check=True, stdout=subprocess.DEVNULL
        )


def test_a_table_may_be_altered_between_two_readings(urls: dict[str, str]) -> None:
    url = urls["postgresql"]
    place = source(url, table="altered")
    for kind in ("integer", "double precision", "text"):
        write_postgres(url, "altered", {"timestamp": "timestamptz", "x": kind}, SHORT)
        for _ in range(8):  # more often than a driver waits with preparing a statement
            assert len(list(place.rows(["x"], TIMED, DAY, LIVE))) == 1


def test_only_a_broken_connection_is_worth_a_second_attempt() -> None:
    tried: list[type[SourceError]] = []

    def failing(kind: type[SourceError]) -> Callable[[], Any]:
        def work() -> Any:
            tried.append(kind)
            raise kind("")

        return work

    for kind in (Dropped, TimedOut, Unreachable, WrongSchema):
        with pytest.raises(kind):
            attempted(failing(kind))
    assert tried == [Dropped, Dropped, TimedOut, Unreachable, WrongSchema]


def test_a_stream_that_has_given_something_is_not_begun_anew() -> None:
    begun: list[int] = []

    def stream(breaks_at: int) -> Iterator[int]:
        begun.append(breaks_at)
        for number in range(3):
            if number == breaks_at and len(begun) == 1:
                raise Dropped("gone")
            yield number

    assert list(resumed(lambda: stream(0))) == [0, 1, 2]
    assert len(begun) == 2
    begun.clear()
    handed: list[int] = []
    with pytest.raises(Dropped):
        handed.extend(resumed(lambda: stream(1)))
    assert len(begun) == 1


# Servers that die.


def postgres_pids(url: str) -> list[int]:
    """The server's processes of sessions, and the one above them last."""
    with psycopg.connect(url, autocommit=True) as connection:
        backends = "SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
        pids = [int(row[0]) for row in connection.execute(backends).fetchall()]
        (folder,) = connection.execute("SHOW data_directory").fetchone()  # type: ignore[misc]
    return [*pids, int(Path(folder, "postmaster.pid").read_text().split()[0])]


def mariadb_pids(url: str) -> list[int]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        (path,) = connection.exec_driver_sql("SELECT @@pid_file").one()
    return [int(Path(path).read_text())]


@pytest.mark.parametrize("kind", SERVERS)
def test_a_server_killed_in_the_middle_of_a_stream_is_unreachable(kind: str) -> None:
    many = 100_000  # more than the buffers on the way hold
    times = [FIRST + timedelta(milliseconds=10 * n) for n in range(many)]
    rows: dict[str, list[Any]] = {
        "timestamp": times,
        "x": [1.0] * many,
        "filling": ["y" * 300] * many,
    }
    types = {"timestamp": "timestamptz", "x": "double precision", "filling": "text"}
    with postgres() if kind == "postgresql" else mariadb() as url:
        if kind == "postgresql":
            write_postgres(url, "predictions", types, rows)
        else:
            write_mariadb(url, rows)
        place = source(url, batch=1000)
        batches = place.rows(["filling"], TIMED, DAY, LIVE)
        met = len(next(batches))
        for pid in (postgres_pids if kind == "postgresql" else mariadb_pids)(url):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with pytest.raises(Unreachable, match="database"):
            for batch in batches:
                met += len(batch)
        assert met < many
        with pytest.raises(Unreachable):
            place.profile(Plan({"x": NumericPlan()}), TIMED, [DAY], LIVE)


# Files of DuckDB.


def test_moments_of_duckdb_need_no_further_package(
    urls: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pytz", None)
    first = next(iter(source(urls["duckdb"]).rows(["timestamp"], TIMED, DAY, LIVE)))
    assert first.column("timestamp")[0].as_py() == FIRST


def test_a_file_that_is_written_to_is_unreachable_until_the_writer_is_done(tmp_path: Path) -> None:
    path = tmp_path / "log.duckdb"
    write_duckdb(path)
    hold = (
        "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('locked', flush=True); input()"
    )
    command = [sys.executable, "-c", hold, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "locked\n"
        with pytest.raises(Unreachable, match=r"log\.duckdb: is locked: another process writes"):
            source(f"duckdb:///{path}").names()
        writer.communicate("\n")
    assert source(f"duckdb:///{path}").extent(TIMED, LIVE).rows == ROWS
    subprocess.run([sys.executable, "-c", hold, str(path)], input="\n", text=True, check=True)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: None, "no such file; the url of a DuckDB file is duckdb:///PATH"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.write_text("timestamp,x\n" * 1000), "is not a DuckDB file"),
    ],
)
def test_a_file_that_is_none_of_duckdb_is_named(
    make: Callable[[Path], object], said: str, tmp_path: Path
) -> None:
    require_module("duckdb")
    path = tmp_path / "log.duckdb"
    make(path)
    with pytest.raises(SourceError) as raised:
        source(f"duckdb:///{path}").names()
    assert str(raised.value).startswith(f"{path}: {said}")


# Drivers.


@pytest.mark.parametrize(
    ("url", "module", "said"),
    [
        ("mysql://me@127.0.0.1/log", "pymysql", "install PyMySQL first: .*modelmon.mysql"),
        ("duckdb:///{path}", "duckdb", "install duckdb first: .*modelmon.duckdb"),
        ("oracle://me@127.0.0.1/log", "oracledb", "install the driver 'oracledb' first"),
    ],
)
def test_a_missing_driver_is_named_with_what_to_install(
    url: str, module: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log.duckdb"
    path.touch()
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(Unreachable, match=said):
        source(url.format(path=path)).names()
