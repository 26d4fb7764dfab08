"""Findings: one measured number of one window with its verdict, as stored, shown and exported."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from checks.check import Stat, kind_of
from checks.verdict import Verdict
from monitor.windows import State, Window


class Slice(NamedTuple):
    """A part of a model's log: one version, one segment (``column=value``); empty means all."""

    version: str = ""
    segment: str = ""


WHOLE = Slice()
FIRING = (Verdict.CRITICAL, Verdict.WARNING)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check says of one column (or of the log, or of the outcome) in one window.

    ``column`` is empty for checks of the log or the outcome. ``stat`` is None where nothing could
    be measured; ``reason`` then says why. ``rule`` names what set the threshold. ``detectable`` is
    the smallest change for the worse that would not have been found fine four times in five, None
    where that is not known.
    """

    model: str
    slice: Slice
    check: str
    column: str
    window: Window
    revision: int
    stat: Stat | None
    threshold: float | None
    rule: str
    verdict: Verdict
    reason: str
    cause: str
    detectable: float | None = None
    importance: float = 1.0

    @property
    def kind(self) -> str:
        """Its check as the catalogue has it: ``quantile`` where that is ``quantile.p99``."""
        return kind_of(self.check)

    @property
    def value(self) -> float | None:
        return None if self.stat is None else self.stat.value

    @property
    def judged_value(self) -> float | None:
        """The number that was held against the limit: without its noise where that is known."""
        if self.stat is None:
            return None
        return self.stat.value if self.stat.corrected is None else self.stat.corrected

    @property
    def excess(self) -> float:
        """How far the number of a firing finding lies beyond its limit, in limits; else 0.

        Where a model tells the importance of its features, times that of the column.
        """
        value, limit = self.judged_value, self.threshold
        if value is None or limit is None or self.verdict not in FIRING:
            return 0.0
        return abs(value - limit) / max(abs(limit), 1e-12) * self.importance


def waits_for_labels(finding: Finding, state: State | None, label: str | None) -> bool:
    """Whether a finding could not be judged, and the labels of its window are still coming.

    ``state`` is that of its window, ``label`` the column of labels.
    """
    about = finding.cause in ("labels", "performance") or bool(label and finding.column == label)
    unjudged = finding.verdict in (Verdict.NO_DATA, Verdict.INSUFFICIENT)
    return about and unjudged and state not in (None, State.FINAL)


@dataclass(frozen=True, slots=True)
class ModelSnapshot:
    """What is known of one model after its last run.

    ``findings`` are those of the newest evaluated window, except that performance findings are
    those of the newest window whose labels were mature (or the newest with any). ``source_up`` is
    None before the first contact. ``run_failures`` counts by reason, ``incidents`` by severity.
    ``run_seconds`` are the durations of the newest runs, oldest first: any number of them that
    covers those since the last snapshot. ``labels`` counts the labels that the newest window has,
    ``label`` is the column that holds them.
    """

    model: str
    version: str = ""
    window: Window | None = None
    state: State | None = None
    revision: int = 0
    rows: int = 0
    label_coverage: float | None = None
    newest_row: datetime | None = None
    findings: tuple[Finding, ...] = ()
    source_up: bool | None = None
    last_success: datetime | None = None
    windows_due: int = 0
    runs: int = 0
    run_failures: tuple[tuple[str, int], ...] = ()
    run_seconds: tuple[float, ...] = ()
    rows_read: int = 0
    incidents: tuple[tuple[str, int], ...] = ()
    labels: int | None = None
    label: str = ""

    @property
    def waiting(self) -> tuple[Finding, ...]:
        """The findings of the newest window that could not be judged as its labels still come."""
        own = (f for f in self.findings if f.window == self.window)
        return tuple(f for f in own if waits_for_labels(f, self.state, self.label))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything the exporter and the status page show; replaced as a whole, never changed.

    ``alerts_sent`` counts by channel, ``alert_failures`` by (channel, reason). ``taken`` is when
    this was made, at least once a tick, so that a daemon that hangs can be told from a quiet one.
    """

    models: tuple[ModelSnapshot, ...] = ()
    alerts_sent: tuple[tuple[str, int], ...] = ()
    alert_failures: tuple[tuple[str, str, int], ...] = ()
    alert_queue: int = 0
    started: datetime | None = None
    ready: bool = False
    taken: datetime | None = None
