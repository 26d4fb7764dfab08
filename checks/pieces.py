"""Pieces: the joint geometry of two numeric profiles, and the distances that it yields."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.check import NotEnoughData, Stat
from checks.grid import Cells, Floats
from checks.profile import CategoricalProfile, NumericProfile, PlanMismatch, frozen


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


@lru_cache(maxsize=4)
def joint(reference: NumericProfile, current: NumericProfile) -> Pieces:
    """The pieces of two profiles of one plan; kept for the next check of the same column.

    While both keep their distinct values the pieces are exactly those. Otherwise they are the cells
    of both, evenly filled between the extremes, except that atoms of the plan are points with their
    exact counts, and so is a cell of two integral columns that holds a single integer.

    Raises:
        NotEnoughData: a side has no finite values.
        PlanMismatch: the grids differ in more than fineness.
    """
    n_reference, n_current = sizes(reference, current)
    unit = grid.unit_of(
        min(reference.minimum, current.minimum), max(reference.maximum, current.maximum)
    )
    axis = _of_values(reference, current, unit) or _of_cells(*aligned(reference, current), unit)
    until = np.zeros(len(axis.low) + 1)
    until[1:] = np.cumsum(axis.current) / n_current - np.cumsum(axis.reference) / n_reference
    gap = np.zeros(len(axis.low))
    np.maximum(axis.low[1:] - axis.high[:-1], 0.0, out=gap[:-1])
    return Pieces(
        frozen(axis.low),
        frozen(axis.high),
        frozen(axis.reference / n_reference),
        frozen(axis.current / n_current),
        unit=unit,
        noise=1.0 / n_reference + 1.0 / n_current,
        before=frozen(until[:-1]),
        after=frozen(until[1:]),
        gap=frozen(gap),
    )


def sizes(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> tuple[int, int]:
    """The values of both sides.

    Raises:
        NotEnoughData: a side has none.
    """
    found = reference.n, current.n
    for side, n in zip(("reference", "current window"), found, strict=True):
        if not n:
            raise NotEnoughData(f"no values in the {side}")
    return found


def require(
    need: int, reference: NumericProfile, current: NumericProfile, stat: Stat | None = None
) -> None:
    """Ask for so many values of both sides; ``stat`` is what can be shown of fewer.

    Raises:
        NotEnoughData: a side has fewer.
    """
    for side, n in zip(("reference", "current window"), sizes(reference, current), strict=True):
        if n < need:
            plural = "s" * (n != 1)
            reason = f"{n} value{plural} in the {side}, {need} needed"
            raise NotEnoughData(reason, n, need, stat=stat)


def aligned(
    reference: NumericProfile, current: NumericProfile
) -> tuple[NumericProfile, NumericProfile]:
    """Both profiles on the coarser of their two grids.

    Raises:
        PlanMismatch: the grids differ in more than fineness.
    """
    then, now = reference, current
    if then.plan.shift != now.plan.shift:
        shift = max(then.plan.shift, now.plan.shift)
        then, now = then.coarsen(shift), now.coarsen(shift)
    if then.plan != now.plan and replace(then.plan, exact=now.plan.exact) != now.plan:
        raise PlanMismatch(f"cannot compare a profile of {now.plan} with one of {then.plan}")
    return then, now


def _of_values(reference: NumericProfile, current: NumericProfile, unit: float) -> Axis | None:
    """Every distinct value of both sides as a point."""
    if reference.exact is None or current.exact is None:
        return None
    values = grid.union(reference.exact, current.exact)
    then, now = np.zeros(len(values)), np.zeros(len(values))
    then[np.searchsorted(values, reference.exact)] = reference.exact_counts
    now[np.searchsorted(values, current.exact)] = current.exact_counts
    return Axis(values / unit, values / unit, then, now)


def _of_cells(reference: NumericProfile, current: NumericProfile, unit: float) -> Axis:
    """The cells of both sides, cut at the atoms; each atom is a point of its own."""
    cells = grid.union(reference.cells, current.cells)
    low, high = _spans(cells, reference, current, unit)
    then, now = np.zeros(len(cells)), np.zeros(len(cells))
    then[np.searchsorted(cells, reference.cells)] = reference.counts
    now[np.searchsorted(cells, current.cells)] = current.counts
    atoms, home, numbers = _atoms(cells, reference, current)
    if not len(atoms):
        return _distinct(low, high, then, now)
    place = np.clip(atoms / unit, low[home], high[home])
    owner, start, end, part = _cut(low, high, home, place)
    sides = []
    for counts, number in zip((then, now), numbers, strict=True):
        rest = np.maximum(counts - np.bincount(home, number, len(cells)), 0.0)
        sides.append(np.concatenate((rest[owner] * part, number)))
    low, high = np.concatenate((start, place)), np.concatenate((end, place))
    order = np.lexsort((high, low))
    return _distinct(low[order], high[order], *(side[order] for side in sides))


def _spans(
    cells: Cells, reference: NumericProfile, current: NumericProfile, unit: float
) -> tuple[Floats, Floats]:
    """Where each cell begins and ends within the extremes of the data, in units."""
    edges = np.array(reference.plan.bounds(cells))
    if reference.integral and current.integral:
        # Cells of the grid are open on the far side of the centre: (low, high] below it.
        below = cells < 0
        first = np.where(below, np.floor(edges[0]) + 1, np.ceil(edges[0]))
        last = np.where(below, np.floor(edges[1]), np.ceil(edges[1]) - 1)
        edges = np.where(first == last, first, edges)
    np.maximum(edges, min(reference.minimum, current.minimum), out=edges)
    np.minimum(edges, max(reference.maximum, current.maximum), out=edges)
    low, high = edges / unit
    return low, high


def _atoms(
    cells: Cells, reference: NumericProfile, current: NumericProfile
) -> tuple[Floats, NDArray[np.intp], tuple[Floats, Floats]]:
    """Atoms that occur, the place of each one's cell in ``cells``, and how often they occur."""
    plan = reference.plan
    if not plan.atoms:
        nothing = np.empty(0)
        return nothing, np.empty(0, np.intp), (nothing, nothing)
    atoms = np.array(plan.atoms, np.float64)
    own = plan.cells_of(atoms)
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


