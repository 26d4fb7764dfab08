"""Drift of all features together, seen in the rows that a sample keeps of each side."""

from __future__ import annotations

import importlib
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Interval, measured
from checks.joint import standardised
from checks.sample import RowSample

_FEWEST = 20  # rows a side
_FOLDS = 5
_NAMED = 3
_LONGEST_NAME = 60
_LOOKED_AT = 20
_LEAST_LOSS = 0.005
_TREES = {
    "n_estimators": 20,
    "min_samples_leaf": 20,
    "max_features": 1.0 / 3.0,
    "class_weight": "balanced",
    "random_state": 0,
}


@check(RowSample, warning=0.6, critical=0.75, minimum=100, default=False, cause="features")
def domain_classifier(reference: RowSample, current: RowSample) -> Stat:
    """How well a model tells current rows from reference rows: its area under the ROC curve.

    0.5 where it cannot, 1 where it always can. It sees whatever trees see, of numbers, levels and
    missing values and what goes together. If the area is beyond chance, ``where`` ranks the
    features by what it loses when their values are shuffled (of the 20 that the trees use most).
    Needs scikit-learn. No row may be on both sides: the area would be too small.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=100)
    >>> ranks, codes = np.arange(100) / 100.0, np.zeros((100, 0), np.int64)
    >>> x = np.linspace(-1.0, 1.0, 100)[:, None]
    >>> then = RowSample.of(ranks, x, codes, plan)
    >>> now = RowSample.of(ranks, x + 9.0, codes, plan)
    >>> stat = domain_classifier.compute(then, now)
    >>> round(stat.value, 2), stat.where.partition(" ")[0]
    (1.0, 'x')

    Formula: each fifth of either sample is scored by 20 extremely randomised trees grown on the
    other four fifths, both sides weighing the same; the area over all scores has DeLong's interval.
    Trees see numbers by their order, levels by how frequent they were, and missing values as the
    lowest. Source: Ben-David et al. 2010 (Mach. Learn. 79); Lopez-Paz and Oquab 2017 (ICLR);
    Geurts, Ernst and Wehenkel 2006 (Mach. Learn. 63); DeLong et al. 1988.
    """
    _require(_FEWEST, reference, current)
    trees = ensemble(current.n).ExtraTreesClassifier
    task = _Task.of(reference, current)
    models = [trees(**_TREES).fit(task.rows[~held], task.now[~held]) for held in task.folds()]
    scores = task.scores(models, task.rows)
    value = area(scores, task.now)
    stat = measured(
        value,
        lambda z: intervals.auc(*_counts(scores, task.now), z),
        n_reference=reference.n,
        n_current=current.n,
    )
    if stat.low is None or stat.low <= 0.5:
        return stat
    return replace(stat, where=_ranked(task, models, value))


class _Task(NamedTuple):
    """Rows of both sides (rows x features), which of them are current, and their folds."""

    rows: Floats
    now: NDArray[np.bool_]
    fold: Counts
    names: tuple[str, ...]

    @classmethod
    def of(cls, reference: RowSample, current: RowSample) -> _Task:
        sides = [np.column_stack((one.values, one.codes)) for one in (reference, current)]
        rows = np.column_stack([places_of(each) for each in np.concatenate(sides).T])
        # Ranks are as good as drawn at random, so every fifth row by rank is a random fifth.
        fold = np.concatenate([np.arange(len(side)) % _FOLDS for side in sides])
        now = np.repeat([False, True], [len(side) for side in sides])
        names = (*current.plan.columns, *current.plan.categories)
        return cls(rows, now, fold, names)

    def folds(self) -> Iterator[NDArray[np.bool_]]:
        return (self.fold == each for each in range(_FOLDS))

    def scores(self, models: list[Any], rows: Floats) -> Floats:
        """The score of each row by the model that has not seen it."""
        found = np.zeros(len(rows))
        for model, held in zip(models, self.folds(), strict=True):
            found[held] = model.predict_proba(rows[held])[:, 1]
        return found


def places_of(values: Floats) -> Floats:
    """The place of each value among the distinct ones, 0 for a missing one: trees need no more."""
    distinct, place = np.unique(values, return_inverse=True)
    return np.where(np.isnan(values), 0.0, place + 1.0 if len(distinct) else 0.0)


def ensemble(among: int) -> Any:
    """What scikit-learn has of trees; NotEnoughData where it is not installed."""
    try:
        return importlib.import_module("sklearn.ensemble")
    except ImportError:
        reason = "needs scikit-learn, which is not installed: pip install 'modelmon[classifier]'"
        raise NotEnoughData(reason, among=among) from None


def _counts(scores: Floats, now: NDArray[np.bool_]) -> tuple[Counts, Counts]:
    """Current rows and reference rows at each score, in ascending order."""
    distinct, place = np.unique(scores, return_inverse=True)
    current = np.bincount(place[now], minlength=len(distinct))
    return current, np.bincount(place[~now], minlength=len(distinct))


def area(scores: Floats, now: NDArray[np.bool_]) -> float:
    """The area under the ROC curve of scores that tell rows of now from those of the reference."""
    return min(max(intervals.delong(*_counts(scores, now))[0], 0.0), 1.0)


