"""Connections to databases, kept between two readings as long as the process lives.

Only connections to servers are kept, a few to each: a file may be moved away, written or locked by
others between two readings, so that it is opened anew for each.
"""

from __future__ import annotations

import atexit
import hashlib
import os
import sqlite3
import threading
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from alerts.secret import Secret
from monitor.sources import Unreachable
from monitor.sources._sql.dialects import add_mathematics
from monitor.sources._sql.faults import missing

LOCK_SECONDS = 5.0
CONNECT_SECONDS = 10
_MOST_ENGINES = 8
_POOL: Mapping[str, Any] = {
    "pool_size": 2,
    "max_overflow": 4,
    "pool_recycle": 600,  # seconds
    "pool_pre_ping": True,  # a server that was restarted meanwhile is not noticed
}
_KEEPALIVE = {"keepalives_idle": "30", "keepalives_interval": "10", "keepalives_count": "3"}
_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_MEANT = {"postgres": "postgresql", "pg": "postgresql", "psql": "postgresql", "sqlite3": "sqlite"}
_TIMESTAMP = 7  # MySQL's number of the type of moments; that of wall-clock times is another


def parse(secret: Secret | str) -> URL:
    """The URL of a database, with the driver that is used where it names none.

    Raises:
        Unreachable: it is no URL of a database. The text is not repeated: it may hold a password.
    """
    url = _url(secret.reveal() if isinstance(secret, Secret) else secret)
    if url is None:
        raise Unreachable("the url is not of the form DIALECT://USER:PASSWORD@HOST/NAME")
    if wrong := misnamed(secret):
        raise Unreachable(wrong)
    if "@" in (url.host or ""):
        raise Unreachable("the url has two @; write the one in the password as %40")
    return url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))


def misnamed(secret: Secret | str) -> str:
    """What is wrong with the name of the database in a URL that others write so; else empty.

    >>> misnamed("postgres://db/models")
    "'postgres' in the url names no known database; did you mean 'postgresql'?"
    """
    scheme = (secret.reveal() if isinstance(secret, Secret) else secret).partition("://")[0]
    name = scheme.partition("+")[0]
    if name not in _MEANT:
        return ""
    return f"{name!r} in the url names no known database; did you mean {_MEANT[name]!r}?"


def _url(text: str) -> URL | None:
    """None for what is no URL: the error would quote parts of it."""
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        return None


def place_of(url: URL) -> str:
    """What messages call a database."""
    if is_file(url):
        return str(path_of(url))
    host = f" at {url.host}" if url.host else ""
    port = f":{url.port}" if url.host and url.port else ""
    return f"{url.get_backend_name()} database {url.database or ''!r}{host}{port}"


def is_file(url: URL) -> bool:
    return url.get_backend_name() in ("sqlite", "duckdb")


def path_of(url: URL) -> Path:
    """The path of a database that is a file."""
    return Path((url.database or "").removeprefix("file:"))


def require_file(url: URL, kind: str) -> None:
    """Look for the file of a database: SQLAlchemy would create one that is missing."""
    path = path_of(url)
    try:
        said = "" if path.is_file() else "is not a file" if path.exists() else "no such file"
    except OSError as error:
        said = error.strerror or "cannot be opened"
    if said:
        scheme = url.get_backend_name()
        raise Unreachable(f"{path}: {said}; the url of a {kind} file is {scheme}:///PATH")


class Engines:
    """Engines by URL and time-out, the most recently used ones; for one process, not its forks.

    URLs are remembered by their hashes.
    """

    def __init__(self, most: int = _MOST_ENGINES) -> None:
        self._most, self._process = most, os.getpid()
        self._engines: OrderedDict[bytes, Engine] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, url: URL, timeout: float) -> Engine:
        """The engine of a URL, made at its first use."""
        text = f"{url.render_as_string(hide_password=False)} {timeout}"
        key = hashlib.sha256(text.encode()).digest()
        with self._lock:
            self._leave_to_parent()
            engine = self._engines.pop(key, None) or _engine(url, timeout)
            self._engines[key] = engine
            if len(self._engines) > self._most:
                self._engines.popitem(last=False)[1].dispose()
            return engine

    def dispose(self) -> None:
        """Close every connection that is not in use."""
        with self._lock:
            self._leave_to_parent()
            while self._engines:
                with suppress(Exception):  # the server may be gone
                    self._engines.popitem()[1].dispose()

    def _leave_to_parent(self) -> None:
        """After a fork the connections are those of the parent: neither used nor closed here."""
        if self._process != os.getpid():
            for engine in self._engines.values():
                engine.dispose(close=False)
            self._engines.clear()
            self._process = os.getpid()


ENGINES = Engines()
"""Those of this process."""
atexit.register(ENGINES.dispose)


def _engine(url: URL, timeout: float) -> Engine:
    if url.get_backend_name() == "sqlite":
        return _sqlite(url, timeout)
    try:
        engine = create_engine(
            url,
            connect_args=_arguments(url, timeout),
            hide_parameters=True,
            pool_timeout=min(timeout, 30.0),
            **_POOL,
        )
    except ModuleNotFoundError as error:
        raise Unreachable(f"{place_of(url)}: {missing(str(error.name))}") from None
    except ArgumentError:
        raise Unreachable(f"{url.drivername!r} in the url names no known database") from None
    if engine.dialect.is_async:
        said = f"{url.drivername!r} is asynchronous; take another driver"
        raise Unreachable(f"{place_of(url)}: {said}")
    return engine


def _arguments(url: URL, timeout: float) -> dict[str, object]:
    """What a driver is told at each connection, unless the URL says otherwise."""
    wait = max(2, min(CONNECT_SECONDS, int(timeout)))
    arguments: dict[str, object] = {}
    if url.get_backend_name() == "postgresql":
        arguments = {"connect_timeout": wait, **_KEEPALIVE}
        if url.get_driver_name() == "psycopg":  # a table may be altered between two readings
            arguments["prepare_threshold"] = None
    elif url.drivername.endswith("+pymysql"):
        arguments = {"connect_timeout": wait, "charset": "utf8mb4", "conv": _conversions()}
        arguments["read_timeout"] = arguments["write_timeout"] = timeout + 2
    return {name: value for name, value in arguments.items() if name not in url.query}


def _conversions() -> dict[Any, Any]:
    """PyMySQL's, but that a moment of a session in UTC says that it is one of UTC."""
    from pymysql.converters import conversions, convert_datetime

    def moment(text: Any) -> object:
        read = convert_datetime(text)
        return read.replace(tzinfo=UTC) if isinstance(read, datetime) else read

    return {**conversions, _TIMESTAMP: moment}


def _sqlite(url: URL, timeout: float) -> Engine:
    """Opens the file itself, to read only."""

    def connect() -> sqlite3.Connection:
        require_file(url, "SQLite")
        address = f"file:{quote(str(path_of(url)))}?mode=ro"
        wait = min(LOCK_SECONDS, timeout)
        connection = sqlite3.connect(address, wait, uri=True, isolation_level=None)
        connection.text_factory = _lenient
        add_mathematics(connection)
        return connection

    engine = create_engine("sqlite://", poolclass=NullPool, creator=connect, hide_parameters=True)
    names = engine.dialect.identifier_preparer
    names.reserved_words = {*names.reserved_words, "nothing", "returning"}  # SQLAlchemy lacks them
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN"))
    return engine


def _lenient(octets: bytes) -> str:
    """One byte that is not UTF-8 must not make a whole table unreadable."""
    return octets.decode(errors="replace")
