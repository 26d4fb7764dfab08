from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources._times import NAT, NO_UNIT, UNITS, TimeReader
from monitor.sources._zones import WallClock, micros, moment

NOON = datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=UTC)
SECONDS = 1_714_564_800


def read(cells: Any, zone: str = "UTC", kind: pa.DataType | None = None) -> list[datetime | None]:
    array = cells if isinstance(cells, pa.Array) else pa.array(cells, kind)
    times = TimeReader(zone).read(array)
    return [None if us == NAT else moment(us) for us in times.us.tolist()]


@pytest.mark.parametrize(
    "array",
    [
        pa.array([NOON], pa.timestamp("us", "UTC")),
        pa.array([NOON], pa.timestamp("ms", "America/New_York")),
        pa.array([NOON], pa.timestamp("ns", "UTC")),
        pa.array([NOON.replace(tzinfo=None)], pa.timestamp("us")),
        pa.array(["2024-05-01T12:00:00.250Z"]),
        pa.array(["2024-05-01 14:00:00.250+02:00"]),
        pa.array(["2024-05-01 07:00:00,250 -0500"]),
        pa.array(["  2024-05-01 12:00:00.250000123 UTC "]),
        pa.array(["20240501T120000.250"]),
        pa.array(["2024-05-01 12:00:00.25"]).dictionary_encode(),
        pa.array(["2024-05-01 12:00:00.25"], pa.large_string()),
        pa.array([SECONDS * 1000 + 250]),
        pa.array([SECONDS * 10**6 + 250_000], pa.uint64()),
        pa.array([SECONDS * 10**9 + 250_000_000]),
        pa.array([SECONDS + 0.25]),
        pa.array([Decimal("1714564800.25")]),
        pa.array([f"{SECONDS}.25"]),
        pa.array([f"{SECONDS * 1000 + 250}"]),
    ],
    ids=lambda array: f"{array.type} {array[0]}",
)
def test_a_moment_is_read_from_every_form(array: pa.Array) -> None:
    assert read(array) == [NOON]


def test_whole_days_begin_at_local_midnight() -> None:
    midnight = datetime(2024, 6, 30, 22, tzinfo=UTC)
    for cells, kind in (
        ([date(2024, 7, 1)], pa.date32()),
        ([date(2024, 7, 1)], pa.date64()),
        (["2024-07-01"], pa.string()),
        (["20240701"], pa.string()),
    ):
        assert read(cells, "Europe/Paris", kind) == [midnight]


def test_offsets_wall_clocks_and_numbers_may_change_from_row_to_row() -> None:
    cells = ["2024-01-01T01:00:00", "2024-01-01T01:00:00+0100", "1704067200", None, "2024-01-01"]
    assert read(cells, "Europe/Paris") == [
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
        datetime(2024, 1, 1, tzinfo=UTC),
        None,
        datetime(2023, 12, 31, 23, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    "cells",
    [
        ["yesterday", "", "2024-13-01", "2024-02-30T00:00:00Z", "N/A", "0"],
        [0, 1, 99_999_999, -SECONDS, None],
        [float("nan"), float("inf"), -1.0, None],
        [True, False],
        [[1, 2]],
        [None, None],
    ],
    ids=str,
)
def test_what_is_no_time_is_never_taken_for_1970(cells: list[Any]) -> None:
    assert read(cells) == [None] * len(cells)


def test_times_beyond_the_calendar_are_not_known() -> None:
    assert read(pa.array([2**62], pa.timestamp("s"))) == [None]
    assert read(pa.array([-(2**62)], pa.timestamp("ms"))) == [None]
    assert read(["9999-12-31T23:59:59Z"]) == [None]


def test_the_unit_of_a_number_shows_in_its_size_and_is_told() -> None:
    powers = [1, 10**3, 10**6, 10**9]
    times = TimeReader("UTC").read(pa.array([SECONDS * power for power in powers]))
    assert [UNITS[unit] for unit in times.unit] == ["s", "ms", "us", "ns"]
    assert set(times.us.tolist()) == {SECONDS * 10**6}
    words = TimeReader("UTC").read(pa.array(["2024-05-01", f"{SECONDS * 1000}"]))
    assert words.unit.tolist() == [NO_UNIT, UNITS.index("ms")]


@given(st.integers(10**8, 10**11 - 1), st.sampled_from(range(4)))
def test_any_epoch_number_keeps_its_moment(seconds: int, power: int) -> None:
    if power == 3:
        seconds %= 9 * 10**9
    seconds = max(seconds, 10**8)
    times = TimeReader("UTC").read(pa.array([seconds * 1000**power]))
    assert times.us.tolist() == [seconds * 10**6]


@given(
    st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)),
    st.integers(-14 * 4, 14 * 4),
    st.sampled_from(["T", " "]),
)
def test_iso_text_is_read_as_python_reads_it(local: datetime, quarters: int, between: str) -> None:
    aware = local.replace(tzinfo=timezone(timedelta(minutes=15 * quarters)))
    assert read([aware.isoformat(between), "N/A"]) == [aware.astimezone(UTC), None]
    assert read([aware.isoformat(between)]) == [aware.astimezone(UTC)]
    assert read([local.isoformat(between)]) == [local.replace(tzinfo=UTC)]


