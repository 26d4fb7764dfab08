"""Logs that are tables, views or queries of a database, read by SQLAlchemy and never written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from alerts.secret import Secret
from monitor.sources._sql.engines import misnamed
from monitor.sources._sql.log import SqlLog
from monitor.sources._sql.relation import open_query, open_table
from monitor.sources._sql.session import session
from monitor.sources._sql.source import SqlSource, require_bounds


@dataclass(frozen=True, slots=True)
class Source(SqlSource):
    """A table or view, or a SELECT in its place.

    ``url`` is a database URL (``postgresql://…``, ``sqlite:///PATH``, …), ``table`` or ``query``
    the log, ``labels`` a table of the same database that holds the truth by id, ``schema`` that of
    both tables, ``timeout`` seconds for each statement, ``batch`` the rows fetched at a time.
    ``push_down`` says whether the database counts the rows (left out: where that costs less).

    In SQLite a cell is what it was stored as, whatever its column is declared as: text that reads
    as a number is text there. Only booleans are known by the declaration.
    """

    url: Secret = field(repr=False)
    table: str = ""
    query: str = ""
    labels: str = ""
    schema: str = ""
    timeout: float = 60.0
    batch: int = 50_000
    push_down: bool | None = None

    def __post_init__(self) -> None:
        if bool(self.table) == bool(self.query):
            raise ValueError("exactly one of 'table' and 'query' is needed")
        if wrong := misnamed(self.url):
            raise ValueError(wrong)
        require_bounds(self.timeout, self.batch)

    @contextmanager
    def _log(self) -> Iterator[SqlLog]:
        with session(self.url, self.timeout) as opened:
            if self.query:
                rows = open_query(opened, self.query)
            else:
                rows = open_table(opened, self.table, self.schema)
            truth = open_table(opened, self.labels, self.schema) if self.labels else None
            yield SqlLog(rows, truth, self.batch, self.push_down)
