"""The words of a report: verdicts, periods, numbers, and the sentence that stands at its top."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby

from alerts.message import clean, figure
from checks.verdict import Verdict
from monitor.findings import WHOLE, Finding
from monitor.report.contents import Report
from monitor.report.order import by_column, likeliest_first, tally
from monitor.sources import ALL_TIME
from monitor.windows import Window

SYMBOLS: Mapping[Verdict, str] = {
    Verdict.CRITICAL: "✖",
    Verdict.WARNING: "▲",
    Verdict.ERROR: "!",
    Verdict.NO_DATA: "∅",
    Verdict.INSUFFICIENT: "…",
    Verdict.UNDECIDED: "?",
    Verdict.OK: "✓",
}
MEANINGS: Mapping[Verdict, str] = {
    Verdict.CRITICAL: "beyond its critical limit",
    Verdict.WARNING: "beyond its warning limit",
    Verdict.ERROR: "the check could not be computed",
    Verdict.NO_DATA: "there was nothing to measure",
    Verdict.INSUFFICIENT: "too few rows or labels to judge",
    Verdict.UNDECIDED: "measured, but its interval contains the limit, or it has no limit",
    Verdict.OK: "judged, and within its limit",
}
NAMED_METRICS = 2
_TELLING = ("wasserstein", "jensen_shannon")


def word(verdict: Verdict) -> str:
    """A verdict as people write it.

    >>> word(Verdict.NO_DATA)
    'no data'
    """
    return verdict.value.replace("_", " ")


def counted(number: int, noun: str, plural: str = "") -> str:
    """A number of things.

    >>> counted(1, "check"), counted(1200, "row")
    ('1 check', '1,200 rows')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def verdicts(findings: Iterable[Finding]) -> str:
    """How many findings have each verdict, in words, the worst first."""
    counts = [f"{count:,} {word(verdict)}" for verdict, count in tally(findings).items()]
    return ", ".join(counts) or "nothing was checked"


def period(window: Window) -> str:
    """A window as people write it.

    >>> from datetime import UTC, datetime, timedelta
    >>> day = datetime(2026, 3, 1, tzinfo=UTC)
    >>> period(Window(day, day + timedelta(hours=1)))
    '2026-03-01 00:00 to 01:00 UTC'
    """
    if window == ALL_TIME:
        return "all rows"
    same_day = window.start.date() == window.end.date()
    end = f"{window.end:%H:%M}" if same_day else f"{window.end:%Y-%m-%d %H:%M}"
    return f"{window.start:%Y-%m-%d %H:%M} to {end} UTC"


def started(window: Window, dates: bool = False) -> str:
    """When a window began, to the minute or (where all begin at midnight) to the day."""
    if window == ALL_TIME:
        return "all rows"
    return f"{window.start:%Y-%m-%d}" if dates else f"{window.start:%Y-%m-%d %H:%M}"


def span(findings: Sequence[Finding]) -> str:
    """The time that findings speak of, and how many windows that is where it is not one."""
    windows = sorted({finding.window for finding in findings})
    if not windows:
        return "no window"
    if len(windows) == 1:
        return period(windows[0])
    return f"{len(windows)} windows, {period(Window(windows[0].start, windows[-1].end))}"


def subject(finding: Finding) -> str:
    """What a finding is about besides its check: the column, and the slice where there is one."""
    return " ".join(filter(None, (clean(finding.column, 200), place(finding))))


def place(finding: Finding) -> str:
    """The slice of a finding in words, empty for all rows."""
    version, segment = finding.slice
    parts = (version and f"version {version}", segment)
    return clean(", ".join(filter(None, parts)) and f"[{', '.join(filter(None, parts))}]", 200)


def number(value: float | None) -> str:
    """A number to about four digits, or a dash where there is none.

    >>> number(None), number(0.123456), number(1234567.0)
    ('-', '0.1235', '1,234,567')
    """
    return "-" if value is None else figure(value)


