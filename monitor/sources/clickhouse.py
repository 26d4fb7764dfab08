"""Logs in a folder of ClickHouse, or in files that it reads, by the engine inside this process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import String, cast, select

from monitor.sources import Unreachable
from monitor.sources._sql.clickhouse import Spelled, embedded
from monitor.sources._sql.faults import missing
from monitor.sources._sql.log import SqlLog
from monitor.sources._sql.relation import Relation, open_query, open_table
from monitor.sources._sql.source import SqlSource, require_bounds

_OF_A_FOLDER = ("metadata", "store", "data")


@dataclass(frozen=True, slots=True)
class Source(SqlSource):
    """A table of a data folder, or a SELECT.

    ``path`` is the folder of a ``chdb`` session or of a stopped ClickHouse server; without one
    ``query`` can read files, as in ``SELECT * FROM file('/logs/*.parquet')``. ``labels`` is a
    table that holds the truth by id, ``database`` that of both tables, ``timeout`` seconds for each
    statement, with all its rows, ``push_down`` whether ClickHouse counts the rows (left out: where
    that costs less).
    """

    path: Path | None = None
    table: str = ""
    query: str = ""
    labels: str = ""
    database: str = ""
    timeout: float = 60.0
    batch: int = 50_000
    push_down: bool | None = None

    def __post_init__(self) -> None:
        if bool(self.table) == bool(self.query):
            raise ValueError("exactly one of 'table' and 'query' is needed")
        if self.path is None and (self.table or self.labels):
            raise ValueError("path: is missing; a table lies in a folder")
        require_bounds(self.timeout, self.batch)

    @contextmanager
    def _log(self) -> Iterator[SqlLog]:
        with embedded(self._folder(), self.timeout) as opened:
            if self.query:
                rows = open_query(opened, self.query)
            else:
                rows = open_table(opened, self.table, self.database)
            truth = open_table(opened, self.labels, self.database) if self.labels else None
            yield SqlLog(_legible(rows), truth and _legible(truth), self.batch, self.push_down)

    def _folder(self) -> str:
        """The folder, which must be there: ClickHouse would make one."""
        try:
            import chdb  # noqa: F401
        except ModuleNotFoundError as error:
            raise Unreachable(f"{self.path or 'ClickHouse'}: {missing(str(error.name))}") from None
        if self.path is None:
            return ""
        if not any((self.path / part).is_dir() for part in _OF_A_FOLDER):
            said = "is no data folder of ClickHouse" if self.path.exists() else "no such folder"
            raise Unreachable(f"{self.path}: {said}")
        return str(self.path)


def _legible(log: Relation) -> Relation:
    """The same rows with enumerations and the like as text, as ClickHouse hands over numbers."""
    if not any(isinstance(kind, Spelled) for kind in log.types.values()):
        return log
    cells = [
        (cast(log.rows.c[name], String) if isinstance(kind, Spelled) else log.rows.c[name]).label(
            name
        )
        for name, kind in log.types.items()
    ]
    return replace(log, rows=select(*cells).select_from(log.rows).subquery("log"))
