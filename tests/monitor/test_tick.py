"""A pass reads what is due and nothing else, and says the same however often it is asked."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from alerts.incident import Incident
from checks.verdict import Verdict
from monitor.config import load
from monitor.daemon import Daemon
from monitor.demo_log import write_log
from monitor.duty import Memory
from monitor.export import Board
from monitor.learn import learn
from monitor.letters import RECENT
from monitor.replay import replay, windows_of
from monitor.sources import Horizon
from monitor.store import Entry, Store
from monitor.tick import Pass
from monitor.windows import State, Window
from tests.monitor.small import (
    DAY,
    ROWS,
    START,
    at,
    daemon_of,
    day,
    evening,
    findings,
    model,
    steady,
    write,
)

CREDIT = """
[models.credit]
task = "binary"
every = "1d"
labels_within = "7d"
notify = ["oncall"]
[models.credit.source]
type = "sql"
url = "sqlite:///{log}"
table = "predictions"
labels = "labels"
[models.credit.columns]
id = "prediction_id"
timestamp = "timestamp"
version = "version"
prediction = "prediction"
score = "score"
label = "label"
label_timestamp = "label_timestamp"
[models.credit.reference]
from = 2026-01-05
to = 2026-02-02
"""
REFERENCE_END = datetime(2026, 2, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def credit_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("credit") / "credit.db"
    write_log(path, days=42, rows_per_day=300)
    return path


@dataclass(frozen=True)
class History:
    """What was recorded over days of rounds, and what of it was new at each round."""

    store: Store
    rounds: list[tuple[datetime, int]]


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory, credit_log: Path) -> Iterator[History]:
    """Rounds three times a day over a log whose labels come days later."""
    folder = tmp_path_factory.mktemp("state")
    with daemon_of(folder, CREDIT.format(log=credit_log)) as daemon:
        rounds = []
        for third in range(1, 12 * 3 + 2):
            now = REFERENCE_END + third * DAY / 3 + timedelta(minutes=5)
            rounds.append((now, at(daemon, now).windows))
        yield History(daemon.store, rounds)


def revisions(history: History, number: int) -> tuple[Entry, ...]:
    start = REFERENCE_END + number * DAY
    return history.store.revisions("credit", Window(start, start + DAY))


@pytest.mark.parametrize("number", range(4))
def test_a_window_is_provisional_until_its_labels_are_there_and_every_revision_is_kept(
    credit: History, number: int
) -> None:
    found = revisions(credit, number)
    assert len(found) > 3
    assert [entry.revision for entry in found] == list(range(1, len(found) + 1))
    assert {entry.state for entry in found[:-1]} == {State.PROVISIONAL}
    assert found[-1].state is State.FINAL
    labels = [entry.labels for entry in found]
    assert labels == sorted(labels)
    assert labels[0] < 0.1 * found[0].rows
    assert len({entry.rows for entry in found}) == 1


def test_a_revision_holds_something_new_or_it_is_not_made(credit: History) -> None:
    for number in range(12):
        found = revisions(credit, number)
        for earlier, later in pairwise(found):
            assert (earlier.labels, earlier.state) != (later.labels, later.state)


def test_a_revision_counts_the_labels_that_had_arrived_by_then(
    credit: History, credit_log: Path
) -> None:
    query = """
        SELECT count(*) FROM predictions JOIN labels USING (prediction_id)
        WHERE timestamp >= ? AND timestamp < ? AND label_timestamp <= ?
    """
    with closing(sqlite3.connect(credit_log)) as connection:
        (sample,) = connection.execute("SELECT min(timestamp) FROM predictions").fetchone()
        spelled = "%Y-%m-%dT%H:%M:%S" if "T" in sample else "%Y-%m-%d %H:%M:%S"
        for entry in revisions(credit, 3):
            moments = (entry.window.start, entry.window.end, entry.known_at)
            cells = [f"{moment:{spelled}}{sample[19:]}" for moment in moments]
            assert connection.execute(query, cells).fetchone() == (entry.labels,)


def test_performance_is_not_judged_before_half_of_the_labels_are_there(credit: History) -> None:
    judged = {False: 0, True: 0}
    for number in range(4):
        for entry in revisions(credit, number):
            verdicts = {
                found.verdict
                for found in credit.store.findings(
                    "credit", window=entry.window, check="accuracy", as_of=entry.evaluated_at
                )
                if not found.slice.segment and not found.slice.version
            }
            enough = entry.labels >= entry.rows / 2 or entry.state is State.FINAL
            judged[enough] += 1
            if not enough:
                assert verdicts == {Verdict.INSUFFICIENT}
            else:
                assert verdicts <= {Verdict.OK, Verdict.UNDECIDED, Verdict.WARNING}
    assert judged[False] >= 5
    assert judged[True] >= 5


def test_what_was_said_then_can_still_be_asked(credit: History) -> None:
    first, *_, last = revisions(credit, 0)
    then = credit.store.ledger("credit", as_of=first.evaluated_at)
    assert first in then
    assert last not in then


def test_the_older_a_window_that_waits_the_rarer_it_is_read(credit: History) -> None:
    gaps = [
        later.evaluated_at - earlier.evaluated_at
        for number in range(4)
        for earlier, later in pairwise(revisions(credit, number))
    ]
    assert min(gaps) == DAY / 3
    assert max(gaps) >= 2 * DAY / 3


def dump(store: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of a state database but the notes on the runs themselves."""
    with closing(sqlite3.connect(store)) as connection:
        tables = [
            name
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            if not name.startswith(("modelmon_run", "sqlite_"))
        ]
        return {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}


