"""Impact: which of the features that moved matter to the model, and by how much."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr, ndtri

from checks.binned import Binned, binned, short
from checks.check import NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Z_JUDGED, Interval, measured
from checks.sample import RowSample
from checks.text import figure

FEWEST = 100
"""Rows of each side that a ranking of features needs."""

_BINS = 10
_NAMED = 3


@check(
    RowSample,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="features",
    minimum=FEWEST,
    default=False,
)
def input_impact(reference: RowSample, current: RowSample) -> Stat:
    """By how much the loss should grow because one feature moved, on the feature where it is most.

    The loss is the share of wrong classes or the mean absolute error. It is what the reference lost
    in each tenth of a feature (or on each level), with the shares of these as they are now: the
    window needs no labels. Other features and P(y given x) are taken as they were. ``where`` ranks
    the features. Slack is a share of the reference's loss.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=400)
    >>> ranks, none = np.arange(400) / 400.0, np.zeros((400, 0), np.int64)
    >>> then, now = (np.arange(400.0) < cut for cut in (200, 100))
    >>> then = RowSample.of(ranks, np.where(then, 1.0, 2.0)[:, None], none, plan, then / 2.0)
    >>> now = RowSample.of(ranks, np.where(now, 2.0, 1.0)[:, None], none, plan)
    >>> stat = input_impact.compute(then, now)
    >>> stat.value, stat.where
    (0.125, 'x (+0.125)')

    Formula: sum over bins of (share now - share then) loss then. The feature is the one with the
    highest lower bound, and the interval is widened for the number of features (Bonferroni).
    Source: the reweighting of DiNardo, Fortin and Lemieux 1996 (Econometrica 64), one feature at a
    time.
    """
    then = reference.labelled()
    _require(then.n, "the reference with a known loss")
    _require(current.n, "the current window")
    scale = float(np.abs(then.loss).max()) or 1.0
    found = impacts(then, current)
    several = len(found)
    best = max(found, key=lambda one: one.bound(several))
    return measured(
        best.value,
        lambda z: best.interval(_widened(z, several)),
        n_reference=then.n,
        n_current=current.n,
        where=ranking([one for one in found if one.bound(several) > 0.0]),
        scale=float((then.loss / scale).mean()) * scale,
    )


class Impact(NamedTuple):
    """A feature, the change of the loss that its move brings about, and its standard error."""

    feature: str
    value: float
    error: float

    def interval(self, z: float) -> Interval:
        return Interval(self.value - z * self.error, self.value + z * self.error)

    def bound(self, several: int) -> float:
        """The least that its move adds to the loss, one of so many features."""
        return self.interval(_widened(Z_JUDGED, several)).low


def impacts(then: RowSample, current: RowSample) -> list[Impact]:
    """The impact of every feature, from rows of the reference whose loss is known."""
    scale = float(np.abs(then.loss).max()) or 1.0
    return [_impact(one, then.loss / scale, scale) for one in binned(then, current, _BINS)]


def ranking(found: Sequence[Impact]) -> str:
    """The first few by the size of their impact, in words."""
    first = sorted(found, key=lambda one: (-abs(one.value), one.feature))[:_NAMED]
    return ", ".join(f"{short(one.feature)} ({signed(one.value)})" for one in first)


def signed(value: float) -> str:
    """A number for a person, with its sign.

    >>> signed(0.5), signed(-0.5)
    ('+0.5', '-0.5')
    """
    return f"{'+' if value > 0.0 else ''}{figure(value)}"


def _impact(one: Binned, loss: Floats, scale: float) -> Impact:
    many = len(one.names)
    before, after = one.counts()
    old, new = before / before.sum(), after / after.sum()
    counts = np.maximum(before, 1)
    usual = float(loss.mean())
    means = np.where(before, np.bincount(one.then, loss, many) / counts, usual) - usual
    squares = np.bincount(one.then, (loss - usual) ** 2, many)
    # One more row with the usual deviation: few equal losses do not prove that all are.
    spread = (squares - before * means**2 + float(squares.sum()) / len(loss)) / counts**2
    moved = new - old
    variance = (
        float(moved**2 @ np.maximum(spread, 0.0))
        + _variance(old, means) / before.sum()
        + _variance(new, means) / after.sum()
    )
    value = float(moved @ means)
    return Impact(one.feature, value * scale, math.sqrt(variance) * scale)


def _variance(shares: Floats, values: Floats) -> float:
    return max(float(shares @ values**2 - (shares @ values) ** 2), 0.0)


def _widened(z: float, several: int) -> float:
    """The half width of one of several intervals that are to hold together."""
    return float(-ndtri(ndtr(-z) / max(several, 1)))


@check(
    RowSample,
    direction="above",
    warning=0.05,
    critical=0.15,
    unit="ratio",
    cause="features",
    minimum=FEWEST,
    default=False,
)
def weighted_drift(reference: RowSample, current: RowSample, *, importance: str = "") -> Stat:
    """How far the features moved, each as much as it matters: 0 not at all, 1 altogether.

    ``importance`` is JSON, such as ``{"age": 0.4, "income": 0.2}``; it comes of the table
    ``importance`` of a model where there is one, and a feature that is not named counts nothing.
    Without it a feature matters as much as it tells of the score (or of the loss, without scores)
    in the reference. ``where`` ranks the features by what moved most and matters.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x", "z"), (0.0, 0.0), (1.0, 1.0), rows=400)
    >>> ranks, none = np.arange(400) / 400.0, np.zeros((400, 0), np.int64)
    >>> x, z = np.arange(400.0) % 2, np.arange(400.0) // 200
    >>> then = RowSample.of(ranks, np.column_stack((x, z)), none, plan)
    >>> now = RowSample.of(ranks, np.column_stack((x, z * 0.0)), none, plan)
    >>> stat = weighted_drift.compute(then, now, importance='{"x": 3, "z": 1}')
    >>> round(stat.value, 6), stat.where
    (0.125, 'z (0.48 moved, importance 0.25)')

    Formula: sum of w TV, the total variation of each feature over tenths (or levels), w being its
    importance as a share of all. Judged with the mean of each TV under chance taken out, and an
    interval as wide as if all features erred as one. From the log, w is
    the share of the variance of the score that the bins explain, adjusted for their number. Source:
    Kelley 1935 (Proc. Natl. Acad. Sci. 21) for that share.
    """
    _require(reference.n, "the reference")
    _require(current.n, "the current window")
    features = list(binned(reference, current, _BINS))
    weights = _weights(features, reference, importance)
    moved = [_Moved.of(w, one) for w, one in zip(weights, features, strict=True)]
    value, corrected, error = (
        float(sum(column)) for column in zip(*(e.sums for e in moved), strict=True)
    )
    first = sorted(moved, key=lambda each: (-each.sums[1], each.feature))[:_NAMED]
    return measured(
        min(value, 1.0),
        lambda z: Interval(max(corrected - z * error, 0.0), min(corrected + z * error, 1.0)),
        corrected=min(corrected, 1.0),
        n_reference=reference.n,
        n_current=current.n,
        where=", ".join(str(each) for each in first if each.sums[1] > 0.0),
    )


class _Moved(NamedTuple):
    """A feature, its importance, its total variation, and what chance makes of that."""

    feature: str
    importance: float
    distance: float
    noise: float
    error: float

    @classmethod
    def of(cls, importance: float, one: Binned) -> _Moved:
        then, now = one.counts()
        n, m = int(then.sum()), int(now.sum())
        pooled = (then + now) / (n + m)
        errors = np.sqrt(pooled * (1.0 - pooled) * (1.0 / n + 1.0 / m)) / 2.0
        distance = float(np.abs(then / n - now / m).sum()) / 2.0
        chance = float(errors.sum()) * math.sqrt(2.0 / math.pi)
        return cls(one.feature, importance, distance, chance, math.sqrt(float((errors**2).sum())))

    @property
    def sums(self) -> tuple[float, float, float]:
        """What it adds to the distance, to that without its noise, and to the error of both."""
        excess = max(self.distance - self.noise, 0.0)
        w = self.importance
        return w * self.distance, w * excess, w * self.error

    def __str__(self) -> str:
        moved = max(self.distance - self.noise, 0.0)
        return f"{short(self.feature)} ({moved:.2g} moved, importance {self.importance:.2g})"


def _weights(features: Sequence[Binned], then: RowSample, importance: str) -> list[float]:
    """The importance of each feature as a share of that of all."""
    given = _given(importance) if importance else learnt(features, then)
    raw = [given.get(one.feature, 0.0) for one in features]
    total = sum(raw)
    if not total:
        reason = (
            "none of the features of which importance is given is in the sample"
            if importance
            else "no feature tells anything of the scores; give an importance"
        )
        raise NotEnoughData(reason, among=then.n)
    return [each / total for each in raw]


def _given(importance: str) -> Mapping[str, float]:
    try:
        found = json.loads(importance)
        weights = {str(name): float(each) for name, each in found.items()}
    except (AttributeError, TypeError, ValueError):
        weights = {"": -1.0}
    if not all(0.0 <= each < math.inf for each in weights.values()):
        raise ValueError(f'importance is {importance[:80]!r}; give JSON such as {{"age": 0.4}}')
    return weights


def learnt(features: Sequence[Binned], then: RowSample) -> Mapping[str, float]:
    """The share of the variance of the score that each feature's bins explain, by feature.

    Where the reference has no scores, that of its loss. Adjusted for the number of bins (Kelley
    1935), so that chance explains nothing.
    """
    told = then.score if np.isfinite(then.score).sum() >= FEWEST else then.loss
    known = np.isfinite(told)
    if known.sum() < FEWEST:
        reason = f"scores or labels of {int(known.sum())} sampled rows of the reference"
        raise NotEnoughData(f"{reason}, {FEWEST} needed; or give an importance", among=then.n)
    told = told[known] / (np.abs(told[known]).max() or 1.0)
    return {one.feature: _explained(one.then[known], told) for one in features}


def _explained(bins: Counts, values: Floats) -> float:
    counts = np.bincount(bins)
    total = float(((values - values.mean()) ** 2).sum())
    between = float((np.bincount(bins, values - values.mean()) ** 2 / np.maximum(counts, 1)).sum())
    free = len(values) - int((counts > 0).sum())
    if not total or free < 1:
        return 0.0
    return max(1.0 - (total - between) / free * (len(values) - 1) / total, 0.0)


def _require(rows: int, whose: str) -> None:
    if rows < FEWEST:
        raise NotEnoughData(f"{rows} sampled rows in {whose}, {FEWEST} needed", rows, FEWEST)
