"""Figures of a numeric column as such: latency, money, feedback and whatever else is logged."""

from __future__ import annotations

import math

import numpy as np

from checks import pieces
from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, mean, measured, share_of
from checks.profile import NumericProfile
from checks.text import figure

_FEWEST = 30
"""Values from which a mean is close to normal."""


@check(
    NumericProfile,
    slack=(0.25, 1.0),
    relative=True,
    minimum=_FEWEST,
    default=False,
    cause="figures",
)
def quantile(reference: NumericProfile, current: NumericProfile, *, share: float = 0.95) -> Stat:
    """The value that a ``share`` of the rows does not exceed, such as the 95 % quantile of latency.

    In the unit of the column. Exact while the column keeps its distinct values, within the width of
    a cell (0.8 % of the distance from the column's centre) otherwise.

    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.arange(1.0, 101.0), NumericPlan())
    >>> quantile.compute(profile, profile, share=0.5).value
    50.0

    Formula: F^-1(q), with the values of the ranks n q -+ z sqrt(n q (1 - q)) for interval.
    Source: Wilks 1948 (Bull. Am. Math. Soc. 54).
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share is {share:g}; give one between 0 and 1")
    _require(current)
    joint = pieces.joint(current, current)

    def value(at: float) -> float:
        place = np.array([min(max(at, 0.0), 1.0)])
        return float(pieces.quantiles(joint, joint.current, place)[0])

    def interval(z: float) -> Interval:
        half = z * math.sqrt(share * (1.0 - share) / current.n)
        low = value(share - half) if share - half > 0.0 else -math.inf
        return Interval(low, value(share + half) if share + half < 1.0 else math.inf)

    least = math.ceil(1.0 / min(share, 1.0 - share))
    stat = measured(value(share), interval, n_reference=reference.n, n_current=current.n)
    if current.n < least:
        reason = f"{current.n} values, {least} needed for the {share:.4g} quantile"
        raise NotEnoughData(reason, current.n, least, stat=stat)
    return stat


@check(
    NumericProfile,
    direction="both",
    warning=0.1,
    critical=0.25,
    minimum=_FEWEST,
    default=False,
    cause="figures",
)
def mean_change(reference: NumericProfile, current: NumericProfile) -> Stat:
    """By which share of itself the mean has changed: 0.1 is 10 % more, -0.5 half as much.

    For amounts that are not negative, such as money or seconds: a mean of 0 or below has no shares.
    ``mean_shift`` tells the same in standard deviations.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([10.0, 20.0, 30.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([20.0, 30.0, 40.0]), NumericPlan())
    >>> stat = mean_change.compute(then, now)
    >>> stat.value, stat.where
    (0.5, 'mean 20 -> 30')

    Formula: mean now / mean then - 1. The interval is that of the logarithm of the ratio, with the
    squared error (sd now / mean now)^2 / n + (sd then / mean then)^2 / N (delta method).
    Source: Fieller 1954 (J. R. Stat. Soc. B 16) for the ratio; Lewis et al. 1984 for the logarithm.
    """
    for profile, whose in ((reference, "reference"), (current, "current window")):
        _require(profile, f" in the {whose}")
        if not profile.mean > 0.0:
            reason = f"the mean of the {whose} is {figure(profile.mean)}: it has no shares"
            raise NotEnoughData(reason, among=profile.n)
    ratio = current.mean / reference.mean
    error = math.hypot(_relative_error(reference), _relative_error(current))

    def interval(z: float) -> Interval:
        reach = math.exp(min(z * error, 700.0))
        return Interval(ratio / reach - 1.0, ratio * reach - 1.0)

    if not math.isfinite(ratio):
        raise NotEnoughData("the means lie too far apart for a ratio", among=current.n)
    return measured(
        ratio - 1.0,
        interval,
        n_reference=reference.n,
        n_current=current.n,
        where=f"mean {figure(reference.mean)} -> {figure(current.mean)}" if ratio != 1.0 else "",
    )


@check(
    NumericProfile,
    slack=(0.25, 1.0),
    relative=True,
    minimum=_FEWEST,
    default=False,
    cause="figures",
)
def mean_value(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The mean of a column in its own unit, where more is worse: cost, delay, retries.

    Where less is worse, or both, use ``mean_change``. The interval is that of a mean (Student,
    1908), so heavy tails make it wide.

    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.array([1.0, 2.0, 6.0]), NumericPlan())
    >>> mean_value.compute(profile, profile).value
    3.0

    Formula: sum of the values / their number.
    """
    _require(current)
    centre, spread, n = current.mean, current.sd, current.n

    def interval(z: float) -> Interval:
        low, high = mean(0.0, n * spread * spread, n, z)
        return Interval(centre + low, centre + high)

    return measured(centre, interval, n_reference=reference.n, n_current=n)


@check(NumericProfile, slack=(0.01, 0.05), unit="ratio", minimum=1, default=False, cause="figures")
def share_above(reference: NumericProfile, current: NumericProfile, *, limit: float = 0.0) -> Stat:
    """Share of values above a ``limit`` of yours: time-outs, negative margins, overdrawn accounts.

    +inf is above any limit. Exact while the column keeps its distinct values, and within the share
    of the cell that holds the limit otherwise.

    >>> from checks.plan import NumericPlan
    >>> seconds = NumericProfile.of(np.array([0.2, 0.3, 5.0, 30.0]), NumericPlan())
    >>> share_above.compute(seconds, seconds, limit=5.0).value
    0.25

    Formula: values > limit / all values, with Wilson's interval. Source: Wilson 1927.
    """
    return _share(
        current.n - _up_to(current, limit, itself=True) + current.above, reference, current
    )


@check(NumericProfile, slack=(0.01, 0.05), unit="ratio", minimum=1, default=False, cause="figures")
def share_below(reference: NumericProfile, current: NumericProfile, *, limit: float = 0.0) -> Stat:
    """Share of values below a ``limit`` of yours, as ``share_above`` has those above one.

    -inf is below any limit.

    >>> from checks.plan import NumericPlan
    >>> margin = NumericProfile.of(np.array([-3.0, 0.0, 2.0, 8.0]), NumericPlan())
    >>> share_below.compute(margin, margin).value
    0.25

    Formula: values < limit / all values, with Wilson's interval. Source: Wilson 1927.
    """
    return _share(_up_to(current, limit, itself=False) + current.below, reference, current)


def _share(found: float, reference: NumericProfile, current: NumericProfile) -> Stat:
    n = current.n + current.above + current.below
    if not n:
        raise NotEnoughData("no values in the current window")
    where = f"about {round(found):,} of {n:,} values" if found else ""
    return share_of(found, n, n_reference=reference.n, where=where)


def _up_to(profile: NumericProfile, limit: float, *, itself: bool) -> float:
    """Finite values below ``limit``, and those at it where it counts ``itself``.

    Not in whole numbers where a cell was cut.
    """
    if math.isnan(limit):
        raise ValueError("limit is NaN; give a number")
    if not profile.n or limit < profile.minimum or (limit == profile.minimum and not itself):
        return 0.0
    if limit > profile.maximum or (limit == profile.maximum and itself):
        return float(profile.n)
    joint = pieces.joint(profile, profile)
    at = limit / joint.unit
    wide = joint.width > 0.0
    points = (joint.low <= at) if itself else (joint.low < at)
    inside = np.where(wide, (at - joint.low) / np.where(wide, joint.width, 1.0), points)
    below = float(np.clip(inside, 0.0, 1.0) @ joint.current) * profile.n
    # Both extremes are known exactly: one value at least lies on each side.
    return min(max(below, 1.0), profile.n - 1.0)


def _relative_error(profile: NumericProfile) -> float:
    """The standard error of a mean as a share of it."""
    n = profile.n
    return profile.sd / profile.mean / math.sqrt(n - 1) if n > 1 else math.inf


def _require(profile: NumericProfile, whose: str = " in the current window") -> None:
    if not profile.n:
        raise NotEnoughData(f"no values{whose}")
    if not math.isfinite(profile.sd):
        raise NotEnoughData(f"values too large for sums{whose}", among=profile.n)
