"""One model's trouble stays its own, letters are sent once, and nothing grows with the rounds."""

from __future__ import annotations

import gc
import logging
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from apscheduler.executors.base import BaseExecutor, MaxInstancesReachedError
from apscheduler.schedulers.background import BackgroundScheduler
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

import monitor.sources
from monitor.daemon import Daemon, is_news
from monitor.export import Board
from monitor.findings import ModelSnapshot, Snapshot
from monitor.web import Server
from tests.monitor.small import (
    START,
    at,
    daemon_of,
    day,
    evening,
    incident,
    model,
    steady,
    write,
)

MINUTE = timedelta(minutes=1)
BROKEN = '''
"""Moody: a log that raises what a file tells it to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monitor.sources import SourceError
from monitor.sources.csv import Source as Csv


class Offended(SourceError):
    """A plugin's own error, which cannot be made from one text."""

    reason = "offended"

    def __init__(self, code: int, *, politely: bool) -> None:
        super().__init__(f"code {code}, politely: {politely}")


@dataclass(frozen=True)
class Source(Csv):
    """CSV, as long as the file ``mood`` is empty."""

    mood: Path = Path("mood")

    def extent(self, *asked):
        self.ask()
        return super().extent(*asked)

    def pulse(self, *asked):
        self.ask()
        return super().pulse(*asked)

    def profile(self, *asked):
        self.ask()
        return super().profile(*asked)

    def ask(self):
        mood = self.mood.read_text()
        if mood == "divide":
            1 / 0
        if mood == "offended":
            raise Offended(7, politely=False)
'''


class Busy(BaseExecutor):
    """An executor that takes no job, as the one before still runs."""

    asked = False

    def submit_job(self, job: object, run_times: object) -> None:
        Busy.asked = True
        raise MaxInstancesReachedError(job)

    def _do_submit_job(self, job: object, run_times: object) -> None:
        raise NotImplementedError


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    write(path, steady(range(14)))
    return path


@pytest.fixture
def plugins(tmp_path: Path) -> Iterator[Path]:
    """A folder of plugins with a moody source, forgotten again after the test."""
    known = list(monitor.sources.__path__)
    folder = tmp_path / "plugins" / "sources"
    folder.mkdir(parents=True)
    (folder / "moody.py").write_text(BROKEN)
    yield folder.parent
    monitor.sources.__path__[:] = known


def snapshot(daemon: Daemon, name: str) -> ModelSnapshot:
    return next(one for one in daemon.board.snapshot.models if one.model == name)


@pytest.mark.parametrize("trouble", ["missing file", "wrong schema", "no file yet"])
def test_a_source_in_trouble_pages_after_the_grace_time_and_resolves_after_two_good_reads(
    tmp_path: Path, log: Path, trouble: str
) -> None:
    sick = tmp_path / "sick.csv"
    write(sick, steady(range(14)))
    with daemon_of(tmp_path, model("sick", sick), model("well", log)) as daemon:
        began = evening(9)
        if trouble != "no file yet":
            at(daemon, began - 10 * MINUTE)
        if trouble == "wrong schema":
            write(sick, steady(range(14)), without="timestamp")
        else:
            sick.unlink()
        told: list[tuple[int, str, str, str]] = []
        for minute in range(0, 50, 5):
            if minute == 30:
                write(sick, steady(range(14)))
            done = at(daemon, began + minute * MINUTE)
            told += [(minute, m.model, m.cause, m.reason) for m in done.messages]
            assert set(done.failed) == ({"sick"} if minute < 30 else set())
            assert snapshot(daemon, "sick").source_up is (minute >= 30)
            assert snapshot(daemon, "well").source_up is True
            assert len(daemon.store.ledger("well")) == 2
        found = incident(daemon, "sick", "source")
        assert len(daemon.store.ledger("sick")) == 2
        assert incident(daemon, "well", "source") is None
        failures = dict(snapshot(daemon, "sick").run_failures)
    assert told == [(15, "sick", "source", "opened"), (35, "sick", "source", "resolved")]
    assert found is not None
    assert (found.severity, found.state, found.since) == ("critical", "resolved", began)
    assert sum(failures.values()) == 6


def test_the_log_tells_what_was_evaluated_and_of_a_source_once_until_it_is_back(
    tmp_path: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "modelmon")
    text = log.read_text()
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(9))
        log.unlink()
        for minute in (12, 13, 14):
            at(daemon, evening(9, minute))
        log.write_text(text)
        at(daemon, evening(9, 15))
        at(daemon, evening(9, 16))
    told = [(each.levelname, each.message) for each in caplog.records]
    warnings = [message for level, message in told if level == "WARNING"]
    assert len(warnings) == 1
    assert "no such file" in warnings[0]
    assert [message for level, message in told if level == "INFO"] == [
        f"shop: 2 windows evaluated, the last {day(9)}; worst: ok",
        "shop: can be read again",
    ]


