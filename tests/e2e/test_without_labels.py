"""What is said of a model whose labels are late, or never come: from the command line."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.cli import cli

DAY = 86_400
START = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
CLASSES = np.array(["bird", "cat", "dog"])
TOML = """
[models.pets]
task = "multiclass"
every = "1d"
labels_within = "20d"

[models.pets.source]
type = "parquet"
path = "log.parquet"
labels = "labels.parquet"

[models.pets.columns]
timestamp = "ts"
id = "id"
prediction = "pred"
score = "score"
label = "label"
label_timestamp = "label_at"

[models.pets.reference]
from = 2026-01-01
to = 2026-02-10

[models.pets.checks]
label_coverage = true
label_delay = true
same_age_accuracy = true
ipw_accuracy = true
estimated_accuracy = { warning = 0.6, critical = 0.5 }
estimate_error = true
estimated_loss = true
"""


def micros(days: np.ndarray) -> pa.Array:
    return pa.array(((START + days * DAY) * 1e6).astype(np.int64), pa.timestamp("us", "UTC"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixty days of 500 rows, right as often as the score says; errors are labelled sooner.

    From day 50 on the model is much worse, on day 45 few labels come, from day 55 on none.
    """
    rng = np.random.default_rng(0)
    days, n = 60, 500 * 60
    time = np.sort(rng.uniform(0, days, n))
    score, told = rng.uniform(0.4, 1.0, n), rng.integers(0, 3, n)
    wrong = rng.random(n) < (1 - score) * np.where(time >= 50, 2.0, 1.0)
    truth = np.where(wrong, (told + 1) % 3, told)
    arrived = time + rng.exponential(np.where(wrong, 1.0, 3.0))
    labelled = (rng.random(n) < np.where(time // 1 == 45, 0.2, 1.0)) & (time < 55)
    ids, x = np.arange(n), rng.normal(size=n)
    where = tmp_path_factory.mktemp("pets")
    rows = {"id": ids, "ts": micros(time), "x": x, "pred": CLASSES[told], "score": score}
    labels = {"id": ids, "label": CLASSES[truth], "label_at": micros(arrived)}
    pq.write_table(pa.table(rows), where / "log.parquet")
    pq.write_table(pa.table(labels).filter(pa.array(labelled)), where / "labels.parquet")
    (where / "monitor.toml").write_text(TOML)
    return where


def said(
    folder: Path, capsys: pytest.CaptureFixture[str], *words: str
) -> dict[str, dict[str, dict[str, Any]]]:
    """The findings of a command by day and check."""
    command, *rest = words
    arguments = [command, "pets", "--config", str(folder / "monitor.toml"), "--format", "jsonl"]
    cli.main([*arguments, *rest], standalone_mode=False)
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for line in capsys.readouterr().out.splitlines():
        record = json.loads(line)
        if record["kind"] == "finding":
            found.setdefault(record["window_start"][:10], {})[record["check"]] = record
    return found


def check(
    folder: Path, capsys: pytest.CaptureFixture[str], start: str, end: str, now: str
) -> dict[str, dict[str, Any]]:
    words = ("--from", start, "--to", end, "--now", now, "--fail-on", "never")
    (found,) = said(folder, capsys, "check", *words).values()
    return found


def test_a_young_window_of_a_sound_model_is_not_taken_for_a_bad_one(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(folder, capsys, "2026-02-12", "2026-02-13", "2026-02-14T00:00Z")
    naive, same_age = found["accuracy"], found["same_age_accuracy"]
    assert naive["value"] < 0.6
    assert abs(same_age["value"]) < 0.08
    assert same_age["verdict"] in ("ok", "undecided")
    assert found["ipw_accuracy"]["value"] == pytest.approx(0.7, abs=0.07)
    assert found["label_coverage"]["verdict"] == "ok"
    assert found["estimate_error"]["verdict"] == "insufficient"
    assert found["estimated_accuracy"]["value"] == pytest.approx(0.7, abs=0.02)
    assert found["estimated_accuracy"]["verdict"] == "ok"
    assert found["estimated_loss"]["value"] == pytest.approx(0.3, abs=0.03)


def test_labels_that_stop_coming_are_missed_while_others_are_still_to_come(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = check(folder, capsys, "2026-02-15", "2026-02-16", "2026-02-18T00:00Z")["label_coverage"]
    assert found["verdict"] == "critical"
    assert found["value"] == pytest.approx(0.2, abs=0.06)
    assert "were to be expected by now" in found["reason"]


def test_a_model_that_got_worse_shows_in_labels_of_the_same_age_and_ends_its_estimates(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    young = check(folder, capsys, "2026-02-21", "2026-02-22", "2026-02-23T12:00Z")
    assert young["same_age_accuracy"]["verdict"] == "critical"
    assert young["ipw_accuracy"]["value"] == pytest.approx(0.4, abs=0.07)
    words = ("--from", "2026-02-17", "--to", "2026-02-28")
    days = said(folder, capsys, "backtest", *words)
    before, broken, silent = (days[f"2026-02-{day}"] for day in (18, 22, 26))
    assert before["estimated_accuracy"]["verdict"] == "ok"
    assert broken["estimate_error"]["value"] == pytest.approx(-0.3, abs=0.06)
    assert broken["estimate_error"]["verdict"] == "critical"
    assert "withdrawn: the labels of these rows" in broken["estimated_accuracy"]["reason"]
    assert silent["estimate_error"]["reason"] == "no labels yet"
    for name in ("estimated_accuracy", "estimated_loss"):
        assert silent[name]["verdict"] == "insufficient"
        assert "withdrawn: the labels of an earlier window" in silent[name]["reason"]
    assert silent["label_coverage"]["verdict"] == "critical"


def test_without_times_of_labels_it_is_said_what_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = TOML.replace('label_timestamp = "label_at"\n', "")
    text = text.replace('"log.parquet"', f'"{folder / "log.parquet"}"')
    (tmp_path / "monitor.toml").write_text(
        text.replace('"labels.parquet"', f'"{folder / "labels.parquet"}"')
    )
    found = check(tmp_path, capsys, "2026-02-12", "2026-02-13", "2026-03-14T00:00Z")
    for name in ("label_coverage", "label_delay", "same_age_accuracy", "ipw_accuracy"):
        assert found[name]["verdict"] in ("insufficient", "no_data")
        assert "columns.label_timestamp" in found[name]["reason"]
