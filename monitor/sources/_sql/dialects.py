"""What differs between databases that speak SQL, as far as counting on the grid goes."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import (
    CTE,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Subquery,
    cast,
    func,
    literal,
    literal_column,
    select,
    type_coerce,
)
from sqlalchemy.types import UserDefinedType

Nested = Subquery | CTE


@dataclass(frozen=True, slots=True)
class Dialect:
    """Facts of one kind of database.

    ``double`` and ``integer`` are types as CAST spells them (none for MySQL: a number becomes a
    double by adding 0, and for an integer SQLAlchemy knows the word). ``numbers`` tells how
    doubles are given: as parameters where those in the text of a statement are not read to the last
    digit, as text to be cast where they might be DECIMAL. ``typed_cells`` tells that each
    cell has a type of its own, ``booleans`` that truth is no number, ``wide_decimals`` that a
    DECIMAL may be larger than any double, ``real_bytes`` that the bytes of a REAL can be read (by
    float4send and get_byte), which costs less than LN and POWER. ``fence`` makes the database
    compute a nested SELECT once, however often its columns are used. So many columns of one window
    as ``together`` says are counted in one scan, by GROUPING SETS. ``collation`` compares text by
    its letters alone where columns may do otherwise, ``loose_text`` that they usually do. Fewer
    rows a window than ``fetched`` cost less to fetch than the statements that count them (None:
    however many; a database in our own process saves nothing). ``digest`` names a function that
    turns text into a whole number, never NULL and each time the same.
    """

    double: str
    integer: str = "INTEGER"
    numbers: Literal["literal", "parameter", "text"] = "literal"
    typed_cells: bool = False
    booleans: bool = True
    wide_decimals: bool = False
    real_bytes: bool = False
    fence: Literal["", "OFFSET 0", "LIMIT -1"] = ""
    together: int = 1
    collation: str = ""
    loose_text: bool = False
    fetched: int | None = 20_000
    digest: str = ""

    def number(self, value: float) -> ColumnElement[float]:
        """A double. It has an exponent (else it is DECIMAL) and brackets (``--`` is a comment)."""
        digits = repr(float(value))
        match self.numbers:
            case "parameter":
                return literal(value, Double())
            case "text":
                return self.as_double(literal_column(f"'{digits}'"))
        return literal_column(f"({digits if 'e' in digits else digits + 'e0'})", Double())

    def as_double(self, value: ColumnElement[Any]) -> ColumnElement[float]:
        """A number of any type as a double."""
        if not self.double:
            return type_coerce(value, Double()) + self.number(0.0)
        return type_coerce(cast(value, _Spelled(self.double)), Double())

    def as_integer(self, value: ColumnElement[Any]) -> ColumnElement[int]:
        """An integral double as an integer."""
        if self.integer.startswith("Nullable"):  # ClickHouse casts what lies below a NULL as well
            return func.accurateCastOrNull(value, literal_column("'Int32'"), type_=Integer)
        kind = _Spelled(self.integer) if self.integer else Integer()
        return type_coerce(cast(value, kind), Integer())

    def floor(self, value: ColumnElement[float]) -> ColumnElement[float]:
        """The largest integer below or at a double that is not negative.

        SQLAlchemy lets SQLite call a FLOOR of Python's, which is slow and fails for NULL.
        """
        if self.typed_cells:
            return type_coerce(cast(value, _Spelled("INTEGER")), Double())
        return func.floor(value, type_=Double)

    def sum_of_hashes(self, text: ColumnElement[str]) -> ColumnElement[Any]:
        """A sum over rows of what ``digest`` makes of a text; it has room for many of them."""
        words = (text, *(literal_column(word) for word in self.digest.split()[1:]))
        hashed = getattr(func, self.digest.split()[0])(*words)
        roomy = cast(hashed, _Spelled("DECIMAL(38, 0)")) if self.double else hashed
        return func.sum(roomy)  # MySQL makes a DECIMAL of it

    def nested(self, columns: Mapping[str, ColumnElement[Any]], source: FromClause) -> Nested:
        """A nested SELECT of these columns.

        For SQLite it is written in front of the statement: its parser takes few brackets in others.
        """
        query = select(*(each.label(name) for name, each in columns.items())).select_from(source)
        if self.fence == "OFFSET 0":
            query = query.offset(literal_column("0"))
        elif self.fence == "LIMIT -1":
            query = query.limit(literal_column("-1"))
        return query.cte() if self.typed_cells else query.subquery()


class _Spelled(UserDefinedType[Any]):
    """A type by the name that a database gives it."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name


DIALECTS: Mapping[str, Dialect] = {
    "sqlite": Dialect(
        "REAL",
        numbers="parameter",
        typed_cells=True,
        booleans=False,
        fence="LIMIT -1",
        collation="BINARY",
        fetched=None,
    ),
    "postgresql": Dialect(
        "DOUBLE PRECISION",
        wide_decimals=True,
        real_bytes=True,
        together=16,
        fence="OFFSET 0",
        collation="C",
        digest="hashtextextended 0",
    ),
    "mysql": Dialect(
        "",
        "",
        booleans=False,
        collation="utf8mb4_0900_bin",  # from 8.0.17 on; utf8mb4_bin ignores trailing blanks
        loose_text=True,
        digest="crc32",
    ),
    "mariadb": Dialect(
        "",
        "",
        booleans=False,
        collation="utf8mb4_nopad_bin",
        loose_text=True,
        digest="crc32",
    ),
    "duckdb": Dialect("DOUBLE", digest="hash"),
    "clickhouse": Dialect(
        "Nullable(Float64)",
        "Nullable(Int32)",
        digest="cityHash64",
    ),
    "spark": Dialect("DOUBLE", digest="xxhash64"),
    "databricks": Dialect("DOUBLE"),
    "trino": Dialect("DOUBLE"),
    "snowflake": Dialect("FLOAT", numbers="text"),
    "bigquery": Dialect("FLOAT64", "INT64"),
    "redshift": Dialect("DOUBLE PRECISION", numbers="text"),
}

_MATHEMATICS: Mapping[str, tuple[int, Callable[..., float]]] = {
    "ln": (1, math.log),
    "power": (2, math.pow),
}


def add_mathematics(connection: sqlite3.Connection) -> None:
    """Give a SQLite that was built without LN and POWER those of Python."""
    for name, (arguments, _) in _MATHEMATICS.items():
        marks = ", ".join("1" * arguments)
        try:
            connection.execute(f"SELECT {name}({marks})")
        except sqlite3.OperationalError:
            define(connection, name)


def define(connection: sqlite3.Connection, name: str) -> None:
    """Let SQLite call one of these functions of Python; NULL gives NULL."""
    arguments, function = _MATHEMATICS[name]

    def called(*values: float | None) -> float | None:
        return None if None in values else function(*values)

    connection.create_function(name, arguments, called, deterministic=True)
