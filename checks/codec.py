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

_LONGEST = 9  # bytes of a varint: 63 bits
_MOST = 1 << 62
_MOST_AXES = 3
_ORIGIN = 1 << 31  # cells are int32
_WHOLE = 1 << 53  # doubles up to here are exact integers
_RAW, _STEPS = 0, 1

Shape = tuple[int, ...]


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
    if longest == 1:
        return values.astype(np.uint8).tobytes()
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
        self.chunks.append(varints(np.array(values, np.int64)))

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
        self.chunks.append(varints(_joined([array.ravel() for array in arrays])))

    def cells(self, arrays: Sequence[Cells]) -> None:
        """Ascending cells, as their steps."""
        sizes = [len(array) for array in arrays]
        self.wholes(sizes)
        if any((array[1:] < array[:-1]).any() for array in arrays):
            raise ValueError("cells that do not ascend cannot be packed")
        self._ascending([array.astype(np.int64) + _ORIGIN for array in arrays])

    def floats(self, arrays: Sequence[Floats]) -> None:
        """Doubles bit by bit, or as ascending integers, which distinct values often are."""
        self._shapes(arrays)
        whole = [_integers(array) for array in arrays]
        self.wholes([_RAW if each is None else _STEPS for each in whole])
        self._ascending([each + _WHOLE for each in whole if each is not None])
        raw = (array for array, each in zip(arrays, whole, strict=True) if each is None)
        self.chunks += [array.astype("<f8").tobytes() for array in raw]

    def _ascending(self, arrays: Sequence[NDArray[np.int64]]) -> None:
        """Non-negative integers that ascend: the first of each array, then all steps."""
        self.chunks.append(varints(_joined([array[:1] for array in arrays])))
        self.chunks.append(varints(_joined([array[1:] - array[:-1] for array in arrays])))

    def _shapes(self, arrays: Sequence[NDArray[np.number]]) -> None:
        self.wholes([array.ndim for array in arrays])
        self.wholes([length for array in arrays for length in array.shape])


def _joined(arrays: Sequence[NDArray[np.integer]]) -> NDArray[np.int64]:
    return np.concatenate(arrays) if arrays else np.empty(0, np.int64)


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
        short = self._short(count)
        if short is not None:
            return list(short)
        return self._varints(count).tolist()  # type: ignore[no-any-return]

    def reals(self, count: int) -> list[float]:
        return np.frombuffer(self._take(8 * count), "<f8").tolist()  # type: ignore[no-any-return]

    def texts(self, count: int) -> list[str]:
        (distinct,) = self.wholes(1)
        sizes = self.wholes(distinct)
        try:
            known = [self._take(size).decode("utf-8", "surrogatepass") for size in sizes]
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
        cells = self._ascending(sizes) - _ORIGIN
        if len(cells) and cells.max() >= _ORIGIN:
            raise Damaged("a cell is out of range")
        return _pieces(cells.astype(np.int32), sizes)

    def floats(self, count: int) -> list[Floats]:
        shapes, sizes = self._shapes(count)
        codings = self.wholes(count)
        if not {_RAW, _STEPS}.issuperset(codings):
            raise Damaged(f"unknown coding of floats: {max(codings)}")
        stepped = [size for size, coding in zip(sizes, codings, strict=True) if coding == _STEPS]
        whole = (self._ascending(stepped) - _WHOLE).astype(np.float64)
        rest = [size for size, coding in zip(sizes, codings, strict=True) if coding == _RAW]
        raw = np.frombuffer(self._take(8 * sum(rest)), "<f8").astype(np.float64)
        found = {_STEPS: iter(_pieces(whole, stepped)), _RAW: iter(_pieces(raw, rest))}
        flat = [next(found[coding]) for coding in codings]
        return _shaped(flat, shapes)

    def finish(self) -> None:
        """Raise Damaged if anything is left."""
        if self.at != len(self.data):
            raise Damaged(f"{len(self.data) - self.at} bytes too many")

    def _ascending(self, sizes: Sequence[int]) -> NDArray[np.int64]:
        """The integers of pieces that ascend, from the first of each piece and the steps."""
        starts = np.array([at for at, n in zip(edges_of(sizes), sizes, strict=False) if n], np.intp)
        first = self._varints(len(starts))
        steps = self._summable(sum(sizes) - len(starts))
        flat = np.zeros(len(first) + len(steps), np.int64)
        inner = np.ones(len(flat), np.bool_)
        inner[starts] = False
        flat[inner] = steps
        total = np.cumsum(flat)
        return total + np.repeat(first - total[starts], np.diff(np.append(starts, len(flat))))

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

    def _short(self, count: int) -> bytes | None:
        """The next numbers if all of them are of one byte, which ASCII characters are too."""
        taken = self.data[self.at : self.at + count]
        if len(taken) < count or not taken.isascii():
            return None
        self.at += count
        return taken

    def _varints(self, count: int) -> Counts:
        short = self._short(count)
        if short is not None:
            return np.frombuffer(short, np.uint8).astype(np.int64)
        window = np.frombuffer(self.data, np.uint8)[self.at : self.at + _LONGEST * count]
        return self._long_varints(window, count)

    def _long_varints(self, window: NDArray[np.uint8], count: int) -> Counts:
        ends = np.flatnonzero(window < 0x80)[:count]
        if len(ends) < count:
            raise Damaged("a number does not end")
        self.at += int(ends[-1]) + 1
        starts = np.concatenate(([0], ends[:-1] + 1))
        sizes = ends - starts + 1
        longest = int(sizes.max())
        if longest > _LONGEST:
            raise Damaged("a number is too long")
        values = (window[starts] & 0x7F).astype(np.int64)
        some = np.flatnonzero(sizes > 1)
        for place in range(1, longest):
            some = some[sizes[some] > place]
            values[some] |= (window[starts[some] + place] & 0x7F).astype(np.int64) << 7 * place
        if values.max() >= _MOST:
            raise Damaged("a number is too large")
        return values

    def _summable(self, count: int) -> Counts:
        """Integers whose sum is one as well."""
        values = self._varints(count)
        if values.sum(dtype=np.float64) >= _MOST:
            raise Damaged("counts are too large")
        return values

    def _take(self, size: int) -> bytes:
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
