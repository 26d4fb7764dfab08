from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.windows import (
    MOST_SILENT,
    Calendar,
    Due,
    Every,
    Schedule,
    Seen,
    State,
    Window,
    due,
    parse_duration,
    quiet_until,
    settled,
    told_by_clock,
)

ZONES = [
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "Pacific/Apia",
]
LENGTHS = ["15m", "1h", "6h", "1d", "1w", "1mo"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(start: str, end: str) -> Window:
    return Window(at(start), at(end))


@given(
    moment=st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
    every=st.sampled_from(LENGTHS),
)
def test_every_instant_lies_in_exactly_one_window(moment: datetime, zone: str, every: str) -> None:
    calendar = Calendar(Every.parse(every), ZoneInfo(zone))
    found = calendar.containing(moment)
    assert found.start <= moment < found.end
    assert calendar.after(found).start == found.end
    assert calendar.before(found).end == found.start
    assert calendar.containing(found.start) == found


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-06-01", 24)]
)
def test_a_night_of_changing_clocks_runs_each_hour_once(day: str, hours: int) -> None:
    zone = ZoneInfo("Europe/Berlin")
    whole = Calendar(Every.parse("1d"), zone).containing(
        datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=zone).astimezone(UTC)
    )
    assert whole.length == timedelta(hours=hours)
    parts = list(Calendar(Every.parse("1h"), zone).between(whole.start, whole.end))
    assert len(parts) == hours
    assert all(part.length == timedelta(hours=1) for part in parts)


@pytest.mark.parametrize(
    ("every", "moment", "expected"),
    [
        ("1w", "2024-01-18 10:00", window("2024-01-15", "2024-01-22")),
        ("1mo", "2024-02-29 23:59", window("2024-02-01", "2024-03-01")),
        ("1mo", "2023-12-31", window("2023-12-01", "2024-01-01")),
        ("15m", "2024-01-01 00:14:59", window("2024-01-01", "2024-01-01 00:15")),
        ("6h", "2024-01-01 06:00", window("2024-01-01 06:00", "2024-01-01 12:00")),
    ],
)
def test_calendar_periods(every: str, moment: str, expected: Window) -> None:
    assert Calendar(Every.parse(every)).containing(at(moment)) == expected


@pytest.mark.parametrize("text", ["7m", "5h", "2d", "0h", "1y", "", "h"])
def test_a_length_that_does_not_tile_the_calendar_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="window"):
        Every.parse(text)


def test_durations() -> None:
    assert parse_duration("90s") == timedelta(seconds=90)
    assert parse_duration("2w") == timedelta(days=14)
    with pytest.raises(ValueError, match="longer than ten years"):
        parse_duration("99999999999999w")
    with pytest.raises(ValueError, match="no duration"):
        parse_duration("soon")


def test_a_window_needs_utc() -> None:
    with pytest.raises(ValueError, match="UTC"):
        Window(datetime(2024, 1, 1), datetime(2024, 1, 2))


DAILY = Schedule(Calendar(Every.parse("1d")), timedelta(hours=1), timedelta(days=7), 0.95)


def days(*numbers: int) -> list[Window]:
    return [
        Window(at("2024-01-01") + timedelta(days=n - 1), at("2024-01-01") + timedelta(days=n))
        for n in numbers
    ]


def dues(found: list[Due]) -> list[tuple[int, int]]:
    return [(item.window.start.day, item.revision) for item in found]


def test_a_window_is_due_once_it_has_ended_and_settled() -> None:
    newest = at("2024-01-03 23:59")
    before = due(DAILY, [], at("2024-01-01"), newest, at("2024-01-04 00:59"))
    after = due(DAILY, [], at("2024-01-01"), newest, at("2024-01-04 01:00"))
    assert dues(before) == [(1, 1), (2, 1)]
    assert dues(after) == [(1, 1), (2, 1), (3, 1)]


def test_a_silent_stretch_costs_a_few_windows_however_long_it_is() -> None:
    found = due(DAILY, [], at("2024-01-01"), at("2024-01-02 12:00"), at("2044-01-01 02:00"))
    assert [item.window for item in found[:2]] == days(1, 2)
    assert len(found) == 2 + MOST_SILENT
    assert found[-1].window.end == at("2044-01-01")


def test_a_log_without_rows_is_found_silent() -> None:
    found = due(DAILY, [], at("2024-01-01"), None, at("2024-01-02 01:00"))
    assert [item.window for item in found] == days(1)


def test_windows_of_a_stretch_that_was_silent_are_due_when_its_rows_come_after_all() -> None:
    seen = [Seen(w, 1, State.FINAL, at("2024-01-09")) for w in days(1, 7, 8)]
    found = due(DAILY, seen, at("2024-01-01"), at("2024-01-08 12:00"), at("2024-01-09 02:00"))
    assert dues(found) == [(n, 1) for n in (2, 3, 4, 5, 6)]


