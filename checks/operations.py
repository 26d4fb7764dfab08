"""Figures of a service: requests in a second, sums, ratios of two columns, answers of a kind."""

from __future__ import annotations

import math

import numpy as np

from checks.check import NotEnoughData, Stat, check
from checks.intervals import Interval, measured, share_of
from checks.joint import JointMoments
from checks.log import LogProfile
from checks.profile import CategoricalProfile, NumericProfile
from checks.text import figure

_FEWEST = 30
"""Rows from which a ratio of sums is close to normal."""

_CLEAR = 4.0
"""Standard errors that the sum of a denominator must be away from 0."""

_SHOWN = 5


@check(
    LogProfile,
    direction="both",
    slack=(0.5, 0.9),
    relative=True,
    unit="rows per second",
    cause="volume",
    default=False,
)
def row_rate(reference: LogProfile, current: LogProfile) -> Stat:
    """Rows per second of window: the throughput of a service that logs each request.

    Unlike ``row_count`` it means the same for windows of any length, and both more and less than
    usual counts. The interval is the score interval of a Poisson rate.

    Formula: k / T, (k + z²/2 -+ z √(k + z²/4)) / T for interval. Source: Rao 1948.

    >>> hour = LogProfile.of_window(7200, 0.0, 3599.0, 3600.0, span=3600.0)
    >>> row_rate.compute(hour, hour).value
    2.0
    """
    seconds, rows = current.span * current.windows, current.rows
    if not seconds > 0.0:
        raise NotEnoughData("the length of the window is not known")

    def interval(z: float) -> Interval:
        middle, spread = rows + z * z / 2, z * math.sqrt(rows + z * z / 4)
        return Interval(max(middle - spread, 0.0) / seconds, (middle + spread) / seconds)

    return measured(rows / seconds, interval, n_reference=reference.rows, n_current=rows)


