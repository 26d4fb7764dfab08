"""Drift of several numeric columns together, which each of them alone need not show."""

from __future__ import annotations

import math

import numpy as np

from checks.check import Noise, NotEnoughData, Stat, check
from checks.embedding import EmbeddingProfile
from checks.joint import FourierMeans, JointMoments
from checks.noise import excess
from checks.text import figure

_FEWEST = 4  # rows: the variance of Fisher's z is 1 / (n - 3)
_MOST = 0.9999  # correlations beyond have no finite z
_LONGEST_NAME = 60


Waves = FourierMeans | EmbeddingProfile


@check(FourierMeans, EmbeddingProfile, minimum=100, default=False, cause="features")
def mmd(reference: Waves, current: Waves) -> Stat:
    """How far the joint distribution of all numeric features, or of an embedding, has moved.

    The squared maximum mean discrepancy under a Gaussian kernel whose bandwidth is the median
    distance of the reference's rows: 0 for equal distributions, about 2 for those far apart. It
    sees what changes in a column as well as what changes between columns. Columns are standardised
    by the reference, and a missing value counts as its mean; the components of an embedding stay as
    they are, and vectors that are missing are left out. The kernel is approximated by 100
    random waves, drawn when the baseline was made: within some hundredths, though 0 stays 0.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), waves=100)
    >>> then = FourierMeans.of(np.zeros((50, 1)), plan)
    >>> now = FourierMeans.of(np.full((50, 1), 9.0), plan)
    >>> mmd.compute(then, then).value, round(mmd.compute(then, now).value)
    (0.0, 2)

    Formula: |mean phi(now) - mean phi(then)|^2 with phi = (cos w x, sin w x) / sqrt(100).
    Corrected: less its mean without drift, (1 - |mean phi(then)|^2) (1/n + 1/N). Source: Gretton
    et al. 2012 (J. Mach. Learn. Res. 13); Rahimi and Recht 2007 (NIPS 20).
    """
    for side, means in (("reference", reference), ("current window", current)):
        if not means.n:
            raise NotEnoughData(f"no rows in the {side}")
    if isinstance(current, EmbeddingProfile) and not current.waves:
        raise NotEnoughData("no waves are kept of this column", among=current.n)
    then, now = reference.mean(), current.mean()
    distance = float(np.sum((now - then) ** 2))
    spread = max(1.0 - float(then @ then), 0.0)  # the features of any one row have length 1
    noise = spread * (1.0 / reference.n + 1.0 / current.n)
    return Stat(
        distance,
        corrected=distance - noise,
        n_reference=reference.n,
        n_current=current.n,
        # An upper bound: as if the waves varied along the move alone.
        noise=Noise(math.sqrt(2.0) * noise, 4.0 * noise),
    )


@check(JointMoments, minimum=100, default=False, cause="features")
def correlation_shift(reference: JointMoments, current: JointMoments) -> Stat:
    """The largest change of the correlation between two numeric features, in standard errors.

    ``where`` names the two. Rows count for a pair if they have both values, and pairs with less
    than four such rows, or with a column that does not vary, are left out.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("a", "b"), (0.0, 0.0), (1.0, 1.0), moments=True)
    >>> a, b = np.tile([1.0, 1.0, -1.0, -1.0], 25), np.tile([1.0, -1.0, 1.0, -1.0], 25)
    >>> then = JointMoments.of(np.column_stack((a, b)), plan)
    >>> now = JointMoments.of(np.column_stack((a, a + b)), plan)
    >>> stat = correlation_shift.compute(then, now)
    >>> round(stat.value, 4), stat.where
    (6.1381, 'a and b: 0 -> 0.7071')

    Formula: max |artanh r - artanh R| / sqrt(1/(n - 3) + 1/(N - 3)) over all pairs, with |r| at
    most 0.9999. Corrected: sqrt(z^2 - 2 ln(pairs)), which takes out about the largest square of so
    many without drift; the p-value is Šidák's for so many pairs. Source: Fisher 1921 (Metron 1);
    Šidák 1967 (J. Am. Stat. Assoc. 62).
    """
    if len(current.plan.columns) < 2:
        raise NotEnoughData("correlations need two numeric features", len(current.plan.columns), 2)
    (then, before), (now, rows) = reference.correlations(), current.correlations()
    usable = np.isfinite(then) & np.isfinite(now) & (before >= _FEWEST) & (rows >= _FEWEST)
    pairs = int(np.count_nonzero(usable))
    if not pairs:
        raise NotEnoughData("no two numeric features vary together", among=current.n)
    moves = np.arctanh(np.clip(now, -_MOST, _MOST)) - np.arctanh(np.clip(then, -_MOST, _MOST))
    errors = np.sqrt(1.0 / np.maximum(before - 3, 1) + 1.0 / np.maximum(rows - 3, 1))
    scores = np.where(usable, np.abs(moves) / errors, -1.0)
    largest = math.sqrt(max(2.0 * math.log(pairs), 1.0))
    worst = int(np.argmax(scores))
    value = float(scores[worst])
    return Stat(
        value,
        corrected=excess(value, largest),
        p_value=_p_value(value, pairs),
        n_reference=int(before[worst]),
        n_current=int(rows[worst]),
        where=_pair(current, worst, float(then[worst]), float(now[worst])) if value else "",
        noise=Noise(1.0, floor=largest, binding=False),
    )


def _p_value(score: float, pairs: int) -> float:
    """The probability that the largest of so many normal scores is beyond this one."""
    one = math.erfc(score / math.sqrt(2.0))
    return 1.0 if one == 1.0 else -math.expm1(pairs * math.log1p(-one))


def _pair(moments: JointMoments, place: int, then: float, now: float) -> str:
    names = moments.plan.columns
    first, second = (names[side[place]] for side in np.triu_indices(len(names), 1))
    return f"{_short(first)} and {_short(second)}: {figure(then)} -> {figure(now)}"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
