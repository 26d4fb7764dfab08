from __future__ import annotations

from dataclasses import replace

import pytest

from checks.plan import (
    EXACT_VALUES,
    BinaryPlan,
    CategoricalPlan,
    MulticlassPlan,
    NumericPlan,
    Plan,
    RegressionPlan,
)
from monitor.planning import Outlook, guess_columns, plan_of
from monitor.sources import Columns, ColumnSurvey, Survey, WrongSchema

SURVEY = Survey(
    {
        "id": ColumnSurvey(
            "id", "text", 100, levels=tuple(f"r{i}" for i in range(100)), distinct=100
        ),
        "ts": ColumnSurvey("ts", "time", 100),
        "age": ColumnSurvey("age", "number", 100, centre=41.0, integral=True, atoms=(40.0,)),
        "channel": ColumnSurvey("channel", "text", 100, levels=("web", "shop")),
        "tags": ColumnSurvey("tags", "nested", 100),
        "pred": ColumnSurvey("pred", "number", 100, levels=("0", "1")),
        "score": ColumnSurvey("score", "number", 100, centre=0.25),
        "label": ColumnSurvey("label", "number", 90, nulls=10, levels=("0", "1"), centre=0.0),
    },
    100,
    "ms",
    ("tags: nested values are left out",),
)
COLUMNS = Columns(timestamp="ts", id="id", prediction="pred", score="score", label="label")


def test_features_are_inferred_and_roles_are_no_features() -> None:
    plan, notices = plan_of(SURVEY, COLUMNS, Outlook("binary"))
    assert plan.columns == {
        "age": NumericPlan(41.0, 0, (40.0,)),
        "channel": CategoricalPlan(("web", "shop")),
        "pred": CategoricalPlan(("0", "1")),
        "score": NumericPlan(0.25),
        "label": CategoricalPlan(("0", "1")),
    }
    assert plan.outcome == BinaryPlan("1", "0")
    assert plan.timestamp_unit == "ms"
    assert {name: plan.role(name) for name in plan.columns} == {
        "age": "feature",
        "channel": "feature",
        "label": "label",
        "pred": "prediction",
        "score": "score",
    }
    assert notices == ("tags: nested values are left out",)


@pytest.mark.parametrize(("distinct", "exact"), [(EXACT_VALUES, EXACT_VALUES), (5001, 0)])
def test_distinct_values_are_kept_of_columns_that_have_few(distinct: int, exact: int) -> None:
    age = replace(SURVEY.columns["age"], distinct=distinct, values=10**6)
    plan, _ = plan_of(
        replace(SURVEY, columns={**SURVEY.columns, "age": age}), COLUMNS, Outlook("binary")
    )
    assert plan.columns["age"] == NumericPlan(41.0, 0, (40.0,), exact)


@pytest.mark.parametrize(("frequent", "kept"), [(2, ("a", "b")), (0, ("a",))])
def test_of_too_many_levels_only_frequent_ones_are_told_apart(
    frequent: int, kept: tuple[str, ...]
) -> None:
    channel = ColumnSurvey(
        "channel", "text", 100, levels=("a", "b", "c"), complete=False, frequent=frequent
    )
    survey = replace(SURVEY, columns={**SURVEY.columns, "channel": channel})
    plan, _ = plan_of(survey, COLUMNS, Outlook("binary"))
    assert plan.columns["channel"] == CategoricalPlan(kept, complete=False)


def test_an_id_nobody_named_is_left_out_and_said() -> None:
    plan, notices = plan_of(SURVEY, replace(COLUMNS, id=None), Outlook())
    assert "id" not in plan.columns
    assert any(notice.startswith("id:") for notice in notices)


def test_named_features_are_taken_as_named() -> None:
    plan, _ = plan_of(SURVEY, replace(COLUMNS, numeric=("score",), categorical=("age",)), Outlook())
    assert isinstance(plan.columns["age"], CategoricalPlan)
    assert "channel" not in plan.columns


def test_a_named_column_that_is_not_there_is_refused_with_a_suggestion() -> None:
    with pytest.raises(WrongSchema, match=r"columns\.numeric.*'agee'.*did you mean 'age'"):
        plan_of(SURVEY, replace(COLUMNS, numeric=("agee",)), Outlook())


def test_a_regression_takes_its_centre_from_the_truth() -> None:
    plan, _ = plan_of(SURVEY, replace(COLUMNS, label="age"), Outlook("regression"))
    assert plan.outcome == RegressionPlan(41.0)
    assert isinstance(plan.columns["pred"], NumericPlan)


def survey_with_labels(*levels: str, family: str = "text") -> Survey:
    label = ColumnSurvey("label", family, 100, levels=levels)  # type: ignore[arg-type]
    pred = ColumnSurvey("pred", family, 100, levels=levels)  # type: ignore[arg-type]
    return replace(SURVEY, columns={**SURVEY.columns, "label": label, "pred": pred})