@check(NumericProfile, minimum=1, default=False, cause="figures")
def sum_value(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The sum of a column over the window, where more is worse: cost, tokens, bytes, retries.

    It grows with the window and its rows, so that only limits of your own make sense; where less is
    worse, use ``sum_low``. The interval is that of a sum of so many values as chance brings.

    Formula: Σ x, -+ z √(Σ x²). Source: Ross 1996, on compound Poisson sums.

    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.array([1.0, 2.0, 6.0]), NumericPlan())
    >>> sum_value.compute(profile, profile).value
    9.0
    """
    return _sum(reference, current)


@check(NumericProfile, direction="below", minimum=1, default=False, cause="figures")
def sum_low(reference: NumericProfile, current: NumericProfile) -> Stat:
    """The sum of a column over the window, where less is worse: revenue, sales, clicks.

    As ``sum_value``, but for the side on which a limit of yours is broken.

    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.array([1.0, 2.0, 6.0]), NumericPlan())
    >>> sum_low.compute(profile, profile).value
    9.0

    Formula: Σ x, -+ z √(Σ x²). Source: Ross 1996, on compound Poisson sums.
    """
    return _sum(reference, current)


@check(
    CategoricalProfile,
    slack=(0.05, 0.2),
    unit="ratio",
    minimum=1,
    default=False,
    cause="figures",
)
def level_share(
    reference: CategoricalProfile,
    current: CategoricalProfile,
    *,
    level: str = "",
    without: bool = False,
) -> Stat:
    """Share of values that are one ``level``, where more is worse: errors, time-outs, thumbs down.

    With ``without`` it is the share of those that are any other, for levels of which less is worse,
    such as thumbs up. Rows without a value do not count: ``missing`` tells how many give one. The
    interval is Wilson's (1927).

    >>> from checks.plan import CategoricalPlan
    >>> status = CategoricalProfile.of({"ok": 95, "error": 5}, CategoricalPlan(("ok", "error")))
    >>> level_share.compute(status, status, level="error").value
    0.05
    """
    if not current.n:
        raise NotEnoughData("no values in the current window")
    hits = _of_level(current, level)
    if hits is None:
        known = ", ".join(current.plan.levels[:_SHOWN])
        reason = f"{level!r} is none of the levels {known}: how many rows have it is not kept"
        raise NotEnoughData(reason[:300], among=current.n)
    found = current.n - hits if without else hits
    where = f"{found:,} of {current.n:,} values" if found else ""
    return share_of(found, current.n, n_reference=reference.n, where=where)


@check(
    JointMoments,
    direction="both",
    slack=(0.1, 0.25),
    relative=True,
    default=False,
    cause="figures",
)
def ratio(
    reference: JointMoments, current: JointMoments, *, numerator: str = "", denominator: str = ""
) -> Stat:
    """The ratio of the sums of two numeric columns: cost per token, clicks per view, margin.

    Of the rows that have both. It is not the mean of ratios: a row counts by its ``denominator``.
    That and the ``numerator`` name features. Sums over pairs of columns are kept for it, for which
    databases hand over the rows. The interval is a delta method, from 30 rows on, and needs a sum
    of denominators that is clearly not 0.

    Formula: R = Σ x / Σ y, with the squared error n / (n - 1) Σ (x - R y)² / (Σ y)².
    Source: Cochran 1977.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("clicks", "views"), (1.0, 10.0), (1.0, 5.0), moments=True)
    >>> rows = np.tile([[1.0, 10.0], [3.0, 20.0], [2.0, 30.0]], (20, 1))
    >>> moments = JointMoments.of(rows, plan)
    >>> stat = ratio.compute(moments, moments, numerator="clicks", denominator="views")
    >>> round(stat.value, 9)
    0.1
    """
    n, x, y, xx, yy, xy = _sums(current, numerator, denominator)
    spread = math.sqrt(max(yy - y * y / n, 0.0) * n / max(n - 1, 1)) if n else 0.0
    if not n or abs(y) <= _CLEAR * spread:
        raise NotEnoughData(f"the sum of {denominator} is not clearly other than 0", among=n)
    value = x / y
    error = math.sqrt(max(xx - 2 * value * xy + value * value * yy, 0.0) * n / max(n - 1, 1))

    def interval(z: float) -> Interval:
        half = z * error / abs(y)
        return Interval(value - half, value + half) if n > 1 else Interval(-math.inf, math.inf)

    stat = measured(
        value,
        interval,
        n_reference=reference.n,
        n_current=n,
        where=f"sums {figure(x)} and {figure(y)}",
    )
    if n < _FEWEST:
        raise NotEnoughData(f"{n} rows with both, {_FEWEST} needed", n, _FEWEST, stat=stat)
    return stat


def _sum(reference: NumericProfile, current: NumericProfile) -> Stat:
    n, mean = current.n, current.mean
    if not n:
        raise NotEnoughData("no values in the current window")
    total, error = mean * n, math.sqrt(n) * math.hypot(current.sd, mean)
    if not (math.isfinite(total) and math.isfinite(error)):
        raise NotEnoughData("values too large for sums in the current window", among=n)
    return measured(
        total,
        lambda z: Interval(total - z * error, total + z * error),
        n_reference=reference.n,
        n_current=n,
    )


def _of_level(profile: CategoricalProfile, level: str) -> int | None:
    """Rows of a level; None where that is not known."""
    if level in profile.plan.levels:
        return int(profile.counts[profile.plan.levels.index(level)])
    if level in profile.unseen:
        return profile.unseen[level]
    return 0 if not profile.other and level else None


def _sums(
    moments: JointMoments, numerator: str, denominator: str
) -> tuple[int, float, float, float, float, float]:
    """Rows that have both columns, and over them the sums of x, y, x², y² and xy."""
    names = moments.plan.columns
    for key, name in (("numerator", numerator), ("denominator", denominator)):
        if name not in names:
            known = ", ".join(names[:_SHOWN])
            reason = f"{key}: no numeric feature {name!r} among those kept together ({known} …)"
            raise NotEnoughData(reason[:300], among=moments.n)
    i, j = names.index(numerator), names.index(denominator)
    first, second = np.triu_indices(len(names))
    pair = int(np.flatnonzero((first == min(i, j)) & (second == max(i, j)))[0])
    n = int(moments.counts[pair])
    (c, d), (s, t) = ((side[i], side[j]) for side in (moments.plan.centres, moments.plan.scales))
    u, v = s * float(moments.sums[i, j]), t * float(moments.sums[j, i])
    uu, vv = s * s * float(moments.squares[i, j]), t * t * float(moments.squares[j, i])
    uv = s * t * float(moments.products[pair])
    return (
        n,
        n * c + u,
        n * d + v,
        n * c * c + 2 * c * u + uu,
        n * d * d + 2 * d * v + vv,
        n * c * d + c * v + d * u + uv,
    )
