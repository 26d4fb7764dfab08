"""Small real records to store, and a way to compare what comes back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from alerts.incident import Incident
from alerts.message import Cause, Link, Message, Picture
from checks.check import Stat
from checks.log import Anomaly, LogProfile
from checks.outcome import BinaryOutcome
from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from checks.verdict import Verdict
from monitor.baseline import Baseline
from monitor.findings import WHOLE, Finding, Slice
from monitor.store import Record
from monitor.windows import State, Window

START = datetime(2024, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PLAN = Plan(
    columns={"age": NumericPlan(centre=40.0), "city": CategoricalPlan(("Bonn", "Köln"))},
    outcome=BinaryPlan("yes", "no"),
    found={"age": "number", "city": "text"},
    segments={"city": ("Bonn",)},
)


def day(number: int) -> Window:
    """The day of that number."""
    return Window(START + number * DAY, START + (number + 1) * DAY)


def evening(number: int) -> datetime:
    """Shortly after the end of that day."""
    return day(number).end + timedelta(minutes=5)


def portrait(seed: int = 0, rows: int = 200) -> Portrait:
    """A portrait of made-up rows under `PLAN`."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(size=rows)
    truth = (rng.uniform(size=rows) < score).astype(np.int64)
    truth[: rows // 4] = 2
    outcome = BinaryPlan("yes", "no")
    return Portrait(
        PLAN.hash,
        {
            "age": NumericProfile.of(rng.normal(40, 9, rows), NumericPlan(centre=40.0), nulls=3),
            "city": CategoricalProfile.of(
                {"Bonn": rows - 7, "Ulm": 7}, CategoricalPlan(("Bonn", "Köln")), found=("text",)
            ),
        },
        LogProfile.of_window(
            rows, 10.0, 90.0, 100.0, versions={"v1": rows}, anomalies={"late": Anomaly(2, "x1")}
        ),
        BinaryOutcome.of(outcome, (score > 0.5).astype(np.int64), truth, score),
    )


def baseline(model: str = "churn", seed: int = 0) -> Baseline:
    """A baseline of three days."""
    return Baseline(
        model,
        PLAN,
        Window(START, START + 3 * DAY),
        {WHOLE: portrait(seed), Slice("", "city=Bonn"): portrait(seed + 1)},
        {day(number): portrait(seed + number).log for number in range(3)},
        accepted_by="ada",
        note="spring",
        recipe="cafe",
    )


def finding(
    window: Window,
    revision: int = 1,
    *,
    model: str = "churn",
    check: str = "psi",
    column: str = "age",
    cause: str = "features",
    value: float | None = 0.3,
    verdict: Verdict = Verdict.CRITICAL,
    segment: str = "",
) -> Finding:
    """One finding; without a value nothing was measured."""
    stat = None if value is None else Stat(value, 0.28, n_reference=900, n_current=90, where="high")
    where = Slice("", segment)
    said = "0.3 is above the limit 0.25" if value is not None else "no labels yet"
    return Finding(
        model, where, check, column, window, revision, stat, 0.25, "default", verdict, said, cause
    )


def accuracy(window: Window, revision: int = 1, value: float | None = 0.8) -> Finding:
    """A finding of performance."""
    verdict = Verdict.NO_DATA if value is None else Verdict.OK
    return finding(
        window,
        revision,
        check="accuracy",
        column="",
        cause="performance",
        value=value,
        verdict=verdict,
    )


def incident(model: str = "churn", cause: str = "features", since: datetime = START) -> Incident:
    """An open incident that was spoken of."""
    return Incident(
        key=f"{model}/{cause}/{since:%Y%m%d}",
        model=model,
        cause=cause,
        severity="critical",
        state="open",
        since=since,
        last_seen=since,
        last_spoken=since,
        causes=(Cause("psi", "age", 0.3, 0.25, "critical", "Age moved."),),
        judged=since,
        opened_at=since,
    )


def message(about: Incident, reason: str = "opened") -> Message:
    """What is said of an incident."""
    return Message(
        key=about.key,
        model=about.model,
        cause=about.cause,
        severity=about.severity,
        reason=reason,
        title="features drifted: age",
        at=about.last_seen,
        since=about.since,
        facts=(("Rows", "200"),),
        causes=about.causes,
        pictures=(Picture("age", "Age moved up.", b"\x89PNG"),),
        links=(Link("Runbook", "https://example.org/runbook"),),
        command="modelmon explain",
    )


def record(number: int, revision: int = 1, *, model: str = "churn", findings: int = 3) -> Record:
    """All that an evaluation of that day leaves behind: findings, an incident and its letter."""
    window, now = day(number), evening(number)
    trouble = incident(model, since=window.end)
    return Record(
        model=model,
        window=window,
        revision=revision,
        state=State.PROVISIONAL,
        rows=200,
        labels=150,
        portraits={WHOLE: portrait(number), Slice("", "city=Bonn"): portrait(number + 50, 20)},
        findings=tuple(
            finding(window, revision, model=model, column=f"column{i}") for i in range(findings)
        ),
        incidents=(trouble,),
        letters=(("oncall", f"{trouble.key}/opened", message(trouble)),),
        evaluated_at=now + (revision - 1) * DAY,
        known_at=now + (revision - 1) * DAY,
        baseline_version=1,
        config_hash="beef",
    )


def quiet(number: int, revision: int = 1, *found: Finding, state: State | None = None) -> Record:
    """A record of that day with these findings, and no incident."""
    plain = replace(record(number, revision), findings=found, incidents=(), letters=())
    return replace(plain, state=state or State.PROVISIONAL)


def plainly(thing: object) -> object:
    """A value that compares by content, arrays included: with their types, to the last bit."""
    if isinstance(thing, np.ndarray):
        return (thing.dtype.str, thing.shape, thing.tobytes())
    if is_dataclass(thing) and not isinstance(thing, type):
        parts = {each.name: plainly(getattr(thing, each.name)) for each in fields(thing)}
        return (type(thing).__name__, parts)
    if isinstance(thing, Mapping):
        return {key: plainly(value) for key, value in thing.items()}
    return thing
