"""Row rules: one meaning in files and in databases, that of SQL's own three-valued logic."""

from __future__ import annotations

import math
import sqlite3
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.secret import Secret
from checks.plan import Plan
from checks.rules import broken_name, unknown_name
from monitor import learn
from monitor.expression import BadExpression, columns_in, parse
from monitor.findings import WHOLE
from monitor.sources import Columns, Horizon, WrongSchema
from monitor.sources.csv import Source as Csv
from monitor.sources.parquet import Source as Parquet
from monitor.sources.sql import Source as Sql
from monitor.windows import Window

DAY = datetime(2026, 3, 1, tzinfo=UTC)
WINDOWS = [
    Window(DAY, DAY + timedelta(hours=12)),
    Window(DAY + timedelta(hours=12), DAY + timedelta(days=1)),
]
HORIZON = Horizon(DAY + timedelta(days=2), DAY + timedelta(days=2))
COLUMNS = Columns(timestamp="ts", id="id")
AMOUNT = [5.0, -1.5, None, 0.0, 1e9, 7.25]
OTHER = [1, 0, 3, None, 2, -4]
COUNTRY = ["DE", "AT", "de", None, "O'x", ""]

CONDITIONS = [
    "amount >= 0",
    "amount >= 0 and country in ('DE', 'AT')",
    "not amount < 0 or other = 3",
    "amount / other > 1",
    "amount - other * 2 <= 3",
    "-amount < 2",
    "amount is null",
    "country is not null and other is not null",
    "country = 'O''x' or country = ''",
    "country > 'AT'",
    "country not in ('DE', 'AT')",
    "amount between 0 and 10",
    "amount not between 0 and 10",
    "(amount > 0 or other > 0) and not country = 'DE'",
    "amount != other",
    "amount = 1e9",
    '"other" >= 0',
    "gone is null",
    "gone > 1 or amount >= 0",
    f"other in ({','.join('1' * 900)})",
    f"other < {'+'.join('1' * 100)}",
    " or ".join(["other = 1"] * 120),
]


def rows():
    n = len(AMOUNT) * len(OTHER) * len(COUNTRY)
    cells = [(a, o, c) for a in AMOUNT for o in OTHER for c in COUNTRY]
    times = [DAY + timedelta(minutes=6 * each) for each in range(n)]
    return pa.table(
        {
            "id": [f"r{each:03}" for each in range(n)],
            "ts": pa.array(times, pa.timestamp("us", "UTC")),
            "amount": pa.array([a for a, _, _ in cells], pa.float64()),
            "other": pa.array([o for _, o, _ in cells], pa.int64()),
            "country": pa.array([c for _, _, c in cells], pa.string()),
        }
    )


def counted(source, rules):
    plan = Plan(rules=rules)
    found = source.profile(plan, COLUMNS, WINDOWS, HORIZON)
    logs = [found[window][WHOLE].log for window in WINDOWS]
    names = [name(rule) for rule in rules for name in (broken_name, unknown_name)]
    return [
        [log.anomalies[name].count if name in log.anomalies else 0 for name in names]
        for log in logs
    ]


@pytest.fixture(scope="module")
def database(tmp_path_factory):
    path = tmp_path_factory.mktemp("rules") / "log.db"
    table = rows()
    with sqlite3.connect(path) as connection:
        connection.execute(
            "CREATE TABLE log (id TEXT, ts TEXT, amount REAL, other INTEGER, country TEXT)"
        )
        lines = [
            (r["id"], r["ts"].isoformat(), r["amount"], r["other"], r["country"])
            for r in table.to_pylist()
        ]
        connection.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", lines)
    return path


def oracle(database, condition):
    """The same by SQLite's own reading of the condition: broken and unknown rows per window."""
    condition = condition.replace("gone", "NULL")
    found = []
    with sqlite3.connect(database) as connection:
        for window in WINDOWS:
            query = (
                f"SELECT coalesce(sum(NOT ({condition})), 0),"
                f" coalesce(sum(({condition}) IS NULL), 0)"
                " FROM log WHERE ts >= ? AND ts < ?"
            )
            ends = (window.start.isoformat(), window.end.isoformat())
            found.append(list(connection.execute(query, ends).fetchone()))
    return found


@pytest.mark.parametrize("condition", CONDITIONS)
def test_every_engine_counts_what_sqlite_itself_does(condition, database, tmp_path):
    rules, table = {"mine": condition}, rows()
    pq.write_table(table, tmp_path / "log.parquet")
    url = Secret(f"sqlite:///{database}")
    expected = oracle(database, condition)
    assert counted(Parquet(tmp_path / "log.parquet"), rules) == expected
    assert counted(Sql(url, table="log", push_down=True), rules) == expected
    assert counted(Sql(url, table="log", push_down=False), rules) == expected


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_database_itself_counts(condition, database):
    source = Sql(Secret(f"sqlite:///{database}"), table="log", push_down=True)
    reads = source.reads(Plan(rules={"mine": condition}), COLUMNS, WINDOWS[0], HORIZON)
    assert "the database counts the rows" in str(reads)


