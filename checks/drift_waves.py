"""Drift of numeric columns by their characteristic functions: means of waves over them."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from checks import pieces
from checks.check import Stat, check
from checks.drift_categorical import CHI_SQUARE
from checks.grid import Floats
from checks.pieces import Pieces
from checks.profile import NumericProfile

_POINTS = (0.4, 0.8)
_FARTHEST = 1e9  # half-widths from the middle beyond which a wave has no meaning left


@check(NumericProfile, minimum=100, default=False)
def epps_singleton(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The Epps-Singleton statistic, for whether both sides are samples of one whole, ties or not.

    Its p-value holds for counts and rounded numbers too, for which that of ``ks`` is too cautious.
    It grows with the number of rows, so it has no limit of its own: read the p-value. Exact while
    both sides keep their distinct values, from the middles of cells otherwise (within 2 %, though
    10 % where tails are as heavy as Cauchy's).

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.repeat(np.arange(4.0), 25), NumericPlan())
    >>> now = NumericProfile.of(np.repeat(np.arange(4.0), [10, 40, 40, 10]), NumericPlan())
    >>> stat = epps_singleton.compute(then, now)
    >>> round(stat.value, 4), round(stat.p_value, 4)
    (19.7802, 0.0002)

    Formula: d' S^+ d / (1/n + 1/N), d being the differences of the mean cosines and sines of
    0.4 x / s and 0.8 x / s, S their covariance over both sides together, and s half the
    interquartile range of these (where that is 0, their standard deviation); as many degrees of
    freedom as S has ranks.
    The source adds the covariances of both sides instead, each over its own n, and then a small
    window beside a large reference alarms far too often: at p < 0.01 in more than 13 % of windows
    without drift for 100 rows against 5,000, where this does in 1 to 2 %. For sides of one size n
    its statistic W becomes W / (1 + W / 2n) here. Source: Epps and Singleton 1986 (J. Stat. Comput.
    Simul. 26); Goerg and Kaiser 2009 (Stata J. 9).
    """
    joint = pieces.joint(reference, current)
    share = current.n / (current.n + reference.n)
    pooled = share * joint.current + (1.0 - share) * joint.reference
    waves = _waves(joint, pooled * (current.n + reference.n))
    waves -= pooled @ waves
    spread = waves.T @ (waves * pooled[:, None])
    apart = (joint.current - joint.reference) @ waves
    freedom = int(np.linalg.matrix_rank(spread))
    value = max(float(apart @ np.linalg.pinv(spread) @ apart), 0.0) / joint.noise
    return Stat(
        value,
        p_value=float(chdtrc(freedom, value)) if freedom else 1.0,
        n_reference=reference.n,
        n_current=current.n,
        noise=CHI_SQUARE,
    )


def _waves(joint: Pieces, rows: Floats) -> Floats:
    """Cosines and sines (pieces x 4) at the middles of pieces, measured from the middle of all."""
    low, centre, high = _pooled_quantiles(joint, rows, np.array([0.25, 0.5, 0.75]))
    middles = joint.low / 2.0 + joint.high / 2.0
    width = (high - low) / 2.0 or pieces.pooled_sd(joint) or 1.0
    with np.errstate(over="ignore"):
        away = np.clip((middles - centre) / width, -_FARTHEST, _FARTHEST)
    angles = np.outer(away, _POINTS)
    return np.concatenate((np.cos(angles), np.sin(angles)), axis=1)


def _pooled_quantiles(joint: Pieces, rows: Floats, at: Floats) -> Floats:
    """Quantiles of both sides together, linear between neighbours in rank."""
    until = np.cumsum(rows)
    ranks = at * (until[-1] - 1.0)
    middles = joint.low / 2.0 + joint.high / 2.0
    below, above = (
        middles[np.minimum(np.searchsorted(until - 0.5, rank), len(rows) - 1)]
        for rank in (np.floor(ranks), np.ceil(ranks))
    )
    part: Floats = below + (ranks - np.floor(ranks)) * (above - below)
    return part
