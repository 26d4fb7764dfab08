"""Columns as numbers or as levels, each cell with the type family it had, and their profiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from checks.counting import NumericCount
from checks.grid import Counts, Floats
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import ABSENT, CategoricalProfile, NumericProfile
from monitor.sources._arrow import Bools

Kinds = NDArray[np.uint8]
Places = NDArray[np.int32]
Rows = slice | NDArray[np.intp]

FAMILIES: tuple[str, ...] = ("empty", "number", "text", "boolean", "time", "nested", ABSENT)
"""What a cell can be; its place here is the cell's kind, and "empty" is a null."""

NULL, NUMBER, TEXT, BOOLEAN, TIME, NESTED, MISSING = range(len(FAMILIES))


@lru_cache(maxsize=16)
def alike(kind: int, length: int) -> Kinds:
    """One kind for so many rows, which takes the room of one; read-only."""
    return np.broadcast_to(np.uint8(kind), length)


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """A column read as numbers: a value and a kind for each row.

    ``odd`` is None, or for each row the place in ``texts`` of the text that is no number, -1 where
    there is a number or nothing. The value of a row without a number is arbitrary.
    """

    values: Floats
    kinds: Kinds
    odd: Places | None = None
    texts: tuple[str, ...] = ()

    @classmethod
    def absent(cls, length: int) -> Numbers:
        """The column for rows of a log that lacks it."""
        return cls(np.zeros(length), alike(MISSING, length))

    def __len__(self) -> int:
        return len(self.kinds)

    def at(self, rows: Rows) -> Numbers:
        odd = None if self.odd is None else self.odd[rows]
        return Numbers(self.values[rows], self.kinds[rows], odd, self.texts)

    def hide(self, hidden: Bools) -> Numbers:
        """The column with some of its cells made null."""
        odd = None if self.odd is None else np.where(hidden, np.int32(-1), self.odd)
        return Numbers(self.values, np.where(hidden, np.uint8(NULL), self.kinds), odd, self.texts)

    @property
    def there(self) -> Bools:
        """Which rows hold anything."""
        return _there(self.kinds)

    @property
    def unparsed(self) -> Bools:
        """Which rows hold something that is no number."""
        return np.zeros(len(self), np.bool_) if self.odd is None else np.greater_equal(self.odd, 0)

    @property
    def usable(self) -> Bools:
        """Which rows hold a number (NaN and infinities among them)."""
        return self.there if self.odd is None else self.there & (self.odd < 0)

    def floats(self) -> Floats:
        """The numbers, NaN where there is none."""
        return np.where(self.usable, self.values, np.nan)

    def example(self) -> str:
        """The first in alphabetical order of the texts that are no numbers."""
        places = [] if self.odd is None else np.unique(self.odd[self.odd >= 0]).tolist()
        return min((self.texts[place] for place in places), default="")

    @classmethod
    def join(cls, parts: Sequence[Numbers]) -> Numbers:
        if len(parts) == 1:
            return parts[0]
        odd: Places | None = None
        texts: dict[str, int] = {}
        if any(part.odd is not None for part in parts):
            odd = np.concatenate(
                [_recode(part.odd, part.texts, len(part), texts) for part in parts]
            )
        kinds = np.concatenate([part.kinds for part in parts])
        return cls(np.concatenate([part.values for part in parts]), kinds, odd, tuple(texts))


