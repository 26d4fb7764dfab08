"""What the errors of databases mean: a source error and one sentence, without a secret."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy.engine import URL
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    ProgrammingError,
)

from alerts.secret import Secret, redact
from monitor.sources import SourceError, Unreachable, Unreadable, WrongSchema
from monitor.sources._breaker import TimedOut

Fault = tuple[type[SourceError], str]


class Dropped(Unreachable):
    """The connection was there and broke: another one may do."""


_SQLITE: Mapping[str, type[SourceError]] = {
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
_SQLSTATES: Mapping[str, type[SourceError]] = {
    "22": Unreadable,  # a value that the query cannot compute with
    "25": WrongSchema,  # a query that would write
    "42": WrongSchema,
    "XX": Unreadable,
}
_MYSQL: Mapping[int, type[SourceError]] = {
    1054: WrongSchema,  # unknown column
    1064: WrongSchema,  # syntax
    1142: WrongSchema,  # no grant on the table
    1143: WrongSchema,  # no grant on the column
    1146: WrongSchema,  # no such table
    1365: Unreadable,  # division by zero
    1690: Unreadable,  # out of range
    1792: WrongSchema,  # a query that would write
}
_MYSQL_TIMEOUTS = (1969, 3024)  # of MariaDB and MySQL
_LOST = 2013

_PACKAGES: Mapping[str, tuple[str, str]] = {
    "pymysql": ("PyMySQL", "mysql"),
    "duckdb": ("duckdb", "duckdb"),
    "pyspark": ("pyspark", "spark"),
    "chdb": ("chdb", "clickhouse"),
}


def missing(module: str) -> str:
    """What to install where this module is not there."""
    if module not in _PACKAGES:
        return f"install the driver {module!r} first"
    package, extra = _PACKAGES[module]
    return f"install {package} first: pip install 'modelmon[{extra}]'"


def too_long(timeout: float) -> str:
    return f"a statement took longer than the timeout of {timeout:g} s"


def fault(error: DBAPIError, url: URL, timeout: float) -> Fault:
    """The source error of a database error, and its first line without secrets of the URL."""
    kind, said = _meaning(error, timeout)
    hidden = [Secret(str(part)) for part in (url.password, url.query.get("password")) if part]
    return kind, redact(said, hidden)


def _meaning(error: DBAPIError, timeout: float) -> Fault:
    cause = error.orig
    said = str(cause).strip().partition("\n")[0]
    state, name = getattr(cause, "sqlstate", None), getattr(cause, "sqlite_errorname", None)
    code = cause.args[0] if cause is not None and cause.args else None
    if isinstance(code, int) and name is None:
        return _of_mysql(error, code, str(cause.args[-1]) if cause else said, timeout)
    cancelled = state == "57014" and "user request" not in said
    if cancelled or name == "SQLITE_INTERRUPT":
        return TimedOut, too_long(timeout)
    if name is not None:
        short = "_".join(name.split("_")[:2])
        return _SQLITE.get(short, Unreadable), said
    if error.connection_invalidated:
        return Dropped, said
    if state is not None:
        return _SQLSTATES.get(state[:2], Unreachable), said
    return _by_class(error), said


def _of_mysql(error: DBAPIError, code: int, said: str, timeout: float) -> Fault:
    if code in _MYSQL_TIMEOUTS or (code == _LOST and "timed out" in said):
        return TimedOut, too_long(timeout)
    if error.connection_invalidated:
        return Dropped, said
    return _MYSQL.get(code, _by_class(error)), said


def _by_class(error: DBAPIError) -> type[SourceError]:
    if error.connection_invalidated or isinstance(error, OperationalError | InterfaceError):
        return Unreachable
    if isinstance(error, ProgrammingError):
        return WrongSchema
    return Unreadable if isinstance(error, DataError) else Unreachable
