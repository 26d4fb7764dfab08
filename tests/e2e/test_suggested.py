"""Limits that `init` suggests stay quiet on what follows in the same log."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.verdict import Verdict
from monitor.config import load
from monitor.learn import learn
from monitor.replay import replay, windows_of
from monitor.scaffold import scaffold
from monitor.sources import Horizon
from tests.shared import shared

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LOGS = ("elec2", "bike_sharing", "hotel_booking")


def taken(log: Path, folder: Path) -> Path:
    """A configuration with all that is put out taken."""
    text, _ = scaffold(str(log), "log", folder)
    path = folder / "monitor.toml"
    path.write_text(re.sub("(?m)^# ", "", text), encoding="utf-8")
    return path


@pytest.fixture(autouse=True)
def webhook(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_WEBHOOK_URL", "https://hooks.example/services/T0P/53CR3T")


@pytest.mark.parametrize("name", LOGS)
def test_suggested_limits_are_quiet_on_the_rest_of_the_log(name: str, tmp_path: Path) -> None:
    path = taken(shared("data", f"{name}.parquet"), tmp_path)
    table = tomllib.loads(path.read_text())["models"]["log"]
    assert len(table["checks"]) >= 4
    assert table["checks"]["psi"] is False
    assert table["rules"]
    asked = {*table["checks"], *table["rules"]}
    model, horizon = load(path).models["log"], Horizon(NOW, NOW)
    baseline, _ = learn(model, horizon)
    windows = windows_of(model, baseline, horizon, None)[:-1]  # in the last one the log ends
    critical, judged = [], 0
    for result in replay(model, baseline, windows, horizon):
        ours = [finding for finding in result.findings if finding.check in asked]
        judged += sum(finding.verdict.judged for finding in ours)
        critical += [
            (result.window, finding.check, finding.column, finding.reason)
            for finding in ours
            if finding.verdict is Verdict.CRITICAL
        ]
    assert judged > 5 * len(windows)
    assert critical == []


def test_a_suggestion_names_what_was_seen(tmp_path: Path) -> None:
    text, _ = scaffold(str(shared("data", "elec2.parquet")), "log", tmp_path)
    assert re.search(r"# row_count = .*  # a window had 336 to 336 rows", text)
    assert re.search(r"# nswprice_known = .*nswprice between 0 and 0.5.*  # seen: ", text)
    assert "# [models.log.rules]" in text


def log_of(folder: Path, **columns: Sequence[object]) -> Path:
    """A log of 400 hours with these columns."""
    rows = 4000
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=6) * at for at in range(rows)]
    parts = {
        name: [cells[at % len(cells)] for at in range(rows)] for name, cells in columns.items()
    }
    pq.write_table(pa.table({"ts": times, **parts}), folder / "log.parquet")
    return folder / "log.parquet"


def test_all_that_is_put_out_is_toml_whatever_was_suggested(tmp_path: Path) -> None:
    for columns in (
        {"age": [20, 30, 41]},
        {"age": [20, None, 41]},
        {"k": [f"DE{n}" for n in range(40)]},
    ):
        model = load(taken(log_of(tmp_path, **columns), tmp_path)).models["log"]
        assert "missing" in {rule.check.name for rule in model.rules if rule.limit}
        (tmp_path / "monitor.toml").unlink()


def test_shares_and_flags_keep_within_0_and_1_and_counts_do_not(tmp_path: Path) -> None:
    log = log_of(tmp_path, flag=[0, 1, 0], prob=[0.1, 0.93], n_calls=[0, 1, 1], fee=[0.5, 1.5])
    text, _ = scaffold(str(log), "log", tmp_path)
    for condition in ("flag between 0 and 1", "prob between 0 and 1"):
        assert f'"{condition}"' in text
    assert '"n_calls between 0 and 1.5"' in text
    assert '"fee between 0 and 2"' in text
