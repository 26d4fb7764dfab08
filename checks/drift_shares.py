"""Drift of shares by tests and by information: what the table of bins and sides tells."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import chdtrc, xlogy

from checks.bins import Binnable, Bins, binned
from checks.check import Noise, Stat, check
from checks.drift_categorical import CHI_SQUARE, pearson
from checks.grid import Floats
from checks.noise import excess
from checks.profile import CategoricalProfile, NumericProfile


@check(NumericProfile, CategoricalProfile, minimum=100, default=False)
def g_test(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The likelihood-ratio statistic of homogeneity: are both sides samples of one whole.

    It grows with the number of rows, so it has no limit of its own: read the p-value. Close to
    ``chi_square``; it adds up over levels that are split further.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 60, "b": 40}, plan)
    >>> now = CategoricalProfile.of({"a": 40, "b": 60}, plan)
    >>> stat = g_test.compute(then, now)
    >>> round(stat.value, 4), round(stat.p_value, 4)
    (8.0542, 0.0045)

    Formula: 2 sum observed ln(observed / expected) over both sides, K - 1 degrees of freedom.
    Source: Wilks 1938 (Ann. Math. Stat. 9); Sokal and Rohlf 1995.
    """
    cut = binned(reference, current, bins)
    pooled = (cut.reference + cut.current) / sum(cut.rows)
    terms = 2.0 * sum(
        rows * (xlogy(share, share / pooled) - share + pooled)  # adds nothing in all, is never < 0
        for rows, share in zip(cut.rows, cut.shares(), strict=True)
    )
    value = max(float(terms.sum()), 0.0)
    return Stat(
        value,
        p_value=_p_value(cut, value),
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        noise=CHI_SQUARE,
    )


@check(NumericProfile, CategoricalProfile, warning=0.1, critical=0.3, minimum=100, default=False)
def kl_divergence(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The Kullback-Leibler divergence of the current shares from the reference's, in bits per row.

    The bits that each current row costs beyond need if it is coded by the shares of the reference:
    p are the current shares, q those of the reference, and the two sides must not change places.
    Half a row is added to each bin, so that an empty one is never infinite.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 500, "b": 499}, plan)
    >>> now = CategoricalProfile.of({"a": 999}, plan)
    >>> round(kl_divergence.compute(then, now).value, 2)
    0.99

    Formula: sum p log2(p / q) over K bins. Corrected: less its mean without drift,
    (K - 1)(1/n + 1/N) / (2 ln 2). Source: Kullback and Leibler 1951 (Ann. Math. Stat. 22).
    """
    cut = binned(reference, current, bins)
    then, now = cut.smoothed()
    terms = now * np.log2(now / then)
    value = max(float(terms.sum()), 0.0)
    unit = cut.noise / (2.0 * math.log(2.0))  # of a chi-square with as many degrees of freedom
    return Stat(
        value,
        corrected=value - cut.freedom * unit,
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(np.abs(terms)),
        noise=Noise(unit * math.sqrt(2.0 * cut.freedom), 4.0 * unit),
    )


@check(NumericProfile, CategoricalProfile, warning=0.05, critical=0.15, minimum=100, default=False)
def l_infinity(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """The largest change of the share of any bin or level.

    ``where`` names it. Levels too rare to compare are pooled.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 50, "b": 50}, plan)
    >>> now = CategoricalProfile.of({"a": 75, "b": 25}, plan)
    >>> stat = l_infinity.compute(then, now)
    >>> stat.value, stat.where
    (0.25, 'a: 50 % -> 75 %')

    Formula: max |p - q|. Corrected: the largest sqrt((p - q)^2 - c r (1 - r)(1/n + 1/N)) of any bin
    with pooled share r, where c = max(1, 2 ln K) is about the largest square of K normal numbers.
    The p-value is Bonferroni's for K two-sided tests of one share. Source: Bonferroni 1936.
    """
    cut = binned(reference, current, bins)
    then, now = cut.shares()
    moves = np.abs(now - then)
    pooled = (cut.reference + cut.current) / sum(cut.rows)
    errors = np.sqrt(pooled * (1.0 - pooled) * cut.noise)
    largest = math.sqrt(max(2.0 * math.log(len(moves)), 1.0))
    kept = [excess(*pair) for pair in zip(moves.tolist(), (largest * errors).tolist(), strict=True)]
    score = float((moves / np.where(errors > 0.0, errors, 1.0)).max())
    return Stat(
        float(moves.max()),
        corrected=max(kept),
        p_value=min(len(moves) * math.erfc(score / math.sqrt(2.0)), 1.0),
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(moves),
        noise=_of_widest(pooled, errors, largest, current.n),
    )


def _of_widest(pooled: Floats, errors: Floats, largest: float, n: int) -> Noise:
    """The noise of the move of that bin which varies most, and more as its share grows."""
    widest = int(errors.argmax())
    error, share = float(errors[widest]), float(pooled[widest])
    return Noise(error, max(1.0 - 2.0 * share, 0.0) / n, floor=largest * error)


@check(NumericProfile, CategoricalProfile, warning=0.1, critical=0.3, minimum=100, default=False)
def cramers_v(reference: Binnable, current: Binnable, *, bins: int = 10) -> Stat:
    """How closely the bin or level of a row goes with the side that the row is from, from 0 to 1.

    0 where shares are equal, 1 where no bin holds rows of both sides. A window much smaller than
    the reference gives smaller numbers for the same shares, unless they are 0 or 1.

    ``bins`` as in ``psi``.

    >>> from checks.plan import CategoricalPlan
    >>> plan = CategoricalPlan(("a", "b"))
    >>> then = CategoricalProfile.of({"a": 60, "b": 40}, plan)
    >>> now = CategoricalProfile.of({"a": 40, "b": 60}, plan)
    >>> stat = cramers_v.compute(then, now)
    >>> round(stat.value, 6), round(stat.corrected, 4)
    (0.2, 0.1875)

    Formula: V = sqrt(chi^2 / (n + N)). Corrected for bias: sqrt(max(0, chi^2 / T - (K - 1) / (T -
    1)) / min(K' - 1, 1 - 1 / (T - 1))) with T = n + N rows and K' = K - (K - 1)^2 / (T - 1). The
    p-value is that of ``chi_square``. Source: Cramér 1946; Bergsma 2013 (J. Korean Stat. Soc. 42).
    """
    cut = binned(reference, current, bins)
    terms = pearson(cut)
    statistic, rows, freedom = float(terms.sum()), sum(cut.rows), cut.freedom
    square = min(statistic / rows, 1.0)
    unbiased = max(square - freedom / (rows - 1), 0.0)
    levels = min(freedom - freedom**2 / (rows - 1), 1.0 - 1.0 / (rows - 1))
    return Stat(
        math.sqrt(square),
        corrected=min(math.sqrt(unbiased / levels), math.sqrt(square)) if unbiased else 0.0,
        p_value=_p_value(cut, statistic),
        n_reference=reference.n,
        n_current=current.n,
        where=cut.where(terms),
        noise=Noise(1.0 / math.sqrt(rows)),
    )


def _p_value(cut: Bins, statistic: float) -> float:
    return float(chdtrc(cut.freedom, statistic)) if cut.freedom else 1.0
