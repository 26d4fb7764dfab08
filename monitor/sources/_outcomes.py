"""Predictions and truths of rows in the terms of a plan's task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.outcome import NEGATIVE, POSITIVE, UNKNOWN, BinaryOutcome, Outcome, RegressionOutcome
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.plan import BinaryPlan, MulticlassPlan, OutcomePlan, RegressionPlan
from monitor.sources._arrow import Bools
from monitor.sources._columns import Column, Levels, Numbers, Rows


@dataclass(frozen=True, slots=True, eq=False)
class Classified:
    """Rows of a binary classifier: class and truth as `NEGATIVE`, `POSITIVE` or `UNKNOWN`."""

    plan: BinaryPlan
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    score: Floats | None
    strange: Bools

    @property
    def labelled(self) -> Bools:
        return np.not_equal(self.label, UNKNOWN)

    def outcome(self, rows: Rows, counts: Counts | None = None) -> BinaryOutcome:
        """The outcome of these rows; ``counts`` says how many each stands for (None: one)."""
        strange = self.strange[rows]
        return BinaryOutcome.of(
            self.plan,
            self.predicted[rows],
            self.label[rows],
            None if self.score is None else self.score[rows],
            counts=counts,
            strange=int(np.count_nonzero(strange) if counts is None else counts[strange].sum()),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Assigned:
    """Rows of a classifier with several classes: class and truth as `numbered` gives them."""

    plan: MulticlassPlan
    predicted: NDArray[np.int64]
    label: NDArray[np.int64]
    score: Floats | None

    @property
    def labelled(self) -> Bools:
        return np.not_equal(self.label, NOTHING)

    def outcome(self, rows: Rows, counts: Counts | None = None) -> MulticlassOutcome:
        """The outcome of these rows; ``counts`` says how many each stands for (None: one)."""
        score = None if self.score is None else self.score[rows]
        told, label = self.predicted[rows], self.label[rows]
        return MulticlassOutcome.of(self.plan, told, label, score, counts=counts)


@dataclass(frozen=True, slots=True, eq=False)
class Estimated:
    """Rows of a regression; NaN where there is no number."""

    plan: RegressionPlan
    predicted: Floats
    label: Floats

    @property
    def labelled(self) -> Bools:
        return np.isfinite(self.label)

    def outcome(self, rows: Rows, counts: Counts | None = None) -> RegressionOutcome:
        """The outcome of these rows; ``counts`` says how many each stands for (None: one)."""
        predicted, label = self.predicted[rows], self.label[rows]
        return RegressionOutcome.of(self.plan, predicted, label, counts=counts)


@dataclass(frozen=True, slots=True, eq=False)
class Unjudged:
    """Rows of a model without a task: all that counts is whether there is a label."""

    labelled: Bools

    def outcome(self, rows: Rows, counts: Counts | None = None) -> Outcome | None:
        del rows, counts
        return None


Judged = Classified | Assigned | Estimated | Unjudged


def judged(
    plan: OutcomePlan | None,
    length: int,
    prediction: Column | None,
    score: Column | None,
    label: Column | None,
) -> Judged:
    """The rows of a log in the terms of ``plan``; columns are read as `Needs` says."""
    if isinstance(plan, BinaryPlan):
        truth = classes(plan, label, length)
        strange = np.equal(truth, UNKNOWN) & _there(label, length)
        return Classified(plan, classes(plan, prediction, length), truth, _scores(score), strange)
    if isinstance(plan, MulticlassPlan):
        return Assigned(plan, *numbered(plan, prediction, label, length), _scores(score))
    if isinstance(plan, RegressionPlan):
        return Estimated(plan, _floats(prediction, length), _floats(label, length))
    return Unjudged(_there(label, length))


def classes(plan: BinaryPlan, column: Column | None, length: int) -> NDArray[np.int64]:
    """The class of each row, `UNKNOWN` where the text is neither class or missing."""
    if not isinstance(column, Levels):
        return np.full(length, UNKNOWN)
    known = {plan.negative: NEGATIVE, plan.positive: POSITIVE}
    of_text = [known.get(text, UNKNOWN) for text in column.texts]
    return np.array([*of_text, UNKNOWN])[column.places]


def numbered(
    plan: MulticlassPlan, prediction: Column | None, label: Column | None, length: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Prediction and truth of each row by their place among the classes, `NOTHING` where missing.

    Every further text has a number of its own, the same in both.
    """
    known = {text: place for place, text in enumerate(plan.classes)}
    told, truth = (_numbers_of(known, column, length) for column in (prediction, label))
    return told, truth


def _numbers_of(known: dict[str, int], column: Column | None, length: int) -> NDArray[np.int64]:
    """The number of each row's text; those that are not ``known`` become so."""
    if not isinstance(column, Levels):
        return np.full(length, NOTHING)
    of_text = [known.setdefault(text, len(known)) for text in column.texts]
    return np.array([*of_text, NOTHING])[column.places]


def strangers(plan: OutcomePlan | None, column: Column) -> Bools:
    """Which rows hold a prediction or a label that the task does not know."""
    if isinstance(plan, BinaryPlan):
        return column.there & np.equal(classes(plan, column, len(column)), UNKNOWN)
    if isinstance(plan, MulticlassPlan) and plan.complete:
        found, _ = numbered(plan, column, None, len(column))
        return found >= len(plan.classes)
    if isinstance(plan, RegressionPlan) and isinstance(column, Numbers):
        return column.unparsed
    return np.zeros(len(column), np.bool_)


def _there(column: Column | None, length: int) -> Bools:
    return np.zeros(length, np.bool_) if column is None else column.there


def _scores(column: Column | None) -> Floats | None:
    return column.floats() if isinstance(column, Numbers) else None


def _floats(column: Column | None, length: int) -> Floats:
    return column.floats() if isinstance(column, Numbers) else np.full(length, np.nan)
