"""Read-only sessions on a database: time-outs, streaming, and its errors as source errors.

A session lives as long as one reading, in one transaction that sees one state of the data. (Who
writes to a SQLite file while it is read waits for the end of the reading, unless the file is in WAL
mode.)
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from math import ceil
from typing import Any, Protocol, TypeVar

from sqlalchemy import (
    JSON,
    REAL,
    BigInteger,
    Boolean,
    Connection,
    CursorResult,
    Date,
    DateTime,
    Double,
    Executable,
    LargeBinary,
    Numeric,
    Select,
    String,
    Uuid,
    event,
    func,
    inspect,
    select,
)
from sqlalchemy.dialects.mysql import TIMESTAMP
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, NoSuchTableError, SAWarning
from sqlalchemy.exc import TimeoutError as NoConnection
from sqlalchemy.types import NullType, TypeEngine

from alerts.secret import Secret
from monitor.sources import Unreachable, WrongSchema
from monitor.sources._breaker import BREAKER
from monitor.sources._sql.engines import ENGINES, is_file, parse, place_of
from monitor.sources._sql.faults import Dropped, fault

Cells = Sequence[Sequence[Any]]
"""Rows as a driver hands them over."""

Types = Mapping[str, TypeEngine[Any]]
"""Columns in their order, each with its declared type."""

Query = Select[*tuple[Any, ...]]

_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock, some milliseconds
_LONGEST_TIMEOUT = 2**31 - 1  # milliseconds
_MYSQL = ("mysql", "mariadb")
_POSTGRES: Mapping[int, TypeEngine[Any]] = {
    16: Boolean(),
    17: LargeBinary(),
    20: BigInteger(),
    21: BigInteger(),
    23: BigInteger(),
    25: String(),
    114: JSON(),
    700: REAL(),
    701: Double(),
    1042: String(),
    1043: String(),
    1082: Date(),
    1114: DateTime(),
    1184: DateTime(timezone=True),
    1700: Numeric(),
    2950: Uuid(),
    3802: JSON(),
}
"""Types by the numbers that PostgreSQL has for its own."""

_T = TypeVar("_T")


class Session(Protocol):
    """An open log that is asked in SQL; ``place`` names it in messages."""

    @property
    def place(self) -> str: ...

    @property
    def dialect(self) -> str:
        """The name of the kind of database."""
        ...

    @property
    def sqlite(self) -> bool: ...

    def rows(self, query: Executable) -> Cells:
        """All rows of a query with a small answer."""
        ...

    def stream(self, query: Query, size: int) -> Iterator[Cells]:
        """The rows of a query in blocks of ``size``, few blocks in memory at a time."""
        ...

    def columns(self, query: Query) -> Sequence[tuple[str, TypeEngine[Any]]]:
        """The columns of a query, with types where the database tells them without rows."""
        ...

    def table(self, name: str, schema: str) -> Types:
        """The columns of a table or view.

        Raises:
            WrongSchema: there is none of this name, perhaps one of a similar name.
        """
        ...


@dataclass(slots=True)
class Deadline:
    """When the statement that is running has run for too long."""

    seconds: float
    end: float = 0.0

    def restart(self) -> None:
        self.end = time.monotonic() + self.seconds

    def __call__(self) -> bool:
        return time.monotonic() > self.end


@dataclass(frozen=True, slots=True)
class Connected:
    """An open transaction that only reads, by a driver of SQLAlchemy."""

    connection: Connection
    place: str
    deadline: Deadline

    @property
    def dialect(self) -> str:
        known = self.connection.dialect
        return "mariadb" if getattr(known, "is_mariadb", False) else known.name

    @property
    def sqlite(self) -> bool:
        return self.dialect == "sqlite"

    def rows(self, query: Executable) -> Cells:
        """All rows of a query with a small answer."""
        return self.connection.execute(query).all()

    def stream(self, query: Query, size: int) -> Iterator[Cells]:
        """The rows of a query in blocks of ``size``, one block in memory at a time."""
        if self.dialect in _MYSQL:
            yield from self._unbuffered(query, size)
            return
        with self._open(query, size) as result:
            for rows in result.partitions():
                yield rows
                self.deadline.restart()

    def columns(self, query: Query) -> Sequence[tuple[str, TypeEngine[Any]]]:
        """The columns of a query; of what type they are PostgreSQL tells, else their values."""
        known = _POSTGRES if self.dialect == "postgresql" else {}
        with self.connection.execute(query.limit(0)) as result:
            told: Any = result.cursor
            return [(column[0], known.get(column[1], NullType())) for column in told.description]

    def table(self, name: str, schema: str) -> Types:
        """The columns of a table or view as they are declared."""
        inspector = inspect(self.connection)
        where = schema or None
        try:
            with warnings.catch_warnings():  # a type SQLAlchemy does not know is no trouble here
                warnings.simplefilter("ignore", SAWarning)
                found = inspector.get_columns(name, where)
        except NoSuchTableError:
            known = (*inspector.get_table_names(where), *inspector.get_view_names(where))
            raise no_table(self.place, name, known) from None
        return {str(each["name"]): self._told(each["type"]) for each in found}

    def _told(self, kind: TypeEngine[Any]) -> TypeEngine[Any]:
        """MySQL does not say that its TIMESTAMP is a moment, unlike its DATETIME."""
        return TIMESTAMP(timezone=True) if isinstance(kind, TIMESTAMP) else kind

    def _open(self, query: Query, size: int) -> CursorResult[*tuple[Any, ...]]:
        options = {"yield_per": size, "stream_results": True}
        return self.connection.execute(query, execution_options=options)

    def _unbuffered(self, query: Query, size: int) -> Iterator[Cells]:
        """A stream of MySQL, whose own time-out would count the time until its last row is taken.

        The time to each block is bounded by that of the socket; if it is over, or the rest is not
        wanted, the statement is ended on the server.
        """
        _limit(self.connection, 0)
        raw: Any = self.connection.connection.dbapi_connection
        try:
            with self._open(query, size) as result:
                try:
                    yield from result.partitions()
                except BaseException:
                    self._abandon(raw)
                    raise
        except DBAPIError:
            self._abandon(raw)
            raise
        _limit(self.connection, self.deadline.seconds)

    def _abandon(self, raw: Any) -> None:
        """End what runs, and the connection: the driver would read the rest before it closes."""
        if raw._result is not None:  # noqa: SLF001
            raw._result.unbuffered_active = False  # noqa: SLF001
        if not self.connection.invalidated:
            self.connection.invalidate()
        with suppress(DBAPIError), self.connection.engine.connect() as other:
            other.exec_driver_sql(f"KILL {int(raw.thread_id())}")


def attempted(work: Callable[[], _T]) -> _T:
    """The result of a reading, which is done once more if its connection was dropped."""
    try:
        return work()
    except Dropped:
        return work()


def resumed(stream: Callable[[], Iterator[_T]]) -> Iterator[_T]:
    """A stream, which begins anew if its connection was dropped before it gave anything."""
    begun = False
    try:
        for each in stream():
            begun = True
            yield each
    except Dropped:
        if begun:
            raise
    else:
        return
    yield from stream()


def no_table(place: str, name: str, known: Iterable[str]) -> WrongSchema:
    """The error of a table that is not among those known, with a suggestion."""
    names = list(known)
    near = get_close_matches(name, names, 1)
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    hint = f"there are: {shown}" if names else "there are none"
    hint = f"did you mean {near[0]!r}?" if near else hint
    return WrongSchema(f"{place}: no table {name!r}; {hint}")


@contextmanager
def session(secret: Secret | str, timeout: float) -> Iterator[Session]:
    """A session on the database of this URL; every database error leaves as a ``SourceError``.

    ``timeout`` bounds each statement, and each block of rows that is fetched, in seconds.
    """
    url = parse(secret)
    with nullcontext() if is_file(url) else BREAKER.guarding(place_of(url)):
        if url.get_backend_name() == "duckdb":
            from monitor.sources._sql.duck import duck

            with duck(url, timeout) as opened:
                yield opened
        else:
            with _connected(url, timeout) as connected:
                yield connected


@contextmanager
def _connected(url: URL, timeout: float) -> Iterator[Connected]:
    place, deadline = place_of(url), Deadline(timeout)
    try:
        with ENGINES.of(url, timeout).connect() as connection, connection.begin():
            _restrict(connection, deadline)
            yield Connected(connection, place, deadline)
    except DBAPIError as error:
        kind, said = fault(error, url, timeout)
        raise kind(f"{place}: {said}") from None
    except NoConnection:
        raise Unreachable(f"{place}: all connections of this process are in use") from None


def _restrict(connection: Connection, deadline: Deadline) -> None:
    """What a session may do, and for how long."""
    match connection.dialect.name:
        case "sqlite":
            raw: Any = connection.connection.dbapi_connection
            raw.set_progress_handler(deadline, _STEPS)
            event.listen(connection, "before_cursor_execute", lambda *_: deadline.restart())
        case "postgresql":
            connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            settings = {
                "statement_timeout": str(_milliseconds(deadline.seconds)),
                "timezone": "UTC",
                "cursor_tuple_fraction": "1",  # else it plans for the first rows, not for all
                "synchronize_seqscans": "off",  # else order is by chance: a scan begins anywhere
                "jit": "off",  # it compiles for seconds what runs for less
                "work_mem": "64MB",  # else the cells of many columns are spilled, or sorted
            }
            connection.execute(select(*(func.set_config(k, v, True) for k, v in settings.items())))
        case "mysql" | "mariadb":
            _limit(connection, deadline.seconds)
            connection.exec_driver_sql("SET SESSION time_zone = '+00:00'")
            if getattr(connection.dialect, "is_mariadb", False):  # labels without an index: hashed
                connection.exec_driver_sql("SET SESSION join_cache_level = 4")
            mode = "ISOLATION LEVEL REPEATABLE READ, READ ONLY"  # a DROP would end a transaction
            connection.exec_driver_sql(f"SET SESSION TRANSACTION {mode}")
            connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")


def _limit(connection: Connection, seconds: float) -> None:
    """Bound the statements of a session of MariaDB or MySQL; 0: not at all."""
    if getattr(connection.dialect, "is_mariadb", False):
        connection.exec_driver_sql(f"SET SESSION max_statement_time = {seconds:.6f}")
    else:
        connection.exec_driver_sql(f"SET SESSION max_execution_time = {_milliseconds(seconds)}")


def _milliseconds(seconds: float) -> int:
    return min(ceil(seconds * 1000), _LONGEST_TIMEOUT)
