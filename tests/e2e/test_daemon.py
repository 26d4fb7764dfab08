"""The real daemon: three real logs in one configuration, and a real Prometheus that asks it."""

from __future__ import annotations

import json
import os
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from monitor.demo_log import write_log
from monitor.store import Store
from tests.e2e.runner import start
from tests.e2e.test_kill import TOML
from tests.servers import free_port, prometheus
from tests.shared import model_toml, to_sqlite

END = {"elec2": "1998-12-07", "bike_sharing": "2012-12-31", "hotel_booking": "2017-02-27"}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("three")
    to_sqlite("bike_sharing", folder / "bike.sqlite")
    bike = 'type = "sql"\nurl = "sqlite:///bike.sqlite"\ntable = "predictions"\nlabels = "labels"'
    text = "".join(
        model_toml(name, folder, source=bike if name == "bike_sharing" else "") for name in END
    )
    path = folder / "monitor.toml"
    path.write_text(f'[daemon]\nstate = "sqlite:///{folder}/state.db"\n{text}')
    child = start("run", "--once", "--config", str(path), output=folder / "output.txt")
    child.join(300)
    assert child.exitcode == 0, (folder / "output.txt").read_text()
    return Store.open(f"sqlite:///{folder}/state.db")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "since", "until", "columns", "share"),
    [
        ("elec2", "1997-05-05", "1998-11-30", ("vicprice", "vicdemand", "transfer"), 1.0),
        ("bike_sharing", "2011-12-05", "2012-02-27", ("temp", "atemp", "season"), 0.9),
        ("hotel_booking", "2016-11-07", "2017-02-20", ("country", "agent", "market_segment"), 0.9),
    ],
)
def test_each_model_finds_the_drift_its_log_is_known_for(
    watched: Store, model: str, since: str, until: str, columns: tuple[str, ...], share: float
) -> None:
    start_at, end = (datetime.fromisoformat(day).replace(tzinfo=UTC) for day in (since, until))
    found = [f for f in watched.findings(model, limit=None) if start_at <= f.window.start < end]
    weeks = {f.window for f in found}
    assert len(weeks) > 10
    for column in columns:
        firing = {
            f.window
            for f in found
            if f.column == column and f.verdict in ("warning", "critical") and not f.slice.segment
        }
        assert len(firing) >= share * len(weeks), (column, len(firing), len(weeks))


@pytest.mark.slow
def test_the_error_of_the_bike_model_that_doubles_in_spring_is_critical(watched: Store) -> None:
    spring = [
        f
        for f in watched.findings("bike_sharing", check="mae", limit=None)
        if "2012-03-05" <= f.window.start.isoformat()[:10] < "2012-04-30"
    ]
    assert len(spring) == 8
    assert {f.verdict for f in spring} == {"critical"}


def ask(base: str, query: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{base}/api/v1/query", params={"query": query}, timeout=10).json()
    assert answer["status"] == "success", json.dumps(answer)
    return list(answer["data"]["result"])


@pytest.mark.slow
def test_a_real_prometheus_scrapes_the_real_daemon(tmp_path: Path) -> None:
    today = datetime.now(UTC).date()
    first = today - timedelta(days=40)
    write_log(tmp_path / "credit.db", start=first, days=40, rows_per_day=200)
    port = free_port()
    text = TOML.format(
        state=tmp_path / "state.db", log=tmp_path / "credit.db", hook="http://127.0.0.1:9/x"
    )
    text = text.replace("2026-01-05", str(first)).replace(
        "2026-02-02", str(first + timedelta(days=28))
    )
    path = tmp_path / "monitor.toml"
    path.write_text(text.replace("[daemon]", f'[daemon]\nlisten = "127.0.0.1:{port}"\ntick = "2s"'))
    daemon = start("run", "--config", str(path), output=tmp_path / "output.txt")
    target = f"{{job_name: modelmon, static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}"
    config = f"global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nscrape_configs: [{target}]"
    try:
        with prometheus(config) as base:
            deadline = time.monotonic() + 90
            while not ask(base, 'modelmon_drift_score{model="credit",feature="age"}'):
                assert time.monotonic() < deadline, (tmp_path / "output.txt").read_text()
                time.sleep(0.5)
            assert [one["value"][1] for one in ask(base, "up")] == ["1"]
            scores = ask(base, 'modelmon_drift_score{model="credit",method="wasserstein"}')
            assert {one["metric"]["feature"] for one in scores} >= {"age", "amount", "income"}
            assert ask(base, 'modelmon_check_severity{model="credit",check="row_count"}')
            (rows,) = ask(base, 'modelmon_window_rows{model="credit",kind="predictions"}')
            assert float(rows["value"][1]) > 100
            for page in ("healthz", "readyz"):
                answer = requests.get(f"http://127.0.0.1:{port}/{page}", timeout=10)
                assert answer.status_code == 200, page
            assert "credit" in requests.get(f"http://127.0.0.1:{port}/", timeout=10).text
    finally:
        assert daemon.pid is not None
        os.kill(daemon.pid, signal.SIGTERM)
        daemon.join(30)
    assert daemon.exitcode == 0, (tmp_path / "output.txt").read_text()
    with Store.open(f"sqlite:///{tmp_path}/state.db") as store:
        assert len(store.ledger("credit")) == 12
