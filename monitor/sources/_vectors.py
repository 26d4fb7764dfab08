"""Columns of vectors: lists of numbers, or text such as ``[0.1, 0.2]``, as one array of doubles."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from monitor.sources import VectorSurvey
from monitor.sources._arrow import (
    Bools,
    cut,
    family,
    is_binary,
    is_text,
    mask,
    plain,
    present,
    truths,
    values,
)
from monitor.sources._columns import MISSING, NESTED, NULL, NUMBER, Kinds, Numbers, Vectors
from monitor.sources._reading import NUMBER_TEXT

MOST_COMPONENTS = 8192
_LARGEST = 1e30  # beyond, squares add up to infinity
_BRACKETS = " \t\r\n[](){}<>"
_SIZES = 4  # lengths of vectors that are told apart in a survey
_SAMPLED = 1000
_STRANGE = "a vector with NaN, infinity or null in it"


@dataclass(frozen=True, slots=True, eq=False)
class Read:
    """Vectors as they were read: ``kinds`` and ``odd`` are as those of `Numbers`."""

    vectors: Vectors
    kinds: Kinds
    odd: NDArray[np.int32] | None = None
    texts: tuple[str, ...] = ()

    def numbers(self, found: Floats) -> Numbers:
        """A number for each vector that counts, as a column of all rows."""
        loose = np.zeros(len(self.kinds))
        loose[self.vectors.there] = found
        return Numbers(loose, self.kinds, self.odd, self.texts)


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """Rows of numbers: how many each has (-1: it holds something else), and all numbers in a row.

    The numbers of rows that hold something else are left out; a null is NaN.
    """

    there: Bools
    lengths: Counts
    numbers: Floats
    shown: tuple[str, ...]

    def of_size(self, size: int) -> tuple[Floats, Bools]:
        """The vectors of this size whose numbers are finite, and which rows have them."""
        fits = self.lengths == size
        starts = np.cumsum(np.maximum(self.lengths, 0)) - np.maximum(self.lengths, 0)
        if fits.all():
            rows = self.numbers.reshape(-1, size)
        else:
            rows = self.numbers[starts[fits][:, None] + np.arange(size)]
        fine = (np.abs(rows) <= _LARGEST).all(1)
        usable = fits.copy()
        usable[fits] = fine
        return (rows if fine.all() else rows[fine]), usable

    def sizes(self) -> dict[int, int]:
        """How many rows have vectors of each size."""
        found, counts = np.unique(self.lengths[self.lengths > 0], return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))


def read_vectors(array: pa.Array | None, length: int, size: int) -> Read:
    """A column of vectors of this size, one a row; anything else in it counts as unparsed."""
    if array is None:
        return Read(Vectors.absent(length, size), np.full(length, MISSING, np.uint8))
    lists = _lists(array)
    found, usable = lists.of_size(size)
    if usable.all():
        return Read(Vectors(found, usable), np.full(length, NUMBER, np.uint8))
    spread = np.zeros((length, size))
    spread[usable] = found
    strange = lists.there & ~usable
    kinds = np.full(length, NULL, np.uint8)
    kinds[usable], kinds[strange] = NUMBER, NESTED
    if not strange.any():
        return Read(Vectors(spread, usable), kinds)
    odd, texts = _odd(lists, strange, size)
    return Read(Vectors(spread, usable), kinds, odd, texts)


def _odd(lists: _Lists, strange: Bools, size: int) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """What is to be said of vectors that do not count, and the place of each row's sentence."""
    said: dict[str, int] = {}
    odd = np.full(len(strange), -1, np.int32)
    others = iter(lists.shown)
    for row in np.flatnonzero(lists.there & (strange | (lists.lengths < 0))).tolist():
        many = int(lists.lengths[row])
        if many < 0:
            text = next(others)
        else:
            text = _STRANGE if many == size else f"a vector of {many} numbers instead of {size}"
        odd[row] = said.setdefault(text, len(said))
    return odd, tuple(said)


def _lists(array: pa.Array) -> _Lists:
    array = plain(array)
    if pt.is_dictionary(array.type):
        array = plain(array.dictionary_decode())
    there = present(array)
    if is_text(array.type) or is_binary(array.type):
        return _of_texts(array, there)
    kind = array.type
    if not (pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind)):
        return _no_lists(array, there)
    if family(kind.value_type) not in ("number", "empty"):
        return _no_lists(array, there)
    lengths = np.full(len(array), -1, np.int64)
    lengths[there] = values(pc.list_value_length(array).cast(pa.int64()), np.int64)[there]
    return _Lists(there, lengths, _doubles(array.flatten()), ())


