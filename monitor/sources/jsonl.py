"""Logs in JSON Lines files: one object a line, a missing key is null, types may change."""

from __future__ import annotations

from dataclasses import dataclass, field

from monitor.sources._file_source import FileSource
from monitor.sources._files import FileLog
from monitor.sources._jsonl import JsonlReader
from monitor.sources._shapes import Options
from monitor.sources._shapes._log import ShapedLog, check_shape, log_of


@dataclass(frozen=True, slots=True)
class Source(FileSource):
    """JSON Lines: ``path`` is a file (perhaps compressed), a folder or a pattern.

    ``labels`` names further files of the kind with the truth by id, where it is not in the rows.
    ``shape`` is that of records which are requests (see docs/logs.md), ``fields`` its options.
    """

    shape: str = ""
    fields: Options = field(default_factory=dict)

    def __post_init__(self) -> None:
        FileSource.__post_init__(self)
        check_shape(self.shape, self.fields)

    @property
    def log(self) -> FileLog | ShapedLog:
        reader = JsonlReader()
        return log_of(self.path, self.labels, reader, self.shape, self.fields, self.workers)