@dataclass(frozen=True, slots=True, eq=False)
class Levels:
    """A column read as levels: the place of each row's text in ``texts`` (-1: none) and a kind."""

    places: Places
    kinds: Kinds
    texts: tuple[str, ...] = ()

    @classmethod
    def absent(cls, length: int) -> Levels:
        """The column for rows of a log that lacks it."""
        return cls(np.full(length, -1, np.int32), alike(MISSING, length))

    def __len__(self) -> int:
        return len(self.kinds)

    def at(self, rows: Rows) -> Levels:
        return Levels(self.places[rows], self.kinds[rows], self.texts)

    def hide(self, hidden: Bools) -> Levels:
        """The column with some of its cells made null."""
        places = np.where(hidden, np.int32(-1), self.places)
        return Levels(places, np.where(hidden, np.uint8(NULL), self.kinds), self.texts)

    @property
    def there(self) -> Bools:
        """Which rows hold anything."""
        return _there(self.kinds)

    def equal(self, text: str) -> Bools:
        """Which rows hold this text."""
        if text not in self.texts:
            return np.zeros(len(self), np.bool_)
        return np.equal(self.places, self.texts.index(text))

    def counts(self, rows: Counts | None = None) -> dict[str, int]:
        """Rows of each text that occurs; ``rows`` says how many each cell stands for."""
        counts = np.bincount(self.places + np.int32(1), rows, len(self.texts) + 1)[1:]
        return {self.texts[place]: int(counts[place]) for place in np.flatnonzero(counts)}

    @classmethod
    def join(cls, parts: Sequence[Levels]) -> Levels:
        if len(parts) == 1:
            return parts[0]
        texts: dict[str, int] = {}
        places = [_recode(part.places, part.texts, len(part), texts) for part in parts]
        kinds = np.concatenate([part.kinds for part in parts])
        return cls(np.concatenate(places), kinds, tuple(texts))


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """A column of texts read as words, of which a row has any number.

    Those of row i are the ``places`` in ``texts`` from ``edges[i]`` to before ``edges[i + 1]``.
    """

    edges: Counts
    places: Places
    texts: tuple[str, ...] = ()

    @classmethod
    def absent(cls, length: int) -> Words:
        """The column for rows that have no words."""
        return cls(np.zeros(length + 1, np.int64), np.empty(0, np.int32))

    def __len__(self) -> int:
        return len(self.edges) - 1

    @property
    def kinds(self) -> Kinds:
        """None: the words of a row, and not the row, are what is counted."""
        return np.empty(0, np.uint8)

    @property
    def there(self) -> Bools:
        """Which rows hold any word."""
        return np.not_equal(self.edges[:-1], self.edges[1:])

    def at(self, rows: Rows) -> Words:
        starts, ends = self.edges[:-1][rows], self.edges[1:][rows]
        sizes = ends - starts
        edges = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        within = np.arange(edges[-1]) - np.repeat(edges[:-1], sizes)
        return Words(edges, self.places[np.repeat(starts, sizes) + within], self.texts)

    def counts(self, rows: Counts | None = None) -> dict[str, int]:
        """Rows that hold each word; ``rows`` says how many each cell stands for."""
        stands = None if rows is None else np.repeat(rows, np.diff(self.edges))
        counts = np.bincount(self.places, stands, len(self.texts))
        return {self.texts[place]: int(counts[place]) for place in np.flatnonzero(counts)}

    @classmethod
    def join(cls, parts: Sequence[Words]) -> Words:
        if len(parts) == 1:
            return parts[0]
        texts: dict[str, int] = {}
        places = [_recode(part.places, part.texts, len(part.places), texts) for part in parts]
        sizes = np.concatenate([np.diff(part.edges) for part in parts])
        edges = np.concatenate((np.zeros(1, np.int64), np.cumsum(sizes)))
        return cls(edges, np.concatenate(places), tuple(texts))


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """A column of vectors: a row of ``values`` each, of which those that are ``there`` count."""

    values: Floats
    there: Bools

    @classmethod
    def absent(cls, length: int, size: int) -> Vectors:
        """The column for rows of a log that lacks it, its vectors being of this size."""
        return cls(np.zeros((length, size)), np.zeros(length, np.bool_))

    def __len__(self) -> int:
        return len(self.there)

    @property
    def kinds(self) -> Kinds:
        """None: what the cells are is told by the columns of numbers that are made of them."""
        return np.empty(0, np.uint8)

    def at(self, rows: Rows) -> Vectors:
        return Vectors(self.values[rows], self.there[rows])

    def usable(self) -> Floats:
        """The vectors that count."""
        return self.values if self.there.all() else self.values[self.there]

    @classmethod
    def join(cls, parts: Sequence[Vectors]) -> Vectors:
        if len(parts) == 1:
            return parts[0]
        return cls(
            np.concatenate([part.values for part in parts]),
            np.concatenate([part.there for part in parts]),
        )