def _no_lists(array: pa.Array, there: Bools) -> _Lists:
    shown = (cut(f"<{array.type}>"),) * int(np.count_nonzero(there))
    return _Lists(there, np.full(len(array), -1, np.int64), np.empty(0), shown)


def _of_texts(array: pa.Array, there: Bools) -> _Lists:
    """Vectors in text: numbers with commas between them, in brackets or without."""
    try:
        array = array.cast(pa.string())
    except pa.ArrowInvalid:
        return _no_lists(array, there)
    pieces = pc.split_pattern(pc.utf8_trim(array, _BRACKETS), ",")
    sizes = np.where(there, values(pc.list_value_length(pieces), np.int32), -1).astype(np.int64)
    words = pc.utf8_trim_whitespace(pieces.flatten())
    words = pc.replace_substring_regex(words, r"^(?i:null|none)$", "nan")
    good = truths(pc.match_substring_regex(words, NUMBER_TEXT))
    known = np.flatnonzero(sizes >= 0)
    counts = sizes[known]
    wrong = np.concatenate(([0], np.cumsum(~good)))
    ends = np.cumsum(counts)
    broken = wrong[ends] > wrong[ends - counts]
    kept = np.repeat(~broken, counts)
    shown = [cut(text) for text in array.filter(mask(_at(known[broken], len(sizes)))).to_pylist()]
    sizes[known[broken]] = -1
    return _Lists(there, sizes, _doubles(words.filter(mask(kept))), tuple(shown))


def _at(places: NDArray[np.intp], length: int) -> Bools:
    chosen = np.zeros(length, np.bool_)
    chosen[places] = True
    return chosen


def _doubles(array: pa.Array) -> Floats:
    """Numbers as doubles, NaN for nulls."""
    wide = array.cast(pa.float64(), safe=False)
    found = values(wide, np.float64)
    return np.where(present(wide), found, np.nan) if wide.null_count else found


def norms(vectors: Floats) -> Floats:
    """The length of each vector."""
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    return lengths


def distances(vectors: Floats, centre: Floats) -> Floats:
    """The Euclidean distance of each vector from a centre."""
    return norms(vectors - centre)


def cosine_distances(vectors: Floats, centre: Floats) -> Floats:
    """One less the cosine between each vector and a centre, NaN where either is 0."""
    lengths = norms(vectors) * float(np.linalg.norm(centre))
    with np.errstate(divide="ignore", invalid="ignore"):
        cosines = (vectors @ centre) / lengths
    return 1.0 - np.clip(np.where(lengths > 0, cosines, np.nan), -1.0, 1.0)


@dataclass(slots=True)
class _Sums:
    """The vectors of one size as they pass by: their sum, and the rows of the lowest ranks."""

    n: int
    total: Floats
    ranks: Floats
    rows: Floats

    def add(self, vectors: Floats, ranks: Floats) -> None:
        self.n += len(vectors)
        self.total += vectors.sum(0)
        lowest = np.argsort(ranks, kind="stable")[:_SAMPLED]
        ranks = np.concatenate((self.ranks, ranks[lowest]))
        rows = np.concatenate((self.rows, vectors[lowest]))
        kept = np.argsort(ranks, kind="stable")[:_SAMPLED]
        self.ranks, self.rows = ranks[kept], rows[kept]


@dataclass(slots=True)
class VectorLook:
    """A column of vectors as it passes by; its size is that of most of them."""

    values: int = 0
    nulls: int = 0
    sizes: dict[int, _Sums] = field(default_factory=dict)

    def add(self, array: pa.Array | None, ranks: Floats) -> None:
        lists = _lists(pa.nulls(len(ranks)) if array is None else array)
        known = int(np.count_nonzero(lists.there))
        self.values += known
        self.nulls += len(ranks) - known
        met = lists.sizes()
        for size in sorted(met, key=lambda each: -met[each])[:_SIZES]:
            if size <= MOST_COMPONENTS and (size in self.sizes or len(self.sizes) < _SIZES):
                empty = _Sums(0, np.zeros(size), np.empty(0), np.empty((0, size)))
                found, usable = lists.of_size(size)
                self.sizes.setdefault(size, empty).add(found, ranks[usable])

    def survey(self) -> VectorSurvey | None:
        """What was seen; None where there was no vector."""
        sums = max(self.sizes.values(), key=lambda each: each.n, default=None)
        if sums is None or not sums.n:
            return None
        return VectorSurvey(self.values, self.nulls, sums.total / sums.n, sums.rows)
