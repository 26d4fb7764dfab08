"""What of a model is due, by the ledger, the clock and the newest row of its log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from checks.log import LogProfile
from monitor.baseline import Baseline
from monitor.evaluate import Learnt
from monitor.model import Model
from monitor.silence import last_of_reference, newest_row
from monitor.sources import Horizon
from monitor.store import Entry, Progress, Store
from monitor.windows import (
    Due,
    Seen,
    State,
    Window,
    due,
    quiet_until,
    settled,
    told_by_clock,
)

LOOK_EVERY = timedelta(days=1)
"""How often the whole log is looked at for rows before the first window."""

MOST_QUIET = timedelta(minutes=5)
"""How long at most a log is left alone: a source that is gone is to be noticed."""

TIDY_EVERY = timedelta(days=1)

_TICK = timedelta(microseconds=1)


@dataclass(slots=True)
class Memory:
    """What is remembered of a model between two passes; to lose it costs a read.

    ``read_at`` says when a window that waits was last read, ``first`` and ``settled`` bound the
    stretch of the ledger where nothing can become due again. ``newest`` is the time of the newest
    row and ``newest_at`` when it was looked for, ``looked_at`` when the whole log was looked at
    last, ``tidied_at`` when its granules were last made fewer, ``began`` when the model was first
    watched. ``quiet`` holds from when to when nothing is due.
    """

    baseline: Baseline | None = None
    learnt: Learnt = field(default_factory=dict)
    read_at: dict[Window, datetime] = field(default_factory=dict)
    first: datetime | None = None
    settled: datetime | None = None
    newest: datetime | None = None
    newest_at: datetime | None = None
    looked_at: datetime | None = None
    tidied_at: datetime | None = None
    began: datetime | None = None
    quiet: tuple[datetime, datetime] | None = None

    def accept(self, baseline: Baseline) -> None:
        """Take a baseline as the one in force."""
        if baseline is not self.baseline:
            self.baseline, self.learnt, self.quiet = baseline, {}, None


@dataclass(frozen=True, slots=True)
class Work:
    """What a pass has before it: the windows due, and what the ledger and the log say of others.

    ``newest_rows`` holds, for windows in the ledger, the newest row up to their end. Windows that
    ended before ``news_from`` were history when the model was first watched: nobody is told.
    ``seen`` are the windows of the ledger from ``begin`` on.
    """

    baseline: Baseline
    items: tuple[Due, ...] = ()
    before: Mapping[Window, Entry] = field(default_factory=dict)
    newest_rows: dict[Window, datetime | None] = field(default_factory=dict)
    news_from: datetime | None = None
    progress: Progress | None = None
    begin: datetime | None = None
    seen: dict[Window, Seen] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Duty:
    """What a model has to do at a moment; it leaves what it learns in the memory."""

    model: Model
    store: Store
    horizon: Horizon
    memory: Memory

    @property
    def now(self) -> datetime:
        return self.horizon.known_at

    def rests(self) -> bool:
        """Whether it is known that nothing is due."""
        quiet = self.memory.quiet
        return quiet is not None and quiet[0] <= self.now < quiet[1]

    def quiet_from_now(self, work: Work) -> tuple[datetime, datetime] | None:
        """From when to when nothing is due and the log need not be looked at; None if not known."""
        memory, schedule = self.memory, self.model.schedule
        done = all(memory.read_at.get(item.window) == self.now for item in work.items)
        if work.begin is None or memory.tidied_at is None or not done:
            return None
        until = quiet_until(schedule, tuple(work.seen.values()), work.begin, self.now)
        looked = [] if memory.looked_at is None else [memory.looked_at + LOOK_EVERY]
        tidied = memory.tidied_at + TIDY_EVERY
        if until is None:
            return None
        return self.now, min(until, self.now + MOST_QUIET, tidied, *looked)

    def work(self, baseline: Baseline) -> Work:
        """What is due, from that part of the ledger where something can be."""
        memory, schedule = self.memory, self.model.schedule
        if memory.first is None and (kept := self.store.progress(self.model.name)) is not None:
            memory.first, memory.settled = kept.first, kept.settled
        first = self._first(baseline)
        if first is None:
            return Work(baseline)
        if memory.first is None or first < memory.first:
            memory.first, memory.settled = first, None
        since = None if memory.settled is None else memory.settled - _TICK
        entries = self.store.ledger(self.model.name, since)
        memory.read_at = {
            e.window: memory.read_at.get(e.window, e.evaluated_at)
            for e in entries
            if e.state is not State.FINAL
        }
        seen = [
            Seen(e.window, e.revision, e.state, memory.read_at.get(e.window, e.evaluated_at))
            for e in entries
        ]
        begin = max(first, memory.settled or first)
        items = self._due(seen, begin)
        memory.settled = settled(schedule, seen, begin, memory.newest, self.now)
        return Work(
            baseline,
            items,
            {entry.window: entry for entry in entries},
            {entry.window: entry.newest_row for entry in entries},
            self._news_from(),
            Progress(memory.first, memory.settled),
            begin,
            {each.window: each for each in seen},
        )

    def _first(self, baseline: Baseline) -> datetime | None:
        """From when on windows are evaluated.

        Where the log itself tells, all of it is looked at once a day: a past may have been added.
        """
        memory = self.memory
        if self.model.reference.period is not None:
            return baseline.period.end
        fresh = memory.looked_at is not None and self.now < memory.looked_at + LOOK_EVERY
        if fresh and memory.first is not None:
            return memory.first
        extent = self.model.source.extent(self.model.columns, self.horizon)
        memory.newest, memory.newest_at, memory.looked_at = extent.last, self.now, self.now
        starts = [moment for moment in (memory.first, extent.first) if moment is not None]
        return min(starts, default=baseline.accepted_at)

    def _due(self, seen: Sequence[Seen], begin: datetime) -> tuple[Due, ...]:
        """The windows to evaluate; the log is looked at unless the clock alone tells them."""
        schedule = self.model.schedule
        clear = told_by_clock(schedule, seen, begin, self.now)
        found = due(schedule, seen, begin, None, self.now) if clear else []
        return tuple(found or due(schedule, seen, begin, self._look(), self.now))

    def _look(self) -> datetime | None:
        """The time of the newest row; only what is newer than the newest row known is looked at."""
        memory = self.memory
        if memory.newest_at == self.now:
            return memory.newest
        if memory.newest is None:
            memory.newest = self.store.newest_row(self.model.name)
        known = memory.newest if memory.newest and memory.newest <= self.now else None
        extent = self.model.source.extent(self.model.columns, self.horizon, known)
        memory.newest, memory.newest_at = extent.last or known, self.now
        return memory.newest

    def _news_from(self) -> datetime | None:
        """When news begins: as late before the first start as labels could still have come."""
        memory, schedule = self.memory, self.model.schedule
        if memory.began is None:
            accepted = next(iter(self.store.baselines(self.model.name)), None)
            memory.began = None if accepted is None else accepted.accepted_at
        if memory.began is None:
            return None
        window = schedule.calendar.containing(memory.began)
        labels = schedule.labels_within if schedule.labelled else timedelta(0)
        return memory.began - schedule.settle - window.length - labels

    def newest_of(self, work: Work, window: Window, log: LogProfile) -> datetime | None:
        """The time of the newest row up to the end of a window, as far as is known."""
        if log.rows:
            newest = newest_row(log)
            self.memory.newest = max(filter(None, (newest, self.memory.newest)))
            return newest
        newest = self._look()
        known = (
            newest if newest is not None and newest < window.end else None,
            work.newest_rows.get(self.model.schedule.calendar.before(window)),
            last_of_reference(work.baseline, window),
        )
        return newest_row(log, *known)
