"""Drift of numeric columns by the order of their values: no unit, and no outlier, matters."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import ndtr

from checks import intervals, pieces
from checks.check import Noise, Stat, check
from checks.grid import Floats
from checks.intervals import Interval, measured
from checks.noise import MEAN_SQUARED_RANGE, excess, range_p_value, tail_p_value
from checks.pieces import Pieces
from checks.profile import NumericProfile
from checks.text import figure

_DEVIATION = math.sqrt(2.0 * (math.pi**2 - 9.0) / 3.0)
"""Standard deviation of the limit of the Anderson-Darling statistic, the mean of which is 1."""


@check(NumericProfile, warning=0.15, critical=0.25, minimum=100, default=False)
def kuiper(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The largest surplus of rows between any two values, as a share of the rows.

    Like ``ks``, and as sensitive to a change of spread as to a shift: 0 for equal distributions, 1
    where the sides do not overlap. ``where`` names the two values. Exact while both sides keep
    their distinct values, within 1e-3 otherwise.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([1.0, 4.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([2.0, 3.0]), NumericPlan())
    >>> stat = kuiper.compute(then, now)
    >>> stat.value, stat.where
    (1.0, 'more rows from 1 to 3')

    Formula: V = max (F - G) + max (G - F). Corrected: sqrt(V^2 - (pi^2 / 6) (1/n + 1/N)), which
    takes out the mean of V^2 without drift. The p-value is that of the two-sample test for
    continuous columns. Source: Kuiper 1960 (Proc. KNAW A 63); Stephens 1970.
    """
    joint = pieces.joint(reference, current)
    least, most = int(np.argmin(joint.after)), int(np.argmax(joint.after))
    above, below = max(float(joint.after[most]), 0.0), max(-float(joint.after[least]), 0.0)
    value = min(above + below, 1.0)
    return Stat(
        value,
        corrected=excess(value, math.sqrt(MEAN_SQUARED_RANGE * joint.noise)),
        p_value=range_p_value(value, joint.noise),
        n_reference=reference.n,
        n_current=current.n,
        where=_between(joint, least if below else -1, most if above else -1) if value else "",
        # Half of the mean square: under a shift the other side of F - G makes up for the rest.
        noise=Noise(
            math.sqrt(joint.noise) / 2.0, floor=math.sqrt(MEAN_SQUARED_RANGE * joint.noise / 2.0)
        ),
    )


def _between(joint: Pieces, least: int, most: int) -> str:
    """Where the current side has its surplus, from where F - G is least to where it is most.

    -1 stands for an end of the axis, at which F - G is 0.
    """
    ends = [figure(float(joint.high[place]) * joint.unit) for place in (least, most)]
    if most < 0:
        return f"more rows above {ends[0]}"
    if least < 0:
        return f"more rows up to {ends[1]}"
    if least < most:
        return f"more rows from {ends[0]} to {ends[1]}"
    return f"fewer rows from {ends[1]} to {ends[0]}"


@check(NumericProfile, minimum=100, default=False)
def anderson_darling(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The mean squared difference of the distribution functions, tails weighing as much as middles.

    0 for equal distributions, about 1.5 for large samples of one size that do not overlap.
    ``where`` is the value that contributes most. Exact while both sides keep their distinct values,
    within 2 % (or 2 % of its noise) otherwise.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([1.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([2.0]), NumericPlan())
    >>> stat = anderson_darling.compute(then, now)
    >>> stat.value, stat.where
    (2.0, 'at 1')

    Formula: the mean of (F - G)^2 / (H (1 - H)) over the pooled values, H being their distribution
    function, each tied value counting half of itself (A^2_a of the source is n N / (n + N) times
    that). Corrected: less 1/n + 1/N, its mean without drift. The p-value is the limit of A^2_a for
    continuous columns, too cautious where values are tied. Its variance is that of the limit, and
    2 (1/n + 1/N) times the value at most of a drift. Source: Anderson and Darling 1952 (Ann. Math.
    Stat. 23); Scholz and Stephens 1987 (J. Am. Stat. Assoc. 82); Marsaglia and Marsaglia 2004.
    """
    joint = pieces.joint(reference, current)
    n, other = current.n, reference.n
    pooled = (n * joint.current + other * joint.reference) / (n + other)
    middle = np.cumsum(pooled) - pooled / 2.0
    tied = np.where(joint.width > 0.0, 0.0, pooled / 4.0)
    weight = np.maximum(middle * (1.0 - middle) - tied, 0.0)
    square = (joint.before / 2.0 + joint.after / 2.0) ** 2
    terms = np.where(weight > 0.0, square / np.where(weight > 0.0, weight, 1.0), 0.0) * pooled
    value = float(terms.sum()) * (n + other - 1) / (n + other)
    place = float(joint.high[int(np.argmax(terms))]) * joint.unit
    return Stat(
        value,
        corrected=value - joint.noise,
        p_value=tail_p_value(value / joint.noise),
        n_reference=reference.n,
        n_current=current.n,
        where=f"at {figure(place)}" if value else "",
        noise=Noise(joint.noise * _DEVIATION, 2.0 * joint.noise),
    )


@check(NumericProfile, direction="both", slack=(0.07, 0.16), minimum=100, default=False)
def mann_whitney(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The probability that a current value is above one of the reference, ties counting half.

    0.5 for equal distributions, 1 where all current values are above all of the reference, 0 where
    all are below. By custom a distance of 0.07 from 0.5 is small, 0.16 medium and 0.24 large. Exact
    while both sides keep their distinct values, within 1e-4 otherwise.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([1.0, 2.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([2.0, 3.0]), NumericPlan())
    >>> stat = mann_whitney.compute(then, now)
    >>> stat.value, stat.where
    (0.875, 'mostly higher')

    Formula: U / (n N) = 1/2 - mean of F - G over the reference, with the interval of an area under
    the ROC curve, which it is. The p-value is that of the normal limit of U, corrected for ties and
    for continuity. Source: Mann and Whitney 1947 (Ann. Math. Stat. 18); DeLong et al. 1988; Romano
    et al. 2006.
    """
    joint = pieces.joint(reference, current)
    now, then = joint.current * current.n, joint.reference * reference.n
    lost = float(joint.reference @ (joint.before + joint.after)) / 2.0
    value = min(max(0.5 - lost, 0.0), 1.0)

    def interval(z: float) -> Interval:
        low, high = intervals.auc(now, then, z)
        return Interval(min(low, value), max(high, value))

    stat = measured(
        value,
        interval,
        n_reference=reference.n,
        n_current=current.n,
        where="mostly higher" if value > 0.5 else "mostly lower" if value < 0.5 else "",
    )
    ties = (now + then)[joint.width == 0.0]
    return replace(stat, p_value=_rank_p_value(value, reference.n, current.n, ties))


def _rank_p_value(share: float, n: int, other: int, ties: Floats) -> float:
    """Two-sided p-value of a share of won pairs; ``ties`` are the rows at each single value."""
    both = float(n + other)
    tied = float(np.sum(ties * (ties - 1.0) * (ties + 1.0))) / both / max(both - 1.0, 1.0)
    variance = float(n) * other / 12.0 * (both + 1.0 - tied)
    away = abs(share - 0.5) * n * other - 0.5
    if away <= 0.0 or variance <= 0.0:
        return 1.0
    return min(2.0 * float(ndtr(-away / math.sqrt(variance))), 1.0)
