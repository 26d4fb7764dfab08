"""Logs that are tables, views or queries of a database, read by SQLAlchemy and never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import inf

import pyarrow as pa

from alerts.secret import Secret
from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Survey
from monitor.sources._sql.log import SqlLog
from monitor.sources._sql.relation import open_query, open_table
from monitor.sources._sql.session import session
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Source:
    """A table or view, or a SELECT in its place.

    ``url`` is a database URL (``postgresql://…`` or ``sqlite:///PATH``), ``table`` or ``query``
    the log, ``labels`` a table of the same database that holds the truth by id, ``schema`` that of
    both tables, ``timeout`` seconds for each statement, ``batch`` the rows fetched at a time.

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

    def __post_init__(self) -> None:
        if bool(self.table) == bool(self.query):
            raise ValueError("exactly one of 'table' and 'query' is needed")
        if not 0 < self.timeout < inf:
            raise ValueError(f"timeout = {self.timeout:g}: must be a number of seconds above 0")
        if self.batch < 1:
            raise ValueError(f"batch = {self.batch}: at least 1 row is fetched at a time")

    def names(self) -> Sequence[str]:
        """The columns of the table, or of the query."""
        with self._log() as log:
            return log.names()

    def survey(self, columns: Columns, period: Window) -> Survey:
        with self._log() as log:
            return log.survey(columns, period)

    def extent(self, columns: Columns, horizon: Horizon) -> Extent:
        with self._log() as log:
            return log.extent(columns, horizon)

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        with self._log() as log:
            return log.profile(plan, columns, windows, horizon, spans)

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        with self._log() as log:
            yield from log.rows(names, columns, period, horizon)

    @contextmanager
    def _log(self) -> Iterator[SqlLog]:
        with session(self.url, self.timeout) as opened:
            if self.query:
                rows = open_query(opened, self.query)
            else:
                rows = open_table(opened, self.table, self.schema)
            truth = open_table(opened, self.labels, self.schema) if self.labels else None
            yield SqlLog(rows, truth, self.batch)