def test_a_window_that_waits_for_labels_comes_again_and_a_final_one_does_not() -> None:
    first, second = days(1, 2)
    read = at("2024-01-03 02:00")
    seen = [
        Seen(first, 2, State.PROVISIONAL, read),
        Seen(second, 1, State.FINAL, read),
    ]
    soon = due(DAILY, seen, at("2024-01-01"), at("2024-01-02 12:00"), read + timedelta(minutes=4))
    later = due(DAILY, seen, at("2024-01-01"), at("2024-01-02 12:00"), read + timedelta(hours=5))
    assert not soon
    assert dues(later) == [(1, 3)]


@pytest.mark.parametrize(
    ("rows", "labels", "now", "expected"),
    [
        (100, 94, "2024-01-02 01:00", State.PROVISIONAL),
        (100, 95, "2024-01-02 01:00", State.FINAL),
        (100, 0, "2024-01-09", State.FINAL),
        (0, 0, "2024-01-02 01:00", State.PROVISIONAL),
    ],
)
def test_labels_mature_by_coverage_or_by_age(
    rows: int, labels: int, now: str, expected: State
) -> None:
    assert DAILY.state(days(1)[0], rows, labels, at(now)) is expected


def test_without_labels_a_window_is_final_at_once() -> None:
    schedule = Schedule(DAILY.calendar, labelled=False)
    assert schedule.state(days(1)[0], 10, 0, at("2024-01-02")) is State.FINAL


def test_a_window_without_rows_waits_for_them_as_long_as_labels_may_take() -> None:
    schedule = Schedule(DAILY.calendar, labelled=False)
    assert schedule.state(days(1)[0], 0, 0, at("2024-01-08 23:59")) is State.PROVISIONAL
    assert schedule.state(days(1)[0], 0, 0, at("2024-01-09")) is State.FINAL


def seen(state: State, *numbers: int) -> list[Seen]:
    return [Seen(window, 1, state, window.end) for window in days(*numbers)]


FIRST, NEWEST, NOW = at("2024-01-01"), at("2024-01-08 12:00"), at("2024-01-09 02:00")


@pytest.mark.parametrize(
    ("entries", "until"),
    [
        ([], 1),
        (seen(State.FINAL, 1, 2, 3), 4),
        (seen(State.FINAL, 1, 2, 5, 6), 3),
        (seen(State.FINAL, 1, 3, 4) + seen(State.PROVISIONAL, 2), 2),
        (seen(State.FINAL, *range(1, 9)), 9),
        (seen(State.FINAL, 2, 3), 1),
    ],
)
def test_the_ledger_is_settled_up_to_the_first_hole_or_window_that_waits(
    entries: list[Seen], until: int
) -> None:
    assert settled(DAILY, entries, FIRST, NEWEST, NOW) == days(until)[0].start


@given(
    states=st.dictionaries(
        st.integers(1, 20), st.sampled_from([State.FINAL, State.PROVISIONAL]), max_size=20
    ),
    newest=st.integers(0, 22),
    later=st.integers(0, 40),
)
def test_nothing_that_is_settled_becomes_due(
    states: dict[int, State], newest: int, later: int
) -> None:
    entries = [one for number, state in states.items() for one in seen(state, number)]
    row = days(newest)[0].start if newest else None
    until = settled(DAILY, entries, FIRST, row, days(21)[0].end)
    kept = [one for one in entries if one.window.end > until]
    now = days(22 + later)[0].end
    row = days(22)[0].start
    assert due(DAILY, kept, max(FIRST, until), row, now) == due(DAILY, entries, FIRST, row, now)


LEDGERS = st.one_of(st.integers(0, 8).map(range), st.lists(st.integers(0, 7), unique=True)).flatmap(
    lambda numbers: st.fixed_dictionaries(
        {1 + n: st.sampled_from([State.FINAL, State.PROVISIONAL]) for n in numbers}
    )
)
ROW_DAYS = st.one_of(st.none(), st.integers(0, 30))


@given(states=LEDGERS, newest=ROW_DAYS, hours=st.integers(0, 24))
def test_what_the_clock_tells_no_row_changes(
    states: dict[int, State], newest: int | None, hours: int
) -> None:
    entries = [one for number, state in states.items() for one in seen(state, number)]
    now = days(9)[0].start + timedelta(hours=hours)
    row = None if newest is None else days(1 + newest)[0].start
    if told_by_clock(DAILY, entries, FIRST, now):
        assert due(DAILY, entries, FIRST, row, now) == due(DAILY, entries, FIRST, None, now)


@given(
    states=LEDGERS,
    rows=st.tuples(ROW_DAYS, ROW_DAYS),
    hours=st.integers(0, 24),
    waited=st.integers(0, 10_000),
)
def test_until_a_quiet_time_is_over_nothing_is_due_whatever_rows_come(
    states: dict[int, State], rows: tuple[int | None, int | None], hours: int, waited: int
) -> None:
    entries = [one for number, state in states.items() for one in seen(state, number)]
    now = days(9)[0].start + timedelta(hours=hours)
    entries = [Seen(e.window, e.revision, e.state, now) for e in entries]
    before, after = (None if n is None else days(1 + n)[0].start for n in rows)
    until = quiet_until(DAILY, entries, FIRST, now)
    if until is None or due(DAILY, entries, FIRST, before, now):
        return
    assert until > now
    moment = now + (until - now) * waited / 10_001
    assert due(DAILY, entries, FIRST, after, moment) == []


