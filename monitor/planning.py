"""Planning: a survey of the reference and the roles of columns become a plan; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass, replace

import numpy as np

from checks.delays import Delays
from checks.grid import Floats
from checks.joint import (
    MOST_COLUMNS,
    WAVES,
    FourierMeans,
    JointMoments,
    bandwidth_of,
    scales_of,
)
from checks.plan import (
    EXACT_VALUES,
    MOST_CLASSES,
    Beside,
    BinaryPlan,
    CategoricalPlan,
    ColumnPlan,
    MulticlassPlan,
    MultilabelPlan,
    MultivariatePlan,
    NumericPlan,
    OutcomePlan,
    Plan,
    RankingPlan,
    RegressionPlan,
    Role,
    vocabularies,
)
from checks.sample import MOST_NAMED, ROWS, RowSample
from monitor.derived import embeddings_of, made_columns, text_hint, texts_of
from monitor.hints import suggest
from monitor.sources import Columns, ColumnSurvey, Survey, WrongSchema
from monitor.sources._parts import made_of
from monitor.tasks import forecast_plan, multilabel_plan, ranking_plan, require, with_clusters

MOST_SEGMENTS = 20
_ID_SHARE = 0.9
_SHOWN = 5
_FEW = 30
_ID_NAME = re.compile(r"(?i:(?:^|[\W_])(?:id|uuid|guid|index))$|[a-z]I[dD]$")
_FRAME_INDEX = re.compile(r"__index_level_\d+__")
_OF_CLASSES = ("binary", "multiclass", "clustering")
_CLASSES = (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("negative", "positive"))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the configuration says of the truth: the task, and for two classes which is positive.

    ``cutoffs`` are the numbers of first places that a ranker is measured by, ``separator`` stands
    between the labels of a set that is written as text.
    """

    task: str = "none"
    positive: str | None = None
    threshold: float = 0.5
    cutoffs: tuple[int, ...] = RankingPlan().cutoffs
    separator: str = ","


def plan_of(
    survey: Survey, columns: Columns, outlook: Outlook, kinds: Set[type] = frozenset()
) -> tuple[Plan, tuple[str, ...]]:
    """The plan, and sentences on what was left out of it and why.

    ``kinds`` are the types of profile that are kept where they are asked for.

    Raises:
        WrongSchema: a named column is not in the log, or the classes of a binary model are unclear.
    """
    _require(survey, columns)
    notices = list(survey.notices)
    plans: dict[str, ColumnPlan] = _features(survey, columns, notices)
    plans |= {
        seen.name: _numeric(seen) if seen.family == "number" else _categorical(seen)
        for seen in made_columns(survey, columns)
    }
    roles: dict[str, Role] = {}
    for name, role in (
        (columns.prediction, "prediction"),
        (columns.score, "score"),
        (columns.label, "label"),
    ):
        if name is not None and name in survey.columns:
            seen = survey.columns[name]
            if outlook.task == "multilabel" and role != "score":
                continue  # a set of labels is neither a number nor a level
            if seen.family == "nested":
                seen = replace(seen, levels=())  # sets of labels, which no level is
            amounts = outlook.task not in _OF_CLASSES and seen.family == "number"
            numeric = role == "score" or amounts
            plans[name] = _numeric(seen) if numeric else _categorical(seen)
            roles[name] = role  # type: ignore[assignment]
    told = columns.prediction if outlook.task == "clustering" else None
    plan = Plan(
        dict(sorted(plans.items())),  # as a stored plan has them: findings keep their order
        _outcome(survey, columns, outlook),
        roles,
        {name: survey.columns[name].family for name in plans},
        {name: survey.columns[name].levels[:MOST_SEGMENTS] for name in columns.segments},
        survey.timestamp_unit,
        with_clusters(
            _together(
                survey,
                _features_of(plans, {*roles, *vocabularies(columns.text)}),
                kinds - {Delays},
                notices,
            ),
            plans,
            told,
        )
        if kinds - {Delays}
        else None,
        Delays in kinds and columns.label_timestamp is not None,
        texts_of(survey, columns),
        embeddings_of(survey, columns, waves=FourierMeans in kinds),
        besides=_besides(outlook.task, columns),
    )
    return plan, (*notices, *_without_numbers(survey, plan), *_pooled(columns, plan))


