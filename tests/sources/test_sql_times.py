"""The rows of a window, found by the database whatever it holds for times."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import column, create_engine, select, table
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.postgresql import psycopg as postgresql

from alerts.secret import Secret
from checks.plan import NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import NumericProfile
from monitor.findings import WHOLE, Slice
from monitor.sources import Columns, Horizon
from monitor.sources import csv as csv_files
from monitor.sources._sql.pushdown import Form, TimeColumn
from monitor.sources.sql import Source
from monitor.windows import Window
from tests.servers import postgres
from tests.shared import shared
from tests.sources.databases import differences, plan_of, write_postgres, write_sqlite

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIVE = Horizon(NOW, NOW)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)

# Some 28 hours, one row every 13 minutes; in their middle Paris puts its clocks back.
PARIS = "Europe/Paris"
START = datetime(2024, 10, 26, 11, tzinfo=UTC)
MOMENTS = [START + timedelta(minutes=13 * n, seconds=30) for n in range(130)]
WINDOWS = [Window(START + 3 * n * HOUR, START + 3 * (n + 1) * HOUR) for n in range(2, 8)]
PLAN = Plan({"x": NumericPlan()})
COLUMNS = Columns(timestamp="at", timezone=PARIS, numeric=("x",))

Portraits = Mapping[Window, Mapping[Slice, Portrait]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


def local(moment: datetime) -> datetime:
    return moment.astimezone(ZoneInfo(PARIS)).replace(tzinfo=None)


def shifted(moment: datetime, hours: int, offset: str) -> str:
    return (moment + hours * HOUR).isoformat()[:19] + offset


def mixed(place: int, moment: datetime) -> object:
    ways = (
        moment.isoformat(),
        moment.isoformat(" ").replace("+00:00", "Z"),
        shifted(moment, 14, "+14:00"),
        shifted(moment, -10, "-1000"),
        int(moment.timestamp()),
        int(moment.timestamp() * 1000),
        moment.timestamp(),
    )
    return ways[place % len(ways)]


Spell = Callable[[int, datetime], object]

TEXTS: dict[str, Spell] = {
    "wall clock": lambda _, m: local(m).isoformat(" ", "seconds"),
    "wall clock with T": lambda _, m: local(m).isoformat("T", "microseconds"),
    "wall clock to the minute": lambda _, m: local(m).isoformat(" ", "minutes"),
    "wall clock after an underscore": lambda _, m: local(m).isoformat("_"),
    "local with offset": lambda _, m: m.astimezone(ZoneInfo(PARIS)).isoformat(),
    "UTC": lambda _, m: m.isoformat().replace("+00:00", "Z"),
    "offsets mixed": lambda n, m: mixed(n % 4, m),
    "compact": lambda _, m: m.strftime("%Y%m%dT%H%M%SZ"),
    "seconds": lambda _, m: str(int(m.timestamp())),
}
NUMBERS: dict[str, Spell] = {
    "seconds": lambda _, m: int(m.timestamp()),
    "milliseconds": lambda _, m: int(m.timestamp() * 1000),
    "microseconds": lambda _, m: int(m.timestamp() * 1_000_000),
    "nanoseconds": lambda _, m: int(m.timestamp() * 1_000_000_000),
    "seconds, then milliseconds": lambda n, m: int(m.timestamp() * (1 if n < 60 else 1000)),
}
TYPED: dict[str, Spell] = {
    "timestamptz": lambda _, m: m,
    "timestamp": lambda _, m: local(m),
    "double precision": lambda _, m: m.timestamp() + 0.25,
    "numeric": lambda _, m: Decimal(int(m.timestamp() * 1000)),
}
ON_POSTGRES = [
    *(pytest.param("text", spell, id=f"text: {name}") for name, spell in TEXTS.items()),
    *(pytest.param("bigint", spell, id=f"bigint: {name}") for name, spell in NUMBERS.items()),
    *(pytest.param(kind, spell, id=kind) for kind, spell in TYPED.items()),
]
IN_SQLITE = [
    *(pytest.param(spell, id=f"text: {name}") for name, spell in TEXTS.items()),
    *(pytest.param(spell, id=f"number: {name}") for name, spell in NUMBERS.items()),
    pytest.param(TYPED["double precision"], id="number: real"),
    pytest.param(mixed, id="mixed"),
]


def log(spell: Spell) -> dict[str, list[object]]:
    at = [spell(n, moment) for n, moment in enumerate(MOMENTS)]
    return {"at": at, "x": [float(n) for n in range(len(MOMENTS))]}


def expected() -> list[list[float]]:
    """Row numbers of each window."""
    return [
        [float(n) for n, moment in enumerate(MOMENTS) if window.start <= moment < window.end]
        for window in WINDOWS
    ]


@pytest.mark.parametrize("spell", [TYPED["timestamp"], TEXTS["wall clock"]])
def test_each_hour_of_the_night_is_found_on_its_own(
    spell: Spell, server: str, tmp_path: Path
) -> None:
    at = log(spell)
    url = write_sqlite(
        tmp_path / "n.sqlite", log=({"at": "TEXT", "x": "REAL"}, at | {"at": [*map(str, at["at"])]})
    )
    write_postgres(server, "log", {"at": "timestamp", "x": "double precision"}, at)
    for place in (Source(Secret(server), table="log"), Source(Secret(url), table="log")):
        for window in [Window(START + n * HOUR, START + (n + 1) * HOUR) for n in range(10, 18)]:
            portrait = place.profile(PLAN, COLUMNS, [window], LIVE)[window][WHOLE].columns["x"]
            assert isinstance(portrait, NumericProfile)
            inside = [n for n, m in enumerate(MOMENTS) if window.start <= m < window.end]
            assert portrait.exact is not None
            assert portrait.exact.tolist() == inside


@pytest.mark.parametrize("rows", [57, 61, 64, 67, 70])
def test_the_last_row_is_told_in_the_hour_that_comes_twice(
    rows: int, server: str, tmp_path: Path
) -> None:
    at = [local(moment) for moment in MOMENTS[:rows]]
    assert any(second < first for first, second in pairwise(at)) == (rows > 64)
    url = write_sqlite(tmp_path / "l.sqlite", log=({"at": "TEXT"}, {"at": [*map(str, at)]}))
    write_postgres(server, "log", {"at": "timestamp"}, {"at": at})
    for place in (server, url):
        extent = Source(Secret(place), table="log").extent(COLUMNS, LIVE)
        assert (extent.first, extent.last) == (MOMENTS[0], MOMENTS[rows - 1])


def found(source: Source) -> list[list[float]]:
    portraits = source.profile(PLAN, COLUMNS, WINDOWS, LIVE)
    profiles = [portraits[window][WHOLE].columns["x"] for window in WINDOWS]
    return [
        p.exact.tolist() for p in profiles if isinstance(p, NumericProfile) and p.exact is not None
    ]


@pytest.mark.parametrize(("kind", "spell"), ON_POSTGRES)
def test_postgresql_gives_the_rows_of_a_window(kind: str, spell: Spell, server: str) -> None:
    write_postgres(server, "times", {"at": kind, "x": "double precision"}, log(spell))
    assert found(Source(Secret(server), table="times")) == expected()
    assert found(Source(Secret(server), query="SELECT * FROM times")) == expected()


@pytest.mark.parametrize("spell", IN_SQLITE)
@pytest.mark.parametrize("declared", ["TEXT", "NUMERIC", "TIMESTAMP", ""])
def test_sqlite_gives_the_rows_of_a_window(spell: Spell, declared: str, tmp_path: Path) -> None:
    url = write_sqlite(tmp_path / "t.sqlite", times=({"at": declared, "x": "REAL"}, log(spell)))
    assert found(Source(Secret(url), table="times")) == expected()


def test_a_date_belongs_to_the_window_of_its_midnight(server: str, tmp_path: Path) -> None:
    days = [datetime(2024, 3, n, tzinfo=UTC) for n in range(1, 11)]
    columns = Columns(timestamp="at", timezone="Asia/Tokyo")
    windows = [Window(day - 9 * HOUR, day + 15 * HOUR) for day in days[2:5]]
    table_ = {"at": [day.date() for day in days], "x": [float(day.day) for day in days]}
    write_postgres(server, "days", {"at": "date", "x": "double precision"}, table_)
    texts = table_ | {"at": [day.date().isoformat() for day in days]}
    url = write_sqlite(tmp_path / "d.sqlite", days=({"at": "DATE", "x": "REAL"}, texts))
    for place in (server, url):
        portraits = Source(Secret(place), table="days").profile(PLAN, columns, windows, LIVE)
        assert [portraits[w][WHOLE].columns["x"].minimum for w in windows] == [3.0, 4.0, 5.0]
        assert [portraits[w][WHOLE].rows for w in windows] == [1, 1, 1]


def test_the_night_of_the_two_hours_is_read_as_from_a_file(server: str, tmp_path: Path) -> None:
    file = csv_files.Source(shared("bad", "16_dst_fold.csv"))
    columns = Columns(timestamp="timestamp", id="prediction_id", timezone=PARIS, exclude=("model",))
    night = datetime(2024, 10, 26, 22, tzinfo=UTC)
    windows = [Window(night + n * HOUR, night + (n + 1) * HOUR) for n in range(7)]
    plan = plan_of(file.survey(columns, Window(night, night + 2 * HOUR)), columns)
    lines = shared("bad", "16_dst_fold.csv").read_text().splitlines()
    names, *rows = [line.split(",") for line in lines]
    types = dict.fromkeys(("timestamp", *names), "TEXT") | {"age": "REAL", "amount": "REAL"}
    of = {name: [row[names.index(name)] for row in rows] for name in types}
    of |= {name: [float(x) for x in of[name]] for name in ("age", "amount")}
    url = write_sqlite(tmp_path / "fold.sqlite", log=(types, of))
    write_postgres(
        server, "log", {n: t.replace("REAL", "double precision") for n, t in types.items()}, of
    )
    wanted = file.profile(plan, columns, windows, LIVE)
    assert [wanted[w][WHOLE].rows for w in windows] == [30, 30, 30, 30, 30, 30, 1]
    for place in (url, server):
        portraits = Source(Secret(place), table="log").profile(plan, columns, windows, LIVE)
        assert [portraits[w][WHOLE].rows for w in windows] == [30, 30, 30, 30, 30, 30, 1]
        ages = [
            [portraits[w][WHOLE].columns["age"], wanted[w][WHOLE].columns["age"]] for w in windows
        ]
        assert [list(differences(*pair)) for pair in ages] == [[]] * len(windows)


# Predicates: what they let through, and that an index serves them.

LOG = table("log", column("at"))
ZONES = ("UTC", PARIS, "Asia/Kolkata", "Pacific/Kiritimati", "America/St_Johns")
moments = st.integers(0, 60 * 365 * 86_400_000_000).map(
    lambda us: datetime(1975, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
spans = st.builds(
    lambda start, hours: Window(start, start + hours * HOUR), moments, st.integers(1, 400)
)


def let_through(
    times: TimeColumn, cells: list[object], test: str, *given: object, declared: str = ""
) -> list[object]:
    engine = create_engine("sqlite://")
    with engine.connect() as connection:
        connection.exec_driver_sql(f"CREATE TABLE log (at {declared})")
        connection.exec_driver_sql("INSERT INTO log VALUES (?)", [(cell,) for cell in cells])
        chosen = getattr(times, test)(*given)
        return list(connection.execute(select(LOG.c.at).where(chosen)).scalars())


@st.composite
def spelled(draw: st.DrawFn) -> tuple[datetime, object]:
    """A moment and one of the ways in which a log in SQLite may hold it."""
    moment = draw(moments)
    zone = draw(st.sampled_from(ZONES))
    there = moment.astimezone(ZoneInfo(zone))
    timespec = draw(st.sampled_from(("minutes", "seconds", "milliseconds", "microseconds")))
    separator = draw(st.sampled_from(" T_t"))
    unit = draw(st.sampled_from((1, 1000, 1_000_000)))
    count = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    ways = (
        there.isoformat(separator, timespec),
        moment.replace(tzinfo=None).isoformat(separator, timespec),
        moment.replace(tzinfo=None).isoformat(separator, timespec) + "Z",
        count * unit // 1_000_000,
        count / 1_000_000,
    )
    return moment, draw(st.sampled_from(ways))


@given(
    st.lists(spelled(), min_size=1, max_size=20),
    st.lists(spans, min_size=1, max_size=20),
    st.data(),
)
def test_no_row_of_a_window_escapes(
    rows: list[tuple[datetime, object]], windows: list[Window], data: st.DataObject
) -> None:
    target = data.draw(st.sampled_from(rows))[0]
    lead = data.draw(st.integers(1, 86_400))
    windows = [*windows, Window(target - timedelta(seconds=lead), target + timedelta(seconds=60))]
    times = TimeColumn(LOG.c.at, "any", ZoneInfo("UTC"))
    read = let_through(times, [cell for _, cell in rows], "within", windows)
    for moment, cell in rows:
        written = moment.replace(second=0, microsecond=0)  # some spellings hold no more
        if any(w.start <= written and moment < w.end for w in windows):
            assert cell in read


@given(st.lists(spelled(), min_size=1, max_size=20), spans)
def test_strays_are_rows_without_a_time_and_rows_of_the_future(
    rows: list[tuple[datetime, object]], window: Window
) -> None:
    times = TimeColumn(LOG.c.at, "any", ZoneInfo("UTC"))
    rubbish = [None, "", "N/A", "0000-00-00", "null", -5, 0, 12, b"\x00"]
    after = window.end + DAY
    cells = [cell for _, cell in rows]
    read = let_through(times, [*cells, *rubbish], "astray", [window], after)
    for cell in rubbish:
        assert cell in read
    inside = let_through(times, cells, "within", [window])
    for moment, cell in rows:
        assert cell in read or cell in inside or moment <= after
        assert (cell in read) <= (moment > after - 2 * DAY)
        assert not (cell in read and cell in inside)


@pytest.mark.parametrize("declared", ["TEXT", "NUMERIC", "TIMESTAMP", "INTEGER", ""])
@pytest.mark.parametrize("form", ["text", "any"])
def test_no_row_of_the_past_is_a_stray(form: Form, declared: str) -> None:
    times = TimeColumn(LOG.c.at, form, ZoneInfo("UTC"))
    cells = [spell(0, datetime(2024, 5, 1, 12, tzinfo=UTC)) for spell in TEXTS.values()]
    cells = [cell for cell in cells if str(cell).startswith("2024-")]
    now = datetime(2024, 5, 1, 23, tzinfo=UTC)
    span = Window(now - 90 * DAY, now - 60 * DAY)
    offsets = {cell for cell in cells if str(cell)[14:].count("+")}  # may be hours away
    read = let_through(times, cells, "astray", [span], now + HOUR, declared=declared)
    assert set(read) <= offsets


@pytest.mark.parametrize(("zone", "first", "last"), [("UTC", 72, 96), ("Europe/Paris", 71, 98)])
def test_a_day_of_text_without_offsets_is_read_with_what_clocks_may_be_set_back(
    zone: str, first: int, last: int
) -> None:
    times = TimeColumn(LOG.c.at, "text", ZoneInfo(zone))
    start = datetime(2024, 3, 1, tzinfo=UTC)
    cells = [(start + n * HOUR).isoformat(" ")[:19] for n in range(-72, 96)]
    read = let_through(times, cells, "within", [Window(start, start + DAY)])
    assert read == cells[first:last]


@pytest.mark.parametrize(
    ("kind", "form", "value"),
    [
        ("timestamptz", "instant", "to_timestamp(at)"),
        ("timestamp", "wall", "to_timestamp(at)"),
        ("text", "text", "to_timestamp(at)::text"),
        ("bigint", "number", "at * 1000::bigint"),
        ("double precision", "number", "at"),
    ],
)
def test_an_index_of_postgresql_serves(kind: str, form: Form, value: str, server: str) -> None:
    times = TimeColumn(table("indexed", column("at")).c.at, form, ZoneInfo(PARIS))
    query = select(column("x"), times.column).where(times.within(WINDOWS[:1]))
    text = query.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
    with psycopg.connect(server) as connection:
        connection.execute("DROP TABLE IF EXISTS indexed")
        connection.execute(f"CREATE TABLE indexed (at {kind}, x text)")
        half_hours = "generate_series(1700000000, 1760000000, 1800) AS g (at)"
        connection.execute(f"INSERT INTO indexed SELECT {value}, 'some text' FROM {half_hours}")
        connection.execute("CREATE INDEX ON indexed (at)")
        connection.execute("ANALYZE indexed")
        plan = connection.execute(f"EXPLAIN {text}").fetchall()
    assert "Index Cond" in str(plan)
    assert "Seq Scan" not in str(plan)


def test_an_index_of_sqlite_serves(tmp_path: Path) -> None:
    write_sqlite(tmp_path / "i.sqlite", log=({"at": "TEXT"}, {"at": log(TEXTS["UTC"])["at"]}))
    times = TimeColumn(LOG.c.at, "any", ZoneInfo("UTC"))
    windows = [WINDOWS[0], Window(START + 40 * DAY, START + 41 * DAY)]
    query = select(LOG.c.at).where(times.within(windows))
    text = query.compile(dialect=sqlite.dialect(), compile_kwargs={"literal_binds": True})
    with closing(sqlite3.connect(tmp_path / "i.sqlite")) as connection:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}").fetchall()
    assert "SCAN" not in str(plan)
    assert str(plan).count("SEARCH log USING") == 14
