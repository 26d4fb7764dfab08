"""Reading JSON Lines block by block, by Arrow where types agree and line by line where not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
from pyarrow import json as arrow_json

from checks.text import canonical
from monitor.sources import Unreadable
from monitor.sources._arrow import family
from monitor.sources._formats import Request, reading
from monitor.sources._places import File

_BLOCK = 1 << 22
_TROUBLE = "not a JSON Lines file"
_LARGEST = 2**63


@dataclass(frozen=True, slots=True)
class JsonlReader:
    """The JSON Lines format. A key that some line of a file has is null in the others."""

    suffixes: tuple[str, ...] = (".jsonl", ".jsonl.gz", ".ndjson", ".json")
    typed: bool = False

    def names(self, file: File, wanted: frozenset[str]) -> Sequence[str]:
        found: dict[str, None] = {}
        parser = _Parser(file)
        for block in _blocks(file):
            lacking = wanted - found.keys()
            if not found or any(json.dumps(name).encode() in block.octets for name in lacking):
                found |= dict.fromkeys(parser.batch(block).schema.names)
            if wanted <= found.keys():
                break
        return tuple(found)

    def batches(self, file: File, request: Request) -> Iterator[pa.RecordBatch]:
        expected = self.names(file, frozenset(request.columns or ()))
        wanted = request.among(expected) if request.columns is not None else []
        parser = _Parser(file)
        for block in _blocks(file):
            batch = parser.batch(block)
            names = wanted or batch.schema.names
            met = set(batch.schema.names)
            arrays = [batch.column(n) if n in met else pa.nulls(len(batch)) for n in names]
            if len(batch):
                yield pa.RecordBatch.from_arrays(arrays, names=list(names))


@dataclass(frozen=True, slots=True)
class _Block:
    """Whole lines of a file, from the one of that number."""

    octets: bytes
    line: int


def _blocks(file: File) -> Iterator[_Block]:
    line, rest = 1, b""
    with reading(file, _TROUBLE), file.stream() as stream:
        while octets := stream.read(_BLOCK):
            whole, newline, rest_of_line = (rest + octets).rpartition(b"\n")
            if newline:
                yield _Block(whole + newline, line)
                line += whole.count(newline) + 1
            rest = rest_of_line
    if rest.strip():
        yield _Block(rest, line)


@dataclass(frozen=True, slots=True)
class _Parser:
    """Parses the blocks of one file. ``texts`` are columns that Arrow would take for times: it
    forgets whether a time had an offset."""

    file: File
    texts: set[str] = field(default_factory=set)

    def batch(self, block: _Block) -> pa.RecordBatch:
        self._check_text(block)
        try:
            found = self._read(block)
            times = {f.name for f in found.schema if family(f.type) == "time"}
            if times:
                self.texts.update(times)
                found = self._read(block)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
            return _line_by_line(self.file, block)
        return found

    def _read(self, block: _Block) -> pa.RecordBatch:
        schema = pa.schema([(name, pa.string()) for name in sorted(self.texts)])
        table = arrow_json.read_json(
            pa.BufferReader(block.octets),
            arrow_json.ReadOptions(use_threads=False, block_size=len(block.octets) + 1),
            arrow_json.ParseOptions(explicit_schema=schema if self.texts else None),
        )
        return table.combine_chunks().to_batches()[0] if len(table) else _nothing()

    def _check_text(self, block: _Block) -> None:
        try:
            block.octets.decode()
        except UnicodeDecodeError as error:
            line = block.line + block.octets[: error.start].count(b"\n")
            raise Unreadable(f"{self.file}: line {line} is not UTF-8 text; write it anew") from None


def _nothing() -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([], names=[])


def _line_by_line(file: File, block: _Block) -> pa.RecordBatch:
    """The rows of a block in which a column has cells of several types, or a line is no object."""
    columns: dict[str, list[object]] = {}
    rows = 0
    lines = block.octets.decode("utf-8-sig").split("\n")
    for number, text in enumerate(lines, block.line):
        if not text.strip():
            continue
        ended = number - block.line < len(lines) - 1
        for name, cell in object_of(file, number, text, ended=ended).items():
            cells = columns.setdefault(name, [])
            cells += [None] * (rows - len(cells))
            cells.append(cell)
        rows += 1
    arrays = [array_of(cells + [None] * (rows - len(cells))) for cells in columns.values()]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def object_of(file: File, number: int, text: str, *, ended: bool) -> dict[str, object]:
    """The object of a line; one that has not ``ended`` may still be in writing."""
    try:
        found = json.loads(text)
    except json.JSONDecodeError as error:
        way = "repair it" if ended else "it has no end yet, and is read when it is written whole"
        said = f"{file}: line {number} is no JSON ({cause_of(error)}); {way}"
        raise Unreadable(said) from None
    if not isinstance(found, dict):
        raise Unreadable(f"{file}: line {number} is no JSON object; each row must be {{…}}")
    return found


def cause_of(error: json.JSONDecodeError) -> str:
    """What is wrong with a text of JSON, and where.

    >>> try:
    ...     json.loads('{"a": "b')
    ... except json.JSONDecodeError as error:
    ...     cause_of(error)
    'Unterminated string starting at column 7'
    """
    return f"{error.msg.removesuffix(' at')} at column {error.colno}"


def array_of(cells: list[object]) -> pa.Array:
    """Cells in the one type they share, else as text; lists and objects among others as text."""
    kinds = {type(cell) for cell in cells if cell is not None}
    if kinds <= {list, dict}:
        return pa.array([None if c is None else _text(c).encode() for c in cells], pa.binary())
    if kinds == {bool}:
        return pa.array(cells, pa.bool_())
    if kinds == {int} and all(c is None or abs(c) < _LARGEST for c in cells):  # type: ignore[arg-type]
        return pa.array(cells, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if c is None else float(c) for c in cells], pa.float64())  # type: ignore[arg-type]
    return pa.array([None if c is None else _text(c) for c in cells], pa.string())


def _text(cell: object) -> str:
    return json.dumps(cell) if isinstance(cell, list | dict) else canonical(cell)
