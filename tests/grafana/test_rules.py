"""Rules and dashboards against a real Prometheus that scrapes a real server."""

from __future__ import annotations

import itertools
import math
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from monitor.export import Board
from monitor.findings import Snapshot
from monitor.web import Server
from tests.fleet import CHURN, churn, elec2, fleet
from tests.grafana.queries import (
    DASHBOARDS,
    annotations,
    panels,
    substituted,
    variables,
)
from tests.servers import prometheus, require

GRAFANA = Path(__file__).parents[2] / "grafana"
RULES = GRAFANA / "prometheus" / "modelmon-rules.yml"
ALERTS = GRAFANA / "prometheus" / "modelmon-alerts.yml"
ALERT_TESTS = GRAFANA / "prometheus" / "modelmon-alerts-test.yml"
RUNBOOK = GRAFANA.parent / "docs" / "runbook.md"
PATIENCE = 30


def config(server: Server, hosts: Sequence[str] = ("127.0.0.1",)) -> str:
    targets = ", ".join(f'"{host}:{server.address[1]}"' for host in hosts)
    return f"""
global: {{scrape_interval: 1s, evaluation_interval: 1s}}
rule_files: ["{RULES}", "{ALERTS}"]
scrape_configs:
  - job_name: modelmon
    static_configs: [{{targets: [{targets}]}}]
"""


@contextmanager
def publishing(board: Board) -> Iterator[None]:
    """Publishes a fleet that has done one more run, twice a second."""
    stop = threading.Event()

    def publish() -> None:
        for runs in itertools.count(210):
            board.publish(fleet(datetime.now(UTC), runs))
            if stop.wait(0.5):
                return

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """The URL of a Prometheus that scrapes the whole fleet at work, as if two daemons did it."""
    board = Board()
    with (
        Server(board, port=0) as server,
        publishing(board),
        prometheus(config(server, ("127.0.0.1", "localhost"))) as url,
    ):
        eventually(lambda: ask(url, "count_over_time(modelmon_ready[30s]) > 3"))
        yield url


def api(base: str, path: str, **parameters: object) -> Any:
    answer = requests.get(f"{base}/api/v1/{path}", params=parameters, timeout=10).json()  # type: ignore[arg-type]
    assert answer["status"] == "success", f"{answer['error']}: {parameters}"
    assert not answer.get("warnings")
    return answer["data"]


def ask(base: str, query: str) -> list[dict[str, Any]]:
    """The series that a query finds now."""
    return api(base, "query", query=query)["result"]


def answers(base: str, target: dict[str, Any], model: str) -> list[float]:
    """The numbers that a panel's target gets, asked as Grafana would."""
    query = substituted(target["expr"], model)
    if target["instant"]:
        return [float(each["value"][1]) for each in ask(base, query)]
    now = time.time()
    found = api(base, "query_range", query=query, start=now - 10, end=now, step=1)["result"]
    return [float(value) for each in found for _, value in each["values"]]


def eventually(found: Callable[[], object]) -> object:
    deadline = time.monotonic() + PATIENCE
    while not (result := found()):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.2)
    return result


def cases() -> list[Any]:
    return [
        pytest.param(name, panel, id=f"{name}-{panel['title']}")
        for name in DASHBOARDS
        for panel in panels(name)
    ]


def model_of(dashboard: str) -> str:
    return "churn" if dashboard == "model" else ".+"


@pytest.mark.parametrize(("name", "panel"), cases())
def test_every_query_of_every_panel_gives_data(base, name, panel):
    for target in panel["targets"]:
        eventually(
            lambda target=target: [
                n for n in answers(base, target, model_of(name)) if not math.isnan(n)
            ]
        )


@pytest.mark.parametrize(("name", "panel"), cases())
def test_no_query_fails_on_a_model_that_was_never_evaluated(base, name, panel):
    for target in panel["targets"]:
        answers(base, target, "fraud")


@pytest.mark.parametrize(
    ("name", "variable", "values"),
    [
        *itertools.product(DASHBOARDS, ["job"], [{"modelmon"}]),
        *itertools.product(DASHBOARDS, ["model"], [{"churn", "elec2", "fraud"}]),
        ("model", "feature", {"age", "income", "plan", "score"}),
        ("model", "method", {"chi_square", "ks", "psi", "wasserstein"}),
        ("model", "metric", {"accuracy", "roc_auc"}),
        ("model", "quality", {"missing", "row_count", "schema"}),
    ],
)
def test_every_variable_offers_its_values(base, name, variable, values):
    [chosen] = [v for v in variables(name) if v["name"] == variable]
    assert set(offered(base, chosen, model_of(name))) == values


@pytest.mark.parametrize("name", DASHBOARDS)
def test_no_variable_is_empty(base, name):
    for variable in variables(name):
        if variable["type"] == "query":
            assert offered(base, variable, model_of(name)), variable["name"]


def offered(base: str, variable: dict[str, Any], model: str) -> list[str]:
    """The values of a `label_values` query, asked as Grafana would."""
    query = substituted(variable["query"]["query"], model)
    selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", query).groups()
    return api(base, f"label/{label}/values", **{"match[]": selector})


