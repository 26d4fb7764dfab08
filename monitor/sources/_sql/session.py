"""Read-only sessions on a database: time-outs, streaming, and its errors as source errors.

A session lives as long as one reading, in one transaction that sees one state of the data; nothing
is kept between two readings that could go stale when the server restarts. (Who writes to a SQLite
file while it is read waits for the end of the reading, unless the file is in WAL mode.)
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Select, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)
from sqlalchemy.pool import NullPool

from alerts.secret import Secret, redact
from monitor.sources import SourceError, Unreachable, Unreadable, WrongSchema

Cells = Sequence[Sequence[Any]]
"""Rows as a driver hands them over."""

Query = Select[*tuple[Any, ...]]

LOCK_SECONDS = 5.0
CONNECT_SECONDS = 10
_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock, some milliseconds

_LONGEST_TIMEOUT = 2**31 - 1  # milliseconds

_KEEPALIVE = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}

_SQLITE: dict[str, type[SourceError]] = {
    "SQLITE_BUSY": Unreachable,
    "SQLITE_LOCKED": Unreachable,
    "SQLITE_INTERRUPT": Unreachable,
    "SQLITE_CANTOPEN": Unreachable,
    "SQLITE_IOERR": Unreachable,
    "SQLITE_PERM": Unreachable,
    "SQLITE_READONLY": Unreachable,
    "SQLITE_CORRUPT": Unreadable,
    "SQLITE_NOTADB": Unreadable,
    "SQLITE_ERROR": WrongSchema,
}
_SQLSTATES: dict[str, type[SourceError]] = {
    "22": Unreadable,  # a value that the query cannot compute with
    "25": WrongSchema,  # a query that would write
    "42": WrongSchema,
    "XX": Unreadable,
}


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
class Session:
    """An open transaction that only reads; ``place`` names the database in messages."""

    connection: Connection
    place: str
    deadline: Deadline

    @property
    def dialect(self) -> str:
        return self.connection.dialect.name

    @property
    def sqlite(self) -> bool:
        return self.dialect == "sqlite"

    def rows(self, query: Query) -> Cells:
        """All rows of a query with a small answer."""
        return self.connection.execute(query).all()

    def stream(self, query: Query, size: int) -> Iterator[Cells]:
        """The rows of a query in blocks of ``size``, one block in memory at a time."""
        options = {"yield_per": size, "stream_results": True}
        with self.connection.execute(query, execution_options=options) as result:
            for rows in result.partitions():
                yield rows
                self.deadline.restart()


@contextmanager
def session(secret: Secret | str, timeout: float) -> Iterator[Session]:
    """A session on the database of this URL; every database error leaves as a ``SourceError``.

    ``timeout`` bounds each statement, and each block of rows that is fetched, in seconds.
    """
    url = _parse(secret)
    place, deadline = _place(url), Deadline(timeout)
    try:
        engine = _engine(url, deadline)
        try:
            with engine.connect() as connection, connection.begin():
                _restrict(connection, timeout)
                yield Session(connection, place, deadline)
        finally:
            engine.dispose()
    except DBAPIError as error:
        kind, said = _meaning(error, timeout)
        hidden = [Secret(str(part)) for part in (url.password, url.query.get("password")) if part]
        raise kind(f"{place}: {redact(said, hidden)}") from None


def _parse(secret: Secret | str) -> URL:
    url = _url(secret.reveal() if isinstance(secret, Secret) else secret)
    if url is None:
        raise Unreachable("the url is not of the form DIALECT://USER:PASSWORD@HOST/NAME")
    if "@" in (url.host or ""):
        raise Unreachable("the url has two @; write the one in the password as %40")
    return url


def _url(text: str) -> URL | None:
    """None for what is no URL: the error would quote parts of it."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(_path(url))
    host = f" at {url.host}" if url.host else ""
    port = f":{url.port}" if url.host and url.port else ""
    return f"{url.get_backend_name()} database {url.database or ''!r}{host}{port}"


def _path(url: URL) -> Path:
    return Path((url.database or "").removeprefix("file:"))


def _engine(url: URL, deadline: Deadline) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(_path(url), deadline)
    arguments: dict[str, object] = {}
    if url.get_backend_name() == "postgresql":
        wait = max(2, min(CONNECT_SECONDS, int(deadline.seconds)))
        arguments = {"connect_timeout": wait, **_KEEPALIVE}
        arguments = {name: value for name, value in arguments.items() if name not in url.query}
    try:
        engine = create_engine(
            url, poolclass=NullPool, connect_args=arguments, hide_parameters=True
        )
    except ModuleNotFoundError as error:
        raise Unreachable(f"{_place(url)}: install the driver {error.name!r} first") from None
    except ArgumentError:
        raise Unreachable(f"{url.drivername!r} in the url names no known database") from None
    if engine.dialect.is_async:
        raise Unreachable(f"{_place(url)}: {url.drivername!r} is asynchronous; take another driver")
    return engine


def _sqlite_engine(path: Path, deadline: Deadline) -> Engine:
    """Opens the file itself: SQLAlchemy would create one that is missing."""
    try:
        said = "" if path.is_file() else "is not a file" if path.exists() else "no such file"
    except OSError as error:
        said = error.strerror or "cannot be opened"
    if said:
        raise Unreachable(f"{path}: {said}; the url of a SQLite file is sqlite:///PATH")

    def connect() -> sqlite3.Connection:
        address = f"file:{quote(str(path))}?mode=ro"
        wait = min(LOCK_SECONDS, deadline.seconds)
        connection = sqlite3.connect(address, wait, uri=True, isolation_level=None)
        connection.set_progress_handler(deadline, _STEPS)
        connection.text_factory = _lenient
        return connection

    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect, hide_parameters=True)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    event.listen(engine, "before_cursor_execute", lambda *_: deadline.restart())
    return engine


def _lenient(octets: bytes) -> str:
    """One byte that is not UTF-8 must not make a whole table unreadable."""
    return octets.decode(errors="replace")


def _restrict(connection: Connection, timeout: float) -> None:
    """What a session on PostgreSQL may do, and for how long."""
    if connection.dialect.name != "postgresql":
        return
    connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
    settings = {
        "statement_timeout": str(min(ceil(timeout * 1000), _LONGEST_TIMEOUT)),
        "timezone": "UTC",
        "synchronize_seqscans": "off",  # else a scan may begin anywhere and order is by chance
    }
    connection.execute(select(*(func.set_config(k, v, True) for k, v in settings.items())))


def _meaning(error: DBAPIError, timeout: float) -> tuple[type[SourceError], str]:
    """Which source error a database error is, and its first line in plain words."""
    cause = error.orig
    said = str(cause).strip().partition("\n")[0]
    state, name = getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)
    cancelled = state == "57014" and "user request" not in said
    if cancelled or name == "SQLITE_INTERRUPT":
        return Unreachable, f"a statement took longer than the timeout of {timeout:g} s"
    if name is not None:
        short = "_".join(name.split("_")[:2])
        return _SQLITE.get(short, Unreadable), said
    if state is not None:
        return _SQLSTATES.get(state[:2], Unreachable), said
    return _by_class(error), said


def _by_class(error: DBAPIError) -> type[SourceError]:
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return Unreachable
    if isinstance(error, ProgrammingError):
        return WrongSchema
    return Unreadable if isinstance(error, DataError) else Unreachable
