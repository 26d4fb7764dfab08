"""The real logs, week by week, against the facts that pandas and scikit-learn found in them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.plan import BinaryPlan, CategoricalPlan, ColumnPlan, NumericPlan, Plan, RegressionPlan
from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources.parquet import Source
from monitor.windows import Window
from tests.shared import expected, meta, shared
from tests.sources.logs import LATER, WHOLE, assert_same

LOGS = ("elec2", "bike_sharing", "hotel_booking")


def source(name: str) -> Source:
    return Source(shared("data", f"{name}.parquet"))


def columns(name: str) -> Columns:
    about = meta(name)
    score = "score" if about["score_columns"] else None
    return Columns(
        "timestamp",
        "prediction_id",
        "version",
        "prediction",
        score,
        "label",
        "label_timestamp",
        tuple(about["features_numeric"]),
        tuple(about["features_categorical"]),
    )


def plan(name: str) -> Plan:
    about = meta(name)
    survey = source(name).survey(columns(name), ALL_TIME)
    plans: dict[str, ColumnPlan] = {
        each: NumericPlan(survey.columns[each].centre) for each in about["features_numeric"]
    }
    for each in about["features_categorical"]:
        plans[each] = CategoricalPlan(survey.columns[each].levels, survey.columns[each].complete)
    regression = about["task"] == "regression"
    outcome = RegressionPlan() if regression else BinaryPlan("1", "0", about["threshold"])
    return Plan(plans, outcome)


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def week(name: str, monday: str) -> Window:
    """A calendar week of a log, without those of its days that belong to the reference."""
    start = moment(monday)
    return Window(max(start, moment(meta(name)["reference_until"])), start + timedelta(days=7))


@pytest.mark.parametrize("name", LOGS)
def test_every_week_has_its_rows_nulls_means_and_performance(name: str) -> None:
    chunks = expected(name)["chunks"]
    windows = {first: week(name, first) for first in chunks}
    found = source(name).profile(plan(name), columns(name), list(windows.values()), LATER)
    for first, facts in chunks.items():
        portrait = found[windows[first]][WHOLE]
        assert portrait.rows == facts["rows"]
        assert portrait.log.first == moment(facts["start"]).timestamp()
        assert portrait.log.last == moment(facts["end"]).timestamp()
        for column, profile in portrait.columns.items():
            assert profile.missing == facts["nulls"].get(column, 0)
            assert profile.rows == facts["rows"]
            told: dict[str, Any] = facts["columns"].get(column, {})
            if "mean" in told:
                assert profile.mean == pytest.approx(told["mean"], rel=1e-6, abs=1e-9)
        _assert_performance(portrait.outcome, facts["metrics"])


def _assert_performance(outcome: Any, metrics: dict[str, float]) -> None:
    assert outcome.labelled == metrics["n_labelled"]
    if not metrics["n_labelled"]:
        return
    if isinstance(outcome, BinaryOutcome):
        assert outcome.matrix == tuple(metrics[key] for key in ("tp", "fp", "fn", "tn"))
        assert outcome.brier / outcome.scored == pytest.approx(metrics["brier"], rel=1e-8)
        assert outcome.log_loss / outcome.scored == pytest.approx(metrics["log_loss"], rel=1e-8)
    else:
        assert isinstance(outcome, RegressionOutcome)
        assert outcome.abs_e / outcome.labelled == pytest.approx(metrics["mae"], rel=1e-8)
        assert outcome.e2 / outcome.labelled == pytest.approx(metrics["mse"], rel=1e-8)


@pytest.mark.parametrize("name", LOGS)
def test_at_any_moment_only_what_was_known_then_is_counted(name: str) -> None:
    for at, chunks in expected(name)["as_of"].items():
        windows = {first: week(name, first) for first in chunks}
        horizon = Horizon(known_at=moment(at), clock=datetime(2030, 1, 1, tzinfo=UTC))
        found = source(name).profile(plan(name), columns(name), list(windows.values()), horizon)
        for first, facts in chunks.items():
            portrait = found[windows[first]][WHOLE]
            assert (portrait.rows, portrait.log.labels) == (facts["rows"], facts["n_labelled"])
            if isinstance(portrait.outcome, RegressionOutcome) and portrait.outcome.labelled:
                mae = portrait.outcome.abs_e / portrait.outcome.labelled
                assert mae == pytest.approx(facts["mae"], rel=1e-8)


@pytest.mark.parametrize("name", LOGS)
def test_the_extent_and_the_survey_agree_with_the_file(name: str) -> None:
    about, table = meta(name), pq.read_table(shared("data", f"{name}.parquet"))
    extent = source(name).extent(columns(name), LATER)
    assert extent.rows == about["rows"]
    assert (extent.first, extent.last) == (moment(about["first"]), moment(about["last"]))
    survey = source(name).survey(columns(name), ALL_TIME)
    for column in about["features_numeric"]:
        cells = np.array(table.column(column).drop_null(), np.float64)
        assert survey.columns[column].values == len(cells)
        assert survey.columns[column].centre == pytest.approx(np.median(cells), rel=1e-6)
    for column in about["features_categorical"]:
        levels = {str(cell) for cell in table.column(column).drop_null().unique().to_pylist()}
        assert set(survey.columns[column].levels) == levels


def test_a_log_split_over_files_with_small_row_groups_is_the_same_log(tmp_path: Path) -> None:
    table = pq.read_table(shared("data", "elec2.parquet"))
    for place, start in enumerate(range(0, len(table), 15_000)):
        part = table.slice(start, 15_000)
        pq.write_table(part, tmp_path / f"part-{place}.parquet", row_group_size=700)
    windows = [week("elec2", first) for first in ("1997-03-03", "1997-05-05", "1998-06-01")]
    split = Source(tmp_path).profile(plan("elec2"), columns("elec2"), windows, LATER)
    at_once = source("elec2").profile(plan("elec2"), columns("elec2"), windows, LATER)
    assert_same(split, at_once)
