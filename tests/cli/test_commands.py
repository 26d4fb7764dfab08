"""Each command from the outside: what it prints, what it leaves behind, how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pytest_httpserver import HTTPServer

from monitor.cli import _COMMANDS
from monitor.config import load
from tests.cli.conftest import DRIFTED_DAY, Command
from tests.monitor.small import steady, write

ONE_PASS = ("run", "--once", "--now", "2024-01-17T00:05Z")


# Help and wrong usage.


@pytest.mark.parametrize("name", _COMMANDS)
def test_every_command_has_help(command: Command, name: str) -> None:
    said = command(name, "--help")
    assert said.code == 0
    assert said.out.startswith(f"Usage: modelmon {name}")


def test_a_misspelt_command_is_suggested(command: Command) -> None:
    said = command("chek")
    assert (said.code, said.out) == (2, "")
    assert "did you mean 'check'?" in said.err


def test_a_missing_configuration_is_one_sentence(command: Command) -> None:
    said = command("check")
    assert said.code == 2
    assert said.err.count("\n") == 1
    assert "monitor.toml" in said.err


def test_a_misspelt_model_is_suggested(command: Command, project: Path) -> None:
    said = command("check", "mm")
    assert said.code == 2
    assert "did you mean 'm'?" in said.err


# init


def test_init_writes_a_configuration_that_runs(command: Command, tmp_path: Path) -> None:
    write(tmp_path / "log.csv", steady(range(16)))
    assert command("init", "log.csv").code == 0
    (model,) = load(tmp_path / "monitor.toml").models.values()
    assert (model.columns.timestamp, model.columns.id) == ("timestamp", "prediction_id")
    assert (model.columns.numeric, model.columns.categorical) == (("x",), ("city",))
    assert command("validate", "--connect").code == 0
    judged = command("check", "--now", "2024-01-17T00:05Z")
    assert judged.code == 0, judged.err


def test_init_overwrites_nothing_unasked(command: Command, project: Path) -> None:
    before = (project / "monitor.toml").read_text()
    said = command("init", "log.csv")
    assert (said.code, (project / "monitor.toml").read_text()) == (2, before)
    assert "--force" in said.err
    assert command("init", "log.csv", "--force").code == 0
    assert (project / "monitor.toml").read_text() != before


def test_init_without_a_log_leaves_nothing(command: Command, tmp_path: Path) -> None:
    said = command("init", "nothing.parquet")
    assert said.code == 3
    assert "nothing.parquet: no such file" in said.err
    assert not (tmp_path / "monitor.toml").exists()


# validate


def test_validate_names_every_problem_at_once(command: Command, project: Path) -> None:
    path = project / "monitor.toml"
    path.write_text(path.read_text().replace('every = "1d"', 'every = "7h"\nbugdet = 1'))
    said = command("validate")
    assert (said.code, said.out) == (2, "")
    assert "7h" in said.err
    assert "bugdet" in said.err


def test_validate_connect_says_what_cannot_be_reached(command: Command, project: Path) -> None:
    (project / "log.csv").unlink()
    assert command("validate").code == 0
    said = command("validate", "--connect")
    assert said.code == 3
    assert "no such file" in said.out


# check, report, backtest


def test_check_judges_a_period_and_keeps_nothing(command: Command, project: Path) -> None:
    said = command("check", "m", *DRIFTED_DAY, "--format", "json")
    assert said.code == 1
    (report,) = json.loads(said.out)
    firing = {f["check"] for f in report["findings"] if f["verdict"] == "critical"}
    assert "wasserstein" in firing
    assert not (project / "state.db").exists()
    assert command("check", "m", *DRIFTED_DAY, "--fail-on", "never").code == 0
    assert command("check", "m", "--from", "2024-01-10", "--to", "2024-01-11").code == 0


def test_check_speaks_junit_and_markdown(command: Command, project: Path) -> None:
    suite = ET.fromstring(command("check", *DRIFTED_DAY, "--format", "junit").out)
    assert any(case.find("failure") is not None for case in suite.iter("testcase"))
    assert "| " in command("check", *DRIFTED_DAY, "--format", "markdown").out


@pytest.mark.parametrize(
    ("span", "told"),
    [
        (("--to", "2024-01-14"), "--to needs --from"),
        (("--from", "2024-01-14", "--to", "2024-01-13"), "--to must lie after --from"),
        (("--from", "last week"), "is no time"),
    ],
)
def test_a_wrong_period_is_one_sentence(
    command: Command, project: Path, span: tuple[str, ...], told: str
) -> None:
    said = command("check", *span)
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert told in said.err


def test_one_model_that_cannot_be_read_does_not_hide_the_other(
    command: Command, project: Path
) -> None:
    path = project / "monitor.toml"
    text = path.read_text()
    tables = text[text.index("[models.m]") : text.index("[alerts.oncall]")]
    other = tables.replace("models.m", "models.gone").replace("log.csv", "gone.csv")
    path.write_text(text + other)
    said = command("check", *DRIFTED_DAY, "--format", "json")
    assert said.code == 3
    assert [report["model"] for report in json.loads(said.out)] == ["m"]
    assert "gone.csv" in said.err


def test_report_is_one_small_file_without_addresses(command: Command, project: Path) -> None:
    said = command("report", "m", "--output", "out.html")
    assert (said.code, said.out) == (0, "out.html\n")
    page = (project / "out.html").read_text()
    assert len(page) < 300_000
    assert "wasserstein" in page
    assert "src=" not in page.replace("srcdoc", "")
    assert command("report", "m", "--output", "no/such/folder.html").code == 2


def test_backtest_prints_findings_and_the_pages_it_would_have_sent(
    command: Command, project: Path
) -> None:
    said = command("backtest", "m", "--format", "jsonl", "--as-of", "2024-01-17T00:05Z")
    assert said.code == 0
    lines = [json.loads(line) for line in said.out.splitlines()]
    pages = [line for line in lines if line["kind"] == "page"]
    assert [page["reason"] for page in pages][:1] == ["opened"]
    days = {line["window_start"] for line in lines if line["kind"] == "finding"}
    assert len(days) == 8
    early = command("backtest", "m", "--format", "jsonl", "--as-of", "2024-01-12T00:05Z")
    assert '"page"' not in early.out


# run, status, baseline, send-test, db


def test_a_pass_and_what_is_told_of_it_afterwards(command: Command, project: Path) -> None:
    nothing = command("status")
    assert nothing.code == 0
    assert "no state yet" in nothing.err
    assert not (project / "state.db").exists()
    first = command(*ONE_PASS)
    assert first.code == 0
    assert "opened" in first.out
    assert "8 windows evaluated" in first.err
    again = command(*ONE_PASS)
    assert (again.code, again.out) == (0, "")
    told = command("status")
    assert told.code == 1
    assert "features" in told.out
    (model,) = json.loads(command("status", "--format", "json").out)
    assert model["model"] == "m"
    assert len(model["incidents"]) == 1


def test_a_baseline_is_accepted_with_a_note_and_from_then_on_in_force(
    command: Command, project: Path
) -> None:
    period = ("--from", "2024-01-13", "--to", "2024-01-16")
    assert command("baseline", "show", "m").code == 2
    assert command("baseline", "accept", "m", *period).code == 2
    taken = command("baseline", "accept", "m", *period, "--note", "new sensor", "--by", "ana")
    assert (taken.code, taken.out) == (0, "m: baseline 1 of 360 rows is in force\n")
    (listed,) = json.loads(command("baseline", "list", "--format", "json").out)
    assert (listed["accepted_by"], listed["note"], listed["rows"]) == ("ana", "new sensor", 360)
    shown = command("baseline", "show", "m")
    assert shown.code == 0
    assert "city" in shown.out
    judged = command("check", "m", "--from", "2024-01-16", "--to", "2024-01-17")
    assert judged.code == 0, judged.out


def test_send_test_tells_whether_a_message_arrived(
    command: Command, project: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "oncall: delivered" in command("send-test", "oncall").out
    said = command("send-test", "oncal")
    assert said.code == 2
    assert "did you mean 'oncall'?" in said.err
    path = project / "monitor.toml"
    path.write_text(path.read_text() + '[alerts.chat]\ntype = "slack"\nurl = "env:CHAT_URL"\n')
    monkeypatch.setenv("CHAT_URL", httpserver.url_for("/hook-secret"))
    httpserver.expect_request("/hook-secret").respond_with_data("no_service", status=404)
    refused = command("send-test", "chat")
    assert refused.code == 3
    assert "not delivered" in refused.err
    assert "hook-secret" not in refused.err + refused.out


def test_the_state_is_made_by_hand_where_a_daemon_may_not(command: Command, project: Path) -> None:
    assert command("db", "upgrade").code == 0
    assert (project / "state.db").exists()
    assert command("db", "upgrade").code == 0