def test_a_tick_that_is_skipped_is_no_news(caplog: pytest.LogCaptureFixture) -> None:
    scheduler = BackgroundScheduler(executors={"default": Busy()})
    logging.getLogger("apscheduler.scheduler").addFilter(is_news)
    try:
        scheduler.add_job(print, "interval", seconds=0.05)
        scheduler.start()
        time.sleep(0.3)
    finally:
        scheduler.shutdown(wait=False)
        logging.getLogger("apscheduler.scheduler").removeFilter(is_news)
    assert Busy.asked
    assert not [each for each in caplog.records if each.levelname == "WARNING"]


def test_a_source_that_fails_for_less_than_the_grace_time_wakes_nobody(
    tmp_path: Path, log: Path
) -> None:
    text = log.read_text()
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        at(daemon, evening(9))
        log.unlink()
        told = [*at(daemon, evening(9, 10)).messages, *at(daemon, evening(9, 24)).messages]
        log.write_text(text)
        told += [m for k in range(25, 60, 5) for m in at(daemon, evening(9, k)).messages]
        found = incident(daemon, "shop", "source")
    assert told == []
    assert found is not None
    assert (found.severity, found.state) == ("warning", "resolved")


def test_a_plugin_that_raises_anything_stops_only_its_own_model(
    tmp_path: Path, log: Path, plugins: Path, caplog: pytest.LogCaptureFixture
) -> None:
    mood = tmp_path / "mood"
    mood.write_text("")
    where = f'type = "moody"\npath = "{log}"\nmood = "{mood}"'
    tables = (model("sick", log, source=where), model("well", log))
    with daemon_of(tmp_path, *tables, plugins=plugins) as daemon:
        at(daemon, evening(8))
        mood.write_text("divide")
        told = [at(daemon, evening(9, k)) for k in (0, 10, 16)]
        assert [done.failed for done in told] == [
            {"sick": "ZeroDivisionError: division by zero"}
        ] * 3
        assert len(daemon.store.ledger("well")) == 2
        mood.write_text("")
        told += [at(daemon, evening(9, k)) for k in (20, 25)]
        found = incident(daemon, "sick", "monitor")
        failures = dict(snapshot(daemon, "sick").run_failures)
    spoken = [(m.cause, m.severity, m.reason) for done in told for m in done.messages]
    assert spoken == [("monitor", "critical", "opened"), ("monitor", "critical", "resolved")]
    assert found is not None
    assert "ZeroDivisionError: division by zero" in found.causes[0].text
    assert failures == {"internal": 3}
    assert "Traceback" in caplog.text


def test_an_error_of_a_plugin_may_be_made_as_it_likes(
    tmp_path: Path, log: Path, plugins: Path
) -> None:
    mood = tmp_path / "mood"
    mood.write_text("offended")
    where = f'type = "moody"\npath = "{log}"\nmood = "{mood}"'
    with daemon_of(tmp_path, model("sick", log, source=where), plugins=plugins) as daemon:
        done = at(daemon, evening(9))
        failures = dict(snapshot(daemon, "sick").run_failures)
    assert done.failed == {"sick": "code 7, politely: False"}
    assert failures == {"offended": 1}


def test_a_reference_that_is_not_over_yet_is_said_and_then_learnt(
    tmp_path: Path, log: Path
) -> None:
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        early = at(daemon, evening(5))
        assert "is not over yet" in early.failed["shop"]
        assert at(daemon, evening(9)).windows == 2
        assert daemon.store.baselines("shop")[0].period.end == START + timedelta(days=8)


def slack(server: HTTPServer) -> str:
    return f'\n[alerts.oncall]\ntype = "slack"\nurl = "{server.url_for("/hook")}"\n'


class Hook:
    """A Slack that answers what it is told to, and keeps what it was sent."""

    def __init__(self, server: HTTPServer) -> None:
        self.status = 200
        self.sent: list[tuple[int, bytes]] = []
        server.expect_request("/hook", method="POST").respond_with_handler(self.answer)

    def answer(self, request: Request) -> Response:
        self.sent.append((self.status, request.get_data()))
        return Response("ok" if self.status == 200 else "no", status=self.status)


