"""Samples: which numbers a snapshot gives to which metrics; pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import NamedTuple

from checks.text import canonical
from checks.verdict import WORST_FIRST, Verdict
from monitor import metrics
from monitor._version import __version__
from monitor.findings import WHOLE, Finding, ModelSnapshot, Snapshot
from monitor.metrics import Metric

SERIES_PER_MODEL = 10_000
"""So many series of findings a model may have; about a megabyte of exposition."""

DRIFT_CAUSES = frozenset({"features", "predictions", "labels"})
INCIDENT_SEVERITIES = ("warning", "critical")

_STATED = (Verdict.OK, Verdict.WARNING, Verdict.CRITICAL, Verdict.UNDECIDED)


class Sample(NamedTuple):
    """One number of one series; the labels stand in the order of the metric's."""

    metric: Metric
    labels: tuple[str, ...]
    value: float


def samples(snapshot: Snapshot, limit: int = SERIES_PER_MODEL) -> Iterator[Sample]:
    """Every sample of a snapshot but the durations of runs.

    A number that is missing, or measured on too few rows to mean anything, gives no sample; the
    check's severity says why. Of each model at most ``limit`` series come from findings, those
    with the worst verdicts first.
    """
    for model in snapshot.models:
        yield from _of_model(model)
        kept, dropped = _capped(model.findings, limit)
        yield from kept
        yield Sample(metrics.SERIES_DROPPED, label_values(model.model), dropped)
    yield from _of_alerts(snapshot)
    yield from _gauge(metrics.READY, (), snapshot.ready)
    yield from _time(metrics.SNAPSHOT_TIME, (), snapshot.taken)
    yield from _time(metrics.STARTED, (), snapshot.started)
    yield Sample(metrics.BUILD_INFO, (__version__,), 1)


def is_drift(finding: Finding) -> bool:
    """Whether a finding compares the distribution of a column with the reference."""
    return finding.cause in DRIFT_CAUSES and finding.column != ""


def is_performance(finding: Finding) -> bool:
    """Whether a finding holds predictions against labels."""
    return finding.cause == "performance"


def worst_first(finding: Finding) -> tuple[int, bool]:
    """A key that sorts findings: worse verdicts first, and then all rows before slices."""
    return WORST_FIRST.index(finding.verdict), finding.slice != WHOLE


def _of_model(model: ModelSnapshot) -> Iterator[Sample]:
    name = model.model
    of_model = label_values(name)
    yield from _gauge(metrics.DRIFTED_RATIO, of_model, _drifted_share(model.findings))
    yield from _gauge(metrics.LABEL_COVERAGE, of_model, model.label_coverage)
    yield from _gauge(metrics.SOURCE_UP, of_model, model.source_up)
    yield from _time(metrics.LAST_SUCCESS, of_model, model.last_success)
    yield from _time(metrics.NEWEST_ROW, of_model, model.newest_row)
    yield from _windows(model)
    yield Sample(metrics.WINDOWS_DUE, of_model, model.windows_due)
    yield Sample(metrics.RUNS, of_model, model.runs)
    yield Sample(metrics.ROWS_READ, of_model, model.rows_read)
    for reason, count in model.run_failures:
        yield Sample(metrics.RUN_FAILURES, label_values(name, reason), count)
    for severity, count in (dict.fromkeys(INCIDENT_SEVERITIES, 0) | dict(model.incidents)).items():
        yield Sample(metrics.INCIDENTS_OPEN, label_values(name, severity), count)
    if model.version:
        yield Sample(metrics.MODEL_INFO, label_values(name, model.version), 1)


def _windows(model: ModelSnapshot) -> Iterator[Sample]:
    if model.window is None:
        return
    yield Sample(metrics.WINDOW_ROWS, label_values(model.model, "predictions"), model.rows)
    yield from _gauge(metrics.WINDOW_ROWS, label_values(model.model, "labels"), model.labels)
    windows = {"": model.window}
    for finding in model.findings:
        windows[finding.check] = max(finding.window, windows.get(finding.check, finding.window))
    for check, window in windows.items():
        yield from _time(metrics.WINDOW_START, label_values(model.model, check), window.start)
        yield from _time(metrics.WINDOW_END, label_values(model.model, check), window.end)


