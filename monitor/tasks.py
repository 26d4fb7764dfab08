"""Tasks whose truth is of many rows or many parts: what is kept of it, by a survey; pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from checks.check import Check
from checks.clustering import NOISE
from checks.outcome import BinaryOutcome, ForecastOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranking import RankingOutcome
from checks.plan import (
    MOST_CLASSES,
    CategoricalPlan,
    ColumnPlan,
    ForecastPlan,
    MultilabelPlan,
    MultivariatePlan,
    RankingPlan,
)
from checks.sample import MOST_NAMED
from checks.text import LONGEST_LEVEL, labels_in
from monitor.sources import Columns, ColumnSurvey, WrongSchema

MOST_HORIZONS = 50
NEEDS: Mapping[str, Mapping[str, str]] = {
    "multiclass": {"prediction": "one"},
    "multilabel": {"prediction": "one: a set of labels in each row"},
    "regression": {"prediction": "one"},
    "forecasting": {"prediction": "one", "horizon": "to know how far ahead each row looks"},
    "ranking": {
        "query": "to know which rows answer one request",
        "score": "the score that items are ranked by",
    },
    "clustering": {"prediction": "one: the cluster of each row"},
}
"""The columns that a task cannot do without, and what for."""

OUTCOMES: Mapping[str, type] = {
    "binary": BinaryOutcome,
    "multiclass": MulticlassOutcome,
    "multilabel": MultilabelOutcome,
    "regression": RegressionOutcome,
    "forecasting": ForecastOutcome,
    "ranking": RankingOutcome,
}
"""What is kept of the truth, for the tasks that have one."""

_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")


def fits(check: Check, task: str) -> bool:
    """Whether a check can be computed for a task: one of outcomes needs the right one.

    >>> from checks.check import catalogue
    >>> known = catalogue()
    >>> [fits(known[name], "forecasting") for name in ("mae", "worst_horizon", "roc_auc", "psi")]
    [True, True, False, True]
    """
    if not set(check.takes) <= set(OUTCOMES.values()):
        return True
    return issubclass(OUTCOMES.get(task, object), check.takes)


def ranking_plan(label: ColumnSurvey, cutoffs: tuple[int, ...]) -> RankingPlan:
    """The plan of a ranker, whose labels are degrees of relevance.

    Raises:
        WrongSchema: the labels are no numbers.
    """
    if label.family not in ("number", "boolean", "empty"):
        raise WrongSchema(
            f"columns.label: {label.name!r} holds {label.family}; a ranking model needs the "
            "relevance of each item as a number from 0 on"
        )
    return RankingPlan(cutoffs)


def forecast_plan(
    columns: Columns, label: ColumnSurvey, surveys: Mapping[str, ColumnSurvey]
) -> ForecastPlan:
    """The plan of a forecaster: its horizons are those of the reference, in order of size.

    Of more than 50 the most frequent are told apart.
    """
    levels = surveys[str(columns.horizon)].levels[:MOST_HORIZONS]
    return ForecastPlan(label.centre, horizons=tuple(sorted(levels, key=_size)))


def _size(text: str) -> tuple[float, str]:
    """What orders texts that begin with a number; the others come last.

    >>> sorted(["10", "2", "7 days", "far"], key=_size)
    ['2', '7 days', '10', 'far']
    """
    found = _NUMBER.match(text)
    return float(found[0]) if found else float("inf"), text


def multilabel_plan(
    label: ColumnSurvey, prediction: ColumnSurvey | None, separator: str
) -> MultilabelPlan:
    """The labels of the sets of the truth, and behind them those that are predicted alone.

    >>> seen = ColumnSurvey("tags", "text", levels=("red,blue", "blue", "[]"))
    >>> multilabel_plan(seen, None, ",").labels
    ('red', 'blue')
    """
    told = () if prediction is None else prediction.levels
    texts = [text for text in (*label.levels, *told) if len(text) < LONGEST_LEVEL]
    labels = tuple(dict.fromkeys(each for text in texts for each in labels_in(text, separator)))
    if not labels:
        raise WrongSchema(f"columns.label: {label.name!r} names no label in the reference")
    cut = len(texts) < len(label.levels) + len(told) or len(labels) > MOST_CLASSES
    complete = label.complete and (prediction is None or prediction.complete) and not cut
    return MultilabelPlan(labels[:MOST_CLASSES], complete, separator)


def with_clusters(
    together: MultivariatePlan | None, plans: Mapping[str, ColumnPlan], name: str | None
) -> MultivariatePlan | None:
    """The plan of several columns with that of clusters, if there is one, behind its categories."""
    column = plans.get(name or "")
    if together is None or not together.rows or not isinstance(column, CategoricalPlan):
        return together
    return replace(
        together,
        categories=(*together.categories, str(name)),
        levels=(*together.levels, column.levels[:MOST_NAMED]),
        clusters=len(column.levels),
        noise=column.levels.index(NOISE) + 1 if NOISE in column.levels else 0,
    )


def require(task: str, columns: Columns) -> None:
    """WrongSchema for the first column that a task needs and that is not named."""
    for key, why in NEEDS.get(task, {}).items():
        if getattr(columns, key) is None:
            raise WrongSchema(f"columns.{key}: a {task} model needs {why}; name the column")
