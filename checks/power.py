"""Power: the smallest change that a number judged fine would have shown, four times in five."""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy.special import betaincinv

from checks.check import Noise, Stat
from checks.intervals import Z_JUDGED, wilson
from checks.text import figure

POWER = 0.8
"""How often a change of the stated size is noticed."""

Z_POWER = 0.8416
"""The normal quantile of that share."""

_TIMES = (Z_JUDGED + Z_POWER) / Z_JUDGED
_LEAST = 1e-9

_Scale = tuple[Callable[[float], float], Callable[[float], float]]


def noticed(stat: Stat, bound: float, *, above: bool = True) -> float | None:
    """The value from which on a breach of ``bound`` is proven four times in five; None: not known.

    Breaches lie ``above`` the bound or below it. A share of counted rows is binomial, so that its
    answer is exact. Another number with an interval keeps the width of it, on the scale on which
    the interval is even: its own, the logarithm or the logit. (On the last an area under the curve
    is noticed rather more often than is said.) One with a `Noise` has its error. A number with
    neither does not tell.

    A share of 400 rows is proven to be below 0.9 by 346 hits or fewer, which come four times in
    five where it is 0.851:

    >>> from checks.intervals import share_of
    >>> round(noticed(share_of(380, 400), 0.9, above=False), 3)
    0.851
    >>> round(noticed(Stat(0.02, noise=Noise(0.05)), 0.1), 3), noticed(Stat(0.02), 0.1)
    (0.142, None)

    Source: Clopper and Pearson 1934 (for the inverse of a binomial tail); Cohen 1988.
    """
    if stat.noise is not None:
        if not above:  # no distance: an exact number
            return bound - Z_POWER * stat.noise.error
        return max(_beyond_noise(stat.noise, bound), stat.noise.least)
    if _is_share(stat):
        found = _share(stat.n_current, bound if above else 1.0 - bound)
        if found is None:
            return None
        return found if above else 1.0 - found
    return _shifted(stat, bound, above=above)


def beyond(bound: float, unit: str, *, above: bool) -> bool:
    """Whether no number could breach a bound, as one learnt from what is as bad as can be.

    >>> beyond(1.02, "ratio", above=True), beyond(1.02, "", above=True)
    (True, False)
    """
    return unit == "ratio" and not (bound < 1.0 if above else bound > 0.0)


def untold(stat: Stat, bound: float, unit: str, *, above: bool) -> str:
    """Why `noticed` gives no answer, in words.

    >>> untold(Stat(0.0, floor=0.0, ceiling=0.1, n_current=50), -0.02, "ratio", above=False)
    'nothing could be seen: a share is never below -0.02'
    """
    side = "above" if above else "below"
    if beyond(bound, unit, above=above):
        return f"nothing could be seen: a share is never {side} {figure(bound)}"
    if not stat.n_current:
        return "nothing could be seen: there are no values to look at"
    if _is_share(stat):
        return f"too few values to prove anything {side} {figure(bound)}"
    return "what could be seen is not known: nothing tells how the number varies"


def _beyond_noise(noise: Noise, bound: float) -> float:
    """The root of v - bound = z error(v), where the bound is that of the value before correction.

    The square of the error grows linearly with v.
    """
    bound = math.hypot(bound, noise.floor) if noise.floor else bound
    z = Z_POWER * Z_POWER
    half = bound + z * noise.growth / 2
    rest = half * half - bound * bound + z * noise.error * noise.error
    return half + math.sqrt(max(rest, 0.0))


def _is_share(stat: Stat) -> bool:
    """Whether the interval of a number is Wilson's for a share of its rows."""
    n, hits = stat.n_current, stat.value * stat.n_current
    if not n or not 0.0 <= stat.value <= 1.0 or abs(hits - round(hits)) > 1e-6:
        return False
    if stat.floor is None or stat.corrected is not None:
        return False
    low, high = wilson(hits, n, Z_JUDGED)
    same = math.isclose(stat.floor, low, abs_tol=_LEAST)
    return same and (stat.ceiling is None or math.isclose(stat.ceiling, high, abs_tol=_LEAST))


def _share(n: int, bound: float) -> float | None:
    """The smallest share of which n rows show, four times in five, that it exceeds the bound.

    Wilson's lower end lies above the bound from that number of hits on of which the bound itself is
    more than z standard errors away.
    """
    if not 0.0 <= bound < 1.0:
        return None
    hits = math.floor(n * bound + Z_JUDGED * math.sqrt(n * bound * (1.0 - bound)) + _LEAST) + 1
    if hits > n:
        return None
    return float(betaincinv(hits, n - hits + 1, POWER))


def _shifted(stat: Stat, bound: float, *, above: bool) -> float | None:
    if stat.floor is None or stat.ceiling is None:
        return None
    end, other = (stat.floor, stat.ceiling) if above else (stat.ceiling, stat.floor)
    judged = stat.value if stat.corrected is None else stat.corrected
    there, back = _scale(judged, stat.floor, stat.ceiling)
    try:
        span = there(judged) - there(end) or there(other) - there(judged)  # the end may be cut off
        reach = there(bound) + _TIMES * span
        found = back(reach)
    except (ValueError, OverflowError, ZeroDivisionError):
        return None
    return found if math.isfinite(found) else None


def _scale(value: float, low: float, high: float) -> _Scale:
    """The scale on which the ends of an interval are most nearly as far from its value."""

    def skew(scale: _Scale) -> float:
        there = scale[0]
        try:
            below, above = there(value) - there(low), there(high) - there(value)
        except (ValueError, ZeroDivisionError):
            return math.inf
        return abs(above - below) / (above + below) if above + below > 0 else math.inf

    return min(_SCALES, key=skew)


def _same(value: float) -> float:
    return value


def _logit(share: float) -> float:
    return math.log(share / (1.0 - share))


def _expit(logit: float) -> float:
    return 1.0 / (1.0 + math.exp(-logit))


_SCALES: tuple[_Scale, ...] = ((_same, _same), (math.log, math.exp), (_logit, _expit))
