from __future__ import annotations

from functools import reduce

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from checks import anomalies, quality
from checks.check import Check, NotEnoughData, catalogue
from checks.log import Anomaly, LogProfile
from checks.outcome import BinaryOutcome
from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan
from checks.profile import ABSENT, CategoricalProfile, NumericProfile
from checks.quality import freshness, infinite, missing, row_count, row_surge, schema, score_range
from checks.verdict import Judgement, Verdict, default_limit, judge, judge_missing
from tests.checks.logs import SHARED, needs_bad

PLAN = NumericPlan()
LEVELS = CategoricalPlan(("a", "b"))
BINARY = BinaryPlan("1", "0")
DAY = 86_400.0
RULES = [check for check in vars(anomalies).values() if isinstance(check, Check) and check.default]
OUTSIDE = (
    "duplicate_ids",
    "conflicting_ids",
    "future_rows",
    "untimed_rows",
    "failed_requests",
    "unpaired_requests",
)
OF_LABELS = ("early_labels", "unknown_labels", "conflicting_labels")


def numeric(values=(), **facts):
    facts.setdefault("found", ("number",))
    return NumericProfile.of(np.array(values, np.float64), PLAN, **facts)


def levels(counts, *, nulls=0, found=("text",)):
    return CategoricalProfile.of(counts, LEVELS, nulls=nulls, found=found)


def day(rows=100, *, silence=60.0, end=DAY, labels=0, **found):
    """A day's log; keywords are rows that break the rule of that name."""
    broken = {name: Anomaly(count, "a17") for name, count in found.items()}
    first = end - DAY if rows else np.inf
    last = end - silence if rows else -np.inf
    return LogProfile.of_window(rows, first, last, end, labels=labels, anomalies=broken, span=DAY)


def days(*rows, **facts):
    return reduce(LogProfile.merge, [day(n, **facts) for n in rows])


def judged(check, reference, current) -> Judgement:
    limit = default_limit(check, check.compute(reference, reference))
    return judge(check.compute(reference, current), limit)


def lacking(check, reference, current) -> NotEnoughData:
    with pytest.raises(NotEnoughData) as caught:
        check.compute(reference, current)
    return caught.value


# missing


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (0, 0, Verdict.OK),
        (0, 20, Verdict.OK),
        (0, 52, Verdict.UNDECIDED),
        (0, 100, Verdict.WARNING),
        (0, 300, Verdict.CRITICAL),
        (0, 1000, Verdict.CRITICAL),
        (500, 510, Verdict.OK),
        (500, 620, Verdict.WARNING),
        (500, 200, Verdict.OK),  # fewer than usual is no trouble
    ],
)
@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_share_of_missing_values_is_held_against_that_of_the_reference(
    before, now, verdict, kind
):
    def profile(nulls):
        if kind == "numeric":
            return numeric(np.ones(1000 - nulls), nulls=nulls)
        return levels({"a": 1000 - nulls}, nulls=nulls)

    assert judged(missing, profile(before), profile(now)).verdict is verdict


def test_nan_and_null_are_missing_alike():
    stat = missing.compute(numeric([1.0]), numeric([1.0, np.nan, np.nan], nulls=1))
    assert (stat.value, stat.where, stat.n_current) == (0.75, "3 of 4 rows", 4)
    assert stat.floor < stat.low < 0.75 < stat.high < stat.ceiling


def test_cells_of_text_are_not_missing():
    assert missing.compute(numeric([1.0]), numeric([1.0], unparsed=3)).value == 0.0


# schema


@pytest.mark.parametrize(
    ("before", "now", "verdict"),
    [
        (0, 0, Verdict.OK),
        (0, 1, Verdict.WARNING),
        (0, 30, Verdict.WARNING),
        (0, 100, Verdict.CRITICAL),
        (100, 100, Verdict.OK),
        (100, 110, Verdict.UNDECIDED),
        (100, 140, Verdict.WARNING),
    ],
)
def test_any_text_among_numbers_is_at_least_a_warning(before, now, verdict):
    def profile(unparsed):
        return numeric(np.ones(700 - unparsed), unparsed=unparsed, example="N/A" * bool(unparsed))

    assert judged(schema, profile(before), profile(now)).verdict is verdict


