"""The dashboard of all models: who is in trouble, who is late, and whether the daemon works."""

from __future__ import annotations

from monitor import metrics
from monitor.dashboards.layout import INSTANCE, JOB, MODELS, dashboard
from monitor.dashboards.panels import (
    Json,
    Query,
    Row,
    Shown,
    increase,
    override,
    rate,
    series,
    stat,
    state_timeline,
    steps,
    table,
    timeseries,
    verdict_mappings,
    words,
    worst,
)

SEVERITY = series(metrics.CHECK_SEVERITY)
WORST = worst(SEVERITY, "model")
NEWEST_WINDOW = 'check=""'
NEWEST_WINDOW_END = f"max by (model) ({series(metrics.WINDOW_END, NEWEST_WINDOW)})"
OPEN_INCIDENTS = f"max by (model, severity) ({series(metrics.INCIDENTS_OPEN)})"

MODEL_LINK: Json = {
    "title": "Show this model",
    "url": "/d/modelmon-model?${datasource:queryparam}&${job:queryparam}&${instance:queryparam}"
    "&${__url_time_range}&var-model=",
}
COUNTED = steps("text", (1, "orange"))
LATE = steps("text", (3, "orange"))


def fleet() -> Json:
    """All models on one page."""
    return dashboard(
        "modelmon-fleet",
        "modelmon / Fleet",
        "All monitored models: worst verdicts, drift, freshness, alerts, and the daemon itself.",
        (JOB, INSTANCE, MODELS),
        (
            Row("Now", (*_numbers(), _models(), _verdicts_over_time())),
            Row("Drift and freshness", _freshness()),
            Row("Alerts", _alerts()),
            Row("Runs", _runs()),
        ),
    )


def _numbers() -> tuple[Json, ...]:
    best = f"max by (model) ({SEVERITY})"
    none = "or vector(0)"
    ready = words((1, "ready", "green"), (0, "starting", "orange"))
    return (
        stat(
            "Models",
            "Models that the daemon watches.",
            Query(f"count(count by (model) ({series(metrics.WINDOWS_DUE)}))"),
            Shown(),
        ),
        stat(
            "Critical",
            "Models with at least one check beyond its critical limit.",
            Query(f"count({best} == 2) {none}"),
            Shown(thresholds=steps("text", (1, "red"))),
        ),
        stat(
            "Warning",
            "Models whose worst check is beyond its warning limit.",
            Query(f"count({best} == 1) {none}"),
            Shown(thresholds=COUNTED),
        ),
        stat(
            "Not judged",
            "Models of whose newest window nothing could be judged: no data, too few rows, errors.",
            Query(f"count({best} < 0) {none}"),
            Shown(thresholds=steps("text", (1, "purple"))),
        ),
        stat(
            "Open incidents",
            "Incidents that are open, acknowledged ones included.",
            Query(f"sum({OPEN_INCIDENTS})"),
            Shown(thresholds=COUNTED),
        ),
        stat(
            "Windows due",
            "Windows that should have been evaluated by now, over all models.",
            Query(f"sum(max by (model) ({series(metrics.WINDOWS_DUE)}))"),
            Shown(thresholds=LATE),
        ),
        stat(
            "Daemon",
            "Whether every chosen daemon has looked at all of its models since it was started.",
            Query(f"min({series(metrics.READY)})"),
            Shown(mappings=ready),
        ),
        stat(
            "State as of",
            "When the state shown here was taken. If it stands still, the daemon hangs.",
            Query(f"min({series(metrics.SNAPSHOT_TIME)}) * 1000"),
            Shown(unit="dateTimeFromNow"),
        ),
    )


def _models() -> Json:
    verdicts = verdict_mappings()
    up = words((1, "readable", "green"), (0, "not readable", "red"))
    coloured = {"type": "color-background", "mode": "basic"}
    link = {**MODEL_LINK, "url": f"{MODEL_LINK['url']}${{__data.fields.model}}"}
    return table(
        "Model by model",
        "One line for each model, as of its newest evaluated window; click a name for its page.",
        (
            Query(WORST, "Worst verdict"),
            Query(f"max by (model) ({series(metrics.DRIFTED_RATIO)})", "Drifted features"),
            Query(f"sum by (model) ({OPEN_INCIDENTS})", "Open incidents"),
            Query(f"max by (model) ({series(metrics.WINDOWS_DUE)})", "Windows due"),
            Query(f"{NEWEST_WINDOW_END} * 1000", "Newest window ended"),
            Query(f"max by (model) ({series(metrics.LAST_SUCCESS)}) * 1000", "Last good run"),
            Query(f"min by (model) ({series(metrics.SOURCE_UP)})", "Log"),
        ),
        Shown(
            no_value="–",
            overrides=(
                override("model", links=[link], displayName="Model"),
                override("Worst verdict", mappings=verdicts, custom__cellOptions=coloured),
                override("Drifted features", unit="percentunit"),
                override("Newest window ended", unit="dateTimeFromNow"),
                override("Last good run", unit="dateTimeFromNow"),
                override("Log", mappings=up),
            ),
        ),
        sort_by="Worst verdict",
    )


def _verdicts_over_time() -> Json:
    return state_timeline(
        "Worst verdict of each model",
        "Trouble where there is any; otherwise what is furthest from a judgement.",
        Query(WORST, "{{model}}"),
        Shown(mappings=verdict_mappings()),
    )


