"""Pieces: the joint geometry of two numeric profiles, and the distances that it yields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.check import NotEnoughData
from checks.grid import Cells, Floats
from checks.profile import NumericProfile, PlanMismatch, frozen


class Axis(NamedTuple):
    """Ordered pieces of the axis: from, to, values of the reference, values of the current rows.

    Values are counted, though not in whole numbers where a cell was cut, so that sums stay exact.
    """

    low: Floats
    high: Floats
    reference: Floats
    current: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """The finite values of two profiles on one axis, as ordered pieces.

    Piece i spans ``low[i]`` to ``high[i]``, in units of ``unit``, and holds the share
    ``reference[i]`` of one side and ``current[i]`` of the other: evenly spread, or at a point where
    it has no width. ``before`` and ``after`` are F - G, the distribution function of the current
    rows less that of the reference, at both ends of each piece; ``gap`` is the empty space that
    follows it. ``noise`` is 1/n + 1/N: the variance of F - G over G (1 - G) without any drift.
    """

    low: Floats
    high: Floats
    reference: Floats
    current: Floats
    unit: float
    noise: float
    before: Floats
    after: Floats
    gap: Floats

    @property
    def width(self) -> Floats:
        return self.high - self.low


def joint(reference: NumericProfile, current: NumericProfile) -> Pieces:
    """The pieces of two profiles of one plan.

    While both keep their distinct values the pieces are exactly those. Otherwise they are the cells
    of both, evenly filled between the extremes, except that atoms of the plan are points with their
    exact counts, and so is a cell of two integral columns that holds a single integer.

    Raises:
        NotEnoughData: a side has no finite values.
        PlanMismatch: the grids differ in more than fineness.
    """
    require_values(reference, current)
    unit = grid.unit_of(
        min(reference.minimum, current.minimum), max(reference.maximum, current.maximum)
    )
    axis = _of_values(reference, current, unit) or _of_cells(*aligned(reference, current), unit)
    after = np.cumsum(axis.current) / current.n - np.cumsum(axis.reference) / reference.n
    return Pieces(
        frozen(axis.low),
        frozen(axis.high),
        frozen(axis.reference / reference.n),
        frozen(axis.current / current.n),
        unit=unit,
        noise=1.0 / reference.n + 1.0 / current.n,
        before=frozen(np.concatenate(([0.0], after[:-1]))),
        after=frozen(after),
        gap=frozen(np.append(np.maximum(axis.low[1:] - axis.high[:-1], 0.0), 0.0)),
    )


def require_values(reference: NumericProfile, current: NumericProfile) -> None:
    """Raise NotEnoughData unless both sides have finite values."""
    for side, profile in (("reference", reference), ("current window", current)):
        if not profile.n:
            raise NotEnoughData(f"no values in the {side}")


def aligned(
    reference: NumericProfile, current: NumericProfile
) -> tuple[NumericProfile, NumericProfile]:
    """Both profiles on the coarser of their two grids.

    Raises:
        PlanMismatch: the grids differ in more than fineness.
    """
    shift = max(reference.plan.shift, current.plan.shift)
    then, now = reference.coarsen(shift), current.coarsen(shift)
    if then.plan.centre != now.plan.centre or then.plan.atoms != now.plan.atoms:
        raise PlanMismatch(f"cannot compare a profile of {now.plan} with one of {then.plan}")
    return then, now


def _of_values(reference: NumericProfile, current: NumericProfile, unit: float) -> Axis | None:
    """Every distinct value of both sides as a point."""
    if reference.exact is None or current.exact is None:
        return None
    values = np.union1d(reference.exact, current.exact)
    then, now = np.zeros(len(values)), np.zeros(len(values))
    then[np.searchsorted(values, reference.exact)] = reference.exact_counts
    now[np.searchsorted(values, current.exact)] = current.exact_counts
    return Axis(values / unit, values / unit, then, now)


def _of_cells(reference: NumericProfile, current: NumericProfile, unit: float) -> Axis:
    """The cells of both sides, cut at the atoms; each atom is a point of its own."""
    cells = np.union1d(reference.cells, current.cells)
    low, high = _spans(cells, reference, current, unit)
    atoms, home, numbers = _atoms(cells, reference, current)
    place = np.clip(atoms / unit, low[home], high[home])
    owner, start, end, part = _cut(low, high, home, place)
    sides = []
    for one, number in zip((reference, current), numbers, strict=True):
        rest = -np.bincount(home, number, len(cells)).astype(np.float64)
        rest[np.searchsorted(cells, one.cells)] += one.counts
        sides.append(np.concatenate((np.maximum(rest, 0.0)[owner] * part, number)))
    return _ordered(np.concatenate((start, place)), np.concatenate((end, place)), *sides)


def _spans(
    cells: Cells, reference: NumericProfile, current: NumericProfile, unit: float
) -> tuple[Floats, Floats]:
    """Where each cell begins and ends within the extremes of the data, in units."""
    edges = np.array(grid.bounds(cells, reference.plan.centre, reference.plan.shift))
    if reference.integral and current.integral:
        # Cells are open towards the centre's far side: (low, high] below it, [low, high) above.
        below = cells < 0
        first = np.where(below, np.floor(edges[0]) + 1, np.ceil(edges[0]))
        last = np.where(below, np.floor(edges[1]), np.ceil(edges[1]) - 1)
        edges = np.where(first == last, first, edges)
    low, high = np.clip(
        edges,
        min(reference.minimum, current.minimum),
        max(reference.maximum, current.maximum),
    )
    return low / unit, high / unit


def _atoms(
    cells: Cells, reference: NumericProfile, current: NumericProfile
) -> tuple[Floats, NDArray[np.intp], tuple[Floats, Floats]]:
    """Atoms that occur, the place of each one's cell in ``cells``, and how often they occur."""
    plan = reference.plan
    atoms = np.array(plan.atoms, np.float64)
    own = grid.cells_of(atoms, plan.centre, plan.shift)
    met = (reference.atom_counts + current.atom_counts > 0) & np.isin(own, cells)
    numbers = (
        reference.atom_counts[met].astype(np.float64),
        current.atom_counts[met].astype(np.float64),
    )
    return atoms[met], np.searchsorted(cells, own[met]), numbers


