"""Predictions and truths of rows in the terms of a plan's task."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.log import STRANGE_LABELS, UNKNOWN_LABELS
from checks.outcome import (
    NEGATIVE,
    POSITIVE,
    UNKNOWN,
    BinaryOutcome,
    ForecastOutcome,
    Outcome,
    RegressionOutcome,
    decided,
)
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.plan import (
    BinaryPlan,
    ForecastPlan,
    MulticlassPlan,
    MultilabelPlan,
    OutcomePlan,
    RankingPlan,
    RegressionPlan,
)
from monitor.sources._arrow import Bools
from monitor.sources._columns import Column, Levels, Numbers, Rows
from monitor.sources._ranked import Ranked
from monitor.sources._sets import Tagged, outside


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

    def seen(self, rows: Rows) -> tuple[Floats, Floats]:
        """The loss of each of these rows, and what the model said, as a sample keeps them."""
        told, label = self.predicted[rows], self.label[rows]
        score = np.full(len(told), np.nan) if self.score is None else self.score[rows]
        valid = (score >= 0.0) & (score <= 1.0)
        told = decided(self.plan, told, score)
        loss = _wrong(told, label, UNKNOWN)
        return loss, np.where(valid, score, np.where(told == UNKNOWN, np.nan, told))

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

    def seen(self, rows: Rows) -> tuple[Floats, Floats]:
        """The loss of each of these rows, and the score of the class that was predicted."""
        told, label = self.predicted[rows], self.label[rows]
        score = np.full(len(told), np.nan) if self.score is None else self.score[rows]
        return _wrong(told, label, NOTHING), score

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

    def seen(self, rows: Rows) -> tuple[Floats, Floats]:
        """The absolute error of each of these rows, and the amount that was predicted."""
        told, label = self.predicted[rows], self.label[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            error = np.abs(told - label)
        return np.where(np.isfinite(error), error, np.nan), told

    def outcome(self, rows: Rows, counts: Counts | None = None) -> RegressionOutcome:
        """The outcome of these rows; ``counts`` says how many each stands for (None: one)."""
        predicted, label = self.predicted[rows], self.label[rows]
        return RegressionOutcome.of(self.plan, predicted, label, counts=counts)


@dataclass(frozen=True, slots=True, eq=False)
class Unjudged:
    """Rows of a model without a task: all that counts is whether there is a label."""

    labelled: Bools

    def seen(self, rows: Rows) -> tuple[Floats, Floats]:
        """Nothing is known of these rows."""
        nothing = np.full(len(self.labelled[rows]), np.nan)
        return nothing, nothing

    def outcome(self, rows: Rows, counts: Counts | None = None) -> Outcome | None:
        del rows, counts
        return None


@dataclass(frozen=True, slots=True, eq=False)
class Forecast(Estimated):
    """Rows of forecasts: those of a regression, and the place of the horizon of each."""

    plan: ForecastPlan
    horizon: NDArray[np.int64]

    def outcome(self, rows: Rows, counts: Counts | None = None) -> ForecastOutcome:
        """The outcome of these rows; ``counts`` says how many each stands for (None: one)."""
        parts = self.predicted[rows], self.label[rows], self.horizon[rows]
        return ForecastOutcome.by(self.plan, *parts, counts=counts)


Judged = Classified | Assigned | Estimated | Ranked | Tagged | Unjudged


def judged(
    plan: OutcomePlan | None,
    length: int,
    prediction: Column | None,
    score: Column | None,
    label: Column | None,
    group: Column | None = None,
) -> Judged:
    """The rows of a log in the terms of ``plan``; columns are read as `Needs` says."""
    if isinstance(plan, RankingPlan):
        return Ranked(plan, *(_floats(each, length) for each in (group, score, label)))
    if isinstance(plan, MultilabelPlan):
        return Tagged(plan, *_sets(prediction, label, length))
    if isinstance(plan, ForecastPlan):
        sides = _floats(prediction, length), _floats(label, length)
        return Forecast(plan, *sides, _horizons(plan, group, length))
    if isinstance(plan, BinaryPlan):
        truth = classes(plan, label, length)
        strange = np.equal(truth, UNKNOWN) & _there(label, length)
        return Classified(plan, classes(plan, prediction, length), truth, _scores(score), strange)
    if isinstance(plan, MulticlassPlan):
        return Assigned(plan, *numbered(plan, prediction, label, length), _scores(score))
    if isinstance(plan, RegressionPlan):
        return Estimated(plan, _floats(prediction, length), _floats(label, length))
    return Unjudged(_there(label, length))


def _wrong(told: NDArray[np.int64], label: NDArray[np.int64], unknown: int) -> Floats:
    """1 where a class is not the truth, 0 where it is, NaN where either is not known."""
    known = (told != unknown) & (label != unknown)
    return np.where(known, told != label, np.nan)


def classes(plan: BinaryPlan, column: Column | None, length: int) -> NDArray[np.int64]:
    """The class of each row, `UNKNOWN` where the text is neither class or missing."""
    if not isinstance(column, Levels):
        return np.full(length, UNKNOWN)
    known = {plan.negative: NEGATIVE, plan.positive: POSITIVE}
    of_text = [known.get(text, UNKNOWN) for text in column.texts]
    return np.array([*of_text, UNKNOWN]).take(column.places)


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
    return np.array([*of_text, NOTHING]).take(column.places)


def strange_labels(plan: OutcomePlan | None) -> str:
    """As what labels are told that the task does not know: among its labels, or beside them."""
    among = isinstance(plan, MulticlassPlan | MultilabelPlan)
    return STRANGE_LABELS if among else UNKNOWN_LABELS


def strangers(plan: OutcomePlan | None, column: Column) -> Bools:
    """Which rows hold a prediction or a label that the task does not know."""
    if isinstance(plan, BinaryPlan):
        if isinstance(column, Levels) and {plan.negative, plan.positive}.issuperset(column.texts):
            return np.zeros(len(column), np.bool_)  # as nearly always: no row need be looked at
        return column.there & np.equal(classes(plan, column, len(column)), UNKNOWN)
    if isinstance(plan, MulticlassPlan) and plan.complete:
        found, _ = numbered(plan, column, None, len(column))
        return found >= len(plan.classes)
    if isinstance(plan, RegressionPlan) and isinstance(column, Numbers):
        return column.unparsed
    if isinstance(plan, RankingPlan) and isinstance(column, Numbers):
        return column.unparsed | (column.floats() < 0.0)
    if isinstance(plan, MultilabelPlan) and plan.complete and isinstance(column, Levels):
        return outside(plan, column)
    return np.zeros(len(column), np.bool_)


def _sets(prediction: Column | None, label: Column | None, length: int) -> tuple[Levels, Levels]:
    """The sets of labels, all of them missing where there is no column of them."""
    told, truth = (
        each if isinstance(each, Levels) else Levels.absent(length) for each in (prediction, label)
    )
    return told, truth


def _horizons(plan: ForecastPlan, column: Column | None, length: int) -> NDArray[np.int64]:
    """The place of each row's horizon among the plan's; behind these all others have one."""
    other = len(plan.horizons)
    if not isinstance(column, Levels):
        return np.full(length, other)
    known = {text: place for place, text in enumerate(plan.horizons)}
    return np.array([*(known.get(text, other) for text in column.texts), other])[column.places]


def _there(column: Column | None, length: int) -> Bools:
    return np.zeros(length, np.bool_) if column is None else column.there


def _scores(column: Column | None) -> Floats | None:
    return column.floats() if isinstance(column, Numbers) else None


def _floats(column: Column | None, length: int) -> Floats:
    return column.floats() if isinstance(column, Numbers) else np.full(length, np.nan)