def nested_hint(survey: Survey) -> str:
    """The way out where a log holds nested records in place of columns; empty where it does not."""
    nested = [name for name, seen in survey.columns.items() if seen.family == "nested"]
    if not nested:
        return ""
    return (
        f"its records look nested ({', '.join(nested[:_SHOWN])}): in monitor.toml the key shape of "
        'the source, such as shape = "nested" with a path for each column, says how to read them '
        "(docs/logs.md)"
    )


def _features_of(plans: Mapping[str, ColumnPlan], others: Set[str]) -> dict[str, ColumnPlan]:
    return {name: plan for name, plan in sorted(plans.items()) if name not in others}


def _together(
    survey: Survey, features: Mapping[str, ColumnPlan], kinds: Set[type], notices: list[str]
) -> MultivariatePlan | None:
    """What is kept of the numeric features together, where a sample of them tells their scales."""
    numeric = [name for name, plan in features.items() if isinstance(plan, NumericPlan)]
    sample = {name: survey.sample[name] for name in numeric if name in survey.sample}
    scales = scales_of(sample)
    levels = {n: plan.levels for n, plan in features.items() if isinstance(plan, CategoricalPlan)}
    sampled = RowSample in kinds
    if not scales and not (sampled and levels):
        notices.append("no numeric feature varies: nothing is kept of several columns together")
        return None
    if len(scales) == MOST_COLUMNS < len(sample):
        notices.append(
            f"of {len(sample)} numeric features the first {MOST_COLUMNS} by name that vary are "
            "looked at together"
        )
    waves = FourierMeans in kinds and len(scales) > 0
    return MultivariatePlan(
        tuple(scales),
        tuple(centre for centre, _ in scales.values()),
        tuple(spread for _, spread in scales.values()),
        moments=JointMoments in kinds and len(scales) > 0,
        waves=WAVES if waves else 0,
        bandwidth=_bandwidth(sample, scales) if waves else 1.0,
        rows=ROWS if sampled else 0,
        categories=tuple(levels) if sampled else (),
        levels=tuple(each[:MOST_NAMED] for each in levels.values()) if sampled else (),
    )


def _bandwidth(sample: Mapping[str, Floats], scales: Mapping[str, tuple[float, float]]) -> float:
    return bandwidth_of(np.column_stack([sample[name] for name in scales]), list(scales.values()))


def _require(survey: Survey, columns: Columns) -> None:
    named = [
        ("timestamp", columns.timestamp),
        ("id", columns.id),
        ("version", columns.version),
        ("prediction", columns.prediction),
        ("score", columns.score),
        ("label", columns.label),
        ("query", columns.query),
        ("horizon", columns.horizon),
        *columns.besides,
        *(("numeric", name) for name in columns.numeric or ()),
        *(("categorical", name) for name in columns.categorical or ()),
        *(("segments", name) for name in columns.segments),
        *(("text", name) for name in columns.text),
        *(("embeddings", name) for name in columns.embeddings),
    ]
    for key, name in named:
        if name is not None and name not in survey.columns:
            hint = suggest(name, survey.columns)
            raise WrongSchema(f"columns.{key}: there is no column {name!r} in the log; {hint}")
    for name in columns.numeric or ():
        if name in (columns.categorical or ()):
            raise WrongSchema(f"columns: {name!r} is both numeric and categorical; choose one")


def _without_numbers(survey: Survey, plan: Plan) -> Iterator[str]:
    """Sentences on columns that are to be read as numbers, and of which none can be."""
    for name, each in plan.columns.items():
        seen = survey.columns[name]
        if isinstance(each, NumericPlan) and seen.family == "text" and not seen.values:
            yield f"{name}: is read as numbers, but none of its values is one"


