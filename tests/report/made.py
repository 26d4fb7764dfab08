"""A made-up report with every verdict, slices, pictures and history, without any chance."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from scipy.special import ndtri

from checks.check import Stat
from checks.plan import CategoricalPlan, NumericPlan
from checks.portrait import ColumnProfile
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Verdict
from monitor.findings import WHOLE, Finding, Slice
from monitor.report import Compared, Report
from monitor.windows import Window

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "report"
DAY = Window(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC))
GERMANY = Slice(segment="country=de")


def golden(name: str, text: str) -> None:
    """Compare with a kept file, byte by byte; MODELMON_UPDATE_GOLDEN=1 keeps what is there now."""
    if os.environ.get("MODELMON_UPDATE_GOLDEN") == "1":
        (GOLDEN / name).write_bytes(text.encode())
    assert text.encode() == (GOLDEN / name).read_bytes()


def finding(
    check: str,
    column: str = "",
    verdict: Verdict = Verdict.OK,
    stat: Stat | None = None,
    threshold: float | None = None,
    *,
    reason: str = "",
    cause: str = "features",
    place: Slice = WHOLE,
    window: Window = DAY,
    revision: int = 1,
    model: str = "churn",
) -> Finding:
    rule = "" if threshold is None else "default"
    return Finding(
        model, place, check, column, window, revision, stat, threshold, rule, verdict, reason, cause
    )


def performance(
    check: str,
    value: float,
    low: float,
    high: float,
    limit: float,
    verdict: Verdict,
    window: Window,
) -> Finding:
    stat = Stat(value, low=low, high=high, n_current=400)
    reason = f"{value:.4g} is below the limit {limit:.4g}" if verdict is Verdict.CRITICAL else ""
    return finding(
        check, "", verdict, stat, limit, reason=reason, cause="performance", window=window
    )


def numeric(values: np.ndarray, **counts: int) -> NumericProfile:
    return NumericProfile.of(values.astype(np.float64), NumericPlan(), found=("number",), **counts)


def levels(plan: CategoricalPlan, counts: dict[str, int], **more: int) -> CategoricalProfile:
    return CategoricalProfile.of(counts, plan, found=("text",), **more)


def bell(centre: float, width: float, rows: int) -> np.ndarray:
    """Whole numbers that are spread like a normal distribution, without any chance."""
    return np.rint(centre + width * ndtri((np.arange(rows) + 0.5) / rows))


DEVICES = CategoricalPlan(("mobile", "desktop", "tablet"))
REFERENCE: dict[str, ColumnProfile] = {
    "age": numeric(bell(42, 11, 4000)),
    "device": levels(DEVICES, {"mobile": 1800, "desktop": 1600, "tablet": 600}),
    "coupon": numeric(bell(10, 2, 4000)),
}
CURRENT: dict[str, ColumnProfile] = {
    "age": numeric(bell(51, 12, 558), nulls=42),
    "device": levels(DEVICES, {"mobile": 200, "desktop": 270, "tablet": 70, "smart fridge": 60}),
    "coupon": numeric(np.empty(0), nulls=600),
}

FINDINGS = (
    finding(
        "wasserstein",
        "age",
        Verdict.CRITICAL,
        Stat(0.83, corrected=0.82, n_reference=4000, n_current=558, where="shifted up"),
        0.3,
        reason="0.82 (0.83 before its noise is taken out) is above the limit 0.3, at shifted up",
    ),
    finding(
        "ks",
        "age",
        Verdict.WARNING,
        Stat(0.19, p_value=1e-15),
        0.1,
        reason="0.19 is above the limit 0.1",
    ),
    finding(
        "missing",
        "age",
        Verdict.WARNING,
        Stat(0.07, low=0.052, high=0.0934, n_current=600),
        0.05,
        reason="0.07 is above the limit 0.05: 42 of 600 rows",
        cause="nulls",
    ),
    finding("jensen_shannon", "device", Verdict.OK, Stat(0.08, corrected=0.07), 0.1),
    finding(
        "new_categories",
        "device",
        Verdict.CRITICAL,
        Stat(0.1, where="60 rows: 'smart fridge'"),
        0.05,
        reason="0.1 is above the limit 0.05: 60 rows: 'smart fridge'",
        cause="new_categories",
    ),
    finding("wasserstein", "coupon", Verdict.NO_DATA, reason="no values in the window"),
    finding("psi", "tenure", Verdict.INSUFFICIENT, Stat(0.5), reason="37 values, 100 needed"),
    finding(
        "psi", "plan", Verdict.UNDECIDED, Stat(0.04), reason="no limit is set: shown, not judged"
    ),
    finding(
        "freshness",
        verdict=Verdict.ERROR,
        reason="freshness failed: ValueError: a <b>strange</b> timestamp",
        cause="stale",
    ),
    finding("row_count", "", Verdict.OK, Stat(600.0), 290.0, cause="volume"),
    finding("psi", "age", Verdict.CRITICAL, Stat(0.5), 0.25, place=GERMANY),
    performance("roc_auc", 0.71, 0.66, 0.76, 0.78, Verdict.CRITICAL, DAY),
)


def before(days: int) -> Window:
    """The day so many days before."""
    return Window(DAY.start - timedelta(days=days), DAY.end - timedelta(days=days))


HISTORY = (
    performance("roc_auc", 0.84, 0.80, 0.88, 0.78, Verdict.OK, before(6)),
    performance("roc_auc", 0.85, 0.81, 0.89, 0.78, Verdict.OK, before(5)),
    finding(
        "roc_auc",
        verdict=Verdict.NO_DATA,
        reason="no rows",
        cause="performance",
        window=before(4),
    ),
    performance("roc_auc", 0.83, 0.79, 0.87, 0.78, Verdict.OK, before(3)),
    performance("roc_auc", 0.80, 0.75, 0.85, 0.78, Verdict.UNDECIDED, before(2)),
    performance("roc_auc", 0.77, 0.72, 0.82, 0.78, Verdict.UNDECIDED, before(1)),
    finding("wasserstein", "age", Verdict.OK, Stat(0.02), 0.1, window=before(2)),
    finding("wasserstein", "age", Verdict.WARNING, Stat(0.2), 0.1, window=before(1)),
)

REPORT = Report(
    title="churn, 1 March 2026",
    model="churn",
    generated_at=datetime(2026, 3, 2, 6, 0, tzinfo=UTC),
    compared=Compared("January and February 2026", "1 March 2026", 4000, 600, "version 3"),
    findings=FINDINGS,
    reference=REFERENCE,
    current=CURRENT,
    history=HISTORY,
    notices=("customer_id: nearly every row has a value of its own; left out as an id",),
    version="1.2.3",
    provisional=frozenset({before(1), DAY}),
    norms={"roc_auc": 0.84},
)


def report(*findings: Finding, **changes: object) -> Report:
    """The report on a few findings only, without pictures or history."""
    bare = replace(REPORT, findings=findings, reference={}, current={}, history=(), notices=())
    return replace(bare, **changes)
