"""Logs of rankers, forecasters, sets of labels and clusters, in every format."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq

START = datetime(2024, 1, 1, tzinfo=UTC)
DAYS = 6
LABELS = ("blue", "green", "red")


def times(rows: int) -> list[datetime]:
    """So many rows, spread over the days."""
    return [START + timedelta(days=DAYS) * place / rows for place in range(rows)]


def late(rows: int) -> np.ndarray:
    """Which rows lie in the last day."""
    return np.arange(rows) >= rows * (DAYS - 1) / DAYS


def ranking(seed: int = 0) -> pa.Table:
    """Ten items each for 600 queries, worse on the last day."""
    rng = np.random.default_rng(seed)
    query = np.repeat(np.arange(600), 10)
    label = rng.integers(0, 3, 6000) * (rng.random(6000) < 0.5)
    noise = np.where(late(6000), 30.0, 1.0)
    score = label + rng.normal(size=6000) * noise
    moment = [times(600)[each] for each in query]
    return pa.table(
        {
            "at": pa.array(moment, pa.timestamp("us", "UTC")),
            "request": [f"q{each}" for each in query],
            "score": score,
            "relevance": label.astype(float),
            "price": rng.normal(size=6000),
        }
    )


def forecasting(seed: int = 1) -> pa.Table:
    """Forecasts one, seven and 28 days ahead; the errors of the second double on the last day."""
    rng = np.random.default_rng(seed)
    horizon = np.tile([1, 7, 28], 1000)
    truth = rng.normal(100.0, 10.0, 3000)
    wrong = np.sqrt(horizon) * np.where(late(3000) & (horizon == 7), 2.0, 1.0)
    return pa.table(
        {
            "at": pa.array(times(3000), pa.timestamp("us", "UTC")),
            "ahead": horizon,
            "forecast": truth + rng.normal(size=3000) * wrong,
            "actual": truth,
        }
    )


def multilabel(seed: int = 2) -> pa.Table:
    """Sets of three labels as lists; the last is mostly missed on the last day."""
    rng = np.random.default_rng(seed)
    true = rng.random((3000, 3)) < (0.5, 0.3, 0.4)
    missed = rng.random((3000, 3)) < np.where(late(3000)[:, None], (0.1, 0.1, 0.9), 0.1)
    return pa.table(
        {
            "at": pa.array(times(3000), pa.timestamp("us", "UTC")),
            "told": pa.array(named(true & ~missed), pa.list_(pa.string())),
            "tags": pa.array(named(true), pa.list_(pa.string())),
            "size": rng.normal(size=3000),
        }
    )


def named(table: np.ndarray) -> list[list[str]]:
    return [[label for label, has in zip(LABELS, row, strict=True) if has] for row in table]


def clustering(seed: int = 3) -> pa.Table:
    """Two clusters and some noise; on the last day rows are told into clusters by chance."""
    rng = np.random.default_rng(seed)
    side = rng.integers(0, 2, 3000)
    told = np.where(late(3000), rng.integers(0, 2, 3000), side)
    told = np.where(rng.random(3000) < 0.05, -1, told)
    return pa.table(
        {
            "at": pa.array(times(3000), pa.timestamp("us", "UTC")),
            "cluster": told,
            "x": rng.normal(size=3000) + 6.0 * side,
            "y": rng.normal(size=3000),
        }
    )


TABLES = {
    "ranking": ranking,
    "forecasting": forecasting,
    "multilabel": multilabel,
    "clustering": clustering,
}
COLUMNS = {
    "ranking": 'query = "request"\nscore = "score"\nlabel = "relevance"',
    "forecasting": 'horizon = "ahead"\nprediction = "forecast"\nlabel = "actual"',
    "multilabel": 'prediction = "told"\nlabel = "tags"',
    "clustering": 'prediction = "cluster"',
}


def written(table: pa.Table, kind: str, folder: Path) -> str:
    """The table in a format, and the lines of a source that reads it."""
    if kind == "parquet":
        pq.write_table(table, folder / "log.parquet", row_group_size=777)
    elif kind == "csv":
        pc.write_csv(_flat(table), folder / "log.csv")
    elif kind == "jsonl":
        lines = (json.dumps(row, default=str) for row in table.to_pylist())
        (folder / "log.jsonl").write_text("\n".join(lines))
    else:
        return _in_sqlite(_flat(table), folder)
    return f'type = "{kind}"\npath = "log.{kind}"'


def _flat(table: pa.Table) -> pa.Table:
    """The table with lists as JSON, and times as text."""
    columns = {}
    for name in table.column_names:
        column = table[name]
        if pa.types.is_list(column.type):
            column = pa.array([json.dumps(each) for each in column.to_pylist()])
        if pa.types.is_timestamp(column.type):
            column = pa.array([each.isoformat() for each in column.to_pylist()])
        columns[name] = column
    return pa.table(columns)


def _in_sqlite(table: pa.Table, folder: Path) -> str:
    names = ", ".join(table.column_names)
    marks = ", ".join("?" * table.num_columns)
    connection = sqlite3.connect(folder / "log.db")
    with connection:
        connection.execute(f"CREATE TABLE log ({names})")
        rows = [tuple(row.values()) for row in table.to_pylist()]
        connection.executemany(f"INSERT INTO log VALUES ({marks})", rows)
    connection.close()
    return 'type = "sql"\nurl = "sqlite:///log.db"\ntable = "log"'


def configured(task: str, kind: str, folder: Path, extra: str = "") -> Path:
    """A monitor.toml for the log of a task, whose first four days are the reference."""
    source = written(TABLES[task](), kind, folder)
    path = folder / "monitor.toml"
    path.write_text(
        f'[daemon]\nstate = "sqlite:///state.db"\n\n[models.m]\ntask = "{task}"\nevery = "1d"\n'
        f'labels_within = "0s"\n[models.m.source]\n{source}\n'
        f'[models.m.columns]\ntimestamp = "at"\n{COLUMNS[task]}\n'
        f"[models.m.reference]\nfrom = 2024-01-01\nto = 2024-01-05\n{extra}"
    )
    return path
