"""The Parquet format: read one row group at a time, and only where the windows lie."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from monitor.sources import Unreadable
from monitor.sources._arrow import is_text
from monitor.sources._formats import Request, reading
from monitor.sources._places import File
from monitor.sources._placing import future
from monitor.sources._reach import Reach
from monitor.sources._reads import Share
from monitor.sources._times import FIRST, LAST, by_size
from monitor.sources._zones import micros

_MAGIC = b"PAR1"
_BUFFER = 1 << 18  # bytes a column
_FAR_BUFFER = 1 << 22  # where every read is a request
_PROBED = 1 << 14  # rows
_DAY = 86_400_000_000  # microseconds
_NANOSECONDS = {"milliseconds": 1_000_000, "microseconds": 1_000, "nanoseconds": 1}


@dataclass(frozen=True, slots=True)
class ParquetReader:
    """The Parquet format."""

    suffixes: tuple[str, ...] = (".parquet", ".pq")
    typed: bool = True

    def names(self, file: File, wanted: frozenset[str]) -> Sequence[str]:  # noqa: ARG002  (a protocol)
        with _opened(file) as looked:
            return tuple(looked.schema_arrow.names)

    def share(self, file: File, request: Request) -> Share:
        """How much of a file a request reads, by its footer alone."""
        with _opened(file) as looked:
            names, about = request.among(looked.schema_arrow.names), looked.metadata
            groups = _groups(about, request)
            size = sum(_size(about.row_group(i), names) for i in groups)
            return Share(about.num_row_groups, len(groups), size)

    def reach(self, file: File, name: str | None = None) -> Reach | None:
        """How far a file reaches by its footer alone, where the statistics there are exact."""
        with _opened(file) as looked:
            return _reach(looked.metadata, name)

    def batches(self, file: File, request: Request) -> Iterator[pa.RecordBatch]:
        with _opened(file) as looked:
            names = request.among(looked.schema_arrow.names)
            texts = [n for n in names if is_text(looked.schema_arrow.field(n).type)]
            levels = [name for name in texts if name not in request.single]
            metadata = looked.metadata
            groups = request.stretch(_groups(metadata, request))
        if not groups:
            return
        try:
            with _opened(file, metadata, levels) as stream:
                rows = request.rows(names)
                yield from stream.iter_batches(rows, groups, names, use_threads=False)
        except Unreadable as error:
            raise _located(error, file, groups, names) from None


@contextmanager
def _opened(
    file: File, metadata: pq.FileMetaData | None = None, levels: Sequence[str] = ()
) -> Iterator[pq.ParquetFile]:
    """The file opened for one pass: buffering ahead would hold all wanted columns in memory."""
    buffer = _BUFFER if file.near else _FAR_BUFFER
    with reading(file, _trouble(file)), file.open() as handle:
        yield pq.ParquetFile(
            handle,
            metadata=metadata,
            read_dictionary=list(levels),
            pre_buffer=False,
            buffer_size=buffer,
        )


def _located(
    error: Unreadable, file: File, groups: Sequence[int], names: Sequence[str]
) -> Unreadable:
    """The same error with the row group that cannot be read, if reading it anew tells that."""
    for group in groups:
        try:
            with _opened(file) as looked:
                for _ in looked.iter_batches(_PROBED, [group], names, use_threads=False):
                    pass
        except Unreadable:
            return Unreadable(f"{error}: row group {group} of {file.name}")
    return error


def _trouble(file: File) -> str:
    """What to say of a file that cannot be read: only its first bytes tell a Parquet file."""
    try:
        with file.open() as handle:
            begins_well = handle.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return "cannot be read"
    if begins_well:
        return "a damaged or incomplete Parquet file; write it anew"
    return "not a Parquet file"


def _reach(metadata: pq.FileMetaData, name: str | None) -> Reach | None:
    """The reach that exact statistics tell: those of moments in time, not of wall clocks."""
    if name is None:
        return Reach(metadata.num_rows)
    paths = [metadata.schema.column(i).path for i in range(metadata.num_columns)]
    if name not in paths:
        return None
    spans, timed = [], 0
    for i in range(metadata.num_row_groups):
        chunk = metadata.row_group(i).column(paths.index(name))
        told = chunk.statistics
        if (
            told is None
            or not told.has_null_count
            or not (told.has_min_max or not chunk.num_values)
        ):
            return None
        there = chunk.num_values - told.null_count
        span = _span(told) if there else (0, 0)
        if span is None or (there and not _exact(told)):
            return None
        timed += there
        spans += [span] if there else []
    edges = [edge for span in spans for edge in span]
    return Reach(metadata.num_rows, timed, min(edges, default=0), max(edges, default=0))


def _exact(statistics: pq.Statistics) -> bool:
    """Whether the bounds are moments that rows have, which a wall clock's need not be."""
    kind = json.loads(statistics.logical_type.to_json())
    low, high = statistics.min_raw, statistics.max_raw
    if kind["Type"] == "None":
        return True
    if kind["Type"] != "Timestamp" or not kind["isAdjustedToUTC"]:
        return False
    tick = _NANOSECONDS[kind["timeUnit"]]
    return bool(low * tick >= FIRST * 1_000 and high * tick <= LAST * 1_000)


def _size(group: pq.RowGroupMetaData, names: Sequence[str]) -> int:
    """The bytes of some columns in a row group; of nested ones those of all their leaves."""
    chunks = (group.column(i) for i in range(group.num_columns))
    wanted = frozenset(names)
    return sum(
        chunk.total_compressed_size
        for chunk in chunks
        if chunk.path_in_schema.partition(".")[0] in wanted or chunk.path_in_schema in wanted
    )


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
