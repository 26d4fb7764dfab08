"""Bins: the rows of two profiles counted in the same few places, so that shares compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.grid import Counts, Floats
from checks.pieces import aligned, sizes
from checks.profile import CategoricalProfile, NumericProfile, PlanMismatch, frozen
from checks.text import figure

Binnable = NumericProfile | CategoricalProfile

FEWEST_EXPECTED = 5  # rows: Cochran's rule for counts that are to be compared
MOST_BINS = 1000
_LONGEST_NAME = 60
_BEYOND = ("-inf", "+inf", "missing")
_POINT = 2.0**-126  # the grid takes all that is nearer to its centre for the centre

_Place = TypeVar("_Place", np.float64, np.int32)


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """Rows per bin on both sides, and in all; a bin that is empty on both is left out.

    ``numbers`` are those of the bins that are left: before, between and after ``edges``, -inf, +inf
    and missing. Where the bins are levels there are none of these, and ``driver`` names the level
    whose share moved most.
    """

    reference: Counts
    current: Counts
    rows: tuple[int, int]
    edges: Sequence[float] = ()
    numbers: Sequence[int] = ()
    driver: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of bins that are not levels."""
        return tuple(_name(self.edges, number) for number in self.numbers)

    @property
    def noise(self) -> float:
        """1/n + 1/N, the scale of all differences without any drift."""
        return 1.0 / self.rows[0] + 1.0 / self.rows[1]

    @property
    def freedom(self) -> int:
        """Bins less one."""
        return len(self.reference) - 1

    def shares(self) -> tuple[Floats, Floats]:
        """Plain shares of the reference and the current rows."""
        return self.reference / self.rows[0], self.current / self.rows[1]

    def smoothed(self) -> tuple[Floats, Floats]:
        """Shares after half a row is added to every bin, so that none is zero."""
        bins = len(self.reference)  # all is counted in half rows
        then = (2 * self.reference + 1) / (2 * self.rows[0] + bins)
        return then, (2 * self.current + 1) / (2 * self.rows[1] + bins)

    def where(self, contributions: Floats) -> str:
        """The level that moved most, or the bin that contributes most, with its shares."""
        worst = int(contributions.argmax())
        if not self.numbers or not contributions[worst] > 0.0:
            return self.driver
        then, now = self.reference[worst] / self.rows[0], self.current[worst] / self.rows[1]
        return moved(_name(self.edges, self.numbers[worst]), then, now)


@lru_cache(maxsize=4)
def binned(reference: Binnable, current: Binnable, bins: int) -> Bins:
    """Both profiles in one set of bins; kept for the next check of the same column.

    A numeric column gets about ``bins`` reference-quantile bins, the outer two open; a value with
    more than 1/``bins`` of the reference is a bin of its own, so that a constant one has a below,
    an at and an above. Infinities and missing rows are bins too. A categorical column has one bin
    per level, one for unseen levels and one for missing rows; levels so rare that the smaller side
    expects fewer than five rows are pooled, neighbours in frequency together, until it does.

    Raises:
        NotEnoughData: a side has no values.
        PlanMismatch: the profiles were made under plans that do not compare.
    """
    if not 1 < bins <= MOST_BINS:
        raise ValueError(f"bins is {bins}; give a number from 2 to {MOST_BINS}")
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        sizes(reference, current)
        return _by_value(reference, current, bins) or _by_cell(*aligned(reference, current), bins)
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        return _by_level(reference, current)
    raise PlanMismatch("a numeric and a categorical profile cannot be compared")


def moved(name: str, then: float, now: float) -> str:
    """A place and its shares before and after.

    >>> moved("mobile", 0.12, 0.3141)
    'mobile: 12 % -> 31.4 %'
    """
    short = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    return f"{short}: {100 * then:.3g} % -> {100 * now:.3g} %"


class _Cut(NamedTuple):
    """Where bins start, as places and as values, and the rows of the reference in each bin."""

    places: NDArray[np.number]
    edges: Sequence[float]
    counts: Counts
    rows: int


def _by_value(reference: NumericProfile, current: NumericProfile, bins: int) -> Bins | None:
    """Bins of the distinct values, while both sides have kept theirs."""
    exact = reference.exact, reference.exact_counts, current.exact, current.exact_counts
    values, counts, current_values, current_counts = exact
    if values is None or counts is None or current_values is None or current_counts is None:
        return None

    def cut() -> _Cut:
        starts, heavy = _starts(values, counts, bins)
        with np.errstate(over="ignore", under="ignore"):
            edges = grid.union(starts, np.nextafter(heavy, np.inf))
        return _cut(reference, edges, edges, _between(edges, values, counts))

    known = reference.remembered(("bins of values", bins), cut)
    return _counted(known, current, _between(known.places, current_values, current_counts))


def _by_cell(reference: NumericProfile, current: NumericProfile, bins: int) -> Bins:
    """Bins of whole cells."""

    def cut() -> _Cut:
        starts, heavy = _starts(reference.cells, reference.counts, bins)
        places = grid.union(starts, heavy + 1)
        counts = _between(places, reference.cells, reference.counts)
        return _cut(reference, places, reference.plan.bounds(places)[0], counts)

    known = reference.remembered(("bins of cells", bins), cut)
    return _counted(known, current, _between(known.places, current.cells, current.counts))


