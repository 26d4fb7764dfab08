"""The demo's log holds exactly the events that it promises, and nothing else worth a page."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance
from sklearn.metrics import (
    accuracy_score,
    brier_score_loss,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from monitor.demo_log import DECISION_THRESHOLD, DemoEvents, events_of, write_log

START = date(2026, 1, 5)
NUMERIC = ("income", "age", "amount", "debt_ratio", "months_employed", "utilisation")
CATEGORICAL = ("channel", "purpose", "region", "employment", "has_mortgage")
LIMIT = 0.12

Column = NDArray[np.generic]
Rows = dict[str, Column]


@dataclass(frozen=True, slots=True)
class Log:
    """A written log: where it is, what it promises, and its rows with their labels (NaN: none)."""

    path: Path
    events: DemoEvents
    rows: Rows

    def between(self, first: date, end: date) -> Rows:
        """Rows of the days from `first` to the day before `end`."""
        day = self.rows["day"]
        kept = ((first - START).days <= day) & (day < (end - START).days)
        return {name: values[kept] for name, values in self.rows.items()}

    def each_day(self, first: date, end: date) -> Iterator[Rows]:
        """The same, one day at a time."""
        for number in range((end - first).days):
            day = first + timedelta(number)
            yield self.between(day, day + timedelta(1))


def dump(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def as_column(values: tuple[object, ...]) -> Column:
    """Numbers with NaN for NULL, or text with an empty string for NULL."""
    if any(isinstance(value, str) for value in values):
        return np.array([value or "" for value in values])
    return np.array([np.nan if value is None else value for value in values], dtype=np.float64)


def read(path: Path) -> Rows:
    query = """
        SELECT p.*, julianday(date(p.timestamp)) - julianday(:start) AS day, l.label,
               julianday(l.label_timestamp) - julianday(p.timestamp) AS delay
        FROM predictions AS p LEFT JOIN labels AS l USING (prediction_id)
        ORDER BY p.prediction_id
    """
    with closing(sqlite3.connect(path)) as connection:
        cursor = connection.execute(query, {"start": START.isoformat()})
        names = [name for name, *_ in cursor.description]
        return dict(zip(names, map(as_column, zip(*cursor, strict=True)), strict=True))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    path = tmp_path_factory.mktemp("demo") / "log.db"
    events = write_log(path)
    return Log(path, events, read(path))


@pytest.fixture(scope="module")
def reference(log: Log) -> Rows:
    return log.between(log.events.start, log.events.reference_end)


def known(values: Column) -> Column:
    return values[~np.isnan(values)]


def normed_distance(current: Column, reference: Column) -> float:
    """Wasserstein distance in reference standard deviations, less what sampling alone gives."""
    reference, current = known(reference), known(current)
    rng = np.random.default_rng(0)
    samples = [rng.choice(reference, current.size) for _ in range(5)]
    noise = np.mean([wasserstein_distance(sample, reference) for sample in samples])
    return float((wasserstein_distance(current, reference) - noise) / reference.std())


def level_counts(current: Column, reference: Column) -> NDArray[np.int64]:
    levels = np.unique(np.concatenate([current, reference]))
    return np.array([[np.sum(of == level) for level in levels] for of in (current, reference)])


def level_distance(current: Column, reference: Column) -> float:
    return float(jensenshannon(*level_counts(current, reference), base=2))


def labelled(rows: Rows) -> Rows:
    kept = ~np.isnan(rows["label"])
    return {name: values[kept] for name, values in rows.items()}


def auc(rows: Rows) -> float:
    rows = labelled(rows)
    return float(roc_auc_score(rows["label"], rows["score"]))


def test_the_log_has_ninety_days_of_some_six_hundred_rows(log: Log) -> None:
    days, rows = np.unique(log.rows["day"], return_counts=True)
    assert days.tolist() == list(range(90))
    assert 580 <= rows.mean() <= 630
    assert rows.min() >= 400


def test_weekends_are_quieter_than_working_days(log: Log) -> None:
    _, rows = np.unique(log.rows["day"], return_counts=True)
    weekday = np.arange(90) % 7
    assert rows[weekday >= 5].mean() < 0.85 * rows[weekday < 5].mean()
    assert rows[weekday < 5].std() > 0.02 * rows[weekday < 5].mean()


def test_the_events_are_dates_within_the_log(log: Log) -> None:
    assert log.events == DemoEvents(
        start=date(2026, 1, 5),
        reference_end=date(2026, 2, 2),
        quality_break=date(2026, 2, 22),
        quality_break_end=date(2026, 2, 25),
        covariate_drift=date(2026, 3, 4),
        version_change=date(2026, 3, 16),
        concept_drift=date(2026, 3, 22),
        end=date(2026, 4, 5),
    )


def test_timestamps_are_utc_text_in_order_and_within_their_day(log: Log) -> None:
    stamps = log.rows["timestamp"].tolist()
    assert [f"{datetime.fromisoformat(stamp):%Y-%m-%d %H:%M:%S}" for stamp in stamps] == stamps
    assert stamps == sorted(stamps)
    assert stamps[0][:10] == "2026-01-05"
    assert stamps[-1][:10] == "2026-04-04"


def test_the_night_is_quieter_than_the_day(log: Log) -> None:
    hours, rows = np.unique([stamp[11:13] for stamp in log.rows["timestamp"]], return_counts=True)
    assert hours.size == 24
    assert rows[1:5].max() < 0.3 * rows[9:18].min()


def test_only_employment_and_utilisation_are_missing_on_ordinary_days(
    reference: Rows,
) -> None:
    missing = {name: np.isnan(reference[name]).mean() for name in NUMERIC}
    missing |= {name: np.mean(reference[name] == "") for name in CATEGORICAL}
    assert {name for name, share in missing.items() if share > 0} == {"employment", "utilisation"}
    assert 0.02 < missing["utilisation"] < 0.04
    assert 0.03 < missing["employment"] < 0.07


def test_the_features_are_of_mixed_kinds_and_in_their_ranges(reference: Rows) -> None:
    levels = {name: np.unique(reference[name]).size for name in CATEGORICAL}
    assert levels == {"channel": 4, "purpose": 12, "region": 5, "employment": 7, "has_mortgage": 2}
    assert 0.1 < np.mean(reference["months_employed"] == 0) < 0.3
    assert 0.05 < np.mean(reference["utilisation"] == 0) < 0.12
    assert np.nanmax(reference["utilisation"]) <= 1
    assert np.all(reference["age"] == reference["age"].round())
    assert (reference["age"].min() >= 18) & (reference["age"].max() <= 80)
    assert np.all(reference["months_employed"] <= 12 * (reference["age"] - 17))
    assert np.log(reference["income"]).std() == pytest.approx(0.45, abs=0.02)


def test_the_columns_have_the_types_that_they_show(log: Log) -> None:
    (types,) = dump(
        log.path,
        """
        SELECT DISTINCT typeof(timestamp), typeof(income), typeof(age), typeof(months_employed),
                        typeof(channel), typeof(has_mortgage), typeof(prediction), typeof(score)
        FROM predictions WHERE income IS NOT NULL
        """,
    )
    assert types == ("text", "real", "integer", "integer", "text", "integer", "integer", "real")


def test_the_model_is_useful_and_slightly_miscalibrated(reference: Rows) -> None:
    rows = labelled(reference)
    label, score, prediction = rows["label"], rows["score"], rows["prediction"]
    assert np.array_equal(prediction, score >= DECISION_THRESHOLD)
    assert label.mean() == pytest.approx(0.2, abs=0.02)
    assert 0.01 < score.mean() - label.mean() < 0.05
    assert 0.8 < auc(rows) < 0.9
    assert precision_score(label, prediction) > 0.45
    assert recall_score(label, prediction) > 0.6
    assert brier_score_loss(label, score) < 0.8 * label.mean() * (1 - label.mean())


def test_no_quiet_day_is_far_from_the_reference(log: Log, reference: Rows) -> None:
    quiet = (
        *log.each_day(log.events.reference_end, log.events.quality_break),
        *log.each_day(log.events.quality_break_end, log.events.covariate_drift),
    )
    for day in quiet:
        distances = {name: normed_distance(day[name], reference[name]) for name in NUMERIC}
        distances["score"] = normed_distance(day["score"], reference["score"])
        distances |= {name: level_distance(day[name], reference[name]) for name in CATEGORICAL}
        distances["prediction"] = level_distance(day["prediction"], reference["prediction"])
        assert {name: value for name, value in distances.items() if value > LIMIT} == {}


def test_naive_p_values_cry_wolf_on_most_quiet_days(log: Log, reference: Rows) -> None:
    p_values = np.array(
        [
            [ks_2samp(known(day[name]), known(reference[name])).pvalue for name in NUMERIC]
            + [chi2_contingency(level_counts(day[c], reference[c])).pvalue for c in CATEGORICAL]
            for day in log.each_day(log.events.reference_end, log.events.quality_break)
        ]
    )
    assert np.mean(p_values < 0.05) > 0.1
    assert np.mean(p_values.min(axis=1) < 0.05) > 0.7


def test_incomes_are_lost_and_a_channel_appears_in_the_quality_break_alone(log: Log) -> None:
    for day in log.each_day(log.events.start, log.events.end):
        number = int(day["day"][0])
        lost = np.isnan(day["income"]).mean()
        partner = np.mean(day["channel"] == "partner_api")
        if 48 <= number <= 50:
            assert 0.28 < lost < 0.42
            assert 0.08 < partner < 0.18
        else:
            assert (lost, partner) == (0, 0)


def test_the_incomes_that_are_left_in_the_quality_break_are_as_before(
    log: Log, reference: Rows
) -> None:
    broken = log.between(log.events.quality_break, log.events.quality_break_end)
    assert normed_distance(broken["income"], reference["income"]) < LIMIT


def test_every_day_of_the_covariate_drift_is_far_from_the_reference(
    log: Log, reference: Rows
) -> None:
    for day in log.each_day(log.events.covariate_drift, log.events.end):
        assert normed_distance(day["age"], reference["age"]) > 2 * LIMIT
        assert normed_distance(day["amount"], reference["amount"]) > 2 * LIMIT
        assert level_distance(day["channel"], reference["channel"]) > 1.5 * LIMIT


def test_applicants_become_younger_ask_for_more_and_come_by_mobile(
    log: Log, reference: Rows
) -> None:
    drifted = log.between(log.events.covariate_drift, log.events.end)
    assert drifted["age"].mean() < reference["age"].mean() - 4
    assert np.median(drifted["amount"]) / np.median(reference["amount"]) == pytest.approx(
        1.35, abs=0.05
    )
    assert np.mean(drifted["channel"] == "mobile") > np.mean(reference["channel"] == "mobile") + 0.2


def test_the_model_ranks_as_well_as_before_until_the_concept_drifts(
    log: Log, reference: Rows
) -> None:
    events = log.events
    before = auc(reference)
    assert auc(log.between(events.reference_end, events.covariate_drift)) > before - 0.02
    assert auc(log.between(events.covariate_drift, events.version_change)) > before - 0.02
    assert auc(log.between(events.version_change, events.concept_drift)) > before - 0.02


def test_the_second_version_replaces_the_first_and_scores_a_little_differently(log: Log) -> None:
    events = log.events
    first = log.between(events.start, events.version_change)
    second = log.between(events.version_change, events.end)
    assert set(first["version"]) == {"v1"}
    assert set(second["version"]) == {"v2"}
    before = log.between(events.covariate_drift, events.version_change)["score"]
    after = log.between(events.version_change, events.concept_drift)["score"]
    assert 0.02 < normed_distance(after, before) < LIMIT


def test_performance_falls_clearly_when_the_concept_drifts(log: Log) -> None:
    before = labelled(log.between(log.events.covariate_drift, log.events.concept_drift))
    after = labelled(log.between(log.events.concept_drift, log.events.end))
    assert auc(after) < auc(before) - 0.08
    for metric, fall in ((accuracy_score, 0.05), (f1_score, 0.1), (recall_score, 0.1)):
        change = metric(after["label"], after["prediction"]) - metric(
            before["label"], before["prediction"]
        )
        assert change < -fall


def test_every_day_of_the_concept_drift_ranks_worse_than_any_quiet_day(log: Log) -> None:
    quiet = [auc(day) for day in log.each_day(log.events.start, log.events.quality_break)]
    drifted = [auc(day) for day in log.each_day(log.events.concept_drift, log.events.end)]
    assert max(drifted) < min(quiet)


def test_the_inputs_do_not_move_when_the_concept_drifts(log: Log) -> None:
    before = log.between(log.events.covariate_drift, log.events.concept_drift)
    after = log.between(log.events.concept_drift, log.events.end)
    for name in NUMERIC:
        assert normed_distance(after[name], before[name]) < 0.05
    for name in CATEGORICAL:
        assert level_distance(after[name], before[name]) < 0.05


def test_labels_arrive_after_a_median_of_three_days(log: Log) -> None:
    delay = known(log.rows["delay"])
    assert delay.min() > 0
    assert np.median(delay) == pytest.approx(3, abs=0.1)
    assert np.log(delay).std() == pytest.approx(0.6, abs=0.02)
    assert np.mean(delay > 14) < 0.01


def test_two_in_a_hundred_labels_never_arrive(log: Log) -> None:
    assert np.isnan(log.rows["label"]).mean() == pytest.approx(0.02, abs=0.003)
    assert set(known(log.rows["label"])) == {0, 1}


def test_labels_are_logged_once_and_in_the_order_of_their_arrival(log: Log) -> None:
    labels = dump(log.path, "SELECT prediction_id, label_timestamp FROM labels ORDER BY rowid")
    arrivals = [stamp for _, stamp in labels]
    assert arrivals == sorted(arrivals)
    assert len({identity for identity, _ in labels}) == len(labels)
    assert {identity for identity, _ in labels} <= set(log.rows["prediction_id"].tolist())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM predictions WHERE timestamp >= '2026-02-01' AND timestamp < '2026-02-02'",
        "SELECT label FROM predictions JOIN labels USING (prediction_id) WHERE timestamp < '2027'",
    ],
)
def test_a_day_is_read_by_indexes_without_scanning_a_table(log: Log, query: str) -> None:
    plan = [str(step[-1]) for step in dump(log.path, f"EXPLAIN QUERY PLAN {query}")]
    assert plan
    assert not [step for step in plan if step.startswith("SCAN")]


def everything(path: Path) -> list[tuple[object, ...]]:
    return [
        tuple(round(value, 6) if isinstance(value, float) else value for value in row)
        for table in ("predictions", "labels")
        for row in dump(path, f"SELECT * FROM {table} ORDER BY rowid")
    ]


def test_the_rows_are_the_same_on_every_machine(log: Log) -> None:
    digest = hashlib.sha256(repr(everything(log.path)).encode()).hexdigest()
    assert digest == "e67891d6d6af0771e171ba529c34113f8f4aaf09db67c5cbd44af524d674e644"


def test_a_seed_decides_every_row(tmp_path: Path) -> None:
    for name, seed in (("one", 3), ("again", 3), ("other", 4)):
        write_log(tmp_path / name, seed=seed, days=5, rows_per_day=50)
    assert everything(tmp_path / "one") == everything(tmp_path / "again")
    assert everything(tmp_path / "one") != everything(tmp_path / "other")


def test_a_shorter_log_is_the_beginning_of_a_longer_one(tmp_path: Path) -> None:
    write_log(tmp_path / "short", days=3, rows_per_day=50)
    write_log(tmp_path / "long", days=6, rows_per_day=50)
    query = "SELECT * FROM predictions ORDER BY rowid"
    short, long = dump(tmp_path / "short", query), dump(tmp_path / "long", query)
    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_another_start_moves_the_events_and_the_rows(tmp_path: Path) -> None:
    start = date(2027, 6, 30)
    events = write_log(tmp_path / "log", start=start, days=2, rows_per_day=5)
    assert events == events_of(start, 2)
    assert events.concept_drift == date(2027, 9, 14)
    days = dump(tmp_path / "log", "SELECT DISTINCT date(timestamp) FROM predictions ORDER BY 1")
    assert days == [("2027-06-30",), ("2027-07-01",)]


def test_a_file_that_exists_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_text("precious")
    with pytest.raises(FileExistsError, match=r"log\.db: there is a file already; remove it"):
        write_log(path, days=1)
    assert path.read_text() == "precious"


@pytest.mark.parametrize(("days", "rows_per_day"), [(0, 600), (90, 0), (-1, 600)])
def test_an_empty_log_is_refused(tmp_path: Path, days: int, rows_per_day: int) -> None:
    with pytest.raises(ValueError, match="both must be 1 or more"):
        write_log(tmp_path / "log.db", days=days, rows_per_day=rows_per_day)
    assert not (tmp_path / "log.db").exists()


def test_the_smallest_log_has_one_row_on_its_day(tmp_path: Path) -> None:
    write_log(tmp_path / "log.db", days=1, rows_per_day=1)
    assert dump(tmp_path / "log.db", "SELECT count(*) FROM predictions") == [(1,)]
