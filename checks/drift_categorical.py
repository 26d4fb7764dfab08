"""Drift of shares: levels of categorical columns, and numeric ones cut at reference quantiles."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import chdtrc

from checks.bins import Binnable, Bins, binned
from checks.check import Noise, NotEnoughData, Stat, check
from checks.grid import Floats
from checks.intervals import proven
from checks.noise import excess
from checks.profile import CategoricalProfile, NumericProfile

CHI_SQUARE = Noise(0.0, 4.0, binding=False)
"""Of a noncentral chi-square with the mean v, the variance is below 4 v (Patnaik 1949)."""

_NAMED = 3


@check(NumericProfile, CategoricalProfile, warning=0.1, critical=0.25, minimum=100)
def psi(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The population stability index: how far the shares of bins or levels have moved.

    By custom below 0.1 is stable, above 0.25 a clear shift. ``bins`` is the number of reference
    quantile bins of a numeric column; a categorical one has its levels. ``where`` names the bin
    that contributes most, or the level that moved most.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 500, "b": 500}, plan)
    >>> now = CategoricalProfile.of({"a": 800, "b": 200}, plan)
    >>> stat = psi.compute(then, now)
    >>> round(stat.value, 3), round(stat.corrected, 3), stat.where
    (0.415, 0.413, 'a: 50 % -> 80 %')

    Formula: sum (p - q) ln(p / q), half a row being added to each of the K bins. Corrected: less
    its mean without drift, (K - 1)(1/n + 1/N). Source: Lewis 1994; Yurdakul and Naranjo 2020.
    """
    cut = binned(reference, current, bins)
    then, now = cut.smoothed()
    terms = (now - then) * np.log(now / then)
    value = float(terms.sum())
    return Stat(
        value,
        corrected=value - cut.freedom * cut.noise,
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        noise=Noise(cut.noise * math.sqrt(2.0 * cut.freedom), 4.0 * cut.noise),
    )


@check(NumericProfile, CategoricalProfile, warning=0.12, critical=0.25, minimum=100)
def jensen_shannon(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The Jensen-Shannon distance: how well a row tells which side it came from, from 0 to 1.

    Its square is the information, in bits, that the bin or level of a row gives about whether the
    row is a reference row or a current one.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 1000}, plan)
    >>> now = CategoricalProfile.of({"b": 1000}, plan)
    >>> round(jensen_shannon.compute(then, now).value, 3)
    0.997

    Formula: sqrt(sum p log2(p / r) / 2 + sum q log2(q / r) / 2) with r = (p + q) / 2, half a row
    being added to each of the K bins. Corrected: its square less (K - 1)(1/n + 1/N) / (8 ln 2), the
    mean without drift. Source: Lin 1991; Endres and Schindelin 2003.
    """
    cut = binned(reference, current, bins)
    then, now = cut.smoothed()
    middle = (then + now) / 2.0
    terms = (now * np.log2(now / middle) + then * np.log2(then / middle)) / 2.0
    value = math.sqrt(max(float(terms.sum()), 0.0))
    noise = math.sqrt(cut.freedom * cut.noise / (8.0 * math.log(2.0)))
    return Stat(
        value,
        corrected=excess(value, noise),
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        noise=Noise(math.sqrt(cut.noise / (8.0 * math.log(2.0)))),
    )


@check(NumericProfile, CategoricalProfile, warning=0.1, critical=0.2, minimum=100, default=False)
def hellinger(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The Hellinger distance between the shares of bins or levels, from 0 to 1.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 100}, plan)
    >>> now = CategoricalProfile.of({"b": 100}, plan)
    >>> hellinger.compute(then, now).value
    1.0

    Formula: sqrt(sum (sqrt p - sqrt q)^2 / 2). Corrected: its square less its mean without drift,
    (K - 1)(1/n + 1/N) / 8. Source: Hellinger 1909; Le Cam 1986.
    """
    cut = binned(reference, current, bins)
    then, now = cut.shares()
    terms = (np.sqrt(now) - np.sqrt(then)) ** 2 / 2.0
    value = math.sqrt(float(terms.sum()))
    return Stat(
        value,
        corrected=excess(value, math.sqrt(cut.freedom * cut.noise / 8.0)),
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        noise=Noise(math.sqrt(cut.noise / 8.0)),
    )


