"""Jobs of the SQL benchmark."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers.clock import measured
from benchmarks.registry import job
from benchmarks.window_jobs import judge_day, keep_baseline

if TYPE_CHECKING:
    import pyarrow as pa

    from checks.plan import Plan
    from monitor.sources import Columns, Horizon, Source
    from monitor.windows import Window

TABLE = "predictions"
_TYPES = {"timestamp": "timestamptz", "prediction_id": "text"}


@job("load-postgres")
def load_postgres(url: str, rows: str, features: str) -> None:
    """Fill a table with a reference day and a current day of so many rows each."""
    import psycopg

    from benchmarks.made import chunks

    with psycopg.connect(url, autocommit=True) as connection:
        made = False
        for side in ("reference", "current"):
            for each in chunks(side, int(rows), int(features)):
                if not made:
                    connection.execute(_create(each.schema.names))
                    made = True
                _copy(connection, each)
        connection.execute(f"create index on {TABLE} (timestamp)")
        connection.execute(f"vacuum analyze {TABLE}")


def _create(names: Sequence[str]) -> str:
    declared = (f"{name} {_TYPES.get(name, 'double precision')}" for name in names)
    text = f"create table {TABLE} ({', '.join(declared)})"
    return text.replace("prediction double precision", "prediction bigint").replace(
        "label double precision", "label bigint"
    )


def _copy(connection: Any, rows: pa.Table) -> None:
    import io

    from pyarrow import csv

    out = io.BytesIO()
    csv.write_csv(rows, out, csv.WriteOptions(include_header=False))
    with connection.cursor() as cursor, cursor.copy(f"copy {TABLE} from stdin (format csv)") as to:
        to.write(out.getvalue())


@job("learn-postgres")
def learn_postgres(url: str, target: str) -> None:
    """Keep the baseline of the reference day in a state database in a folder."""
    from benchmarks.made import REFERENCE_DAY

    keep_baseline(_source(url), REFERENCE_DAY, Path(target))


def _source(url: str) -> Source:
    from alerts.secret import Secret
    from monitor.sources.sql import Source

    return Source(Secret(url), table=TABLE, timeout=3600)


@job("sql")
def sql(stored: str, url: str) -> None:
    """Judge the current day as the source itself profiles it."""
    judge_day(Path(stored), _source(url))


@job("sql-fetched")
def sql_fetched(stored: str, url: str) -> None:
    """Judge the current day by fetching its rows and profiling them here."""
    judge_day(Path(stored), _source(url), _fetched)


def _fetched(
    source: Source, plan: Plan, columns: Columns, windows: Sequence[Window], horizon: Horizon
) -> Mapping[Window, Mapping[Any, Any]]:
    from monitor.sources._rows import profile_batches, wanted

    names = wanted(plan, columns)

    def scan() -> Iterator[pa.RecordBatch]:
        for window in windows:
            yield from source.rows(tuple(names), columns, window, horizon)

    return profile_batches(plan, columns, windows, horizon, scan)


@job("sql-sum")
def sql_sum(url: str, columns: str) -> None:
    """Let the server sum every column of numbers of the current day."""
    import psycopg

    from benchmarks.made import CURRENT_DAY

    sums = ", ".join(f"sum({name})" for name in json.loads(columns))
    query = (
        f"select count(*), max(length(prediction_id)), {sums} from {TABLE} where timestamp >= %s"
    )
    with measured() as facts, psycopg.connect(url) as connection:
        found = connection.execute(query, (CURRENT_DAY,)).fetchone()
        assert found is not None
        facts["rows"] = found[0]