def test_a_type_change_tells_how_many_cells_and_shows_one():
    now = numeric(np.ones(1496), unparsed=4, nulls=500, example="1,234.5")
    stat = schema.compute(numeric(np.ones(9)), now)
    assert stat.value == 4 / 1500
    assert stat.where == "4 of 1,500 cells, such as '1,234.5'"


@pytest.mark.parametrize(
    ("before", "now", "where"),
    [
        (numeric([1.0]), numeric(found=(ABSENT,)), "the column is missing"),
        (levels({"a": 1}), levels({}, found=(ABSENT,)), "the column is missing"),
        (
            numeric([1.0]),
            numeric([1.0], found=(ABSENT, "number")),
            "the column is missing from part of the log",
        ),
        (levels({"a": 9}), levels({"1": 9}, found=("number",)), "text became number"),
        (
            levels({"a": 9}, found=("boolean", "text")),
            levels({"1": 9}, found=("number",)),
            "boolean and text became number",
        ),
    ],
)
def test_a_column_that_is_no_longer_what_it_was_is_critical(before, now, where):
    assert schema.compute(before, now).where == where
    found = judged(schema, before, now)
    assert found.verdict is Verdict.CRITICAL
    assert found.reason == f"1 is above the limit 0.05: {where}"


@pytest.mark.parametrize(
    "now",
    [
        levels({"a": 9}),
        levels({"a": 9}, found=("number", "text")),  # some cells are still what they were
        levels({}, nulls=9, found=()),  # nothing there is of a wrong type
        levels({"zebra": 9}),  # a new level is no new type
    ],
)
def test_a_category_of_the_same_type_keeps_its_schema(now):
    assert judged(schema, levels({"a": 9}), now).verdict is Verdict.OK


def test_numbers_stored_as_text_that_reads_as_numbers_keep_their_schema():
    assert schema.compute(numeric([1.0]), numeric([1.0], found=("text",))).value == 0.0


def test_a_column_that_was_never_there_breaks_nothing():
    absent = numeric(found=(ABSENT,))
    assert lacking(schema, absent, absent).reason == "not computed: the column is missing"


@pytest.mark.parametrize("check", [missing, schema, infinite], ids=lambda c: c.name)
def test_a_column_without_rows_is_no_data(check):
    shortage = lacking(check, numeric([1.0]), numeric(found=()))
    assert shortage.reason == "no rows"
    assert judge_missing(shortage).verdict is Verdict.NO_DATA


# infinite


def test_an_infinity_is_never_silent():
    calm = numeric(np.arange(400.0))
    wild = numeric([*np.arange(397.0), np.inf, np.inf, -np.inf], nulls=50)
    stat = infinite.compute(calm, wild)
    assert stat.value == 3 / 400
    assert stat.where == "2 times +inf, 1 times -inf"
    assert judged(infinite, calm, wild).verdict is Verdict.WARNING
    assert judged(infinite, calm, numeric([np.inf, np.nan])).verdict is Verdict.CRITICAL
    assert judged(infinite, calm, calm).verdict is Verdict.OK
    assert judged(infinite, wild, wild).verdict is Verdict.OK
    assert judged(infinite, calm, numeric(nulls=9)).verdict is Verdict.OK


# scores


def scored(score):
    told = np.zeros(len(score), np.int64)
    return BinaryOutcome.of(BINARY, told, told + 2, np.array(score, np.float64))


def test_scores_in_percent_are_out_of_range():
    before = scored(np.linspace(0, 1, 200))
    percent = scored(np.linspace(0, 100, 201))
    stat = score_range.compute(before, percent)
    assert stat.value == 198 / 201
    assert stat.where == "198 of 201 scores"
    assert judged(score_range, before, percent).verdict is Verdict.CRITICAL
    assert judged(score_range, before, before).verdict is Verdict.OK
    assert judged(score_range, before, scored([*np.full(99, 0.5), -0.1])).verdict is Verdict.WARNING
    assert score_range.compute(before, scored([0.5, np.inf, np.nan])).value == 0.5


