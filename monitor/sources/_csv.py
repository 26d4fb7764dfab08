"""Reading CSV: the separator is found out, every cell comes as text, broken rows are named."""

from __future__ import annotations

import csv
import re
from codecs import getincrementaldecoder
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from monitor.sources import Unreadable, WrongSchema
from monitor.sources._formats import Request, reading
from monitor.sources._places import File

_BLOCK = 1 << 22
_SAMPLE = 1 << 18
_SAMPLE_ROWS = 200
_SEPARATORS = ",;\t|"
_SHOWN = 3
_COMMA_NUMBER = re.compile(r"\s*[+-]?\d+(,\d+)?\s*")
_COMMA_PATTERN = r"^\s*([+-]?\d*),(\d+(?:[eE][+-]?\d+)?)\s*$"

Row = list[str]


@dataclass(frozen=True, slots=True)
class Head:
    """What the first lines of a file tell."""

    separator: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CsvReader:
    """The CSV format with a header; an empty cell is null. See ``Source`` for the fields."""

    separator: str = ""
    decimal: str = "."
    encoding: str = "utf-8"
    suffixes: tuple[str, ...] = (".csv", ".csv.gz", ".tsv", ".txt")
    typed: bool = False

    def names(self, file: File, wanted: frozenset[str]) -> Sequence[str]:  # noqa: ARG002  (a protocol)
        head = self._head(file)
        return () if head is None else head.names

    def batches(self, file: File, request: Request) -> Iterator[pa.RecordBatch]:
        head = self._head(file)
        if head is None:
            return
        bad: list[arrow_csv.InvalidRow] = []
        with reading(file, self._trouble), file.stream() as stream:
            try:
                for batch in self._open(stream, head, request.among(head.names), bad):
                    if bad:
                        break
                    yield self._with_points(batch)
            except pa.ArrowInvalid as error:
                if "straddl" not in str(error) and not bad:
                    raise
                bad.append(error)
        if bad or _odd_quotes(file):
            self._refuse_ragged(file, head, bad)

    @property
    def _trouble(self) -> str:
        return f"not a CSV file in {self.encoding}; set 'encoding' if it is in another"

    def _open(
        self, stream: pa.NativeFile, head: Head, names: list[str], bad: list[arrow_csv.InvalidRow]
    ) -> arrow_csv.CSVStreamingReader:
        def note(row: arrow_csv.InvalidRow) -> str:
            bad.append(row)
            return "skip"

        return arrow_csv.open_csv(
            stream,
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=_BLOCK, encoding=self.encoding
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=head.separator, newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                include_columns=names,
                null_values=[""],
                strings_can_be_null=True,
            ),
        )

    def _with_points(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch with decimal points for decimal commas."""
        if self.decimal == ".":
            return batch
        arrays = [pc.replace_substring_regex(a, _COMMA_PATTERN, r"\1.\2") for a in batch.columns]
        return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)

    def _head(self, file: File) -> Head | None:
        """The head of a file, None of an empty one."""
        with reading(file, self._trouble), file.stream() as stream:
            octets = stream.read(_SAMPLE)
            text = getincrementaldecoder(self.encoding)().decode(octets).removeprefix("\ufeff")
        if "\0" in text:
            raise Unreadable(f"{file}: {self._trouble}")
        if not text.strip():
            return None
        if len(octets) == _SAMPLE:
            text = text[: text.rfind("\n") + 1] or text
        separator = self.separator or self._sniff(text)
        rows = _rows(text, separator)
        head = Head(separator, tuple(rows[0]))
        self._check(file, head, rows, text)
        return head

    def _sniff(self, text: str) -> str:
        """The separator that cuts the header, and the most rows alike, into most cells."""
        candidates = [s for s in _SEPARATORS if s != self.decimal]
        return max(candidates, key=lambda s: _alike(_rows(text, s)))

    def _check(self, file: File, head: Head, rows: list[Row], text: str) -> None:
        twice = [name for name, count in Counter(head.names).items() if count > 1]
        if twice:
            raise WrongSchema(f"{file}: two columns are named {twice[0]!r}; rename one")
        likely = self._sniff(text)
        if len(head.names) == 1 and len(_rows(text, likely)[0]) > 1:
            raise Unreadable(f"{file}: one column only; set separator = {likely!r}")
        if self.decimal == "." and head.separator != ",":
            _refuse_commas(file, head, rows)

    def _refuse_ragged(self, file: File, head: Head, bad: Sequence[object]) -> None:
        """Say where rows are broken, if any is; a stray quote within a cell is no harm."""
        with reading(file, self._trouble), file.stream() as stream:
            text = TextIOWrapper(stream, self.encoding, newline="")
            found = list(islice(_broken(text, head), _SHOWN))
        if found or bad:
            where = "; ".join(found) or f"rows of other than {len(head.names)} cells"
            raise Unreadable(
                f"{file}: {where}; the header has {len(head.names)} cells: "
                "repair these lines (is a quote left open?)"
            )


def _rows(text: str, separator: str) -> list[Row]:
    """The first rows, blank lines left out."""
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator)
    rows: list[Row] = []
    with suppress(csv.Error):  # a cell longer than the module takes: what came before is enough
        rows += islice(filter(None, reader), _SAMPLE_ROWS)
    return rows or [[text.splitlines()[0]]]


def _refuse_commas(file: File, head: Head, rows: list[Row]) -> None:
    """Raise Unreadable where all cells of a column are numbers, some with a decimal comma."""
    for name, *cells in zip(head.names, *_full(rows), strict=True):
        commas = [cell.strip() for cell in cells if "," in cell]
        if commas and all(_COMMA_NUMBER.fullmatch(cell) for cell in cells if cell):
            raise Unreadable(
                f"{file}: column {name!r} seems to have decimal commas ({commas[0]}); "
                'set decimal = ","'
            )


def _full(rows: list[Row]) -> list[Row]:
    return [row for row in rows[1:] if len(row) == len(rows[0])]


def _alike(rows: list[Row]) -> tuple[bool, float]:
    """Whether the header has several cells, and how many, less for rows that differ."""
    return len(rows[0]) > 1, len(rows[0]) * (1 + len(_full(rows))) / len(rows)


def _odd_quotes(file: File) -> bool:
    """Whether a quote may be left open: one that swallows the rest of a file breaks no row."""
    count = 0
    with reading(file, "cannot be read"), file.stream() as stream:
        while octets := stream.read(_BLOCK):
            count += octets.count(b'"')
    return count % 2 == 1


def _broken(text: TextIOWrapper, head: Head) -> Iterator[str]:
    """A few words on each broken row, by its line."""
    reader = csv.reader(text, delimiter=head.separator, strict=True)
    line = 1
    try:
        for row in reader:
            if row and len(row) != len(head.names):
                yield f"line {line} has {len(row)} cells"
            line = reader.line_num + 1
    except csv.Error:
        yield f"line {line} opens a quote that is not closed"
