"""The connection to the state database: SQLite or PostgreSQL, transactions, errors in words.

SQLite runs in WAL mode, so that readers and the one writer do not block each other, and with
``synchronous = FULL``: a commit then survives not only the end of the process but that of the
machine. That costs one flush per commit, of which a daemon makes a few a minute, and an
acknowledgement or a note that a letter was sent is worth it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy import exc as errors
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine.interfaces import DBAPIConnection

from alerts.secret import Secret, redact
from monitor.store.errors import StoreError, StoreUnreachable

LOCK_SECONDS = 10
CONNECT_SECONDS = 10
STATEMENT_SECONDS = 120

_DRIVERS = ("sqlite", "sqlite+pysqlite", "postgresql", "postgresql+psycopg")
_WRITES = "modelmon_writes"


class Database:
    """An engine with its two kinds of transactions.

    Raises:
        StoreError: the address is none of a database that can hold the state.
    """

    def __init__(self, address: str) -> None:
        url = _parsed(address)
        self.place = _place(url)
        self._secrets = _secrets(address, url)
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(**{_WRITES: True})
        self._reader = self._engine
        self._held = threading.local()
        if url.get_backend_name() == "postgresql":
            self._reader = self._engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )

    @property
    def missing(self) -> bool:
        """Whether it is a file that is not there; opening it would make an empty one."""
        url = self._engine.url
        if url.get_backend_name() != "sqlite" or self.place.startswith("file:"):
            return False
        return not Path(self.place).exists()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database, whatever others write meanwhile.

        Within `at_once` it is that one.
        """
        held: Connection | None = getattr(self._held, "connection", None)
        if held is not None:
            yield held
            return
        with self._translated(), self._reader.begin() as connection:
            yield connection

    @contextmanager
    def at_once(self) -> Iterator[None]:
        """What this thread reads within it, it reads in one transaction."""
        held, before = self._held, getattr(self._held, "connection", None)
        with self.reading() as connection:
            held.connection = connection
            try:
                yield
            finally:
                held.connection = before

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that is wholly written or not at all."""
        with self._translated(), self._writer.begin() as connection:
            yield connection

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (errors.OperationalError, errors.InterfaceError, errors.TimeoutError) as error:
            said = self._said(error)
            raise StoreUnreachable(f"state database {self.place}: {said}") from None
        except errors.DBAPIError as error:
            said = self._said(error)
            raise StoreError(f"state database {self.place}: refused: {said}") from None
        except errors.StatementError as error:
            # A value that a column does not take, such as a time without a zone: ours, not theirs.
            raise error.orig or error from None

    def _said(self, error: errors.SQLAlchemyError) -> str:
        """What the driver said, on one line and without the statement, its values and secrets."""
        told = str(error.orig if isinstance(error, errors.DBAPIError) else error)
        told, _, _ = told.partition("\nDETAIL:")  # PostgreSQL shows the row there
        return redact(" ".join(told.split()), self._secrets)


def insert(connection: Connection, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that takes ON CONFLICT, in the dialect of the connection."""
    return _insert(connection.dialect.name, table)


def _insert(dialect: str, table: sa.Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


@cache
def upsert(
    dialect: str, table: sa.Table, keys: tuple[str, ...], added: frozenset[str] = frozenset()
) -> sqlite.Insert | postgresql.Insert:
    """An INSERT that overwrites the row of the same keys, and adds to the columns ``added``."""
    statement = _insert(dialect, table)
    new = statement.excluded
    changed = {
        each.name: each + new[each.name] if each.name in added else new[each.name]
        for each in table.c
        if each.name not in keys
    }
    return statement.on_conflict_do_update(index_elements=list(keys), set_=changed)


def _parsed(address: str) -> URL:
    try:
        url = sa.make_url(address)
    except (errors.ArgumentError, ValueError):
        # The parser quotes what it cannot read, which may be the password.
        raise StoreError(
            "state: is no database address; write sqlite:///modelmon.db or"
            " postgresql://user:password@host/database, with @ / : in the password as %40 %2F %3A"
        ) from None
    if url.drivername not in _DRIVERS:
        raise StoreError(
            f"state: {url.drivername!r} cannot hold the state; use sqlite:/// or postgresql://"
        )
    if "@" in f"{url.host}{url.database}" and url.get_backend_name() == "postgresql":
        raise StoreError("state: an @ in the password must be written as %40")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise StoreError("state: a database in memory forgets; name a file: sqlite:///modelmon.db")
    return url


def _place(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"{url.host or 'localhost'}{port}/{url.database or ''}"


def _secrets(address: str, url: URL) -> tuple[Secret, ...]:
    values = [value for name in url.query if "pass" in name for value in _values(url, name)]
    return tuple(Secret(text) for text in (address, url.password, *values) if text)


def _values(url: URL, name: str) -> tuple[str, ...]:
    value = url.query[name]
    return (value,) if isinstance(value, str) else value


def _engine(url: URL) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = sa.create_engine(url, hide_parameters=True, connect_args={"timeout": LOCK_SECONDS})
        event.listen(engine, "connect", _tune_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    engine = sa.create_engine(
        url,
        hide_parameters=True,
        pool_pre_ping=True,
        connect_args={} if "connect_timeout" in url.query else {"connect_timeout": CONNECT_SECONDS},
    )
    event.listen(engine, "connect", _tune_postgresql)
    return engine


def _tune_sqlite(connection: DBAPIConnection, _: object) -> None:
    connection.isolation_level = None  # the driver would begin only at the first write
    for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that reads first and writes later cannot wait for the lock: it takes it at once.
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _tune_postgresql(connection: DBAPIConnection, _: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET statement_timeout = '{STATEMENT_SECONDS}s'")
    cursor.execute(f"SET lock_timeout = '{LOCK_SECONDS}s'")
    cursor.close()
    connection.commit()
