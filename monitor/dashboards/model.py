"""The dashboard of one model: what drifted, how it performs, and what could not be judged."""

from __future__ import annotations

from functools import partial

from monitor import metrics
from monitor.dashboards.layout import INSTANCE, JOB, ONE_MODEL, Variable, dashboard
from monitor.dashboards.panels import (
    COLOURS,
    Json,
    Query,
    Row,
    Shown,
    bar_gauge,
    override,
    override_like,
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
from monitor.metrics import CODES, Metric

MODEL = 'model="$model"'
WHOLE = ('segment=""', 'version=""')
CHOSEN = ('feature=~"$feature"', 'method=~"$method"', *WHOLE)

of_model = partial(series, model=MODEL)
SEVERITY = of_model(metrics.CHECK_SEVERITY)
WHOLE_SEVERITY = of_model(metrics.CHECK_SEVERITY, *WHOLE)

DASHED = {"fill": "dash", "dash": [8, 8]}
RED = {"mode": "fixed", "fixedColor": "red"}


def model() -> Json:
    """One model on one page."""
    return dashboard(
        "modelmon-model",
        "modelmon / Model",
        "One model: drift, performance with its interval, data quality and every verdict.",
        (
            JOB,
            INSTANCE,
            ONE_MODEL,
            _values_of("feature", "Feature", metrics.DRIFT_SCORE),
            _values_of("method", "Drift method", metrics.DRIFT_SCORE),
            _values_of("metric", "Metric", metrics.PERFORMANCE),
            _values_of("quality", "Quality check", metrics.QUALITY, label="check"),
        ),
        (
            Row("Now", _numbers()),
            Row("Drift", _drift()),
            Row("Performance", _performance()),
            Row("Data quality", _quality()),
            Row("Verdicts", _verdicts()),
            Row("Segments and versions", _slices()),
            Row("Runs", _runs()),
        ),
        model=MODEL,
    )


def _values_of(name: str, title: str, metric: Metric, *, label: str = "") -> Variable:
    return Variable(name, title, f"label_values({of_model(metric, *WHOLE)}, {label or name})")


def _now(metric: Metric, *matchers: str) -> str:
    """One number, though several daemons may watch the model."""
    return f"max({of_model(metric, *matchers)})"


def _numbers() -> tuple[Json, ...]:
    verdict = f"(max({SEVERITY}) > 0) or min({SEVERITY})"
    up = words((1, "readable", "green"), (0, "not readable", "red"))
    incidents = f"sum(max by (severity) ({of_model(metrics.INCIDENTS_OPEN)}))"
    window_end = _now(metrics.WINDOW_END, 'check=""')
    return (
        stat(
            "Worst verdict",
            "Trouble where there is any; otherwise what is furthest from a judgement.",
            Query(verdict),
            Shown(mappings=verdict_mappings()),
        ),
        stat(
            "Drifted features",
            "Share of the judged features that drifted by any method.",
            Query(_now(metrics.DRIFTED_RATIO)),
            Shown(unit="percentunit"),
        ),
        stat(
            "Open incidents",
            "Incidents that are open, acknowledged ones included.",
            Query(incidents),
            Shown(thresholds=steps("text", (1, "orange"))),
        ),
        stat(
            "Newest window ended",
            "The end of the newest evaluated window; drift and data quality are about it.",
            Query(f"{window_end} * 1000"),
            Shown(unit="dateTimeFromNow"),
        ),
        stat(
            "Predictions",
            "Rows of the newest evaluated window.",
            Query(_now(metrics.WINDOW_ROWS, 'kind="predictions"')),
            Shown(),
        ),
        stat(
            "Label coverage",
            "Share of the newest window's predictions whose truth is known.",
            Query(_now(metrics.LABEL_COVERAGE)),
            Shown(unit="percentunit"),
        ),
        stat(
            "Version",
            "The version that made the newest predictions.",
            Query(f"max by (version) ({of_model(metrics.MODEL_INFO)})", "{{version}}"),
            Shown(unit="none"),
        ),
        stat(
            "Log",
            "Whether the model's log could be read the last time.",
            Query(f"min({of_model(metrics.SOURCE_UP)})"),
            Shown(mappings=up),
        ),
    )


def _drift() -> tuple[Json, ...]:
    score = of_model(metrics.DRIFT_SCORE, *CHOSEN)
    threshold = of_model(metrics.DRIFT_THRESHOLD, *CHOSEN)
    ratio = f"max by (feature, method) ({score} / ({threshold} > 0))"
    over = steps("green", (1, "orange"), (2, "red"))
    return (
        timeseries(
            "Drift score over its limit",
            "One scale for all methods: beyond 1 the limit is broken.",
            [Query(ratio, "{{feature}}, {{method}}")],
            Shown(low=0, thresholds=steps("transparent", (1, "red"))),
        ),
        bar_gauge(
            "Most drifted features",
            "The ten features furthest beyond (or nearest to) their limit in the newest window; "
            "beyond 1 the limit is broken.",
            Query(f"sort_desc(topk(10, max by (feature) ({ratio})))", "{{feature}}"),
            Shown(low=0, thresholds=over),
        ),
        timeseries(
            "$method: score and limit",
            "The number that is judged, for each feature, and the limits dashed in red.",
            [
                Query(f"max by (feature) ({score})", "{{feature}}"),
                Query(f"max by (feature) ({threshold})", "{{feature}} limit"),
            ],
            Shown(
                low=0,
                overrides=(
                    override_like(
                        "/ limit$/", custom__lineStyle=DASHED, custom__lineWidth=1, color=RED
                    ),
                ),
            ),
            size=(8, 8),
            repeat="method",
        ),
        state_timeline(
            "Drift detected",
            "For each feature, whether any method broke its limit; a gap where nothing was judged.",
            Query(f"max by (feature) ({of_model(metrics.DRIFT_DETECTED, *CHOSEN)})", "{{feature}}"),
            Shown(mappings=words((1, "drift", "red"), (0, "within the limit", "green"))),
        ),
        table(
            "Drift now",
            "Every score of the newest window, before and after its expected noise is taken out.",
            (
                Query(f"max by (feature, method) ({score})", "Score"),
                Query(f"max by (feature, method) ({threshold})", "Limit"),
                Query(ratio, "Score / limit"),
                Query(
                    f"max by (feature, method) ({of_model(metrics.DRIFT_RAW_SCORE, *CHOSEN)})",
                    "With noise",
                ),
                Query(
                    f"max by (feature, method) ({of_model(metrics.DRIFT_P_VALUE, *CHOSEN)})",
                    "p-value",
                ),
            ),
            Shown(no_value="–"),
            sort_by="Score / limit",
        ),
    )


def _performance() -> tuple[Json, ...]:
    chosen = ('metric=~"$metric"', *WHOLE)
    rows = of_model(metrics.WINDOW_ROWS)
    judged_window = of_model(metrics.WINDOW_END, 'check=~"$metric"')

    def by_metric(metric: Metric) -> str:
        return f"max by (metric) ({of_model(metric, *chosen)})"

    band = {"custom__lineWidth": 0, "color": {"mode": "fixed", "fixedColor": "blue"}}
    return (
        timeseries(
            "$metric",
            "With its 95 % interval and its limit, on the newest window with enough labels. Only "
            "an interval wholly beyond the limit is a breach.",
            [
                Query(by_metric(metrics.PERFORMANCE), "{{metric}}"),
                Query(by_metric(metrics.PERFORMANCE_LOWER), "lower"),
                Query(by_metric(metrics.PERFORMANCE_UPPER), "upper"),
                Query(by_metric(metrics.PERFORMANCE_THRESHOLD), "limit"),
            ],
            Shown(
                overrides=(
                    override("lower", **band),
                    override("upper", **band, custom__fillBelowTo="lower", custom__fillOpacity=15),
                    override("limit", custom__lineStyle=DASHED, custom__lineWidth=1, color=RED),
                )
            ),
            size=(8, 8),
            repeat="metric",
        ),
        timeseries(
            "Label coverage of the newest window",
            "Share of its predictions whose truth is known. It is low as long as labels come late.",
            [Query(_now(metrics.LABEL_COVERAGE), "coverage")],
            Shown(unit="percentunit", low=0, high=1),
            size=(8, 8),
        ),
        timeseries(
            "Rows of the newest window",
            "Predictions, and how many of them have their label.",
            [Query(f"max by (kind) ({rows})", "{{kind}}")],
            Shown(low=0),
            size=(8, 8),
        ),
        timeseries(
            "Age of the window that performance is about",
            "Time since the end of the newest window with enough labels.",
            [Query(f"time() - max by (check) ({judged_window})", "{{check}}")],
            Shown(unit="s", low=0),
            size=(8, 8),
        ),
    )


def _quality() -> tuple[Json, ...]:
    chosen = ('check=~"$quality"', *WHOLE)

    def each(metric: Metric) -> str:
        return f"max by (check, column) ({of_model(metric, *chosen)})"

    verdicts = verdict_mappings()
    return (
        timeseries(
            "$quality",
            "What the check measured in each column, and its limit dashed.",
            [
                Query(
                    f"max by (column) ({of_model(metrics.QUALITY, *chosen)})", "{{column}} value"
                ),
                Query(
                    f"max by (column) ({of_model(metrics.QUALITY_THRESHOLD, *chosen)})",
                    "{{column}} limit",
                ),
            ],
            Shown(
                overrides=(
                    override_like(
                        "/ limit$/", custom__lineStyle=DASHED, custom__lineWidth=1, color=RED
                    ),
                )
            ),
            size=(8, 8),
            repeat="quality",
        ),
        table(
            "Data quality now",
            "Each data-quality check of the newest window; without a column it is about the log.",
            (
                Query(each(metrics.CHECK_SEVERITY), "Verdict"),
                Query(each(metrics.QUALITY), "Value"),
                Query(each(metrics.QUALITY_THRESHOLD), "Limit"),
            ),
            Shown(no_value="–", overrides=(override("Verdict", mappings=verdicts),)),
            sort_by="Verdict",
        ),
    )


def _verdicts() -> tuple[Json, ...]:
    coloured = {"type": "color-background", "mode": "basic"}
    verdicts = override("Verdict", mappings=verdict_mappings(), custom__cellOptions=coloured)
    return (
        state_timeline(
            "Worst verdict of each check",
            "Over all columns; what could not be judged is not fine, and says so.",
            Query(worst(WHOLE_SEVERITY, "check"), "{{check}}"),
            Shown(mappings=verdict_mappings()),
            size=(24, 10),
        ),
        timeseries(
            "Checks by verdict",
            "How many checks came to which verdict, slices included.",
            [
                Query(f"count({SEVERITY} == {code})", verdict.replace("_", " "))
                for verdict, code in CODES.items()
            ],
            Shown(
                low=0,
                overrides=tuple(
                    override(
                        verdict.replace("_", " "), color={"mode": "fixed", "fixedColor": colour}
                    )
                    for verdict, colour in COLOURS.items()
                ),
            ),
            stacked=True,
        ),
        table(
            "Everything that is not ok",
            "Each check of the newest window with another verdict than ok.",
            (
                Query(
                    f"max by (check, column, segment, version) ({SEVERITY} != 0)",
                    "Verdict",
                ),
            ),
            Shown(overrides=(verdicts,)),
            size=(12, 8),
            sort_by="Verdict",
        ),
    )


def _slices() -> tuple[Json, ...]:
    def sliced(metric: Metric) -> str:
        segments, versions = of_model(metric, 'segment!=""'), of_model(metric, 'version!=""')
        return f"{segments} or {versions}"

    performance = f"max by (metric, segment, version) ({sliced(metrics.PERFORMANCE)})"
    severity = f"max by (segment, version) ({sliced(metrics.CHECK_SEVERITY)})"
    return (
        timeseries(
            "Performance of segments and versions",
            "On the newest window with enough labels.",
            [Query(performance, "{{metric}} {{segment}} {{version}}")],
            Shown(),
        ),
        table(
            "Worst verdict of segments and versions",
            "The highest severity of each slice; below zero, nothing in it could be judged.",
            (Query(severity, "Verdict"),),
            Shown(overrides=(override("Verdict", mappings=verdict_mappings()),)),
            size=(12, 8),
            sort_by="Verdict",
        ),
    )


def _runs() -> tuple[Json, ...]:
    failures = rate(of_model(metrics.RUN_FAILURES))
    buckets = rate(of_model(metrics.RUN_DURATION, suffix="_bucket"))
    quantiles = [
        Query(f"histogram_quantile({share}, sum by (le) ({buckets}))", f"{share:.0%}")
        for share in (0.5, 0.95)
    ]
    return (
        timeseries(
            "Duration of a run",
            "Median and 95th percentile.",
            quantiles,
            Shown(unit="s", low=0),
            size=(8, 8),
        ),
        timeseries(
            "Failed runs",
            "By reason.",
            [Query(f"sum by (reason) ({failures})", "{{reason}}")],
            Shown(unit="ops", low=0),
            size=(8, 8),
        ),
        timeseries(
            "Windows due",
            "Windows that have ended and settled and are still to be evaluated.",
            [Query(_now(metrics.WINDOWS_DUE), "due")],
            Shown(low=0),
            size=(8, 8),
        ),
    )
