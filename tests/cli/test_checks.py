"""``modelmon checks`` from outside."""

from __future__ import annotations

import json
from typing import get_args

import pytest
from click.testing import CliRunner

from monitor.cli import cli
from monitor.model import Task


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(cli, ["checks", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def test_all_are_listed_with_those_that_run_unasked_marked() -> None:
    lines = run().splitlines()
    assert any(line.startswith(" * psi ") for line in lines)
    assert any(line.startswith("   kuiper ") for line in lines)
    assert max(map(len, lines)) <= 100
    assert lines[-1].startswith("* runs by default")


def test_one_is_shown_with_formula_limits_and_source() -> None:
    text = run("psi")
    for expected in ("sum (p - q) ln(p / q)", "warning 0.1", "bins = 10", "Lewis 1994"):
        assert expected in text


@pytest.mark.parametrize(
    ("arguments", "there", "not_there"),
    [
        (("--for", "log"), "row_count", "psi"),
        (("--for", "clustering"), "silhouette", "row_count"),
        (("--for", "none"), "psi", "accuracy"),
        (("--default",), "psi", "kuiper"),
        (("--for", "numeric", "far", "tails"), "energy", "row_count"),
    ],
)
def test_options_and_words_choose(arguments: tuple[str, ...], there: str, not_there: str) -> None:
    names = {line.strip(" *").split()[0] for line in run(*arguments).splitlines() if line}
    assert there in names
    assert not_there not in names


def test_programs_get_records() -> None:
    records = json.loads(run("psi", "ks", "--format", "json"))
    assert [record["name"] for record in records] == ["psi", "ks"]
    assert records[0]["parameters"] == {"bins": 10}
    assert "# Checks" in run("psi", "--format", "markdown")


def test_a_misspelt_name_gets_a_suggestion() -> None:
    assert "did you mean 'wasserstein'?" in str(run_error("wasserstien"))
    assert "leave out a word" in str(run_error("psi", "no_such_word"))


def test_every_task_is_a_subject_and_a_misspelt_one_gets_a_suggestion() -> None:
    for task in get_args(Task):
        assert " * " in run("--for", task)
    assert "did you mean 'regression'?" in str(run_error("--for", "regresion"))


def run_error(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["checks", *arguments], standalone_mode=False)
    assert result.exception is not None
    return str(result.exception)
