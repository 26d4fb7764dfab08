"""Why a model got worse, from a log to the words on the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.check import catalogue
from monitor.cli import cli
from monitor.why import EXPLAIN

ROWS = 2000  # a day
DAYS = 6  # the last of them is judged
WORSE = {"north": 0.10, "south": 0.40}
CHECKS = "\n".join(f"{name} = true" for name in EXPLAIN)


def log(path: Path, task: str, *, mix: bool = False, concept: bool = False) -> None:
    """Days of a log; on the last one south is met more often, or blue rows have other answers."""
    rng = np.random.default_rng(1)
    n = ROWS * DAYS
    last = np.arange(n) // ROWS == DAYS - 1
    south = rng.random(n) < np.where(last & mix, 0.7, 0.2)
    colour = rng.choice(["red", "green", "blue"], n, p=(0.5, 0.3, 0.2))
    age = rng.normal(50.0, 10.0, n) + np.where(last, 8.0, 0.0)
    income = rng.normal(30.0, 5.0, n) + np.where(last, 4.0, 0.0)
    p = np.where(south, WORSE["south"], WORSE["north"])
    p = p + 0.3 * (last & concept & (colour == "blue"))
    label = rng.integers(0, 2, n)
    wrong = rng.random(n) < p
    told = np.where(wrong, 1 - label, label)
    if task == "regression":
        label = rng.normal(size=n)
        told = label + rng.normal(size=n) * (0.1 + p)
    start = np.datetime64("2026-01-01T00:00:00", "us")
    times = start + (np.arange(n) * (86_400_000_000 // ROWS)).astype("timedelta64[us]")
    table = {
        "id": np.arange(n),
        "ts": pa.array(times, pa.timestamp("us", "UTC")),
        "region": np.where(south, "south", "north"),
        "colour": colour,
        "age": age,
        "income": income,
        "prediction": told,
        "label": label,
    }
    if task == "multiclass":
        table |= {"prediction": np.array(["x", "y"])[told], "label": np.array(["x", "y"])[label]}
    pq.write_table(pa.table(table), path)


def toml(folder: Path, task: str, *, segments: str = '["region"]', more: str = "") -> Path:
    path = folder / "monitor.toml"
    path.write_text(f"""
[models.m]
task = "{task}"
every = "1d"

[models.m.source]
type = "parquet"
path = "log.parquet"

[models.m.columns]
timestamp = "ts"
id = "id"
prediction = "prediction"
label = "label"
segments = {segments}

[models.m.reference]
from = 2026-01-01
to = 2026-01-06

[models.m.checks]
{CHECKS}
{more}
""")
    return path


def run(capsys: pytest.CaptureFixture[str], path: Path, *arguments: str) -> str:
    given = ["check", "m", "--config", str(path), "--fail-on", "never", *arguments]
    cli.main(given, standalone_mode=False)
    return capsys.readouterr().out


def findings(capsys: pytest.CaptureFixture[str], path: Path) -> dict[str, dict[str, Any]]:
    lines = map(json.loads, run(capsys, path, "--format", "jsonl").splitlines())
    return {each["check"]: each for each in lines if each["check"] in EXPLAIN}


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_more_of_the_bad_segment_is_told_from_a_worse_model(
    task: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(tmp_path / "log.parquet", task, mix=True)
    found = findings(capsys, toml(tmp_path, task))
    assert found["mix_shift"]["column"] == "region"
    assert found["mix_shift"]["verdict"] == "critical"
    assert found["change_within_segments"]["verdict"] == "ok"
    unit = np.sqrt(2.0 / np.pi) if task == "regression" else 1.0
    gained = 0.5 * (WORSE["south"] - WORSE["north"]) * unit
    assert found["mix_shift"]["value"] == pytest.approx(gained, abs=0.03)
    assert abs(found["change_within_segments"]["value"]) < 0.03
    # To the classifier of both sides and to the loss of each bin it is an input that moved.
    assert found["input_impact"]["value"] == pytest.approx(gained, abs=0.04)
    assert abs(found["concept_change"]["value"]) < 0.05
    if task != "binary":
        return
    out = run(capsys, toml(tmp_path, task))
    assert "why: concept_change: mostly inputs: " in out
    assert "south" in out.split("why: mix_shift region: ")[1].splitlines()[1]


def test_a_change_of_the_concept_is_told_and_its_slice_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(tmp_path / "log.parquet", "binary", concept=True)
    path = toml(tmp_path, "binary", more="[models.m.importance]\nage = 1\nincome = 3")
    found = findings(capsys, path)
    assert found["change_within_segments"]["verdict"] in ("warning", "critical")
    assert found["change_within_segments"]["value"] == pytest.approx(0.3 * 0.2, abs=0.03)
    assert found["mix_shift"]["verdict"] == "ok"
    assert found["worst_slice"]["value"] > 0.2
    out = " ".join(run(capsys, path).split())
    assert "why: concept_change: mostly concept: " in out
    assert "why: worst_slice: colour = blue" in out or "colour = blue and region = south" in out
    # Age moved more than income, which matters more.
    assert "why: weighted_drift: income (" in out
    target = tmp_path / "report.html"
    cli.main(["report", "m", "--config", str(path), "--output", str(target)], standalone_mode=False)
    page = target.read_text()
    assert '<h2 id="why">Why</h2>' in page
    assert "mostly concept" in page


def test_importance_decides_which_drift_is_named_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(tmp_path / "log.parquet", "binary")
    orders = []
    for weights in ("age = 1\nincome = 0.01", "age = 0.01\nincome = 1"):
        path = toml(tmp_path, "binary", more=f"[models.m.importance]\n{weights}")
        lines = run(capsys, path).splitlines()
        whole = [line for line in lines if line.startswith("wasserstein ") and "[" not in line]
        named = [line.split()[1] for line in whole]
        orders.append([name for name in named if name in ("age", "income")])
    assert orders == [["age", "income"], ["income", "age"]]


def test_what_cannot_be_explained_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log(tmp_path / "log.parquet", "binary")
    found = findings(capsys, toml(tmp_path, "binary", segments="[]"))
    assert found["mix_shift"]["verdict"] == "no_data"
    assert "a column in segments" in found["mix_shift"]["reason"]
    assert found.keys() == set(EXPLAIN)


def test_every_explanation_is_a_check_that_runs_only_when_asked() -> None:
    known = catalogue()
    assert not any(known[name].default for name in EXPLAIN)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ("importance = 3", "models.m.importance: must be a table"),
        ("[models.m.importance]\nage = -1", "models.m.importance.age: must be a number"),
        ('[models.m.importance]\nage = "high"', "models.m.importance.age: must be a number"),
    ],
)
def test_an_importance_that_is_none_is_a_problem_of_the_configuration(
    table: str, told: str, tmp_path: Path
) -> None:
    from monitor.config import load
    from monitor.model import ConfigError

    path = toml(tmp_path, "binary")
    text = path.read_text()
    if table.startswith("["):
        path.write_text(f"{text}\n{table}\n")
    else:
        path.write_text(text.replace("[models.m]\n", f"[models.m]\n{table}\n"))
    with pytest.raises(ConfigError, match=told):
        load(path)