@pytest.mark.parametrize(
    ("current", "reason", "verdict"),
    [
        (scored([]), "no rows", Verdict.NO_DATA),
        (scored([np.nan, np.nan]), "no scores", Verdict.INSUFFICIENT),
    ],
)
def test_without_scores_none_is_out_of_range(current, reason, verdict):
    shortage = lacking(score_range, scored([0.5]), current)
    assert shortage.reason == reason
    assert judge_missing(shortage).verdict is verdict


# volume


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (100, Verdict.OK),
        (51, Verdict.OK),
        (49, Verdict.WARNING),
        (11, Verdict.WARNING),
        (9, Verdict.CRITICAL),
        (900, Verdict.OK),
    ],
)
def test_half_the_usual_rows_warn_and_a_tenth_is_critical(rows, verdict):
    assert judged(row_count, days(90, 100, 110), day(rows)).verdict is verdict


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        (10, Verdict.OK),
        (199, Verdict.OK),
        (201, Verdict.WARNING),
        (501, Verdict.CRITICAL),
    ],
)
def test_twice_the_usual_rows_warn_and_five_times_is_critical(rows, verdict):
    assert judged(row_surge, days(90, 100, 110), day(rows)).verdict is verdict


def test_quiet_and_busy_hours_that_the_reference_knows_are_fine():
    hours = days(*([400] * 12 + [4] * 12) * 3)
    for rows in (4, 400):
        for check in (row_count, row_surge):
            assert judged(check, hours, day(rows)).verdict is Verdict.OK, (check.name, rows)
    assert judged(row_count, hours, day(2)).verdict is Verdict.WARNING
    assert judged(row_surge, hours, day(2000)).verdict is Verdict.CRITICAL


@pytest.mark.parametrize("odd", [0, 3])
def test_an_outage_in_the_reference_is_no_example(odd):
    reference = days(*[100] * 20, odd)
    assert judged(row_count, reference, day(20)).verdict is Verdict.WARNING


def test_a_flood_in_the_reference_is_no_example():
    reference = days(*[100] * 20, 5000)
    assert judged(row_surge, reference, day(3000)).verdict is Verdict.CRITICAL


@pytest.mark.parametrize("check", [row_count, row_surge, freshness], ids=lambda c: c.name)
def test_one_window_such_as_a_training_file_does_not_tell_what_is_normal(check):
    found = judged(check, day(1_000_000, silence=0.0), day(100, silence=80_000.0))
    assert found.verdict is Verdict.UNDECIDED
    assert found.threshold is None


@pytest.mark.parametrize("check", [row_count, row_surge, freshness, *RULES], ids=lambda c: c.name)
@pytest.mark.parametrize("empty", [day(0), LogProfile()], ids=["window", "nothing"])
def test_a_window_without_rows_is_no_data(check, empty):
    shortage = lacking(check, days(100, 100), empty)
    assert shortage.reason == "no rows"
    assert judge_missing(shortage).verdict is Verdict.NO_DATA


# freshness


@pytest.mark.parametrize(
    ("silence", "verdict"),
    [
        (60.0, Verdict.OK),
        (600.0 + 0.24 * DAY, Verdict.OK),
        (600.0 + 0.26 * DAY, Verdict.WARNING),
        (600.0 + 0.51 * DAY, Verdict.CRITICAL),
    ],
)
def test_silence_beyond_that_of_the_reference_is_stale(silence, verdict):
    reference = day(90, silence=600.0).merge(day(100, silence=60.0, end=2 * DAY))
    found = judged(freshness, reference, day(100, silence=silence))
    assert found.verdict is verdict


def test_dates_without_a_time_of_day_are_not_stale():
    dated = reduce(LogProfile.merge, [day(50, silence=DAY, end=n * DAY) for n in (1, 2, 3)])
    assert judged(freshness, dated, day(50, silence=DAY)).verdict is Verdict.OK


def test_windows_of_unknown_length_leave_freshness_undecided():
    window = LogProfile.of_window(10, 0.0, 50.0, 60.0)
    assert judged(freshness, window.merge(window), window).verdict is Verdict.UNDECIDED


