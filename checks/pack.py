"""Packing: portraits as bytes and back, without loss and without trust in what is read.

Records are written as their fields in order, each by its declared type and for all records at
once: a field added to a profile needs no line here, but a new version. Each plan is written once,
and cells that follow from the distinct values are left out.
"""

from __future__ import annotations

import struct
import types
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache, lru_cache
from itertools import chain, compress, pairwise
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np

from checks import grid
from checks.codec import Damaged, Reader, Writer
from checks.grid import Cells, Counts, Floats
from checks.plan import ColumnPlan, MultivariatePlan, NumericPlan, OutcomePlan
from checks.portrait import ColumnProfile, Columns, Portrait
from checks.profile import CategoricalProfile, NumericProfile
from checks.ragged import Ragged, edges_of
from checks.sound import sound, sound_profiles, sound_values
from checks.stack import ARRAYS, Stack

VERSION = 5
MOST_BYTES = 1 << 28
_LEVEL = 4  # a twentieth larger than at 6, in a third of the time
_PLANS_KEPT = 64  # of each kind, those of so many models
_HEADER = struct.Struct("<3sBI")  # magic, version, length of the body before compression
_MAGIC = b"MMP"
_DEFLATE_LIMIT = 1032  # zlib inflates no stream by more than this factor
_Plan = ColumnPlan | OutcomePlan | MultivariatePlan


def pack(portrait: Portrait, level: int = _LEVEL) -> bytes:
    """One portrait as bytes; see `pack_all`."""
    return pack_all([portrait], level)


def unpack(data: bytes) -> Portrait:
    """The one portrait that was packed into ``data``; see `unpack_all`."""
    found = unpack_all(data)
    if len(found) != 1:
        raise Damaged(f"{len(found)} portraits where there should be one")
    return found[0]


def pack_all(portraits: Sequence[Portrait], level: int = _LEVEL) -> bytes:
    """Portraits as bytes, compressed by zlib at ``level`` (0: not at all).

    Many together take less room and much less time than one by one.

    Raises:
        ValueError: they are larger than 256 MB, or a count in them is negative.
    """
    out = _Out()
    out.writer.wholes([len(portraits)])
    _coding(Portrait).write(out, portraits)
    body = b"".join(out.writer.chunks)
    if len(body) > MOST_BYTES:
        raise ValueError(f"portraits of {len(body)} bytes are too large; watch fewer columns")
    return _HEADER.pack(_MAGIC, VERSION, len(body)) + zlib.compress(body, level)


def unpack_all(data: bytes) -> list[Portrait]:
    """The portraits that were packed into ``data``; their arrays are read-only.

    Raises:
        ValueError: the bytes are damaged, or were written by another version. What is allocated
            before that is bounded by the number of bytes.
    """
    source = _In(Reader(_inflate(data)))
    (count,) = source.reader.wholes(1)
    portraits: list[Portrait] = list(_bounded(_coding(Portrait), source, count))
    source.reader.finish()
    return portraits


def _inflate(data: bytes) -> bytes:
    if len(data) < _HEADER.size or not data.startswith(_MAGIC):
        raise Damaged("these bytes are no packed portrait")
    _, version, length = _HEADER.unpack_from(data)
    if version != VERSION:
        raise Damaged(f"a portrait of version {version}; this program reads version {VERSION}")
    body = data[_HEADER.size :]
    if length > min(MOST_BYTES, _DEFLATE_LIMIT * len(body)):
        raise Damaged("the length of the portrait is damaged")
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(body, length + 1)
    except zlib.error as error:
        raise Damaged(f"the portrait cannot be inflated ({error})") from error
    if len(inflated) != length or not stream.eof or stream.unused_data:
        raise Damaged("the portrait is cut short or followed by other bytes")
    return inflated


@dataclass(slots=True)
class _Out:
    """Bytes so far, and the plans among them by number."""

    writer: Writer = field(default_factory=Writer)
    plans: dict[_Plan, int] = field(default_factory=dict)


