"""Noise: how large a distance is without any drift, and how that is taken out of one."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, kolmogorov, kv

MEAN_SQUARED_GAP = math.pi**2 / 12.0
"""Mean of the squared Kolmogorov distribution: what n N / (n + N) KS^2 is without any drift."""
MEAN_SQUARED_RANGE = math.pi**2 / 6.0
"""The same of Kuiper's distance, the range of F - G."""
_FAR_TAIL = 8.0
_LEAST_SQUARE, _MOST_SQUARE = 1e-3, 6.0  # beyond, the p-value is 1 or 0 to thirteen digits


def excess(value: float, noise: float) -> float:
    """A distance less its noise, on the squared scale: sqrt(value^2 - noise^2), or 0 below it.

    Variances add, so a large distance stays as it is and a distance of mere noise becomes 0.

    >>> excess(0.5, 0.3), excess(0.1, 0.3), excess(1e200, 1.0)
    (0.4, 0.0, 1e+200)
    """
    if value <= noise:
        return 0.0
    return value * math.sqrt((1.0 - noise / value) * (1.0 + noise / value))


def gap_p_value(gap: float, noise: float) -> float:
    """Two-sample Kolmogorov-Smirnov p-value of a gap, ``noise`` being 1/n + 1/N.

    Stephens' correction of the limit for small samples (Stephens 1970, J. R. Stat. Soc. B 32);
    too cautious, never too bold, where values are tied.

    >>> gap_p_value(0.0, 0.02), round(gap_p_value(0.2, 0.02), 4)
    (1.0, 0.0314)
    """
    root = math.sqrt(1.0 / noise)
    return float(kolmogorov((root + 0.12 + 0.11 / root) * gap))


def exact_gap_p_value(gap: float, n: int, other: int) -> float:
    """The exact p-value of a gap between samples of ``n`` and ``other`` values without ties.

    The share of all orders of the values, each as likely as any without drift, that have so large a
    gap: a path goes up for a value of one side and right for one of the other, and leaves the band
    of smaller gaps or not. Takes time and memory for n + ``other`` steps of n numbers. Source:
    Hodges 1958 (Ark. Mat. 3).

    Of the twenty orders of three and three values two have a gap of 1:

    >>> round(exact_gap_p_value(1.0, 3, 3), 6), exact_gap_p_value(0.0, 3, 3)
    (0.1, 1.0)
    """
    limit = round(gap * n * other)
    up = np.arange(n + 1)
    left = np.full(n + 1, float(limit <= 0))  # the share of the paths to each point that left
    for step in range(1, n + other + 1):
        right = step - up
        left[1:] = (up[1:] * left[:-1] + right[1:] * left[1:]) / step
        left[np.abs(up * other - right * n) >= limit] = 1.0
    return float(left[n])


def range_p_value(distance: float, noise: float) -> float:
    """Two-sample p-value of Kuiper's distance, ``noise`` being 1/n + 1/N.

    With Stephens' correction of the limit for small samples (Stephens 1970, J. R. Stat. Soc. B 32).

    >>> range_p_value(0.0, 0.02), round(range_p_value(0.24, 0.02), 4)
    (1.0, 0.0514)
    """
    root = math.sqrt(1.0 / noise)
    squares = (np.arange(1, 101) * (root + 0.155 + 0.24 / root) * distance) ** 2
    terms = 2.0 * (4.0 * squares - 1.0) * np.exp(-2.0 * squares)
    near_zero = squares[0] < 0.16  # where the p-value is 1 to fifteen digits
    return 1.0 if near_zero else float(np.clip(terms.sum(), 0.0, 1.0))


def tail_p_value(statistic: float) -> float:
    """Limiting p-value of the Anderson-Darling statistic.

    Marsaglia and Marsaglia 2004 (J. Stat. Soft. 9); in the far tail, where theirs is good to six
    digits behind the point alone, that of its largest term, sqrt(3) erfc(sqrt(A^2)) (Zolotarev
    1961), which is 4 % too low at 8 and less beyond.

    >>> round(tail_p_value(2.492), 4), tail_p_value(0.0)
    (0.05, 1.0)
    """
    z = statistic
    if z <= 0.01:
        return 1.0
    if z > _FAR_TAIL:
        return math.sqrt(3.0) * math.erfc(math.sqrt(z))
    if z < 2.0:
        series = np.polyval((0.00168691, -0.011672, 0.0347962, -0.0649821, 0.247105, 2.00012), z)
        return 1.0 - math.exp(-1.2337141 / z) / math.sqrt(z) * float(series)
    series = np.polyval((-0.0003146, 0.008056, -0.082433, 0.43424, -2.30695, 1.0776), z)
    return -math.expm1(-math.exp(float(series)))


def square_p_value(statistic: float) -> float:
    """Limiting p-value of the Cramér-von Mises statistic n N / (n + N) x mean of (F - G)^2.

    The series of Csörgő and Faraway 1996 (J. R. Stat. Soc. B 58, equation 1.3).

    >>> round(square_p_value(0.46136), 4), square_p_value(0.0)
    (0.05, 1.0)
    """
    if not _LEAST_SQUARE < statistic < _MOST_SQUARE:
        return float(statistic <= _LEAST_SQUARE)
    k = np.arange(12)
    y = (4 * k + 1) ** 2 / (16.0 * statistic)
    log_terms = gammaln(k + 0.5) - gammaln(k + 1.0) - y
    terms = np.exp(log_terms) * np.sqrt(4.0 * k + 1.0) * kv(0.25, y)
    below = float(terms.sum()) / (math.pi**1.5 * math.sqrt(statistic))
    return float(np.clip(1.0 - below, 0.0, 1.0))
