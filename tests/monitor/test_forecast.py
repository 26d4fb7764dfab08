"""What a forecast says is what the daemon then does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import count
from pathlib import Path

import pyarrow.csv
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from checks.plan import CategoricalPlan, NumericPlan, Plan
from monitor import forecast as forecasts
from monitor.cli.forecasts import as_markdown, as_record, as_text
from monitor.config import load
from monitor.forecast import Forecast, LeftOut, State, forecast
from monitor.model import Config
from monitor.sources import Columns, Horizon, SourceError
from monitor.sources._reads import queries
from monitor.windows import Seen
from tests.monitor.small import at, daemon_of, day, evening, model, steady, write
from tests.report.made import golden

DAYS = 16


def ticking(step: float = 0.25) -> Callable[[], float]:
    """A clock that moves by so many CPU seconds each time it is asked."""
    ticks: Iterator[int] = count()
    return lambda: step * next(ticks)


@pytest.fixture
def log(tmp_path: Path) -> Path:
    write(tmp_path / "log.csv", steady(range(DAYS)))
    return tmp_path / "log.csv"


def configured(folder: Path, *tables: str) -> Config:
    (folder / "monitor.toml").write_text("".join(tables))
    return load(folder / "monitor.toml")


def made(folder: Path, table: str, number: int = DAYS, **more: object) -> Forecast:
    """The forecast of one model on the evening of a day."""
    (each,) = configured(folder, table.replace('notify = ["oncall"]', "")).models.values()
    moment = evening(number - 1)
    return forecast(each, Horizon(moment, moment), ticking(), **more)  # type: ignore[arg-type]


def test_it_tells_the_size_of_the_log_of_its_windows_and_what_is_due(log: Path) -> None:
    told = made(log.parent, model("m", log))
    assert (told.extent.rows, told.reference_rows) == (16 * 120, 8 * 120)
    assert told.window_rows == pytest.approx(120, rel=0.01)
    assert (told.every, told.windows_a_day, told.due) == ("1d", 1.0, 8)
    assert told.tried == day(14)
    assert (told.work.rows, told.work.columns) == (120, 2)


def test_due_is_what_the_daemon_then_evaluates_and_nothing_is_due_after_that(log: Path) -> None:
    before = made(log.parent, model("m", log))
    with daemon_of(log.parent, model("m", log)) as daemon:
        assert at(daemon, evening(15)).windows == before.due
        seen = [
            Seen(entry.window, entry.revision, entry.state, entry.evaluated_at)
            for entry in daemon.store.ledger("m")
        ]
    assert made(log.parent, model("m", log), seen=seen).due == 0


def test_series_are_those_that_prometheus_then_gets(log: Path) -> None:
    told = made(log.parent, model("m", log))
    with daemon_of(log.parent, model("m", log)) as daemon:
        at(daemon, evening(15))
        text = daemon.board.exposition().body.decode()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    exposed = [line for line in lines if 'model="m"' in line and "_created" not in line]
    assert told.dropped == 0
    # Of an open model some facts are still unknown, such as the version: a few series more or less.
    assert abs(told.series - len(exposed)) <= 5


def test_series_beyond_the_cap_are_told(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecasts, "samples", lambda snapshot, limit=20: _samples(snapshot, limit))
    told = made(log.parent, model("m", log))
    assert told.dropped > 0
    assert f"{told.dropped:,} more are dropped" in as_text(told, 100)


_samples = forecasts.samples


def test_the_state_grows_about_as_told(log: Path) -> None:
    told = made(log.parent, model("m", log))
    state = log.parent / "state.db"
    sizes = []
    with daemon_of(log.parent, model("m", log)) as daemon:
        for number in (9, 15):
            at(daemon, evening(number))
            sizes.append(_size(state))
    grown = (sizes[1] - sizes[0]) / 6
    stays = told.state.window + told.state.findings + told.state.granule * 24
    assert 0.5 * stays < grown < 2.0 * stays


def _size(state: Path) -> int:
    with closing(sqlite3.connect(state)) as connection:
        connection.execute("pragma wal_checkpoint(truncate)")
    return state.stat().st_size


def test_nothing_is_written(log: Path) -> None:
    table = model("m", log)
    before = {path.name for path in log.parent.iterdir()} | {"monitor.toml"}
    made(log.parent, table)
    assert {path.name for path in log.parent.iterdir()} == before


def test_every_column_of_the_log_is_watched_or_left_out_with_a_reason(log: Path) -> None:
    told = made(log.parent, model("m", log))
    assert [each.column for each in told.watched] == ["city", "x"]
    assert told.left_out == (
        LeftOut("prediction_id", "the id of a row"),
        LeftOut("timestamp", "the time of a row"),
    )


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        (CategoricalPlan(("a",)), "1 level"),
        (CategoricalPlan(("a", "b"), complete=False), "2 levels, all others as one"),
        (NumericPlan(2.0), "grid about 2; distinct values kept"),
        (NumericPlan(2.0, exact=0), "grid about 2"),
        (NumericPlan(2.0, exact=0, atoms=(0.0,)), "grid about 2; 1 frequent value counted"),
        (NumericPlan(2.0, edges=(0.0, 1.0)), "3 quantiles of the reference"),
    ],
)
def test_how_a_column_is_counted_is_said_in_words(
    plan: NumericPlan | CategoricalPlan, told: str
) -> None:
    (watched,) = forecasts._watched(Plan({"c": plan}, roles={"c": "score"}))
    assert (watched.role, watched.how) == ("score", told)


def test_what_a_column_is_left_out_for() -> None:
    columns = Columns("at", "id", "v", label_timestamp="late", exclude=("no",))
    names = ("at", "id", "v", "late", "no", "uuid", "day", "x")
    notices = ("uuid: nearly every row has a value of its own; left out as an id",)
    found = forecasts._left_out(names, Plan({"x": NumericPlan()}), columns, notices)
    assert {each.column: each.why for each in found} == {
        "at": "the time of a row",
        "id": "the id of a row",
        "v": "the version of the model: the rows of each are counted",
        "late": "when the label came",
        "no": "excluded",
        "uuid": "nearly every row has a value of its own; left out as an id",
        "day": "holds times, nested values or nothing",
    }
    used = replace(
        columns, query="q", horizon="far", label="y", prediction="told", segments=("land",),
        lower="lo", upper="hi", weight="w", scores={"a": "p_a"},
    )  # fmt: skip
    parts = {each.column: each.why for each in forecasts._left_out(
        ("q", "far", "y", "told", "land", "lo", "hi", "w", "p_a"), Plan(), used, ()
    )}  # fmt: skip
    assert parts["lo"] == "used as lower"
    assert parts["p_a"] == "used as scores.a"
    assert parts["y"] == "the truth: predictions are scored by it"
    assert not [why for why in parts.values() if why.startswith("holds")]
    listed = forecasts._left_out(("y",), Plan(), replace(columns, numeric=("x",)), ())
    assert [each.why for each in listed] == ["not listed"]


def test_of_parquet_only_the_row_groups_of_a_window_are_read(log: Path) -> None:
    rows = pyarrow.csv.read_csv(log)
    pq.write_table(rows, log.with_suffix(".parquet"), row_group_size=480)
    source = f'type = "parquet"\npath = "{log.with_suffix(".parquet")}"'
    reads = made(log.parent, model("m", log, source=source)).reads
    assert (reads.files, reads.row_groups) == (1, 4)
    assert reads.row_groups_read is not None
    assert 1 <= reads.row_groups_read <= 2
    assert reads.size is not None
    assert 0 < reads.size < log.with_suffix(".parquet").stat().st_size
    assert "1 file, 4 row groups" in reads.sentence


def test_of_csv_every_byte_is_read(log: Path) -> None:
    reads = made(log.parent, model("m", log)).reads
    assert (reads.files, reads.size) == (1, log.stat().st_size)
    assert "from end to end" in reads.sentence


def test_of_a_database_the_queries_of_a_window_are_counted(log: Path) -> None:
    database = log.parent / "log.db"
    lines = [line.split(",") for line in log.read_text().splitlines()]
    with sqlite3.connect(database) as connection:
        connection.execute(f"create table log ({', '.join(lines[0])})")
        connection.executemany("insert into log values (?, ?, ?, ?)", lines[1:])
    source = f'type = "sql"\nurl = "sqlite:///{database}"\ntable = "log"'
    told = made(log.parent, model("m", log, source=source))
    assert told.work.queries >= 1
    assert "'log'" in told.reads.sentence
    assert f"{told.work.queries} quer" in " ".join(as_text(told, 200).split())


def test_of_an_engine_of_its_own_queries_and_seconds_by_the_clock_are_told(log: Path) -> None:
    duckdb = pytest.importorskip("duckdb")
    with duckdb.connect(log.parent / "log.duckdb") as connection:
        connection.execute(f"create table log as select * from '{log}'")
    source = f'type = "sql"\nurl = "duckdb:///{log.parent}/log.duckdb"\ntable = "log"'
    table = model("m", log, source=source)
    told = made(log.parent, table, clock=ticking(8.0))
    assert told.work.queries >= 1
    assert told.work.elapsed == 8.0
    text = " ".join(as_text(told, 200).split())
    assert f"{told.work.queries} quer" in text
    assert "took 0.25 s, 8 s by the clock" in text
    assert "by the clock" not in as_text(made(log.parent, table), 200)


def test_questions_about_schemas_are_no_queries(tmp_path: Path) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/a.db")
    with queries() as asked, engine.begin() as connection:
        connection.execute(sa.text("create table t (x integer)"))
        connection.execute(sa.text("insert into t values (1)"))
        connection.execute(sa.text("select name from sqlite_master")).all()
        assert asked.sent == 0
        connection.execute(sa.text("select x from t")).all()
    with engine.begin() as connection:
        connection.execute(sa.text("select x from t")).all()
    assert asked.sent == 1
    engine.dispose()


def test_segments_make_slices(log: Path) -> None:
    table = model("m", log).replace(
        'categorical = ["city"]', 'categorical = ["city"]\nsegments = ["city"]'
    )
    told = made(log.parent, table)
    assert told.slices == 4
    assert set(told.segments["city"]) == {"Bonn", "Köln", "Ulm"}


def test_an_average_window_costs_in_proportion_to_its_rows(log: Path) -> None:
    told = made(log.parent, model("m", log))
    assert told.work.seconds == 0.25
    assert told.window_seconds == pytest.approx(0.25 * told.window_rows / 120)


def test_a_log_that_cannot_be_read_is_an_error_of_its_source(log: Path) -> None:
    table = model("m", log)
    log.unlink()
    with pytest.raises(SourceError, match="no such file"):
        made(log.parent, table)


def shown(log: Path) -> Forecast:
    """A forecast without what differs from one machine to the next."""
    told = made(log.parent, model("m", log))
    return replace(told, state=State(1234, 5678, 90, 378, 1200), notices=("x: a remark",))


def test_a_forecast_reads_as_kept(log: Path) -> None:
    golden("plan.txt", as_text(shown(log), 80))


def test_no_line_is_wider_than_the_terminal(log: Path) -> None:
    for width in (60, 80, 100):
        assert all(len(line) <= width for line in as_text(shown(log), width).splitlines())


def test_markdown_has_a_row_for_each_topic_and_column(log: Path) -> None:
    told = shown(log)
    text = as_markdown(replace(told, model="a|b"))
    assert text.startswith("## a\\|b\n")
    assert "| x | feature |" in text
    assert "| timestamp | left out | the time of a row |" in text


def test_a_record_is_plain_values(log: Path) -> None:
    told = shown(log)
    record = json.loads(json.dumps(as_record(told), default=str))
    assert record["series"] == told.series
    assert record["state"]["bytes_a_day"] == told.state_a_day
    assert record["window_seconds"] == told.window_seconds
