"""Killed at any moment and started again, the daemon reaches the same findings and every page."""

from __future__ import annotations

import random
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from monitor.demo_log import write_log
from monitor.findings import Finding
from monitor.store import Store
from tests.e2e.runner import start

MOMENTS = 50
TOML = """
[daemon]
state = "sqlite:///{state}"

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
[alerts.oncall]
type = "slack"
url = "{hook}"
"""
FIRST = "2026-02-03T00:05Z"
NOW = "2026-03-14T00:05Z"


@dataclass(frozen=True)
class Aftermath:
    """What a run leaves behind."""

    findings: list[Finding]
    ledger: list[tuple[object, ...]]
    incidents: list[str]
    unsent: int


def aftermath(state: Path) -> Aftermath:
    with Store.open(f"sqlite:///{state}") as store:
        entries = [
            (e.window, e.revision, e.state, e.rows, e.labels) for e in store.ledger("credit")
        ]
        incidents = [one.to_json() for one in store.incidents("credit", open_only=False)]
        findings = list(store.findings("credit", limit=None))
        return Aftermath(findings, entries, sorted(incidents), store.outbox_depth())


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("kill") / "credit.db"
    write_log(path, days=75, rows_per_day=160)
    return path


class Hook:
    """A Slack that notes what it was told."""

    def __init__(self, server: HTTPServer) -> None:
        self.server = server
        self.told: dict[str, list[bytes]] = {}
        server.expect_request("/", method="GET")

    def url(self, name: str) -> str:
        told = self.told.setdefault(name, [])

        def note(request: Request) -> Response:
            told.append(request.get_data())
            return Response("ok")

        self.server.expect_request(f"/{name}", method="POST").respond_with_handler(note)
        return self.server.url_for(f"/{name}")


def configured(folder: Path, name: str, log: Path, hook: Hook) -> tuple[Path, Path]:
    state = folder / f"{name}.db"
    started = folder / "started.db"
    if started.exists():
        shutil.copy(started, state)
    path = folder / f"{name}.toml"
    path.write_text(TOML.format(state=state, log=log, hook=hook.url(name)))
    return path, state


def once(path: Path, output: Path, now: str = NOW) -> float:
    began = time.monotonic()
    child = start("run", "--once", "--now", now, "--config", str(path), output=output)
    child.join(120)
    assert child.exitcode == 0, output.read_text()
    return time.monotonic() - began


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_and_changes_nothing(
    log: Path, tmp_path: Path, httpserver: HTTPServer
) -> None:
    hook, output = Hook(httpserver), tmp_path / "output.txt"
    path, state = configured(tmp_path, "whole", log, hook)
    once(path, output, FIRST)  # all that comes later is news
    state.rename(tmp_path / "started.db")
    path, state = configured(tmp_path, "timed", log, hook)
    length = once(path, output)
    whole, pages = aftermath(state), set(hook.told["timed"])
    assert len(whole.ledger) > 30
    assert len(pages) >= 3
    assert whole.unsent == 0
    chance = random.Random(20260314)
    killed = 0
    for turn in range(MOMENTS):
        name = f"turn{turn}"
        path, state = configured(tmp_path, name, log, hook)
        child = start("run", "--once", "--now", NOW, "--config", str(path), output=output)
        child.join(length * chance.uniform(0.02, 1.0))
        killed += child.is_alive()
        child.kill()
        child.join(30)
        once(path, output)
        after = aftermath(state)
        assert after.ledger == whole.ledger, turn
        assert after.findings == whole.findings, turn
        assert after.incidents == whole.incidents, turn
        assert after.unsent == 0, turn
        assert set(hook.told[name]) == pages, turn
    assert killed > MOMENTS / 2