@pytest.mark.parametrize("name", DASHBOARDS)
def test_every_annotation_finds_what_it_marks(base, name):
    for annotation in annotations(name):
        assert ask(base, substituted(annotation["expr"], model_of(name))), annotation["name"]


def test_the_worst_severity_of_each_model_is_what_the_table_of_models_says(base):
    [table] = [p for p in panels("fleet") if p["title"] == "Model by model"]
    found = ask(base, substituted(table["targets"][0]["expr"]))
    assert {r["metric"]["model"]: float(r["value"][1]) for r in found} == {"churn": 2, "elec2": 0}


@pytest.mark.parametrize(
    ("title", "number"),
    [("Models", 3), ("Critical", 1), ("Warning", 0), ("Not judged", 0), ("Open incidents", 4),
     ("Windows due", 1), ("Daemon", 1)],
)  # fmt: skip
def test_models_that_two_daemons_watch_count_once(base, title, number):
    eventually(lambda: len(ask(base, "modelmon_ready")) == 2)
    [panel] = [p for p in panels("fleet") if p["title"] == title]
    assert answers(base, panel["targets"][0], ".+") == [number]


def test_every_rule_is_evaluated_without_an_error(base):
    def evaluated() -> list[dict[str, Any]]:
        rules = [rule for group in api(base, "rules")["groups"] for rule in group["rules"]]
        return rules if all(rule["health"] != "unknown" for rule in rules) else []

    rules = eventually(evaluated)
    assert len(rules) == 12
    assert {(rule["name"], rule["health"]) for rule in rules} == {
        (rule["name"], "ok") for rule in rules
    }


def test_recording_rules_record(base):
    for name in re.findall(r"record: (\S+)", RULES.read_text()):
        eventually(lambda name=name: ask(base, name))


def test_the_troubled_fleet_raises_the_alerts_that_need_no_waiting(base):
    def firing() -> bool:
        found = ask(base, 'ALERTS{alertstate="firing"}')
        return {each["metric"]["alertname"] for each in found} >= {
            "ModelmonIncidentOpen",
            "ModelmonWatchdog",
        }

    eventually(firing)


def test_series_of_vanished_models_and_columns_vanish_from_prometheus():
    board = Board()
    board.publish(fleet())
    with Server(board, port=0) as server, prometheus(config(server)) as url:
        eventually(lambda: ask(url, 'modelmon_runs_total{model="elec2"}'))
        assert ask(url, 'modelmon_drift_score{feature="age"}')
        kept = tuple(finding for finding in CHURN if finding.column != "age")
        board.publish(Snapshot((replace(churn(), findings=kept),)))
        eventually(lambda: not ask(url, '{__name__=~"modelmon_.+", model="elec2"}'))
        eventually(lambda: not ask(url, '{feature="age"} or {column="age"}'))
        assert ask(url, 'modelmon_drift_score{feature="income"}')


def test_a_server_that_is_gone_leaves_no_series_behind():
    board = Board()
    board.publish(Snapshot((elec2(),), ready=True))
    server = Server(board, port=0)
    server.start()
    with prometheus(config(server)) as url:
        eventually(lambda: ask(url, "modelmon_ready"))
        server.stop()
        eventually(lambda: ask(url, "up == 0"))
        assert not ask(url, '{__name__=~"modelmon_.+"}')


def promtool(*arguments: object) -> str:
    command = [require("promtool"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_promtool_accepts_the_rules():
    assert "2 rules found" in promtool("check", "rules", RULES)
    assert "10 rules found" in promtool("check", "rules", ALERTS)


def test_the_alerts_pass_their_own_tests():
    assert "SUCCESS" in promtool("test", "rules", ALERT_TESTS)


def test_every_alert_is_tested_explained_and_worded_as_it_should_be():
    text, tests, runbook = ALERTS.read_text(), ALERT_TESTS.read_text(), RUNBOOK.read_text()
    rules = re.split(r"\n +- alert: ", text)[1:]
    assert len(rules) == 10
    for rule in rules:
        name = rule.partition("\n")[0]
        assert name.startswith("Modelmon")
        assert f"alertname: {name}\n" in tests
        assert f"\n## {name}\n" in runbook
        assert f"runbook: docs/runbook.md#{name.lower()}\n" in rule + "\n"
        assert re.search(r"summary: [^{}]+\.\n", rule), "a static sentence"
        assert re.search(r"description:", rule)
        severity = re.search(r"severity: (\w+)\n", rule)
        assert severity is None or severity[1] in ("critical", "warning", "info", "none")


def test_the_configuration_in_the_readme_is_one_that_prometheus_takes(tmp_path):
    readme = (GRAFANA / "README.md").read_text()
    [text] = re.findall(r"```yaml\n# prometheus.yml\n(.*?)```", readme, re.DOTALL)
    for rules in (RULES, ALERTS):
        shutil.copy(rules, tmp_path)
    file = tmp_path / "prometheus.yml"
    file.write_text(text)
    assert "SUCCESS" in promtool("check", "config", file)
