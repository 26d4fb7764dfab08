"""Columns that tell more of an outcome than prediction, score and label do, where there are any."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeVar, cast

import numpy as np

from checks.grid import Floats
from checks.outcome import BinaryOutcome, Outcome, RegressionOutcome
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.outcome_ranges import RangeOutcome
from checks.outcome_scores import ClassScores
from checks.outcome_weights import WeightedErrors
from monitor.sources._columns import Column, Numbers, Rows
from monitor.sources._outcomes import Assigned, Classified, Estimated, Judged

_SCORE = "scores."
_O = TypeVar("_O")
_C = TypeVar("_C", bound=BinaryOutcome | MulticlassOutcome)


@dataclass(frozen=True, slots=True, eq=False)
class Besides:
    """Ends of intervals, weights and scores of classes of rows; NaN where there is no number."""

    lower: Floats | None = None
    upper: Floats | None = None
    weight: Floats | None = None
    scores: Mapping[str, Floats] | None = None

    @classmethod
    def of(cls, columns: Mapping[str, Column]) -> Besides:
        """The columns by the part that each plays, which for scores ends in the class."""
        read = {name: each.floats() for name, each in columns.items() if isinstance(each, Numbers)}
        scores = {
            name.removeprefix(_SCORE): each
            for name, each in read.items()
            if name.startswith(_SCORE)
        }
        return cls(read.get("lower"), read.get("upper"), read.get("weight"), scores or None)

    def told(self, outcome: _O, found: Judged, rows: Rows) -> _O | Outcome:
        """The outcome of these rows with what these columns tell of them."""
        if isinstance(outcome, BinaryOutcome) and isinstance(found, Classified):
            return self._weighed(outcome, found, rows)
        if isinstance(outcome, RegressionOutcome) and isinstance(found, Estimated):
            return self._erred(outcome, found, rows)
        if isinstance(outcome, MulticlassOutcome) and isinstance(found, Assigned):
            return self._scored(self._weighed(outcome, found, rows), found, rows)
        return outcome

    def _weighed(self, outcome: _C, found: Classified | Assigned, rows: Rows) -> _C:
        if self.weight is None:
            return outcome
        score = None if found.score is None else found.score[rows]
        sides = self.weight[rows], found.predicted[rows], found.label[rows]
        return cast("_C", outcome.weighed(*sides, score))

    def _erred(self, outcome: RegressionOutcome, found: Estimated, rows: Rows) -> RegressionOutcome:
        ranges = weighted = None
        truth = found.label[rows]
        if self.lower is not None and self.upper is not None:
            ranges = RangeOutcome.of(self.lower[rows], self.upper[rows], truth)
        if self.weight is not None:
            told = found.predicted[rows]
            weighted = WeightedErrors.of(self.weight[rows], told, truth, outcome.plan.centre)
        return replace(outcome, ranges=ranges, weighted=weighted)

    def _scored(self, outcome: MulticlassOutcome, found: Assigned, rows: Rows) -> MulticlassOutcome:
        if self.scores is None:
            return outcome
        classes, label = tuple(self.scores), found.label[rows]
        known = {name: place for place, name in enumerate(classes)}
        places = [known.get(name, len(classes)) for name in found.plan.classes]
        # Behind the plan's classes are others, whose names are not kept; the last is no truth.
        place_of = np.array([*places, len(classes), NOTHING])
        truth = place_of[np.where(label == NOTHING, -1, np.minimum(label, len(places)))]
        scores = np.column_stack([each[rows] for each in self.scores.values()])
        weight = None if self.weight is None else self.weight[rows]
        return replace(outcome, scores=ClassScores.of(classes, scores, truth, weight))
