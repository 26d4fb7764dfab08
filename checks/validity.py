"""Validity of values: whether they are of the range, the set and the form they should be of."""

from __future__ import annotations

import math
import re

import numpy as np

from checks.check import EXACT, Noise, NotEnoughData, Stat, check
from checks.figures import share_above, share_below
from checks.grid import Counts
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


@check(
    NumericProfile,
    CategoricalProfile,
    direction="both",
    slack=(0.5, 0.75),
    relative=True,
    cause="schema",
    default=False,
)
def distinct_values(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> Stat:
    """How many different values a column has.

    More rows show more values, so that what is judged is the number that as many rows as those of
    the reference would show, if both were drawn alike. Exact for text of which every level is
    named, and for numbers with up to 5,000 different values; of more it is only told how many there
    are at least.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("DE", "FR"))
    >>> now = CategoricalProfile.of({"DE": 7, "FR": 2, "Germany": 1}, plan)
    >>> distinct_values.compute(now, now).value
    3.0

    Formula: number of levels, times those of the reference / Σ_levels 1 - (1 - share)^rows.
    Source: Hurlbert 1971 (rarefaction).
    """
    return _variety(reference, current, 1.0)


@check(
    NumericProfile,
    CategoricalProfile,
    direction="below",
    slack=(0.25, 0.6),
    relative=True,
    unit="ratio",
    cause="schema",
    minimum=30,
    default=False,
)
def uniqueness(
    reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile
) -> Stat:
    """Share of different values among all: 1 where no value repeats.

    It falls with the number of rows, so that what is judged is the share that as many rows as those
    of the reference would show. Known where ``distinct_values`` is.

    >>> from checks.plan import NumericPlan
    >>> profile = NumericProfile.of(np.repeat([1.0, 2.0, 5.0], 10), NumericPlan())
    >>> uniqueness.compute(profile, profile).value
    0.1

    Formula: number of different values / values. Source: Hurlbert 1971 (rarefaction).
    """
    return _variety(reference, current, float(max(current.n, 1)), float(max(reference.n, 1)))


def _variety(
    reference: NumericProfile | CategoricalProfile,
    current: NumericProfile | CategoricalProfile,
    among: float,
    then: float = 1.0,
) -> Stat:
    """The number of different values by ``among``; judged for the rows of the reference."""
    if not current.n:
        raise NotEnoughData(_NONE)
    counts, complete = _rows_by_value(current)
    if not complete:
        least = Stat(len(counts) / among, n_current=current.n, scale=0.0, noise=EXACT)
        reason = f"at least {len(counts):,} different values: a profile does not name so many"
        raise NotEnoughData(reason, among=current.n, stat=least)
    usual, known = _rows_by_value(reference)
    shown, error = _shown_by(usual, current.n) if known and len(usual) else (1.0, 0.0)
    scale = (len(usual) if known and len(usual) else 1.0) / shown / then
    return Stat(
        len(counts) / among,
        len(counts) * scale,
        n_reference=reference.n,
        n_current=current.n,
        noise=Noise(error * scale, binding=False),
    )


def _shown_by(counts: Counts, rows: int) -> tuple[float, float]:
    """How many of the values so many rows show on average, and the deviation of that number.

    As many rows as were counted, or more, show all.
    """
    total = int(counts.sum())
    if rows >= total:
        return float(len(counts)), 0.0
    missed = np.exp(rows * np.log1p(-np.minimum(counts / total, 1.0 - 1e-16)))
    return float((1.0 - missed).sum()), float(np.sqrt((missed * (1.0 - missed)).sum()))


def _rows_by_value(profile: NumericProfile | CategoricalProfile) -> tuple[Counts, bool]:
    """Rows of each value that is told apart, and whether these are all."""
    if isinstance(profile, CategoricalProfile):
        named = np.array([*profile.counts.tolist(), *profile.unseen.values()], np.int64)
        return named[named > 0], profile.other <= sum(profile.unseen.values())
    if profile.exact is not None and profile.exact_counts is not None:
        return profile.exact_counts[profile.exact_counts > 0], True
    if profile.n and profile.minimum == profile.maximum:
        return np.array([profile.n]), True
    cells = profile.counts
    return cells[cells > 0], not profile.n


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
