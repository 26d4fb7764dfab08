"""Logs in Parquet files, read one row group at a time and only where the windows lie."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import Columns, Extent, Horizon, Survey
from monitor.sources._arrow import is_text
from monitor.sources._files import FileLog, Request, batch_rows, reading
from monitor.sources._placing import future
from monitor.sources._times import by_size
from monitor.sources._zones import micros
from monitor.windows import Window

_MAGIC = b"PAR1"
_BUFFER = 1 << 20  # bytes a column
_DAY = 86_400_000_000  # microseconds
_NANOSECONDS = {"milliseconds": 1_000_000, "microseconds": 1_000, "nanoseconds": 1}


@dataclass(frozen=True, slots=True)
class Source:
    """Parquet: ``path`` is a file, a folder or a pattern such as ``logs/2024-*.parquet``.

    ``labels`` names further Parquet files with the truth by id, where it is not in the rows.
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
        return FileLog(self.path, self.labels, ParquetReader())


@dataclass(frozen=True, slots=True)
class ParquetReader:
    """The Parquet format."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")
    typed: bool = True

    def names(self, path: Path, wanted: frozenset[str]) -> Sequence[str]:  # noqa: ARG002  (a protocol)
        with reading(path, _trouble(path)), pq.ParquetFile(path) as file:
            return tuple(file.schema_arrow.names)

    def batches(self, path: Path, request: Request) -> Iterator[pa.RecordBatch]:
        with reading(path, _trouble(path)), pq.ParquetFile(path) as looked:
            names = request.among(looked.schema_arrow.names)
            texts = [n for n in names if is_text(looked.schema_arrow.field(n).type)]
            levels = [name for name in texts if name not in request.single]
            groups = _groups(looked.metadata, request)
            if not groups:
                return
            with _streaming(path, looked.metadata, levels) as file:
                rows = batch_rows(len(names))
                yield from file.iter_batches(rows, groups, names, use_threads=False)


def _streaming(path: Path, metadata: pq.FileMetaData, levels: Sequence[str]) -> pq.ParquetFile:
    """The file opened for one pass: buffering ahead would hold all wanted columns in memory."""
    return pq.ParquetFile(
        path, metadata=metadata, read_dictionary=levels, pre_buffer=False, buffer_size=_BUFFER
    )


def _trouble(path: Path) -> str:
    """What to say of a file that cannot be read: only its first bytes tell a Parquet file."""
    try:
        with path.open("rb") as file:
            begins_well = file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return "cannot be read"
    if begins_well:
        return "a damaged or incomplete Parquet file; write it anew"
    return "not a Parquet file"


def _groups(metadata: pq.FileMetaData, request: Request) -> list[int]:
    """The row groups that may hold a wanted row, by the statistics of the timestamp column."""
    everything = list(range(metadata.num_row_groups))
    if request.windows is None or request.timestamp is None:
        return everything
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    if request.timestamp not in paths:
        return everything
    column = paths.index(request.timestamp)
    return [i for i in everything if _may_hold(metadata.row_group(i).column(column), request)]


def _may_hold(chunk: pq.ColumnChunkMetaData, request: Request) -> bool:
    statistics = chunk.statistics
    if statistics is None or not statistics.has_min_max or statistics.null_count != 0:
        return True
    span = _span(statistics)
    if span is None or span[1] > future(request.horizon):
        return True
    windows = request.windows or ()
    return any(span[0] < micros(w.end) and span[1] >= micros(w.start) for w in windows)


def _span(statistics: pq.Statistics) -> tuple[int, int] | None:
    """Bounds of the times of a row group, in microseconds; None where they tell none.

    Wall-clock times may lie a day off UTC, and a twice-lived hour is told apart by the rows before.
    """
    kind = json.loads(statistics.logical_type.to_json())
    low, high = statistics.min_raw, statistics.max_raw
    match kind["Type"], statistics.physical_type:
        case "Timestamp", "INT64":
            ticks = _NANOSECONDS[kind["timeUnit"]]
            margin = 0 if kind["isAdjustedToUTC"] else _DAY
            return low * ticks // 1_000 - margin, high * ticks // 1_000 + margin
        case "Date", "INT32":
            return (low - 1) * _DAY, (high + 2) * _DAY
        case "None", "INT64":
            times = by_size(np.array([low, high], np.int64))
            sure = times.known.all() and times.unit[0] == times.unit[1]
            return (int(times.us[0]), int(times.us[1])) if sure else None
        case _:
            return None
