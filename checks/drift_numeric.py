"""Drift of numeric columns: how far one distribution is from another, on their joint pieces."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence

import numpy as np

from checks import pieces
from checks.check import Noise, Stat, check
from checks.noise import (
    MEAN_SQUARED_GAP,
    exact_gap_p_value,
    excess,
    gap_p_value,
    square_p_value,
)
from checks.pieces import Pieces
from checks.profile import NumericProfile
from checks.text import figure

_QUANTILES = np.arange(0.05, 0.96, 0.05)
_MAINLY = 0.5
_FEW = 1000  # values on both sides together, of which all orders are looked at
_BOUNDED = "bounded: counted between quantiles of the reference, with none beyond its range"


@check(NumericProfile, warning=0.12, critical=0.2, minimum=100)
def ks(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The largest difference in the share of rows below any one value.

    0 for equal distributions, 1 where no value of one side lies within the other. ``where`` is the
    value at which the shares differ most. Exact while both sides keep their distinct values, within
    1e-3 otherwise.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([1.0, 2.0, 3.0, 4.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([3.0, 4.0, 5.0, 6.0]), NumericPlan())
    >>> stat = ks.compute(then, now)
    >>> stat.value, stat.where
    (0.5, 'at 2')

    Formula: KS = max |F - G|. Corrected: sqrt(KS^2 - (pi^2 / 12) (1/n + 1/N)), which takes out the
    mean of KS^2 without drift. The p-value is that of the two-sample test for continuous columns:
    exact for up to 1,000 values on both sides together, no two of them equal, and the limit
    otherwise. Source: Kolmogorov 1933; Smirnov 1939; Hodges 1958; Stephens 1970.
    """
    joint = pieces.joint(reference, current)
    gap, place = pieces.largest_gap(joint)
    return Stat(
        gap,
        corrected=excess(gap, math.sqrt(MEAN_SQUARED_GAP * joint.noise)),
        p_value=_p_value(gap, joint, reference, current),
        n_reference=reference.n,
        n_current=current.n,
        where=f"at {figure(place)}" if gap else "",
        noise=Noise(math.sqrt(joint.noise) / 2.0, floor=math.sqrt(MEAN_SQUARED_GAP * joint.noise)),
    )


@check(NumericProfile, warning=0.15, critical=0.3, minimum=100)
def wasserstein(reference: NumericProfile, current: NumericProfile, *, scale: bool = True) -> Stat:
    """How far the values have moved on average, in standard deviations of the reference.

    The area between the two distribution functions, also called the earth mover's distance. With
    ``scale`` off it is in the unit of the column. A constant reference has no deviation to measure
    by: then that of an equal mixture of both sides stands in, so that a constant moved to another
    gives 2. ``where`` tells the direction and the quantile that moved most. Exact while both sides
    keep their distinct values, within 0.5 % otherwise; ``where`` says "bounded" of a column counted
    between quantiles of the reference, for which it is rough beyond their range.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([0.0, 2.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([3.0, 5.0]), NumericPlan())
    >>> wasserstein.compute(then, now).value, wasserstein.compute(then, now, scale=False).value
    (3.0, 3.0)
    >>> wasserstein.compute(then, now).where
    'shifted up, most at the 5 % quantile: 0 -> 3'

    Formula: W = integral |F - G| dx, over the population standard deviation of the reference.
    Corrected: sqrt(W^2 - E^2) with E = sqrt(2/pi (1/n + 1/N)) integral sqrt(G (1 - G)) dx, the mean
    of W without drift. Source: Vaserstein 1969; del Barrio, Giné and Matrán 1999 (Ann. Prob. 27).
    """
    joint = pieces.joint(reference, current)
    area = pieces.area(joint)
    value, noise = in_deviations((area, pieces.area_noise(joint)), joint, reference, scale=scale)
    return Stat(
        value,
        corrected=excess(value, noise),
        n_reference=reference.n,
        n_current=current.n,
        where=_path(joint, area, reference, current) if value else "",
        noise=Noise(noise, floor=noise),
    )


@check(NumericProfile, warning=0.1, critical=0.25, minimum=100, default=False)
def energy(reference: NumericProfile, current: NumericProfile, *, scale: bool = True) -> Stat:
    """How far the distributions are apart, with less weight on far tails than ``wasserstein``.

    In roots of the reference's standard deviation (with ``scale`` off, of the column's unit); for a
    constant reference as in ``wasserstein``.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([0.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([2.0]), NumericPlan())
    >>> energy.compute(then, now, scale=False).value
    2.0

    Formula: sqrt(2 integral (F - G)^2 dx). Corrected: its square less the mean without drift,
    2 (1/n + 1/N) integral G (1 - G) dx. Source: Székely and Rizzo 2013 (J. Stat. Plan. Inf. 143).
    """
    joint = pieces.joint(reference, current)
    squares = 2.0 * pieces.squared_area(joint), 2.0 * pieces.squared_area_noise(joint)
    square, noise = in_deviations(squares, joint, reference, scale=scale)
    value = math.sqrt(square)
    return Stat(
        value,
        corrected=excess(value, math.sqrt(noise)),
        n_reference=reference.n,
        n_current=current.n,
        where=_path(joint, pieces.area(joint), reference, current) if value else "",
        noise=Noise(math.sqrt(noise / 2.0)),  # exact for a shift of logistic values
    )