def _features(survey: Survey, columns: Columns, notices: list[str]) -> dict[str, ColumnPlan]:
    if columns.numeric is not None or columns.categorical is not None:
        plans: dict[str, ColumnPlan] = {
            name: _numeric(survey.columns[name]) for name in columns.numeric or ()
        }
        plans |= {name: _categorical(survey.columns[name]) for name in columns.categorical or ()}
        return plans
    taken = {
        columns.timestamp,
        columns.id,
        columns.version,
        columns.prediction,
        columns.score,
        columns.label,
        columns.label_timestamp,
        columns.query,
        columns.horizon,
        *(name for _, name in columns.besides),
        *columns.exclude,
        *columns.text,
        *columns.embeddings,
        *made_of(columns),
    }
    found: dict[str, ColumnPlan] = {}
    for name, seen in survey.columns.items():
        if name in taken or seen.family in ("time", "nested") or _FRAME_INDEX.fullmatch(name):
            continue
        if _names_rows(seen):
            notices[:] = [each for each in notices if not each.startswith(f"{name}: ")]
            why = text_hint(seen) or "left out as an id"
            notices.append(f"{name}: nearly every row has a value of its own; {why}")
        elif seen.family == "number":
            found[name] = _numeric(seen)
        else:
            found[name] = _categorical(seen)
            if hint := text_hint(seen):
                notices.append(f"{name}: {seen.distinct:,} values, watched as levels; {hint}")
    return found


def _names_rows(seen: ColumnSurvey) -> bool:
    """Whether a column of text, or of whole numbers called an id, names rows rather than kinds."""
    id_like = seen.family == "text" or (seen.integral and _ID_NAME.search(seen.name) is not None)
    return id_like and seen.values >= _FEW and seen.distinct >= _ID_SHARE * seen.values


def _numeric(seen: ColumnSurvey) -> NumericPlan:
    """Distinct values are kept of columns that have few: to find them in others takes sorting."""
    exact = EXACT_VALUES if seen.distinct <= EXACT_VALUES else 0
    return NumericPlan(seen.centre, atoms=seen.atoms, exact=exact, edges=seen.edges)


def _categorical(seen: ColumnSurvey) -> CategoricalPlan:
    """All levels or, of too many, those with rows enough to be told from the others.

    Which of the rare ones are the most frequent is chance. A list of the lucky ones would make all
    others look as if they had become more frequent since.
    """
    if seen.complete:
        return CategoricalPlan(seen.levels)
    return CategoricalPlan(seen.levels[: max(seen.frequent, 1)], complete=False)


def _outcome(survey: Survey, columns: Columns, outlook: Outlook) -> OutcomePlan | None:
    require(outlook.task, columns)
    if outlook.task in ("none", "clustering") or columns.label is None:
        return None
    label = survey.columns[columns.label]
    if outlook.task == "ranking":
        return ranking_plan(label, outlook.cutoffs)
    if outlook.task == "multilabel":
        told = survey.columns.get(columns.prediction or "")
        return multilabel_plan(label, told, outlook.separator)
    if outlook.task in ("regression", "forecasting"):
        if label.family not in ("number", "empty"):
            raise WrongSchema(
                f"columns.label: {label.name!r} holds {label.family}, a regression needs numbers"
            )
        if outlook.task == "forecasting":
            return forecast_plan(columns, label, survey.columns)
        return RegressionPlan(label.centre)
    if outlook.task == "multiclass":
        return _several(label, survey.columns.get(columns.prediction or ""))
    levels = set(label.levels)
    if columns.prediction is not None and len(levels) < len(("no", "yes")):
        levels |= set(survey.columns[columns.prediction].levels)
    negative, positive = _classes(levels, outlook.positive, label.name)
    return BinaryPlan(positive, negative, outlook.threshold)


def _besides(task: str, columns: Columns) -> tuple[Beside, ...]:
    """What more is kept of outcomes, as far as columns tell it and the task has a use for it."""
    if columns.label is None:
        return ()
    amounts = task in ("regression", "forecasting")
    told: Mapping[Beside, bool] = {
        "ranges": amounts and None not in (columns.lower, columns.upper),
        "weights": (amounts or task in ("binary", "multiclass")) and columns.weight is not None,
        "scores": task == "multiclass" and len(columns.scores) > 1,
    }
    return tuple(each for each, kept in told.items() if kept)


