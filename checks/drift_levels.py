"""Drift of single levels: those that are gone, and the share of one where there are but two."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from scipy.special import gammaln

from checks import pieces
from checks.bins import FEWEST_EXPECTED, Binnable, moved
from checks.check import Noise, NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured, wilson
from checks.profile import CategoricalProfile, NumericProfile, PlanMismatch
from checks.text import figure

_UNLIKELY = 0.01
_NAMED = 3
_LONGEST_NAME = 60
_NEARLY = 1.0 + 1e-7  # as likely, but for rounding


@check(CategoricalProfile, warning=0.01, critical=0.05, minimum=100, default=False)
def vanished_categories(reference: CategoricalProfile, current: CategoricalProfile) -> Stat:
    """The share of the reference's rows whose level no longer occurs at all.

    Rare levels are missing from small windows by chance. A share breaches its limit only by levels
    whose absence is no chance: each has a probability below 1 % after Bonferroni's correction for
    all levels. ``where`` names the most frequent of those that are gone.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b", "c"))
    >>> then = CategoricalProfile.of({"a": 800, "b": 199, "c": 1}, plan)
    >>> now = CategoricalProfile.of({"a": 100}, plan)
    >>> stat = vanished_categories.compute(then, now)
    >>> stat.value, round(stat.floor, 4), round(stat.corrected, 4), stat.where
    (0.2, 0.199, 0.1991, "2 levels: 'b', 'c'")

    Formula: the probability that none of the k rows of a level is among the current ones, C(N, k) /
    C(n + N, k). Corrected: less the mean share that is missing by chance, the sum of k / N times
    that over the k of both sides. The p-value is that of the least likely absence. Source: Fisher
    1935 (the hypergeometric distribution given the totals); Bonferroni 1936.
    """
    if reference.plan.levels != current.plan.levels:
        raise PlanMismatch("cannot compare profiles with different level dictionaries")
    n_reference, n_current = pieces.sizes(reference, current)
    absent = _absences(reference.counts + current.counts, n_reference, n_current)
    gone = (reference.counts > 0) & (current.counts == 0)
    shares = reference.counts / n_reference
    value = float(shares[gone].sum())
    by_chance = float(((reference.counts + current.counts) / n_reference) @ absent)
    corrected = min(max(value - by_chance, 0.0), value)
    levels = max(int(np.count_nonzero(reference.counts)), 1)
    proven = float(shares[gone & (absent * levels < _UNLIKELY)].sum())
    return Stat(
        value,
        corrected=corrected,
        floor=min(proven, corrected),
        p_value=min(levels * float(absent[gone].min(initial=1.0)), 1.0),
        n_reference=n_reference,
        n_current=n_current,
        where=_named([reference.plan.levels[i] for i in _most(reference.counts * gone)]),
        noise=Noise(0.0, least=_least(levels, n_reference, n_current)),
    )


def _least(levels: int, n_reference: int, n_current: int) -> float:
    """The share of a level from which on its absence is no chance.

    C(N, k) / C(n + N, k) is just below (N / (n + N))^k for the k rows of a level.
    """
    rows = math.log(levels / _UNLIKELY) / math.log1p(n_current / n_reference)
    return min(rows / n_reference, 1.0)


def _absences(both: Counts, n_reference: int, n_current: int) -> Floats:
    """The probability that the rows of each level are all in the reference, given all totals."""
    inside = np.minimum(both, n_reference)
    logs = (
        gammaln(n_reference + 1.0)
        - gammaln(n_reference - inside + 1.0)
        - gammaln(n_reference + n_current + 1.0)
        + gammaln(n_reference + n_current - both + 1.0)
    )
    chances: Floats = np.where(
        (both > n_reference) | (both == 0), 0.0, np.exp(np.minimum(logs, 0.0))
    )
    return chances


def _most(counts: Counts) -> list[int]:
    order = np.argsort(-counts, kind="stable")
    return [int(i) for i in order if counts[i] > 0]


def _named(names: list[str]) -> str:
    """How many levels there are, and the first few."""
    if not names:
        return ""
    shown = ", ".join(repr(_short(name)) for name in names[:_NAMED])
    return f"{len(names)} level{'s' * (len(names) > 1)}: {shown}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


@check(
    NumericProfile,
    CategoricalProfile,
    direction="both",
    warning=0.05,
    critical=0.15,
    unit="ratio",
    minimum=100,
    default=False,
)
def proportion_shift(reference: Binnable, current: Binnable) -> Stat:
    """The change of a share, for columns of two levels: current share less that of the reference.

    The share is that of the rarer level of the reference (of a numeric column, the higher value),
    which ``where`` names. Rows of any further level count as not having it.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("no", "yes"))
    >>> then = CategoricalProfile.of({"no": 48, "yes": 32}, plan)
    >>> now = CategoricalProfile.of({"no": 56, "yes": 14}, plan)
    >>> stat = proportion_shift.compute(then, now)
    >>> round(stat.value, 4), round(stat.low, 4), round(stat.high, 4), stat.where
    (-0.2, -0.3339, -0.0524, 'yes: 40 % -> 20 %')

    Formula: p - q with Newcombe's interval, which joins Wilson's of each share as squares. The
    p-value is Fisher's exact one, two-sided, where a cell of the table expects fewer than five
    rows, and that of the normal limit with the pooled share otherwise. Source: Fisher 1935;
    Newcombe 1998 (Stat. Med. 17, method 10, with the example).
    """
    name, then, now = _one_of_two(reference, current)
    n_reference, n_current = reference.n, current.n
    p, q = now / n_current, then / n_reference

    def interval(z: float) -> Interval:
        new, old = wilson(now, n_current, z), wilson(then, n_reference, z)
        return Interval(
            p - q - math.hypot(p - new.low, old.high - q),
            p - q + math.hypot(new.high - p, q - old.low),
        )

    stat = measured(
        p - q,
        interval,
        n_reference=n_reference,
        n_current=n_current,
        where=moved(name, q, p) if p != q else "",
    )
    return replace(stat, p_value=_two_shares(then, n_reference, now, n_current))


def _one_of_two(reference: Binnable, current: Binnable) -> tuple[str, int, int]:
    """The name of one of two levels, and its rows on both sides.

    Raises:
        NotEnoughData: a side has no values, or there are not two levels.
    """
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        return _higher(reference, current)
    if not isinstance(reference, CategoricalProfile) or not isinstance(current, CategoricalProfile):
        raise PlanMismatch("a numeric and a categorical profile cannot be compared")
    if reference.plan.levels != current.plan.levels:
        raise PlanMismatch("cannot compare profiles with different level dictionaries")
    pieces.sizes(reference, current)
    levels = reference.plan.levels
    if len(levels) != 2:
        raise _not_two(f"{len(levels)} levels", current.n)
    rarer = int(reference.counts[1] <= reference.counts[0])
    return levels[rarer], int(reference.counts[rarer]), int(current.counts[rarer])


def _higher(reference: NumericProfile, current: NumericProfile) -> tuple[str, int, int]:
    joint = pieces.joint(reference, current)
    held = np.flatnonzero(joint.reference + joint.current > 0.0)
    if len(held) != 2 or joint.width[held].any():
        raise _not_two("one value" if len(held) == 1 else "more than two values", current.n)
    high = held[1]
    then = round(float(joint.reference[high]) * reference.n)
    return (
        figure(joint.high[high] * joint.unit),
        then,
        round(float(joint.current[high]) * current.n),
    )


def _not_two(found: str, among: int) -> NotEnoughData:
    return NotEnoughData(
        f"a share is compared where there are two levels, not {found}", among=among
    )


def _two_shares(then: int, n_reference: int, now: int, n_current: int) -> float:
    """Two-sided p-value of two shares."""
    rows, hits = n_reference + n_current, then + now
    smallest = min(n_reference, n_current) * min(hits, rows - hits) / rows
    if smallest < FEWEST_EXPECTED:
        return _fisher(now, n_current, hits, rows)
    share = hits / rows
    error = math.sqrt(share * (1.0 - share) * (1.0 / n_reference + 1.0 / n_current))
    return math.erfc(abs(now / n_current - then / n_reference) / error / math.sqrt(2.0))


def _fisher(now: int, n: int, hits: int, rows: int) -> float:
    """The probability of a table as unlikely as this or more, given its margins."""
    possible = np.arange(max(0, n + hits - rows), min(n, hits) + 1)
    logs = -sum(
        gammaln(cell + 1.0)
        for cell in (possible, n - possible, hits - possible, rows - n - hits + possible)
    )
    chances = np.exp(logs - logs.max())
    as_unlikely = chances <= chances[now - possible[0]] * _NEARLY
    return 1.0 if as_unlikely.all() else float(chances[as_unlikely].sum() / chances.sum())
