"""A made-up fleet of models: snapshots with every verdict, slices, versions and broken parts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from checks.check import Stat
from checks.verdict import Verdict
from monitor.findings import WHOLE, Finding, ModelSnapshot, Slice, Snapshot
from monitor.windows import State, Window

NOON = datetime(2024, 3, 14, 12, tzinfo=UTC)
DAY = Window(datetime(2024, 3, 13, tzinfo=UTC), datetime(2024, 3, 14, tzinfo=UTC))
MATURE_DAY = Window(datetime(2024, 3, 6, tzinfo=UTC), datetime(2024, 3, 7, tzinfo=UTC))
GERMANY = Slice(segment="country=de")
NEW_VERSION = Slice(version="v8")


def finding(
    check: str,
    column: str = "",
    verdict: Verdict = Verdict.OK,
    stat: Stat | None = None,
    threshold: float | None = None,
    *,
    cause: str = "features",
    place: Slice = WHOLE,
    window: Window = DAY,
    reason: str = "",
    model: str = "churn",
) -> Finding:
    rule = "" if threshold is None else "default"
    return Finding(
        model, place, check, column, window, 1, stat, threshold, rule, verdict, reason, cause
    )


CHURN = (
    finding(
        "wasserstein", "age", Verdict.CRITICAL, Stat(0.41, corrected=0.4), 0.3,
        reason="0.4 (0.41 before its noise is taken out) is above the limit 0.3, at shifted up",
    ),
    finding("psi", "age", Verdict.WARNING, Stat(0.14, corrected=0.12), 0.1,
            reason="0.12 (0.14 before its noise is taken out) is above the limit 0.1"),
    finding("ks", "age", Verdict.OK, Stat(0.08, p_value=0.03), 0.1),
    finding("wasserstein", "income", Verdict.OK, Stat(0.02, corrected=0.0), 0.1),
    finding("psi", "plan", Verdict.OK, Stat(0.03, corrected=0.01), 0.1),
    finding("ks", "tenure", Verdict.INSUFFICIENT, Stat(0.5), 0.1,
            reason="37 values, 100 needed"),
    finding("psi", "coupon", Verdict.NO_DATA, reason="no values"),
    finding("chi_square", "plan", Verdict.UNDECIDED, Stat(4.2, p_value=0.24),
            reason="no limit is set: shown, not judged"),
    finding("psi", "score", Verdict.OK, Stat(0.02), 0.1, cause="predictions"),
    finding("psi", "age", Verdict.CRITICAL, Stat(0.5), 0.25, place=GERMANY),
    finding("psi", "age", Verdict.OK, Stat(0.05), 0.25, place=NEW_VERSION),
    finding("missing", "income", Verdict.WARNING, Stat(0.08, low=0.06, high=0.1), 0.05,
            cause="nulls", reason="0.08 is above the limit 0.05"),
    finding("schema", "age", Verdict.OK, Stat(0.0), 0.0, cause="schema"),
    finding("row_count", "", Verdict.OK, Stat(612.0), 290.0, cause="volume"),
    finding("freshness", "", Verdict.ERROR, cause="stale",
            reason="freshness failed: ValueError: a <b>strange</b> timestamp"),
    finding("roc_auc", "", Verdict.CRITICAL, Stat(0.71, low=0.66, high=0.76), 0.8,
            cause="performance", window=MATURE_DAY, reason="0.71 is below the limit 0.8"),
    finding("accuracy", "", Verdict.OK, Stat(0.91, low=0.88, high=0.93), 0.85,
            cause="performance", window=MATURE_DAY),
    finding("roc_auc", "", Verdict.UNDECIDED, Stat(0.79, low=0.7, high=0.87), 0.8,
            cause="performance", window=MATURE_DAY, place=GERMANY,
            reason="the interval still contains the limit 0.8"),
)  # fmt: skip


def churn(now: datetime = NOON, runs: int = 210) -> ModelSnapshot:
    """A model in trouble, with every verdict there is."""
    return ModelSnapshot(
        "churn",
        version="v8",
        window=DAY,
        state=State.PROVISIONAL,
        revision=2,
        rows=612,
        labels=245,
        label_coverage=245 / 612,
        newest_row=now - timedelta(hours=12, minutes=3),
        findings=CHURN,
        source_up=True,
        last_success=now - timedelta(minutes=4),
        windows_due=1,
        runs=runs,
        run_failures=(("unreachable", 2), ("internal", 1)),
        run_seconds=(0.4, 0.6, 3.0, 42.0),
        rows_read=128_520 + runs,
        incidents=(("critical", 1), ("warning", 2)),
    )


def elec2(now: datetime = NOON, runs: int = 90) -> ModelSnapshot:
    """A model within its limits."""
    fine = (
        finding("psi", "nswprice", Verdict.OK, Stat(0.04, corrected=0.02), 0.1, model="elec2"),
        finding("missing", "nswprice", Verdict.OK, Stat(0.0), 0.05, cause="nulls", model="elec2"),
        finding(
            "accuracy", "", Verdict.OK, Stat(0.83, low=0.8, high=0.86), 0.75,
            cause="performance", model="elec2",
        ),
    )  # fmt: skip
    return ModelSnapshot(
        "elec2",
        version="3",
        window=DAY,
        state=State.FINAL,
        revision=1,
        rows=336,
        labels=336,
        label_coverage=1.0,
        newest_row=now - timedelta(hours=12, minutes=30),
        findings=fine,
        source_up=True,
        last_success=now - timedelta(minutes=4),
        runs=runs,
        run_seconds=(0.2,) * 4,
        rows_read=45_312,
    )


def fraud() -> ModelSnapshot:
    """A model whose log has never been readable."""
    return ModelSnapshot(
        "fraud",
        source_up=False,
        runs=5,
        run_failures=(("unreachable", 5),),
        incidents=(("critical", 1),),
    )


def fleet(now: datetime = NOON, runs: int = 210) -> Snapshot:
    return Snapshot(
        (churn(now, runs), elec2(now, runs - 120), fraud()),
        alerts_sent=(("mail", 3), ("slack", runs)),
        alert_failures=(("slack", "rate_limited", runs - 200),),
        alert_queue=1,
        started=now - timedelta(days=3),
        ready=True,
        taken=now,
    )