def _drifted_share(findings: Iterable[Finding]) -> float | None:
    """Of the features with a judgement, the share with a breach by any method."""
    drifted: dict[str, bool] = {}
    for finding in findings:
        feature = finding.cause == "features" and finding.column and finding.slice == WHOLE
        if feature and finding.verdict.judged:
            breach = finding.verdict is not Verdict.OK
            drifted[finding.column] = drifted.get(finding.column, False) or breach
    return sum(drifted.values()) / len(drifted) if drifted else None


def _capped(findings: Iterable[Finding], limit: int) -> tuple[list[Sample], int]:
    """The samples of the worst findings, and how many series did not fit.

    Two findings of one name and place would be two values of one series, which a scrape must not
    hold: the worse one speaks.
    """
    kept: list[Sample] = []
    seen: set[tuple[str, ...]] = set()
    dropped = 0
    for finding in sorted(findings, key=worst_first):
        place = label_values(
            finding.check, finding.column, finding.slice.segment, finding.slice.version
        )
        if place in seen:
            continue
        seen.add(place)
        series = list(_of_finding(finding))
        if dropped or len(kept) + len(series) > limit:
            dropped += len(series)
        else:
            kept += series
    return kept, dropped


def _of_finding(finding: Finding) -> Iterator[Sample]:
    place = (finding.slice.segment, finding.slice.version)
    full = label_values(finding.model, finding.check, finding.column, *place)
    yield Sample(metrics.CHECK_SEVERITY, full, metrics.CODES[finding.verdict])
    if finding.verdict not in _STATED:
        return
    if is_drift(finding):
        yield from _drift(
            finding, label_values(finding.model, finding.column, finding.check, *place)
        )
    elif is_performance(finding):
        by = (place[0] or finding.column, place[1])  # a split by a column is told by its name
        yield from _performance(finding, label_values(finding.model, finding.check, *by))
    else:
        yield from _gauge(metrics.QUALITY, full, finding.value)
        yield from _gauge(metrics.QUALITY_THRESHOLD, full, finding.threshold)


def _drift(finding: Finding, labels: tuple[str, ...]) -> Iterator[Sample]:
    yield from _gauge(metrics.DRIFT_SCORE, labels, finding.judged_value)
    if finding.stat is not None:
        if finding.stat.corrected is not None:
            yield from _gauge(metrics.DRIFT_RAW_SCORE, labels, finding.stat.value)
        yield from _gauge(metrics.DRIFT_P_VALUE, labels, finding.stat.p_value)
    yield from _gauge(metrics.DRIFT_THRESHOLD, labels, finding.threshold)
    if finding.verdict.judged:
        yield from _gauge(metrics.DRIFT_DETECTED, labels, finding.verdict is not Verdict.OK)


def _performance(finding: Finding, labels: tuple[str, ...]) -> Iterator[Sample]:
    if finding.stat is not None:
        yield from _gauge(metrics.PERFORMANCE, labels, finding.stat.value)
        yield from _gauge(metrics.PERFORMANCE_LOWER, labels, finding.stat.low)
        yield from _gauge(metrics.PERFORMANCE_UPPER, labels, finding.stat.high)
    yield from _gauge(metrics.PERFORMANCE_THRESHOLD, labels, finding.threshold)


def _of_alerts(snapshot: Snapshot) -> Iterator[Sample]:
    for channel, count in snapshot.alerts_sent:
        yield Sample(metrics.ALERTS_SENT, label_values(channel), count)
    for channel, reason, count in snapshot.alert_failures:
        yield Sample(metrics.ALERT_FAILURES, label_values(channel, reason), count)
    yield Sample(metrics.ALERT_QUEUE, (), snapshot.alert_queue)


def _gauge(metric: Metric, labels: tuple[str, ...], value: float | None) -> Iterator[Sample]:
    if value is not None and math.isfinite(value):
        yield Sample(metric, labels, float(value))


def _time(metric: Metric, labels: tuple[str, ...], moment: datetime | None) -> Iterator[Sample]:
    if moment is not None:
        yield Sample(metric, labels, moment.timestamp())


def label_values(*texts: str) -> tuple[str, ...]:
    """Label values that any encoder takes: no lone surrogates, and no novels."""
    return tuple(canonical(text.encode("utf-8", "replace").decode()) for text in texts)