def _ranked(task: _Task, models: list[Any], whole: float) -> str:
    """The features that the models lean on most, with what the area loses without each."""
    order = np.random.RandomState(0).permutation(len(task.rows))
    order = order[np.argsort(task.fold[order], kind="stable")]  # shuffled within each fold
    places = np.argsort(task.fold, kind="stable")
    used = np.mean([model.feature_importances_ for model in models], axis=0)
    losses = {}
    for feature in np.argsort(-used, kind="stable")[:_LOOKED_AT].tolist():
        rows = task.rows.copy()
        rows[places, feature] = task.rows[order, feature]
        losses[feature] = whole - area(task.scores(models, rows), task.now)
    first = sorted(losses, key=lambda feature: -losses[feature])[:_NAMED]
    return ", ".join(
        f"{_short(task.names[each])} ({losses[each]:.2f})"
        for each in first
        if losses[each] >= _LEAST_LOSS
    )


@check(
    RowSample,
    direction="both",
    warning=0.05,
    critical=0.15,
    minimum=100,
    default=False,
    cause="features",
)
def pca_reconstruction(
    reference: RowSample, current: RowSample, *, explained: float = 0.65
) -> Stat:
    """How much worse the reference's principal components fit current rows than reference rows.

    As a share of the mean length of reference rows, standardised: 0 where they fit as well, above
    where numeric columns no longer go together as they did, below where rows lie nearer the
    components than before. A shift along the components is not seen. Missing values count as the
    mean. ``where`` names the column that is fitted worse by most.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("a", "b"), (0.0, 0.0), (1.0, 1.0), rows=100)
    >>> ranks, codes = np.arange(100) / 100.0, np.zeros((100, 0), np.int64)
    >>> a = np.tile([1.0, 1.0, -1.0, -1.0], 25)
    >>> then = RowSample.of(ranks, np.column_stack((a, a)), codes, plan)
    >>> now = RowSample.of(ranks, np.column_stack((a, -a)), codes, plan)
    >>> stat = pca_reconstruction.compute(then, now)
    >>> round(stat.value, 6), round(pca_reconstruction.compute(then, then).value, 6)
    (1.0, 0.0)

    Formula: (mean |z - z'| now - mean |z - z'| then) / mean |z| then, z' being the projection of a
    row on the fewest components that explain the share ``explained`` of the variance; those of one
    half of the reference are used for the other, so that a fit to noise does not count. The
    interval is normal. Source: Pearson 1901; Qahtan et al. 2015 (KDD 21).
    """
    if not 0.0 < explained <= 1.0:
        raise ValueError(f"explained is {explained:g}; give a share of the variance, from 0 to 1")
    _require(_FEWEST, reference, current)
    names = reference.plan.columns
    if len(names) < 2:
        raise NotEnoughData("components need two numeric features", len(names), 2)
    then, now = (standardised(one.values, one.plan) for one in (reference, current))
    length = float(np.sqrt((then - then.mean(0)) ** 2 @ np.ones(len(names))).mean())
    if not length:
        raise NotEnoughData("the rows of the reference do not vary", among=current.n)
    fits = [_Components.of(then[half::2], explained) for half in (1, 0)]
    before = np.concatenate([fit.residuals(then[half::2]) for half, fit in enumerate(fits)])
    after = [fit.residuals(now) for fit in fits]
    lengths = np.sqrt((before**2).sum(1)), sum(np.sqrt((one**2).sum(1)) for one in after) / 2.0
    old, new = (np.asarray(side) / length for side in lengths)
    value = float(new.mean() - old.mean())
    error = math.hypot(new.std() / math.sqrt(len(new)), old.std() / math.sqrt(len(old)))
    worse = sum((one**2).mean(0) for one in after) / 2.0 - (before**2).mean(0)
    return measured(
        value,
        lambda z: Interval(value - z * error, value + z * error),
        n_reference=reference.n,
        n_current=current.n,
        where=_short(names[int(np.argmax(worse))]) if value - 2.0 * error > 0.0 else "",
    )


class _Components(NamedTuple):
    """The mean of rows and the directions (columns x components) that explain most of them."""

    mean: Floats
    directions: Floats

    @classmethod
    def of(cls, rows: Floats, explained: float) -> _Components:
        mean = rows.mean(0)
        variances, directions = np.linalg.eigh((rows - mean).T @ (rows - mean) / len(rows))
        shares = np.maximum(variances[::-1], 0.0)
        until = np.cumsum(shares) / (shares.sum() or 1.0)
        enough = 1 + int(np.searchsorted(until, explained - 1e-12))
        return cls(mean, directions[:, ::-1][:, : min(enough, len(mean) - 1)])

    def residuals(self, rows: Floats) -> Floats:
        """What the components leave of each row."""
        away = rows - self.mean
        left: Floats = away - away @ self.directions @ self.directions.T
        return left


def _require(need: int, reference: RowSample, current: RowSample) -> None:
    for side, rows in (("reference", reference.n), ("current window", current.n)):
        if rows < need:
            raise NotEnoughData(f"{rows} rows in the {side}, {need} needed", rows, need)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
