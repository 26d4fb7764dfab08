"""Rows as a database driver hands them over, turned into Arrow columns whatever they hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence, Set
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import chain, groupby
from types import NoneType
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Cells = Sequence[object]
Kind = Literal["boolean", "number", "text", "moment", "day", "binary", "nested"]

_KINDS: dict[type, Kind] = {
    bool: "boolean",
    int: "number",
    float: "number",
    Decimal: "number",
    str: "text",
    datetime: "moment",
    date: "day",
    bytes: "binary",
    bytearray: "binary",
    memoryview: "binary",
    list: "nested",
    tuple: "nested",
    set: "nested",
    dict: "nested",
}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_EPOCH_DAY = _EPOCH.toordinal()


def to_batches(
    rows: Sequence[Cells],
    names: Sequence[str],
    *,
    booleans: Collection[str] = (),
    documents: Collection[str] = (),
    ordered: bool = False,
) -> Iterator[pa.RecordBatch]:
    """Batches of the rows (at least one) under these column names.

    There is one batch, unless a column holds cells of several kinds, as SQLite allows: then a batch
    for each combination of kinds, the most frequent first (in the order of the rows, as many as it
    takes, if ``ordered``). ``booleans`` are columns declared boolean in a database that stores 0
    and 1, ``documents`` those of which is told only whether a cell is there.
    """
    columns = list(zip(*rows, strict=True))
    return as_batches(columns, names, booleans=booleans, documents=documents, ordered=ordered)


def as_batches(
    found: Sequence[Cells],
    names: Sequence[str],
    *,
    booleans: Collection[str] = (),
    documents: Collection[str] = (),
    ordered: bool = False,
) -> Iterator[pa.RecordBatch]:
    """The same of rows that have been cut into columns."""
    columns = list(found)
    for place, name in enumerate(names):
        if name in booleans:
            columns[place] = [cell == 1 if cell in (0, 1) else cell for cell in columns[place]]
        elif name in documents:
            columns[place] = [None if cell is None else [] for cell in columns[place]]
    types = [set(map(type, cells)) for cells in columns]
    mixed = [c for c, met in zip(columns, types, strict=True) if len(_kinds(met)) > 1]
    if not mixed:
        arrays = [_array(c, met) for c, met in zip(columns, types, strict=True)]
        yield pa.RecordBatch.from_arrays(arrays, list(names))
        return
    for places in _alike(mixed, ordered=ordered):
        arrays = [to_array([cells[place] for place in places]) for cells in columns]
        yield pa.RecordBatch.from_arrays(arrays, list(names))


def _alike(mixed: Sequence[Cells], *, ordered: bool) -> list[list[int]]:
    """Places of rows whose cells are of the same kinds."""
    signature = list(zip(*map(_cell_kinds, mixed), strict=True))
    if ordered:
        runs = groupby(range(len(signature)), signature.__getitem__)
        return [list(places) for _, places in runs]
    groups: dict[tuple[Kind, ...], list[int]] = {}
    for place, kinds in enumerate(signature):
        groups.setdefault(kinds, []).append(place)
    return sorted(groups.values(), key=len, reverse=True)


def _cell_kinds(cells: Cells) -> list[Kind]:
    """The kind of each cell; a null is of the most frequent one."""
    met = [None if cell is None else _kind(type(cell)) for cell in cells]
    usual = Counter(kind for kind in met if kind is not None).most_common(1)[0][0]
    return [kind or usual for kind in met]


def to_array(cells: Cells) -> pa.Array:
    """An Arrow array of cells of one kind.

    It is put together from buffers, as ``pa.array`` would import pandas.

    >>> to_array([1, None, Decimal("2.5")]).to_pylist()
    [1.0, None, 2.5]
    """
    return _array(cells, set(map(type, cells)))


def _array(cells: Cells, types: Set[type]) -> pa.Array:
    """The same, of cells of these types."""
    if types == {float}:
        return _fixed(pa.float64(), cells, np.array(cells, np.float64), whole=True)
    kinds = _kinds(types)
    if not kinds:
        return pa.nulls(len(cells))
    match next(iter(kinds)):
        case "boolean":
            bits = np.packbits([cell is True for cell in cells], bitorder="little")
            return _fixed(pa.bool_(), cells, bits)
        case "number":
            return _numbers(cells, types)
        case "moment":
            return _moments(cells)
        case "day":
            days = [c.toordinal() - _EPOCH_DAY if isinstance(c, date) else 0 for c in cells]
            return _fixed(pa.date32(), cells, np.array(days, np.int32))
        case "binary":
            return _variable(pa.large_binary(), cells, [_octets(cell) for cell in cells])
        case "nested":
            return _nested(cells)
        case "text":
            return _texts(cells)


def _kinds(types: Set[type]) -> set[Kind]:
    return {_kind(kind) for kind in types if kind is not NoneType}


def _kind(kind: type) -> Kind:
    """What cells of a Python type hold; what is not known is shown as text."""
    if kind in _KINDS:
        return _KINDS[kind]
    return next((_KINDS[each] for each in kind.__mro__ if each in _KINDS), "text")


def _numbers(cells: Cells, types: Set[type]) -> pa.Array:
    whole = NoneType not in types
    if types <= {int, NoneType}:
        try:
            filled = cells if whole else [0 if cell is None else cell for cell in cells]
            return _fixed(pa.int64(), cells, np.array(filled, np.int64), whole=whole)
        except OverflowError:
            pass  # beyond 64 bits: a double is the nearest there is
    loose = np.array(cells, np.float64)  # None becomes NaN here
    return _fixed(pa.float64(), cells, loose, whole=whole)


def _moments(cells: Cells) -> pa.Array:
    """Points in time, if any of them has a zone; those without are taken for UTC then."""
    moments = [cell if isinstance(cell, datetime) else _EPOCH for cell in cells]
    zoned = any(moment.tzinfo for moment in moments)
    if zoned:
        moments = [m.astimezone(UTC).replace(tzinfo=None) if m.tzinfo else m for m in moments]
    kind = pa.timestamp("us", tz="UTC" if zoned else None)
    return _fixed(kind, cells, np.array(moments, "M8[us]").view(np.int64))


def _nested(cells: Cells) -> pa.Array:
    """Lists of numbers; of all else empty lists, as nobody asks more than that it is nested."""
    lists = [cell if isinstance(cell, list | tuple) else () for cell in cells]
    offsets = np.zeros(len(cells) + 1, np.int32)
    kind, values = pa.null(), pa.nulls(0)
    try:
        flat = np.array(list(chain.from_iterable(lists)), np.float64)
    except (TypeError, ValueError):
        flat = np.empty(0)  # texts, or lists of lists
    if flat.ndim == 1 and len(flat):
        np.cumsum([*map(len, lists)], out=offsets[1:])
        kind = pa.float64()
        values = pa.Array.from_buffers(kind, len(flat), [None, pa.py_buffer(flat)])
    buffers = [_present(cells), pa.py_buffer(offsets)]
    return pa.Array.from_buffers(pa.list_(kind), len(cells), buffers, children=[values])


def _texts(cells: Cells) -> pa.Array:
    texts = ["" if cell is None else str(cell) for cell in cells]
    whole = "".join(texts)
    if whole.isascii():
        return _variable(pa.large_string(), cells, texts, whole.encode())
    return _variable(pa.large_string(), cells, [text.encode(errors="replace") for text in texts])


def _fixed(
    kind: pa.DataType, cells: Cells, raw: NDArray[np.generic], *, whole: bool = False
) -> pa.Array:
    """Numbers of this kind; ``whole`` tells that every cell is there."""
    present = None if whole else _present(cells)
    return pa.Array.from_buffers(kind, len(cells), [present, pa.py_buffer(raw)])


def _variable(
    kind: pa.DataType, cells: Cells, parts: Sequence[str | bytes], whole: bytes | None = None
) -> pa.Array:
    """Texts or bytes end to end; ``whole`` is where they have been joined already."""
    ends = np.zeros(len(parts) + 1, np.int64)
    np.cumsum(np.fromiter(map(len, parts), np.int64, len(parts)), out=ends[1:])
    data = b"".join(p for p in parts if isinstance(p, bytes)) if whole is None else whole
    buffers = [_present(cells), pa.py_buffer(ends), pa.py_buffer(data)]
    return pa.Array.from_buffers(kind, len(cells), buffers)


def _present(cells: Cells) -> pa.Buffer | None:
    """The validity bitmap, None where every cell is there."""
    there = np.array([cell is not None for cell in cells], np.bool_)
    return None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))


def _octets(cell: object) -> bytes:
    return bytes(cell) if isinstance(cell, bytes | bytearray | memoryview) else b""
