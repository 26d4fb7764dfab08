"""Every check there is, on every real log, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checks.check import catalogue
from checks.embedding import EmbeddingProfile
from monitor.cli import cli
from monitor.limits import lacking
from monitor.tasks import fits
from tests.shared import meta, model_toml

WEEKS = {
    "elec2": ("1997-01-06", "1997-01-20"),
    "hotel_booking": ("2017-01-02", "2017-01-16"),
    "bike_sharing": ("2012-06-04", "2012-06-18"),
}


def applying(name: str) -> set[str]:
    """The checks that fit the task of a log, which has no vectors."""
    task = meta(name)["task"]
    vectors = (EmbeddingProfile,)
    known = catalogue().values()
    return {check.name for check in known if fits(check, task) and check.takes != vectors}


def findings(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    path = folder / "monitor.toml"
    known = catalogue()
    asked = "\n".join(
        f"{check} = {{ {', '.join(lacking(known[check], {}).values())} }}"
        for check in applying(name)
    )
    path.write_text(f"{model_toml(name, folder)}\n[models.{name}.checks]\n{asked}\n")
    start, end = WEEKS[name]
    arguments = ["check", name, "--config", str(path), "--format", "jsonl", "--fail-on", "never"]
    cli.main([*arguments, "--from", start, "--to", end], standalone_mode=False)
    lines = capsys.readouterr().out.splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == "finding"]


@pytest.mark.slow
@pytest.mark.parametrize("name", WEEKS)
def test_every_check_that_applies_has_a_verdict_and_none_fails(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = findings(name, tmp_path, capsys)
    wrong = {(each["check"], each["reason"]) for each in found if each["verdict"] == "error"}
    assert not wrong
    assert all(each["reason"] for each in found if each["verdict"] in ("no_data", "insufficient"))
    assert {each["check"] for each in found} == applying(name)
