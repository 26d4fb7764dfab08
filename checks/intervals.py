"""Intervals: how far a measured number may lie from the truth, from counts and sums alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit, ndtr, ndtri, stdtrit

from checks.check import Stat
from checks.grid import Counts, Floats

Z_SHOWN = float(ndtri(0.975))
"""Half width of the interval that is shown: two-sided 95 %."""

Z_JUDGED = float(ndtri(0.99))
"""Half width of the interval that judging uses: one-sided 99 %."""

_AUC_EDGE = 1e-4


class Interval(NamedTuple):
    """Both ends of an interval."""

    low: float
    high: float


def measured(
    value: float,
    interval: Callable[[float], Interval],
    *,
    corrected: float | None = None,
    n_reference: int = 0,
    n_current: int = 0,
    where: str = "",
    scale: float | None = None,
) -> Stat:
    """A number with the interval that is shown and the one that it is judged by.

    ``interval`` gives the ends for a half width in standard errors; an infinite end is not known.

    >>> stat = measured(0.9, lambda z: wilson(90, 100, z))
    >>> [round(end, 3) for end in (stat.floor, stat.low, stat.high, stat.ceiling)]
    [0.808, 0.826, 0.945, 0.95]
    """
    low, high, floor, ceiling = map(_known, (*interval(Z_SHOWN), *interval(Z_JUDGED)))
    return Stat(
        value,
        corrected,
        low=low,
        high=high,
        floor=floor,
        ceiling=ceiling,
        n_reference=n_reference,
        n_current=n_current,
        where=where,
        scale=scale,
    )


def _known(end: float) -> float | None:
    return end if math.isfinite(end) else None


def share_of(hits: float, n: float, *, n_reference: int = 0, where: str = "") -> Stat:
    """A share of n > 0 cases, with Wilson's interval.

    >>> stat = share_of(90, 100)
    >>> round(stat.low, 3), stat.value, round(stat.high, 3)
    (0.826, 0.9, 0.945)
    """
    return measured(
        hits / n,
        lambda z: wilson(hits, n, z),
        n_reference=n_reference,
        n_current=int(n),
        where=where,
    )


def mean_of(
    total: float, squares: float, n: float, *, n_reference: int = 0, where: str = ""
) -> Stat:
    """The mean of n > 0 values that are not negative, with the interval of ``mean``, from 0 on.

    >>> stat = mean_of(6.0, 14.0, 3)
    >>> stat.low, stat.value, round(stat.high, 4)
    (0.0, 2.0, 4.4841)
    """

    def interval(z: float) -> Interval:
        low, high = mean(total, squares, n, z)
        return Interval(max(low, 0.0), high)

    return measured(total / n, interval, n_reference=n_reference, n_current=int(n), where=where)


def mean_share_of(
    total: float, squares: float, n: int, *, n_reference: int = 0, where: str = ""
) -> Stat:
    """The mean of n > 0 values from 0 to 1, with the interval of ``mean`` as far as it lies there.

    Where all are 0 or all are 1 they tell nothing of the others, and the interval is Wilson's.

    >>> stat = mean_share_of(2.5, 2.25, 3)
    >>> round(stat.value, 4), stat.high, mean_share_of(3.0, 3.0, 3).high
    (0.8333, 1.0, 1.0)
    """
    value = min(total / n, 1.0)
    if value in (0.0, 1.0):
        return share_of(value * n, n, n_reference=n_reference, where=where)

    def interval(z: float) -> Interval:
        low, high = mean(total, squares, n, z)
        return Interval(max(low, 0.0), min(high, 1.0))

    return measured(value, interval, n_reference=n_reference, n_current=n, where=where)


def proven(count: int, n: int, *, n_reference: int = 0, where: str = "") -> Stat:
    """A share of broken cases, of which only the presence asks for proof.

    It has no upper bound to be judged by: without a case it is fine, however few were looked at.

    >>> stat = proven(1, 100)
    >>> round(stat.floor, 4), stat.ceiling
    (0.0014, None)
    """
    if not n:
        return Stat(0.0, n_reference=n_reference)
    (low, high), (floor, _) = wilson(count, n, Z_SHOWN), wilson(count, n, Z_JUDGED)
    return Stat(
        count / n,
        low=low,
        high=high,
        floor=floor,
        n_reference=n_reference,
        n_current=n,
        where=where,
    )


def counted(count: int, n: int, what: str, example: str = "") -> str:
    """How many cases there were, and one of them.

    >>> counted(2, 1000, "rows", "a17")
    "2 of 1,000 rows, such as 'a17'"
    """
    if not count:
        return ""
    return f"{count:,} of {n:,} {what}" + (f", such as {example!r}" if example else "")


def wilson(k: float, n: float, z: float) -> Interval:
    """Interval of a share: k hits among n > 0 (Wilson, 1927).

    (p + z²/2n ∓ z √(p(1-p)/n + z²/4n²)) / (1 + z²/n) with p = k/n. With z = 2 and 8 hits among 12
    that is (10 ∓ 2 √(8·4/12 + 1)) / 16:

    >>> [round(end, 6) for end in wilson(8, 12, 2.0)]
    [0.385643, 0.864357]
    """
    middle, spread = k + z * z / 2, z * float(np.sqrt(k * (n - k) / n + z * z / 4))
    low, high = (middle - spread) / (n + z * z), (middle + spread) / (n + z * z)
    return Interval(0.0 if k == 0 else low, 1.0 if k == n else high)


def mean_of_shares(hits: Counts | Floats, trials: Counts | Floats, z: float) -> Interval:
    """Interval of the mean of independent shares, of each of which hits and trials > 0 are known.

    mean ∓ √Σ d_k² / K, d_k the distance of share k to the end of its Wilson interval (Newcombe,
    1998). Of one share that is Wilson's own:

    >>> [round(end, 6) for end in mean_of_shares(np.array([8]), np.array([12]), 2.0)]
    [0.385643, 0.864357]
    """
    ends = [wilson(*each, z) for each in zip(hits.tolist(), trials.tolist(), strict=True)]
    shares, (low, high) = hits / trials, np.array(ends).T
    below, above = (float(np.sqrt(np.sum((shares - end) ** 2))) for end in (low, high))
    centre = float(shares.sum())
    return Interval((centre - below) / len(hits), (centre + above) / len(hits))


def f1(tp: float, fp: float, fn: float, z: float) -> Interval:
    """Interval of F1 through that of the Jaccard index J = tp/(tp+fp+fn), as F1 = 2J/(1+J).

    J is a share of the tp+fp+fn > 0 rows in play, so its interval is Wilson's; F1 rises with J, so
    both ends carry over (compare Takahashi et al., 2022, whose delta method covers worse). J of 8
    among 12 lies in 0.385643 .. 0.864357:

    >>> [round(end, 6) for end in f1(8, 2, 2, 2.0)]
    [0.556627, 0.927244]
    """
    low, high = wilson(tp, tp + fp + fn, z)
    return Interval(2 * low / (1 + low), 2 * high / (1 + high))


def mean(total: float, squares: float, n: float, z: float) -> Interval:
    """Interval of a mean from the sum and the sum of squares of n values (Student, 1908).

    mean ∓ t √(s²/n), s² with n - 1 in its denominator, t the quantile of Student's distribution
    at the level of z; of one value nothing is known. For 1, 2, 3 that is 2 ∓ 4.3027 / √3:

    >>> [round(end, 4) for end in mean(6.0, 14.0, 3, Z_SHOWN)]
    [-0.4841, 4.4841]
    """
    if n <= 1:
        return Interval(-math.inf, math.inf)
    centre = total / n
    variance = max(squares / n - centre * centre, 0.0) / (n - 1)
    half = _student(n, z) * float(np.sqrt(variance))
    return Interval(centre - half, centre + half)


def rmse(squares: float, fourth: float, n: float, z: float) -> Interval:
    """Interval of a root mean square from the sums of squares and fourth powers of n errors.

    Delta method on the logarithm: RMSE exp(∓h), h = t se(MSE) / (2 MSE). Errors 1, 1, 1, 2 have
    squares with mean 7/4 and standard error 3/4, so that h = 3.1824 · 3/14 about √(7/4). Too short
    where errors have heavy tails (see ``kurtosis``).

    >>> [round(end, 4) for end in rmse(7.0, 19.0, 4, Z_SHOWN)]
    [0.6689, 2.6163]
    """
    if n <= 1:
        return Interval(0.0, math.inf)
    mse = squares / n
    if mse == 0.0:
        return Interval(0.0, 0.0)
    relative = max(kurtosis(squares, fourth, n) - 1.0, 0.0) / (n - 1)
    half = _student(n, z) * float(np.sqrt(relative)) / 2
    return Interval(float(np.sqrt(mse) * np.exp(-half)), float(np.sqrt(mse) * np.exp(half)))


def kurtosis(squares: float, fourth: float, n: float) -> float:
    """Fourth moment of n errors about zero over the square of the second: 3 for normal errors.

    >>> kurtosis(4.0, 4.0, 4)
    1.0
    """
    return fourth / squares / (squares / n) if squares else 0.0


def delong(positives: Counts | Floats, negatives: Counts | Floats) -> tuple[float, float]:
    """Area under the ROC curve and its variance, from counts per score cell in ascending order.

    DeLong, DeLong & Clarke-Pearson (1988) with each cell as one tied score: the share V of
    negatives below a positive (ties half) varies among positives, the share U of positives above
    a negative among negatives, and var = var(V)/P + var(U)/Q. Of the six pairs here the positives
    in the second and third cell win five and a half:

    >>> area, variance = delong(np.array([0, 1, 1]), np.array([2, 1, 0]))
    >>> round(area * 6, 9), round(variance, 9)
    (5.5, 0.013888889)
    """
    p, q = float(positives.sum()), float(negatives.sum())
    below = (np.cumsum(negatives) - negatives / 2) / q
    above = 1 - (np.cumsum(positives) - positives / 2) / p
    area = float(positives @ below) / p
    spread_p = float(positives @ (below - area) ** 2) / p
    spread_q = float(negatives @ (above - area) ** 2) / q
    return area, spread_p / max(p - 1, 1) + spread_q / max(q - 1, 1)


def auc(positives: Counts | Floats, negatives: Counts | Floats, z: float) -> Interval:
    """Interval of the area under the ROC curve: DeLong's standard error on the logit scale.

    Where the classes are apart altogether that error is 0 and says nothing: then the smaller class
    counts as so many trials without a failure.

    >>> apart = np.array([0, 30]), np.array([40, 0])
    >>> [round(end, 4) for end in auc(*apart, 2.0)]
    [0.8824, 1.0]
    """
    trials = round(float(min(positives.sum(), negatives.sum())))
    return area_within(*delong(positives, negatives), trials, z)


def weighted_area(by_score: Floats) -> tuple[float, float]:
    """Area under the ROC curve of weighted rows, and its variance.

    ``by_score[b, y, k]`` sums the weights (k = 0) and their squares (k = 1) of rows of class y in
    the score cell b, in ascending order. As ``delong`` has it, with Σw²(V - A)²/(Σw)² n/(n - 1) for
    the variance of either class, n the rows that it is worth; with equal weights that is DeLong's.

    >>> cells = np.array([[[2.0, 2.0], [0, 0]], [[1, 1], [1, 1]], [[0, 0], [1, 1]]])
    >>> round(weighted_area(cells)[0] * 6, 9)
    5.5
    """
    (negatives, squares_n), (positives, squares_p) = np.moveaxis(by_score, 0, -1)
    p, q = float(positives.sum()), float(negatives.sum())
    below = (np.cumsum(negatives) - negatives / 2) / q
    above = 1 - (np.cumsum(positives) - positives / 2) / p
    area = float(positives @ below) / p
    spread_p = float(squares_p @ (below - area) ** 2) / p / p
    spread_q = float(squares_n @ (above - area) ** 2) / q / q
    worth_p, worth_q = p * p / float(squares_p.sum()), q * q / float(squares_n.sum())
    return area, spread_p * _unbiased(worth_p) + spread_q * _unbiased(worth_q)


def _unbiased(n: float) -> float:
    return n / max(n - 1.0, 1.0)


def area_within(area: float, variance: float, trials: float, z: float) -> Interval:
    """The same of an area and its variance; the smaller class has so many ``trials``."""
    if area in (0.0, 1.0):
        return wilson(area * trials, trials, z)
    centre = float(np.clip(area, _AUC_EDGE, 1 - _AUC_EDGE))
    half = z * float(np.sqrt(variance)) / (centre * (1 - centre))
    low, high = expit(logit(centre) - half), expit(logit(centre) + half)
    return Interval(min(float(low), area), max(float(high), area))


def _student(n: float, z: float) -> float:
    """The quantile of Student's distribution that stands where z stands among the normal ones."""
    return float(stdtrit(n - 1, ndtr(z)))