@pytest.mark.parametrize("forgetful", [False, True], ids=["same process", "after a restart"])
def test_two_rounds_at_the_same_moment_change_nothing(
    tmp_path: Path, credit_log: Path, forgetful: bool
) -> None:
    now = REFERENCE_END + 6 * DAY + timedelta(minutes=5)
    with daemon_of(tmp_path, CREDIT.format(log=credit_log)) as daemon:
        assert at(daemon, now - DAY).windows > 0
        assert at(daemon, now).windows > 0
        before = dump(tmp_path / "state.db")
        if forgetful:
            daemon.memories.clear()
        again = at(daemon, now)
    assert (again.windows, again.messages) == (0, ())
    assert dump(tmp_path / "state.db") == before
    assert len(before["modelmon_finding"]) > 100


def test_live_rounds_page_what_a_replay_of_the_same_days_pages(tmp_path: Path) -> None:
    log, days = tmp_path / "log.csv", steady(range(12), range(15, 30))
    write(log, days | dict.fromkeys(range(18, 22), 3.0))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        live = [m for n in range(8, 30) for m in at(daemon, evening(n)).messages]
        horizon = Horizon(evening(29), evening(29))
        shop = daemon.config.models["shop"]
        baseline, _ = learn(shop, horizon)
        windows = windows_of(shop, baseline, horizon, None)
        replayed = [m for one in replay(shop, baseline, windows, horizon) for m in one.pages]
    told = [(m.at, m.cause, m.reason, m.title, m.causes) for m in live]
    assert [cause for _, cause, *_ in told[:2]] == ["stale", "stale"]
    assert {cause for _, cause, *_ in told} >= {"stale", "features"}
    assert told == [(m.at, m.cause, m.reason, m.title, m.causes) for m in replayed]