def quarters(start: datetime, days: int) -> list[datetime]:
    return [start + timedelta(minutes=15 * i) for i in range(days * 96)]


ZONES = ["Europe/Paris", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]


@pytest.mark.parametrize("zone", ZONES)
def test_a_year_of_wall_clock_times_in_order_is_read_back_without_loss(zone: str) -> None:
    utc = quarters(datetime(2024, 1, 1, tzinfo=UTC), 366)
    wall = [moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for moment in utc]
    assert read([str(each) for each in wall], zone) == utc
    assert read(wall, zone, pa.timestamp("ms")) == utc


@given(
    st.lists(st.integers(1, 287), max_size=6), st.sampled_from(["Europe/Paris", "Europe/London"])
)
def test_the_twice_lived_hour_does_not_depend_on_where_a_batch_ends(
    cuts: list[int], zone: str
) -> None:
    utc = quarters(datetime(2024, 10, 26, tzinfo=UTC), 3)
    wall = [str(each.astimezone(ZoneInfo(zone)).replace(tzinfo=None)) for each in utc]
    reader, edges = TimeReader(zone), [0, *sorted(cuts), len(wall)]
    parts = [wall[a:b] for a, b in pairwise(edges)]
    found = np.concatenate([reader.read(pa.array(part, pa.string())).us for part in parts])
    assert found.tolist() == [micros(each) for each in utc]


def test_without_a_step_back_a_twice_lived_time_is_the_first() -> None:
    cells = ["2024-10-27 02:15:00", "2024-10-27 02:15:00", "2024-10-27 02:45:00"]
    assert read(cells, "Europe/Paris") == [
        datetime(2024, 10, 27, 0, 15, tzinfo=UTC),
        datetime(2024, 10, 27, 0, 15, tzinfo=UTC),
        datetime(2024, 10, 27, 0, 45, tzinfo=UTC),
    ]


def test_a_step_back_outside_the_twice_lived_hour_means_nothing() -> None:
    cells = ["2024-10-27 02:15:00", "2024-10-27 01:00:00", "2024-10-27 02:20:00"]
    assert read(cells, "Europe/Paris")[2] == datetime(2024, 10, 27, 0, 20, tzinfo=UTC)


def test_a_time_that_never_was_moves_forward() -> None:
    clock = WallClock("Europe/Paris")
    never = micros(datetime(2024, 3, 31, 2, 30, tzinfo=UTC))
    utc = clock.to_utc(np.array([never]))
    shown = moment(int(utc[0])).astimezone(ZoneInfo("Europe/Paris"))
    assert shown.replace(tzinfo=None) == datetime(2024, 3, 31, 3, 30)