def test_a_window_without_an_end_cannot_fall_silent():
    endless = LogProfile.of_window(10, 0.0, 50.0, np.inf)
    shortage = lacking(freshness, days(100, 100), endless)
    assert shortage.reason == "not computed: the window has no end"
    assert judge_missing(shortage).verdict is Verdict.INSUFFICIENT


# anomalies


def test_every_rule_the_sources_count_has_a_check():
    assert {check.name for check in RULES} == {
        "duplicate_ids",
        "conflicting_ids",
        "early_labels",
        "unknown_labels",
        "conflicting_labels",
        "unknown_predictions",
        "future_rows",
        "untimed_rows",
        "timestamp_unit",
        "failed_requests",
        "unpaired_requests",
    }


@pytest.mark.parametrize("check", RULES, ids=lambda c: c.name)
def test_a_log_that_keeps_the_rule_is_fine(check):
    clean = days(100, 100, labels=90)
    found = judged(check, clean, day(300, labels=200))
    assert (found.verdict, found.reason) == (Verdict.OK, "")


@pytest.mark.parametrize("check", RULES, ids=lambda c: c.name)
@pytest.mark.parametrize("count", [20, 30])
def test_twenty_broken_rows_in_a_week_of_some_hundreds_are_found_with_an_example(check, count):
    clean = days(*[230] * 4, labels=220)
    found = judged(check, clean, day(230, labels=220, **{check.name: count}))
    assert found.verdict in (Verdict.WARNING, Verdict.CRITICAL)
    among = {"unknown_labels": 220 + count}.get(check.name, 230 + count * (check.name in OUTSIDE))
    among = 220 if check.name in ("early_labels", "conflicting_labels") else among
    what = "labels" if check.name in OF_LABELS else "rows"
    assert found.reason.endswith(f": {count} of {among} {what}, such as 'a17'")


@pytest.mark.parametrize("check", [c for c in RULES if c.slack], ids=lambda c: c.name)
def test_a_log_that_always_broke_the_rule_this_often_is_not_news(check):
    usual = day(1000, labels=1000, **{check.name: 100})
    assert judged(check, usual, usual).verdict in (Verdict.OK, Verdict.UNDECIDED)
    worse = day(1000, labels=1000, **{check.name: 300})
    assert judged(check, usual, worse).verdict is Verdict.CRITICAL


@pytest.mark.parametrize("name", ["future_rows", "untimed_rows"])
def test_rows_outside_every_window_are_found_though_the_reference_was_read_beside_them(name):
    check = catalogue()[name]
    beside = day(200, **{name: 20})
    assert judged(check, beside, beside).verdict is Verdict.CRITICAL


@pytest.mark.parametrize("check", RULES, ids=lambda c: c.name)
def test_one_row_in_a_million_is_not_worth_a_word(check):
    clean = days(1_000_000, 1_000_000, labels=1_000_000)
    broken = day(1_000_000, labels=1_000_000, **{check.name: 1})
    assert judged(check, clean, broken).verdict is Verdict.OK


@pytest.mark.parametrize("check", RULES, ids=lambda c: c.name)
def test_a_share_never_exceeds_one(check):
    assert check.compute(day(), day(3, **{check.name: 50})).value <= 1.0


@pytest.mark.parametrize("name", ["future_rows", "untimed_rows"])
def test_rows_outside_every_window_are_found_though_the_window_is_empty(name):
    broken = day(0, **{name: 20})
    found = judged(catalogue()[name], days(100, 100), broken)
    assert found.verdict is Verdict.CRITICAL


def test_labels_in_another_spelling_are_told_as_such():
    clean = days(100, 100, labels=90)
    found = judged(anomalies.unknown_labels, clean, day(100, labels=0, unknown_labels=90))
    assert found.verdict is Verdict.CRITICAL
    assert found.reason == "1 is above the limit 0.05: 90 of 90 labels, such as 'a17'"


def test_the_causes_are_those_of_incidents_from_upstream_down():
    modules = (quality, anomalies)
    found = {c.name: c.cause for m in modules for c in vars(m).values() if isinstance(c, Check)}
    assert set(found.values()) == {"nulls", "schema", "volume", "stale", "labels"}
    assert {name for name, cause in found.items() if cause == "labels"} == {
        *OF_LABELS,
        "orphan_labels",
    }


