"""A check that is asked for by name fits the task of its model, or is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from checks.check import catalogue
from monitor.config import parse
from monitor.limits import lacking
from monitor.model import ConfigError
from monitor.tasks import OUTCOMES, fits

MODEL = """
[models.m]
task = "{task}"
[models.m.source]
type = "csv"
path = "log.csv"
[models.m.columns]
timestamp = "at"
prediction = "told"
label = "truth"
score = "score"
query = "query"
horizon = "ahead"
[models.m.reference]
from = 2026-03-01
to = 2026-03-08
[models.m.checks]
{checks}
"""


def problems(task: str, checks: str, folder: Path) -> list[str]:
    try:
        parse(tomllib.loads(MODEL.format(task=task, checks=checks)), folder / "monitor.toml")
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("task", "line", "said"),
    [
        (
            "regression",
            "roc_auc = { critical = 0.7 }",
            'is about the outcome of a binary model, and the task is "regression"; `modelmon',
        ),
        ("binary", "hit_rate = true", "hit_rate: is about the outcome of a ranking model"),
        ("multilabel", "accuracy = true", "the outcome of a binary or multiclass model"),
        ("binary", "mae = true", "the outcome of a regression or forecasting model"),
        ("regression", "worst_horizon = true", "the outcome of a forecasting model"),
        ("none", "mae = true", 'no outcome; write task = "regression" or leave the check out'),
        ("clustering", "accuracy = true", 'the task is "clustering", which has no outcome'),
    ],
)
def test_a_check_of_another_outcome_is_refused(
    task: str, line: str, said: str, tmp_path: Path
) -> None:
    (found,) = problems(task, line, tmp_path)
    assert said in found


@pytest.mark.parametrize(
    ("task", "line"),
    [
        ("multiclass", "accuracy = true"),
        ("forecasting", "mae = true\nworst_horizon = true"),
        ("forecasting", "mix_shift = true\nworst_slice = true"),
        ("none", "psi = true\nrow_count = true\nmissing = { warning = 0.1 }"),
        ("regression", "roc_auc = false"),
    ],
)
def test_one_that_fits_or_is_put_out_is_not(task: str, line: str, tmp_path: Path) -> None:
    assert not problems(task, line, tmp_path)


@pytest.mark.parametrize("task", [*OUTCOMES, "none", "clustering"])
def test_what_fits_is_what_takes_the_outcome_of_the_task(task: str) -> None:
    every = catalogue()
    asked = "\n".join(
        f"{name} = {{ {', '.join(lacking(check, {}).values())} }}" for name, check in every.items()
    )
    kept = {name for name in every if fits(every[name], task)}
    assert {"psi", "row_count", "mix_shift", "concept_change", "label_delay"} <= kept
    refused = {line.split(":")[0] for line in problems(task, asked, Path())}
    assert {f"models.m.checks.{name}" for name in every.keys() - kept} == refused