def test_a_replay_that_begins_in_a_silence_knows_since_when_it_lasts(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(12), range(20, 22)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        shop, horizon = daemon.config.models["shop"], Horizon(evening(21), evening(21))
        baseline, _ = learn(shop, horizon)
        span = Window(day(15).start, day(17).start)
        windows = windows_of(shop, baseline, horizon, span)
        first, second = replay(shop, baseline, windows, horizon)
    silences = [
        next(f.value for f in one.findings if f.check == "freshness") for one in (first, second)
    ]
    assert silences == [(k * DAY + timedelta(minutes=12)).total_seconds() for k in (4, 5)]


class Counted(Store):
    """The store, counting what it hands out."""

    __slots__ = ("incidents_read", "lines")

    def ledger(self, model: str, *rest: Any, **more: Any) -> tuple[Entry, ...]:
        found = super().ledger(model, *rest, **more)
        self.lines = getattr(self, "lines", 0) + len(found)
        return found

    def incidents(self, *rest: Any, **more: Any) -> tuple[Incident, ...]:
        found = super().incidents(*rest, **more)
        self.incidents_read = getattr(self, "incidents_read", 0) + len(found)
        return found


@contextmanager
def counting(folder: Path) -> Iterator[Daemon]:
    """A new process over a state that is there already."""
    config = load(folder / "monitor.toml")
    with Counted.open(config.daemon.state.reveal()) as store:
        yield Daemon(config, store, Board(), config.channels)


def fill_ledger(state: Path, windows: int, minutes: int) -> None:
    """Give the ledger as many lines before its first, as real history would have left."""
    step = minutes * 60 * 1_000_000
    with closing(sqlite3.connect(state)) as connection, connection:
        names = [row[1] for row in connection.execute("PRAGMA table_info(modelmon_ledger)")]
        shifted = {"id": "NULL", "starts": "starts - k * ?1", "ends": "ends - k * ?1"}
        cells = ", ".join(shifted.get(name, name) for name in names)
        connection.execute(
            f"""
            WITH RECURSIVE number(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM number WHERE k < ?2)
            INSERT INTO modelmon_ledger ({", ".join(names)})
            SELECT {cells} FROM number,
                (SELECT * FROM modelmon_ledger ORDER BY starts LIMIT 1)
            """,
            (step, windows),
        )


def test_twenty_thousand_lines_of_the_ledger_are_read_once_and_not_each_time(
    tmp_path: Path,
) -> None:
    log, past = tmp_path / "log.csv", tmp_path / "past.csv"
    write(past, steady(range(8)))
    write(log, {-230: 0.0} | steady(range(9, 12)))
    tables = model("shop", log, every="15m", reference=f'path = "{past}"', notify="[]")
    with daemon_of(tmp_path, tables) as daemon:
        shop, now = daemon.config.models["shop"], day(9).start + DAY / 2
        baseline, _ = learn(shop, Horizon(now, now))
        daemon.store.save_baseline(replace(baseline, recipe=shop.recipe), now)
        at_ten = Window(now - timedelta(hours=2), now - timedelta(hours=1, minutes=45))
        slices = shop.source.profile(
            baseline.plan, shop.columns, [at_ten], Horizon(now, now + DAY)
        )[at_ten]
        first = _record(daemon, at_ten, slices, now)
        daemon.store.record(first)
    fill_ledger(tmp_path / "state.db", 20_000, 15)
    with counting(tmp_path) as daemon:
        store = daemon.store
        assert isinstance(store, Counted)
        read = []
        for quarter in range(40):
            store.lines = 0
            done = at(daemon, now + quarter * timedelta(minutes=15))
            read.append((done.windows, store.lines))
    windows, lines = zip(*read, strict=True)
    assert windows == (7, *[1] * 39)
    assert lines[0] == 20_001
    assert max(lines[2:]) <= 3


def _record(daemon: Daemon, window: Window, slices: Any, now: datetime) -> Any:
    """A line of the ledger as a pass would write it, without findings."""
    from monitor.findings import WHOLE
    from monitor.store import Record

    log = slices[WHOLE].log
    return Record(
        "shop", window, 1, State.FINAL, log.rows, 0, slices, (), (), (), now, now, 1, "",
    )  # fmt: skip


def test_what_a_silence_left_out_is_found_although_the_ledger_is_not_read_again(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10)))
    with daemon_of(tmp_path, model("shop", log, more='labels_within = "1d"')) as daemon:
        at(daemon, evening(9))
        for number in range(30, 34):  # the monitor was down while the log was silent
            at(daemon, evening(number))
        seen = {(entry.window.start - START) // DAY for entry in daemon.store.ledger("shop")}
        assert seen == {8, 9, *range(28, 34)}
        write(log, steady(range(34)))
        late = at(daemon, evening(34))
        rows = {(e.window.start - START) // DAY: e.rows for e in daemon.store.ledger("shop")}
    assert late.windows >= 18
    assert {number: rows[number] for number in range(10, 28)} == dict.fromkeys(range(10, 28), 120)


def test_a_past_that_is_added_to_the_log_later_is_evaluated_too(tmp_path: Path) -> None:
    log, past = tmp_path / "log.csv", tmp_path / "past.csv"
    write(past, steady(range(8)))
    write(log, steady(range(20, 24)))
    tables = model("shop", log, reference=f'path = "{past}"')
    with daemon_of(tmp_path, tables) as daemon:
        assert [at(daemon, evening(number)).windows for number in (22, 23)] == [3, 1]
        write(log, steady(range(12, 24)))
        assert at(daemon, evening(23, 10)).windows == 0  # all of it is looked at once a day
        assert at(daemon, evening(24)).windows == 8 + 1


def test_another_process_that_was_faster_is_left_to_it(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(14)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        moment = evening(13)
        horizon = Horizon(moment, moment)
        shop, settings = daemon.config.models["shop"], daemon.config.daemon
        second = Pass(shop, settings, daemon.store, horizon)
        met: list[int] = []

        def overtaken(window: Window, done: int, total: int) -> None:
            if done == 2:
                met.append(second.run().windows)

        first = Pass(shop, settings, daemon.store, horizon, progress=overtaken).run()
        entries = daemon.store.ledger("shop")
    assert (first.windows, met) == (2, [4])
    assert "another process" in first.notices[-1]
    assert [entry.revision for entry in entries] == [1] * 6


def test_a_pass_that_is_stopped_ends_after_the_window_in_hand(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(14)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        horizon, done = Horizon(evening(13), evening(13)), []
        one = Pass(
            daemon.config.models["shop"],
            daemon.config.daemon,
            daemon.store,
            horizon,
            stop=lambda: len(done) >= 3,
            progress=lambda window, count, total: done.append((count, total)),
        )
        stopped = one.run()
        assert stopped.windows == 3
        assert done == [(1, 6), (2, 6), (3, 6)]
        assert at(daemon, evening(13)).windows == 3


def test_incidents_of_long_ago_are_not_read_with_every_window(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(10)))
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(8))
        old = [
            Incident(
                f"shop/features/{number}",
                "shop",
                "features",
                "critical",
                "open" if number == 3 else "resolved",
                START - (9000 - number) * DAY / 4,
                START - (9000 - number) * DAY / 4,
            )
            for number in range(3 * RECENT)
        ]
        daemon.store.announce(old, (), START)
    with counting(tmp_path) as daemon:
        store = daemon.store
        assert isinstance(store, Counted)
        at(daemon, evening(9))
        assert store.incidents_read <= RECENT + 20
        (followed,) = store.incidents("shop")
    assert (followed.key, followed.quiet) == ("shop/features/3", 1)


def test_what_is_remembered_does_not_grow_with_the_windows(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(60)))
    with daemon_of(tmp_path, model("shop", log, notify="[]")) as daemon:
        for number in range(9, 60, 10):
            at(daemon, evening(number))
        at(daemon, evening(59, 10))
        memory = daemon.memories["shop"]
    assert memory.read_at == {}
    assert memory.settled == day(60).start


def test_a_memory_that_is_lost_costs_a_read_and_changes_nothing(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(20)) | {12: 3.0, 13: 3.0})
    results = []
    for forgetful in (False, True):
        folder = tmp_path / str(forgetful)
        folder.mkdir()
        with daemon_of(folder, model("shop", log, notify="[]")) as daemon:
            for number in range(8, 20):
                at(daemon, evening(number))
                if forgetful:
                    daemon.memories["shop"] = Memory()
            results.append(
                (
                    daemon.store.ledger("shop"),
                    daemon.store.incidents("shop", open_only=False),
                    findings(daemon, "shop", "wasserstein", "x"),
                )
            )
    assert results[0] == results[1]


