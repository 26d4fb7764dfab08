"""Packing: a portrait as bytes and back, without loss and without trust in what is read.

A record is written as its fields in order, each by its declared type: a field added to a profile
needs no line here, but a new version. Each plan is written once, and cells that follow from the
distinct values are left out.
"""

from __future__ import annotations

import struct
import types
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from typing import Any, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np

from checks import grid
from checks.codec import Damaged, Reader, Writer
from checks.grid import Cells, Counts, Floats
from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, RegressionPlan
from checks.portrait import Portrait
from checks.profile import NumericProfile, frozen
from checks.sound import sound, sound_values

VERSION = 1
MOST_BYTES = 1 << 28
_LEVEL = 6
_HEADER = struct.Struct("<3sBI")  # magic, version, length of the body before compression
_MAGIC = b"MMP"
_DEFLATE_LIMIT = 1032  # zlib inflates no stream by more than this factor
_Plan = NumericPlan | CategoricalPlan | BinaryPlan | RegressionPlan


def pack(portrait: Portrait, level: int = _LEVEL) -> bytes:
    """A portrait as bytes, compressed by zlib at ``level`` (0: not at all).

    Raises:
        ValueError: it is larger than 256 MB, or a count in it is negative.
    """
    out = _Out()
    _coding(Portrait).write(out, portrait)
    body = b"".join(out.writer.chunks)
    if len(body) > MOST_BYTES:
        raise ValueError(f"a portrait of {len(body)} bytes is too large; watch fewer columns")
    return _HEADER.pack(_MAGIC, VERSION, len(body)) + zlib.compress(body, level)


def unpack(data: bytes) -> Portrait:
    """The portrait that was packed into ``data``; its arrays are read-only.

    Raises:
        ValueError: the bytes are damaged, or were written by another version. What is allocated
            before that is bounded by the number of bytes.
    """
    source = _In(Reader(_inflate(data)))
    portrait: Portrait = _coding(Portrait).read(source)
    source.reader.finish()
    return portrait


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
    """How values of one declared type are written and read.

    Values are typed by the hint alone, which only the machine sees: hence Any.
    """

    write: Callable[[_Out, Any], None]
    read: Callable[[_In], Any]


_PLAIN: Mapping[object, _Coding] = {
    int: _Coding(
        lambda out, each: out.writer.whole(int(each)), lambda source: source.reader.whole()
    ),
    bool: _Coding(
        lambda out, each: out.writer.whole(int(each)), lambda source: bool(source.reader.whole())
    ),
    float: _Coding(lambda out, each: out.writer.real(each), lambda source: source.reader.real()),
    str: _Coding(lambda out, each: out.writer.text(each), lambda source: source.reader.text()),
    Cells: _Coding(lambda out, each: out.writer.cells(each), lambda source: source.reader.cells()),
    Counts: _Coding(
        lambda out, each: out.writer.counts(each), lambda source: source.reader.counts()
    ),
    Floats: _Coding(
        lambda out, each: out.writer.floats(each), lambda source: source.reader.floats()
    ),
    types.NoneType: _Coding(lambda _, __: None, lambda _: None),
}


@cache
def _coding(hint: Any) -> _Coding:
    """The coding of a type as it is written in the declaration of a field."""
    origin, parts = get_origin(hint), get_args(hint)
    if hint in _PLAIN:
        return _PLAIN[hint]
    if origin in (Union, types.UnionType):
        return _choice(parts)
    if origin is tuple:
        return _sequence(_coding(parts[0]))
    if origin is Mapping:
        return _mapping(_coding(parts[0]), _coding(parts[1]))
    if not is_dataclass(hint):
        raise TypeError(f"no coding for fields of type {hint}; add one to checks/pack.py")
    record = _record(hint)
    return _interned(hint, record) if hint in get_args(_Plan) else record


