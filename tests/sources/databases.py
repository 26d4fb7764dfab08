"""Logs written into databases in many forms, and a comparison of portraits, for tests."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import fields, is_dataclass
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
from psycopg import sql

from checks.plan import BinaryPlan, CategoricalPlan, ColumnPlan, NumericPlan, Plan
from monitor.sources import Columns, Survey

Cell = object
Table = Mapping[str, Sequence[Cell]]
"""A table by columns."""


def cells(table: pa.Table, *, leave_out: Sequence[str] = ()) -> dict[str, list[Cell]]:
    """An Arrow table as columns of Python values."""
    kept = [name for name in table.column_names if name not in leave_out]
    return {name: table.column(name).to_pylist() for name in kept}


def write_sqlite(path: Path, **tables: tuple[Mapping[str, str], Table]) -> str:
    """Write tables (each a type per column, and the columns) to a SQLite file; its URL.

    Every first column has an index.
    """
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, (types, columns) in tables.items():
            declared = ", ".join(f'"{column}" {kind}' for column, kind in types.items())
            connection.execute(f'CREATE TABLE "{name}" ({declared})')
            marks = ", ".join("?" * len(types))
            rows = zip(*(columns[column] for column in types), strict=True)
            connection.executemany(f'INSERT INTO "{name}" VALUES ({marks})', rows)
            connection.execute(f'CREATE INDEX "{name}_1" ON "{name}" ("{next(iter(types))}")')
    return f"sqlite:///{path}"


def write_postgres(url: str, name: str, types: Mapping[str, str], columns: Table) -> None:
    """Make a table of these column types anew and fill it; its first column has an index."""
    listed = [sql.Identifier(column) + sql.SQL(f" {kind}") for column, kind in types.items()]
    table = sql.Identifier(name)
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(table))
        cursor.execute(sql.SQL("CREATE TABLE {} ({})").format(table, sql.SQL(", ").join(listed)))
        with cursor.copy(sql.SQL("COPY {} FROM STDIN").format(table)) as copy:
            for row in zip(*(columns[column] for column in types), strict=True):
                copy.write_row(row)
        first = sql.Identifier(next(iter(types)))
        cursor.execute(sql.SQL("CREATE INDEX ON {} ({})").format(table, first))
        cursor.execute(sql.SQL("ANALYZE {}").format(table))


def plan_of(survey: Survey, columns: Columns) -> Plan:
    """A plan for all that can be watched, as a baseline would make it."""
    structure = {columns.timestamp, columns.id, columns.label_timestamp, columns.version}
    watched: dict[str, ColumnPlan] = {}
    for name, look in survey.columns.items():
        if name not in structure and look.family == "number":
            watched[name] = NumericPlan(look.centre, 0, look.atoms)
        elif name not in structure and look.family in ("text", "boolean"):
            watched[name] = CategoricalPlan(look.levels, look.complete)
    found = {name: survey.columns[name].family for name in watched}
    outcome = BinaryPlan("1", "0") if columns.score else None
    segments = dict.fromkeys(columns.segments, ("1", "2"))
    return Plan(watched, outcome, {}, found, segments, survey.timestamp_unit)


def differences(a: object, b: object, at: str = "") -> Iterator[str]:
    """Where two trees of dataclasses, mappings and arrays differ; sums may by their last digits."""
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        same = a.shape == b.shape and np.allclose(a, b, rtol=1e-12, atol=0, equal_nan=True)
        if not (same if a.dtype.kind == "f" else np.array_equal(a, b)):
            yield f"{at}: {a} {b}"
    elif is_dataclass(a) and type(a) is type(b):
        for field in fields(a):
            yield from differences(
                getattr(a, field.name), getattr(b, field.name), f"{at}.{field.name}"
            )
    elif isinstance(a, Mapping) and isinstance(b, Mapping):
        if a.keys() != b.keys():
            yield f"{at}: {list(a)} {list(b)}"
        for key in a.keys() & b.keys():
            yield from differences(a[key], b[key], f"{at}[{key}]")
    elif isinstance(a, float) and isinstance(b, float):
        if a != b and abs(a - b) > 1e-9 * max(abs(a), abs(b)):
            yield f"{at}: {a} {b}"
    elif a != b:
        yield f"{at}: {a!r} {b!r}"
