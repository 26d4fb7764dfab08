"""Times that a database compares are placed as Python would place them."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import BigInteger, DateTime, Double, String, column, create_engine, literal, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeEngine

from monitor.sources._sql.clock import Clock, Era, NotPlain, clock_of
from monitor.sources._sql.dialects import DIALECTS
from monitor.sources._sql.pushdown import Form, TimeColumn
from monitor.sources._sql.texts import Shape, usual_shape
from monitor.sources._times import NAT, TimeReader
from monitor.sources._zones import micros, moment

ERA = Era(datetime(2023, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
YEARS = range(2023, 2027)
SHAPES = [
    Shape(" ", 9, -1, ""),
    Shape("T", 9, -1, ""),
    Shape("T", 9, 0, "Z"),
    Shape(" ", 9, 6, "+00:00"),
    Shape("T", 9, 3, "Z"),
    Shape(" ", 6, 0, ""),
    Shape("", 0, 0, ""),
]
moments = st.datetimes(datetime(2024, 1, 1), datetime(2025, 12, 30)).flatmap(
    lambda at: st.sampled_from(
        [at, at.replace(microsecond=0), at.replace(hour=0, minute=0, second=0, microsecond=0)]
    )
)
near = st.integers(-2_000_000, 2_000_000).map(lambda us: timedelta(microseconds=us))


@given(st.sampled_from(SHAPES), moments, st.one_of(near, near.map(lambda d: d * 10**5)))
def test_a_text_is_at_or_after_a_moment_where_it_sorts_so(
    shape: Shape, bound: datetime, apart: timedelta
) -> None:
    text = shape.written(bound + apart)
    at = datetime.fromisoformat(text).replace(tzinfo=None)
    assert (text >= shape.written(bound)) == (at >= bound)


TEXTS = [
    "2024-02-29 10:00:00",
    "2023-02-29 10:00:00",
    "2024-13-01 10:00:00",
    "2024-01-00 10:00:00",
    "2024-04-31 10:00:00",
    "2024-04-30 24:00:00",
    "2024-04-30 10:60:00",
    "2024-04-30 10:00:00.5",
    "2024-04-30 10:00:00.1234567",
    "2024-04-30 10:00:00.",
    "2024-04-30 10:00:00,5",
    "2024-04-30 10:00:00Z",
    "2024-04-30T10:00:00",
    "2024-04-30T10:00:00Z",
    "2024-04-30T10:00:00.123Z",
    "2024-04-30 10:00:00.123456+00:00",
    "2024-04-30 10:00",
    "2024-04-30",
    " 2024-04-30",
    "2024-4-30",
    "nothing",
    "",
]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_plain_texts_have_the_shape_and_are_in_the_calendar(shape: Shape) -> None:
    test = shape.plain(column("t", String()), YEARS, DIALECTS["sqlite"])
    query = select(test).compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with closing(sqlite3.connect(":memory:")) as connection:
        for text in TEXTS:
            (plain,) = connection.execute(f"{query} FROM (SELECT ? AS t)", (text,)).fetchone()
            read = TimeReader("UTC").read(pa.array([text])).us[0]
            assert bool(plain) == (usual_shape([text]) == shape and read != NAT), text


def placed(clock: Clock, cells: list[object], bound: int) -> list[tuple[bool, bool]]:
    """Of each cell whether it is plain, and whether it is at or after the bound."""
    engine = create_engine("sqlite://")
    found = []
    with engine.connect() as connection:
        for cell in cells:
            row = select(literal(cell).label("t")).subquery()
            plain = True if clock.plain is None else clock.plain
            query = select(plain, clock.key >= clock.bound(bound)).select_from(row)
            told = connection.execute(query).one()
            found.append((bool(told[0]), bool(told[1])))
    engine.dispose()
    return found


def clock(form: Form, kind: TypeEngine[object], sample: list[object], unit: str | None) -> Clock:
    times = TimeColumn(column("t"), form, ZoneInfo("UTC"))
    return clock_of(times, kind, sample, unit, ERA, "sqlite")


@given(st.floats(1.7e9, 1.71e9), st.integers(-3, 3), st.booleans())
def test_seconds_are_rounded_as_the_row_pipeline_rounds_them(
    seconds: float, apart: int, near_half: bool
) -> None:
    if near_half:
        seconds = round(seconds) + 0.5e-6
    read = int(TimeReader("UTC").read(pa.array([seconds])).us[0])
    bound = read + apart
    seconds_clock = clock("number", Double(), [seconds], "s")
    assert placed(seconds_clock, [seconds], bound) == [(True, read >= bound)]
    key = seconds * 1e6
    assert seconds_clock.read([key]).tolist() == [read]


@pytest.mark.parametrize(("unit", "factor"), [("ms", 10**3), ("us", 10**6), ("ns", 10**9)])
@given(number=st.integers(0, 10**6), apart=st.integers(-2, 2))
def test_counts_since_1970_are_placed_by_their_unit(
    unit: str, factor: int, number: int, apart: int
) -> None:
    cell = 1_700_000_000 * factor + number
    read = int(TimeReader("UTC").read(pa.array([cell])).us[0])
    found = clock("number", BigInteger(), [cell], unit)
    assert placed(found, [cell], read + apart) == [(True, apart <= 0)]
    assert found.read([cell]).tolist() == [read]


def test_a_number_in_another_unit_is_not_plain() -> None:
    cells: list[object] = [1_700_000_000, 1_700_000_000_000]
    found = clock("number", BigInteger(), cells[:1], None)
    assert [plain for plain, _ in placed(found, cells, 0)] == [True, False]


def test_wall_clock_hours_that_come_twice_or_never_are_not_plain() -> None:
    zone = ZoneInfo("Europe/Paris")
    times = TimeColumn(column("t", DateTime()), "text", zone)
    hours = [datetime(2024, day_[0], day_[1], tzinfo=UTC) for day_ in ((3, 31), (10, 27))]
    texts = [
        (start + timedelta(minutes=m)).isoformat(" ")[:19]
        for start in hours
        for m in range(0, 300, 15)
    ]
    found = clock_of(times, String(), texts, None, ERA, "sqlite")
    plain = [told for told, _ in placed(found, list(texts), 0)]
    odd = [text for text, told in zip(texts, plain, strict=True) if not told]
    assert odd == [text for text in texts if text[11:13] == "02"]
    read = found.read([text for text in texts if text not in odd])
    local = [moment(us).astimezone(zone).isoformat(" ")[:19] for us in read.tolist()]
    assert local == [text for text in texts if text not in odd]
    assert np.all(np.diff(read) > 0)
    assert micros(hours[0]) in (read + 3_600_000_000)


@pytest.mark.parametrize("sample", [["now"], ["1/5/2024"]])
def test_texts_that_are_no_iso_times_have_no_clock(sample: list[object]) -> None:
    with pytest.raises(NotPlain, match="not written as in"):
        clock("text", String(), sample, None)
