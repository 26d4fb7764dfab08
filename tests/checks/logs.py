"""The shared prediction logs as outcome profiles, with what scikit-learn says of each week."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.check import Check, NotEnoughData, Stat
from checks.outcome import BinaryOutcome, Outcome, RegressionOutcome
from checks.plan import BinaryPlan, RegressionPlan
from checks.verdict import Verdict, default_limit, judge

SHARED = Path(__file__).resolve().parents[3] / "shared"

needs_data = pytest.mark.skipif(
    not (SHARED / "data").is_dir(), reason="the shared logs are not beside the project"
)
needs_bad = pytest.mark.skipif(
    not (SHARED / "bad").is_dir(), reason="the broken logs are not beside the project"
)


@dataclass(frozen=True)
class Log:
    """A log's outcome profiles: of the reference, and of each week by its first day."""

    reference: Outcome
    weeks: Mapping[str, Outcome]
    expected: Mapping[str, Any]

    def metrics(self, week: str) -> Mapping[str, float]:
        return self.expected["chunks"][week]["metrics"]

    def verdicts(self, check: Check, kind: str) -> dict[str, Verdict | None]:
        """How a check judges the weeks of one kind by its default limit; None where it cannot."""
        limit = default_limit(check, measure(check, self.reference, self.reference))
        found: dict[str, Verdict | None] = {}
        for week in self.expected["verdict"][f"performance_{kind}"]:
            try:
                found[week] = judge(check.compute(self.reference, self.weeks[week]), limit).verdict
            except NotEnoughData:
                found[week] = None
        return found


def measure(check: Check, reference: object, current: object) -> Stat:
    """The number, also where it is too uncertain to be judged."""
    try:
        return check.compute(reference, current)
    except NotEnoughData as shortage:
        assert shortage.stat is not None, shortage.reason
        return shortage.stat


@cache
def log(name: str) -> Log:
    folder = SHARED / "data"
    meta = json.loads((folder / f"{name}.meta.json").read_text())
    expected = json.loads((folder / f"{name}.expected.json").read_text())
    table = pq.read_table(folder / meta["file"])
    times = table["timestamp"].cast(pa.timestamp("us", "UTC")).cast(pa.int64()).to_numpy()
    until = _micros(datetime.fromisoformat(meta["reference_until"]))
    weeks = {}
    for week in expected["chunks"]:
        start = datetime.fromisoformat(week).replace(tzinfo=UTC)
        end = _micros(start + timedelta(days=7))
        weeks[week] = _outcome(table, meta, (times >= max(_micros(start), until)) & (times < end))
    return Log(_outcome(table, meta, times < until), weeks, expected)


def _micros(moment: datetime) -> int:
    return int(moment.timestamp() * 1_000_000)


def _numbers(table: pa.Table, column: str) -> np.ndarray:
    return table[column].cast(pa.float64()).to_numpy()


def _outcome(table: pa.Table, meta: Mapping[str, Any], rows: np.ndarray) -> Outcome:
    told, truth = _numbers(table, "prediction")[rows], _numbers(table, "label")[rows]
    if meta["task"] == "regression":
        return RegressionOutcome.of(RegressionPlan(100.0), told, truth)
    label = np.where(np.isnan(truth), 2, truth).astype(np.int64)
    plan = BinaryPlan("1", "0", meta["threshold"])
    return BinaryOutcome.of(plan, told.astype(np.int64), label, _numbers(table, "score")[rows])