def test_a_silent_stretch_that_was_left_out_is_never_quiet() -> None:
    entries = seen(State.FINAL, 1, 2, 6, 7, 8)
    assert due(DAILY, entries, FIRST, days(2)[0].start, NOW) == []
    assert quiet_until(DAILY, entries, FIRST, NOW) is None
    assert not told_by_clock(DAILY, entries, FIRST, NOW)
    assert due(DAILY, entries, FIRST, NOW, NOW) != []


def test_no_more_windows_are_caught_up_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("monitor.windows.MOST_CATCH_UP", 5)
    found = due(DAILY, [], at("2023-01-01"), NEWEST, NOW)
    assert dues(found) == [(n, 1) for n in (4, 5, 6, 7, 8)]
    assert settled(DAILY, [], at("2023-01-01"), NEWEST, NOW) == days(4)[0].start


def granules(zone: str, every: str, moment: str, granule: str = "") -> tuple[Window, ...]:
    calendar = Calendar(Every.parse(every), ZoneInfo(zone))
    schedule = Schedule(calendar, granule=Every.parse(granule) if granule else None)
    whole = calendar.containing(at(moment))
    return schedule.granules(whole, whole.end)


@pytest.mark.parametrize(
    ("zone", "every", "moment", "count", "lengths"),
    [
        ("Europe/Berlin", "1d", "2026-03-29 12:00", 23, {60}),
        ("Europe/Berlin", "1d", "2026-10-25 12:00", 25, {60}),
        ("Europe/Berlin", "1w", "2026-10-25 12:00", 169, {60}),
        ("Asia/Kolkata", "1d", "2026-06-01 12:00", 24, {60}),
        ("Australia/Lord_Howe", "1d", "2026-04-04 20:00", 25, {60, 30}),
        ("Australia/Lord_Howe", "1d", "2026-10-03 20:00", 24, {60, 30}),
        ("UTC", "1mo", "2024-02-10", 29 * 24, {60}),
        ("UTC", "6h", "2024-02-10", 6, {60}),
        ("UTC", "1h", "2024-02-10", 1, {60}),
        ("UTC", "15m", "2024-02-10", 1, {15}),
        ("UTC", "90m", "2024-02-10", 1, {90}),
    ],
)
def test_a_window_is_cut_into_hours_or_is_its_own_granule(
    zone: str, every: str, moment: str, count: int, lengths: set[int]
) -> None:
    found = granules(zone, every, moment)
    assert len(found) == count
    assert {part.length // timedelta(minutes=1) for part in found} == lengths


@given(
    moment=st.datetimes(datetime(1995, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)),
    zone=st.sampled_from(ZONES),
    every=st.sampled_from(["90m", "6h", "1d", "1w", "1mo"]),
    granule=st.sampled_from(["", "15m", "30m", "1d"]),
    later=st.sampled_from([0, 20]),
)
def test_granules_make_up_their_window(
    moment: datetime, zone: str, every: str, granule: str, later: int
) -> None:
    calendar = Calendar(Every.parse(every), ZoneInfo(zone))
    cut = Every.parse(granule) if granule and Every.parse(granule).tiles(calendar.every) else None
    whole = calendar.containing(moment)
    found = Schedule(calendar, granule=cut).granules(whole, whole.end + timedelta(days=later))
    assert (found[0].start, found[-1].end) == (whole.start, whole.end)
    assert all(one.end == other.start for one, other in pairwise(found))


def test_a_window_of_long_ago_is_cut_into_days() -> None:
    week = Calendar(Every.parse("1w"))
    schedule = Schedule(week, labels_within=timedelta(days=7))
    whole = week.containing(at("2024-01-18"))
    assert len(schedule.granules(whole, whole.end + timedelta(days=13))) == 168
    assert len(schedule.granules(whole, whole.end + timedelta(days=14))) == 7
    assert schedule.granules(window("2024-01-02 00:10", "2024-01-09"), whole.end) == (
        window("2024-01-02 00:10", "2024-01-09"),
    )


@pytest.mark.parametrize(
    ("granule", "every", "fits"),
    [
        ("1h", "6h", True),
        ("15m", "1h", True),
        ("1h", "90m", False),
        ("6h", "1d", True),
        ("1d", "1mo", True),
        ("1w", "1mo", False),
        ("1d", "6h", False),
        ("1w", "1w", True),
    ],
)
def test_only_what_divides_a_window_is_a_granule_of_it(
    granule: str, every: str, fits: bool
) -> None:
    assert Every.parse(granule).tiles(Every.parse(every)) is fits