def remark(finding: Finding) -> str:
    """Why a verdict is what it is; of broken rows that are few enough, how many there are."""
    if finding.reason or finding.stat is None or finding.cause != "schema":
        return finding.reason
    return finding.stat.where


def brief(value: float | None) -> str:
    """A number to three digits, for places where the fourth tells nobody anything.

    >>> brief(0.71234), brief(1234.5), brief(None)
    ('0.712', '1,234', '-')
    """
    if value is None:
        return "-"
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e12 else f"{value:.3g}"


def headline(report: Report) -> str:
    """The verdict in one sentence: what fires, most upstream cause first, and what is unjudged."""
    return "; ".join(filter(None, (said(report), unsaid(report))))


def said(report: Report) -> str:
    """What the findings say; where nothing fires, silence is not taken for health."""
    findings = report.findings
    if not findings:
        return "Nothing was checked: there are no findings"
    firing = likeliest_first(findings)
    whole = [finding for finding in firing if finding.slice == WHOLE]
    parts = [
        _PHRASES.get(cause, _other)(list(group), report)
        for cause, group in groupby(whole, key=lambda finding: finding.cause)
    ]
    if len(whole) < len(firing):
        parts.append(f"{counted(len(firing) - len(whole), 'check')} of slices out of bounds")
    return _sentence(parts) if parts else _quiet(findings)


def unsaid(report: Report) -> str:
    """How many checks were not judged, where some were; empty otherwise."""
    missing = sum(not finding.verdict.judged for finding in report.findings)
    if not 0 < missing < len(report.findings):
        return ""
    verb = "was" if missing == 1 else "were"
    return f"{missing:,} of {counted(len(report.findings), 'check')} {verb} not judged"


def seen(report: Report) -> str:
    """What would have been noticed where all is fine: of the metrics, and of the drift of columns.

    Empty where that is not known. Of the columns the one counts that would hide the most.
    """
    known = [f for f in report.findings if f.detectable is not None and f.slice == WHOLE]
    newest = max((finding.window for finding in known), default=None)
    now = [finding for finding in known if finding.window == newest]
    metrics = [f for f in now if f.cause == "performance" and not f.column][:NAMED_METRICS]
    told = [f"{_change(f)} of {clean(f.check, 60)} by {brief(f.detectable)}" for f in metrics]
    drift = [f for f in now if f.cause == "features" and f.kind in _TELLING]
    hidden = max(drift, key=_hidden, default=None)
    if hidden is not None:
        where = f"{clean(hidden.column, 60)} by {brief(hidden.detectable)} ({hidden.check})"
        told.append(f"a move of {where}")
    return f"Would have been noticed four times in five: {', '.join(told)}" if told else ""


def _hidden(finding: Finding) -> float:
    return finding.detectable or 0.0


def _change(finding: Finding) -> str:
    value, limit = finding.judged_value, finding.threshold
    falls = value is not None and limit is not None and limit < value
    return "a fall" if falls else "a rise"


def measured(value: float, low: float | None = None, high: float | None = None) -> str:
    """A number to three digits with its interval.

    >>> measured(0.71234, 0.66, 0.7612)
    '0.712 (0.66 to 0.761)'
    """
    interval = "" if low is None or high is None else f" ({brief(low)} to {brief(high)})"
    return f"{brief(value)}{interval}"


def _quiet(findings: Sequence[Finding]) -> str:
    judged = sum(finding.verdict.judged for finding in findings)
    if not judged:
        return f"Nothing could be judged: {verdicts(findings)}"
    features = len(_judged_features(findings))
    calm = f"No drift in {counted(features, 'feature')}" if features else "Nothing is out of bounds"
    if judged < len(findings):
        return f"{calm} as far as could be judged"
    return f"{calm}: {counted(judged, 'check')}, all within their limits"


