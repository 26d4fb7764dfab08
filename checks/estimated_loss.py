"""Estimated loss: how wrong a model is likely to be on the window's rows, before labels come.

Direct loss estimation (DLE; the idea is NannyML's, 2022): trees learn from labelled rows of the
reference how wrong the model is where, and say it of the window's rows. It sees that rows move to
where the model is bad, and is blind to concept drift, as ``estimated_accuracy`` is.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checks.check import NotEnoughData, Stat, check
from checks.expected import BLIND
from checks.grid import Floats
from checks.intervals import Interval, measured
from checks.labelled import FEWEST_ROWS
from checks.sample import RowSample
from checks.text import figure


@check(RowSample, direction="above", cause="performance", default=False, needs="prediction")
def estimated_loss(reference: RowSample, current: RowSample) -> Stat:
    """Mean loss to expect of the window's rows, without its labels; blind to concept drift.

    The loss of amounts is the absolute error, so that this is the mean absolute error to expect;
    that of classes is 1 for a wrong one, so that it is their share. Trees learn the loss of the
    reference's rows from features and prediction; they do not see beyond the values that these
    had. The interval covers the chance in the labels to come and what five parts of the reference
    teach differently; 300 labelled rows of the reference and 50 rows are needed. Needs
    scikit-learn.

    Formula: the mean of the trees' loss of the window's rows + their mean error on rows that they
    have not seen. Source: NannyML 2022 (DLE); Friedman 2001 (Ann. Stat. 29).

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=1000)
    >>> ranks, codes = np.arange(1000) / 1000.0, np.zeros((1000, 0), np.int64)
    >>> x = np.tile([0.0, 1.0], 500)[:, None]
    >>> then = RowSample.of(ranks, x, codes, plan, 1.0 + x[:, 0], x[:, 0])
    >>> now = RowSample.of(ranks, np.ones_like(x), codes, plan, score=np.ones(1000))
    >>> round(estimated_loss.compute(then, now).value, 2)
    2.0
    """
    if current.n < FEWEST_ROWS:
        reason = f"{current.n} rows, {FEWEST_ROWS} needed"
        raise NotEnoughData(reason, current.n, FEWEST_ROWS, among=current.n)
    fit = _Fit.of(reference)
    rows = _features(current)
    with _one_thread():
        by_part = np.array([model.predict(rows) for model in fit.models])
    losses = by_part.mean(axis=0)
    value = max(float(losses.mean()) + fit.bias, 0.0)
    error = fit.error(losses, by_part.mean(axis=1))
    if current.n == current.plan.rows:  # a sample of more rows: which of them is chance as well
        error = sqrt(error**2 + float(losses.var()) / current.n)
    scale = fit.scale

    def interval(z: float) -> Interval:
        return Interval(max(value - z * error, 0.0) * scale, (value + z * error) * scale)

    return measured(
        value * scale,
        interval,
        n_reference=fit.rows,
        n_current=current.n,
        where=f"{BLIND}; {figure(fit.usual * scale)} in the reference",
    )


_FEWEST_LABELLED = 300
_PARTS = 5
_BINS = 10
_TREES = {
    "learning_rate": 0.1,
    "max_iter": 100,
    "max_leaf_nodes": 31,
    "min_samples_leaf": 20,
    "early_stopping": False,
    "random_state": 0,
}
_FARTHEST = 1e30  # infinite values are as good as this to trees


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """Trees that know the losses of four fifths of the reference each, in shares of ``scale``.

    ``bias`` is what they lack on average on the rows that they have not seen, ``usual`` the mean
    loss of the reference. ``edges`` part the losses that they tell, ``spreads`` are the mean
    squared errors of each part.
    """

    models: Sequence[Any]
    rows: int
    scale: float
    usual: float
    bias: float
    edges: Floats
    spreads: Floats

    @classmethod
    def of(cls, reference: RowSample) -> _Fit:
        known = np.flatnonzero(np.isfinite(reference.loss))
        if len(known) < _FEWEST_LABELLED:
            reason = (
                f"the reference's sample has {len(known)} labelled rows, {_FEWEST_LABELLED} needed"
            )
            raise NotEnoughData(reason, len(known), _FEWEST_LABELLED, among=reference.n)
        return _fitted(reference)

    def error(self, losses: Floats, means: Floats) -> float:
        """The standard error of the mean of losses to come, of which the parts tell these means."""
        by_chance = self.spreads[np.searchsorted(self.edges, losses)].mean() / len(losses)
        learnt = (len(means) - 1) * float(means.var())  # as of a jackknife by parts
        return sqrt(float(by_chance) + learnt)


@lru_cache(maxsize=4)
def _fitted(reference: RowSample) -> _Fit:
    """The fit of a reference, of which each window asks anew."""
    known = np.flatnonzero(np.isfinite(reference.loss))
    rows, losses = _features(reference)[known], reference.loss[known]
    scale = float(losses.mean()) or 1.0
    losses = losses / scale
    # Ranks are as good as drawn at random, so every fifth row by rank is a random fifth.
    parts = np.arange(len(known)) % _PARTS
    trees = _trees(reference.n)
    told, models = np.zeros(len(known)), []
    with _one_thread():
        for k in range(_PARTS):
            model = trees(**_TREES).fit(rows[parts != k], losses[parts != k])
            told[parts == k] = model.predict(rows[parts == k])
            models.append(model)
    edges = np.unique(np.quantile(told, np.arange(1, _BINS) / _BINS))
    return _Fit(
        models,
        len(known),
        scale,
        float(losses.mean()),
        float((losses - told).mean()),
        edges,
        _means(np.searchsorted(edges, told), (losses - told) ** 2, len(edges) + 1),
    )


def _means(bins: NDArray[np.intp], values: Floats, count: int) -> Floats:
    """The mean of the values of each bin; that of all where there is none."""
    rows, sums = np.bincount(bins, minlength=count), np.bincount(bins, values, count)
    return np.where(rows > 0, sums / np.maximum(rows, 1), values.mean())


def _features(sample: RowSample) -> Floats:
    """What trees are shown of each row: numbers, levels and what the model said."""
    columns = np.column_stack((sample.values, sample.codes, sample.score))
    return np.clip(columns, -_FARTHEST, _FARTHEST)


def _trees(among: int) -> Any:
    try:
        return importlib.import_module("sklearn.ensemble").HistGradientBoostingRegressor
    except ImportError:
        reason = "needs scikit-learn, which is not installed: pip install 'modelmon[classifier]'"
        raise NotEnoughData(reason, among=among) from None


def _one_thread() -> AbstractContextManager[object]:
    """Threads that wait for each other on a busy machine take a hundred times as long as one."""
    limits: AbstractContextManager[object] = importlib.import_module(
        "threadpoolctl"
    ).threadpool_limits(1, "openmp")
    return limits
