"""Verdicts, and the only place where a number meets a threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from checks.check import Check, NotEnoughData, Stat
from checks.text import figure


class Verdict(StrEnum):
    """What is said of one number. The first three are judgements, the others are not.

    ``undecided``: measured, but the interval contains the limit or there is no limit.
    ``insufficient``: too few rows or labels. ``no_data``: no rows at all. ``error``: it could not
    be computed.
    """

    OK = "ok"
    WARNING = "warning"
    CRITICAL = "critical"
    UNDECIDED = "undecided"
    INSUFFICIENT = "insufficient"
    NO_DATA = "no_data"
    ERROR = "error"

    @property
    def judged(self) -> bool:
        return self in (Verdict.OK, Verdict.WARNING, Verdict.CRITICAL)


_POWER = (2.326 + 0.842) / 2.326
"""An interval must be so much narrower than the gap to be beyond a limit four times in five."""

_HOPELESS = 1000
"""Times the values at hand beyond which to wait for more decides nothing."""

WORST_FIRST = (
    Verdict.CRITICAL,
    Verdict.WARNING,
    Verdict.ERROR,
    Verdict.NO_DATA,
    Verdict.INSUFFICIENT,
    Verdict.UNDECIDED,
    Verdict.OK,
)


@dataclass(frozen=True, slots=True)
class Limit:
    """Where a number turns into a warning or a critical verdict, and which rule set it there.

    ``rule`` is ``config`` (written in monitor.toml), ``default`` (the check's own) or
    ``reference`` (learnt from the baseline). A later rule, such as a page budget, is one more way
    to make a Limit. With ``direction`` "both" a breach lies outside [low side, high side], and
    ``warning`` and ``critical`` are distances from ``centre``.
    """

    warning: float | None
    critical: float | None
    direction: Literal["above", "below", "both"] = "above"
    rule: Literal["config", "default", "reference"] = "default"
    centre: float = 0.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """A verdict, the threshold that decided it, and the reason in words.

    ``detectable`` belongs to what is fine: the smallest change towards the bad side that would have
    been seen to lie beyond the threshold four times in five. Where it is None, ``reason`` says why.
    """

    verdict: Verdict
    threshold: float | None
    reason: str
    detectable: float | None = None


def default_limit(check: Check, reference: Stat | None) -> Limit:
    """The limit a check has where the configuration says nothing.

    The check's own static limits come first; otherwise its slack is laid around the value that
    the reference itself has. With neither there is no limit, nor with a slack in shares of nothing.
    """
    none = Limit(None, None, check.direction)
    if check.warning is not None or check.critical is not None:
        return Limit(check.warning, check.critical, check.direction)
    if check.slack is None or reference is None or not math.isfinite(_judged(reference)):
        return none
    normal, unit = _judged(reference), _unit(reference) if check.relative else 1.0
    if not unit:
        return none
    warning, critical = (share * unit for share in check.slack)
    if check.direction == "both":
        return Limit(warning, critical, "both", "reference", normal)
    sign = 1.0 if check.direction == "above" else -1.0
    return Limit(normal + sign * warning, normal + sign * critical, check.direction, "reference")


def judge(stat: Stat, limit: Limit, unit: str = "") -> Judgement:
    """Hold one number against its limit.

    A number with an interval breaches only when its whole one-sided 99 % interval lies beyond the
    limit, and is fine only when the whole interval lies within; in between it is undecided. A
    number without one is judged by its noise-corrected value where it has one. ``unit`` is that of
    the check.

    >>> judge(Stat(5400.0), Limit(None, 3600.0), "seconds").reason
    '5,400 s is above the limit 3,600 s'
    >>> judge(Stat(0.3), Limit(0.1, 0.25)).verdict
    <Verdict.CRITICAL: 'critical'>
    >>> judge(Stat(0.88, floor=0.80, ceiling=0.93), Limit(None, 0.9, "below")).verdict
    <Verdict.UNDECIDED: 'undecided'>
    """
    bounds = ((Verdict.CRITICAL, limit.critical), (Verdict.WARNING, limit.warning))
    limits = [(verdict, bound) for verdict, bound in bounds if bound is not None]
    if not limits:
        return Judgement(Verdict.UNDECIDED, None, "no limit is set: shown, not judged")
    best, worst = _badness(stat, limit)
    sign = -1.0 if limit.direction == "below" else 1.0
    turned = [sign * bound for _, bound in limits]
    if any(map(math.isnan, (best, worst, *turned))):
        return Judgement(Verdict.ERROR, None, "the number or its limit is not a number (NaN)")
    for (verdict, bound), until in zip(limits, turned, strict=True):
        if best > until:
            return Judgement(verdict, _shown(bound, stat, limit), _words(stat, bound, limit, unit))
    bound = sign * min(turned)
    threshold = _shown(bound, stat, limit)
    if worst > sign * bound:
        reason = f"the interval still contains the limit {_told(threshold, unit)}"
        return Judgement(Verdict.UNDECIDED, threshold, reason + _wanted(stat, bound, limit))
    return _fine(stat, threshold, limit, unit)


def _fine(stat: Stat, threshold: float, limit: Limit, unit: str) -> Judgement:
    """What is within its limits, and what would not have been.

    A number that is fine whenever nothing is proven against it must be able to prove something: if
    so few values could not show a critical one, a distance is not judged. Of a share of broken rows
    it is said.
    """
    from checks.power import (  # scipy: who only names verdicts shall not wait
        beyond,
        noticed,
        untold,
    )

    above = limit.direction == "above"
    if limit.direction == "both":
        above = _judged(stat) >= limit.centre
    seen = noticed(stat, threshold, above=above)
    if seen is None:
        reason = untold(stat, threshold, unit, above=above)
        verdict = Verdict.UNDECIDED if beyond(threshold, unit, above=above) else Verdict.OK
        return Judgement(verdict, threshold, reason)
    detectable = abs(seen - _judged(stat))
    unbounded = (stat.ceiling if above else stat.floor) is None
    binding = stat.noise is None or stat.noise.binding
    if unbounded and binding and detectable > _furthest(stat, threshold, limit):
        reason = f"too few values to notice a critical change: it would take {figure(seen)}"
        verdict = Verdict.OK if stat.noise is None else Verdict.INSUFFICIENT
        return Judgement(verdict, threshold, reason, detectable if stat.noise is None else None)
    return Judgement(Verdict.OK, threshold, "", detectable)


def _furthest(stat: Stat, threshold: float, limit: Limit) -> float:
    """The change that must be noticed: to the critical limit, or twice as far as to one alone.

    A distance is 0 without any drift, so that it is as far to its limit wherever it lies itself.
    """
    gap = abs(threshold - _judged(stat))
    if limit.critical is None or limit.warning is None or limit.critical == limit.warning:
        away = 2 * gap if stat.noise is None else gap + abs(threshold)
        return away or math.inf
    return abs(_shown(limit.critical, stat, limit) - _judged(stat))


def judge_missing(shortage: NotEnoughData) -> Judgement:
    """The verdict of a number that could not be measured: never a judgement."""
    verdict = Verdict.INSUFFICIENT if shortage.have or shortage.among else Verdict.NO_DATA
    return Judgement(verdict, None, shortage.reason)


def _judged(stat: Stat) -> float:
    return stat.value if stat.corrected is None else stat.corrected


def _unit(stat: Stat) -> float:
    """What a slack in shares is a share of."""
    unit = _judged(stat) if stat.scale is None else stat.scale
    return abs(unit) if math.isfinite(unit) else 0.0


def _ends(stat: Stat) -> tuple[float, float]:
    judged = _judged(stat)
    floor = judged if stat.floor is None else stat.floor
    return floor, judged if stat.ceiling is None else stat.ceiling


def _badness(stat: Stat, limit: Limit) -> tuple[float, float]:
    """The range of the number on a scale where more is worse."""
    low, high = _ends(stat)
    if limit.direction == "above":
        return low, high
    if limit.direction == "below":
        return -high, -low
    away = (abs(low - limit.centre), abs(high - limit.centre))
    return 0.0 if low <= limit.centre <= high else min(away), max(away)


def _shown(bound: float, stat: Stat, limit: Limit) -> float:
    """The limit in the unit of the number: with two sides, that of the nearer side."""
    if limit.direction != "both":
        return bound
    return limit.centre + bound if _judged(stat) >= limit.centre else limit.centre - bound


def _told(value: float, unit: str) -> str:
    """A number for a person, with its unit where that is one of the world."""
    return f"{figure(value)} s" if unit == "seconds" else figure(value)


def _words(stat: Stat, bound: float, limit: Limit, unit: str) -> str:
    shown = _shown(bound, stat, limit)
    left = limit.direction == "both" and shown < limit.centre
    side = "below" if left or limit.direction == "below" else "above"
    noisy = stat.corrected is not None and abs(stat.value - stat.corrected) > 0.02 * abs(stat.value)
    noise = f" ({_told(stat.value, unit)} before its noise is taken out)" if noisy else ""
    where = f": {stat.where}" if stat.where else ""
    judged = _told(_judged(stat), unit)
    return f"{judged}{noise} is {side} the limit {_told(shown, unit)}{where}"


def _wanted(stat: Stat, bound: float, limit: Limit) -> str:
    """How many more values would decide, were the number to stay: with 80 % power at 99 %.

    The width of an interval falls with the square root of the number of values.
    """
    judged, (low, high) = _judged(stat), _ends(stat)
    gap = abs(judged - _shown(bound, stat, limit))
    if not stat.n_current or not gap:
        return ""
    times = _POWER * max(judged - low, high - judged) / gap
    growth = times * times - 1  # infinite where a power would overflow
    if not 0 < growth < _HOPELESS:
        return ""
    return f"; about {float(f'{growth * stat.n_current:.2g}'):,.0f} more values would decide"
