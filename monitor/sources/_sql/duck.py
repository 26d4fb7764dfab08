"""DuckDB files: opened to read for one reading, as an open file keeps every writer out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy.engine import URL
from sqlalchemy.types import TypeEngine

from monitor.sources import SourceError, Unreachable, Unreadable, WrongSchema
from monitor.sources._breaker import TimedOut
from monitor.sources._sql.engines import path_of, place_of, require_file
from monitor.sources._sql.faults import missing, too_long
from monitor.sources._sql.session import Cells
from monitor.sources._sql.spellings import DuckDB
from monitor.sources._sql.textual import TextualSession, Watch, type_of

_FAULTS: Mapping[str, type[SourceError]] = {
    "BinderException": WrongSchema,
    "CatalogException": WrongSchema,
    "ParserException": WrongSchema,
    "SyntaxException": WrongSchema,
    "InvalidInputException": WrongSchema,  # a statement that would write, among others
    "PermissionException": WrongSchema,
    "NotImplementedException": WrongSchema,
    "ConversionException": Unreadable,
    "OutOfRangeException": Unreadable,
    "SerializationException": Unreadable,
    "InvalidTypeException": Unreadable,
}


@contextmanager
def duck(url: URL, timeout: float) -> Iterator[TextualSession]:
    """A session on a DuckDB file, which no one can write meanwhile."""
    require_file(url, "DuckDB")
    try:
        import duckdb
    except ModuleNotFoundError:
        raise Unreachable(f"{place_of(url)}: {missing('duckdb')}") from None
    place = place_of(url)
    with _faults(place, timeout):
        connection = duckdb.connect(str(path_of(url)), read_only=True)
    with connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield TextualSession(place, DuckDB(), _Runner(connection, place, timeout))


@contextmanager
def _faults(place: str, timeout: float) -> Iterator[None]:
    import duckdb

    try:
        yield
    except duckdb.InterruptException:
        raise TimedOut(f"{place}: {too_long(timeout)}") from None
    except duckdb.Error as error:
        kind, said = _fault(error)
        raise kind(f"{place}: {said}") from None


def _fault(error: Exception) -> tuple[type[SourceError], str]:
    said = str(error).strip().partition("\n")[0]
    if "Could not set lock" in said:
        return Unreachable, "is locked: another process writes to it"
    if "not a valid DuckDB" in said:
        return Unreadable, "is not a DuckDB file"
    return _FAULTS.get(type(error).__name__, Unreachable), said


@dataclass(frozen=True, slots=True)
class _Runner:
    connection: Any
    place: str
    timeout: float

    def rows(self, statement: str) -> Cells:
        with self._running():
            return cast("Cells", self.connection.execute(statement).fetchall())

    def stream(self, statement: str, size: int) -> Iterator[Cells]:
        with self._running():
            result = self.connection.execute(statement)
            rows = result.fetchmany(size)
        while rows:
            yield rows
            with self._running():
                rows = result.fetchmany(size)

    @contextmanager
    def _running(self) -> Iterator[None]:
        watch = Watch(self.timeout, self.connection.interrupt)
        with _faults(self.place, self.timeout), watch.running():
            yield

    def columns(self, statement: str) -> Sequence[tuple[str, TypeEngine[Any]]]:
        told = self.rows(f"DESCRIBE {statement}")
        return [(row[0], type_of(row[1])) for row in told]

    def tables(self, schema: str) -> Sequence[str]:
        found = self.rows("SELECT table_schema, table_name FROM information_schema.tables")
        return [name for place, name in found if place == (schema or "main")]
