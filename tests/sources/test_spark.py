"""Spark: a real cluster of two workers gives what the same log gives as files."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import literal, select

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
    parquet,
    source_type,
)
from monitor.sources._breaker import BREAKER, TimedOut
from monitor.sources._sql.bounded import GRACE_SECONDS
from monitor.sources._sql.spark import SESSIONS, Cluster, SparkRunner
from monitor.sources._sql.spellings import Spark
from monitor.sources._sql.textual import TextualSession
from monitor.sources.spark import Source
from monitor.windows import Window
from tests.servers import SHORT_LIVED, SparkCluster, free_port, require_module, spark_cluster
from tests.sources.databases import differences, plan_of
from tests.sources.logs import assert_same
from tests.sources.test_textual import HOSTILE, NAMES

FIRST = datetime(2024, 3, 30, tzinfo=UTC)
NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIVE = Horizon(NOW, NOW)
DAYS = [Window(FIRST + timedelta(days=n), FIRST + timedelta(days=n + 1)) for n in range(3)]
COLUMNS = Columns(
    timestamp="timestamp", id="id", prediction="prediction", score="score", segments=("segment",)
)
LABELLED = replace(COLUMNS, label="label", label_timestamp="label_timestamp")
CONF = {
    "spark.executor.memory": "512m",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.extraJavaOptions": SHORT_LIVED,
    "spark.executor.extraJavaOptions": SHORT_LIVED,
    "spark.sql.files.maxPartitionBytes": "64k",
    "spark.sql.shuffle.partitions": "2",  # there is little to shuffle
}
ROWS = 6000


@pytest.fixture(autouse=True)
def _no_pauses() -> None:
    BREAKER.forget()


@pytest.fixture(scope="module")
def cluster() -> Iterator[SparkCluster]:
    require_module("pyspark")
    with spark_cluster() as started:
        yield started
        SESSIONS.stop()


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of files with a log of three days."""
    folder = tmp_path_factory.mktemp("log")
    for part in range(4):
        pq.write_table(rows(part), folder / f"part-{part}.parquet")
    return folder


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "labels.parquet"
    ids = [f"row {n}" for n in range(0, ROWS, 2)]
    arrived = [FIRST + timedelta(days=1, seconds=n) for n in range(len(ids))]
    moments = pa.array(arrived, pa.timestamp("us", "UTC"))
    table = {"id": ids, "label": [n % 3 == 0 for n in range(len(ids))], "label_timestamp": moments}
    pq.write_table(pa.table(table), path)
    return path


def rows(part: int) -> pa.Table:
    """Every fourth row of the log."""
    place = np.arange(part, ROWS, 4)
    random = np.random.default_rng(part)
    size = len(place)
    times = [FIRST + timedelta(seconds=40 * int(n)) for n in place]
    normal = random.normal(size=size)
    odd = np.where(place % 97 == 0, np.nan, np.where(place % 89 == 0, np.inf, normal * 1e6))
    return pa.table(
        {
            "timestamp": pa.array(times, pa.timestamp("us", "UTC")),
            "id": [f"row {n}" for n in place],
            "normal": normal,
            "odd": odd,
            "single": pa.array(normal, pa.float32()),
            "whole": pa.array(random.poisson(3, size), pa.int64(), mask=place % 7 == 0),
            "price": pa.array(
                [None if n % 5 == 0 else n / 4 for n in place.tolist()], pa.float64()
            ),
            "text": pa.array([None if n % 11 == 0 else HOSTILE[n % len(HOSTILE)] for n in place]),
            "flag": place % 3 == 0,
            "segment": (place % 2 + 1).astype(str),
            "prediction": (normal > 0).astype(np.int64),
            "score": 1 / (1 + np.exp(-normal)),
        }
    )


def source(cluster: SparkCluster, **options: Any) -> Source:
    return Source(cluster.master, conf=CONF, **({"push_down": True} | options))


def session(cluster: SparkCluster, timeout: float = 60) -> TextualSession:
    spark = SESSIONS.of(Cluster(cluster.master, tuple(sorted(CONF.items()))))
    return TextualSession("Spark", Spark(), SparkRunner(spark, "Spark", timeout))


