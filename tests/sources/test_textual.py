"""SQL written out in full: no value and no name changes, or ends the place where it stands."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Double, String, cast, column, func, literal, literal_column, select, table

from monitor.sources import WrongSchema
from monitor.sources._sql.clickhouse import embedded
from monitor.sources._sql.duck import duck
from monitor.sources._sql.engines import parse
from monitor.sources._sql.spellings import ClickHouse, DuckDB, Spark, Spelling
from monitor.sources._sql.textual import TextualSession, Watch
from tests.servers import require_module

HOSTILE = [
    "it's",
    '"quoted"',
    "`ticks`",
    "back\\slash",
    "ends in \\",
    "\\'; DROP TABLE log; --",
    "'; DROP TABLE log; --",
    "100 %s :name %(name)s ?",
    "/* no */ -- comment",
    "two\nlines\tand a tab",
    "größer 测试 🦆",
    "",
]
NAMES = [name for name in HOSTILE if name and "\n" not in name]
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ANYTIME = st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1))


@pytest.fixture(scope="module", params=["duckdb", "clickhouse"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TextualSession]:
    """An engine with a table whose columns have hostile names."""
    if request.param == "duckdb":
        path = tmp_path_factory.mktemp("textual") / "log.duckdb"
        with require_module("duckdb").connect(str(path)) as connection:
            names = [f"{DuckDB().identifier_preparer.quote(name)} INT" for name in NAMES]
            connection.execute(f"CREATE TABLE log ({', '.join(names)})")
            connection.execute(f"INSERT INTO log VALUES ({', '.join(map(str, range(len(NAMES))))})")
        with duck(parse(f"duckdb:///{path}"), 30) as opened:
            yield opened
    else:
        folder = tmp_path_factory.mktemp("textual")
        server = require_module("chdb.session").Session(str(folder))
        names = [f"{ClickHouse().identifier_preparer.quote(name)} Int32" for name in NAMES]
        server.query(f"CREATE TABLE log ({', '.join(names)}) ENGINE = MergeTree ORDER BY ()")
        server.query(f"INSERT INTO log VALUES ({', '.join(map(str, range(len(NAMES))))})")
        server.close()
        with embedded(str(folder), 30) as opened:
            yield opened


def told(engine: TextualSession, *values: Any) -> list[Any]:
    """What the engine makes of the values of a statement."""
    cells = [literal(value).label(f"v{place}") for place, value in enumerate(values)]
    return list(engine.rows(select(*cells))[0])


@pytest.mark.parametrize("text", HOSTILE)
def test_a_text_stays_what_it_is(engine: TextualSession, text: str) -> None:
    assert told(engine, text) == [text]
    assert engine.rows(select(literal(1)).where(literal(text) == cast(literal(text), String)))


@given(TEXTS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_any_text_stays_what_it_is(engine: TextualSession, text: str) -> None:
    assert told(engine, text) == [text]


@given(st.floats())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_a_number_keeps_its_last_digit(engine: TextualSession, number: float) -> None:
    (found,) = told(engine, number)
    assert isinstance(found, float)
    assert (math.isnan(found) and math.isnan(number)) or (
        found == number and math.copysign(1, found) == math.copysign(1, number)
    )


@given(ANYTIME)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
def test_a_moment_stays_what_it_is(engine: TextualSession, naive: datetime) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert told(engine, moment)[0] == moment
    assert told(engine, naive)[0].replace(tzinfo=None) == naive


def test_other_values_stay_what_they_are(engine: TextualSession) -> None:
    values = [True, False, None, -3, 2**62, Decimal("-12.50"), date(2024, 2, 29)]
    assert told(engine, *values) == values


@pytest.mark.parametrize("spelling", [DuckDB(), Spark(), ClickHouse()], ids=lambda s: s.name)
def test_what_no_statement_can_hold_is_refused(spelling: Spelling) -> None:
    with pytest.raises(ValueError, match="of type bytes cannot be written"):
        spelling.text(select(literal(b"x")))


def test_names_are_names_whatever_they_hold(engine: TextualSession) -> None:
    assert list(engine.table("log", "")) == NAMES
    rows = table("log", *map(column, NAMES))
    found = engine.rows(select(*rows.c))
    assert [tuple(row) for row in found] == [tuple(range(len(NAMES)))]
    (counted,) = engine.rows(select(func.count()).where(rows.c[NAMES[0]] == 0))
    assert tuple(counted) == (1,)
    for name in NAMES:
        with pytest.raises(WrongSchema):
            engine.rows(select(column(name)).select_from(table(name)))
    assert engine.rows(select(func.count()).select_from(rows))[0][0] == 1


def test_types_are_called_as_the_engine_calls_them(engine: TextualSession) -> None:
    query = select(cast(literal("1.5"), Double), cast(literal(1.5), String))
    assert list(engine.rows(query)[0]) == [1.5, "1.5"]


def test_what_no_datetime_can_hold_is_nothing(engine: TextualSession) -> None:
    if engine.dialect == "clickhouse":
        pytest.skip("it has no moments beyond the year 2299")
    far = literal_column("TIMESTAMPTZ '200000-01-01 00:00:00+00'")
    assert list(engine.rows(select(far.label("far")))[0]) == [None]


def test_a_watch_hits_no_later_statement() -> None:
    calls: list[int] = []
    watch = Watch(0.05, lambda: calls.append(1))
    with watch.running():
        pass
    time.sleep(0.15)
    assert not calls
    with watch.running():
        time.sleep(0.15)
    assert calls == [1]
    assert watch.expired
