"""Codec: numbers, texts and arrays as bytes and back; damaged bytes raise a ValueError."""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import NDArray

from checks.grid import Cells, Counts, Floats
from checks.profile import frozen

_REAL = struct.Struct("<d")
_LONGEST = 9  # bytes of a varint: 63 bits
_MOST = 1 << 62
_MOST_AXES = 3
_ORIGIN = 1 << 31  # cells are int32
_WHOLE = 1 << 53  # doubles up to here are exact integers
_RAW, _STEPS = 0, 1


class Damaged(ValueError):
    """The bytes are not what was once written."""


def varints(values: NDArray[np.int64]) -> bytes:
    """Non-negative integers in LEB128: seven bits a byte, the eighth says that more follow.

    >>> varints(np.array([1, 127, 128, 300])).hex(" ")
    '01 7f 80 01 ac 02'
    """
    if not len(values):
        return b""
    if values.min() < 0:
        raise ValueError(f"a count is negative ({values.min()})")
    longest = max(int(values.max()).bit_length() - 1, 0) // 7 + 1
    sizes = np.ones(len(values), np.int64)
    for size in range(1, longest):
        sizes += values >= 1 << 7 * size
    ends = np.cumsum(sizes)
    out = np.zeros(ends[-1], np.uint8)
    for place in range(longest):
        some = sizes > place
        more = (sizes[some] > place + 1) << 7
        out[(ends - sizes)[some] + place] = (values[some] >> 7 * place & 0x7F) | more
    return out.tobytes()


@dataclass(slots=True)
class Writer:
    """Collects bytes."""

    chunks: list[bytes] = field(default_factory=list)

    def whole(self, value: int) -> None:
        if not 0 <= value < _MOST:
            raise ValueError(f"{value} cannot be packed as a count")
        while value > 0x7F:
            self.chunks.append(bytes((value & 0x7F | 0x80,)))
            value >>= 7
        self.chunks.append(bytes((value,)))

    def real(self, value: float) -> None:
        self.chunks.append(_REAL.pack(value))

    def text(self, value: str) -> None:
        encoded = value.encode("utf-8", "surrogatepass")
        self.whole(len(encoded))
        self.chunks.append(encoded)

    def counts(self, values: Counts) -> None:
        self._shape(values.shape)
        self.chunks.append(varints(values.ravel()))

    def cells(self, values: Cells) -> None:
        """Ascending cells, as their steps."""
        self.whole(len(values))
        wide = np.concatenate(([-_ORIGIN], values.astype(np.int64)))
        if (wide[1:] < wide[:-1]).any():
            raise ValueError("cells that do not ascend cannot be packed")
        self.chunks.append(varints(wide[1:] - wide[:-1]))

    def floats(self, values: Floats) -> None:
        """Doubles bit by bit, or the steps of ascending integers, as distinct values often are."""
        self._shape(values.shape)
        steps = _steps(values)
        self.whole(_RAW if steps is None else _STEPS)
        self.chunks.append(values.astype("<f8").tobytes() if steps is None else varints(steps))

    def _shape(self, shape: tuple[int, ...]) -> None:
        self.whole(len(shape))
        for length in shape:
            self.whole(length)


def _steps(values: Floats) -> NDArray[np.int64] | None:
    if values.ndim != 1 or not (np.abs(values) < _WHOLE).all():
        return None
    whole = values.astype(np.int64)
    steps = np.diff(whole, prepend=-_WHOLE)
    same = whole.astype(np.float64).tobytes() == values.astype(np.float64).tobytes()
    return steps if same and (steps >= 0).all() else None


@dataclass(slots=True)
class Reader:
    """Takes apart what a Writer wrote; nothing it allocates is larger than the bytes allow."""

    data: bytes
    at: int = 0

    def whole(self) -> int:
        value = 0
        for place, byte in enumerate(self.data[self.at : self.at + _LONGEST]):
            value |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                self.at += place + 1
                return value
        raise Damaged("a number does not end")

    def real(self) -> float:
        (value,) = _REAL.unpack(self._take(_REAL.size))
        return float(value)

    def text(self) -> str:
        try:
            return self._take(self.whole()).decode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise Damaged("a text is not UTF-8") from error

    def counts(self) -> Counts:
        shape = self._shape()
        return frozen(self._varints(prod(shape)).reshape(shape))

    def cells(self) -> Cells:
        cells = np.cumsum(self._varints(self.whole())) - _ORIGIN
        if len(cells) and cells[-1] >= _ORIGIN:
            raise Damaged("a cell is out of range")
        return frozen(cells.astype(np.int32))

    def floats(self) -> Floats:
        shape = self._shape()
        coding, size = self.whole(), prod(shape)
        if coding == _STEPS:
            values = (np.cumsum(self._varints(size)) - _WHOLE).astype(np.float64)
        elif coding == _RAW:
            raw = self._take(8 * size)
            values = np.frombuffer(raw, "<f8").astype(np.float64)
        else:
            raise Damaged(f"unknown coding of floats: {coding}")
        return frozen(values.reshape(shape))

    def finish(self) -> None:
        """Raise Damaged if anything is left."""
        if self.at != len(self.data):
            raise Damaged(f"{len(self.data) - self.at} bytes too many")

    def _shape(self) -> tuple[int, ...]:
        axes = self.whole()
        if axes > _MOST_AXES:
            raise Damaged(f"an array of {axes} axes")
        shape = tuple(self.whole() for _ in range(axes))
        if max(shape, default=0) > len(self.data):
            raise Damaged("an array is larger than the bytes")
        return shape

    def _varints(self, count: int) -> Counts:
        window = np.frombuffer(self.data, np.uint8)[self.at : self.at + _LONGEST * count]
        ends = np.flatnonzero(window < 0x80)[:count]
        if len(ends) < count:
            raise Damaged("a number does not end")
        if not count:
            return np.empty(0, np.int64)
        self.at += int(ends[-1]) + 1
        starts = np.concatenate(([0], ends[:-1] + 1))
        sizes = ends - starts + 1
        if sizes.max() > _LONGEST:
            raise Damaged("a number is too long")
        place = np.arange(ends[-1] + 1) - np.repeat(starts, sizes)
        parts = (window[: len(place)] & 0x7F).astype(np.int64) << 7 * place
        values = np.add.reduceat(parts, starts)
        if values.sum(dtype=np.float64) >= _MOST:
            raise Damaged("counts are too large")
        return values

    def _take(self, size: int) -> bytes:
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise Damaged("the bytes end too early")
        self.at += size
        return taken
