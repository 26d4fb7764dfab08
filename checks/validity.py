"""Validity of values: whether they are of the range, the set and the form they should be of."""

from __future__ import annotations

import math
import re

import numpy as np

from checks.check import NotEnoughData, Stat, check
from checks.figures import share_above, share_below
from checks.intervals import counted, proven, share_of
from checks.profile import CategoricalProfile, NumericProfile
from checks.text import figure

_NONE = "no values in the current window"


@check(NumericProfile, slack=(0.001, 0.05), unit="ratio", cause="schema", default=False)
def out_of_range(
    reference: NumericProfile,
    current: NumericProfile,
    *,
    low: float = math.inf,
    high: float = -math.inf,
) -> Stat:
    """Share of values outside a range: from ``low`` to ``high``, or that of the reference.

    Either end that is left out is the lowest or the highest value of the reference. Infinities are
    outside. Exact while the column keeps its distinct values, and within the share of the cells
    that hold the ends otherwise; that none is outside is always exact.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.array([18.0, 40.0, 90.0]), NumericPlan())
    >>> now = NumericProfile.of(np.array([-1.0, 30.0, 50.0, 999.0]), NumericPlan())
    >>> stat = out_of_range.compute(then, now)
    >>> stat.value, stat.where
    (0.5, 'outside 18 .. 90: from -1 to 999')

    Formula: (values < low or > high) / all values, with Wilson's interval. Source: Wilson 1927.
    """
    low = reference.minimum if low == math.inf else low
    high = reference.maximum if high == -math.inf else high
    if low == math.inf or high == -math.inf:
        raise NotEnoughData("no values in the reference, and no range of yours")
    if low > high:
        raise ValueError(f"low is {low:g} and high {high:g}; low must not be above high")
    n = current.n + current.above + current.below
    if not n:
        raise NotEnoughData(_NONE)
    below = share_below.compute(reference, current, limit=low).value
    above = share_above.compute(reference, current, limit=high).value
    ends = f"from {figure(current.minimum)} to {figure(current.maximum)}"
    where = f"outside {figure(low)} .. {figure(high)}: {ends}"
    found = round((below + above) * n)
    return proven(found, n, n_reference=reference.n, where=where if found else "")


@check(CategoricalProfile, slack=(0.0, 0.05), unit="ratio", cause="schema", default=False)
def out_of_set(
    reference: CategoricalProfile, current: CategoricalProfile, *, allowed: str = ""
) -> Stat:
    """Share of rows whose level is none of those ``allowed``, which commas part.

    Spaces around a level do not count. ``new_categories`` does the same with the levels of the
    reference. Of levels that the reference never had a profile names only some; where an allowed
    one may hide among the others, nothing is judged.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("web", "app"))
    >>> now = CategoricalProfile.of({"web": 6, "app": 3, "fax": 1}, plan)
    >>> stat = out_of_set.compute(now, now, allowed="web, app")
    >>> stat.value, stat.where
    (0.1, "1 of 10 rows, such as 'fax'")

    Formula: rows with another level / rows with a value, with Wilson's interval. Source: Wilson
    1927.
    """
    known = {level.strip() for level in allowed.split(",")}
    if known == {""}:
        raise NotEnoughData("allowed is empty: name the levels, with commas between them")
    levels = _levels(current, known)
    wrong = {level: rows for level, rows in levels.items() if level not in known}
    return _broken(wrong, reference, current)


@check(CategoricalProfile, slack=(0.0, 0.05), unit="ratio", cause="schema", default=False)
def pattern(
    reference: CategoricalProfile, current: CategoricalProfile, *, regex: str = r"(?s).*\S.*"
) -> Stat:
    """Share of rows whose text does not match ``regex`` as a whole (Python's syntax).

    Left out, any text will do that is not blank. Levels are looked at, not rows, so it costs next
    to nothing; a column with more new levels than a profile names cannot be judged.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("DE", "FR"))
    >>> now = CategoricalProfile.of({"DE": 7, "FR": 2, "Germany": 1}, plan)
    >>> stat = pattern.compute(now, now, regex="[A-Z]{2}")
    >>> stat.value, stat.where
    (0.1, "1 of 10 rows, such as 'Germany'")

    Formula: rows without a match / rows with a value, with Wilson's interval. Source: Wilson 1927.
    """
    try:
        wanted = re.compile(regex)
    except re.error as error:
        raise ValueError(f"regex {regex!r} is no pattern: {error}") from None
    levels = _levels(current, set())
    wrong = {level: rows for level, rows in levels.items() if not wanted.fullmatch(level)}
    return _broken(wrong, reference, current)


@check(
    NumericProfile, CategoricalProfile, slack=(0.2, 0.5), unit="ratio", minimum=30, default=False
)
def most_common(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> Stat:
    """Share of the most common value: a sensor that is stuck, a default that fills in.

    ``where`` names it. Of a numeric column that keeps no distinct values only those count that were
    common in the reference, and a column that is constant altogether.

    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.array([7.0, 7.0, 7.0, 1.0]), NumericPlan())
    >>> stat = most_common.compute(profile, profile)
    >>> stat.value, stat.where
    (0.75, '7')

    Formula: rows of the most common value / rows with a value, with Wilson's interval.
    Source: Wilson 1927.
    """
    if not current.n:
        raise NotEnoughData(_NONE)
    rows, name = _most_common(current)
    return share_of(rows, current.n, n_reference=reference.n, where=name)


def _most_common(profile: NumericProfile | CategoricalProfile) -> tuple[int, str]:
    """Rows of the most common value, and what it is."""
    if isinstance(profile, CategoricalProfile):
        levels = dict(zip(profile.plan.levels, profile.counts.tolist(), strict=True))
        every = levels | dict(profile.unseen)
        best = max(every, key=lambda level: (every[level], level))
        return every[best], repr(best)
    if profile.minimum == profile.maximum:
        return profile.n, figure(profile.minimum)
    values, counts = np.array(profile.plan.atoms), profile.atom_counts
    if profile.exact is not None and profile.exact_counts is not None:
        values, counts = profile.exact, profile.exact_counts
    if not counts.any():
        raise NotEnoughData("no value is known to be common", among=profile.n)
    place = int(np.argmax(counts))
    return int(counts[place]), figure(float(values[place]))


def _levels(profile: CategoricalProfile, allowed: set[str]) -> dict[str, int]:
    """Rows of each level, those of levels without a name under "…".

    Raises:
        NotEnoughData: there are no values, or levels without a name might be any.
    """
    if not profile.n:
        raise NotEnoughData(_NONE)
    levels = dict(zip(profile.plan.levels, profile.counts.tolist(), strict=True))
    nameless = profile.other - sum(profile.unseen.values())
    named = levels.keys() | profile.unseen.keys()
    if nameless and not (allowed and allowed <= named):
        raise NotEnoughData(f"{nameless:,} rows have levels that the profile does not name")
    found = levels | dict(profile.unseen)
    if nameless:
        found["…"] = nameless
    return {level: rows for level, rows in found.items() if rows}


def _broken(wrong: dict[str, int], reference: CategoricalProfile, now: CategoricalProfile) -> Stat:
    count = sum(wrong.values())
    example = min(wrong, key=lambda level: (-wrong[level], level), default="")
    where = counted(count, now.n, "rows", example[:40])
    return proven(count, now.n, n_reference=reference.n, where=where)