def _cut(
    low: Floats, high: Floats, home: NDArray[np.intp], place: Floats
) -> tuple[NDArray[np.intp], Floats, Floats, Floats]:
    """Cells cut at the places of their atoms: owner, start, end and share of the owner's width."""
    owner = np.concatenate((np.arange(len(low)), home))
    start = np.concatenate((low, place))
    order = np.lexsort((start, owner))
    owner, start = owner[order], start[order]
    first = np.concatenate(([True], owner[1:] != owner[:-1]))
    last = np.append(first[1:], True)
    end = np.where(last, high[owner], np.append(start[1:], 0.0))
    whole = (high - low)[owner]
    part = np.where(whole > 0.0, (end - start) / np.where(whole > 0.0, whole, 1.0), first)
    return owner, start, end, part


def _ordered(low: Floats, high: Floats, reference: Floats, current: Floats) -> Axis:
    """Pieces in order, those at the very same place added up."""
    order = np.lexsort((high, low))
    low, high = low[order], high[order]
    new = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    starts = np.flatnonzero(np.concatenate(([True], new)))
    return Axis(
        low[starts],
        high[starts],
        np.add.reduceat(reference[order], starts),
        np.add.reduceat(current[order], starts),
    )


def largest_gap(pieces: Pieces) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance max |F - G|, and the value at which it is reached."""
    place = int(np.argmax(np.abs(pieces.after)))
    gap = min(float(abs(pieces.after[place])), 1.0)
    return gap, float(pieces.high[place]) * pieces.unit


def area(pieces: Pieces) -> float:
    """The first Wasserstein distance, the integral of |F - G|, in units of ``unit``."""
    start, end = np.abs(pieces.before), np.abs(pieces.after)
    total = start + end
    crossed = pieces.before * pieces.after < 0.0
    mean = np.where(
        crossed, (start**2 + end**2) / (2.0 * np.where(crossed, total, 1.0)), total / 2.0
    )
    return float(pieces.width @ mean + pieces.gap @ end)


def area_noise(pieces: Pieces) -> float:
    """The mean of ``area`` without any drift, in units of ``unit``.

    F - G is then nearly normal with variance G (1 - G) (1/n + 1/N), and the mean of the magnitude
    of a normal number is sqrt(2/pi) of its deviation.
    """
    start, end = (np.sqrt(each) for each in _variances(pieces))
    whole = float(pieces.width @ (start + end) / 2.0 + pieces.gap @ end)
    return whole * float(np.sqrt(2.0 / np.pi * pieces.noise))


def squared_area(pieces: Pieces) -> float:
    """The integral of (F - G)^2, in units of ``unit``: half the squared energy distance."""
    return float(pieces.width @ _mean_square(pieces) + pieces.gap @ pieces.after**2)


def squared_area_noise(pieces: Pieces) -> float:
    """The mean of ``squared_area`` without any drift, in units of ``unit``."""
    start, end = _variances(pieces)
    return float(pieces.width @ (start + end) / 2.0 + pieces.gap @ end) * pieces.noise


def mean_squared_gap(pieces: Pieces, share: float) -> float:
    """The mean of (F - G)^2 over the values, where ``share`` of them are from the current side."""
    pooled = share * pieces.current + (1.0 - share) * pieces.reference
    square = np.where(pieces.width > 0.0, _mean_square(pieces), pieces.after**2)
    return float(square @ pooled)


def pooled_sd(pieces: Pieces) -> float:
    """Standard deviation of an equal mixture of both sides, in units of ``unit``."""
    middle = pieces.low / 2.0 + pieces.high / 2.0
    weight = pieces.reference / 2.0 + pieces.current / 2.0
    middle = middle - middle[0]
    return float(np.sqrt((middle - middle @ weight) ** 2 @ weight))


def quantiles(pieces: Pieces, shares: Floats, at: Floats) -> Floats:
    """Quantiles of one side (``pieces.reference`` or ``pieces.current``), linear in each piece."""
    until = np.cumsum(shares)
    place = np.minimum(np.searchsorted(until, at * until[-1] * (1.0 - 1e-12)), len(shares) - 1)
    share = shares[place]
    inside = (at * until[-1] - (until - shares)[place]) / np.where(share > 0.0, share, 1.0)
    scaled: Floats = pieces.low[place] + np.clip(inside, 0.0, 1.0) * pieces.width[place]
    return scaled * pieces.unit


def _mean_square(pieces: Pieces) -> Floats:
    """The mean of (F - G)^2 along each piece, on which F - G is linear."""
    return (pieces.before**2 + pieces.before * pieces.after + pieces.after**2) / 3.0


def _variances(pieces: Pieces) -> tuple[Floats, Floats]:
    """G (1 - G) of the reference at both ends of each piece."""
    end = np.clip(np.cumsum(pieces.reference), 0.0, 1.0)
    start = np.concatenate(([0.0], end[:-1]))
    return start * (1.0 - start), end * (1.0 - end)