Column = Numbers | Levels | Words | Vectors


class NumbersCount:
    """Adds up the cells of a column read as numbers."""

    def __init__(self, plan: NumericPlan) -> None:
        self._finite = NumericCount(plan)
        self._kinds = np.zeros(len(FAMILIES), np.int64)
        self._unparsed, self._example = 0, ""

    def add(self, column: Column, rows: Counts | None = None) -> None:
        """Count cells; ``rows`` says how many rows each stands for (None: one)."""
        if not isinstance(column, Numbers):
            raise TypeError("a column read as levels has no place among numbers")
        kinds = _count_kinds(column.kinds, rows)
        self._kinds += kinds
        if column.odd is not None:
            odd = column.unparsed
            self._unparsed += int(np.count_nonzero(odd) if rows is None else rows[odd].sum())
            self._example = min(filter(None, (self._example, column.example())), default="")
        whole = column.odd is None and not (kinds[NULL] or kinds[MISSING])
        chosen = slice(None) if whole else column.usable
        self._finite.add(column.values[chosen], None if rows is None else rows[chosen])

    def profile(self) -> NumericProfile:
        return NumericProfile.counted(
            self._finite,
            nulls=int(self._kinds[NULL]),
            unparsed=self._unparsed,
            found=_found(self._kinds),
            example=self._example,
        )


class LevelsCount:
    """Adds up the cells of a column read as levels."""

    def __init__(self, plan: CategoricalPlan) -> None:
        self._profile = CategoricalProfile.of({}, plan)

    def add(self, column: Column, rows: Counts | None = None) -> None:
        """Count cells; ``rows`` says how many rows each stands for (None: one)."""
        if not isinstance(column, Levels | Words):
            raise TypeError("a column read as numbers has no place among levels")
        kinds, plan = _count_kinds(column.kinds, rows), self._profile.plan
        nulls, found = int(kinds[NULL]), _found(kinds)
        more = CategoricalProfile.of(column.counts(rows), plan, nulls=nulls, found=found)
        self._profile = self._profile.merge(more)

    def profile(self) -> CategoricalProfile:
        return self._profile


def count_of(plan: NumericPlan | CategoricalPlan) -> NumbersCount | LevelsCount:
    """An empty count of a column under this plan."""
    return NumbersCount(plan) if isinstance(plan, NumericPlan) else LevelsCount(plan)


def _count_kinds(kinds: Kinds, rows: Counts | None = None) -> NDArray[np.int64]:
    """Rows of each kind: nearly always all are of one, and bytes compare fast."""
    if rows is not None:
        return np.bincount(kinds, rows, len(FAMILIES)).astype(np.int64)
    counts, rest = np.zeros(len(FAMILIES), np.int64), len(kinds)
    if rest and not kinds.strides[0]:  # see `alike`
        counts[kinds[0]] = rest
        return counts
    for kind in (NUMBER, *range(len(FAMILIES))):
        if rest:
            counts[kind] = np.count_nonzero(kinds == kind)
            rest = len(kinds) - int(counts.sum())
    return counts


def _there(kinds: Kinds) -> Bools:
    if len(kinds) and not kinds.strides[0]:  # see `alike`
        return np.full(len(kinds), kinds[0] not in (NULL, MISSING))
    return np.not_equal(kinds, NULL) & np.not_equal(kinds, MISSING)


def _recode(
    places: Places | None, texts: Sequence[str], length: int, common: dict[str, int]
) -> Places:
    """Places in ``texts`` as places in ``common``, which takes in what it lacks."""
    if places is None:
        return np.full(length, -1, np.int32)
    moved = [common.setdefault(text, len(common)) for text in texts]
    return np.array([*moved, -1], np.int32).take(places)


def _found(counts: NDArray[np.integer]) -> tuple[str, ...]:
    return tuple(sorted(FAMILIES[kind] for kind in np.flatnonzero(counts) if kind != NULL))
