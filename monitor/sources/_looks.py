"""What a survey gathers of one column: a spread sample of its numbers, or its levels."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from checks.coarse import edges_for
from checks.grid import Counts, Floats
from checks.plan import EXACT_VALUES, MOST_ATOMS, MOST_CLASSES, MOST_LEVELS
from checks.text import canonical
from monitor.sources import ColumnSurvey, Family
from monitor.sources._columns import Levels, Numbers

SAMPLE = 1 << 16
FEW_LEVELS = MOST_CLASSES
_MOST_DISTINCT = 100_000
FREQUENT = 20
"""Rows from which a level is known to be more frequent than others."""

_ATOM_SHARE = 0.005
_HALVINGS = 60


@dataclass(slots=True)
class Spread:
    """Picks every k-th row of all that pass by, k the least power of two that gives `SAMPLE` rows
    at most; what was picked under a smaller k is thinned."""

    stride: int = 1
    passed: int = 0

    def pick(self, rows: int) -> NDArray[np.intp]:
        """Which of the next ``rows`` rows belong to the sample, at the stride of now."""
        first = -self.passed % self.stride
        self.passed += rows
        return np.arange(first, rows, self.stride)

    def widen(self) -> int:
        """How much thinner the sample must become to fit again."""
        factor = 1
        while -(-self.passed // (self.stride * factor)) > SAMPLE:
            factor *= 2
        self.stride *= factor
        return factor


@dataclass(slots=True)
class NumberLook:
    """A numeric column as it passes by."""

    values: int = 0
    nulls: int = 0
    integral: bool = True
    few: tuple[Floats, Counts] | None = field(
        default_factory=lambda: (np.empty(0), np.empty(0, np.int64))
    )
    sample: list[Floats] = field(default_factory=list)

    def skip(self, picked: int) -> None:
        """Rows that lack the column."""
        self.sample.append(np.full(picked, np.nan))

    def add(self, column: Numbers, picked: NDArray[np.intp]) -> None:
        loose = column.floats()
        finite = loose[np.isfinite(loose)]
        self.values += len(loose) - int(np.count_nonzero(np.isnan(loose)))
        self.nulls += len(loose) - int(np.count_nonzero(column.usable | column.unparsed))
        self.nulls += int(np.count_nonzero(np.isnan(column.values[column.usable])))
        self.integral &= bool((np.rint(finite) == finite).all() and (np.abs(finite) < 2**53).all())
        self._count_few(finite)
        self.sample.append(loose[picked])

    def _count_few(self, finite: Floats) -> None:
        """Count distinct values while they are few; a short probe spares the sorting of many."""
        if self.few is None or len(np.unique(finite[: 2 * EXACT_VALUES])) > EXACT_VALUES:
            self.few = None
            return
        found, new = np.unique(finite, return_counts=True)
        values, place = np.unique(np.concatenate((self.few[0], found)), return_inverse=True)
        counts = np.zeros(len(values), np.int64)
        np.add.at(counts, place, np.concatenate((self.few[1], new)))
        self.few = (values, counts) if len(values) <= EXACT_VALUES else None

    def thin(self, factor: int) -> None:
        self.sample = [np.concatenate(self.sample)[::factor]]

    def cells(self) -> Floats:
        """The sample so far, NaN where there is no number."""
        return np.concatenate([*self.sample, np.empty(0)])

    def survey(self, name: str, family: Family) -> ColumnSurvey:
        sample = self.cells()
        sample = sample[np.isfinite(sample)]
        levels: dict[str, int] = {}
        if self.few is None:
            distinct = max(estimated_distinct(sample, self.values), EXACT_VALUES + 1)
        else:
            distinct = len(self.few[0])
            if distinct <= FEW_LEVELS:
                pairs = zip(*(each.tolist() for each in self.few), strict=True)
                levels = {canonical(value): n for value, n in pairs}
        return numeric_survey(
            name,
            sample,
            family=family,
            values=self.values,
            nulls=self.nulls,
            integral=self.integral and self.values > 0,
            levels=levels,
            distinct=distinct,
        )


@dataclass(slots=True)
class LevelLook:
    """A column of levels as it passes by; past 100,000 distinct ones no more are taken in."""

    nulls: int = 0
    values: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    complete: bool = True

    def add(self, column: Levels) -> None:
        found = column.counts()
        known = sum(found.values())
        self.values += known
        self.nulls += len(column) - known
        if len(self.counts) + len(found) > _MOST_DISTINCT:
            room = _MOST_DISTINCT - len(self.counts)
            fresh = [text for text in found if text not in self.counts]
            self.complete &= len(fresh) <= room
            for text in fresh[room:]:
                del found[text]
        self.counts.update(found)

    def survey(self, name: str, family: Family) -> ColumnSurvey:
        return text_survey(name, family, self.counts, nulls=self.nulls, complete=self.complete)


def numeric_survey(
    name: str,
    sample: Floats,
    *,
    family: Family = "number",
    values: int,
    nulls: int,
    integral: bool,
    levels: Mapping[str, int] | None = None,
    distinct: int | None = None,
) -> ColumnSurvey:
    """The survey of a numeric column from a sample of its finite values.

    ``values`` and ``nulls`` (NaN among them) count all its rows, ``integral`` tells whether all of
    its finite values are whole, ``levels`` counts its distinct values where there are few,
    ``distinct`` is their number where that is known, and otherwise estimated.

    >>> survey = numeric_survey("x", np.array([1.0, 1.0, 4.0]), values=3, nulls=0, integral=True)
    >>> survey.centre, survey.atoms
    (1.0, (1.0,))
    """
    centre, atoms = _centre(sample, integral), _atoms(sample)
    return ColumnSurvey(
        name,
        family,
        values,
        nulls,
        integral,
        centre,
        atoms,
        _most_frequent(levels or {}, FEW_LEVELS),
        distinct=estimated_distinct(sample, values) if distinct is None else distinct,
        edges=edges_for(sample, centre, atoms),
    )


def _centre(sample: Floats, integral: bool) -> float:
    """The median as a double, in a column of whole numbers a whole one.

    In single precision it would lie far from all values of a column such as 1e15 + small numbers.
    """
    if not len(sample):
        return 0.0
    median = 2.0 * float(np.median(sample / 2.0))  # the mean of two huge numbers overflows
    return (float(np.rint(median)) if integral else median) + 0.0


def estimated_distinct(sample: Floats, values: int) -> int:
    """How many of so many values differ, by how many of a sample of them do."""
    return scaled_distinct(len(np.unique(sample)), len(sample), values)


def scaled_distinct(found: int, drawn: int, values: int) -> int:
    """How many of ``values`` rows differ when ``found`` of ``drawn`` of them do.

    The number D that makes ``found`` likeliest where all are equally frequent: the solution of
    D (1 - exp(-drawn / D)) = found, too small where they are not. Source: Lewontin and Prout 1956
    (Biometrics 12).

    >>> scaled_distinct(3, 3, 3), scaled_distinct(3000, 60_000, 10**7)
    (3, 3000)
    >>> scaled_distinct(60_000, 60_000, 10**7), scaled_distinct(63_212, 100_000, 10**7)
    (10000000, 100000)
    """
    if drawn >= values or found >= drawn:
        return found if drawn >= values else values
    low, high = float(found), float(values)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2.0
        if -middle * math.expm1(-drawn / middle) < found:
            low = middle
        else:
            high = middle
    return round(high)


def _atoms(sample: Floats) -> tuple[float, ...]:
    """Values that many rows share, most frequent first."""
    distinct, counts = np.unique(sample, return_counts=True)
    shared = counts > max(_ATOM_SHARE * len(sample), 1)
    distinct, counts = distinct[shared], counts[shared]
    order = np.lexsort((distinct, -counts))[:MOST_ATOMS]
    return tuple(distinct[order].tolist())


def text_survey(
    name: str,
    family: Family,
    counts: Mapping[str, int],
    *,
    nulls: int,
    complete: bool = True,
) -> ColumnSurvey:
    """The survey of a column of levels from the rows of each canonical text; ``complete`` tells
    that ``counts`` holds them all."""
    levels = _most_frequent(counts, MOST_LEVELS)
    return ColumnSurvey(
        name,
        family,
        sum(counts.values()),
        nulls,
        levels=levels,
        complete=complete and len(counts) <= MOST_LEVELS,
        distinct=len(counts),
        frequent=sum(counts[level] >= FREQUENT for level in levels),
    )


def _most_frequent(counts: Mapping[str, int], most: int) -> tuple[str, ...]:
    return tuple(sorted(counts, key=lambda text: (-counts[text], text))[:most])