@check(NumericProfile, CategoricalProfile, warning=0.1, critical=0.25, minimum=100, default=False)
def total_variation(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The share of rows that sit in another bin or level than in the reference.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 50, "b": 50}, plan)
    >>> now = CategoricalProfile.of({"a": 75, "b": 25}, plan)
    >>> total_variation.compute(then, now).value
    0.25

    Formula: sum |p - q| / 2. Corrected: sqrt(TV^2 - E^2) with E the mean without drift,
    sum sqrt(2/pi r (1 - r)(1/n + 1/N)) / 2 for the pooled shares r. Source: Levin and Peres 2017.
    """
    cut = binned(reference, current, bins)
    then, now = cut.shares()
    terms = np.abs(now - then) / 2.0
    value = float(terms.sum())
    pooled = (cut.reference + cut.current) / (cut.reference + cut.current).sum()
    noise = np.sqrt(2.0 / np.pi * pooled * (1.0 - pooled) * cut.noise).sum() / 2.0
    return Stat(
        value,
        corrected=excess(value, float(noise)),
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        # Half of the mean square: the bins that hardly move make up for the rest.
        noise=Noise(math.sqrt(cut.noise) / 2.0, floor=float(noise) / math.sqrt(2.0)),
    )


@check(NumericProfile, CategoricalProfile, minimum=100, default=False)
def chi_square(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The chi-square statistic of homogeneity, for whether both sides are samples of one whole.

    It grows with the number of rows, so it has no limit of its own: read the p-value.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 60, "b": 40}, plan)
    >>> now = CategoricalProfile.of({"a": 40, "b": 60}, plan)
    >>> stat = chi_square.compute(then, now)
    >>> round(stat.value, 6), round(stat.p_value, 4)
    (8.0, 0.0047)

    Formula: sum (observed - expected)^2 / expected over both sides, K - 1 degrees of freedom.
    Source: Pearson 1900.
    """
    cut = binned(reference, current, bins)
    terms = pearson(cut)
    value = float(terms.sum())
    return Stat(
        value,
        p_value=float(chdtrc(cut.freedom, value)) if cut.freedom else 1.0,
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        noise=CHI_SQUARE,
    )


def pearson(cut: Bins) -> Floats:
    """The part of each bin in the chi-square statistic of homogeneity."""
    then, now = cut.shares()
    pooled = (cut.reference + cut.current) / (cut.reference + cut.current).sum()
    terms: Floats = (now - then) ** 2 / pooled / cut.noise
    return terms


@check(CategoricalProfile, slack=(0.01, 0.05), unit="ratio", cause="new_categories", minimum=100)
def new_categories(reference: CategoricalProfile, current: CategoricalProfile) -> Stat:
    """The share of rows whose level the reference never had.

    Where the dictionary could not hold all levels of the reference, rare ones count as new on both
    sides, and the share that they have in the reference is what is normal. ``where`` names some.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 50, "b": 50}, plan)
    >>> now = CategoricalProfile.of({"a": 45, "b": 50, "c": 5}, plan)
    >>> stat = new_categories.compute(then, now)
    >>> stat.value, stat.where
    (0.05, "5 rows: 'c'")

    Formula: rows outside the dictionary / rows with a value, with Wilson's interval.
    Source: Wilson 1927 (J. Am. Stat. Assoc. 22).
    """
    if not current.n:
        raise NotEnoughData("no values in the current window")
    return proven(current.other, current.n, n_reference=reference.n, where=_unseen(current))


def _unseen(current: CategoricalProfile) -> str:
    if not current.other:
        return ""
    most = sorted(current.unseen, key=lambda level: (-current.unseen[level], level))[:_NAMED]
    names = ", ".join(repr(level if len(level) <= 40 else level[:39] + "…") for level in most)
    return f"{current.other} row{'s' * (current.other > 1)}: {names}"