def _distinct(low: Floats, high: Floats, reference: Floats, current: Floats) -> Axis:
    """Ordered pieces, those at the very same place added up."""
    new = (low[1:] != low[:-1]) | (high[1:] != high[:-1])
    if new.all():
        return Axis(low, high, reference, current)
    starts = np.flatnonzero(np.concatenate(([True], new)))
    return Axis(
        low[starts],
        high[starts],
        np.add.reduceat(reference, starts),
        np.add.reduceat(current, starts),
    )


def largest_gap(pieces: Pieces) -> tuple[float, float]:
    """The Kolmogorov-Smirnov distance max |F - G|, and the value at which it is reached."""
    place = int(np.argmax(np.abs(pieces.after)))
    gap = min(float(abs(pieces.after[place])), 1.0)
    return gap, float(pieces.high[place]) * pieces.unit


def area(pieces: Pieces) -> float:
    """The first Wasserstein distance, the integral of |F - G|, in units of ``unit``."""
    start, end = np.abs(pieces.before), np.abs(pieces.after)
    mean = (start + end) / 2.0
    crossed = np.flatnonzero(pieces.before * pieces.after < 0.0)
    start, stop = start[crossed], end[crossed]
    mean[crossed] = (start**2 + stop**2) / (2.0 * (start + stop))
    return float(pieces.width @ mean + pieces.gap @ end)


def area_noise(pieces: Pieces) -> float:
    """The mean of ``area`` without any drift, in units of ``unit``.

    F - G is then nearly normal with variance G (1 - G) (1/n + 1/N), and the mean of the magnitude
    of a normal number is sqrt(2/pi) of its deviation.
    """
    deviations = np.sqrt(_variances(pieces))
    start, end = deviations[:-1], deviations[1:]
    whole = float(pieces.width @ (start + end) / 2.0 + pieces.gap @ end)
    return whole * float(np.sqrt(2.0 / np.pi * pieces.noise))


def squared_area(pieces: Pieces) -> float:
    """The integral of (F - G)^2, in units of ``unit``: half the squared energy distance."""
    return float(pieces.width @ _mean_square(pieces) + pieces.gap @ pieces.after**2)


def squared_area_noise(pieces: Pieces) -> float:
    """The mean of ``squared_area`` without any drift, in units of ``unit``."""
    variances = _variances(pieces)
    start, end = variances[:-1], variances[1:]
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
    wanted = at * until[-1]
    place = np.minimum(np.searchsorted(until, wanted * (1.0 - 1e-12)), len(shares) - 1)
    share, low = shares[place], pieces.low[place]
    inside = (wanted - (until[place] - share)) / np.where(share > 0.0, share, 1.0)
    width = pieces.high[place] - low
    scaled: Floats = low + np.minimum(np.maximum(inside, 0.0), 1.0) * width
    return scaled * pieces.unit


def _mean_square(pieces: Pieces) -> Floats:
    """The mean of (F - G)^2 along each piece, on which F - G is linear."""
    return (pieces.before**2 + pieces.before * pieces.after + pieces.after**2) / 3.0


def _variances(pieces: Pieces) -> Floats:
    """G (1 - G) of the reference where the pieces start, and at the end of the last."""
    until = np.zeros(len(pieces.reference) + 1)
    np.minimum(np.cumsum(pieces.reference), 1.0, out=until[1:])
    variances: Floats = until * (1.0 - until)
    return variances
