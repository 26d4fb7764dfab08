"""What all sources of files have in common: where the files are, and what is asked of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Pulse, Survey
from monitor.sources._dated import dated
from monitor.sources._files import FileLog
from monitor.sources._reads import Reads
from monitor.sources._shapes._log import ShapedLog
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class FileSource:
    """A log in files of one format; see each format for what ``path`` and ``labels`` may be.

    Both name a file, a folder, a pattern, or one of these with dates in it, such as
    ``logs/{date:%Y/%m/%d}/*.parquet``: of those only files are opened whose date lies within a day
    of the wanted windows, which leaves room for time zones and for writers that are late. Either
    may be a URL of a filesystem that Arrow knows (``s3://``, ``gs://``, ``hdfs://``, ``file://``)
    or for which fsspec and its driver are installed (``sftp://`` and others).

    ``workers = 1`` keeps all work in one process; otherwise a second one helps with large logs.
    """

    path: Path | str
    labels: Path | str = ""
    workers: int = field(default=2, kw_only=True)

    def __post_init__(self) -> None:
        if self.workers not in (1, 2):
            raise ValueError(f"workers = {self.workers}: must be 1 or 2")
        for path in (self.path, self.labels):
            dated(path)

    @property
    @abstractmethod
    def log(self) -> FileLog | ShapedLog:
        """The log of these files in their format."""

    def names(self) -> Sequence[str]:
        return self.log.names()

    def survey(self, columns: Columns, period: Window) -> Survey:
        return self.log.survey(columns, period)

    def extent(self, columns: Columns, horizon: Horizon, since: datetime | None = None) -> Extent:
        return self.log.extent(columns, horizon, since)

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        return self.log.pulse(columns, windows, horizon)

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        return self.log.profile(plan, columns, windows, horizon, spans)

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        return self.log.rows(names, columns, period, horizon)

    def reads(self, plan: Plan, columns: Columns, window: Window, horizon: Horizon) -> Reads:
        return self.log.reads(plan, columns, window, horizon)