def _record(kind: Any) -> _Coding:
    hints = get_type_hints(kind)
    parts = [(each.name, _coding(hints[each.name])) for each in fields(kind)]

    def write(out: _Out, record: object) -> None:
        if isinstance(record, NumericProfile):
            record = _lean(record)
        for name, coding in parts:
            coding.write(out, getattr(record, name))

    def read(source: _In) -> object:
        record = kind(*[coding.read(source) for _, coding in parts])
        if isinstance(record, NumericProfile):
            record = _full(record)
        if not sound(record):
            raise Damaged(f"a {kind.__name__} contradicts itself")
        return record

    return _Coding(write, read)


def _interned(kind: Any, record: _Coding) -> _Coding:
    """A plan: its number or, the first time, the number that comes next and the plan itself."""

    def write(out: _Out, plan: _Plan) -> None:
        known = out.plans.get(plan)
        out.writer.whole(len(out.plans) if known is None else known)
        if known is None:
            out.plans[plan] = len(out.plans)
            record.write(out, plan)

    def read(source: _In) -> _Plan:
        number = source.reader.whole()
        if number == len(source.plans):
            source.plans.append(record.read(source))
        if number >= len(source.plans) or not isinstance(source.plans[number], kind):
            raise Damaged(f"there is no {kind.__name__} of number {number}")
        return source.plans[number]

    return _Coding(write, read)


def _choice(kinds: tuple[Any, ...]) -> _Coding:
    """A value of one of several types: the number of the type, and the value."""
    codings = [_coding(kind) for kind in kinds]
    classes = [get_origin(kind) or kind for kind in kinds]

    def write(out: _Out, value: object) -> None:
        number = next(i for i, one in enumerate(classes) if isinstance(value, one))
        out.writer.whole(number)
        codings[number].write(out, value)

    def read(source: _In) -> object:
        number = source.reader.whole()
        if number >= len(codings):
            raise Damaged(f"there is no variant {number} of {kinds}")
        return codings[number].read(source)

    return _Coding(write, read)


# An element takes at least one byte, so a damaged number of them meets the end of the bytes early.


def _sequence(element: _Coding) -> _Coding:
    def write(out: _Out, values: tuple[object, ...]) -> None:
        out.writer.whole(len(values))
        for value in values:
            element.write(out, value)

    def read(source: _In) -> tuple[object, ...]:
        return tuple([element.read(source) for _ in range(source.reader.whole())])

    return _Coding(write, read)


def _mapping(key: _Coding, value: _Coding) -> _Coding:
    def write(out: _Out, mapping: Mapping[object, object]) -> None:
        out.writer.whole(len(mapping))
        for name, each in mapping.items():
            key.write(out, name)
            value.write(out, each)

    def read(source: _In) -> dict[object, object]:
        size = source.reader.whole()
        found = {key.read(source): value.read(source) for _ in range(size)}
        if len(found) < size:
            raise Damaged("a name comes twice")
        return found

    return _Coding(write, read)


def _lean(profile: NumericProfile) -> NumericProfile:
    """The profile without its cells, if its distinct values tell them."""
    cells, counts = _cells_of_values(profile)
    if not (np.array_equal(cells, profile.cells) and np.array_equal(counts, profile.counts)):
        return profile
    return replace(profile, cells=np.empty(0, np.int32), counts=np.empty(0, np.int64))


def _full(profile: NumericProfile) -> NumericProfile:
    """The profile with the cells that its distinct values tell, where it came without."""
    if len(profile.cells) or not sound_values(profile):
        return profile
    cells, counts = _cells_of_values(profile)
    return replace(profile, cells=frozen(cells), counts=frozen(counts))


def _cells_of_values(profile: NumericProfile) -> tuple[Cells, Counts]:
    """The cells of the distinct values, none where they are not kept."""
    if profile.exact is None or profile.exact_counts is None:
        return np.empty(0, np.int32), np.empty(0, np.int64)
    cells = grid.cells_of(profile.exact, profile.plan.centre, profile.plan.shift)
    return grid.sum_by_cell(cells, profile.exact_counts)
