"""Logs in CSV files: the separator is found out, cells are typed by what they read as."""

from __future__ import annotations

import codecs
from dataclasses import dataclass

from monitor.sources._csv import CsvReader
from monitor.sources._file_source import FileSource
from monitor.sources._files import FileLog


@dataclass(frozen=True, slots=True)
class Source(FileSource):
    """CSV with a header: ``path`` is a file (perhaps compressed), a folder or a pattern.

    ``labels`` names further CSV files with the truth by id, ``separator`` what stands between
    cells (found out where empty), ``decimal`` the mark of decimals in numbers, ``encoding`` that of
    the text.
    """

    separator: str = ""
    decimal: str = "."
    encoding: str = "utf-8"

    def __post_init__(self) -> None:
        FileSource.__post_init__(self)
        if len(self.separator) > 1:
            raise ValueError(f"separator = {self.separator!r}: must be one character")
        if self.decimal not in (".", ","):
            raise ValueError(f"decimal = {self.decimal!r}: must be '.' or ','")
        try:
            codecs.lookup(self.encoding)
        except LookupError:
            raise ValueError(f"encoding = {self.encoding!r}: unknown; try 'utf-8'") from None

    @property
    def log(self) -> FileLog:
        reader = CsvReader(self.separator, self.decimal, self.encoding)
        return FileLog(self.path, self.labels, reader, self.workers)
