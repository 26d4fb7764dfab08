"""Bins: two numeric profiles laid over one axis, as shares of their values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checks.grid import Floats
from checks.profile import NumericProfile

MOST_BINS = 40
MOST_STEPS = 60
"""Bins of a column that holds few values at equal distances: one for each of them."""

_TAILS = (0.05, 0.005)
_SMALLEST, _LARGEST = 1e-290, 1e300


@dataclass(frozen=True, slots=True, eq=False)
class Bins:
    """The shares of a reference and of current values between common edges, in ascending order.

    ``edges`` has one element more than the shares. ``outside`` are the shares of both sides that
    lie beyond the first and the last edge, where a few extreme values would squeeze the rest.
    """

    edges: Floats
    reference: Floats
    current: Floats
    outside: tuple[float, float]


def common_bins(reference: NumericProfile, current: NumericProfile) -> Bins | None:
    """Bins of equal and round width over the bulk of both sides.

    None where neither side has values, or one is too large to compute an axis for.

    The axis runs over all values, but not further beyond the middle nine tenths of both sides than
    these are wide, so that a few extremes do not squeeze the rest. More rows give narrower bins.
    """
    sides = [side for side in (reference, current) if side.n]
    if not sides:
        return None
    if max(max(abs(side.minimum), abs(side.maximum)) for side in sides) > _LARGEST:
        return None
    low, high = _bulk(sides)
    edges = _lattice(sides, low, high)
    if edges is None:
        edges = _round_edges(low, high, _bin_count(sides), all(side.integral for side in sides))
    before, after = _shares(reference, edges), _shares(current, edges)
    return Bins(edges, before, after, (_outside(reference, before), _outside(current, after)))


def quantile(profile: NumericProfile, probability: float) -> float:
    """A quantile of the finite values: exact where they are kept, else the middle of its cell.

    >>> from checks.plan import NumericPlan
    >>> quantile(NumericProfile.of(np.array([1.0, 2.0, 9.0]), NumericPlan()), 0.5)
    2.0
    """
    if profile.exact is not None and profile.exact_counts is not None:
        middles, counts = profile.exact, profile.exact_counts
    else:
        bounds = profile.plan.bounds(profile.cells)
        low, high = np.clip(bounds, profile.minimum, profile.maximum)
        middles, counts = low / 2 + high / 2, profile.counts
    place = int(np.searchsorted(np.cumsum(counts), probability * profile.n))
    value = float(middles[min(place, len(middles) - 1)])
    return min(max(value, profile.minimum), profile.maximum)


def round_step(width: float) -> float:
    """The smallest of 1, 2 and 5 times a power of ten that is not below a width.

    >>> round_step(0.03), round_step(17.0), round_step(20.0)
    (0.05, 20.0, 20.0)
    """
    power = 10.0 ** np.floor(np.log10(width))
    steps = (factor * power for factor in (1.0, 2.0, 5.0, 10.0))
    return float(next((step for step in steps if step >= width * (1 - 1e-9)), 10.0 * power))


def _bulk(sides: Sequence[NumericProfile]) -> tuple[float, float]:
    """Where the axis begins and ends."""
    low = min(side.minimum for side in sides)
    high = max(side.maximum for side in sides)
    for tail in _TAILS:
        inner_low = min(quantile(side, tail) for side in sides)
        inner_high = max(quantile(side, 1 - tail) for side in sides)
        width = inner_high - inner_low
        if width > 0:
            return max(low, inner_low - width), min(high, inner_high + width)
    return low, high


def _bin_count(sides: Sequence[NumericProfile]) -> int:
    """Twice the cube root of the smaller side (Rice's rule), within what a small picture bears."""
    return int(min(max(2 * min(side.n for side in sides) ** (1 / 3), 8), MOST_BINS))


def _lattice(sides: Sequence[NumericProfile], low: float, high: float) -> Floats | None:
    """Edges that give each value a bin of its own, where there are few at equal distances."""
    if any(side.exact is None for side in sides):
        return None
    values = np.unique(np.concatenate([side.exact for side in sides if side.exact is not None]))
    values = values[(values >= low) & (values <= high)]
    if len(values) == 1:
        return _around(float(values[0]))
    if not 1 < len(values) <= MOST_STEPS:
        return None
    step = float(np.diff(values).min())
    if values[-1] - values[0] > MOST_STEPS * step:
        return None
    places = (values - values[0]) / step
    if np.abs(places - np.rint(places)).max() > 0.01:
        return None
    return np.asarray(values[0] + step * (np.arange(int(np.rint(places[-1])) + 2) - 0.5))


def _around(value: float) -> Floats:
    """Three bins about the only value there is."""
    return value + max(abs(value) * 0.05, 0.5) * np.array([-3.0, -1.0, 1.0, 3.0])


def _round_edges(low: float, high: float, count: int, integral: bool) -> Floats:
    width = (high - low) / count
    if width < _SMALLEST:
        return _around(low)
    if width < 16 * np.spacing(max(abs(low), abs(high))):  # no room for round numbers
        return np.linspace(low, np.nextafter(high, np.inf), count + 1)
    step = round_step(width)
    if integral:
        step = max(1.0, np.ceil(step))
    edges = step * np.arange(np.floor(low / step), np.floor(high / step) + 2)
    return np.asarray(edges - 0.5 if integral else edges)


def _outside(profile: NumericProfile, shares: Floats) -> float:
    return max(0.0, 1.0 - float(shares.sum())) if profile.n else 0.0


def _shares(profile: NumericProfile, edges: Floats) -> Floats:
    """The share of a profile's finite values between neighbouring edges."""
    if not profile.n:
        return np.zeros(len(edges) - 1)
    if profile.exact is not None and profile.exact_counts is not None:
        below = np.concatenate(([0], np.cumsum(profile.exact_counts)))
        heads = below[np.searchsorted(profile.exact, edges, side="left")]
        return np.asarray(np.diff(heads) / profile.n)
    low, high = np.clip(profile.plan.bounds(profile.cells), profile.minimum, profile.maximum)
    knots = np.column_stack((low, np.maximum(high, np.nextafter(low, np.inf)))).ravel()
    cumulated = np.cumsum(profile.counts)
    heights = np.column_stack((cumulated - profile.counts, cumulated)).ravel()
    return np.asarray(np.diff(np.interp(edges, knots, heights)) / profile.n)