def test_the_source_is_found_by_the_name_of_its_module() -> None:
    assert source_type("spark") is Source


def test_a_path_gives_what_the_same_files_give(
    cluster: SparkCluster, log: Path, labels: Path
) -> None:
    files, spark = parquet.Source(log, labels), source(cluster, path=str(log), labels=str(labels))
    assert spark.names() == files.names()
    assert spark.extent(COLUMNS, LIVE) == files.extent(COLUMNS, LIVE)
    survey = files.survey(LABELLED, ALL_TIME)
    found = spark.survey(LABELLED, ALL_TIME)
    apart = {name: look for name, look in survey.columns.items() if name != "label_timestamp"}
    assert list(differences(found.columns, apart)) == []
    plan = plan_of(survey, LABELLED)
    known = Horizon(FIRST + timedelta(days=1, minutes=20), NOW)
    for horizon in (LIVE, known):
        asked = (plan, LABELLED, DAYS, horizon)
        assert_same(spark.profile(*asked), files.profile(*asked))
    fetching = replace(spark, push_down=False)
    assert_same(fetching.profile(*asked), files.profile(*asked))


def test_the_executors_of_both_workers_do_the_work(cluster: SparkCluster, log: Path) -> None:
    plan = Plan({"normal": NumericPlan()})
    found = source(cluster, path=str(log)).profile(plan, COLUMNS, DAYS, LIVE)
    assert sum(found[day][WHOLE].rows for day in DAYS) == ROWS
    spark = SESSIONS.of(Cluster(cluster.master, tuple(sorted(CONF.items()))))
    executors = spark.sparkContext._jsc.sc().statusStore().executorList(True)  # type: ignore[union-attr]
    done = {executors.apply(n).id(): executors.apply(n) for n in range(executors.length())}
    assert sum(each.completedTasks() > 0 for name, each in done.items() if name != "driver") == 2
    for worker in cluster.workers:
        assert list(worker.glob("app-*/*/stderr")), f"no executor ran in {worker}"


def test_a_table_and_a_query_give_the_same(cluster: SparkCluster, log: Path) -> None:
    spark = session(cluster).runner.spark  # type: ignore[attr-defined]
    spark.sql(f"CREATE TABLE IF NOT EXISTS odd_name USING parquet LOCATION '{log}'")
    path = source(cluster, path=str(log))
    query = "SELECT * FROM odd_name WHERE whole > 2 -- a comment"
    table = source(cluster, table="odd_name")
    plan = Plan({"normal": NumericPlan(), "odd": NumericPlan()})
    for columns in (COLUMNS, Columns(timestamp="timestamp")):
        assert_same(
            table.profile(plan, columns, DAYS, LIVE), path.profile(plan, columns, DAYS, LIVE)
        )
    whole = pq.read_table(log, columns=["whole"]).column(0).to_pylist()
    met = source(cluster, query=query).extent(COLUMNS, LIVE).rows
    assert met == sum(value is not None and value > 2 for value in whole)


def test_rows_come_in_blocks(cluster: SparkCluster, log: Path) -> None:
    batches = source(cluster, path=str(log), batch=500).rows(
        ["text", "odd"], COLUMNS, DAYS[0], LIVE
    )
    met = pa.Table.from_batches(batches)
    expected = pa.Table.from_batches(parquet.Source(log).rows(["text"], COLUMNS, DAYS[0], LIVE))
    assert sorted(map(str, met["text"].to_pylist())) == sorted(
        map(str, expected["text"].to_pylist())
    )
    assert max(map(len, met.to_batches())) <= 500


def test_times_do_not_depend_on_the_zone_of_this_machine(cluster: SparkCluster, log: Path) -> None:
    files = parquet.Source(log).extent(COLUMNS, LIVE)
    before = os.environ.get("TZ")
    try:
        for zone in ("Asia/Kolkata", "Europe/Berlin"):  # where a clock was put forward that night
            os.environ["TZ"] = zone
            time.tzset()
            assert source(cluster, path=str(log)).extent(COLUMNS, LIVE) == files
    finally:
        os.environ.pop("TZ") if before is None else os.environ.update(TZ=before)
        time.tzset()