@pytest.mark.parametrize(
    ("levels", "positive", "expected"),
    [
        (("no", "yes"), None, BinaryPlan("yes", "no")),
        (("true", "false"), None, BinaryPlan("true", "false")),
        (("1",), None, BinaryPlan("1", "0")),
        (("0", "1"), "0", BinaryPlan("0", "1")),
        (("good", "bad"), "bad", BinaryPlan("bad", "good")),
    ],
)
def test_the_positive_class_is_known_or_said(
    levels: tuple[str, ...], positive: str | None, expected: BinaryPlan
) -> None:
    plan, _ = plan_of(survey_with_labels(*levels), COLUMNS, Outlook("binary", positive))
    assert plan.outcome == expected


@pytest.mark.parametrize(
    ("levels", "positive", "message"),
    [
        (("good", "bad"), None, "which of bad, good is the positive class"),
        (("good", "bad"), "ugly", "which of"),
        (("a", "b", "c"), None, "more than two values.*multiclass"),
    ],
)
def test_unclear_classes_are_refused(
    levels: tuple[str, ...], positive: str | None, message: str
) -> None:
    with pytest.raises(WrongSchema, match=message):
        plan_of(survey_with_labels(*levels), COLUMNS, Outlook("binary", positive))


SEVERAL = Columns(prediction="pred", label="label")
MANY = tuple(f"c{place}" for place in range(60))


def classes_of(label: ColumnSurvey, pred: ColumnSurvey) -> tuple[Plan, tuple[str, ...]]:
    survey = Survey({"pred": pred, "label": label}, 100, None)
    return plan_of(survey, SEVERAL, Outlook("multiclass"))


@pytest.mark.parametrize(
    ("label", "pred", "expected"),
    [
        (("b", "a", "c"), ("a", "b"), MulticlassPlan(("b", "a", "c"))),
        (("b", "a"), ("d", "a"), MulticlassPlan(("b", "a", "d"))),
        ((), ("x", "y", "z"), MulticlassPlan(("x", "y", "z"))),
        (MANY[:50], MANY[:3], MulticlassPlan(MANY[:50])),
        (MANY, MANY, MulticlassPlan(MANY[:50], complete=False)),
        (MANY[:50], ("new",), MulticlassPlan(MANY[:50], complete=False)),
    ],
)
def test_classes_are_those_of_the_label_by_frequency_and_of_the_predictions_behind(
    label: tuple[str, ...], pred: tuple[str, ...], expected: MulticlassPlan
) -> None:
    plan, notices = classes_of(
        ColumnSurvey("label", "text", 90, levels=label, distinct=len(label)),
        ColumnSurvey("pred", "text", 90, levels=pred, distinct=len(pred)),
    )
    assert plan.outcome == expected
    assert type(plan).from_json(plan.to_json()).outcome == expected
    assert any("more than 50 classes" in each for each in notices) is not expected.complete


def test_numbers_of_classes_are_watched_as_levels() -> None:
    numbers = ColumnSurvey("label", "number", 90, integral=True, levels=("1", "2", "3"), distinct=3)
    plan, _ = classes_of(numbers, replace(numbers, name="pred"))
    assert plan.outcome == MulticlassPlan(("1", "2", "3"))
    assert plan.columns["pred"] == plan.columns["label"] == CategoricalPlan(("1", "2", "3"))


@pytest.mark.parametrize(
    ("label", "message"),
    [
        (ColumnSurvey("label", "number", 900, distinct=712), "712 different numbers.*regression"),
        (ColumnSurvey("label", "text", 9, levels=("a",), distinct=1), "only 'a' in the reference"),
        (ColumnSurvey("label", "empty"), "nothing in the reference"),
    ],
)
def test_a_label_without_classes_is_refused(label: ColumnSurvey, message: str) -> None:
    with pytest.raises(WrongSchema, match=message):
        classes_of(label, ColumnSurvey("pred", "empty"))


def test_equal_plans_have_equal_hashes_and_survive_json() -> None:
    plan, _ = plan_of(SURVEY, COLUMNS, Outlook("binary"))
    again = type(plan).from_json(plan.to_json())
    assert again == plan
    assert list(again.columns) == list(plan.columns)
    assert again.hash == plan.hash
    other, _ = plan_of(SURVEY, COLUMNS, Outlook("binary", threshold=0.3))
    assert other.hash != plan.hash


def test_roles_are_guessed_by_common_names() -> None:
    guess = guess_columns(["ID", "event_time", "y_pred", "target"])
    assert (guess.id, guess.timestamp) == ("ID", "event_time")
    assert (guess.prediction, guess.label) == ("y_pred", "target")