def test_a_new_process_reads_no_more_of_the_ledger_than_what_can_be_due(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(60)))
    with daemon_of(tmp_path, model("shop", log, notify="[]")) as daemon:
        for number in range(9, 59, 7):
            at(daemon, evening(number))
        assert len(daemon.store.ledger("shop")) > 40
    with counting(tmp_path) as daemon:
        store = daemon.store
        assert isinstance(store, Counted)
        assert at(daemon, evening(59)).windows > 0
        assert store.lines <= 8


def test_a_log_is_looked_at_where_the_clock_does_not_tell_and_then_for_what_is_new(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.csv"
    write(log, steady(range(20)))
    looked: list[datetime | None] = []
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        shop = daemon.config.models["shop"]
        source = Looking(shop.source, looked)
        daemon.config.models["shop"] = replace(shop, source=source)  # type: ignore[index]
        asked = []
        for number, minutes in ((10, 5), (10, 9), (10, 10), (11, 5), (11, 11), (16, 5)):
            looked.clear()
            at(daemon, evening(number, minutes))
            asked.append(tuple(looked))
    last = {number: day(number).end - DAY / ROWS for number in (10, 11)}
    # New days alone, too early to look again, five minutes later; and so on; a stretch of days.
    assert asked == [(), (), (last[10],), (), (last[11],), (day(12).start,)]


@dataclass(frozen=True)
class Looking:
    """A source, and from when on its extent was asked for."""

    source: Any
    looked: list[datetime | None]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def extent(self, columns: Any, horizon: Horizon, since: datetime | None = None) -> Any:
        self.looked.append(since)
        return self.source.extent(columns, horizon, since)


def test_granules_of_old_windows_become_days_and_go(tmp_path: Path, credit_log: Path) -> None:
    weekly = CREDIT.replace('every = "1d"', 'every = "1w"').replace('"7d"', '"1d"')
    with daemon_of(tmp_path, weekly.format(log=credit_log)) as daemon:
        week = REFERENCE_END + 7 * DAY
        at(daemon, week + timedelta(minutes=5))
        assert granules(tmp_path) == {3600: 168}
        at(daemon, week + 2 * DAY)
        assert granules(tmp_path) == {3600: 168}
        for hour in range(3):
            at(daemon, week + 9 * DAY + timedelta(hours=hour))
        found = granules(tmp_path)
        assert found[86_400] == 7
        for hour in range(2):
            at(daemon, week + 120 * DAY + timedelta(hours=hour))
        left = granules(tmp_path, since=week + 30 * DAY)
        assert granules(tmp_path) == left


class Killed(BaseException):
    """The end of a process, which nothing catches."""


@dataclass(frozen=True)
class Profiling:
    """A source that notes what was profiled and, where ``deadly``, ends the process after that."""

    source: Any
    profiled: list[Window]
    deadly: bool = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def profile(self, plan: Any, columns: Any, windows: Any, *rest: Any) -> Any:
        found = self.source.profile(plan, columns, windows, *rest)
        self.note(windows)
        return found

    def profile_and_pulse(self, plan: Any, columns: Any, windows: Any, *rest: Any) -> Any:
        found = self.source.profile_and_pulse(plan, columns, windows, *rest)
        self.note(windows)
        return found

    def note(self, windows: Any) -> None:
        self.profiled.extend(windows)
        if self.deadly:
            raise Killed


@contextmanager
def profiling(
    folder: Path, table: str, profiled: list[Window], *, deadly: bool = False
) -> Iterator[Daemon]:
    with daemon_of(folder, table) as daemon:
        credit = daemon.config.models["credit"]
        source = Profiling(credit.source, profiled, deadly)
        daemon.config.models["credit"] = replace(credit, source=source)  # type: ignore[index]
        yield daemon


def test_a_restart_between_granules_reads_those_alone_that_have_changed(
    tmp_path: Path, credit_log: Path
) -> None:
    table = CREDIT.format(log=credit_log)
    moments = [REFERENCE_END + n * DAY / 2 + timedelta(minutes=5) for n in range(2, 8)]
    told, read = [], []
    for kept in (True, False):
        folder = tmp_path / str(kept)
        folder.mkdir()
        profiled: list[Window] = []
        for some in [moments] if kept else [[moment] for moment in moments]:
            with profiling(folder, table, profiled) as daemon:
                for moment in some:
                    at(daemon, moment)
                findings = list(daemon.store.findings("credit"))
                told.append((daemon.store.ledger("credit"), findings, granules(folder)))
        read.append(profiled)
    assert told[0] == told[-1]
    assert read[0] == read[1]
    hours = [window for window in read[1] if window.length == HOUR]
    waiting = REFERENCE_END + 3 * DAY  # three days in hours, the first two of them more than once
    assert {window.start for window in hours} == {
        REFERENCE_END + n * HOUR for n in range((waiting - REFERENCE_END) // HOUR)
    }
    assert 72 < len(hours) < 72 * 3


def test_a_process_that_ends_before_its_granules_are_stored_loses_nothing(
    tmp_path: Path, credit_log: Path
) -> None:
    table, moment = CREDIT.format(log=credit_log), REFERENCE_END + DAY + timedelta(minutes=5)
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    whole.mkdir()
    broken.mkdir()
    with daemon_of(broken, table) as daemon:
        at(daemon, REFERENCE_END + HOUR)  # learns
    lost: list[Window] = []
    with profiling(broken, table, lost, deadly=True) as daemon, pytest.raises(Killed):
        at(daemon, moment)
    assert len(lost) == 24
    assert granules(broken) == {}
    told = []
    for folder in (whole, broken):
        with daemon_of(folder, table) as daemon:
            at(daemon, REFERENCE_END + HOUR)
            assert at(daemon, moment).windows == 1
            told.append((daemon.store.ledger("credit"), list(daemon.store.findings("credit"))))
        assert granules(folder) == {3600: 24}
    assert told[0] == told[1]


def granules(folder: Path, since: datetime = START) -> dict[int, int]:
    """How many granules of each length in seconds are stored from a moment on."""
    query = """
        SELECT (ends - starts) / 1000000, count(*) FROM modelmon_granule
        WHERE starts >= ? GROUP BY 1
    """
    with closing(sqlite3.connect(folder / "state.db")) as connection:
        first = int(since.timestamp()) * 10**6
        return dict(connection.execute(query, (first,)).fetchall())