def test_values_and_names_stay_what_they_are(cluster: SparkCluster, tmp_path: Path) -> None:
    one = session(cluster)
    values = [*HOSTILE, 1e300, 0.1, -1.5e-7, float("inf"), -3, 2**62, True, None, FIRST]
    cells = [literal(value).label(f"v{place}") for place, value in enumerate(values)]
    assert list(one.rows(select(*cells))[0]) == values
    pq.write_table(pa.table({name: [float(n)] for n, name in enumerate(NAMES)}), tmp_path / "a.pq")
    odd = source(cluster, path=str(tmp_path / "a.pq"))
    assert list(odd.names()) == NAMES
    (batch,) = odd.rows(NAMES, Columns(), ALL_TIME, LIVE)
    assert batch.to_pylist() == [{name: float(n) for n, name in enumerate(NAMES)}]


def test_a_query_that_takes_too_long_is_cancelled(cluster: SparkCluster, log: Path) -> None:
    endless = "SELECT max(a.id * b.id) AS x FROM range(10000000) a CROSS JOIN range(10000000) b"
    slow = source(cluster, query=endless, timeout=3.0)
    began = time.monotonic()
    with pytest.raises(TimedOut, match=r"a statement took longer than the timeout of 3 s"):
        slow.survey(Columns(), ALL_TIME)
    assert time.monotonic() - began < 30
    tracker = session(cluster).runner.spark.sparkContext.statusTracker()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 20
    while tracker.getActiveStageIds():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert source(cluster, path=str(log)).extent(COLUMNS, LIVE).rows == ROWS


def machine() -> Any:
    """The process of the Java machine that Spark runs in."""
    from pyspark import SparkContext

    return SparkContext._gateway.proc  # type: ignore[union-attr]


@contextmanager
def standing_still() -> Iterator[None]:
    """Spark answers nothing and ends nothing, while its connections stay open."""
    process = machine()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_a_stalled_reading_ends_at_the_timeout(cluster: SparkCluster, log: Path) -> None:
    healthy = source(cluster, path=str(log))
    assert len(healthy.names()) == 12
    slow, bound = replace(healthy, timeout=1.0), 1.0 + 2 * GRACE_SECONDS + 5.0
    with standing_still():
        began = time.monotonic()
        with pytest.raises(TimedOut, match="took longer than the timeout of 1 s"):
            slow.extent(COLUMNS, LIVE)
        assert time.monotonic() - began < bound
    assert healthy.extent(COLUMNS, LIVE).rows == ROWS


def test_a_stream_that_stalls_half_way_ends_at_the_timeout(cluster: SparkCluster) -> None:
    one = session(cluster, timeout=2.0)
    statement = "SELECT id, repeat('x', 1000) AS text FROM range(0, 60000, 1, 6)"
    blocks = one.runner.stream(statement, 100)
    assert [row[0] for row in next(blocks)] == list(range(100))
    with standing_still():
        began = time.monotonic()
        with pytest.raises(TimedOut, match="took longer than the timeout of 2 s"):
            list(blocks)  # what was sent before is handed over
        assert time.monotonic() - began < 2.0 + GRACE_SECONDS + 5.0
    assert [tuple(row) for row in one.runner.rows("SELECT 1")] == [(1,)]


def test_a_stream_that_is_left_does_not_hold_its_reader(cluster: SparkCluster) -> None:
    one = session(cluster)
    blocks = one.runner.stream("SELECT id FROM range(0, 100000, 1, 4)", 10)
    next(blocks)
    with standing_still():
        began = time.monotonic()
        blocks.close()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 1.0
    assert [tuple(row) for row in one.runner.rows("SELECT 1")] == [(1,)]


def test_nothing_is_written(cluster: SparkCluster, log: Path) -> None:
    for statement in (
        "DROP TABLE odd_name",
        "CREATE TABLE more (x INT) USING parquet",
        "SET x=1",
    ):
        with pytest.raises(WrongSchema):
            source(cluster, query=statement).names()
    spark = session(cluster).runner.spark  # type: ignore[attr-defined]
    assert not spark.catalog.tableExists("more")
    assert not Path("spark-warehouse").exists()
    views = [each.name for each in spark.catalog.listTables() if each.isTemporary]
    assert views == []


