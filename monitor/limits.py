"""Limits and parameters that cannot be meant: no number of the check could meet them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from checks.bins import MOST_BINS
from checks.check import Check, Parameter
from checks.text import figure
from checks.verdict import Limit

_PARAMETERS: Mapping[str, tuple[float, float]] = {
    "share": (0.0, 1.0),
    "quantile": (0.0, 1.0),
    "level": (0.0, 1.0),
    "explained": (0.0, 1.0),
    "bins": (2, MOST_BINS),
}


_NEEDED: Mapping[str, tuple[str, ...]] = {
    "ratio": ("numerator", "denominator"),
    "level_share": ("level",),
    "out_of_set": ("allowed",),
}
"""Settings without which a check has nothing to measure."""


def lacking(check: Check, given: Mapping[str, Parameter]) -> dict[str, str]:
    """The settings that a check cannot do without and that are not given, with an example of each.

    >>> from checks.check import catalogue
    >>> lacking(catalogue()["ratio"], {"numerator": "clicks"})
    {'denominator': 'denominator = "…"'}
    """
    needed = _NEEDED.get(check.name, ())
    return {key: f'{key} = "…"' for key in needed if not given.get(key)}


def impossible(
    check: Check, limit: Limit | None, given: Mapping[str, Parameter]
) -> Iterator[tuple[str, str]]:
    """The keys that cannot be meant, each with a sentence.

    >>> from checks.check import catalogue
    >>> known = catalogue()
    >>> dict(impossible(known["accuracy"], Limit(None, 7.0, "below"), {}))
    {'critical': 'is 7, and accuracy lies between 0 and 1'}
    >>> dict(impossible(known["quantile"], None, {"share": -0.5}))
    {'share': 'is -0.5; give a number from 0 to 1'}
    """
    for key, value in given.items():
        low, high = _PARAMETERS.get(key, (-math.inf, math.inf))
        if not isinstance(value, str | bool) and not low <= value <= high:
            yield key, f"is {figure(value)}; give a number from {figure(low)} to {figure(high)}"
        if key == "regex" and (wrong := _no_pattern(str(value))):
            yield key, f"{value!r} is no pattern: {wrong}"
    if limit is None:
        return
    low, high = check.bounds
    for key, bound in (("warning", limit.warning), ("critical", limit.critical)):
        if bound is not None and not low <= bound <= high:
            yield key, f"is {figure(bound)}, and {_range(check, low, high)}"
    if not _ordered(limit):
        side = "below" if limit.direction == "below" else "above"
        yield "critical", f"must lie beyond warning, that is {side} it"


def _no_pattern(regex: str) -> str:
    """Why a text is no regular expression; empty where it is one."""
    try:
        re.compile(regex)
    except (re.error, OverflowError, RecursionError) as error:
        return str(error)
    return ""


def _range(check: Check, low: float, high: float) -> str:
    what = f"a distance of {check.name}" if check.direction == "both" else check.name
    if math.isinf(high):
        return f"{what} is never below {figure(low)}"
    if math.isinf(low):
        return f"{what} is never above {figure(high)}"
    return f"{what} lies between {figure(low)} and {figure(high)}"


def _ordered(limit: Limit) -> bool:
    if limit.warning is None or limit.critical is None:
        return True
    if limit.direction == "below":
        return limit.critical <= limit.warning
    return limit.critical >= limit.warning
