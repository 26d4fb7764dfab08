"""Concept: whether a loss changed because the inputs moved, or because P(y given x) did."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks.check import NotEnoughData, Stat, check
from checks.grid import Floats
from checks.impact import impacts, ranking, signed
from checks.intervals import Z_SHOWN, measured
from checks.resampling import DRAWS, generator, percentiles
from checks.sample import RowSample
from checks.sampled import area, ensemble, places_of

FEWEST = 200
"""Labelled rows of each side that the split needs."""

_FOLDS = 5
_FARTHEST = 0.9
_MOST_WEIGHT = 20.0
_TREES = {"n_estimators": 25, "min_samples_leaf": 20, "max_features": 0.5, "random_state": 0}


@check(
    RowSample,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    minimum=FEWEST,
    default=False,
    needs="label",
)
def concept_change(reference: RowSample, current: RowSample) -> Stat:
    """The part of the change of the loss that moved inputs do not explain.

    The loss is the share of wrong classes or the mean absolute error. ``where`` says whether it was
    mostly inputs, mostly concept (the same inputs have other answers now), or is not told apart,
    and which inputs. Where both sides hardly overlap the split is not judged. Needs scikit-learn.
    Slack is a share of the reference's loss.

    Formula: mean (L - m) now - mean w (L - m) then. m is the loss L that trees expect of a row, its
    features and its score, learnt from the reference; w how much more often such rows are now, by a
    classifier of both sides, at most 20. Both are made for each fifth of the reference by the other
    four. The interval is a bootstrap of the rows. Source: Cai, Namkoong and Yadlowsky 2023
    (arXiv:2303.02011); Chernozhukov et al. 2018 (Econom. J. 21) on the correction.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=400)
    >>> ranks, none = np.arange(400) / 400.0, np.zeros((400, 0), np.int64)
    >>> x, wrong = np.arange(400.0)[:, None], np.arange(400) % 5 == 0
    >>> then = RowSample.of(ranks, x, none, plan, wrong.astype(float))
    >>> now = RowSample.of(ranks, x, none, plan, (np.arange(400) % 2).astype(float))
    >>> stat = concept_change.compute(then, now)
    >>> abs(stat.value - 0.3) < 0.02, stat.where.partition(":")[0]
    (True, 'mostly concept')
    """
    then, now = reference.labelled(), current.labelled()
    for side, known in (("reference", then.n), ("current window", now.n)):
        if known < FEWEST:
            reason = f"the truth of {known} sampled rows in the {side}, {FEWEST} needed"
            raise NotEnoughData(reason, known, FEWEST)
    scale = float(max(then.loss.max(), now.loss.max())) or 1.0
    rows = _Rows.of(then, now, scale)
    weights, apart = rows.weights()
    split = rows.split(weights)
    stat = measured(
        split.value * scale,
        lambda z: percentiles(split.value * scale, split.concepts * scale, z),
        n_reference=then.n,
        n_current=now.n,
        where=_told(split, then, current, scale),
        scale=float(rows.loss.mean()) * scale,
    )
    if apart > _FARTHEST:
        reason = (
            f"little overlap: a classifier tells both sides apart (area {apart:.2f}), so that few "
            "rows can be compared"
        )
        raise NotEnoughData(reason, among=now.n, stat=stat)
    return stat


class _Split(NamedTuple):
    """The parts of the change, each in every draw of the bootstrap too."""

    inputs: float
    value: float
    input_draws: Floats
    concepts: Floats

    @property
    def verdict(self) -> str:
        """Which part is clearly the larger one."""
        total, draws = self.inputs + self.value, self.input_draws + self.concepts
        low, high = percentiles(total, draws, Z_SHOWN)
        if low <= 0.0 <= high:
            return "no clear change"
        sign = 1.0 if total > 0.0 else -1.0
        ahead = sign * (self.value - self.inputs)
        low, high = percentiles(ahead, sign * (self.concepts - self.input_draws), Z_SHOWN)
        if low > 0.0:
            return "mostly concept"
        return "mostly inputs" if high < 0.0 else "not told apart"


class _Rows(NamedTuple):
    """Rows of both sides as trees see them, and their loss as a share of the largest."""

    then: Floats
    now: Floats
    loss: Floats
    loss_now: Floats
    fold: NDArray[np.intp]

    @classmethod
    def of(cls, then: RowSample, now: RowSample, scale: float) -> _Rows:
        sides = [np.column_stack((one.values, one.codes, one.score)) for one in (then, now)]
        rows = np.column_stack([places_of(each) for each in np.concatenate(sides).T])
        # Ranks are as good as drawn at random, so every fifth row by rank is a random fifth.
        fold = np.arange(then.n) % _FOLDS
        return cls(rows[: then.n], rows[then.n :], then.loss / scale, now.loss / scale, fold)

    def weights(self) -> tuple[Floats, float]:
        """How much more often each row of the reference is now, and how well sides are told."""
        kind = ensemble(len(self.now)).ExtraTreesClassifier
        fold = np.concatenate((self.fold, np.arange(len(self.now)) % _FOLDS))
        rows, now = np.concatenate((self.then, self.now)), np.arange(len(fold)) >= len(self.then)
        score = np.zeros(len(rows))
        for each in range(_FOLDS):
            held = fold == each
            trees = kind(**_TREES, class_weight="balanced").fit(rows[~held], now[~held])
            score[held] = trees.predict_proba(rows[held])[:, 1]
        odds = score[~now] / np.maximum(1.0 - score[~now], 1.0 / (1.0 + _MOST_WEIGHT))
        weights = np.minimum(odds, _MOST_WEIGHT)
        return weights / (weights.mean() or 1.0), area(score, now)

    def split(self, weights: Floats) -> _Split:
        expected, foreseen = self._expected()
        left = weights * (self.loss - expected)
        moved, kept = left - self.loss, self.loss_now - foreseen
        chance = generator()
        draws_then, draws_now = (_draws(len(side), chance) for side in (self.then, self.now))
        return _Split(
            float(foreseen.mean() + moved.mean()),
            float(kept.mean() - left.mean()),
            draws_now @ foreseen + draws_then @ moved,
            draws_now @ kept - draws_then @ left,
        )

    def _expected(self) -> tuple[Floats, Floats]:
        """The loss that is expected of rows then, each by trees that have not seen it, and now."""
        kind: Any = ensemble(len(self.now)).ExtraTreesRegressor
        expected, foreseen = np.zeros(len(self.then)), np.zeros(len(self.now))
        for each in range(_FOLDS):
            held = self.fold == each
            trees = kind(**_TREES).fit(self.then[~held], self.loss[~held])
            expected[held] = trees.predict(self.then[held])
            foreseen += trees.predict(self.now) / _FOLDS
        return expected, foreseen


def _draws(rows: int, chance: np.random.Generator) -> Floats:
    """The weight of each row in the mean of a resample: draws x rows."""
    return chance.multinomial(rows, np.full(rows, 1.0 / rows), DRAWS) / rows


def _told(split: _Split, then: RowSample, current: RowSample, scale: float) -> str:
    inputs, concept = split.inputs * scale, split.value * scale
    text = (
        f"{split.verdict}: {signed(inputs + concept)} in all, {signed(inputs)} of it by moved "
        f"inputs and {signed(concept)} at equal inputs"
    )
    found = impacts(then, current)
    clear = [one for one in found if abs(one.value) > Z_SHOWN * one.error]
    return f"{text}; inputs that matter: {ranking(clear)}" if clear else text
