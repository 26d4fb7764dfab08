"""Every metric that modelmon exports: its name, kind, help and labels, declared once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from checks.verdict import Verdict

Kind = Literal["gauge", "counter", "histogram", "info"]


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric; a label that does not apply to a series is empty, which is to Prometheus absent.

    >>> Metric("modelmon_x_seconds", "gauge", "How long x took.", ("model",)).unit
    'seconds'
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """The base unit that ends the name, or an empty text for a plain number."""
        suffix = self.name.rpartition("_")[2]
        return suffix if suffix in ("seconds", "ratio") else ""


CODES: Mapping[Verdict, int] = {
    Verdict.OK: 0,
    Verdict.WARNING: 1,
    Verdict.CRITICAL: 2,
    Verdict.UNDECIDED: -1,
    Verdict.INSUFFICIENT: -2,
    Verdict.NO_DATA: -3,
    Verdict.ERROR: -4,
}
"""Verdicts as numbers: above zero is trouble, below zero is no judgement, and more so further off.

The worst of several is their maximum where that is above zero, and their minimum otherwise.
"""

RUN_BUCKETS = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0)

_SLICE = ("segment", "version")
_DRIFT = ("model", "feature", "method", *_SLICE)
_PERFORMANCE = ("model", "metric", *_SLICE)
_FINDING = ("model", "check", "column", *_SLICE)

DRIFT_SCORE = Metric(
    "modelmon_drift_score",
    "gauge",
    "Distance of a column from the reference, as judged: without its expected noise where the "
    "method knows it.",
    _DRIFT,
)
DRIFT_RAW_SCORE = Metric(
    "modelmon_drift_raw_score",
    "gauge",
    "The same distance with its expected noise still in it; only for methods that take it out.",
    _DRIFT,
)
DRIFT_THRESHOLD = Metric(
    "modelmon_drift_threshold",
    "gauge",
    "The limit that the drift score was held against.",
    _DRIFT,
)
DRIFT_DETECTED = Metric(
    "modelmon_drift_detected",
    "gauge",
    "1 if the drift score is beyond its limit, 0 if it is not; absent where it was not judged.",
    _DRIFT,
)
DRIFT_P_VALUE = Metric(
    "modelmon_drift_p_value",
    "gauge",
    "p-value of the drift test, for methods that are tests.",
    _DRIFT,
)
DRIFTED_RATIO = Metric(
    "modelmon_drifted_features_ratio",
    "gauge",
    "Share of the judged features (all rows, no slices) that drifted by any method.",
    ("model",),
)
PERFORMANCE = Metric(
    "modelmon_performance",
    "gauge",
    "Performance of the model on the newest window with enough labels.",
    _PERFORMANCE,
)
PERFORMANCE_LOWER = Metric(
    "modelmon_performance_lower",
    "gauge",
    "Lower end of the 95 % interval of the performance.",
    _PERFORMANCE,
)
PERFORMANCE_UPPER = Metric(
    "modelmon_performance_upper",
    "gauge",
    "Upper end of the 95 % interval of the performance.",
    _PERFORMANCE,
)
PERFORMANCE_THRESHOLD = Metric(
    "modelmon_performance_threshold",
    "gauge",
    "The limit that the performance was held against.",
    _PERFORMANCE,
)
LABEL_COVERAGE = Metric(
    "modelmon_label_coverage_ratio",
    "gauge",
    "Share of the newest window's predictions whose label has arrived.",
    ("model",),
)
QUALITY = Metric(
    "modelmon_quality",
    "gauge",
    "What a data-quality check measured; its unit is that of the check.",
    _FINDING,
)
QUALITY_THRESHOLD = Metric(
    "modelmon_quality_threshold",
    "gauge",
    "The limit that the data-quality check was held against.",
    _FINDING,
)
CHECK_SEVERITY = Metric(
    "modelmon_check_severity",
    "gauge",
    "Verdict of a check: 0 ok, 1 warning, 2 critical, -1 undecided, -2 insufficient, -3 no_data, "
    "-4 error.",
    _FINDING,
)
WINDOW_ROWS = Metric(
    "modelmon_window_rows",
    "gauge",
    "Rows of the newest evaluated window, by kind: predictions, or labels that have arrived.",
    ("model", "kind"),
)
WINDOW_START = Metric(
    "modelmon_window_start_timestamp_seconds",
    "gauge",
    "Start of the newest evaluated window; with a check, of the window that its numbers are from.",
    ("model", "check"),
)
WINDOW_END = Metric(
    "modelmon_window_end_timestamp_seconds",
    "gauge",
    "End of the newest evaluated window; with a check, of the window that its numbers are from.",
    ("model", "check"),
)
WINDOWS_DUE = Metric(
    "modelmon_windows_due",
    "gauge",
    "Windows that have ended and settled and are still to be evaluated.",
    ("model",),
)
NEWEST_ROW = Metric(
    "modelmon_newest_row_timestamp_seconds",
    "gauge",
    "Time of the newest prediction in the newest evaluated window.",
    ("model",),
)
SOURCE_UP = Metric(
    "modelmon_source_up",
    "gauge",
    "1 if the model's log could be read the last time, 0 if not; absent before the first time.",
    ("model",),
)
LAST_SUCCESS = Metric(
    "modelmon_last_success_timestamp_seconds",
    "gauge",
    "When the model's last run without a failure ended.",
    ("model",),
)
RUNS = Metric(
    "modelmon_runs_total",
    "counter",
    "Runs of a model, whether they failed or not.",
    ("model",),
)
RUN_FAILURES = Metric(
    "modelmon_run_failures_total",
    "counter",
    "Runs of a model that failed.",
    ("model", "reason"),
)
RUN_DURATION = Metric(
    "modelmon_run_duration_seconds",
    "histogram",
    "How long the runs of a model took.",
    ("model",),
)
ROWS_READ = Metric(
    "modelmon_rows_read_total",
    "counter",
    "Rows read from the model's log.",
    ("model",),
)
SERIES_DROPPED = Metric(
    "modelmon_series_dropped",
    "gauge",
    "Series of the model's findings that are not exported because there are too many; the worst "
    "verdicts are kept.",
    ("model",),
)
MODEL_INFO = Metric(
    "modelmon_model_info",
    "info",
    "The version of the model that made the newest predictions.",
    ("model", "version"),
)
INCIDENTS_OPEN = Metric(
    "modelmon_incidents_open",
    "gauge",
    "Incidents of a model that are open, acknowledged ones included.",
    ("model", "severity"),
)
ALERTS_SENT = Metric(
    "modelmon_alerts_sent_total",
    "counter",
    "Messages that a channel accepted.",
    ("channel",),
)
ALERT_FAILURES = Metric(
    "modelmon_alert_failures_total",
    "counter",
    "Attempts to send a message that failed.",
    ("channel", "reason"),
)
ALERT_QUEUE = Metric(
    "modelmon_alert_queue_depth",
    "gauge",
    "Messages that wait to be sent.",
)
READY = Metric(
    "modelmon_ready",
    "gauge",
    "1 once the daemon has read its state and looked at every model, 0 before.",
)
SNAPSHOT_TIME = Metric(
    "modelmon_snapshot_timestamp_seconds",
    "gauge",
    "When the state shown here was taken; it stands still if the daemon hangs.",
)
STARTED = Metric(
    "modelmon_start_timestamp_seconds",
    "gauge",
    "When the daemon was started.",
)
BUILD_INFO = Metric(
    "modelmon_build_info",
    "info",
    "The version of modelmon.",
    ("version",),
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
"""All of the above, in their order."""
