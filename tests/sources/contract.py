"""One hostile log, and the databases it is written to, for the contract of SQL sources."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from alerts.secret import Secret
from monitor.sources._sql.clickhouse import embedded
from monitor.sources._sql.session import Session, session
from monitor.sources._sql.source import SqlSource
from monitor.sources._sql.spark import SESSIONS, Cluster, Opened
from monitor.sources.clickhouse import Source as ClickHouse
from monitor.sources.spark import Source as Spark
from monitor.sources.sql import Source
from tests.servers import SHORT_LIVED, mariadb, postgres, require_module
from tests.sources.databases import cells, write_postgres, write_sqlite

START = datetime(2024, 3, 4, tzinfo=UTC)
DAYS = 4
ROWS = 6000
LONG = "x" * 300
LEVELS = ("a", "A", "a ", " a", "é", "e\u0301", "É", "", "ß", "ss", LONG, LONG + "y", "1", "1.0")

Write = Callable[[str, pa.Table], None]


@dataclass(frozen=True, slots=True)
class Engine:
    """A database: ``url`` is its address, ``write`` makes a table anew and fills it.

    ``adapt`` gives a table as the database can hold it: what it cannot is replaced or left out;
    ``query`` selects the table ``log``.
    """

    url: str
    write: Write
    adapt: Callable[[pa.Table], pa.Table] = lambda table: table
    query: str = "SELECT * FROM log"
    options: Mapping[str, object] = field(default_factory=dict)
    make: Callable[..., SqlSource] | None = None
    opened: Callable[[], AbstractContextManager[Session]] | None = None

    def source(self, table: str, **more: object) -> SqlSource:
        more = {"push_down": True} | more
        if self.make is not None:
            return self.make(table=table, **more)
        return Source(Secret(self.url), table=table, **self.options, **more)  # type: ignore[arg-type]

    def session(self) -> AbstractContextManager[Session]:
        """A session on the database."""
        return session(Secret(self.url), 60) if self.opened is None else self.opened()


# The log.


def log(rows: int = ROWS, seed: int = 7) -> pa.Table:
    """Predictions with every oddity that a log may have."""
    rng = np.random.default_rng(seed)
    at = _times(rng, rows)
    label = _salted(rng, rng.integers(0, 2, rows).tolist(), {None: 0.3, 9: 0.002})
    return pa.table(
        {
            "id": _ids(rng, rows),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "version": pa.array(_salted(rng, ["v1"] * rows, {"v2": 0.3, None: 0.01}), pa.string()),
            "prediction": pa.array(
                _salted(rng, rng.integers(0, 2, rows).tolist(), {7: 0.002, None: 0.02}), pa.int64()
            ),
            "score": pa.array(_scores(rng, rows), pa.float64()),
            "label": pa.array(label, pa.int64()),
            "label_at": pa.array(_arrivals(rng, at, label), pa.timestamp("us", "UTC")),
            **_numbers(rng, rows),
            **_levels(rng, rows),
        }
    )


def _times(rng: np.random.Generator, rows: int) -> list[datetime | None]:
    seconds = np.sort(rng.uniform(0, DAYS * 86_400, rows))
    at: list[datetime | None] = [START + timedelta(microseconds=int(s * 1e6)) for s in seconds]
    for hour in range(DAYS * 24):  # on the edge of a window, and as near to it as can be
        edge = START + timedelta(hours=hour)
        at[hour * 3 : hour * 3 + 2] = [edge, edge - timedelta(microseconds=1)]
    for place in rng.choice(np.arange(500, rows), 20, replace=False).tolist():
        at[place] = None
    for place in rng.choice(np.arange(500, rows), 10, replace=False).tolist():
        at[place] = START + timedelta(days=4000, seconds=place)
    return at


def _ids(rng: np.random.Generator, rows: int) -> list[str | None]:
    ids: list[str | None] = [f"r{place}" for place in range(rows)]
    for place in rng.choice(np.arange(100, rows), 30, replace=False).tolist():
        ids[place] = ids[place - int(rng.integers(1, 90))]  # some of them within a window
    for place in rng.choice(rows, 40, replace=False).tolist():
        ids[place] = None
    return ids


def _scores(rng: np.random.Generator, rows: int) -> list[object]:
    odd = {None: 0.01, float("nan"): 0.01, 1.5: 0.002, -0.1: 0.002, float("inf"): 0.002}
    ends = {0.0: 0.01, 1.0: 0.01, 1e-12: 0.01, 1 - 1e-12: 0.01, 0.5: 0.02, 0.3: 0.02, 1e-200: 0.001}
    return _salted(rng, rng.beta(2, 3, rows).tolist(), {**odd, **ends})


def _arrivals(
    rng: np.random.Generator, at: Sequence[datetime | None], label: Sequence[object]
) -> list[datetime | None]:
    hours = rng.exponential(20, len(at))
    early = rng.random(len(at)) < 0.004
    return [
        None
        if moment is None or told is None or lag < 0.1
        else moment + timedelta(seconds=int(lag * 3600) * (-1 if soon else 1))
        for moment, told, lag, soon in zip(at, label, hours.tolist(), early.tolist(), strict=True)
    ]


def _numbers(rng: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    normal = rng.normal(3, 2, rows)
    hostile = {None: 0.01, float("nan"): 0.01, float("inf"): 0.003, float("-inf"): 0.002}
    tiny = {-0.0: 0.01, 5e-324: 0.004, -1e-310: 0.003, 1e-160: 0.003, 1e300: 0.002, -3e200: 0.001}
    prices = [Decimal(int(cents)) / 100 for cents in rng.integers(-500_000, 500_000, rows)]
    words = [f"{value:.3f}" for value in normal]
    return {
        "wide": pa.array(_salted(rng, normal.tolist(), {**hostile, **tiny}), pa.float64()),
        "usual": pa.array(_salted(rng, normal.tolist(), {0.0: 0.1, 3.0: 0.02}), pa.float64()),
        "offset": pa.array(_salted(rng, (1e15 + rng.integers(0, 40, rows)).tolist(), {None: 0.1})),
        "few": pa.array(_salted(rng, rng.poisson(3, rows).tolist(), {None: 0.02}), pa.int64()),
        "large": pa.array(rng.integers(2**60, 2**62, rows), pa.int64()),
        "single": pa.array(rng.normal(0, 1, rows).astype(np.float32)),
        "price": pa.array(_salted(rng, prices, {None: 0.02}), pa.decimal128(12, 2)),
        "said": pa.array(_salted(rng, words, {"N/A": 0.01, " 7 ": 0.01, "": 0.01}), pa.string()),
        "nothing": pa.array([None] * rows, pa.float64()),
        "error": pa.array(_salted(rng, normal.tolist(), {1e70: 0.0005, 1e-90: 0.0005, None: 0.1})),
    }


def _levels(rng: np.random.Generator, rows: int) -> dict[str, pa.Array]:
    level = [LEVELS[place] for place in rng.integers(0, len(LEVELS), rows)]
    many = [f"c{int(value)}" for value in rng.pareto(0.6, rows) * 10]
    region = [("north", "south", "North", "east ")[p] for p in rng.integers(0, 4, rows)]
    born = [date(2000, 1, 1) + timedelta(days=int(d)) for d in rng.integers(0, 40, rows)]
    return {
        "level": pa.array(_salted(rng, level, {None: 0.02}), pa.string()),
        "many": pa.array(many, pa.string()),
        "region": pa.array(_salted(rng, region, {None: 0.05}), pa.string()),
        "shop": pa.array(_salted(rng, rng.integers(1, 4, rows).tolist(), {None: 0.03}), pa.int64()),
        "flag": pa.array(_salted(rng, (rng.random(rows) < 0.3).tolist(), {None: 0.02}), pa.bool_()),
        "born": pa.array(_salted(rng, born, {None: 0.02}), pa.date32()),
        "tags": pa.array([[1, 2] if p % 3 else None for p in range(rows)], pa.list_(pa.int64())),
    }


def _salted(
    rng: np.random.Generator, values: Sequence[object], odd: Mapping[object, float]
) -> list[object]:
    """The values, some of them replaced by each odd one with the probability it has."""
    salted = list(values)
    for value, share in odd.items():
        for place in np.flatnonzero(rng.random(len(salted)) < share).tolist():
            salted[place] = value
    return salted


def labels(table: pa.Table, seed: int = 5) -> tuple[pa.Table, pa.Table]:
    """The log without its labels, and these as a table: some twice, some of unknown ids."""
    rng = np.random.default_rng(seed)
    told = table.select(["id", "label", "label_at"]).filter(pc.is_valid(table["label"]))
    dated = told.filter(pc.is_valid(told["label_at"]))  # else not every database tells the last
    twice = dated.take(pa.array(rng.choice(dated.num_rows, 150, replace=False)))
    again = [
        None if at is None else at + timedelta(hours=int(hours))
        for at, hours in zip(
            twice["label_at"].to_pylist(), rng.integers(1, 50, 150).tolist(), strict=True
        )
    ]
    changed = pa.array(rng.integers(0, 2, 150), pa.int64())
    twice = pa.table(
        {
            "id": twice["id"],
            "label": changed,
            "label_at": pa.array(again, pa.timestamp("us", "UTC")),
        }
    )
    unknown = pa.table(
        {
            "id": ["nobody", None],
            "label": pa.array([1, 0], pa.int64()),
            "label_at": told["label_at"].slice(0, 2),
        }
    )
    apart = pa.concat_tables([told, twice, unknown.cast(told.schema)])
    return table.drop_columns(["label", "label_at"]), apart


# The databases.


def _replaced(
    table: pa.Table, change: Callable[[str, pa.ChunkedArray], pa.Array | None]
) -> pa.Table:
    columns = {name: change(name, table[name]) for name in table.column_names}
    return pa.table({name: column for name, column in columns.items() if column is not None})


def _without_odd_floats(column: pa.ChunkedArray, *, infinity: bool) -> pa.Array:
    loose = column.cast(pa.float64())
    odd = pc.is_nan(loose) if infinity else pc.invert(pc.is_finite(loose))
    return pc.if_else(odd, pa.scalar(None, pa.float64()), loose)


def for_sqlite(table: pa.Table) -> pa.Table:
    """No NaN, no DECIMAL, no date, no list."""

    def change(_: str, column: pa.ChunkedArray) -> pa.Array | None:
        if pa.types.is_floating(column.type) or pa.types.is_decimal(column.type):
            return _without_odd_floats(column, infinity=True)
        return None if pa.types.is_date(column.type) or pa.types.is_list(column.type) else column

    return _replaced(table, change)


def for_mariadb(table: pa.Table) -> pa.Table:
    """No NaN, no infinity, no boolean, no list."""

    def change(_: str, column: pa.ChunkedArray) -> pa.Array | None:
        if pa.types.is_floating(column.type):
            return _without_odd_floats(column, infinity=False)
        if pa.types.is_boolean(column.type):
            return column.cast(pa.int64())
        return None if pa.types.is_list(column.type) else column

    return _replaced(table, change)


def for_clickhouse(table: pa.Table) -> pa.Table:
    """No list, which cannot be NULL there."""

    def change(_: str, column: pa.ChunkedArray) -> pa.Array | None:
        return None if pa.types.is_list(column.type) else column

    return _replaced(table, change)


@contextmanager
def sqlite(folder: Path) -> Iterator[Engine]:
    path = folder / "log.sqlite"

    def kind(of: pa.DataType) -> str:
        if pa.types.is_boolean(of):
            return "BOOLEAN"
        if pa.types.is_integer(of):
            return "INTEGER"
        return "REAL" if pa.types.is_floating(of) else "TEXT COLLATE NOCASE"

    def spelled(cell: object) -> object:
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell

    def write(name: str, table: pa.Table) -> None:
        types = {column.name: kind(column.type) for column in table.schema}
        columns = {column: list(map(spelled, found)) for column, found in cells(table).items()}
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f'DROP TABLE IF EXISTS "{name}"')
        write_sqlite(path, **{name: (types, columns)})

    yield Engine(f"sqlite:///{path}", write, for_sqlite)


def _postgres_kind(of: pa.DataType) -> str:
    if pa.types.is_decimal(of):
        return "numeric"
    if pa.types.is_list(of):
        return "bigint[]"
    return {
        pa.timestamp("us", "UTC"): "timestamptz",
        pa.float64(): "double precision",
        pa.float32(): "real",
        pa.int64(): "bigint",
        pa.bool_(): "boolean",
        pa.date32(): "date",
    }.get(of, "text")


@contextmanager
def postgresql(_: Path) -> Iterator[Engine]:
    with postgres() as url:

        def write(name: str, table: pa.Table) -> None:
            types = {column.name: _postgres_kind(column.type) for column in table.schema}
            write_postgres(url, name, types, cells(table))

        yield Engine(url, write)


@contextmanager
def duckdb(folder: Path) -> Iterator[Engine]:
    module, path = require_module("duckdb"), folder / "log.duckdb"

    def write(name: str, table: pa.Table) -> None:
        with module.connect(str(path)) as connection:
            connection.register("arrived", table)
            connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS SELECT * FROM arrived')

    yield Engine(f"duckdb:///{path}", write)


@contextmanager
def maria(_: Path) -> Iterator[Engine]:
    kinds = {
        pa.timestamp("us", "UTC"): "TIMESTAMP(6) NULL",
        pa.float64(): "DOUBLE",
        pa.float32(): "FLOAT",
        pa.int64(): "BIGINT",
        pa.date32(): "DATE",
        pa.decimal128(12, 2): "DECIMAL(12, 2)",
    }
    with mariadb() as url:

        def write(name: str, table: pa.Table) -> None:
            types = [f"`{c.name}` {kinds.get(c.type, 'VARCHAR(400)')}" for c in table.schema]
            columns = cells(table)
            rows = list(zip(*columns.values(), strict=True))
            with create_engine(url, poolclass=NullPool).connect() as connection:
                raw = connection.connection.driver_connection
                assert raw is not None
                with raw.cursor() as cursor:
                    cursor.execute("SET time_zone = '+00:00'")
                    cursor.execute(f"DROP TABLE IF EXISTS {name}")
                    cursor.execute(f"CREATE TABLE {name} ({', '.join(types)}) CHARSET utf8mb4")
                    cursor.executemany(
                        f"INSERT INTO {name} VALUES ({', '.join(['%s'] * len(types))})", rows
                    )
                raw.commit()

        yield Engine(url, write, for_mariadb)


@contextmanager
def clickhouse(folder: Path) -> Iterator[Engine]:
    start, path = require_module("chdb.session").Session, folder / "clickhouse"

    def write(name: str, table: pa.Table) -> None:
        file = folder / f"{name}.arriving"
        pq.write_table(table, file)
        server = start(str(path))
        server.query(f"DROP TABLE IF EXISTS {name}")
        read = f"SELECT * FROM file('{file}', Parquet)"
        server.query(f"CREATE TABLE {name} ENGINE = MergeTree ORDER BY () AS {read}")
        server.close()

    def make(**options: object) -> SqlSource:
        return ClickHouse(path, **options)  # type: ignore[arg-type]

    yield Engine("", write, for_clickhouse, make=make, opened=lambda: embedded(str(path), 60))


@contextmanager
def spark(folder: Path) -> Iterator[Engine]:
    require_module("pyspark")
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraJavaOptions": SHORT_LIVED,
        "spark.sql.shuffle.partitions": "1",
    }

    def write(name: str, table: pa.Table) -> None:
        pq.write_table(table, folder / f"{name}.spark")

    def make(table: str, labels: str = "", **options: object) -> SqlSource:
        names = {"path": table, "labels": labels}
        paths = {key: f"{folder}/{name}.spark" for key, name in names.items() if name}
        return Spark("local[2]", conf=settings, **paths, **options)  # type: ignore[arg-type]

    @contextmanager
    def opened() -> Iterator[Session]:
        cluster = SESSIONS.of(Cluster("local[2]", tuple(sorted(settings.items()))))
        cluster.read.parquet(f"{folder}/log.spark").createOrReplaceTempView("log")
        with ExitStack() as views:
            yield Opened(cluster, "Spark", 60, views).session
        cluster.catalog.dropTempView("log")

    try:
        query = f"SELECT * FROM parquet.`{folder}/log.spark`"
        yield Engine("", write, query=query, make=make, opened=opened)
    finally:
        SESSIONS.stop()


ENGINES = {
    "sqlite": sqlite,
    "postgresql": postgresql,
    "duckdb": duckdb,
    "mariadb": maria,
    "clickhouse": clickhouse,
    "spark": spark,
}