def _several(label: ColumnSurvey, prediction: ColumnSurvey | None) -> MulticlassPlan:
    """The classes of a label, and behind them those that are predicted alone."""
    if label.family == "number" and label.distinct > MOST_CLASSES:
        raise WrongSchema(
            f"columns.label: {label.name!r} holds {label.distinct:,} different numbers, a "
            f'multiclass model at most {MOST_CLASSES}; write task = "regression" for amounts'
        )
    told = () if prediction is None else prediction.levels
    classes = tuple(dict.fromkeys((*label.levels, *told)))
    if len(classes) < len(("this", "that")):
        shown = f"only {classes[0]!r}" if classes else "nothing"
        raise WrongSchema(
            f"columns.label: {label.name!r} holds {shown} in the reference, a multiclass model "
            "needs two classes or more"
        )
    complete = label.complete and (prediction is None or prediction.complete)
    return MulticlassPlan(classes[:MOST_CLASSES], complete and len(classes) <= MOST_CLASSES)


def _pooled(columns: Columns, plan: Plan) -> Iterator[str]:
    """A sentence on classes that are not told apart."""
    if isinstance(plan.outcome, MultilabelPlan) and not plan.outcome.complete:
        kept = len(plan.outcome.labels)
        yield f"{columns.label}: more labels than the {kept} that are told apart"
    if isinstance(plan.outcome, MulticlassPlan) and not plan.outcome.complete:
        kept = len(plan.outcome.classes)
        yield f"{columns.label}: more than {kept} classes; beyond the most frequent all are one"


def positive_of(levels: Iterable[str]) -> str | None:
    """The class that is the positive one without a word; None where that must be said.

    >>> positive_of(["yes", "no"]), positive_of(["good", "bad"])
    ('yes', None)
    """
    found = set(levels)
    return next((pair[1] for pair in _CLASSES if found and found <= set(pair)), None)


def _classes(levels: set[str], positive: str | None, column: str) -> tuple[str, str]:
    """The negative and the positive class of a label column."""
    for pair in _CLASSES:
        if levels and levels <= set(pair) and positive in (None, *pair):
            first, second = pair
            return (first, second) if positive in (None, second) else (second, first)
    shown = ", ".join(sorted(levels)[:5]) + (", …" if len(levels) > 5 else "")
    if positive is not None and positive in levels and len(levels) == len(("no", "yes")):
        (negative,) = levels - {positive}
        return negative, positive
    if len(levels) > len(("no", "yes")):
        raise WrongSchema(
            f"columns.label: {column!r} has more than two values ({shown}); the task of such a "
            'model is "multiclass"'
        )
    raise WrongSchema(
        f"columns.label: which of {shown or 'its values'} is the positive class of {column!r}? "
        'write positive = "…" in the model\'s table, or --positive on the command line'
    )


def guess_columns(names: Iterable[str]) -> Columns:
    """The likely role of columns by name.

    >>> guess_columns(["prediction_id", "ts", "y_true"]).label
    'y_true'
    """
    lower = {name.lower(): name for name in names}

    def first(*candidates: str) -> str | None:
        return next((lower[c] for c in candidates if c in lower), None)

    return Columns(
        timestamp=first("timestamp", "ts", "time", "datetime", "event_time", "created_at", "date"),
        id=first("prediction_id", "id", "request_id", "inference_id", "event_id", "row_id"),
        version=first("version", "model_version", "modelversion"),
        prediction=first("prediction", "y_pred", "pred", "predicted", "predicted_label"),
        score=first("score", "probability", "proba", "y_score", "prediction_proba", "p"),
        label=first("label", "target", "y_true", "actual", "ground_truth", "y", "truth"),
        label_timestamp=first("label_timestamp", "label_ts", "label_time", "labelled_at"),
        exclude=tuple(filter(None, (first("model", "model_name", "model_id"),))),
    )
