"""Codec: columns of numbers, texts and arrays as bytes and back; damaged bytes raise a ValueError.

What belongs together is written together: all lengths of a column of arrays, then all their values.
So reading costs a few operations on long arrays, however many short ones there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from checks.grid import Cells, Counts, Floats
from checks.ragged import Ragged, edges_of

_LARGE, _HUGE, _MOST = 0xFF, 0xFFFF, 1 << 62
_MOST_AXES = 3
_MOST_CELLS = 1 << 31  # cells are int32
_WHOLE = 1 << 53  # doubles up to here are exact integers
_RAW, _STEPS = 0, 1

Shape = tuple[int, ...]


class Damaged(ValueError):
    """The bytes are not what was once written."""


def numbers(values: NDArray[np.int64]) -> bytes:
    """Non-negative integers: one byte each, then two for those of 255 and more, then eight.

    A byte of 255 stands for a number among the pairs of bytes, and 65,535 there for one among the
    eights: most are small, and reading them is one conversion.

    >>> numbers(np.array([1, 254, 255, 65_535])).hex(" ")
    '01 fe ff ff ff 00 ff ff ff ff 00 00 00 00 00 00'
    """
    if len(values) and values.min() < 0:
        raise ValueError(f"a count is negative ({values.min()})")
    large = values[values >= _LARGE]
    huge = large[large >= _HUGE]
    parts = np.minimum(values, _LARGE).astype("u1"), np.minimum(large, _HUGE).astype("<u2")
    return b"".join((*(part.tobytes() for part in parts), huge.astype("<u8").tobytes()))


@dataclass(slots=True)
class Writer:
    """Collects bytes."""

    chunks: list[bytes] = field(default_factory=list)

    def wholes(self, values: Sequence[int]) -> None:
        """Non-negative integers."""
        for bad in (min(values, default=0), max(values, default=0)):
            if not 0 <= bad < _MOST:
                raise ValueError(f"{bad} cannot be packed as a count")
        self.chunks.append(numbers(np.array(values, np.int64)))

    def reals(self, values: Sequence[float]) -> None:
        self.chunks.append(np.array(values, "<f8").tobytes())

    def texts(self, values: Sequence[str]) -> None:
        """Texts: each different one once, then which of them stand where."""
        places = {text: place for place, text in enumerate(dict.fromkeys(values))}
        encoded = [text.encode("utf-8", "surrogatepass") for text in places]
        self.wholes([len(encoded)])
        self.wholes([len(each) for each in encoded])
        self.chunks += encoded
        self.wholes([places[text] for text in values])

    def counts(self, arrays: Sequence[Counts]) -> None:
        self._shapes(arrays)
        self.chunks.append(numbers(_joined([array.ravel() for array in arrays])))

    def cells(self, arrays: Sequence[Cells]) -> None:
        """Ascending cells, as their steps."""
        sizes = [len(array) for array in arrays]
        self.wholes(sizes)
        if any((array[1:] < array[:-1]).any() for array in arrays):
            raise ValueError("cells that do not ascend cannot be packed")
        self._ascending(arrays)

    def floats(self, arrays: Sequence[Floats]) -> None:
        """Doubles bit by bit, or as ascending integers, which distinct values often are."""
        self._shapes(arrays)
        whole = [_integers(array) for array in arrays]
        self.wholes([_RAW if each is None else _STEPS for each in whole])
        self._ascending([each for each in whole if each is not None])
        raw = (array for array, each in zip(arrays, whole, strict=True) if each is None)
        self.chunks += [array.astype("<f8").tobytes() for array in raw]

    def _ascending(self, arrays: Sequence[NDArray[np.integer]]) -> None:
        """Integers that ascend: the first of each array, then all steps (0 before a first)."""
        flat = _joined(arrays)
        starts = _starts([len(array) for array in arrays])
        first = flat[starts]
        self.chunks.append(numbers(np.abs(first) * 2 + (first < 0)))
        steps = np.diff(flat, prepend=0)
        steps[starts] = 0
        self.chunks.append(numbers(steps))

    def _shapes(self, arrays: Sequence[NDArray[np.number]]) -> None:
        self.wholes([array.ndim for array in arrays])
        self.wholes([length for array in arrays for length in array.shape])


def _joined(arrays: Sequence[NDArray[np.integer]]) -> NDArray[np.int64]:
    return np.concatenate([np.empty(0, np.int64), *arrays])


def _starts(sizes: Sequence[int] | Counts) -> NDArray[np.intp]:
    """Where in their joined form those pieces start that are not empty."""
    lengths = np.array(sizes, np.intp)
    return (np.cumsum(lengths) - lengths)[lengths > 0]


def _integers(values: Floats) -> NDArray[np.int64] | None:
    """Values that ascend and lose nothing as integers, or None."""
    if values.ndim != 1 or not (np.abs(values) < _WHOLE).all():
        return None
    whole = values.astype(np.int64)
    same = whole.astype(np.float64).tobytes() == values.astype(np.float64).tobytes()
    return whole if same and (whole[1:] >= whole[:-1]).all() else None


@dataclass(slots=True)
class Reader:
    """Takes apart what a Writer wrote; nothing it allocates is larger than the bytes allow.

    Every method takes how many values or arrays to read. The arrays are read-only.
    """

    data: bytes
    at: int = 0

    def wholes(self, count: int) -> list[int]:
        short = self.data[self.at : self.at + count]
        if len(short) == count and _LARGE not in short:
            self.at += count
            return list(short)
        return self._numbers(count).tolist()  # type: ignore[no-any-return]

    def reals(self, count: int) -> list[float]:
        return np.frombuffer(self.take(8 * count), "<f8").tolist()  # type: ignore[no-any-return]

    def texts(self, count: int) -> list[str]:
        (distinct,) = self.wholes(1)
        sizes = self.wholes(distinct)
        try:
            known = [self.take(size).decode("utf-8", "surrogatepass") for size in sizes]
        except UnicodeDecodeError as error:
            raise Damaged("a text is not UTF-8") from error
        places = self.wholes(count)
        if max(places, default=-1) >= distinct:
            raise Damaged("there is no text of that number")
        return [known[place] for place in places]

    def counts(self, count: int) -> Sequence[Counts]:
        shapes, sizes = self._shapes(count)
        return _shaped(Ragged.cut(self._summable(int(sizes.sum())), sizes), shapes)

    def cells(self, count: int) -> Sequence[Cells]:
        sizes = self._summable(count)
        cells = self._ascending(sizes)
        if len(cells) and not -_MOST_CELLS <= cells.min() <= cells.max() < _MOST_CELLS:
            raise Damaged("a cell is out of range")
        return Ragged.cut(cells.astype(np.int32), sizes)

    def floats(self, count: int) -> Sequence[Floats]:
        shapes, sizes = self._shapes(count)
        codings = self._numbers(count)
        if (codings > _STEPS).any():
            raise Damaged(f"unknown coding of floats: {codings.max()}")
        stepped = np.repeat(codings == _STEPS, sizes)
        flat = np.empty(len(stepped))
        flat[stepped] = self._ascending(sizes[codings == _STEPS])
        raw = int(np.count_nonzero(~stepped))
        flat[~stepped] = np.frombuffer(self.take(8 * raw), "<f8")
        return _shaped(Ragged.cut(flat, sizes), shapes)

    def finish(self) -> None:
        """Raise Damaged if anything is left."""
        if self.at != len(self.data):
            raise Damaged(f"{len(self.data) - self.at} bytes too many")

    def _ascending(self, sizes: NDArray[np.int64]) -> NDArray[np.int64]:
        """The integers of pieces that ascend, from the first of each piece and the steps."""
        starts = _starts(sizes)
        told = self._numbers(len(starts))
        first = np.where(told & 1, -(told >> 1), told >> 1)
        total = np.cumsum(self._summable(int(sizes.sum())))
        return total + np.repeat(first - total[starts], np.diff(np.append(starts, len(total))))

    def _shapes(self, count: int) -> tuple[list[Shape] | None, Counts]:
        """The shapes of arrays (None where all have one axis) and their sizes."""
        if self.data.startswith(b"\1" * count, self.at):
            self.at += count
            return None, self._fitting(self._summable(count))
        axes = self.wholes(count)
        if max(axes) > _MOST_AXES:
            raise Damaged(f"an array of {max(axes)} axes")
        lengths = self.wholes(sum(axes))
        if max(lengths, default=0) > len(self.data):
            raise Damaged("an array is larger than the bytes")
        shapes = [tuple(lengths[a:b]) for a, b in pairwise(edges_of(axes).tolist())]
        return shapes, self._fitting(np.array([prod(shape) for shape in shapes], np.float64))

    def _fitting(self, sizes: Counts | Floats) -> Counts:
        """Sizes of arrays that the bytes have room for: no number takes less than one."""
        if sizes.sum() > len(self.data):
            raise Damaged("arrays are larger than the bytes")
        return sizes.astype(np.int64)

    def _numbers(self, count: int) -> Counts:
        """What `numbers` wrote."""
        taken = self.take(count)
        short = np.frombuffer(taken, "u1")
        values = short.astype(np.int64)
        if _LARGE in taken:
            large = np.flatnonzero(short == _LARGE)
            values[large] = self._large_numbers(len(large))
        return values

    def _large_numbers(self, count: int) -> Counts:
        values = np.frombuffer(self.take(2 * count), "<u2").astype(np.int64)
        huge = np.flatnonzero(values == _HUGE)
        told = np.frombuffer(self.take(8 * len(huge)), "<u8")
        if len(told) and told.max() >= _MOST:
            raise Damaged("a number is too large")
        values[huge] = told
        return values

    def _summable(self, count: int) -> Counts:
        """Integers whose sum is one as well."""
        values = self._numbers(count)
        most = int(values.max(initial=0))
        if most * count >= _MOST and values.sum(dtype=np.float64) >= _MOST:
            raise Damaged("counts are too large")
        return values

    def take(self, size: int) -> bytes:
        """The next bytes as they are."""
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise Damaged("the bytes end too early")
        self.at += size
        return taken


def _shaped(pieces: Ragged, shapes: Sequence[Shape] | None) -> Sequence[NDArray]:  # type: ignore[type-arg]
    if shapes is None:
        return pieces
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
