"""``modelmon plan`` from the outside."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Command
from tests.monitor.small import model

NOW = ("--now", "2024-01-17T00:05Z")


def test_a_plan_is_shown_in_three_formats_and_nothing_is_kept(
    command: Command, project: Path
) -> None:
    before = {path.name for path in project.iterdir()}
    text = command("plan", "m", *NOW)
    assert (text.code, text.err) == (0, "")
    assert text.out.startswith("m: 1,920 rows, 2024-01-01 00:00 to 2024-01-16 23:48 UTC\n")
    assert "  due        8 windows now, then 1 a day\n" in text.out
    (record,) = json.loads(command("plan", *NOW, "--format", "json").out)
    assert (record["model"], record["due"], record["window_rows"] > 100) == ("m", 8, True)
    assert (
        "| due | 8 windows now, then 1 a day |" in command("plan", *NOW, "--format", "markdown").out
    )
    assert {path.name for path in project.iterdir()} == before


def test_what_the_daemon_has_done_is_no_longer_due(command: Command, project: Path) -> None:
    assert command("run", "--once", *NOW).code == 0
    assert "  due        0 windows now" in command("plan", *NOW).out


def test_one_model_that_cannot_be_read_does_not_hide_the_other(
    command: Command, project: Path
) -> None:
    path = project / "monitor.toml"
    path.write_text(path.read_text() + model("gone", project / "gone.csv"))
    said = command("plan", *NOW)
    assert said.code == 3
    assert said.out.startswith("m: 1,920 rows")
    assert said.err.startswith("modelmon: gone: ")
    assert said.err.count("\n") == 1


def test_a_misspelt_model_is_suggested(command: Command, project: Path) -> None:
    said = command("plan", "mm")
    assert (said.code, said.out) == (2, "")
    assert "did you mean 'm'?" in said.err
