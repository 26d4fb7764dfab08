"""The records of a file, each with its place: lines of JSON, rows of Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

from monitor.sources import SourceError
from monitor.sources._files import FileLog
from monitor.sources._formats import Reader, Request, reading
from monitor.sources._jsonl import JsonlReader, object_of
from monitor.sources._places import File
from monitor.sources._shapes import Record, recognised

_NAMES = ("databricks_request_id", "id")


def records(file: File, reader: Reader, request: Request) -> Iterator[tuple[str, Record]]:
    """The records of a file and where each stands; those of no window asked for may be left out.

    Raises:
        SourceError: the file cannot be read, or a line of it is no JSON object.
    """
    if isinstance(reader, JsonlReader):
        yield from _lines(file)
        return
    number = 0
    for batch in reader.batches(file, request):
        for record in batch.to_pylist():
            number += 1
            named = next((record[key] for key in _NAMES if record.get(key)), None)
            yield (f"row {number}" if named is None else f"request {named}"), record


def _lines(file: File) -> Iterator[tuple[str, Record]]:
    with reading(file, "not a JSON Lines file"), file.stream() as stream:
        for number, line in enumerate(io.BufferedReader(stream), 1):
            if line.strip():
                text, ended = line.decode("utf-8-sig"), line.endswith(b"\n")
                yield f"line {number}", object_of(file, number, text, ended=ended)


def shape_in(kind: str, path: Path | str) -> str:
    """The name of the shape that the first record of a log of files surely has, or nothing."""
    from monitor.sources._parquet import ParquetReader

    readers: dict[str, Reader] = {"jsonl": JsonlReader(), "parquet": ParquetReader()}
    if kind not in readers:
        return ""
    log = FileLog(path, "", readers[kind])
    try:
        first = next(records(log.files(path)[0], log.reader, Request(None)), None)
    except SourceError:  # said where the log is read in earnest
        return ""
    return "" if first is None else recognised(first[1])
