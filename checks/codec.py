"""Codec: columns of numbers, texts and arrays as bytes and back; damaged bytes raise a ValueError.

What belongs together is written together: all lengths of a column of arrays, then all their values.
So reading costs a few operations on long arrays, however many short ones there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import prod

import numpy as np
from numpy.typing import NDArray

from checks.grid import Cells, Counts, Floats
from checks.profile import frozen

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


def edges_of(sizes: Iterable[int]) -> list[int]:
    """Where pieces of these sizes begin, and where the last one ends.

    >>> edges_of([2, 0, 3])
    [0, 2, 2, 5]
    """
    return [0, *accumulate(sizes)]


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


def _starts(sizes: Sequence[int]) -> NDArray[np.intp]:
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

    def counts(self, count: int) -> list[Counts]:
        shapes, sizes = self._shapes(count)
        return _shaped(_pieces(self._summable(sum(sizes)), sizes), shapes)

    def cells(self, count: int) -> list[Cells]:
        sizes = self.wholes(count)
        cells = self._ascending(sizes)
        if len(cells) and not -_MOST_CELLS <= cells.min() <= cells.max() < _MOST_CELLS:
            raise Damaged("a cell is out of range")
        return _pieces(cells.astype(np.int32), sizes)

    def floats(self, count: int) -> list[Floats]:
        shapes, sizes = self._shapes(count)
        codings = self.wholes(count)
        if not {_RAW, _STEPS}.issuperset(codings):
            raise Damaged(f"unknown coding of floats: {max(codings)}")
        stepped = [size for size, coding in zip(sizes, codings, strict=True) if coding == _STEPS]
        whole = self._ascending(stepped).astype(np.float64)
        rest = [size for size, coding in zip(sizes, codings, strict=True) if coding == _RAW]
        raw = np.frombuffer(self.take(8 * sum(rest)), "<f8").astype(np.float64)
        found = {_STEPS: iter(_pieces(whole, stepped)), _RAW: iter(_pieces(raw, rest))}
        flat = [next(found[coding]) for coding in codings]
        return _shaped(flat, shapes)

    def finish(self) -> None:
        """Raise Damaged if anything is left."""
        if self.at != len(self.data):
            raise Damaged(f"{len(self.data) - self.at} bytes too many")

    def _ascending(self, sizes: Sequence[int]) -> NDArray[np.int64]:
        """The integers of pieces that ascend, from the first of each piece and the steps."""
        starts = _starts(sizes)
        told = self._numbers(len(starts))
        first = np.where(told & 1, -(told >> 1), told >> 1)
        total = np.cumsum(self._summable(sum(sizes)))
        return total + np.repeat(first - total[starts], np.diff(np.append(starts, len(total))))

    def _shapes(self, count: int) -> tuple[list[Shape] | None, list[int]]:
        """The shapes of arrays (None where all have one axis) and their sizes."""
        axes = self.wholes(count)
        if max(axes, default=0) > _MOST_AXES:
            raise Damaged(f"an array of {max(axes)} axes")
        lengths = self.wholes(sum(axes))
        if max(lengths, default=0) > len(self.data):
            raise Damaged("an array is larger than the bytes")
        if axes.count(1) == count:
            return None, lengths
        shapes = [tuple(lengths[a:b]) for a, b in pairwise(edges_of(axes))]
        return shapes, [prod(shape) for shape in shapes]

    def _numbers(self, count: int) -> Counts:
        """What `numbers` wrote."""
        short = np.frombuffer(self.take(count), "u1")
        values = short.astype(np.int64)
        large = np.flatnonzero(short == _LARGE)
        if len(large):
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
        if values.sum(dtype=np.float64) >= _MOST:
            raise Damaged("counts are too large")
        return values

    def take(self, size: int) -> bytes:
        """The next bytes as they are."""
        taken = self.data[self.at : self.at + size]
        if len(taken) < size:
            raise Damaged("the bytes end too early")
        self.at += size
        return taken


def _pieces(flat: NDArray[np.generic], sizes: Sequence[int]) -> list[NDArray]:  # type: ignore[type-arg]
    frozen(flat)  # type: ignore[type-var]
    return [flat[start:end] for start, end in pairwise(edges_of(sizes))]


def _shaped(pieces: list[NDArray], shapes: Sequence[Shape] | None) -> list[NDArray]:  # type: ignore[type-arg]
    if shapes is None:
        return pieces
    return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]
