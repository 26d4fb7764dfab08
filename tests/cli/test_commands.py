"""Each command from the outside: what it prints, what it leaves behind, how it ends."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from pytest_httpserver import HTTPServer

from monitor.cli import _COMMANDS
from monitor.config import load
from tests.cli.conftest import DRIFTED_DAY, Command
from tests.monitor.small import ROWS, rows_of, steady, write

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


@pytest.mark.parametrize("kinds", [("cat", "dog", "fox"), (1, 2, 3)], ids=["texts", "numbers"])
def test_a_model_of_several_classes_is_guessed_and_judged(
    command: Command, tmp_path: Path, kinds: tuple[str | int, ...]
) -> None:
    """From the eleventh day on every third class is told wrongly."""
    lines = ["timestamp,prediction_id,x,prediction,score,label"]
    for row in range(16 * 120):
        day, kind = row // 120, row % 3
        told = kinds[0] if day > 10 and kind == 2 else kinds[(kind + (row % 20 == 0)) % 3]
        moment = f"2024-01-{day + 1:02}T{row % 24:02}:00:00Z"
        lines.append(f"{moment},p{row},{row % 7},{told},0.{60 + row % 40},{kinds[kind]}")
    (tmp_path / "log.csv").write_text("\n".join(lines))
    assert command("init", "log.csv").code == 0
    (model,) = load(tmp_path / "monitor.toml").models.values()
    assert model.task == "multiclass"
    steady = command("check", "--now", "2024-01-09T00:05Z")
    assert (steady.code, "accuracy" in steady.out, "f1_macro" in steady.out) == (0, True, True)
    broken = command("check", "--now", "2024-01-17T00:05Z")
    assert broken.code == 1
    assert f"lowest: {kinds[2]} with 0" in broken.out


@pytest.mark.parametrize(
    ("label", "prediction", "task"),
    [
        (lambda row: row % 9, lambda row: (row * 7) % 9, "multiclass"),
        (lambda row: row % 9, lambda row: row % 9 + 0.25, "regression"),
        (lambda row: row % 60, lambda row: row % 60, "regression"),
        (lambda row: f"c{row % 50}", lambda row: f"c{row % 49}", "multiclass"),
        (lambda row: f"c{row % 51}", lambda row: f"c{row % 51}", "none"),
        (lambda row: f"c{row % 5}", lambda row: f"d{row % 5}", "none"),
        (lambda row: row % 2, lambda row: row % 2, "binary"),
    ],
)
def test_init_tells_classes_from_amounts(
    command: Command,
    tmp_path: Path,
    label: Callable[[int], object],
    prediction: Callable[[int], object],
    task: str,
) -> None:
    lines = ["timestamp,prediction,label"]
    for row in range(900):
        moment = f"2024-01-{row // 90 + 1:02}T{row % 24:02}:00:00Z"
        lines.append(f"{moment},{prediction(row)},{label(row)}")
    (tmp_path / "log.csv").write_text("\n".join(lines))
    assert command("init", "log.csv").code == 0
    assert f'task   = "{task}"' in (tmp_path / "monitor.toml").read_text()


def test_init_overwrites_nothing_unasked(command: Command, project: Path) -> None:
    before = (project / "monitor.toml").read_text()
    said = command("init", "log.csv")
    assert (said.code, (project / "monitor.toml").read_text()) == (2, before)
    assert "--force" in said.err
    assert command("init", "log.csv", "--force").code == 0
    assert (project / "monitor.toml").read_text() != before


@pytest.mark.parametrize("asked", [("init", "log.jsonl"), ("drift", "log.jsonl", "log.jsonl")])
def test_nested_records_are_told_from_a_table(
    command: Command, tmp_path: Path, asked: tuple[str, ...]
) -> None:
    records = [{"meta": {"at": row[1]}, "request": {"items": [row[2]]}} for row in rows_of(0)]
    (tmp_path / "log.jsonl").write_text("\n".join(map(json.dumps, records)))
    said = command(*asked)
    assert (said.code, said.out, said.err.count("\n")) == (3, "", 1)
    assert "nested (meta, request)" in said.err
    assert "docs/logs.md" in said.err
    assert not (tmp_path / "monitor.toml").exists()


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


def test_a_name_that_others_give_postgresql_is_corrected_without_a_connection(
    command: Command, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DB", "postgres://ana:s3cret@db/x")
    path = project / "monitor.toml"
    text = re.sub(
        r'type = "csv"\npath = .*', 'type = "sql"\nurl = "env:DB"\ntable = "log"', path.read_text()
    )
    path.write_text(text)
    for connect in ((), ("--connect",)):
        said = command("validate", *connect)
        assert (said.code, said.out) == (2, "")
        assert "did you mean 'postgresql'?" in said.err
        assert "s3cret" not in said.err
    one_off = command("drift", "postgres://ana:s3cret@db/x#log", "log.csv")
    assert (one_off.code, one_off.err.count("\n")) == (3, 1)
    assert "did you mean 'postgresql'?" in one_off.err


def test_validate_connect_notes_what_it_saw(command: Command, project: Path) -> None:
    records = [
        {"at": row[1], "in": [{"x": float(row[2])}]} for n in range(16) for row in rows_of(n)
    ]
    (project / "log.jsonl").write_text("\n".join(map(json.dumps, records)))
    path = project / "monitor.toml"
    shape = 'type = "jsonl"\npath = "log.jsonl"\nshape = "nested"\n'
    fields = 'fields = { timestamp = "at", x = "in[*].x", y = "inn[*].x" }'
    text = re.sub(r'type = "csv"\npath = .*', shape + fields, path.read_text())
    text = re.sub(r"(?m)^(id|numeric|categorical) = .*\n", "", text)
    path.write_text(text)
    said = command("validate", "--connect")
    assert said.code == 0, said.out + said.err
    assert "models.m.source: y: inn[*].x was found in none of " in said.err
    assert "did you mean in[*].x?" in said.err


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


@pytest.mark.parametrize(
    "words", [("backtest", "m"), ("report", "m", "--now", "2024-01-12T00:05Z")]
)
def test_a_terminal_is_told_how_far_it_is_and_a_file_is_not(
    words: tuple[str, ...], project: Path
) -> None:
    told, terminal = os.openpty()
    program = [sys.executable, "-m", "monitor", *words]
    try:
        run = subprocess.run(
            program, cwd=project, stdout=subprocess.PIPE, stderr=terminal, check=True
        )
        assert re.search(rb"\rm: window 2 of \d+ .*\r\x1b\[K$", os.read(told, 1 << 16), re.DOTALL)
    finally:
        os.close(told)
        os.close(terminal)
    assert b"\r" not in run.stdout
    silent = subprocess.run(program, cwd=project, capture_output=True, check=True)
    assert (silent.stderr, silent.stdout) == (b"", run.stdout)


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
    assert first.out.count("opened") == 1
    assert "8 windows evaluated" in first.err
    again = command(*ONE_PASS)
    assert (again.code, again.out) == (0, "")
    told = command("status")
    assert told.code == 1
    assert "features" in told.out
    (model,) = json.loads(command("status", "--format", "json").out)
    assert model["model"] == "m"
    assert len(model["incidents"]) == 1


def test_status_says_why_a_source_cannot_be_read(command: Command, project: Path) -> None:
    (project / "log.csv").unlink()
    passed = command(*ONE_PASS)
    assert passed.code == 3
    told = command("status")
    assert told.code == 1
    assert "m: no window evaluated yet" in told.out
    assert "warning, open" in told.out
    assert "cannot be read" in told.out
    assert "no such file" in told.out
    (model,) = json.loads(command("status", "--format", "json").out)
    (incident,) = model["incidents"]
    assert incident["opened_at"] == "2024-01-17T00:05:00Z"
    assert any("no such file" in text for text in incident["trouble"])


def labelled(folder: Path, *, known: int) -> None:
    """A log of 16 days and a truth for the first ``known`` of them, in monitor.toml."""
    path, rows = folder / "monitor.toml", [r for n in range(16) for r in rows_of(n)]
    head = "prediction_id,timestamp,x,city,score\n"
    lines = [",".join((*row, f"{i % 10 / 10}")) for i, row in enumerate(rows)]
    (folder / "log.csv").write_text(head + "\n".join(lines) + "\n")
    truth = [
        (row[0], "yes" if i % 10 > 5 or i % 7 == 0 else "no", row[1]) for i, row in enumerate(rows)
    ]
    lines = ["prediction_id,label,label_timestamp", *map(",".join, truth[: known * ROWS])]
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    text = path.read_text().replace('every = "1d"', 'task = "binary"\nevery = "1d"')
    roles = ("score", "label", "label_timestamp")
    said = "".join(f'{role} = "{role}"\n' for role in roles)
    text = text.replace('numeric = ["x"]', f'{said}numeric = ["x"]')
    path.write_text(text.replace('type = "csv"', 'type = "csv"\nlabels = "labels.csv"'))


def test_status_says_which_findings_are_of_an_older_window(command: Command, project: Path) -> None:
    labelled(project, known=13)
    assert command(*ONE_PASS).code == 0
    (model,) = json.loads(command("status", "--format", "json").out)
    assert model["window_start"] == "2024-01-16T00:00:00Z"
    assert model["worst"] not in ("no_data", "critical", "warning", "error")
    assert "no_data" not in model["verdicts"]
    assert model["waiting_for_labels"] > 0
    assert model["performance"]["window_start"] == "2024-01-13T00:00:00Z"
    assert sum(model["performance"]["verdicts"].values()) > 0
    text = command("status").out
    assert f"; {model['waiting_for_labels']} checks wait for labels\n" in text
    assert "  performance of 2024-01-13 00:00Z .. 2024-01-14 00:00Z: " in text
    assert "no data" not in text
    told = command("check", "--now", "2024-01-17T00:05Z")
    assert "labels of this window still come" in " ".join(told.out.split())


def test_the_command_that_status_names_shows_every_row(command: Command, project: Path) -> None:
    path, wide = project / "monitor.toml", [f"x{i:03}" for i in range(60)]
    rows = [r for n in range(16) for r in rows_of(n, shift=9.0 if n > 11 else 0.0)]
    lines = [",".join((*row, *[row[2]] * len(wide))) for row in rows]
    head = ",".join(("prediction_id,timestamp,x,city", *wide))
    (project / "log.csv").write_text(head + "\n" + "\n".join(lines) + "\n")
    path.write_text(path.read_text().replace('numeric = ["x"]', f"numeric = {['x', *wide]}"))
    command(*ONE_PASS)
    told = command("status").out
    (hint,) = [line for line in told.splitlines() if " more: " in line]
    again = hint.partition(" more: modelmon ")[2].split()
    assert again[-1] == "--all"
    everything = command(*again)
    for name in wide:
        assert name in everything.out
    cut = command(*again[:-1])
    assert re.search(r"and \d+ more", cut.out)
    assert "--all" in cut.err


@pytest.mark.parametrize("asked", [("check",), ("run", "--once"), ("plan",), ("report", "m")])
def test_the_future_cannot_be_replayed(
    command: Command, project: Path, asked: tuple[str, ...]
) -> None:
    said = command(*asked, "--now", "2999-01-01")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "lies in the future" in said.err
    assert not (project / "state.db").exists()


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
