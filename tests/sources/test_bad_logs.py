"""Each broken log: what the profiles, the anomalies or the error say of it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from checks.plan import BinaryPlan, CategoricalPlan, ColumnPlan, NumericPlan, Plan
from checks.portrait import Portrait
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    Source,
    SourceError,
    Survey,
    Unreadable,
    csv,
    source_type,
)
from monitor.windows import Window
from tests.shared import shared
from tests.sources.logs import WHOLE, assert_same_portrait, day

REFERENCE = Window(day(0).start, day(14).start)
CURRENT = Window(day(14).start, day(21).start)
NOW = datetime(2024, 12, 1, tzinfo=UTC)
LIVE = Horizon(NOW, NOW)
COLUMNS = Columns(
    "timestamp",
    "prediction_id",
    "version",
    "prediction",
    "score",
    "label",
    "label_timestamp",
    exclude=("model",),
)
ROLES = {"prediction": "prediction", "score": "score", "label": "label"}


def source(case: str) -> Source:
    (path,) = shared("bad").glob(f"{case}_*")
    return source_type(path.suffix[1:])(path)


def plan_of(survey: Survey) -> Plan:
    """Every surveyed feature and role, numbers as numbers but for the two classes."""
    plans: dict[str, ColumnPlan] = {}
    for name, seen in survey.columns.items():
        if name in ("prediction_id", "timestamp", "label_timestamp", "version"):
            continue
        if seen.family == "number" and name not in ("prediction", "label"):
            plans[name] = NumericPlan(seen.centre, atoms=seen.atoms)
        elif seen.family in ("text", "boolean", "number"):
            plans[name] = CategoricalPlan(seen.levels, seen.complete)
    found = {name: survey.columns[name].family for name in plans}
    outcome = BinaryPlan("1", "0")
    return Plan(plans, outcome, ROLES, found, timestamp_unit=survey.timestamp_unit)


def portraits(case: str) -> tuple[Portrait, Portrait]:
    """The reference and the current period under the plan of the reference."""
    log = source(case)
    plan = plan_of(log.survey(COLUMNS, REFERENCE))
    found = log.profile(plan, COLUMNS, [REFERENCE, CURRENT], LIVE)
    return found[REFERENCE][WHOLE], found[CURRENT][WHOLE]


def anomalies(portrait: Portrait) -> dict[str, int]:
    return {name: anomaly.count for name, anomaly in portrait.log.anomalies.items()}


def column(portrait: Portrait, name: str) -> Any:
    return portrait.columns[name]


@pytest.fixture(scope="module")
def clean() -> tuple[Portrait, Portrait]:
    return portraits("00")


def test_the_control_is_counted_row_by_row(clean: tuple[Portrait, Portrait]) -> None:
    table = pq.read_table(shared("bad", "00_clean.parquet"))
    stamps = np.array(table.column("timestamp").cast("int64"))
    for portrait, period in zip(clean, (REFERENCE, CURRENT), strict=True):
        start, end = period.start.timestamp() * 1e6, period.end.timestamp() * 1e6
        rows = (stamps >= start) & (stamps < end)
        assert (portrait.rows, anomalies(portrait)) == (rows.sum(), {})
        for name in ("age", "amount", "score"):
            cells = np.array(table.column(name))[rows]
            assert column(portrait, name).mean == pytest.approx(cells.mean(), rel=1e-12)
            assert column(portrait, name).sd == pytest.approx(cells.std(), rel=1e-9)
            assert column(portrait, name).exact.tolist() == np.unique(cells).tolist()
        levels, counts = np.unique(np.array(table.column("channel"))[rows], return_counts=True)
        expected = dict(zip(levels.tolist(), counts.tolist(), strict=True))
        profile = column(portrait, "channel")
        assert dict(zip(profile.plan.levels, profile.counts.tolist(), strict=True)) == expected
        assert all(profile.found for profile in portrait.columns.values())


def test_an_empty_log_is_refused_by_name() -> None:
    for look in (lambda s: s.survey(COLUMNS, ALL_TIME), lambda s: s.extent(COLUMNS, LIVE)):
        with pytest.raises(Unreadable, match=r"02_empty_file\.parquet: no rows"):
            look(source("02"))
    found = source("02").profile(Plan({"age": NumericPlan()}), COLUMNS, [CURRENT], LIVE)
    assert found[CURRENT][WHOLE].rows == 0


def test_a_column_that_went_null_is_all_missing() -> None:
    before, after = portraits("04")
    assert (column(before, "amount").missing, column(after, "amount").missing) == (0, 230)
    assert (column(after, "amount").n, column(after, "amount").found) == (0, ())


@pytest.mark.parametrize("case", ["06", "08"])
def test_a_constant_reference_is_one_value(case: str) -> None:
    before, after = portraits(case)
    assert (column(before, "age").sd, len(column(before, "age").exact)) == (0.0, 1)
    assert (len(column(after, "age").exact) == 1) == (case == "06")


def test_a_number_that_became_text_is_counted_with_an_example(
    clean: tuple[Portrait, Portrait],
) -> None:
    before, after = portraits("10")
    assert_same_values(before, clean[0], "amount")
    amount = column(after, "amount")
    assert amount.found == ("number", "text")
    assert amount.unparsed > 0
    assert amount.n == 230 - amount.unparsed
    assert amount.example in {"N/A", "1,234.5"}
    assert column(before, "amount").found == ("number",)


def assert_same_values(left: Portrait, right: Portrait, name: str) -> None:
    a, b = column(left, name), column(right, name)
    assert (a.exact.tolist(), a.exact_counts.tolist()) == (
        b.exact.tolist(),
        b.exact_counts.tolist(),
    )


def test_a_category_that_vanished_has_no_rows() -> None:
    before, after = portraits("12")
    shop = column(before, "channel").plan.levels.index("shop")
    assert column(before, "channel").counts[shop] > 0
    assert column(after, "channel").counts[shop] == 0


def test_naive_and_offset_times_fall_on_the_same_days_as_in_the_control() -> None:
    days = [day(number) for number in range(21)]
    rows = []
    for case in ("00", "14"):
        found = source(case).profile(Plan(), COLUMNS, days, LIVE)
        rows.append([slices[WHOLE].rows for slices in found.values()])
    assert rows[0] == rows[1]
    assert sum(rows[0]) == 700


def test_the_night_the_clock_goes_back_loses_no_row_and_counts_none_twice() -> None:
    paris = Columns("timestamp", "prediction_id", timezone="Europe/Paris")
    fold = datetime(2024, 10, 27, tzinfo=UTC)  # 02:00 in Paris, for the first time
    hours = [Window(fold.replace(hour=hour), fold.replace(hour=hour + 1)) for hour in range(5)]
    night = Window(datetime(2024, 10, 26, 22, tzinfo=UTC), fold)
    log = source("16")
    found = log.profile(Plan(), paris, [night, *hours], LIVE)
    assert [slices[WHOLE].rows for slices in found.values()] == [60, 30, 30, 30, 30, 1]
    for window, slices in found.items():
        alone = log.profile(Plan(), paris, [window], LIVE)[window]
        assert_same_portrait(alone[WHOLE], slices[WHOLE])


def test_of_contradicting_duplicates_the_latest_counts() -> None:
    before, after = portraits("18")
    assert anomalies(before) == {}
    assert anomalies(after) == {"duplicate_ids": 30, "conflicting_ids": 30}
    assert (before.rows, after.rows) == (470, 230)
    table = pq.read_table(shared("bad", "18_duplicate_ids_conflict.parquet")).to_pylist()
    latest = {row["prediction_id"]: row for row in sorted(table, key=lambda r: r["timestamp"])}
    current = [row["score"] for row in latest.values() if row["timestamp"] >= CURRENT.start]
    assert column(after, "score").mean == pytest.approx(np.mean(current), rel=1e-12)


def test_labels_older_than_their_prediction_are_reported_and_count() -> None:
    before, after = portraits("20")
    assert (anomalies(before), anomalies(after)) == ({}, {"early_labels": 30})
    assert after.log.labels == 230


def test_one_class_of_labels_leaves_the_confusion_matrix() -> None:
    _, after = portraits("22")
    tp, fp, fn, tn = after.outcome.matrix
    assert (fp, tn, tp + fn) == (0, 0, 230)
    assert column(after, "label").counts[column(after, "label").plan.levels.index("0")] == 0


def test_scores_of_another_scale_are_invalid() -> None:
    before, after = portraits("24")
    assert before.outcome.invalid == 0
    assert after.outcome.invalid > 100
    assert column(after, "score").maximum > 1


def test_rows_from_the_future_move_nothing() -> None:
    _, after = portraits("26")
    assert anomalies(after) == {"future_rows": 20}
    assert after.rows == 210
    extent = source("26").extent(COLUMNS, LIVE)
    assert extent.last is not None
    assert (extent.rows, extent.last.year) == (700, 2024)


def test_a_changed_unit_of_time_is_recognised(clean: tuple[Portrait, Portrait]) -> None:
    before, after = portraits("28")
    assert (anomalies(before), anomalies(after)) == ({}, {"timestamp_unit": 230})
    assert (before.rows, after.rows) == (clean[0].rows, clean[1].rows)


def test_a_very_long_cell_is_cut() -> None:
    for portrait in portraits("30"):
        profile = column(portrait, "comment")
        assert max(map(len, (*profile.plan.levels, *profile.unseen))) <= 200
        assert len(str(portrait.columns["comment"])) < 50_000


def test_decimals_are_numbers_booleans_categories_and_nested_columns_notices() -> None:
    survey = source("34").survey(COLUMNS, REFERENCE)
    families = {name: survey.columns[name].family for name in ("amount", "vip")}
    assert families == {"amount": "number", "vip": "boolean"}
    assert [notice.partition(":")[0] for notice in survey.notices] == ["tags", "geo", "blob"]
    before, _ = portraits("34")
    assert column(before, "vip").plan.levels == ("false", "true")
    assert column(before, "amount").found == ("number",)


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("36", r"36_truncated_parquet\.parquet: a damaged or incomplete Parquet file"),
        ("38", r"38_not_parquet\.parquet: not a Parquet file"),
        ("40", r"40_.*\.csv: column 'age' seems to have decimal commas .*set decimal"),
        ("42", r"42_csv_ragged\.csv: line 301 has 13 cells; line 302 has 7 cells; line 303 opens"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_way_out(case: str, message: str) -> None:
    for look in (
        lambda s: s.survey(COLUMNS, REFERENCE),
        lambda s: s.extent(COLUMNS, LIVE),
        lambda s: s.profile(Plan({"age": NumericPlan()}), COLUMNS, [CURRENT], LIVE),
    ):
        with pytest.raises(SourceError, match=message) as caught:
            look(source(case))
        assert "\n" not in str(caught.value)


def test_decimal_commas_are_read_right_once_they_are_set(
    clean: tuple[Portrait, Portrait],
) -> None:
    log = csv.Source(shared("bad", "40_csv_semicolon_comma_decimal.csv"), decimal=",")
    plan = plan_of(log.survey(COLUMNS, REFERENCE))
    found = log.profile(plan, COLUMNS, [REFERENCE, CURRENT], LIVE)
    for period, control in zip((REFERENCE, CURRENT), clean, strict=True):
        portrait = found[period][WHOLE]
        assert_same_portrait(_as_if_typed(portrait, control), control)


def _as_if_typed(portrait: Portrait, control: Portrait) -> Portrait:
    return Portrait(control.plan, portrait.columns, portrait.log, portrait.outcome)


def test_changed_names_of_labels_are_strange_and_no_zero_accuracy() -> None:
    before, after = portraits("48")
    assert (anomalies(before), before.log.labels) == ({}, 470)
    assert after.log.anomalies["unknown_labels"].count == 230
    assert after.log.anomalies["unknown_labels"].example in {"no", "yes"}
    assert (after.outcome.labelled, after.outcome.strange) == (0, 230)
    assert set(column(after, "label").unseen) == {"no", "yes"}
    assert column(after, "label").found == ("text",)


def test_large_numbers_keep_their_moments_finite() -> None:
    for portrait in portraits("50"):
        age = column(portrait, "age")
        assert np.isfinite([age.mean, age.sd, age.total, age.squares]).all()
        assert age.n == portrait.rows


def test_the_order_of_rows_changes_nothing(clean: tuple[Portrait, Portrait]) -> None:
    for portrait, control in zip(portraits("52"), clean, strict=True):
        assert_same_portrait(portrait, control)


def test_every_broken_file_has_its_test_here() -> None:
    cases = json.loads(shared("bad", "manifest.json").read_text())["cases"]
    files = [case["id"][:2] for case in cases if not case["file"].endswith(".sqlite")]
    tested = "00 02 04 06 08 10 12 14 16 18 20 22 24 26 28 30 34 36 38 40 42 48 50 52"
    assert sorted(files) == tested.split()