@check(NumericProfile, minimum=100, default=False)
def cramer_von_mises(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The mean squared difference of the two distribution functions over all values.

    0 for equal distributions, 1/3 at most between two large continuous samples of one size.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([1.0, 2.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([3.0, 4.0]), NumericPlan())
    >>> cramer_von_mises.compute(then, now).value
    0.375

    Formula: omega^2 = mean of (F - G)^2 over the pooled values. Corrected: less (1/n + 1/N)/6, its
    mean without drift; the p-value is the limit for n N / (n + N) omega^2 (for continuous columns).
    The variance is that without drift, (1/n + 1/N)^2 / 45, and 4 / pi^2 (1/n + 1/N) omega^2 at
    most of a drift. Source: Anderson and Darling 1952; Anderson 1962 (Ann. Math. Stat. 33).
    """
    joint = pieces.joint(reference, current)
    value = pieces.mean_squared_gap(joint, current.n / (current.n + reference.n))
    _, place = pieces.largest_gap(joint)
    return Stat(
        value,
        corrected=value - joint.noise / 6.0,
        p_value=square_p_value(value / joint.noise),
        n_reference=reference.n,
        n_current=current.n,
        where=f"at {figure(place)}" if value else "",
        noise=Noise(joint.noise / math.sqrt(45.0), 4.0 / math.pi**2 * joint.noise),
    )


def _p_value(
    gap: float, joint: Pieces, reference: NumericProfile, current: NumericProfile
) -> float:
    both = reference.n + current.n
    untied = len(joint.low) == both and reference.exact is not None and current.exact is not None
    if untied and both <= _FEW:
        return exact_gap_p_value(gap, *sorted((reference.n, current.n)))
    return gap_p_value(gap, joint.noise)


def in_deviations(
    lengths: Sequence[float], joint: Pieces, reference: NumericProfile, *, scale: bool
) -> list[float]:
    """Lengths on the axis in deviations of the reference or, without ``scale``, as they are.

    Never more than the largest double, and 0 stays 0 whatever the deviation.
    """
    if not scale:
        return [min(length * joint.unit, sys.float_info.max) for length in lengths]
    deviation = reference.sd / joint.unit or pieces.pooled_sd(joint)
    return [_over(length, deviation) for length in lengths]


def _over(length: float, deviation: float) -> float:
    if not length:
        return 0.0
    return min(length / deviation, sys.float_info.max) if deviation else sys.float_info.max


def _path(joint: Pieces, area: float, reference: NumericProfile, current: NumericProfile) -> str:
    """How the values moved, and whether their way beyond the reference's range is known roughly."""
    told = _shift(joint, area, reference, current)
    between_edges = reference.plan.edges and (reference.exact is None or current.exact is None)
    return f"{told} ({_BOUNDED})" if between_edges else told


def _shift(joint: Pieces, area: float, reference: NumericProfile, current: NumericProfile) -> str:
    """The direction in which values moved, and the quantile (or the end) that moved most."""
    signed = float(joint.width @ (joint.before + joint.after) / 2.0 + joint.gap @ joint.after)
    balance = -signed / area
    direction = "reshaped"
    if abs(balance) > _MAINLY:
        direction = "shifted up" if balance > 0 else "shifted down"
    then = pieces.quantiles(joint, joint.reference, _QUANTILES)
    now = pieces.quantiles(joint, joint.current, _QUANTILES)
    moves = np.abs(now / joint.unit - then / joint.unit)
    worst = int(np.argmax(moves))
    if moves.mean() > _MAINLY * area:
        place = f"most at the {100 * _QUANTILES[worst]:.0f} % quantile"
        return f"{direction}, {place}: {figure(then[worst])} -> {figure(now[worst])}"
    ends = (
        ("lowest", reference.minimum, current.minimum),
        ("highest", reference.maximum, current.maximum),
    )
    name, first, last = max(ends, key=lambda end: abs(end[2] / 2.0 - end[1] / 2.0))
    return (
        f"{direction}, the {name} value: {figure(first)} -> {figure(last)}"
        if first != last
        else direction
    )
