"""Logs in Parquet files."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.sources._file_source import FileSource
from monitor.sources._files import FileLog
from monitor.sources._parquet import ParquetReader
from monitor.sources._shapes import Options
from monitor.sources._shapes._log import ShapedLog, check_shape, log_of


@dataclass(frozen=True, slots=True)
class Source(FileSource):
    """Parquet: ``path`` is a file, a folder or a pattern such as ``logs/2024-*.parquet``.

    ``labels`` names further Parquet files with the truth by id, where it is not in the rows.
    ``shape`` is that of records which are requests (see docs/logs.md), ``fields`` its options.
    """

    shape: str = ""
    fields: Options = field(default_factory=dict)

    def __post_init__(self) -> None:
        FileSource.__post_init__(self)
        check_shape(self.shape, self.fields)

    @property
    def log(self) -> FileLog | ShapedLog:
        reader = ParquetReader()
        return log_of(self.path, self.labels, reader, self.shape, self.fields, self.workers)
