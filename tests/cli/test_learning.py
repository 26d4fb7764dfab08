"""What a person sees while a reference is learnt, and what the reference says of the settings."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.monitor.small import ONCALL, ROWS, model, rows_of


def test_on_a_terminal_learning_says_how_far_it_is_and_leaves_no_line(project: Path) -> None:
    ours, theirs = pty.openpty()
    accept = ("baseline", "accept", "m", "--note", "as it was", "--by", "ana")
    ended = subprocess.run(
        [sys.executable, "-m", "monitor", *accept],
        cwd=project,
        stderr=theirs,
        stdout=subprocess.PIPE,
        check=False,
    )
    os.close(theirs)
    seen = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert (ended.returncode, ended.stdout.count(b"\n")) == (0, 1)
    assert "m: looking at the columns of the reference …" in seen
    assert f"m: counting the {8 * ROWS} rows of the reference …" in seen
    assert seen.endswith("\r\033[K")


def test_elsewhere_nothing_of_it_is_printed(command: Command, project: Path) -> None:
    said = command("baseline", "accept", "m", "--note", "as it was", "--by", "ana")
    assert said.code == 0
    assert "counting" not in said.err + said.out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (('id = "prediction_id"', 'id = "city"'), "columns.id: 'city' has 3 values in the first"),
        (
            ('timestamp = "timestamp"', 'timestamp = "day"'),
            "columns.timestamp: 'day' is the same in all",
        ),
        (
            ('id = "prediction_id"', 'id = "prediction_id"\nweight = "city"'),
            "columns.weight: 'city' holds text such as ",
        ),
    ],
)
def test_validate_connect_says_what_cannot_be_meant(
    command: Command, project: Path, change: tuple[str, str], words: str
) -> None:
    head, *lines = (project / "log.csv").read_text().splitlines()
    told = [f"{head},day", *(f"{line},2024-01-03" for line in lines)]
    (project / "log.csv").write_text("\n".join(told))
    path = project / "monitor.toml"
    quiet = command("validate", "--connect")
    path.write_text(path.read_text().replace(*change).replace('categorical = ["city"]', ""))
    said = command("validate", "--connect")
    assert (quiet.code, said.code) == (0, 0)
    assert f"note: models.m.source: {words}" in said.err
    assert words not in quiet.err


def test_labels_without_a_prediction_are_told(command: Command, tmp_path: Path) -> None:
    rows = [row for number in range(12) for row in rows_of(number)]
    head = "prediction_id,timestamp,x,city\n"
    (tmp_path / "log.csv").write_text(head + "".join(",".join(row) + "\n" for row in rows))
    lines = ["prediction_id,label,label_at"]
    for name, moment, *_ in rows:
        lost = name.startswith("10-") and int(name.split("-")[1]) % 2
        lines.append(f"{'x' * bool(lost)}{name},1,{moment}")
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n")
    source = f'type = "csv"\npath = "{tmp_path}/log.csv"\nlabels = "{tmp_path}/labels.csv"'
    text = '[daemon]\nstate = "sqlite:///state.db"\n' + ONCALL
    text += model("m", tmp_path / "log.csv", source=source)
    columns = 'id = "prediction_id"\nlabel = "label"\nlabel_timestamp = "label_at"'
    text = text.replace('id = "prediction_id"', columns)
    text += "[models.m.checks]\norphan_labels = true\n"
    (tmp_path / "monitor.toml").write_text(text)
    for day, expected in ((9, "ok"), (10, "critical")):
        span = ("--from", f"2024-01-{day + 1:02}", "--to", f"2024-01-{day + 2:02}")
        said = command("check", "m", *span, "--all", "--fail-on", "never")
        assert said.code == 0, said.err
        assert re.search(rf"(?m)^.*{expected}.*orphan_labels|orphan_labels.*{expected}", said.out)
    assert "60 of 120 labels, such as 'x10-1'" in said.out
