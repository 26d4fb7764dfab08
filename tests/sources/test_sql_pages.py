"""A reader who follows docs/sql.md or docs/spark.md to the letter gets a source that is read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from monitor.config import load
from monitor.connect import try_out
from monitor.findings import WHOLE
from monitor.learn import learn
from monitor.sources import Horizon, SourceError
from monitor.sources._breaker import BREAKER
from monitor.sources._sql.engines import ENGINES
from monitor.sources._sql.spark import SESSIONS
from monitor.windows import Window
from tests.servers import mariadb, postgres, require_module, spark_cluster
from tests.sources.databases import cells, write_sqlite

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
FIRST, DAYS, A_DAY = datetime(2026, 1, 5, tzinfo=UTC), 30, 40
NOW = FIRST + timedelta(days=DAYS)
LIVE = Horizon(NOW, NOW)
PASSWORD = "change%20me"


def blocks(page: str, kind: str) -> list[str]:
    return [text for each, text in BLOCK.findall((DOCS / page).read_text()) if each == kind]


WHOLE_FILE, *SOURCES = blocks("sql.md", "toml")


def configuration(source: str) -> str:
    """The whole configuration of the page with the source of one of its other chapters."""
    table = re.compile(r"^\[models\.credit\.source\]\n.*?\n\n", re.MULTILINE | re.DOTALL)
    changed, times = table.subn(source + "\n", WHOLE_FILE)
    assert times == 1
    return changed


def source_of(word: str) -> str:
    """The source among those of the page that holds this word."""
    (found,) = (each for each in SOURCES if word in each)
    return found


@pytest.fixture(autouse=True)
def _no_pauses() -> Iterator[None]:
    BREAKER.forget()
    yield
    ENGINES.dispose()


@pytest.fixture(scope="module")
def tables() -> tuple[pa.Table, pa.Table]:
    """Predictions and labels as the page declares them."""
    count = DAYS * A_DAY
    times = [FIRST + n * timedelta(days=1) / A_DAY for n in range(count)]
    scores = [(n * 37 % 100) / 100 for n in range(count)]
    ids = [f"p{n}" for n in range(count)]
    moment = pa.timestamp("us", "UTC")
    predictions = pa.table(
        {
            "prediction_id": ids,
            "timestamp": pa.array(times, moment),
            "version": ["1"] * count,
            "age": [20.0 + n * 13 % 50 for n in range(count)],
            "channel": [("web", "shop", None)[n % 3] for n in range(count)],
            "prediction": [int(score > 0.5) for score in scores],
            "score": scores,
        }
    )
    labels = pa.table(
        {
            "prediction_id": ids,
            "label": [int(score * (n % 7) > 1.5) for n, score in enumerate(scores)],
            "label_timestamp": pa.array([each + timedelta(hours=5) for each in times], moment),
        }
    )
    return predictions, labels


def works(text: str, folder: Path) -> None:
    """The configuration is valid, its reference is learnt, and a day is read with its labels."""
    path = folder / "monitor.toml"
    path.write_text(text)
    config = load(path)
    assert [tried for tried in try_out(config, LIVE) if tried.trouble] == []
    model = config.models["credit"]
    baseline, _ = learn(model, LIVE)
    day = Window(FIRST + timedelta(days=28), FIRST + timedelta(days=29))
    portrait = model.source.profile(baseline.plan, model.columns, [day], LIVE)[day][WHOLE]
    assert portrait.rows == A_DAY
    assert portrait.log.labels == A_DAY
    assert set(portrait.columns) >= {"age", "channel"}


def test_postgresql_as_the_page_tells(
    tables: tuple[pa.Table, pa.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres() as url:
        with psycopg.connect(url, autocommit=True) as connection:
            for statements in blocks("sql.md", "sql"):
                for statement in filter(str.strip, statements.split(";")):
                    connection.execute(statement)  # type: ignore[arg-type]
            for name, table in zip(("predictions", "labels"), tables, strict=True):
                copying = f"COPY {name} ({', '.join(table.column_names)}) FROM STDIN"
                with connection.cursor().copy(copying) as copy:  # type: ignore[arg-type]
                    for row in zip(*cells(table).values(), strict=True):
                        copy.write_row(row)
        reader = url.replace("postgres@", f"modelmon:{PASSWORD}@")
        monkeypatch.setenv("CREDIT_DATABASE_URL", reader)
        works(WHOLE_FILE, tmp_path)
        for statement in ("DELETE FROM labels", "CREATE TABLE mine (x int)"):
            with (
                psycopg.connect(reader) as connection,
                pytest.raises((psycopg.errors.ReadOnlySqlTransaction, psycopg.errors.Error)),
            ):
                connection.execute(statement)  # type: ignore[arg-type]


def test_mariadb_as_the_page_tells(
    tables: tuple[pa.Table, pa.Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [
        "CREATE DATABASE shop",
        """CREATE TABLE shop.predictions (prediction_id VARCHAR(50), timestamp TIMESTAMP(6),
           version TEXT, age DOUBLE, channel TEXT, prediction BIGINT, score DOUBLE)""",
        """CREATE TABLE shop.labels (prediction_id VARCHAR(50), label BIGINT,
           label_timestamp TIMESTAMP(6))""",
    ]
    (granted,) = blocks("sql.md", "mysql")
    with mariadb() as url:
        with create_engine(url, poolclass=NullPool).begin() as connection:
            connection.exec_driver_sql("SET time_zone = '+00:00'")
            for statement in (*made, *filter(str.strip, granted.split(";"))):
                connection.exec_driver_sql(statement)
            for name, table in zip(("predictions", "labels"), tables, strict=True):
                marks = ", ".join(["%s"] * table.num_columns)
                rows: Any = list(zip(*cells(table).values(), strict=True))
                connection.exec_driver_sql(f"INSERT INTO shop.{name} VALUES ({marks})", rows)
        port = url.rpartition(":")[2].partition("/")[0]
        reader = f"mysql://modelmon:{PASSWORD}@127.0.0.1:{port}/shop"
        monkeypatch.setenv("CREDIT_DATABASE_URL", reader)
        works(configuration(source_of("# mysql://")), tmp_path)


@contextmanager
def moved(text: str, before: str, after: Path) -> Iterator[str]:
    """The configuration with the path of a test instead of that of the page."""
    assert text.count(before) == 1
    yield text.replace(before, str(after))


def test_duckdb_as_the_page_tells(tables: tuple[pa.Table, pa.Table], tmp_path: Path) -> None:
    path = tmp_path / "predictions.duckdb"
    predictions, labels = tables
    with require_module("duckdb").connect(str(path)) as connection:
        connection.register("p", predictions)
        connection.register("l", labels)
        connection.execute("CREATE TABLE predictions AS SELECT * FROM p")
        connection.execute("CREATE TABLE labels AS SELECT * FROM l")
    text = configuration(source_of("duckdb:"))
    with moved(text, "/data/predictions.duckdb", path) as changed:
        works(changed, tmp_path)
    with moved(text, "/data/predictions.duckdb", Path("predictions.duckdb")) as beside:
        works(beside, tmp_path)


def test_sqlite_as_the_page_tells(tables: tuple[pa.Table, pa.Table], tmp_path: Path) -> None:
    path = tmp_path / "predictions.sqlite"
    written = {}
    for name, table in zip(("predictions", "labels"), tables, strict=True):
        columns = cells(table)
        for column, found in columns.items():
            columns[column] = [f"{c:%F %T}" if isinstance(c, datetime) else c for c in found]
        written[name] = (dict.fromkeys(columns, ""), columns)
    write_sqlite(path, **written)  # type: ignore[arg-type]
    with moved(configuration(source_of("sqlite:")), "/data/predictions.sqlite", path) as changed:
        works(changed, tmp_path)


def test_clickhouse_as_the_page_tells(tables: tuple[pa.Table, pa.Table], tmp_path: Path) -> None:
    folder = tmp_path / "clickhouse"
    (tmp_path / "predictions").mkdir()
    for name, table in zip(("predictions", "labels"), tables, strict=True):
        pq.write_table(table, tmp_path / "predictions" / f"{name}.pq")
    server = require_module("chdb.session").Session(str(folder))
    for name in ("predictions", "labels"):
        read = f"SELECT * FROM file('{tmp_path}/predictions/{name}.pq', Parquet)"
        server.query(f"CREATE TABLE {name} ENGINE = MergeTree ORDER BY () AS {read}")
    server.close()
    with moved(configuration(source_of("path   = ")), "/data/clickhouse", folder) as changed:
        works(changed, tmp_path)
    (tmp_path / "predictions" / "predictions.pq").rename(tmp_path / "predictions" / "a.parquet")
    files = configuration(source_of("FROM file("))
    with moved(files, "/data/predictions", tmp_path / "predictions") as changed:
        path = tmp_path / "monitor.toml"
        path.write_text(changed)
        model = load(path).models["credit"]
        assert model.source.extent(model.columns, LIVE).rows == DAYS * A_DAY


def test_spark_as_the_page_tells(tables: tuple[pa.Table, pa.Table], tmp_path: Path) -> None:
    (text,) = blocks("spark.md", "toml")
    for name, table in zip(("predictions", "labels"), tables, strict=True):
        (tmp_path / name).mkdir()
        pq.write_table(table, tmp_path / name / "part.parquet")
    with spark_cluster() as cluster:
        text = text.replace("spark://spark-master.example.com:7077", cluster.master)
        text = text.replace("/data/", f"{tmp_path}/")
        assert "example.com" not in text
        try:
            works(text, tmp_path)
        finally:
            SESSIONS.stop()


def test_what_the_page_says_of_keys_is_so() -> None:
    from dataclasses import fields

    from monitor.sources import source_type

    for page, kind in (("sql.md", "sql"), ("spark.md", "spark")):
        text = (DOCS / page).read_text()
        for each in fields(source_type(kind)):  # type: ignore[arg-type]
            assert f"`{each.name}`" in text, f"{page} says nothing of {each.name}"


def test_an_address_that_is_away_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CREDIT_DATABASE_URL", f"postgresql://modelmon:{PASSWORD}@127.0.0.1:1/shop")
    path = tmp_path / "monitor.toml"
    path.write_text(WHOLE_FILE)
    said = r"postgresql database .shop. at 127\.0\.0\.1:1"
    with pytest.raises(SourceError, match=said) as raised:
        learn(load(path).models["credit"], LIVE)
    assert "change" not in str(raised.value)