def _sentence(parts: Sequence[str]) -> str:
    """Phrases as one sentence; the name of a metric at its start keeps its letters."""
    text = "; ".join(parts)
    first = text.split(" ", 1)[0]
    return text if "_" in first else text[0].upper() + text[1:]


def _columns(firing: Sequence[Finding]) -> str:
    names = list(by_column(firing))
    if 0 < len(names) <= NAMED_METRICS:
        return " and ".join(clean(name, 60) for name in names)
    return counted(len(names), "column")


def _judged_features(findings: Iterable[Finding]) -> set[str]:
    return {
        finding.column
        for finding in findings
        if finding.cause == "features"
        and finding.column
        and finding.slice == WHOLE
        and finding.verdict.judged
    }


def _features(firing: Sequence[Finding], report: Report) -> str:
    columns = len(by_column(firing))
    judged = counted(len(_judged_features(report.findings)), "feature")
    return "; ".join(
        filter(
            None, (f"{columns:,} of {judged} drifted" * (columns > 0), _spanning(firing, report))
        )
    )


def _predictions(firing: Sequence[Finding], report: Report) -> str:
    columns = f"the predictions drifted ({_columns(firing)})" if by_column(firing) else ""
    return "; ".join(filter(None, (columns, _spanning(firing, report))))


def _spanning(firing: Sequence[Finding], report: Report) -> str:
    """What is said of the checks that are about no column."""
    return _performance([finding for finding in firing if not finding.column], report)


def _figures(firing: Sequence[Finding], report: Report) -> str:
    del report
    named = [" of ".join(filter(None, (f.check, clean(f.column, 60)))) for f in firing]
    told, rest = list(dict.fromkeys(named))[:NAMED_METRICS], len(set(named)) - NAMED_METRICS
    more = f" and {counted(rest, 'more figure')}" if rest > 0 else ""
    return f"out of bounds: {', '.join(told)}{more}"


def _schema(firing: Sequence[Finding], report: Report) -> str:
    types = [finding for finding in firing if finding.kind == "schema"]
    others = [finding for finding in firing if finding.kind != "schema"]
    return "; ".join(
        (
            *([f"the schema is broken in {_columns(types)}"] if types else []),
            *([_figures(others, report)] if others else []),
        )
    )


def _performance(firing: Sequence[Finding], report: Report) -> str:
    told = [_moved(finding, report.norms.get(finding.check)) for finding in firing[:NAMED_METRICS]]
    rest = len(firing) - len(told)
    return "; ".join([*told, *([f"{counted(rest, 'more metric')} out of bounds"] if rest else [])])


def _moved(finding: Finding, norm: float | None) -> str:
    stat = finding.stat
    if stat is None:
        return f"{finding.check} {finding.reason}"
    now = measured(stat.value, stat.low, stat.high)
    if norm is not None:
        way = "fell" if stat.value < norm else "rose"
        return f"{finding.check} {way} from {brief(norm)} to {now}"
    limit = "" if finding.threshold is None else f", limit {brief(finding.threshold)}"
    return f"{finding.check} is {now}{limit}"


def _other(firing: Sequence[Finding], report: Report) -> str:
    del report
    return f"{clean(firing[0].cause, 40) or 'other'}: {counted(len(firing), 'check')} out of bounds"


def _phrase(words: str) -> Callable[[Sequence[Finding], Report], str]:
    """A phrase about the columns that fire."""
    return lambda firing, _: words.format(_columns(firing))


_PHRASES: Mapping[str, Callable[[Sequence[Finding], Report], str]] = {
    "source": _phrase("the log could not be read"),
    "stale": _phrase("the log is late"),
    "volume": _phrase("the number of rows is out of bounds"),
    "schema": _schema,
    "nulls": _phrase("values are missing in {}"),
    "new_categories": _phrase("unseen categories in {}"),
    "features": _features,
    "figures": _figures,
    "predictions": _predictions,
    "labels": _phrase("the labels changed"),
    "performance": _performance,
}
