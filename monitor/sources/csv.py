"""Logs in CSV files: the separator is found out, cells are typed by what they read as."""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Survey
from monitor.sources._csv import CsvReader
from monitor.sources._files import FileLog
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Source:
    """CSV with a header: ``path`` is a file (perhaps compressed), a folder or a pattern.

    ``labels`` names further CSV files with the truth by id, ``separator`` what stands between
    cells (found out where empty), ``decimal`` the mark of decimals in numbers, ``encoding`` that of
    the text.
    """

    path: Path | str
    labels: Path | str = ""
    separator: str = ""
    decimal: str = "."
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        if len(self.separator) > 1:
            raise ValueError(f"separator = {self.separator!r}: must be one character")
        if self.decimal not in (".", ","):
            raise ValueError(f"decimal = {self.decimal!r}: must be '.' or ','")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding = {self.encoding!r}: unknown; try 'utf-8'") from None

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
        reader = CsvReader(self.separator, self.decimal, self.encoding)
        return FileLog(self.path, self.labels, reader)