def test_a_page_that_fails_at_first_arrives_later_exactly_once(
    tmp_path: Path, log: Path, httpserver: HTTPServer
) -> None:
    hook = Hook(httpserver)
    hook.status = 500
    with daemon_of(tmp_path, model("shop", log), channel=slack(httpserver)) as daemon:
        at(daemon, evening(13))
        page = evening(14)  # there are no rows on that day
        first = at(daemon, page)
        assert len(first.messages) == 1
        assert dict(first.delivered.failed) == {("oncall", "http_500"): 1}
        assert daemon.board.snapshot.alert_queue == 1
        (waiting,) = daemon.store.pages()
        hook.status = 200
        for minute in range(1, 60):
            at(daemon, page + minute * MINUTE)
        (sent,) = daemon.store.pages()
        shown = daemon.board.snapshot
        metrics = daemon.board.exposition().body.decode()
    assert [status for status, _ in hook.sent] == [500, 200]
    assert hook.sent[0][1] == hook.sent[1][1]
    assert (sent.key, sent.attempts) == (waiting.key, 1)
    assert sent.sent_at is not None
    assert shown.alert_failures == (("oncall", "http_500", 1),)
    assert (shown.alerts_sent, shown.alert_queue) == ((("oncall", 1),), 0)
    assert 'modelmon_alert_failures_total{channel="oncall",reason="http_500"} 1.0' in metrics
    assert 'modelmon_alerts_sent_total{channel="oncall"} 1.0' in metrics


def test_a_process_that_dies_between_page_and_note_repeats_it_with_the_same_words(
    tmp_path: Path, log: Path, httpserver: HTTPServer
) -> None:
    hook = Hook(httpserver)
    with daemon_of(tmp_path, model("shop", log), channel=slack(httpserver)) as daemon:
        at(daemon, evening(13))
        at(daemon, evening(14))
        with closing(sqlite3.connect(tmp_path / "state.db")) as connection, connection:
            connection.execute(  # as it stood before the note
                "UPDATE modelmon_letter SET sent_at = NULL, retry_at = queued_at"
            )
    with daemon_of(tmp_path, model("shop", log), channel=slack(httpserver)) as daemon:
        at(daemon, evening(14, 10))
    assert len(hook.sent) == 2
    assert hook.sent[0] == hook.sent[1]


class Kept(Board):
    """A board that keeps all that was ever shown."""

    def __init__(self) -> None:
        super().__init__()
        self.shown: list[Snapshot] = []

    def publish(self, snapshot: Snapshot) -> None:
        super().publish(snapshot)
        self.shown.append(snapshot)


def test_models_that_were_not_looked_at_stay_on_the_board(tmp_path: Path, log: Path) -> None:
    tables = (model("first", log), model("second", log))
    with daemon_of(tmp_path, *tables) as daemon:
        at(daemon, evening(9))
    with daemon_of(tmp_path, *tables) as daemon:
        daemon.progress = lambda *_: daemon.publish(evening(10), daemon.config.models["first"])
        daemon.board = board = Kept()
        at(daemon, evening(10))
    assert len(board.shown) >= 4
    for shown in board.shown:
        assert [one.model for one in shown.models] == ["first", "second"]
        assert all(one.window is not None for one in shown.models)


def test_the_probes_and_the_page_tell_a_start_from_a_round_that_is_done(
    tmp_path: Path, log: Path
) -> None:
    with daemon_of(tmp_path, model("shop", log)) as daemon:
        daemon.publish(evening(9))
        with Server(daemon.board, "127.0.0.1", 0, alive=daemon.alive) as server:

            def get(path: str) -> tuple[int, str]:
                answer = requests.get(server.url + path, timeout=10)
                return answer.status_code, answer.text

            assert (get("/healthz")[0], get("/readyz")[0]) == (200, 503)
            assert "shop" in get("/")[1]
            at(daemon, evening(9))
            assert (get("/healthz")[0], get("/readyz")[0]) == (200, 200)
            assert "modelmon_ready 1.0" in get("/metrics")[1]
            daemon.last_progress -= 3600
            assert get("/healthz")[0] == 503


def test_three_hundred_rounds_do_not_grow_the_process(
    tmp_path: Path, log: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    write(log, steady(range(14)), rows=12)
    # Windows that wait, a source that fails and a letter that cannot be sent: all that lasts.
    nobody = '\n[alerts.oncall]\ntype = "slack"\nurl = "http://127.0.0.1:9/hook"\n'
    tables = (model("shop", log, every="6h"), model("gone", tmp_path / "gone.csv"))
    with daemon_of(tmp_path, *tables, channel=nobody) as daemon:
        blocks = []
        for number in range(300):
            at(daemon, day(9).start + number * timedelta(minutes=30))
            if number in (99, 299):
                gc.collect()
                blocks.append(sys.getallocatedblocks())
        assert len(daemon.store.ledger("shop")) > 25
    before, after = blocks
    assert after - before < 4_000  # twenty objects a round