# the broken logs


def bad(name):
    table = pq.read_table(SHARED / "bad" / name)
    micros = table["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    return table, micros / 1e6 - 1_704_067_200.0  # seconds since the log begins


def column(table, name, rows):
    cells = table[name].filter(pa.array(rows))
    values = cells.drop_null().cast(pa.float64()).to_numpy()
    return numeric(values, nulls=cells.null_count)


@needs_bad
def test_a_column_that_went_all_null_is_critical():
    table, seconds = bad("04_all_null_current.parquet")
    before, now = (
        column(table, "amount", mask) for mask in (seconds < 14 * DAY, seconds >= 14 * DAY)
    )
    assert missing.compute(before, before).value == 0.0
    found = judged(missing, before, now)
    assert found.verdict is Verdict.CRITICAL
    assert found.reason.startswith("1 is above the limit 0.2: 230 of 230 rows")


@needs_bad
def test_text_in_a_column_of_numbers_is_counted_and_shown():
    table = pyarrow.csv.read_csv(SHARED / "bad" / "10_mixed_types.csv")
    times, cells = table["timestamp"].to_pylist(), table["amount"].cast(pa.string()).to_pylist()
    border = min(times) + (max(times) - min(times)) * 2 / 3

    def profile(chosen):
        good, odd = [], []
        for cell in chosen:
            try:
                good.append(float(cell))
            except ValueError:
                odd.append(cell)
        return numeric(good, unparsed=len(odd), example=min(odd, default=""))

    before = profile(c for c, t in zip(cells, times, strict=True) if t < border)
    now = profile(c for c, t in zip(cells, times, strict=True) if t >= border)
    found = judged(schema, before, now)
    assert before.unparsed == 0 < now.unparsed
    assert found.verdict in (Verdict.WARNING, Verdict.CRITICAL)
    assert f"{now.unparsed} of {now.rows} cells, such as {now.example!r}" in found.reason


@needs_bad
def test_scores_that_turn_to_percent_within_the_week_are_found():
    table, seconds = bad("24_scores_percent.parquet")
    score = table["score"].to_numpy()
    before, now = scored(score[seconds < 14 * DAY]), scored(score[seconds >= 14 * DAY])
    assert judged(score_range, before, now).verdict is Verdict.CRITICAL
    assert judged(score_range, before, before).verdict is Verdict.OK


@needs_bad
@pytest.mark.parametrize("span", [DAY, 7 * DAY], ids=["days", "weeks"])
def test_the_clean_log_gives_no_finding_in_any_window(span):
    table, seconds = bad("00_clean.parquet")
    place = (seconds // span).astype(int)
    names = ("age", "amount")

    def window(number):
        rows = place == number
        times = seconds[rows]
        log = LogProfile.of_window(
            int(rows.sum()),
            times.min(),
            times.max(),
            (number + 1) * span,
            labels=int(rows.sum()),
            span=span,
        )
        return log, [column(table, name, rows) for name in names]

    windows = [window(number) for number in np.unique(place)]
    past = [w for n, w in zip(np.unique(place), windows, strict=True) if (n + 1) * span <= 14 * DAY]
    norm = reduce(LogProfile.merge, [log for log, _ in past])
    for log, _ in windows[len(past) :]:
        for check in (row_count, row_surge, freshness, *RULES):
            assert judged(check, norm, log).verdict is Verdict.OK, check.name
    for at in range(len(names)):
        before = reduce(NumericProfile.merge, [columns[at] for _, columns in past])
        for _, columns in windows[len(past) :]:
            for check in (missing, schema, infinite):
                found = judged(check, before, columns[at]).verdict
                assert found in (Verdict.OK, Verdict.UNDECIDED), check.name


@pytest.mark.parametrize("check", RULES, ids=lambda c: c.name)
def test_a_few_rows_that_keep_the_rule_are_fine_and_say_how_little_that_shows(check):
    found = judged(check, days(100, 100, labels=90), day(30, labels=20))
    assert found.verdict is Verdict.OK
    assert found.reason.startswith("too few values to notice a critical change: ")
