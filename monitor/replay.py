"""Replay: windows through the evaluation and alerting of the daemon, without state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.compose import compose
from alerts.incident import Incident
from alerts.message import Message
from checks.portrait import Portrait
from monitor.baseline import Baseline
from monitor.evaluate import Learnt, Target
from monitor.findings import WHOLE, Finding
from monitor.model import Model
from monitor.reading import BATCH
from monitor.silence import last_of_reference, newest_row
from monitor.sources import Horizon, WrongSchema
from monitor.step import command_for, facts_of, step
from monitor.windows import State, Window

MOST_WINDOWS = 100_000
"""Windows that are replayed at once: eleven years of hours."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """One replayed window: its findings, and the page it would have sent, if any."""

    window: Window
    state: State
    portrait: Portrait
    findings: tuple[Finding, ...]
    pages: tuple[Message, ...]


def replay(
    model: Model, baseline: Baseline, windows: Sequence[Window], horizon: Horizon
) -> Iterator[Replayed]:
    """Evaluate windows in order, each once, with the labels known at the horizon."""
    incidents: tuple[Incident, ...] = ()
    newest: datetime | None = None
    learnt: Learnt = {}
    for start in range(0, len(windows), BATCH):
        batch = windows[start : start + BATCH]
        portraits = model.source.profile(baseline.plan, model.columns, batch, horizon)
        for window in batch:
            slices = portraits[window]
            log = slices[WHOLE].log
            state = model.schedule.state(window, log.rows, log.labels, horizon.known_at)
            target = Target(model.name, window, 1, state)
            if not log.rows and newest is None:
                newest = _newest_before(model, window, horizon)
            newest = newest_row(log, newest, last_of_reference(baseline, window))
            now = window.end + model.schedule.settle
            findings, reviewed = step(
                model, baseline, target, slices, newest, incidents, now, learnt
            )
            incidents = reviewed.incidents
            pages = tuple(
                compose(
                    announcement,
                    facts=facts_of(window, slices[WHOLE], findings),
                    command=command_for(model.name, window),
                )
                for announcement in reviewed.announcements
            )
            yield Replayed(window, state, slices[WHOLE], findings, pages)


def _newest_before(model: Model, window: Window, horizon: Horizon) -> datetime | None:
    """The time of the newest row before a window, whose silence may have begun long before it."""
    before = min(window.start, horizon.known_at)
    return model.source.extent(model.columns, replace(horizon, known_at=before)).last


def windows_of(
    model: Model, baseline: Baseline, horizon: Horizon, span: Window | None
) -> list[Window]:
    """The finished windows of a log inside ``span``, or all after the reference.

    With a span that holds no whole window, the span itself is the window.

    Raises:
        SourceError: the log cannot be read, or the span holds more windows than anybody can mean.
    """
    calendar = model.schedule.calendar
    if span is not None:
        about = span.length / calendar.containing(span.start).length
        if about > MOST_WINDOWS:
            raise WrongSchema(
                f"{span} holds about {about:,.0f} windows of {calendar.every}; at most "
                f"{MOST_WINDOWS:,} are judged at once, so write a later --from"
            )
        return list(calendar.between(span.start, span.end)) or [span]
    extent = model.source.extent(model.columns, horizon)
    if extent.first is None or extent.last is None:
        return []
    own = model.reference.period is not None
    first = baseline.period.end if own else extent.first
    last = min(calendar.containing(extent.last).end, horizon.known_at)
    return list(calendar.between(first, last))
