"""Sessions on engines that take SQL as text and know neither parameters nor SQLAlchemy."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    Boolean,
    Date,
    DateTime,
    Double,
    Executable,
    LargeBinary,
    Numeric,
    String,
    Time,
    column,
    literal_column,
    select,
    table,
)
from sqlalchemy.types import NullType, TypeEngine

from monitor.sources import WrongSchema
from monitor.sources._reads import query_sent
from monitor.sources._sql.session import Cells, Query, Types, no_table
from monitor.sources._sql.spellings import Spelling

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Kinds = Sequence[tuple[str, TypeEngine[Any]]]
"""Names of types (patterns, matched from their first letter) and what they are in SQLAlchemy."""

KINDS: Kinds = (
    (r"STRUCT|MAP|ARRAY|LIST|UNION|JSON|VARIANT|.*\[\d*\]$", JSON()),
    (r"TIMESTAMP WITH TIME ZONE|TIMESTAMPTZ|TIMESTAMP_LTZ", DateTime(timezone=True)),
    (r"TIMESTAMP|DATETIME", DateTime()),
    (r"DATE$", Date()),
    (r"TIME\b", Time()),
    (r"U?(TINY|SMALL|BIG|HUGE)?INT(EGER)?$", BigInteger()),
    (r"DOUBLE|FLOAT64", Double()),
    (r"FLOAT|REAL", REAL()),
    (r"DECIMAL|NUMERIC", Numeric()),
    (r"BOOL", Boolean()),
    (r"VARCHAR|STRING|CHAR|TEXT|ENUM|UUID", String()),
    (r"BLOB|BINARY|BIT", LargeBinary()),
)
"""Those that most databases share; the first that fits counts."""


class Runner(Protocol):
    """An engine that runs statements."""

    def rows(self, statement: str) -> Cells: ...

    def stream(self, statement: str, size: int) -> Iterator[Cells]: ...

    def columns(self, statement: str) -> Sequence[tuple[str, TypeEngine[Any]]]:
        """The columns of a SELECT, without running it."""
        ...

    def tables(self, schema: str) -> Sequence[str]:
        """The tables and views there are."""
        ...


@dataclass(frozen=True, slots=True)
class TextualSession:
    """A session whose queries are written out in full and handed to a runner."""

    place: str
    spelling: Spelling
    runner: Runner

    @property
    def dialect(self) -> str:
        return self.spelling.name

    @property
    def sqlite(self) -> bool:
        return False

    def rows(self, query: Executable) -> Cells:
        """All rows of a query with a small answer."""
        statement, places = self._wrapped(self.spelling.text(query))
        query_sent()
        return _moments(self.runner.rows(statement), places)

    def stream(self, query: Query, size: int) -> Iterator[Cells]:
        """The rows of a query in blocks of ``size`` (or what the engine hands over at a time)."""
        statement, places = self._wrapped(self.spelling.text(query))
        query_sent()
        for rows in self.runner.stream(statement, size):
            yield _moments(rows, places)

    def columns(self, query: Query) -> Sequence[tuple[str, TypeEngine[Any]]]:
        """The columns of a query with their types."""
        return self.runner.columns(self.spelling.text(query))

    def table(self, name: str, schema: str) -> Types:
        """The columns of a table or view with their types."""
        rows = table(name, column("*"), schema=schema or None)
        try:
            return dict(self.columns(select(literal_column("*")).select_from(rows)))
        except WrongSchema:
            known = self.runner.tables(schema)
            if name in known:
                raise
            raise no_table(self.place, name, known) from None

    def _wrapped(self, statement: str) -> tuple[str, Sequence[int]]:
        """The statement with moments as microseconds since 1970, and the places of these.

        What an engine makes of a moment depends on its driver: on zones of this machine, on further
        packages, or on the years that a datetime can have.
        """
        found = self.runner.columns(statement)
        places = [n for n, (_, k) in enumerate(found) if isinstance(k, DateTime) and k.timezone]
        if not places:
            return statement, ()
        cells = [f"c{place}" for place in range(len(found))]
        shown = [
            self.spelling.micros(cell) if place in places else cell
            for place, cell in enumerate(cells)
        ]
        inner = f"({statement}\n) AS q({', '.join(cells)})"
        return f"SELECT {', '.join(shown)} FROM {inner}", places  # noqa: S608  (names of our own)


def _moments(rows: Cells, places: Sequence[int]) -> Cells:
    if not places:
        return rows
    columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
    for place in places if rows else ():
        columns[place] = [None if cell is None else _moment(cell) for cell in columns[place]]
    return list(zip(*columns, strict=True))


def _moment(micros: int) -> datetime | None:
    """None for what no datetime can hold."""
    try:
        return _EPOCH + timedelta(microseconds=micros)
    except OverflowError:
        return None


def type_of(told: str, kinds: Kinds = KINDS) -> TypeEngine[Any]:
    """The type that a database calls by this name.

    >>> type_of("DECIMAL(10,2)"), type_of("INTEGER[]"), type_of("INTERVAL")
    (Numeric(), JSON(), NullType())
    >>> type_of("TIMESTAMP WITH TIME ZONE").timezone, type_of("TIMESTAMP_NS").timezone
    (True, False)
    """
    found = (kind for name, kind in kinds if re.match(name, told, re.IGNORECASE))
    return next(found, NullType())


class Watch:
    """Ends a statement that takes too long: ``cancel`` is called from another thread.

    ``expired`` tells whether it was.
    """

    def __init__(self, seconds: float, cancel: Callable[[], object]) -> None:
        self._seconds, self._cancel = seconds, cancel
        self._lock, self._running = threading.Lock(), False
        self.expired = False

    @contextmanager
    def running(self) -> Iterator[None]:
        """One statement, or one block of its rows."""
        timer = threading.Timer(self._seconds, self._fire)
        timer.daemon = True
        self._running, self.expired = True, False
        timer.start()
        try:
            yield
        finally:
            with self._lock:  # a later statement must not be hit
                self._running = False
            timer.cancel()

    def _fire(self) -> None:
        with self._lock:
            if self._running:
                self.expired = True
                self._cancel()
