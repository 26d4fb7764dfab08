"""Variety of values: how many different ones a column has."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaln

from checks.check import Noise, NotEnoughData, Stat, check
from checks.grid import Counts
from checks.profile import CategoricalProfile, NumericProfile

_NONE = "no values in the current window"


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
    named, and for numbers with up to 5,000 different values; not known of more.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("DE", "FR"))
    >>> now = CategoricalProfile.of({"DE": 7, "FR": 2, "Germany": 1}, plan)
    >>> distinct_values.compute(now, now).value
    3.0

    Formula: number of values. Judged is D_n(window) D(reference) / D_n(reference), where D_n is the
    number that n of the rows show on average, n those of the side that has fewer: D_n = Σ_values
    1 - C(N - N_i, n) / C(N, n). Source: Hurlbert 1971 (rarefaction).
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
        reason = f"at least {len(counts):,} different values: a profile does not name so many"
        raise NotEnoughData(reason, among=current.n)
    usual, known = _rows_by_value(reference)
    if not (known and len(usual)):
        return Stat(len(counts) / among, n_reference=reference.n, n_current=current.n)
    rows = min(int(counts.sum()), int(usual.sum()))
    scale = len(usual) / _shown(usual, rows) / then
    larger = max(counts, usual, key=lambda side: int(side.sum()))
    error = _deviation(larger, rows) * np.sqrt(1.0 + rows / larger.sum())
    judged = _shown(counts, rows) * scale
    return Stat(
        len(counts) / among,
        float(judged if then == 1.0 else min(judged, 1.0)),
        n_reference=reference.n,
        n_current=current.n,
        noise=Noise(float(error * scale), binding=False),
    )


def _shown(counts: Counts, rows: int) -> float:
    """How many different values so many of the rows show on average, drawn without replacement.

    >>> round(_shown(np.array([2, 1, 1]), 2), 4)
    1.8333
    """
    total = int(counts.sum())
    if rows >= total:
        return float(len(counts))
    rest = total - counts
    missed = np.zeros(len(counts))
    may = rest >= rows
    some, n = rest[may], float(rows)
    whole = gammaln(total + 1.0) - gammaln(total - n + 1.0)
    missed[may] = np.exp(gammaln(some + 1.0) - gammaln(some - n + 1.0) - whole)
    return float(len(counts) - missed.sum())


def _deviation(counts: Counts, rows: int) -> float:
    """How far the number of different values varies among samples of so many rows, at most."""
    missed = np.exp(rows * np.log1p(-np.minimum(counts / counts.sum(), 1.0 - 1e-16)))
    return float(np.sqrt((missed * (1.0 - missed)).sum()))


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
