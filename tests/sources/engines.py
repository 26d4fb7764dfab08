"""Databases of many kinds for tests: an Arrow table goes in, the rows of a query come out."""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection, Select, create_engine
from sqlalchemy.pool import NullPool

from monitor.sources._sql.spellings import ClickHouse, DuckDB, Spark
from tests.servers import SHORT_LIVED, mariadb, postgres, require_module

Rows = Sequence[Sequence[Any]]

ENGINES = (
    "sqlite",
    "postgresql",
    "mariadb",
    "duckdb",
    "clickhouse",
    "spark",
    "spark without ANSI mode",
)


@dataclass(frozen=True, slots=True)
class Engine:
    """A database. ``dialect`` is a key of ``DIALECTS``; ``load`` makes a table anew."""

    dialect: str
    load: Callable[[str, pa.Table], None]
    rows: Callable[[Select[Any]], Rows]
    holds_nan: bool = True
    holds_infinity: bool = True


@contextmanager
def engine(name: str, folder: Path) -> Iterator[Engine]:
    """An engine of ``ENGINES``, empty; ``folder`` is for its files."""
    start = {
        "sqlite": _sqlite,
        "postgresql": _postgresql,
        "mariadb": _mariadb,
        "duckdb": _duckdb,
        "clickhouse": _clickhouse,
    }
    if name in start:
        with start[name](folder) as started:
            yield started
    else:
        with _spark(folder, ansi=name == "spark") as started:
            yield started


@contextmanager
def _sqlite(_: Path) -> Iterator[Engine]:
    sqlite3.register_adapter(Decimal, float)  # it has no DECIMAL
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        types = {pa.float32(): "REAL", pa.float64(): "REAL", pa.bool_(): "BOOLEAN"}
        load = _loader(connection, types, "?", '"')
        yield Engine("sqlite", load, _fetcher(connection), holds_nan=False)


@contextmanager
def _postgresql(_: Path) -> Iterator[Engine]:
    with postgres() as url:
        address = url.replace("postgresql:", "postgresql+psycopg:")
        with create_engine(
            address, isolation_level="AUTOCOMMIT", poolclass=NullPool
        ).connect() as connection:
            types = {pa.float32(): "REAL", pa.float64(): "DOUBLE PRECISION", pa.bool_(): "BOOLEAN"}

            def copy(raw: psycopg.Connection, table: str, names: str, rows: Rows) -> None:
                with raw.cursor().copy(f"COPY {table} ({names}) FROM STDIN") as writer:
                    for row in rows:
                        writer.write_row(row)

            load = _loader(connection, types, "%s", '"', copy)
            yield Engine("postgresql", load, _fetcher(connection))


@contextmanager
def _mariadb(_: Path) -> Iterator[Engine]:
    with mariadb() as url, create_engine(url, poolclass=NullPool).connect() as connection:
        types = {pa.float32(): "FLOAT", pa.float64(): "DOUBLE", pa.bool_(): "BOOLEAN"}
        load = _loader(connection, types, "%s", "`")
        rows = _fetcher(connection)
        yield Engine("mariadb", load, rows, holds_nan=False, holds_infinity=False)


@contextmanager
def _duckdb(_: Path) -> Iterator[Engine]:
    with require_module("duckdb").connect() as raw:

        def load(name: str, table: pa.Table) -> None:
            raw.register("arrived", table)
            raw.execute(f"CREATE OR REPLACE TABLE {name} AS SELECT * FROM arrived")
            raw.unregister("arrived")

        yield Engine("duckdb", load, lambda q: raw.execute(DuckDB().text(q)).fetchall())


@contextmanager
def _clickhouse(folder: Path) -> Iterator[Engine]:
    session = require_module("chdb.session").Session(str(folder / "clickhouse"))
    session.query("CREATE DATABASE IF NOT EXISTS log ENGINE = Atomic")
    session.query("USE log")

    def load(name: str, table: pa.Table) -> None:
        path = folder / f"{name}.parquet"
        pq.write_table(table, path)
        session.query(f"DROP TABLE IF EXISTS {name}")
        session.query(f"CREATE TABLE {name} ENGINE = Memory AS SELECT * FROM file('{path}')")

    def rows(query: Select[Any]) -> Rows:
        said = session.query(ClickHouse().text(query), "ArrowStream").bytes()
        with pa.ipc.open_stream(said) as reader:
            columns = [column.to_pylist() for column in reader.read_all().columns]
        return list(zip(*columns, strict=True))

    try:
        yield Engine("clickhouse", load, rows)
    finally:
        session.close()


@contextmanager
def _spark(folder: Path, *, ansi: bool) -> Iterator[Engine]:
    with warnings.catch_warnings():  # it warns of the versions of others
        warnings.simplefilter("ignore")
        sql = require_module("pyspark.sql")
        settings = {
            "spark.ui.enabled": "false",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
            "spark.driver.extraJavaOptions": SHORT_LIVED,
            "spark.sql.shuffle.partitions": "1",
            "spark.sql.warehouse.dir": str(folder / "spark"),
            "spark.log.level": "ERROR",
            "spark.ui.showConsoleProgress": "false",
        }
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
        session = sql.SparkSession.builder.master("local[1]").config(map=settings).getOrCreate()
        session.conf.set("spark.sql.ansi.enabled", str(ansi).lower())

        def load(name: str, table: pa.Table) -> None:
            path = folder / f"{name}.parquet"
            pq.write_table(table, path)
            session.read.parquet(str(path)).createOrReplaceTempView(name)

        def rows(query: Select[Any]) -> Rows:
            return [tuple(row) for row in session.sql(Spark().text(query)).collect()]

        try:
            yield Engine("spark", load, rows)
        finally:
            session.stop()


Insert = Callable[[Any, str, str, Rows], None]


def _loader(
    connection: Connection,
    types: dict[pa.DataType, str],
    mark: str,
    quote: str,
    insert: Insert | None = None,
) -> Callable[[str, pa.Table], None]:
    def declared(kind: pa.DataType) -> str:
        if pa.types.is_decimal(kind):
            return f"DECIMAL({kind.precision}, {kind.scale})"
        return types.get(kind, "BIGINT" if pa.types.is_integer(kind) else "TEXT")

    def load(name: str, table: pa.Table) -> None:
        quoted = [quote + each.replace(quote, 2 * quote) + quote for each in table.column_names]
        columns = ", ".join(
            f"{each} {declared(field.type)}"
            for each, field in zip(quoted, table.schema, strict=True)
        )
        rows = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
        raw: Any = connection.connection.driver_connection
        cursor = raw.cursor()
        cursor.execute(f"DROP TABLE IF EXISTS {name}")
        cursor.execute(f"CREATE TABLE {name} ({columns})")
        if insert is not None:
            insert(raw, name, ", ".join(quoted), rows)
        else:
            marks = ", ".join([mark] * len(quoted))
            cursor.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)

    return load


def _fetcher(connection: Connection) -> Callable[[Select[Any]], Rows]:
    return lambda query: connection.execute(query).fetchall()
