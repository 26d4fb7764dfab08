"""Logs in JSON Lines files: one object a line, a missing key is null, types may change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Survey
from monitor.sources._files import FileLog
from monitor.sources._jsonl import JsonlReader
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Source:
    """JSON Lines: ``path`` is a file (perhaps compressed), a folder or a pattern.

    ``labels`` names further files of the kind with the truth by id, where it is not in the rows.
    """

    path: Path | str
    labels: Path | str = ""

    def names(self) -> Sequence[str]:
        return self._log.names()

    def survey(self, columns: Columns, period: Window) -> Survey:
        return self._log.survey(columns, period)

    def extent(self, columns: Columns, horizon: Horizon) -> Extent:
        return self._log.extent(columns, horizon)

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        return self._log.profile(plan, columns, windows, horizon, spans)

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        return self._log.rows(names, columns, period, horizon)

    @property
    def _log(self) -> FileLog:
        return FileLog(self.path, self.labels, JsonlReader())