@pytest.mark.parametrize("condition", CONDITIONS)
def test_duckdb_counts_the_same(condition, database, tmp_path):
    duckdb = pytest.importorskip("duckdb")
    pq.write_table(rows(), tmp_path / "log.parquet")
    with duckdb.connect(str(tmp_path / "log.duckdb")) as connection:
        connection.execute(f"CREATE TABLE log AS SELECT * FROM '{tmp_path / 'log.parquet'}'")
    source = Sql(Secret(f"duckdb:///{tmp_path / 'log.duckdb'}"), table="log", push_down=True)
    assert counted(source, {"mine": condition}) == oracle(database, condition)


def test_rows_without_types_are_read_as_a_profile_reads_them(tmp_path):
    (tmp_path / "log.csv").write_text(
        "id,ts,amount,country\n"
        "a,2026-03-01T01:00:00Z,5,DE\n"
        "b,2026-03-01T02:00:00Z,-5.50,AT\n"
        "c,2026-03-01T03:00:00Z,n/a,\n"
        "d,2026-03-01T13:00:00Z,1e3,FR\n"
    )
    source = Csv(tmp_path / "log.csv")
    assert counted(source, {"pos": "amount >= 0"}) == [[1, 1], [0, 0]]
    assert counted(source, {"land": "country in ('DE', 'AT')"}) == [[0, 1], [1, 0]]


def test_numbers_that_are_none_are_not_known(tmp_path):
    table = (
        rows()
        .slice(0, 3)
        .set_column(2, "amount", pa.array([math.nan, math.inf, -math.inf], pa.float64()))
    )
    pq.write_table(table, tmp_path / "log.parquet")
    assert counted(Parquet(tmp_path / "log.parquet"), {"pos": "amount >= 0"})[0] == [1, 1]


def test_truths_compare_with_true_and_false(tmp_path):
    table = rows().slice(0, 3).append_column("paid", pa.array([True, False, None]))
    pq.write_table(table, tmp_path / "log.parquet")
    assert counted(Parquet(tmp_path / "log.parquet"), {"paid": "paid = true"})[0] == [1, 1]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "column 1: a value is missing at the end"),
        ("amount >=", "column 10: a value is missing at the end"),
        ("amount", "column 7: a comparison such as = 1 is missing at the end"),
        ("amount >= 0 and", "column 16: a value is missing at the end"),
        ("amount > 'x' + 1", "column 10: only numbers can be added or multiplied"),
        ("amount ; 1", "column 8: ';' means nothing here"),
        ("a > 1 b", "column 7: 'b' is not expected here"),
        ("a in (1, 'x'", "column 13: ')' is missing at the end"),
        ("'a' = 1", "column 7: a number and a text cannot be compared"),
        ("a > true", "column 5: true and false have no order"),
        ("(1 + 2) is null", "column 16: 'is null' is asked of a column at the end"),
        ("__import__('os') = 1", "column 11: a comparison such as = 1 is missing"),
        ("(" * 60 + "a > 1" + ")" * 60, "nested more than 50 deep"),
        ("a > " + "+".join("1" * 200), "column 207: more than 100 signs of arithmetic"),
        ("a = 1 or " * 400 + "a = 2", "longer than 2,000 characters"),
        ("a = 'open", "column 5: the text that begins here has no closing '"),
        ('a = "open', 'column 5: the name of a column that begins here has no closing "'),
        ("a == null", "column 6: a value is expected; write `is null`"),
    ],
)
def test_a_bad_condition_is_one_sentence_with_the_place(text, said):
    with pytest.raises(BadExpression) as caught:
        parse(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_columns_have_any_name_in_double_quotes():
    assert columns_in('"my ""own"" column" > 1 AND größe < 2') == {'my "own" column', "größe"}


@given(st.text(alphabet="ab1.'\"<>=!-+*/(), \n\tandornotisnullinbetween", max_size=60))
def test_any_text_is_a_condition_or_a_mistake_with_a_place(text):
    try:
        columns_in(text)
    except BadExpression as error:
        assert 1 <= error.at <= len(text) + 1


def test_a_text_in_double_quotes_is_taken_for_a_column_and_the_way_out_is_said():
    with pytest.raises(WrongSchema) as caught:
        learn._require_columns({"land": 'country = "DE"'}, ("country",))
    assert str(caught.value).endswith("'DE' in the log; a text stands in single quotes: 'DE'")
    with pytest.raises(WrongSchema, match="did you mean 'country'"):
        learn._require_columns({"land": "contry = 'DE'"}, ("country",))
