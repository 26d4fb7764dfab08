"""ClickHouse inside this process: one data folder at a time, read and left as it is."""

from __future__ import annotations

import re
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any

import pyarrow as pa
from sqlalchemy import JSON, BigInteger, Date, DateTime, Double, String
from sqlalchemy.types import TypeEngine

from monitor.sources import SourceError, Unreachable, Unreadable, WrongSchema
from monitor.sources._breaker import TimedOut
from monitor.sources._sql.faults import too_long
from monitor.sources._sql.session import Cells
from monitor.sources._sql.spellings import ClickHouse
from monitor.sources._sql.textual import KINDS, Kinds, TextualSession, type_of


class Spelled(String):
    """Values that are no text, but are read as one: those of an enumeration, of a UUID."""


_KINDS: Kinds = (
    (r"Tuple|Nested|Dynamic|Object", JSON()),
    (r"FixedString|Enum|UUID|IPv", Spelled()),
    (r"DateTime", DateTime(timezone=True)),
    (r"Date(32)?$", Date()),
    (r"U?Int\d+$", BigInteger()),
    (r"Float64|BFloat16", Double()),
    *KINDS,
)
_WRAPPED = re.compile(r"(?:Nullable|LowCardinality)\((.*)\)$")
_SETTINGS: Mapping[str, object] = {
    "short_circuit_function_evaluation": "'force_enable'",  # a CAST within CASE may fail elsewhere
    "prefer_column_name_to_alias": 1,  # or a WHERE would mean the alias
    "group_by_use_nulls": 1,
    "join_use_nulls": 1,
}
_FAULTS: Mapping[int, type[SourceError]] = {
    6: Unreadable,  # text that is no number
    27: Unreadable,
    41: Unreadable,
    43: WrongSchema,  # a function of another type
    46: WrongSchema,
    47: WrongSchema,  # unknown column
    53: WrongSchema,
    60: WrongSchema,  # unknown table
    62: WrongSchema,  # syntax
    69: Unreadable,
    72: Unreadable,
    81: WrongSchema,  # unknown database
    117: Unreadable,
    153: Unreadable,  # division by zero
    164: WrongSchema,  # a query that would write
    636: WrongSchema,  # a file without columns
}
_TIMEOUT = 159
_DETAILS = re.compile(r"[.:] In scope |, Stack trace|: while executing | \([A-Z_]+\)$")
_SIZE = 8  # bytes that tell the length of a block


class _Folders:
    """Which data folder is open: an embedded server has one at a time, for all its sessions."""

    def __init__(self) -> None:
        self._free = threading.Condition()
        self._path, self._users = "", 0

    @contextmanager
    def using(self, path: str, patience: float) -> Iterator[None]:
        """Waits until no other folder is open."""
        with self._free:
            if not self._free.wait_for(lambda: not self._users or self._path == path, patience):
                raise Unreachable(f"{path}: this process still reads {self._path}")
            self._path, self._users = path, self._users + 1
        try:
            yield
        finally:
            with self._free:
                self._users -= 1
                self._free.notify_all()


_FOLDERS = _Folders()


@contextmanager
def embedded(path: str, timeout: float) -> Iterator[TextualSession]:
    """A session on a data folder, or without one on an empty server in memory."""
    import chdb.session

    start: Any = chdb.session.Session
    place, folder = f"ClickHouse {path}".strip(), path or ":memory:"
    with _FOLDERS.using(folder, timeout):
        try:
            server = start(folder)
        except RuntimeError as error:
            raise _error(error, place, timeout) from None
        try:
            for name, value in {**_SETTINGS, "max_execution_time": timeout, "readonly": 2}.items():
                server.query(f"SET {name} = {value}")
            yield TextualSession(place, ClickHouse(), _Runner(server, place, timeout))
        finally:
            server.close()


def _error(error: Exception, place: str, timeout: float) -> SourceError:
    """The source error of one that ClickHouse raised: a number, a sentence, and its name."""
    said = str(error).strip().partition("\n")[0]
    found = re.search(r"Code: (\d+)\. DB::Exception: (.*)", said)
    code, told = (int(found[1]), found[2]) if found else (0, said)
    if code == _TIMEOUT:
        return TimedOut(f"{place}: {too_long(timeout)}")
    if "EmbeddedServer" in said:
        return Unreachable(f"{place}: cannot be opened; perhaps another process has opened it")
    short = _DETAILS.split(told)[0]
    return _FAULTS.get(code, Unreachable)(f"{place}: {short}")


@dataclass(frozen=True, slots=True)
class _Runner:
    server: Any
    place: str
    timeout: float

    def rows(self, statement: str) -> Cells:
        with self._faults():
            return _cells(self.server.query(statement, "ArrowStream").bytes())

    def stream(self, statement: str, size: int) -> Iterator[Cells]:  # noqa: ARG002  (ClickHouse's)
        """The rows in blocks as ClickHouse makes them, which it does at once into a file.

        Its time-out counts until the last row is taken, whoever waits for whom.
        """
        with tempfile.TemporaryFile() as spool:
            with self._faults():
                for block in self.server.send_query(statement, "ArrowStream"):
                    octets = block.bytes()
                    spool.write(len(octets).to_bytes(_SIZE, "big") + octets)
            spool.seek(0)
            yield from filter(None, map(_cells, _blocks(spool)))

    def columns(self, statement: str) -> Sequence[tuple[str, TypeEngine[Any]]]:
        told = self.rows(f"DESCRIBE TABLE ({statement}\n)")
        return [(str(row[0]), type_of(_bare(str(row[1])), _KINDS)) for row in told]

    def tables(self, schema: str) -> Sequence[str]:
        place = ClickHouse().string(schema) if schema else "currentDatabase()"
        query = f"SELECT name FROM system.tables WHERE database = {place}"  # noqa: S608
        return [str(row[0]) for row in self.rows(query)]

    @contextmanager
    def _faults(self) -> Iterator[None]:
        from chdb import ChdbError

        try:
            yield
        except (ChdbError, RuntimeError) as error:
            raise _error(error, self.place, self.timeout) from None


def _cells(octets: bytes) -> Cells:
    if not octets:
        return []
    with pa.ipc.open_stream(octets) as reader:
        columns = [column.to_pylist() for column in reader.read_all().columns]
    return list(zip(*columns, strict=True))


def _blocks(spool: IO[bytes]) -> Iterator[bytes]:
    while head := spool.read(_SIZE):
        yield spool.read(int.from_bytes(head, "big"))


def _bare(told: str) -> str:
    """A type without what says that it may be null, or how it is stored.

    >>> _bare("LowCardinality(Nullable(String))")
    'String'
    """
    while found := _WRAPPED.match(told):
        told = found[1]
    return told
