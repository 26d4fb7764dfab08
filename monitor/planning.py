"""Planning: a survey of the reference and the roles of columns become a plan; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass

import numpy as np

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
    BinaryPlan,
    CategoricalPlan,
    ColumnPlan,
    MulticlassPlan,
    MultivariatePlan,
    NumericPlan,
    OutcomePlan,
    Plan,
    RegressionPlan,
    Role,
)
from checks.sample import ROWS, RowSample
from monitor.hints import suggest
from monitor.sources import Columns, ColumnSurvey, Survey, WrongSchema

MOST_SEGMENTS = 20
_ID_SHARE = 0.9
_SHOWN = 5
_FEW = 30
_ID_NAME = re.compile(r"(?i:(?:^|[\W_])(?:id|uuid|guid|index))$|[a-z]I[dD]$")
_FRAME_INDEX = re.compile(r"__index_level_\d+__")
_CLASSES = (("0", "1"), ("false", "true"), ("no", "yes"), ("n", "y"), ("negative", "positive"))


@dataclass(frozen=True, slots=True)
class Outlook:
    """What the configuration says of the truth: the task, and for two classes which is positive."""

    task: str = "none"
    positive: str | None = None
    threshold: float = 0.5


def plan_of(
    survey: Survey, columns: Columns, outlook: Outlook, kinds: Set[type] = frozenset()
) -> tuple[Plan, tuple[str, ...]]:
    """The plan, and sentences on what was left out of it and why.

    ``kinds`` are the types of profile that span several columns and are asked for.

    Raises:
        WrongSchema: a named column is not in the log, or the classes of a binary model are unclear.
    """
    _require(survey, columns)
    notices = list(survey.notices)
    plans: dict[str, ColumnPlan] = _features(survey, columns, notices)
    roles: dict[str, Role] = {}
    for name, role in (
        (columns.prediction, "prediction"),
        (columns.score, "score"),
        (columns.label, "label"),
    ):
        if name is not None and name in survey.columns:
            seen = survey.columns[name]
            amounts = outlook.task not in ("binary", "multiclass") and seen.family == "number"
            numeric = role == "score" or amounts
            plans[name] = _numeric(seen) if numeric else _categorical(seen)
            roles[name] = role  # type: ignore[assignment]
    plan = Plan(
        dict(sorted(plans.items())),  # as a stored plan has them: findings keep their order
        _outcome(survey, columns, outlook),
        roles,
        {name: survey.columns[name].family for name in plans},
        {name: survey.columns[name].levels[:MOST_SEGMENTS] for name in columns.segments},
        survey.timestamp_unit,
        _together(survey, _features_of(plans, roles), kinds, notices) if kinds else None,
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


def _features_of(
    plans: Mapping[str, ColumnPlan], roles: Mapping[str, Role]
) -> dict[str, ColumnPlan]:
    return {name: plan for name, plan in sorted(plans.items()) if name not in roles}


def _together(
    survey: Survey, features: Mapping[str, ColumnPlan], kinds: Set[type], notices: list[str]
) -> MultivariatePlan | None:
    """What is kept of the numeric features together, where a sample of them tells their scales."""
    numeric = [name for name, plan in features.items() if isinstance(plan, NumericPlan)]
    sample = {name: survey.sample[name] for name in numeric if name in survey.sample}
    scales = scales_of(sample)
    if not scales:
        notices.append("no numeric feature varies: nothing is kept of several columns together")
        return None
    if len(scales) == MOST_COLUMNS < len(sample):
        notices.append(
            f"of {len(sample)} numeric features the first {MOST_COLUMNS} by name that vary are "
            "looked at together"
        )
    centres, spreads = zip(*scales.values(), strict=True)
    rows = np.column_stack([sample[name] for name in scales])
    waves = FourierMeans in kinds
    return MultivariatePlan(
        tuple(scales),
        centres,
        spreads,
        moments=JointMoments in kinds,
        waves=WAVES if waves else 0,
        bandwidth=bandwidth_of(rows, list(scales.values())) if waves else 1.0,
        rows=ROWS if RowSample in kinds else 0,
        categories=tuple(n for n, plan in features.items() if isinstance(plan, CategoricalPlan))
        if RowSample in kinds
        else (),
    )


def _require(survey: Survey, columns: Columns) -> None:
    named = [
        ("timestamp", columns.timestamp),
        ("id", columns.id),
        ("version", columns.version),
        ("prediction", columns.prediction),
        ("score", columns.score),
        ("label", columns.label),
        *(("numeric", name) for name in columns.numeric or ()),
        *(("categorical", name) for name in columns.categorical or ()),
        *(("segments", name) for name in columns.segments),
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
        *columns.exclude,
    }
    found: dict[str, ColumnPlan] = {}
    for name, seen in survey.columns.items():
        if name in taken or seen.family in ("time", "nested") or _FRAME_INDEX.fullmatch(name):
            continue
        if _names_rows(seen):
            notices[:] = [each for each in notices if not each.startswith(f"{name}: ")]
            notices.append(f"{name}: nearly every row has a value of its own; left out as an id")
        elif seen.family == "number":
            found[name] = _numeric(seen)
        else:
            found[name] = _categorical(seen)
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
    return CategoricalPlan(seen.levels, seen.complete)


def _outcome(survey: Survey, columns: Columns, outlook: Outlook) -> OutcomePlan | None:
    if outlook.task == "none" or columns.label is None:
        return None
    label = survey.columns[columns.label]
    if outlook.task == "regression":
        if label.family not in ("number", "empty"):
            raise WrongSchema(
                f"columns.label: {label.name!r} holds {label.family}, a regression needs numbers"
            )
        return RegressionPlan(label.centre)
    if outlook.task == "multiclass":
        return _several(label, survey.columns.get(columns.prediction or ""))
    levels = set(label.levels)
    if columns.prediction is not None and len(levels) < len(("no", "yes")):
        levels |= set(survey.columns[columns.prediction].levels)
    negative, positive = _classes(levels, outlook.positive, label.name)
    return BinaryPlan(positive, negative, outlook.threshold)


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
        label=first("label", "target", "y_true", "actual", "ground_truth", "y"),
        label_timestamp=first("label_timestamp", "label_ts", "label_time", "labelled_at"),
        exclude=tuple(filter(None, (first("model", "model_name", "model_id"),))),
    )
