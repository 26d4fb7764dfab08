"""Noise: how large a distance is without any drift, and how that is taken out of one."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import gammaln, kolmogorov, kv

MEAN_SQUARED_GAP = math.pi**2 / 12.0
"""Mean of the squared Kolmogorov distribution: what n N / (n + N) KS^2 is without any drift."""
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