def _starts(
    places: NDArray[_Place], counts: Counts, bins: int
) -> tuple[NDArray[_Place], NDArray[_Place]]:
    """Where each reference quantile is reached, and the places with more than one bin's share.

    ``places`` ascend. The heavy ones are among the former, for a bin starts there.
    """
    below, whole = np.cumsum(counts), int(counts.sum())
    reached = np.searchsorted(below * bins, np.arange(1, bins) * whole)
    return places[reached], places[counts * bins > whole]


def _between(edges: NDArray[np.number], places: NDArray[np.number], counts: Counts) -> Counts:
    """Counts before the first edge, from each edge to the next, and from the last on."""
    bin_of = np.searchsorted(edges, places, side="right")
    return np.bincount(bin_of, counts, len(edges) + 1).astype(np.int64)


def _cut(
    reference: NumericProfile, places: NDArray[np.number], edges: Floats, counts: Counts
) -> _Cut:
    then = _with_extras(reference, counts)
    return _Cut(places, edges.tolist(), then, int(then.sum()))


def _with_extras(profile: NumericProfile, counts: Counts) -> Counts:
    """The bins of finite values, and those of the other rows."""
    return np.concatenate((counts, (profile.below, profile.above, profile.missing)))


def _counted(cut: _Cut, current: NumericProfile, counts: Counts) -> Bins:
    now = _with_extras(current, counts)
    kept = np.flatnonzero(cut.counts + now)
    rows = cut.rows, int(now.sum())
    return Bins(frozen(cut.counts[kept]), frozen(now[kept]), rows, cut.edges, kept.tolist())


def _name(edges: Sequence[float], number: int) -> str:
    """The name of a bin: a range, or the value where it holds a single one."""
    if number > len(edges):
        return _BEYOND[number - len(edges) - 1]
    if number == 0:
        return f"below {figure(edges[0])}"
    if number == len(edges):
        return f"from {figure(edges[-1])}"
    low, high = edges[number - 1 : number + 1]
    if high <= max(low + _POINT, math.nextafter(low, math.inf)):
        return figure(low)
    return f"{figure(low)} to {figure(high)}"


def _by_level(reference: CategoricalProfile, current: CategoricalProfile) -> Bins:
    if reference.plan.levels != current.plan.levels:
        raise PlanMismatch("cannot compare profiles with different level dictionaries")
    sizes(reference, current)
    rows = reference.rows, current.rows
    then, now = (
        np.concatenate((one.counts, (one.other, one.nulls))) for one in (reference, current)
    )
    # Given the totals of both sides together, how a level splits between them is all that noise or
    # drift can change: choosing the rare ones by these totals favours neither side.
    both = (reference.counts + current.counts) / sum(rows)
    place = _pooled(np.asarray(both * min(rows), np.float64), _by_name(reference.plan.levels))
    sums = [np.bincount(place, side).astype(np.int64) for side in (then, now)]
    kept = np.flatnonzero(sums[0] + sums[1])
    driver = _level_that_moved(reference, then / rows[0], now / rows[1])
    return Bins(frozen(sums[0][kept]), frozen(sums[1][kept]), rows, driver=driver)


@lru_cache(maxsize=64)
def _by_name(levels: tuple[str, ...]) -> NDArray[np.intp]:
    """The place of each level among their sorted names."""
    return frozen(np.argsort(np.argsort(np.array(levels, dtype=object))))


def _pooled(expected: Floats, rank: NDArray[np.intp]) -> NDArray[np.intp]:
    """The bin of each level, of unseen levels and of missing rows, given the rows they expect.

    Levels that expect as many rows go by ``rank``, which must not know how their rows are split
    between the sides: levels are listed by their rows in the reference, and so in an order that
    would set those that are more frequent now apart from the others.
    """
    place = np.zeros(len(expected) + 2, np.intp)
    frequent = np.append(expected >= FEWEST_EXPECTED, (True, True))
    place[frequent] = np.arange(np.count_nonzero(frequent))
    rare = np.flatnonzero(~frequent)
    rare = rare[np.lexsort((rank[rare], -expected[rare]))]
    # Cutting at every tenth row leaves more than five to each group but perhaps the last.
    pool = (np.cumsum(expected[rare]) // (2 * FEWEST_EXPECTED)).astype(np.intp)
    place[rare] = np.count_nonzero(frequent) + pool
    return place


def _level_that_moved(reference: CategoricalProfile, then: Floats, now: Floats) -> str:
    change = np.abs(now - then)
    if not change.any():
        return ""
    worst = int(np.argmax(change))
    levels = reference.plan.levels
    others = ("unseen levels" if reference.plan.complete else "other levels", "missing")
    name = levels[worst] if worst < len(levels) else others[worst - len(levels)]
    return moved(name, then[worst], now[worst])
