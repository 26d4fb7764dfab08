"""The sections of a page: likeliest causes, columns in pictures, performance, what came before."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from itertools import groupby

from markupsafe import Markup

from alerts.message import clean
from checks.verdict import WORST_FIRST, Verdict
from monitor.findings import FIRING, WHOLE, Finding
from monitor.report import timelines
from monitor.report.charts import column_facts, picture
from monitor.report.contents import Report
from monitor.report.order import by_column, likeliest_first, worst, worst_first
from monitor.report.timelines import Point
from monitor.report.words import started
from monitor.sources import ALL_TIME
from monitor.windows import Window

MOST_CARDS = 24
MOST_CAUSES = 8
MOST_STRIPS = 60
MOST_CELLS = 60

_CAUSES = {
    "source": "log",
    "stale": "late rows",
    "volume": "number of rows",
    "schema": "schema",
    "nulls": "missing values",
    "new_categories": "new categories",
    "features": "feature drift",
    "figures": "figure",
    "predictions": "prediction drift",
    "labels": "labels",
    "performance": "performance",
}


_DRIFT = ("features", "predictions", "labels")
_TELLING = ("wasserstein", "jensen_shannon")


@dataclass(frozen=True, slots=True)
class Cause:
    """One line of the causes: the worst finding of a column, and the checks that agree with it.

    ``anchor`` is the card of the column, or empty where it has none.
    """

    kind: str
    name: str
    anchor: str
    finding: Finding
    others: tuple[str, ...]

    @property
    def place(self) -> str:
        """What drives the number, empty where nothing is told."""
        return "" if self.finding.stat is None else self.finding.stat.where


@dataclass(frozen=True, slots=True)
class Card:
    """One column: its worst finding, all it was checked for, and its distribution on both sides.

    ``empty`` says that it has no current values.
    """

    anchor: str
    name: str
    finding: Finding
    findings: tuple[Finding, ...]
    picture: Markup | None
    facts: Sequence[tuple[str, str]]
    empty: bool = False

    @property
    def lacking(self) -> str:
        """Why there are no current values to show, empty where there are some."""
        unmeasured = (f.reason for f in self.findings if f.verdict is Verdict.NO_DATA and f.reason)
        return next(unmeasured, "no values") if self.empty else ""

    @property
    def told(self) -> tuple[Finding, ...]:
        """The findings worth naming on a card: all about drift, and whatever is not fine."""
        return tuple(f for f in self.findings if f.cause in _DRIFT or f.verdict is not Verdict.OK)


@dataclass(frozen=True, slots=True)
class Metric:
    """One performance metric of the newest window; ``norm`` is its value on the reference."""

    finding: Finding
    norm: float | None
    provisional: bool


@dataclass(frozen=True, slots=True)
class Course:
    """One performance metric over time."""

    name: str
    verdict: Verdict
    caption: str
    picture: Markup


@dataclass(frozen=True, slots=True)
class Strip:
    """The verdicts on one column, or of one check of the whole log, window by window."""

    name: str
    told: Sequence[Verdict | None]
    windows: Sequence[Window]

    @property
    def verdict(self) -> Verdict:
        """The newest verdict."""
        known = (verdict for verdict in reversed(self.told) if verdict is not None)
        return next(known, Verdict.NO_DATA)

    @property
    def picture(self) -> Markup:
        return timelines.strip(self.told)

    @property
    def firing(self) -> list[bool]:
        """Whether each window was out of bounds."""
        return [verdict in FIRING for verdict in self.told]

    @property
    def summary(self) -> str:
        """How often it was out of bounds, and since when it is."""
        known = [verdict for verdict in self.told if verdict is not None]
        if not any(self.firing):
            judged = sum(verdict.judged for verdict in known)
            if judged == len(known):
                return "never out of bounds"
            return f"judged in {judged} of {len(known)}" if judged else "never judged"
        often = f"out of bounds in {sum(self.firing)} of {len(known)}"
        return f"{often}, since {self._since()}" if self.firing[-1] else often

    def _since(self) -> str:
        """When the windows out of bounds began that last until now."""
        calm = [place for place, fires in enumerate(self.firing) if not fires]
        dates = all(window.start.time() == time() for window in self.windows)
        return started(self.windows[calm[-1] + 1 if calm else 0], dates)


def causes(report: Report, drawn: Iterable[Card]) -> list[Cause]:
    """What fires in all rows, the most upstream cause first, one line for each column."""
    anchors = {card.name: card.anchor for card in drawn}
    firing = [f for f in likeliest_first(report.findings) if f.slice == WHOLE]
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in firing:
        groups.setdefault((finding.cause, finding.column or finding.check), []).append(finding)
    return [
        _cause(cause, clean(name, 120), sorted(found, key=_telling), anchors)
        for (cause, name), found in groups.items()
    ]


def _cause(cause: str, name: str, found: Sequence[Finding], anchors: Mapping[str, str]) -> Cause:
    others = tuple(dict.fromkeys(clean(finding.check, 40) for finding in found[1:]))
    kind = _CAUSES.get(cause, clean(cause, 40))
    return Cause(kind, name, anchors.get(name, ""), found[0], others)


def _telling(finding: Finding) -> tuple[int, bool]:
    """Of one column the worst verdict first, then what says in words how the column moved."""
    return WORST_FIRST.index(finding.verdict), finding.kind not in _TELLING


def cards(report: Report) -> list[Card]:
    """The columns with something to draw, worst first."""
    found: list[Card] = []
    for column, findings in by_column(report.findings).items():
        if column in report.reference and column in report.current and len(found) < MOST_CARDS:
            before, after = report.reference[column], report.current[column]
            found.append(
                Card(
                    f"c{len(found) + 1}",
                    clean(column, 120),
                    findings[0],
                    tuple(findings),
                    picture(column, before, after),
                    column_facts(before, after),
                    empty=not after.n,
                )
            )
    return found


def metrics(report: Report) -> list[Metric]:
    """The performance metrics of all rows in the newest window that has them, worst first."""
    found: dict[str, Finding] = {}
    for finding in worst_first(report.findings):
        if _is_metric(finding) and finding.slice == WHOLE:
            newest = found.get(finding.check)
            if newest is None or newest.window < finding.window:
                found[finding.check] = finding
    return [
        Metric(finding, report.norms.get(check), finding.window in report.provisional)
        for check, finding in found.items()
    ]


def courses(report: Report) -> list[Course]:
    """The performance metrics over time, where there is more than one window."""
    found = []
    performance = filter(_is_metric, _past(report))
    for check, group in groupby(sorted(performance, key=_course_order), key=lambda f: f.check):
        points = [Point(f, f.window in report.provisional) for f in group]
        if len(points) < 2:
            continue
        drawn = timelines.course(clean(check, 60), points, report.norms.get(check))
        if drawn is not None:
            newest = points[-1].finding
            caption = _cut_windows(len(points), timelines.MOST_POINTS)
            found.append(Course(clean(check, 60), newest.verdict, caption, drawn))
    return sorted(found, key=lambda course: WORST_FIRST.index(course.verdict))


def strips(report: Report) -> list[Strip]:
    """The verdicts over time, a row for each column and each check of the log, worst first."""
    windows = calendar(report)
    if len(windows) < 2:
        return []
    cells: dict[tuple[str, str], dict[Window, list[Finding]]] = {}
    for finding in _past(report):
        key = (finding.column, "" if finding.column else finding.check)
        cells.setdefault(key, {}).setdefault(finding.window, []).append(finding)
    found = [
        Strip(
            clean("".join(key), 120), [worst(said.get(window, ())) for window in windows], windows
        )
        for key, said in cells.items()
    ]
    return sorted(found, key=_urgency)


def calendar(report: Report) -> list[Window]:
    """The windows of the history, oldest first and the newest 60 at most."""
    return sorted({f.window for f in _past(report) if f.window != ALL_TIME})[-MOST_CELLS:]


def _urgency(strip: Strip) -> tuple[int, int, str]:
    """What sorts the rows of the grid: the newest verdict, then how often one fired."""
    return WORST_FIRST.index(strip.verdict), -sum(strip.firing), strip.name


def _is_metric(finding: Finding) -> bool:
    """Whether a finding is about the performance as a whole, and not split by a column."""
    return finding.cause == "performance" and not finding.column


def _past(report: Report) -> list[Finding]:
    """History and findings of all rows, each window once and in its newest revision."""
    newest: dict[tuple[str, str, Window], Finding] = {}
    for finding in (*report.history, *report.findings):
        if finding.slice == WHOLE:
            key = finding.check, finding.column, finding.window
            if key not in newest or newest[key].revision <= finding.revision:
                newest[key] = finding
    return list(newest.values())


def _course_order(finding: Finding) -> tuple[str, Window]:
    return finding.check, finding.window


def _cut_windows(windows: int, most: int) -> str:
    return f"The newest {most} of {windows:,} windows." if windows > most else ""