def test_faults_are_named_in_one_sentence(
    cluster: SparkCluster, log: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.parquet"
    broken.write_bytes(b"PAR1 and then nothing of the kind PAR1")
    timed = Columns(timestamp="timestam")
    plan = Plan({"x": NumericPlan()})

    def fails(kind: type[SourceError], said: str, **options: Any) -> None:
        with pytest.raises(kind, match=said) as raised:
            source(cluster, **options).profile(plan, timed, DAYS, LIVE)
        assert "\n" not in str(raised.value)
        assert "SQLSTATE" not in str(raised.value)
        assert raised.value.__cause__ is None

    nanos = tmp_path / "nanos.parquet"
    pq.write_table(pa.table({"timestam": pa.array([1], pa.timestamp("ns", "UTC"))}), nanos)
    fails(WrongSchema, "NANOS.*nanosAsLong.*or write microseconds", path=str(nanos))
    fails(Unreachable, "Path does not exist", path=str(tmp_path / "nothing"))
    fails(Unreadable, "broken.parquet", path=str(broken))
    fails(WrongSchema, "nothing.*cannot be found", table="nothing")
    fails(WrongSchema, "delta.*Its jar must be given to Spark", path=str(log), format="delta")
    fails(WrongSchema, r"columns\.timestamp: there is no column .*'timestamp'\?", path=str(log))
    fails(WrongSchema, "nothing", query=f"SELECT nothing FROM parquet.`{log}`")
    fails(Unreadable, "malformed|cast", query="SELECT CAST('x' AS INT) AS timestam")
    assert capfd.readouterr().err == ""


def test_a_process_uses_one_cluster(cluster: SparkCluster, log: Path) -> None:
    first = session(cluster).runner.spark  # type: ignore[attr-defined]
    assert session(cluster).runner.spark is first  # type: ignore[attr-defined]
    with pytest.raises(Unreachable, match="this process already uses Spark at spark://"):
        Source("local[2]", path=str(log)).names()


@pytest.mark.slow
def test_a_session_whose_java_machine_died_is_replaced(cluster: SparkCluster, log: Path) -> None:
    found = source(cluster, path=str(log))
    assert found.extent(COLUMNS, LIVE).rows == ROWS
    process = machine()
    process.kill()
    process.wait()
    assert found.extent(COLUMNS, LIVE).rows == ROWS
    assert machine() is not process


def test_a_master_that_is_away_is_unreachable_at_once() -> None:
    require_module("pyspark")
    master = f"spark://127.0.0.1:{free_port()}"
    before = SESSIONS._spark, SESSIONS._cluster
    SESSIONS._spark = None
    try:
        with pytest.raises(Unreachable, match="no master answers there"):
            Source(master, path="/log").names()
        with pytest.raises(Unreachable, match="is not of the form spark://HOST:PORT"):
            Source("spark://somewhere", path="/log").names()
    finally:
        SESSIONS._spark, SESSIONS._cluster = before


def test_options_that_make_no_sense_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="exactly one of 'table', 'path' and 'query'"):
        Source("local[2]")
    with pytest.raises(ValueError, match="exactly one of 'table', 'path' and 'query'"):
        Source("local[2]", table="log", path="/log")
    with pytest.raises(ValueError, match="must be spark://HOST:PORT or local"):
        Source("yarn", table="log")
    with pytest.raises(ValueError, match="timeout = 0"):
        Source("local[2]", table="log", timeout=0)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark", None)
    monkeypatch.setattr(SESSIONS, "_spark", None)
    with pytest.raises(Unreachable, match=r"install pyspark first: .*modelmon.spark"):
        Source("local[2]", table="log").names()


def test_a_cluster_without_workers_is_given_up_at_the_timeout(log: Path) -> None:
    SESSIONS.stop()
    with spark_cluster(workers=0) as idle:
        try:
            with pytest.raises(TimedOut, match="no executor is free or registered"):
                source(idle, path=str(log), timeout=3.0).extent(COLUMNS, LIVE)
        finally:
            SESSIONS.stop()
