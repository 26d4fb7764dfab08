"""Drift of numeric columns in plain words: their mean and their spread."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import stdtr, stdtrit

from checks import grid, pieces
from checks.check import NotEnoughData, Stat, check
from checks.drift_numeric import in_deviations
from checks.intervals import Interval, measured
from checks.pieces import Pieces
from checks.profile import NumericProfile
from checks.text import figure


@check(NumericProfile, direction="both", warning=0.2, critical=0.5, minimum=100, default=False)
def mean_shift(reference: NumericProfile, current: NumericProfile) -> Stat:
    """How far the mean has moved, in standard deviations of the reference.

    Negative where it fell. By custom 0.2 is small, 0.5 medium and 0.8 large. For a constant
    reference the deviation is that of an equal mixture of both sides, as in ``wasserstein``. Where
    tails are heavy the mean is noisy, and the interval wide. Exact up to rounding.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([0.0, 2.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([3.0, 5.0]), NumericPlan())
    >>> stat = mean_shift.compute(then, now)
    >>> stat.value, round(stat.p_value, 4), stat.where
    (3.0, 0.1679, 'mean 1 -> 4')

    Formula: difference of the means over the reference's population standard deviation, taken as
    given; interval and p-value by Welch's t. Source: Welch 1947 (Biometrika 34); Cohen 1988.
    """
    joint = pieces.joint(reference, current)
    length = _mean_move(joint, reference, current)
    (size,) = in_deviations([abs(length)], joint, reference, scale=True)
    value = math.copysign(size, length) if size else 0.0
    pieces.require(2, reference, current, Stat(value, n_reference=reference.n, n_current=current.n))
    unit = reference.sd / joint.unit or pieces.pooled_sd(joint) or 1.0
    parts = [side.sd / joint.unit / unit / math.sqrt(side.n - 1) for side in (reference, current)]
    error = math.hypot(*parts)
    freedom = _freedom(parts, reference.n, current.n)
    stat = measured(
        value,
        lambda z: _about(value, _student(freedom, z) * error),
        n_reference=reference.n,
        n_current=current.n,
        where=f"mean {figure(reference.mean)} -> {figure(current.mean)}" if value else "",
    )
    return replace(stat, p_value=_t_p_value(value, error, freedom))


def _mean_move(joint: Pieces, reference: NumericProfile, current: NumericProfile) -> float:
    """The difference of the means in units of ``joint``: from the sums, or from the values."""
    if reference.exact is None or current.exact is None:
        move = current.total / current.n - reference.total / reference.n
        if math.isfinite(move):
            return move / joint.unit
    return -float(joint.width @ (joint.before + joint.after) / 2.0 + joint.gap @ joint.after)


def _freedom(parts: list[float], n_reference: int, n_current: int) -> float:
    """Welch's and Satterthwaite's degrees of freedom, of the standard errors of both means."""
    error = math.hypot(*parts)
    if not 0.0 < error < math.inf:
        return float(n_reference + n_current - 2)
    then, now = ((part / error) ** 4 for part in parts)
    return 1.0 / (then / (n_reference - 1) + now / (n_current - 1))


def _student(freedom: float, z: float) -> float:
    return float(stdtrit(freedom, 0.5 * math.erfc(-z / math.sqrt(2.0))))


def _t_p_value(move: float, error: float, freedom: float) -> float:
    if not move:
        return 1.0
    return 2.0 * float(stdtr(freedom, -abs(move) / error)) if error else 0.0


def _about(centre: float, half: float) -> Interval:
    return Interval(centre - half, centre + half)


@check(NumericProfile, direction="both", warning=0.3, critical=0.6, minimum=100, default=False)
def variance_shift(reference: NumericProfile, current: NumericProfile) -> Stat:
    """How often the standard deviation has doubled: 1 is twice as wide, -1 half as wide.

    0 where the spread is the same; 0.3 is a factor of 1.23, 0.6 one of 1.52. A side that does not
    vary has no place on this scale.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([0.0, 2.0, 4.0, 6.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([0.0, 4.0, 8.0, 12.0]), NumericPlan())
    >>> stat = variance_shift.compute(then, now)
    >>> round(stat.value, 12), stat.where
    (1.0, 'standard deviation 2.236 -> 4.472')

    Formula: log2(sd now / sd then). Interval and p-value: the logarithm of a variance has the
    variance (k - 1)(1/n + 1/N) with k the fourth moment over the squared second, pooled after each
    side is scaled to its own deviation; normality is not assumed, a fourth moment is (too short
    without one, and for fewer than some hundred rows with heavy tails). k is exact while a side
    keeps its distinct values, and from the middles of cells otherwise. Source: Layard 1973 (J. Am.
    Stat. Assoc. 68); Bonett 2006 (Appl. Psychol. Meas. 30).
    """
    pieces.sizes(reference, current)
    pieces.require(2, reference, current)
    then, now = _log_sd(reference), _log_sd(current)
    if then is None and now is None:
        return Stat(0.0, p_value=1.0, n_reference=reference.n, n_current=current.n)
    if then is None or now is None:
        side = "reference" if then is None else "current window"
        raise NotEnoughData(f"the {side} does not vary", among=current.n)
    value = now - then
    error = _log_error(reference, current)
    stat = measured(
        value,
        lambda z: _about(value, z * error),
        n_reference=reference.n,
        n_current=current.n,
        where=f"standard deviation {figure(reference.sd)} -> {figure(current.sd)}" if value else "",
    )
    return replace(stat, p_value=math.erfc(abs(value) / error / math.sqrt(2.0)) if value else 1.0)


def _log_sd(profile: NumericProfile) -> float | None:
    """Binary logarithm of the standard deviation; None where there is none."""
    return math.log2(profile.sd) if 0.0 < profile.sd < math.inf else None


def _log_error(reference: NumericProfile, current: NumericProfile) -> float:
    """Standard error of the difference of two binary logarithms of standard deviations."""
    n, other = current.n, reference.n
    pooled = (n * _kurtosis(current) + other * _kurtosis(reference)) / (n + other)
    variance = sum((pooled - 3.0) / each + 2.0 / (each - 1.0) for each in (n, other))
    return math.sqrt(variance) / (2.0 * math.log(2.0))


def _kurtosis(profile: NumericProfile) -> float:
    """Fourth central moment over the square of the second, at least 1, of the values at hand."""
    if profile.exact is not None and profile.exact_counts is not None:
        places, counts = profile.exact, profile.exact_counts
    else:
        low, high = np.clip(profile.plan.bounds(profile.cells), profile.minimum, profile.maximum)
        places, counts = low / 2.0 + high / 2.0, profile.counts
    scaled = places / grid.unit_of(profile.minimum, profile.maximum)
    shares = counts / profile.n
    away = scaled - scaled[len(scaled) // 2]
    away -= away @ shares
    second = float(away**2 @ shares)
    return max(float((away**2 / second) ** 2 @ shares), 1.0) if second else 3.0
