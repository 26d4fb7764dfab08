"""The real logs through the command line, held against exact expected values."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from monitor.cli import cli
from tests.shared import expected, meta, model_toml, to_sqlite

Key = tuple[str, str, str]
EXACT = ("accuracy", "precision", "recall", "f1", "log_loss", "brier", "mae", "rmse")


def backtest(name: str, folder: Path, capsys: pytest.CaptureFixture[str], source: str = "") -> str:
    path = folder / "monitor.toml"
    path.write_text(model_toml(name, folder, source=source))
    cli.main(["backtest", name, "--config", str(path), "--format", "jsonl"], standalone_mode=False)
    return capsys.readouterr().out


def findings(lines: str) -> dict[Key, dict[str, Any]]:
    records = [json.loads(line) for line in lines.splitlines()]
    return {
        (record["window_start"][:10], record["check"], record["column"]): record
        for record in records
        if record["kind"] == "finding" and not record["segment"]
    }


@pytest.fixture(scope="module")
def replayed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[[str, pytest.CaptureFixture[str]], dict[Key, dict[str, Any]]]]:
    kept: dict[str, dict[Key, dict[str, Any]]] = {}

    def of(name: str, capsys: pytest.CaptureFixture[str]) -> dict[Key, dict[str, Any]]:
        if name not in kept:
            folder = tmp_path_factory.mktemp(name)
            source = ""
            if name == "bike_sharing":
                to_sqlite(name, folder / "bike.sqlite")
                source = (
                    'type = "sql"\nurl = "sqlite:///bike.sqlite"\n'
                    'table = "predictions"\nlabels = "labels"'
                )
            kept[name] = findings(backtest(name, folder, capsys, source))
        return kept[name]

    yield of


@cache
def reference_sd(name: str, column: str) -> float:
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    from tests.shared import shared

    table = pq.read_table(shared("data", f"{name}.parquet"), columns=["timestamp", column])
    until = meta(name)["reference_until"]
    rows = pc.less(pc.cast(table["timestamp"], "string"), until)
    return float(pc.stddev(table.filter(rows)[column]).as_py())


def whole_weeks(name: str) -> list[tuple[str, dict[str, Any]]]:
    about = meta(name)
    first, last = about["reference_until"][:10], about["last"][:10]
    chunks = expected(name)["chunks"]
    return [
        (day, chunk) for day, chunk in chunks.items() if first <= day and chunk["end"][:10] <= last
    ]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elec2", "bike_sharing", "hotel_booking"])
def test_every_metric_of_every_week_is_exact(
    name: str, replayed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found, compared = replayed(name, capsys), 0
    for day, chunk in whole_weeks(name):
        for metric, value in chunk["metrics"].items():
            record = found.get((day, metric, ""))
            if value is None or (metric not in EXACT and metric != "roc_auc"):
                continue
            if record is None:  # the last week of a log may not be over
                assert day >= whole_weeks(name)[-1][0]
                continue
            tolerance = 1e-3 if metric == "roc_auc" else 1e-9
            assert math.isclose(record["value"], value, rel_tol=1e-9, abs_tol=tolerance), (
                day,
                metric,
                record["value"],
                value,
            )
            compared += 1
    assert compared > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elec2", "bike_sharing", "hotel_booking"])
def test_every_distance_of_every_week_agrees_with_scipy(
    name: str, replayed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found, compared = replayed(name, capsys), 0
    for day, chunk in whole_weeks(name):
        for column, facts in chunk["columns"].items():
            if "ks" not in facts or (day, "ks", column) not in found:
                continue
            assert found[day, "ks", column]["value"] == pytest.approx(facts["ks"], abs=5e-3)
            sd = reference_sd(name, column)
            if sd > 1e-9:  # a constant reference has no scale that scipy could tell
                exact = facts["wasserstein"] / sd
                value = found[day, "wasserstein", column]["value"]
                assert value == pytest.approx(exact, rel=1e-2, abs=1e-3), (day, column)
            compared += 1
    assert compared > 100


@pytest.mark.slow
@pytest.mark.parametrize("name", ["elec2", "bike_sharing", "hotel_booking"])
def test_what_must_be_flagged_is_and_what_must_not_is_not(
    name: str, replayed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed(name, capsys)
    weeks = {day for day, _, _ in found}

    def flagged(day: str, column: str) -> bool:
        return any(
            record["verdict"] in ("warning", "critical")
            for (when, check, where), record in found.items()
            if (when, where) == (day, column) and check in ("wasserstein", "jensen_shannon")
        )

    verdict = expected(name)["verdict"]
    must = [pair for pair in verdict["drift_must_flag"] if pair[0] in weeks]
    must_not = [pair for pair in verdict["drift_must_not_flag"] if pair[0] in weeks]
    missed = [pair for pair in must if not flagged(*pair)]
    cried = [pair for pair in must_not if flagged(*pair)]
    assert must
    assert not missed, f"{len(missed)} of {len(must)} missed: {missed[:5]}"
    assert not cried, f"{len(cried)} of {len(must_not)} cried wolf: {cried[:5]}"


@pytest.mark.slow
def test_features_that_were_constant_are_found_in_each_week_in_which_they_vary(
    replayed: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    found = replayed("elec2", capsys)
    weeks = sorted({day for day, _, _ in found if day >= "1997-05-05"})
    assert len(weeks) > 80
    for day in weeks:
        for column in ("vicprice", "vicdemand", "transfer"):
            verdicts = {
                check: found[day, check, column]["verdict"]
                for check in ("wasserstein", "jensen_shannon", "psi", "ks")
            }
            assert set(verdicts.values()) <= {"critical", "warning"}, (day, column, verdicts)
            assert verdicts["jensen_shannon"] == "critical", (day, column, verdicts)
