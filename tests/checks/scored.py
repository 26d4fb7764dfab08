"""Rows of a binary classifier, drawn, and their outcome profiles."""

from __future__ import annotations

import numpy as np
import pytest

from checks import grid
from checks.check import NotEnoughData
from checks.outcome import BinaryOutcome
from checks.plan import BinaryPlan

PLAN = BinaryPlan("yes", "no")


def rows(n=2000, base=0.3, seed=0):
    """Truth and scores; a score is the chance of its row, up to a logistic curve."""
    rng = np.random.default_rng(seed)
    truth = (rng.random(n) < base).astype(np.int64)
    score = 1 / (1 + np.exp(-(rng.normal(size=n) + 2 * truth - 1.5)))
    return truth, score


def on_grid(score):
    """The middle of each score's cell: such scores lose nothing to the grid."""
    return sum(grid.score_bounds(grid.score_cells(score))) / 2


def outcome(truth, score, told=None):
    told = (score >= 0.5).astype(np.int64) if told is None else told
    return BinaryOutcome.of(PLAN, told, truth, score)


def counts(tp=0, fp=0, fn=0, tn=0, unknown=0):
    told = np.repeat([1, 1, 0, 0, 0], [tp, fp, fn, tn, unknown])
    return BinaryOutcome.of(PLAN, told, np.repeat([1, 0, 1, 0, 2], [tp, fp, fn, tn, unknown]))


def shortage(check, current, **parameters):
    with pytest.raises(NotEnoughData) as caught:
        check.compute(outcome(*rows()), current, **parameters)
    return caught.value