@dataclass(slots=True)
class _In:
    """Bytes to come, and the plans met so far."""

    reader: Reader
    plans: list[_Plan] = field(default_factory=list)


class _Coding(NamedTuple):
    """How values of one declared type are written and read, a whole column of them at a time.

    Values are typed by the hint alone, which only the machine sees: hence Any.
    """

    write: Callable[[_Out, Sequence[Any]], None]
    read: Callable[[_In, int], Sequence[Any]]


def _plain(name: str) -> _Coding:
    """What Writer and Reader call by the same name."""
    return _Coding(
        lambda out, values: getattr(out.writer, name)(values),
        lambda source, count: getattr(source.reader, name)(count),
    )


_PLAIN: Mapping[object, _Coding] = {
    int: _plain("wholes"),
    bool: _Coding(
        lambda out, values: out.writer.wholes(values),
        lambda source, count: [bool(each) for each in source.reader.wholes(count)],
    ),
    float: _plain("reals"),
    str: _plain("texts"),
    Cells: _plain("cells"),
    Counts: _plain("counts"),
    Floats: _plain("floats"),
    types.NoneType: _Coding(lambda _, __: None, lambda _, count: [None] * count),
}


@cache
def _coding(hint: Any) -> _Coding:
    """The coding of a type as it is written in the declaration of a field."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if hint == Mapping[str, ColumnProfile]:
        return _columns()
    if origin in (Union, types.UnionType):
        return _choice(parts, *map(_coding, parts))
    if origin is tuple:
        return _sequence(_coding(parts[0]), same=parts[0] is str)
    if origin is Mapping:
        return _mapping(_coding(parts[0]), _coding(parts[1]))
    if not is_dataclass(hint):
        raise TypeError(f"no coding for fields of type {hint}; add one to checks/pack.py")
    record = _record(hint)
    return _interned(hint, record) if hint in get_args(_Plan) else record


def _record(kind: Any) -> _Coding:
    """Records field by field; of no record nothing is written."""
    parts = _parts(kind)
    if kind is NumericProfile:
        rows = _numeric()
        return _Coding(rows.write, lambda *asked: [kind(*row) for row in rows.read(*asked)])

    def write(out: _Out, records: Sequence[Any]) -> None:
        for name, coding in parts.items() if records else ():
            coding.write(out, [getattr(each, name) for each in records])

    def read(source: _In, count: int) -> list[Any]:
        if not count:
            return []
        found = [coding.read(source, count) for coding in parts.values()]
        records = [kind(*row) for row in zip(*found, strict=True)]
        if not sound(kind, records):
            raise Damaged(f"a {kind.__name__} contradicts itself")
        return records

    return _Coding(write, read)


def _parts(kind: Any) -> dict[str, _Coding]:
    """The coding of each field of a record."""
    hints = get_type_hints(kind)
    return {each.name: _coding(hints[each.name]) for each in fields(kind)}


def _numeric() -> _Coding:
    """Numeric profiles; what is read is a stack of them."""
    parts = _parts(NumericProfile)

    def write(out: _Out, profiles: Sequence[NumericProfile]) -> None:
        lean = [_lean(each) for each in profiles]
        for name, coding in parts.items() if lean else ():
            coding.write(out, [getattr(each, name) for each in lean])

    def read(source: _In, count: int) -> Stack:
        if not count:
            return Stack()
        found = {name: coding.read(source, count) for name, coding in parts.items()}
        flat = all(isinstance(found[name], Ragged) for name in ARRAYS)
        if not flat or not sound_profiles(_filled(found)):
            raise Damaged("a NumericProfile contradicts itself")
        return Stack(found)

    return _Coding(write, read)  # type: ignore[arg-type]


def _columns() -> _Coding:
    """Profiles by the name of their column; the numeric ones of all portraits are one stack."""
    texts, numeric, levels = _coding(str), _numeric(), _coding(CategoricalProfile)
    kinds = NumericProfile, CategoricalProfile

    def read(source: _In, count: int) -> list[Columns]:
        sizes = source.reader.wholes(count)
        names = _bounded(texts, source, sum(sizes))
        numbers = _variants(source, len(names), kinds)
        stack: Any = numeric.read(source, numbers.count(0))
        found = iter(range(len(stack))), iter(levels.read(source, numbers.count(1)))
        kept = [next(found[number]) for number in numbers]
        edges = pairwise(edges_of(sizes).tolist())
        columns = [Columns(zip(names[a:b], kept[a:b], strict=True), stack) for a, b in edges]
        if [len(each) for each in columns] != sizes:
            raise Damaged("a name comes twice")
        return columns

    return _Coding(_mapping(texts, _choice(kinds, numeric, levels)).write, read)


def _interned(kind: Any, record: _Coding) -> _Coding:
    """Plans: those that were not met before, apart, and the number of each.

    All granules of a model have the same plans, so those read last are remembered by their bytes.
    """

    @lru_cache(maxsize=_PLANS_KEPT)
    def known_by(data: bytes, count: int) -> list[_Plan]:
        source = _In(Reader(data))
        found: list[_Plan] = list(_bounded(record, source, count))
        source.reader.finish()
        return found

    def write(out: _Out, plans: Sequence[_Plan]) -> None:
        if not plans:
            return
        known = len(out.plans)
        numbers = [out.plans.setdefault(plan, len(out.plans)) for plan in plans]
        new = list(out.plans)[known:]
        apart = _Out()
        record.write(apart, new)
        data = b"".join(apart.writer.chunks)
        out.writer.wholes([len(new), len(data)])
        out.writer.chunks.append(data)
        out.writer.wholes(numbers)

    def read(source: _In, count: int) -> list[_Plan]:
        if not count:
            return []
        new, size = source.reader.wholes(2)
        source.plans += known_by(source.reader.take(size), new)
        numbers = source.reader.wholes(count)
        for number in set(numbers):
            if number >= len(source.plans) or not isinstance(source.plans[number], kind):
                raise Damaged(f"there is no {kind.__name__} of number {number}")
        return [source.plans[number] for number in numbers]

    return _Coding(write, read)


def _choice(kinds: tuple[Any, ...], *codings: _Coding) -> _Coding:
    """Values of one of several types: the number of each type, then the values type by type."""
    classes = [get_origin(kind) or kind for kind in kinds]

    def write(out: _Out, values: Sequence[Any]) -> None:
        numbers = [next(i for i, c in enumerate(classes) if isinstance(v, c)) for v in values]
        out.writer.wholes(numbers)
        for number, coding in enumerate(codings):
            coding.write(out, [v for v, n in zip(values, numbers, strict=True) if n == number])

    def read(source: _In, count: int) -> Sequence[Any]:
        numbers = _variants(source, count, kinds)
        found = [c.read(source, numbers.count(n)) for n, c in enumerate(codings)]
        if isinstance(found[0], Ragged) and kinds[1:] == (types.NoneType,):
            return found[0].among(np.array(numbers) == 0)
        each = [*map(iter, found)]
        return [next(each[number]) for number in numbers]

    return _Coding(write, read)


def _variants(source: _In, count: int, kinds: tuple[Any, ...]) -> list[int]:
    """The number of the type of each of so many values."""
    numbers = source.reader.wholes(count)
    if max(numbers, default=0) >= len(kinds):
        raise Damaged(f"there is no variant {max(numbers)} of {kinds}")
    return numbers


def _sequence(element: _Coding, *, same: bool) -> _Coding:
    """Tuples; ``same`` tells that equal ones are one, for thousands are a burden to the collector.

    Numbers may be equal and yet differ in their bits.
    """

    def write(out: _Out, values: Sequence[tuple[Any, ...]]) -> None:
        out.writer.wholes([len(each) for each in values])
        element.write(out, list(chain.from_iterable(values)))

    def read(source: _In, count: int) -> list[Any]:
        sizes = source.reader.wholes(count)
        flat = _bounded(element, source, sum(sizes))
        tuples = (tuple(flat[start:end]) for start, end in pairwise(edges_of(sizes).tolist()))
        if not same:
            return list(tuples)
        known: dict[Any, Any] = {}
        return [known.setdefault(each, each) for each in tuples]

    return _Coding(write, read)


def _mapping(key: _Coding, value: _Coding, made: Callable[[Any], Any] = dict) -> _Coding:
    def write(out: _Out, values: Sequence[Mapping[Any, Any]]) -> None:
        out.writer.wholes([len(each) for each in values])
        key.write(out, list(chain.from_iterable(values)))
        value.write(out, [element for each in values for element in each.values()])

    def read(source: _In, count: int) -> list[Any]:
        sizes = source.reader.wholes(count)
        names = _bounded(key, source, sum(sizes))
        elements = value.read(source, len(names))
        edges = list(pairwise(edges_of(sizes).tolist()))
        found = [dict(zip(names[a:b], elements[a:b], strict=True)) for a, b in edges]
        if [len(each) for each in found] != sizes:
            raise Damaged("a name comes twice")
        return [made(each) for each in found]

    return _Coding(write, read)


def _bounded(element: _Coding, source: _In, count: int) -> Sequence[Any]:
    """So many elements, each of which takes at least one byte."""
    if count > len(source.reader.data):
        raise Damaged("there are more elements than bytes")
    return element.read(source, count)


def _lean(profile: NumericProfile) -> NumericProfile:
    """The profile without its cells, if its distinct values tell them."""
    if profile.exact is None or profile.exact_counts is None:
        return profile
    values, counts = Ragged.of([profile.exact]), Ragged.of([profile.exact_counts])
    cells, numbers = _cells_of_values([profile.plan], values, counts)
    same = np.array_equal(cells.flat, profile.cells) and np.array_equal(
        numbers.flat, profile.counts
    )
    if not same:
        return profile
    return replace(profile, cells=np.empty(0, np.int32), counts=np.empty(0, np.int64))


def _filled(found: dict[str, Any]) -> dict[str, Any]:
    """Give the profiles that came without cells those that their distinct values tell."""
    cells, counts, values, numbers = (found[name] for name in ARRAYS[:4])
    bare = (cells.sizes == 0) & (counts.sizes == 0) & values.known & numbers.known
    if not bare.any() or not sound_values(values, numbers):
        return found
    plans = list(compress(found["plan"], bare))
    told = _cells_of_values(plans, values.chosen(bare), numbers.chosen(bare))
    for name, each in zip(ARRAYS, told, strict=False):
        found[name] = found[name].filled(bare, each)
    return found


def _cells_of_values(
    plans: Sequence[NumericPlan], values: Ragged, counts: Ragged
) -> tuple[Ragged, Ragged]:
    """The occupied cells of distinct values, of many profiles at once."""
    cells = _cells(plans, values)
    owner = np.repeat(np.arange(len(plans)), values.sizes)
    change = (cells[1:] != cells[:-1]) | (owner[1:] != owner[:-1])
    starts = np.flatnonzero(np.concatenate(([len(cells) > 0], change)))
    sums = np.add.reduceat(counts.flat, starts) if len(starts) else np.empty(0, np.int64)
    edges = np.searchsorted(owner[starts], np.arange(len(plans) + 1))
    return Ragged(cells[starts], edges), Ragged(sums, edges)


def _cells(plans: Sequence[NumericPlan], values: Ragged) -> Cells:
    """The cell of each of many values, one plan after the other."""
    if any(plan.edges for plan in plans):
        return np.concatenate([p.cells_of(v) for p, v in zip(plans, values, strict=True)])
    centre = np.repeat([plan.centre for plan in plans], values.sizes)
    shift = np.repeat([plan.shift for plan in plans], values.sizes)
    return grid.cells_of(values.flat, centre, shift)
