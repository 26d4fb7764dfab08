"""Every check there is, on every real log, from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from checks.check import catalogue
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from monitor.cli import cli
from tests.shared import meta, model_toml

OUTCOMES = {
    "binary": BinaryOutcome,
    "multiclass": MulticlassOutcome,
    "regression": RegressionOutcome,
}
WEEKS = {
    "elec2": ("1997-01-06", "1997-01-20"),
    "hotel_booking": ("2017-01-02", "2017-01-16"),
    "bike_sharing": ("2012-06-04", "2012-06-18"),
}


def findings(name: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    path = folder / "monitor.toml"
    asked = "\n".join(f"{check} = true" for check in catalogue())
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
    others = set(OUTCOMES.values()) - {OUTCOMES[meta(name)["task"]]}
    apply = {check.name for check in catalogue().values() if not set(check.takes) <= others}
    assert {each["check"] for each in found} == apply