def _freshness() -> tuple[Json, ...]:
    def newest(metric: metrics.Metric) -> str:
        return f"max by (model) ({series(metric)})"

    return (
        timeseries(
            "Drifted features",
            "Share of the judged features that drifted by any method.",
            [Query(newest(metrics.DRIFTED_RATIO), "{{model}}")],
            Shown(unit="percentunit", low=0, high=1),
        ),
        timeseries(
            "Windows due by model",
            "Windows that have ended and settled and are still to be evaluated. It should fall "
            "back to zero after each window.",
            [Query(newest(metrics.WINDOWS_DUE), "{{model}}")],
            Shown(low=0),
        ),
        timeseries(
            "Age of the newest evaluated window",
            "Time since its end: a saw-tooth as high as a window is long, plus the time to settle.",
            [Query(f"time() - {NEWEST_WINDOW_END}", "{{model}}")],
            Shown(unit="s", low=0),
        ),
        timeseries(
            "Age of the newest prediction",
            "Time since the newest row of the newest evaluated window.",
            [Query(f"time() - {newest(metrics.NEWEST_ROW)}", "{{model}}")],
            Shown(unit="s", low=0),
        ),
        timeseries(
            "Label coverage of the newest window",
            "Share of its predictions whose truth is known. It is low as long as labels come late.",
            [Query(newest(metrics.LABEL_COVERAGE), "{{model}}")],
            Shown(unit="percentunit", low=0, high=1),
        ),
        timeseries(
            "Time since the last good run",
            "Time since a run of the model ended without a failure.",
            [Query(f"time() - {newest(metrics.LAST_SUCCESS)}", "{{model}}")],
            Shown(unit="s", low=0),
        ),
    )


def _alerts() -> tuple[Json, ...]:
    sent, failed = series(metrics.ALERTS_SENT), series(metrics.ALERT_FAILURES)
    return (
        timeseries(
            "Open incidents by severity",
            "Acknowledged ones are counted.",
            [Query(f"sum by (severity) ({OPEN_INCIDENTS})", "{{severity}}")],
            Shown(
                low=0,
                overrides=(
                    override("critical", color={"mode": "fixed", "fixedColor": "red"}),
                    override("warning", color={"mode": "fixed", "fixedColor": "orange"}),
                ),
            ),
            size=(8, 8),
            stacked=True,
        ),
        timeseries(
            "Messages sent and attempts that failed",
            "A failed attempt is repeated unless the channel refused the message for good.",
            [
                Query(f"sum by (channel) ({increase(sent)})", "{{channel}} sent"),
                Query(f"sum by (channel, reason) ({increase(failed)})", "{{channel}}: {{reason}}"),
            ],
            Shown(low=0),
            size=(8, 8),
        ),
        timeseries(
            "Messages waiting",
            "Messages that wait to be sent. More than zero for long means that nobody is told.",
            [Query(f"sum by (instance) ({series(metrics.ALERT_QUEUE)})", "{{instance}}")],
            Shown(low=0),
            size=(8, 8),
        ),
    )


def _runs() -> tuple[Json, ...]:
    runs, failures = series(metrics.RUNS), series(metrics.RUN_FAILURES)
    buckets = rate(series(metrics.RUN_DURATION, suffix="_bucket"))
    up = words((1, "readable", "green"), (0, "not readable", "red"))
    return (
        state_timeline(
            "Logs",
            "Whether the log of each model could be read.",
            Query(f"min by (model) ({series(metrics.SOURCE_UP)})", "{{model}}"),
            Shown(mappings=up),
            size=(24, 6),
        ),
        timeseries(
            "Runs and failed runs",
            "A run asks for what is due and evaluates it; failures are named by their reason.",
            [
                Query(f"sum by (model) ({rate(runs)})", "{{model}}"),
                Query(f"sum by (model, reason) ({rate(failures)})", "{{model}}: {{reason}}"),
            ],
            Shown(unit="ops", low=0),
        ),
        timeseries(
            "Duration of a run (95th percentile)",
            "How long all but the slowest twentieth of the runs took at most.",
            [Query(f"histogram_quantile(0.95, sum by (model, le) ({buckets}))", "{{model}}")],
            Shown(unit="s", low=0),
        ),
        timeseries(
            "Rows read",
            "Rows read from the log of each model.",
            [Query(f"sum by (model) ({rate(series(metrics.ROWS_READ))})", "{{model}}")],
            Shown(unit="rps", low=0),
            size=(8, 8),
        ),
        timeseries(
            "Series not exported",
            "Series of findings beyond the limit per model; the worst verdicts are kept.",
            [Query(f"max by (model) ({series(metrics.SERIES_DROPPED)})", "{{model}}")],
            Shown(low=0),
            size=(8, 8),
        ),
        table(
            "Daemons",
            "The version of every chosen daemon and when it was started.",
            (
                Query(f"max by (instance, version) ({series(metrics.BUILD_INFO)})", "Up"),
                Query(f"max by (instance) ({series(metrics.STARTED)}) * 1000", "Started"),
            ),
            Shown(overrides=(override("Started", unit="dateTimeFromNow"),)),
            size=(8, 8),
            hidden=("Value #A",),
        ),
    )
