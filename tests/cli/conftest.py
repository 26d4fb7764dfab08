"""The command line in a folder of its own, over a small log with drift from its twelfth day on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from monitor.cli import main
from tests.monitor.small import ONCALL, model, steady, write

DRIFTED_DAY = ("--from", "2024-01-13", "--to", "2024-01-14")


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


Command = Callable[..., Said]


@pytest.fixture
def command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Command:
    """``modelmon ARGUMENTS`` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Said:
        monkeypatch.setattr(sys, "argv", ["modelmon", *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        printed = capsys.readouterr()
        code = ended.value.code
        return Said(code if isinstance(code, int) else 0, printed.out, printed.err)

    return run


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with log.csv (eight steady days, the reference, and eight more) and monitor.toml."""
    log = tmp_path / "log.csv"
    write(log, steady(range(12)) | dict.fromkeys(range(12, 16), 9.0))
    text = '[daemon]\nstate = "sqlite:///state.db"\n' + model("m", log) + ONCALL
    (tmp_path / "monitor.toml").write_text(text)
    return tmp_path
