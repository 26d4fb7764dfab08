"""The SQL source: a log in a database gives what the same log gives as a file."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alerts.secret import Secret
from checks.plan import CategoricalPlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from monitor.findings import WHOLE, Slice
from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources import parquet as parquet_files
from monitor.sources.sql import Source
from monitor.windows import Window
from tests.servers import postgres
from tests.shared import meta, shared, to_sqlite
from tests.sources.databases import cells, differences, plan_of, write_postgres, write_sqlite

NOW = datetime(2030, 1, 1, tzinfo=UTC)
LIVE = Horizon(NOW, NOW)
LABELS = {"prediction_id": "text", "label": "bigint", "label_timestamp": "timestamptz"}

Portraits = Mapping[Window, Mapping[Slice, Portrait]]


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


def day(number: int, month: int = 1, year: int = 2024) -> datetime:
    return datetime(year, month, number, tzinfo=UTC)


def daily(first: datetime, days: int) -> list[Window]:
    starts = [first + timedelta(days=n) for n in range(days)]
    return [Window(start, start + timedelta(days=1)) for start in starts]


def source(url: str, **options: object) -> Source:
    return Source(Secret(url), **({"table": "predictions"} | options))  # type: ignore[arg-type]


def rows(portraits: Portraits) -> list[int]:
    return [portraits[window][WHOLE].rows for window in sorted(portraits)]


def anomalies(portraits: Portraits) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in portraits.values():
        for name, anomaly in each[WHOLE].log.anomalies.items():
            found[name] = found.get(name, 0) + anomaly.count
    return found


def number(portraits: Portraits, column: str) -> NumericProfile:
    (portrait,) = portraits.values()
    profile = portrait[WHOLE].columns[column]
    assert isinstance(profile, NumericProfile)
    return profile


def levels(portraits: Portraits, column: str) -> CategoricalProfile:
    (portrait,) = portraits.values()
    profile = portrait[WHOLE].columns[column]
    assert isinstance(profile, CategoricalProfile)
    return profile


REAL = {
    "elec2": (day(1, 12, 1996), Columns(segments=("weekday",))),
    "bike_sharing": (day(1, 10, 2011), Columns()),
    "hotel_booking": (day(1, 10, 2016), Columns()),
}


def real_columns(name: str) -> Columns:
    about = meta(name)
    return replace(
        REAL[name][1],
        timestamp="timestamp",
        id="prediction_id",
        version="version",
        prediction="prediction",
        score=next(iter(about["score_columns"]), None),
        label="label",
        label_timestamp="label_timestamp",
        numeric=tuple(about["features_numeric"]),
        categorical=tuple(about["features_categorical"]),
    )


def postgres_types(schema: pa.Schema) -> dict[str, str]:
    """Column types of PostgreSQL for the columns of a file."""

    def kind(of: pa.DataType) -> str:
        if pa.types.is_timestamp(of):
            return "timestamptz"
        if pa.types.is_integer(of):
            return "bigint"
        return "double precision" if pa.types.is_floating(of) else "text"

    return {field.name: kind(field.type) for field in schema}


@pytest.fixture(scope="module", params=REAL)
def real(request: pytest.FixtureRequest, server: str, tmp_path_factory: pytest.TempPathFactory):
    """A real log: its name, as a file, in SQLite, and in PostgreSQL."""
    name = str(request.param)
    path = shared("data", f"{name}.parquet")
    table = pq.read_table(path)
    types = postgres_types(table.schema)
    apart = {k: v for k, v in types.items() if k not in ("label", "label_timestamp")}
    write_postgres(server, name, apart, cells(table, leave_out=("label", "label_timestamp")))
    labels = table.select(list(LABELS)).drop_null()
    write_postgres(server, f"{name}_labels", LABELS | {"label": types["label"]}, cells(labels))
    file = to_sqlite(name, tmp_path_factory.mktemp("real") / f"{name}.sqlite")
    return (
        name,
        parquet_files.Source(path),
        source(f"sqlite:///{file}", labels="labels"),
        source(server, table=name, labels=f"{name}_labels"),
    )


@pytest.mark.parametrize("known", ["all", "a week later", "in the middle"])
def test_a_database_and_a_file_with_the_same_log_give_equal_portraits(real, known: str) -> None:
    name, file, *databases = real
    columns, first = real_columns(name), REAL[name][0]
    windows = daily(first, 21)
    known_at = {
        "all": NOW,
        "a week later": first + timedelta(days=28),
        "in the middle": first + timedelta(days=10, hours=13),
    }[known]
    horizon = Horizon(known_at, NOW)
    period = Window(day(1, 1, 1996), first)
    plan = plan_of(file.survey(columns, period), columns)
    wanted = file.profile(plan, columns, windows, horizon)
    assert sum(rows(wanted)) > 200
    for database in databases:
        for push_down in (False, True):
            place = replace(database, push_down=push_down)
            found = place.profile(plan, columns, windows, horizon)
            assert list(differences(found, wanted)) == []


def test_a_database_and_a_file_with_the_same_log_give_equal_surveys(real) -> None:
    name, file, lite, server = real
    columns, period = real_columns(name), Window(day(1, 1, 1996), REAL[name][0])
    wanted = file.survey(columns, period)
    for database in (lite, server):
        found = database.survey(columns, period)
        assert found.rows == wanted.rows
        for column in (*(columns.numeric or ()), *(columns.categorical or ()), "label"):
            assert list(differences(found.columns[column], wanted.columns[column])) == []


def test_a_database_and_a_file_with_the_same_log_reach_equally_far(real) -> None:
    name, file, *databases = real
    columns, first = real_columns(name), REAL[name][0]
    for known_at in (NOW, first + timedelta(days=3, hours=5), day(1, 1, 1990)):
        horizon = Horizon(known_at, NOW)
        wanted = file.extent(columns, horizon)
        assert [database.extent(columns, horizon) for database in databases] == [wanted] * 2


# Tables as they are found.

BROKEN = Columns(
    timestamp="timestamp",
    id="prediction_id",
    version="version",
    prediction="prediction",
    score="score",
    label="label",
    label_timestamp="label_timestamp",
    exclude=("model",),
)
TIMED = Columns(timestamp="timestamp")
REFERENCE = Window(day(1), day(15))
CURRENT = daily(day(15), 7)


def test_column_names_that_look_like_sql_are_names() -> None:
    path = shared("bad", "32_sql_like_columns.sqlite")
    before = hashlib.sha256(path.read_bytes()).hexdigest()
    lite = source(f"sqlite:///{path}", labels="labels")
    survey = lite.survey(BROKEN, REFERENCE)
    strange = {'age"; DROP TABLE predictions; --', "amount' OR '1'='1", "select"}
    assert strange <= survey.columns.keys()
    clean = parquet_files.Source(shared("bad", "00_clean.parquet"))
    names = dict(zip(sorted(strange), ("age", "amount", "channel"), strict=True))
    plan = plan_of(survey, BROKEN)
    tidy = replace(plan, columns={names.get(n, n): p for n, p in plan.columns.items()})
    found = lite.profile(plan, BROKEN, CURRENT, LIVE)
    wanted = clean.profile(tidy, BROKEN, CURRENT, LIVE)
    assert rows(found) == rows(wanted)
    for window in CURRENT:
        for ours, theirs in names.items():
            pair = found[window][WHOLE].columns[ours], wanted[window][WHOLE].columns[theirs]
            assert [d for d in differences(*pair) if "found" not in d] == []
    assert lite.extent(BROKEN, LIVE).rows == 700
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before


def test_text_among_numbers_is_counted_and_the_numbers_are_kept(tmp_path: Path) -> None:
    amounts = ["N/A", 12.5, 3, None, "1,234.5", b"\xff\x00", 2**70 / 1.0, float("inf")]
    at = [f"2024-01-15 0{n}:00:00" for n in range(len(amounts))]
    table = ({"timestamp": "TEXT", "amount": "REAL"}, {"timestamp": at, "amount": amounts})
    lite = source(write_sqlite(tmp_path / "mixed.sqlite", predictions=table))
    assert lite.survey(TIMED, ALL_TIME).columns["amount"].family == "number"
    plan = Plan({"amount": NumericPlan()}, found={"amount": "number"})
    for batch in (1, 3, 50_000):
        profile = number(
            replace(lite, batch=batch).profile(plan, TIMED, CURRENT[:1], LIVE), "amount"
        )
        assert profile.n == 3
        assert (profile.nulls, profile.unparsed, profile.above) == (1, 3, 1)
        assert (profile.minimum, profile.maximum) == (3.0, 2.0**70)
        assert profile.found == ("nested", "number", "text")
        assert profile.example == "1,234.5"


def test_a_broken_byte_spoils_one_cell_only(tmp_path: Path) -> None:
    path = tmp_path / "bytes.sqlite"
    table = (
        {"timestamp": "TEXT", "name": "TEXT"},
        {"timestamp": ["2024-01-15"] * 3, "name": ["a", "a", "b"]},
    )
    url = write_sqlite(path, predictions=table)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE predictions SET name = CAST(x'61ff' AS TEXT) WHERE name = 'b'")
    plan = Plan({"name": CategoricalPlan(("a",))}, found={"name": "text"})
    profile = levels(source(url).profile(plan, TIMED, CURRENT[:1], LIVE), "name")
    assert profile.counts.tolist() == [2]
    assert dict(profile.unseen) == {"a�": 1}


def test_booleans_of_sqlite_are_booleans(tmp_path: Path) -> None:
    flags = [1, 0, None, 1, 7]
    table = (
        {"timestamp": "TEXT", "flag": "BOOLEAN"},
        {"timestamp": ["2024-01-15"] * 5, "flag": flags},
    )
    lite = source(write_sqlite(tmp_path / "flags.sqlite", predictions=table))
    assert lite.survey(TIMED, ALL_TIME).columns["flag"].family == "boolean"
    plan = Plan({"flag": CategoricalPlan(("true", "false"))}, found={"flag": "boolean"})
    profile = levels(lite.profile(plan, TIMED, CURRENT[:1], LIVE), "flag")
    assert (profile.counts.tolist(), profile.nulls, dict(profile.unseen)) == ([2, 1], 1, {"7": 1})


def test_dates_of_sqlite_are_no_features_unless_they_are_named(tmp_path: Path) -> None:
    types = {"timestamp": "TIMESTAMP", "born": "DATE", "seen": "DATETIME", "text": "TEXT"}
    log = {name: ["2024-01-15", "2024-01-16", None] for name in types}
    place = source(write_sqlite(tmp_path / "dates.sqlite", predictions=(types, log)))
    survey = place.survey(replace(TIMED, categorical=("seen",), numeric=()), ALL_TIME)
    assert survey.columns["seen"].levels == ("2024-01-15", "2024-01-16")
    survey = place.survey(TIMED, ALL_TIME)
    assert survey.columns["text"].levels == ("2024-01-15", "2024-01-16")
    assert (survey.columns["born"].family, survey.columns["seen"].family) == ("time", "time")
    assert survey.columns["born"].values == 2
    assert survey.notices == (
        "born: DATE values are not profiled; left out",
        "seen: DATETIME values are not profiled; left out",
    )


TYPES = {
    "timestamp": ("timestamptz", "2024-01-15 10:00+00"),
    "small": ("smallint", "7"),
    "exact": ("numeric(12, 2)", "7.25"),
    "nothing": ("numeric", "NaN"),
    "flag": ("boolean", "t"),
    "word": ("varchar(20)", "grün"),
    "padded": ("char(4)", "ab"),
    "key": ("uuid", "00000000-0000-0000-0000-000000000005"),
    "host": ("inet", "10.0.0.1"),
    "mood": ("mood", "fine"),
    "day": ("date", "infinity"),
    "moment": ("timestamp", "-infinity"),
    "clock": ("time", "10:30"),
    "wait": ("interval", "1 day 2 hours"),
    "bytes": ("bytea", "\\x00ff"),
    "document": ("jsonb", '{"a": [1, 2]}'),
    "scalar": ("json", "3"),
    "numbers": ("double precision[]", "{1,2}"),
    "span": ("int4range", "[1,5)"),
    "point": ("point", "(1,2)"),
}


def test_every_type_of_postgresql_is_read_or_left_out_with_a_notice(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("DROP TABLE IF EXISTS types; DROP TYPE IF EXISTS mood")
        connection.execute("CREATE TYPE mood AS ENUM ('fine', 'bad')")
    of = {name: [text, None] for name, (_, text) in TYPES.items()}
    of["timestamp"] = ["2024-01-15 10:00+00", "2024-01-15 11:00+00"]
    write_postgres(server, "types", {name: kind for name, (kind, _) in TYPES.items()}, of)
    for place in (source(server, table="types"), source(server, table="", query="TABLE types")):
        if place.query:  # a query tells no types: times beyond those of Python must not be in it
            place = replace(place, query="SELECT small, exact, flag, word, document FROM types")  # noqa: PLW2901
        survey = place.survey(Columns(), ALL_TIME)
        families = {name: look.family for name, look in survey.columns.items()}
        expected = {
            "timestamp": "time",
            **dict.fromkeys(("small", "exact", "nothing"), "number"),
            "flag": "boolean",
            **dict.fromkeys(
                ("word", "padded", "key", "host", "mood", "clock", "wait", "span", "point"), "text"
            ),
            **dict.fromkeys(("day", "moment"), "empty"),
            **dict.fromkeys(("bytes", "document", "scalar", "numbers"), "nested"),
        }
        assert families == {name: expected[name] for name in families}
        left_out = {notice.partition(":")[0] for notice in survey.notices}
        assert left_out == {n for n, family in families.items() if family in ("time", "nested")}


def test_endless_times_have_no_usable_time(server: str) -> None:
    at = ["2024-01-15 10:00", "infinity", "-infinity", None, "2034-01-01", "0044-03-15 BC"]
    for kind in ("timestamptz", "timestamp", "date"):
        write_postgres(server, "endless", {"timestamp": kind}, {"timestamp": at})
        endless = source(server, table="endless")
        found = endless.profile(Plan(), TIMED, CURRENT, LIVE)
        assert sum(rows(found)) == 1
        assert anomalies(found) == {"untimed_rows": 2, "future_rows": 1}
        extent = endless.extent(TIMED, LIVE)
        assert extent.rows == 6
        assert (extent.first, extent.last) == (extent.first, extent.first)
        assert extent.first in (day(15), day(15) + timedelta(hours=10))


def test_rows_of_the_future_and_rows_without_a_time_are_counted_and_move_nothing(
    server: str, tmp_path: Path
) -> None:
    at = [
        "2024-01-15 10:00:00",
        "2024-01-21 10:00:00",
        "2034-05-05 00:00:00",
        None,
        "2034-05-06 00:00:00",
    ]
    clock = Horizon(day(22), day(22))
    url = write_sqlite(
        tmp_path / "future.sqlite", predictions=({"timestamp": "TEXT"}, {"timestamp": [*at, "N/A"]})
    )
    write_postgres(server, "predictions", {"timestamp": "timestamp"}, {"timestamp": at})
    for place, untimed in ((source(url), 2), (source(server), 1)):
        found = place.profile(Plan(), TIMED, CURRENT, clock)
        assert rows(found) == [1, 0, 0, 0, 0, 0, 1]
        assert anomalies(found) == {"future_rows": 2, "untimed_rows": untimed}
        assert CURRENT[-1] == max(w for w in found if found[w][WHOLE].log.anomalies)
        extent = place.extent(TIMED, clock)
        assert extent.rows == 4 + untimed
        assert extent.last == day(21) + timedelta(hours=10)


def test_the_extent_of_a_replay_ends_where_the_replay_stands(server: str, tmp_path: Path) -> None:
    stamps = [day(1) + timedelta(hours=7 * n) for n in range(80)]
    text = ["a", *(stamp.isoformat(" ")[:19] for stamp in stamps), *["2034-01-01"] * 1200]
    url = write_sqlite(
        tmp_path / "e.sqlite", predictions=({"timestamp": "TEXT"}, {"timestamp": text})
    )
    write_postgres(server, "predictions", {"timestamp": "timestamptz"}, {"timestamp": stamps})
    for known_at in (day(4), day(10) + timedelta(minutes=1), stamps[5], day(1)):
        horizon = Horizon(known_at, day(20))
        seen = [stamp for stamp in stamps if stamp <= known_at]
        late = [stamp for stamp in stamps if stamp > day(20) + timedelta(hours=1)]
        for place, others in ((source(server), 0), (source(url), 1201)):
            extent = place.extent(TIMED, horizon)
            assert (extent.first, extent.last) == (seen[0], seen[-1])
            assert extent.rows == len(seen) + len(late) + others


@pytest.mark.parametrize("length", [19, 25])
def test_clocks_that_run_ahead_do_not_hide_the_last_row(length: int, tmp_path: Path) -> None:
    night = [(day(1) + timedelta(seconds=n)).isoformat() for n in range(1200)]
    ahead = [(day(2) + timedelta(hours=2, seconds=n)).isoformat()[:length] for n in range(1500)]
    log = {"timestamp": [*night, "2024-01-01T05:00:00", *ahead]}
    place = source(write_sqlite(tmp_path / "a.sqlite", predictions=({"timestamp": "TEXT"}, log)))
    extent = place.extent(TIMED, Horizon(day(2), day(2)))
    assert (extent.first, extent.last) == (day(1), day(1) + timedelta(hours=5))
    assert extent.rows == 2701


def test_of_an_id_that_occurs_twice_the_latest_row_counts(server: str, tmp_path: Path) -> None:
    rows_ = {
        "timestamp": [
            "2024-01-15 10:00:00",
            "2024-01-15 09:00:00",
            "2024-01-15 08:00:00",
            "2024-01-15 08:00:00",
        ],
        "prediction_id": ["a", "a", "b", "b"],
        "score": [0.1, 0.2, 0.3, 0.4],
    }
    types = {"timestamp": "TEXT", "prediction_id": "TEXT", "score": "REAL"}
    columns = Columns(timestamp="timestamp", id="prediction_id", score="score")
    url = write_sqlite(tmp_path / "twice.sqlite", predictions=(types, rows_))
    write_postgres(server, "predictions", types | {"timestamp": "timestamptz"}, rows_)
    for place in (source(url), source(server)):
        found = place.profile(Plan({"score": NumericPlan()}), columns, CURRENT[:1], LIVE)
        assert number(found, "score").total == pytest.approx(0.1 + 0.4)
        assert anomalies(found) == {"duplicate_ids": 2, "conflicting_ids": 2}


def test_a_column_that_went_away_is_absent(tmp_path: Path) -> None:
    table = ({"timestamp": "TEXT"}, {"timestamp": ["2024-01-15"]})
    place = source(write_sqlite(tmp_path / "gone.sqlite", predictions=table))
    found = place.profile(Plan({"age": NumericPlan()}), TIMED, CURRENT[:1], LIVE)
    assert number(found, "age").found == ("absent",)
    assert rows(found) == [1]


# Labels in a table of their own.


@pytest.mark.parametrize("ids", ["text", "bigint", "numeric"])
def test_the_last_label_that_had_arrived_counts(ids: str, server: str, tmp_path: Path) -> None:
    log = {"timestamp": ["2024-01-15 10:00:00"] * 4, "prediction_id": [1, 2, 3, 4]}
    truth = {
        "prediction_id": ["1", "1", "2", "2", "3", "9"],
        "label": [0, 1, 1, 0, 1, 1],
        "label_timestamp": [f"2024-01-1{n} 00:00:00" for n in (8, 6, 6, 6, 9, 6)],
    }
    types = {"timestamp": "timestamptz", "prediction_id": "bigint"}
    write_postgres(server, "predictions", types, log)
    write_postgres(server, "labels", LABELS | {"prediction_id": ids}, truth)
    lite = {"timestamp": "TEXT", "prediction_id": "INTEGER"}
    url = write_sqlite(
        tmp_path / "labels.sqlite",
        predictions=(lite, log),
        labels=({"prediction_id": ids, "label": "INTEGER", "label_timestamp": "TEXT"}, truth),
    )
    columns = replace(TIMED, id="prediction_id", label="label", label_timestamp="label_timestamp")
    plan = Plan({"label": NumericPlan()}, roles={"label": "label"})
    for place in (source(server, labels="labels"), source(url, labels="labels")):
        for known_at, labels in (
            (day(17), [1.0, 0.0]),
            (day(18), [0.0, 0.0]),
            (day(19), [0.0, 0.0, 1.0]),
        ):
            found = place.profile(plan, columns, CURRENT[:1], Horizon(known_at, NOW))
            label = number(found, "label")
            assert label.exact is not None
            assert np.repeat(label.exact, label.exact_counts).tolist() == sorted(labels)


def test_ids_of_two_types_meet(server: str) -> None:
    with psycopg.connect(server) as connection:
        for name, kind in (("predictions", "uuid"), ("labels", "text")):
            connection.execute(f"DROP TABLE IF EXISTS {name}")
            connection.execute(f"CREATE TABLE {name} (timestamp timestamptz, id {kind}, label int)")
        values = "('2024-01-15 10:00+00', '00000000-0000-0000-0000-00000000000a', 1)"
        connection.execute(f"INSERT INTO predictions VALUES {values}")
        connection.execute(f"INSERT INTO labels VALUES {values}")
    columns = replace(TIMED, id="id", label="label")
    found = source(server, labels="labels").profile(Plan(), columns, CURRENT[:1], LIVE)
    assert found[CURRENT[0]][WHOLE].log.labels == 1


def test_without_times_of_arrival_the_label_written_last_counts(
    server: str, tmp_path: Path
) -> None:
    log = {"timestamp": ["2024-01-15 10:00:00"], "prediction_id": ["a"]}
    truth = {"prediction_id": ["a"] * 50, "label": [*range(100, 50, -1)]}
    types, of = (
        {"timestamp": "TEXT", "prediction_id": "TEXT"},
        {"prediction_id": "TEXT", "label": "INTEGER"},
    )
    url = write_sqlite(tmp_path / "last.sqlite", predictions=(types, log), labels=(of, truth))
    write_postgres(server, "predictions", types, log)
    write_postgres(server, "labels", of, truth)
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("CREATE INDEX by_label ON labels (prediction_id, label)")
    columns = replace(TIMED, id="prediction_id", label="label")
    plan = Plan({"label": NumericPlan()}, roles={"label": "label"})
    for place in (source(url, labels="labels"), source(server, labels="labels")):
        found = place.profile(plan, columns, CURRENT[:1], LIVE)
        assert number(found, "label").minimum == number(found, "label").maximum == 51.0


def test_labels_may_stand_in_the_table_of_the_log_itself(tmp_path: Path) -> None:
    log = {"timestamp": ["2024-01-15"] * 2, "prediction_id": ["a", "b"], "label": [1, 0]}
    types = {"timestamp": "TEXT", "prediction_id": "TEXT", "label": "INTEGER"}
    url = write_sqlite(tmp_path / "one.sqlite", predictions=(types, log))
    columns = replace(TIMED, id="prediction_id", label="label")
    plan = Plan({"label": NumericPlan()}, roles={"label": "label"})
    for place in (source(url), source(url, labels="predictions")):
        found = place.profile(plan, columns, CURRENT[:1], LIVE)
        assert found[CURRENT[0]][WHOLE].log.labels == 2


# Queries.


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM predictions WHERE word LIKE 'a%'",
        "SELECT * FROM predictions WHERE word LIKE 'a%';",
        "SELECT * FROM predictions WHERE word LIKE 'a%' -- a comment at the end",
        "SELECT * FROM predictions WHERE word <> ':word' AND word <> 'b:c' AND word <> ' :x'",
        "WITH a AS (SELECT * FROM predictions) SELECT timestamp, word FROM a WHERE word = 'a%b'",
        "SELECT q.* FROM predictions p JOIN predictions q USING (word) WHERE p.word > 'a'",
    ],
)
def test_a_query_takes_the_place_of_a_table(query: str, server: str, tmp_path: Path) -> None:
    log = {"timestamp": ["2024-01-15 10:00:00", "2024-01-15 11:00:00"], "word": ["a%b", ":word"]}
    types = {"timestamp": "TEXT", "word": "TEXT"}
    url = write_sqlite(tmp_path / "q.sqlite", predictions=(types, log))
    write_postgres(server, "predictions", types | {"timestamp": "timestamptz"}, log)
    plan = Plan({"word": CategoricalPlan(("a%b", ":word"))})
    for place in (source(url, table="", query=query), source(server, table="", query=query)):
        found = place.profile(plan, TIMED, CURRENT[:1], LIVE)
        assert levels(found, "word").counts.tolist() == [1, 0]
        assert place.survey(TIMED, ALL_TIME).columns["word"].levels == ("a%b",)


def test_a_view_and_a_table_in_another_schema_are_read(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute('DROP SCHEMA IF EXISTS "Lab 1" CASCADE')
        connection.execute('CREATE SCHEMA "Lab 1"')
        connection.execute(
            'CREATE TABLE "Lab 1"."My Log" (at timestamptz, "Größe %" double precision)'
        )
        connection.execute("""INSERT INTO "Lab 1"."My Log" VALUES ('2024-01-15 00:00+00', 5)""")
        connection.execute('CREATE VIEW "Lab 1".view AS SELECT * FROM "Lab 1"."My Log"')
    for name in ("My Log", "view"):
        place = source(server, table=name, schema="Lab 1")
        plan = Plan({"Größe %": NumericPlan()})
        found = place.profile(plan, Columns(timestamp="at"), CURRENT[:1], LIVE)
        assert number(found, "Größe %").total == 5.0


def test_the_rows_of_a_period_come_as_they_are(server: str, tmp_path: Path) -> None:
    log = {
        "timestamp": [f"2024-01-{n:02} 12:00:00" for n in range(10, 20)],
        "x": [float(n) for n in range(10, 20)],
        "word": ["a", None] * 5,
    }
    types = {"timestamp": "TEXT", "x": "double precision", "word": "TEXT"}
    url = write_sqlite(tmp_path / "rows.sqlite", predictions=(types, log))
    write_postgres(server, "predictions", types | {"timestamp": "timestamp"}, log)
    for place in (source(url), source(server)):
        found = place.rows(("word", "x", "y"), TIMED, Window(day(12), day(15)), LIVE)
        table = pa.Table.from_batches(found)
        assert table.column_names == ["word", "x", "timestamp"]
        assert table.column("x").to_pylist() == [12.0, 13.0, 14.0]
        assert table.column("word").to_pylist() == ["a", None, "a"]


def test_a_partitioned_table_is_read(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("CREATE TABLE parts (at timestamp, x float) PARTITION BY RANGE (at)")
        for month, until in (("01", "02"), ("02", "03")):
            connection.execute(
                f"CREATE TABLE parts_{month} PARTITION OF parts "
                f"FOR VALUES FROM ('2024-{month}-01') TO ('2024-{until}-01')"
            )
        connection.execute("INSERT INTO parts VALUES ('2024-02-01', 2), ('2024-01-15 09:00', 1)")
    place, columns = source(server, table="parts"), Columns(timestamp="at", timezone="Asia/Tokyo")
    found = place.profile(Plan({"x": NumericPlan()}), columns, CURRENT[:1], LIVE)
    assert number(found, "x").total == 1.0
    assert place.extent(columns, LIVE).last == day(31) + timedelta(hours=15)


# Surveys of long logs are left to the server.


def test_the_survey_of_a_long_log_is_that_of_all_its_rows(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("DROP TABLE IF EXISTS long")
        connection.execute(
            """CREATE TABLE long AS SELECT
            n::text AS id,
            timestamp '2024-01-01' + n * interval '10 seconds' AS at,
            (timestamp '2024-01-01' + n * interval '10 seconds')::text AS written,
            CASE WHEN n % 11 = 0 THEN NULL WHEN n % 13 = 0 THEN 'NaN' ELSE sqrt(n) END AS root,
            CASE WHEN n % 3 = 0 THEN 0 ELSE n % 70000 END AS whole,
            CASE WHEN n = 100000 THEN 0.5 ELSE n % 7 END AS nearly_whole,
            (n % 5)::smallint AS few,
            CASE WHEN n % 1000 = 999 THEN 'rare ' || n ELSE 'level ' || n % 9 END AS word,
            'x' || n % 1500 AS many,
            n % 4 = 0 AS flag,
            NULL::double precision AS never,
            ARRAY[n] AS list,
            (n % 3 = 0)::int AS label
            FROM generate_series(1, 100000) AS g (n)"""
        )
        connection.execute(
            "CREATE TABLE long_labels AS "
            "SELECT id, label FROM long WHERE label = 1 OR at < '2024-01-02'"
        )
        connection.execute("ALTER TABLE long DROP COLUMN label")
    columns = Columns(timestamp="at", id="id", label="label", segments=("few",))
    place = source(server, table="long", labels="long_labels")
    for period in (ALL_TIME, Window(day(1), day(13))):
        pushed = place.survey(columns, period)
        # Text cannot be cut exactly in the database, so that all rows are looked at here.
        streamed = place.survey(replace(columns, timestamp="written"), period)
        assert pushed.rows == streamed.rows > 65_536
        told = {notice for notice in streamed.notices if not notice.startswith("at: ")}
        assert {notice for notice in pushed.notices if not notice.startswith("written: ")} == told
        assert {notice.partition(":")[0] for notice in told} == {"list", "many"}
        for name in sorted(pushed.columns.keys() - {"at", "written"}):
            assert pushed.columns[name] == streamed.columns[name]
        assert pushed.sample.keys() == streamed.sample.keys()
        for name, drawn in pushed.sample.items():
            np.testing.assert_array_equal(drawn, streamed.sample[name])


def test_a_column_that_the_sample_misses_is_looked_at_in_full(server: str) -> None:
    with psycopg.connect(server) as connection:
        connection.execute("DROP TABLE IF EXISTS sparse")
        connection.execute(
            "CREATE TABLE sparse AS SELECT CASE WHEN n = 66666 THEN 'here' END AS word, n AS x "
            "FROM generate_series(1, 70000) AS g (n)"
        )
    survey = source(server, table="sparse").survey(Columns(), ALL_TIME)
    assert survey.columns["word"].levels == ("here",)
    assert survey.columns["word"].nulls == 69_999


# Nothing but the rows that are needed.


def test_reading_a_database_leaves_pandas_alone(tmp_path: Path) -> None:
    log = {"timestamp": ["2024-01-15"] * 3, "x": [1.5, "N/A", None], "word": ["a", "ü", None]}
    types = {"timestamp": "TEXT", "x": "REAL", "word": "TEXT"}
    url = write_sqlite(tmp_path / "p.sqlite", predictions=(types, log))
    program = f"""
import sys
from monitor.sources import ALL_TIME, Columns
from monitor.sources.sql import Source
assert Source({url!r}, table="predictions").survey(Columns(), ALL_TIME).rows == 3
assert "pandas" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True)


@pytest.mark.parametrize("batch", [1, 7, 1000])
def test_the_size_of_a_batch_changes_nothing(batch: int, server: str) -> None:
    table = pq.read_table(shared("bad", "00_clean.parquet"))
    types = postgres_types(table.schema)
    write_postgres(server, "clean", types, cells(table))
    place = source(server, table="clean", batch=batch)
    plan = plan_of(
        parquet_files.Source(shared("bad", "00_clean.parquet")).survey(BROKEN, REFERENCE), BROKEN
    )
    wanted = parquet_files.Source(shared("bad", "00_clean.parquet")).profile(
        plan, BROKEN, CURRENT, LIVE
    )
    assert list(differences(place.profile(plan, BROKEN, CURRENT, LIVE), wanted)) == []
