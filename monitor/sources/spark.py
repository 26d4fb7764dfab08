"""Logs on a Spark cluster: a table, files or a query, profiled by its executors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from monitor.sources._breaker import BREAKER
from monitor.sources._sql.log import SqlLog
from monitor.sources._sql.relation import Relation, open_query
from monitor.sources._sql.source import SqlSource, require_bounds
from monitor.sources._sql.spark import SESSIONS, Cluster, Opened


@dataclass(frozen=True, slots=True)
class Source(SqlSource):
    """A table, a path or a query of Spark.

    ``master`` is the cluster (``spark://HOST:7077``, ``local[2]``), ``table`` a table or view,
    ``path`` a folder or file in the ``format`` given, ``query`` a SELECT, ``labels`` a further path
    (beside ``path``) or table that holds the truth by id, ``timeout`` seconds for each statement,
    ``batch`` the rows handed on at a time, ``push_down`` whether Spark counts them (left out: where
    that costs less), ``conf`` settings of Spark.
    """

    master: str
    table: str = ""
    path: str = ""
    query: str = ""
    format: str = "parquet"
    labels: str = ""
    timeout: float = 300.0
    batch: int = 50_000
    push_down: bool | None = None
    conf: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)

    def __post_init__(self) -> None:
        if sum(map(bool, (self.table, self.path, self.query))) != 1:
            raise ValueError("exactly one of 'table', 'path' and 'query' is needed")
        if not self.master.startswith(("spark://", "local")):
            raise ValueError(f"master = {self.master!r}: must be spark://HOST:PORT or local[N]")
        require_bounds(self.timeout, self.batch)

    @contextmanager
    def _log(self) -> Iterator[SqlLog]:
        with BREAKER.guarding(self.master), ExitStack() as views:
            spark = SESSIONS.of(Cluster(self.master, tuple(sorted(self.conf.items()))))
            opened = Opened(spark, f"Spark at {self.master}", self.timeout, views)
            if self.query:
                log = open_query(opened.session, self.query)
            else:
                log = self._relation(opened, self.path or self.table)
            truth = self._relation(opened, self.labels) if self.labels else None
            yield SqlLog(log, truth, self.batch, self.push_down)

    def _relation(self, opened: Opened, name: str) -> Relation:
        if self.path:
            return opened.view(f"path {name!r}", lambda s: s.read.load(name, self.format))
        return opened.view(f"table {name!r}", lambda s: s.table(name))
