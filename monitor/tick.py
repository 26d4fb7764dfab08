"""One pass over one model: what is due is read, judged and recorded, a window at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from alerts.compose import compose
from alerts.incident import Announcement, Incident, Review, Signal, review
from alerts.message import Cause, Link, Message
from checks.log import LogProfile
from checks.portrait import Portrait
from checks.verdict import WORST_FIRST, Verdict
from monitor.baseline import Baseline
from monitor.evaluate import Learnt, Target
from monitor.findings import WHOLE, Finding, waits_for_labels
from monitor.learn import learn
from monitor.model import Daemon, Model
from monitor.reading import Reader, Reading
from monitor.silence import last_of_reference, newest_row
from monitor.sources import Horizon, WrongSchema
from monitor.step import command_for, facts_of, step
from monitor.store import AlreadyRecorded, Entry, Latest, Progress, Record, Store
from monitor.windows import (
    COARSE_AFTER,
    Due,
    Seen,
    State,
    Window,
    due,
    quiet_until,
    settled,
    told_by_clock,
)

GRACE = timedelta(minutes=15)
"""How long a source may fail before somebody is woken."""

PIPELINE = ("source", "monitor")
"""Causes of trouble that belongs to no window: a log that cannot be read, a failure of ours."""

RECENT = 500
"""Incidents, open or over, that a window is held against: a late revision opens none again."""

LOOK_EVERY = timedelta(days=1)
"""How often the whole log is looked at for rows before the first window."""

MOST_QUIET = timedelta(minutes=5)
"""How long at most a log is left alone: a source that is gone is to be noticed."""

TIDY_EVERY = timedelta(days=1)
ROLL_AT_ONCE = 7
"""Days whose granules become one in a pass."""

KEEP_GRANULES = timedelta(days=90)
"""How long granules are kept."""

_TICK = timedelta(microseconds=1)

Letter = tuple[str, str, Message]


@dataclass(frozen=True, slots=True)
class Passed:
    """What one pass did: windows recorded, the last of them, rows read, messages queued.

    ``worst`` is the worst verdict of these windows, but for checks that wait for labels.
    """

    windows: int = 0
    rows: int = 0
    messages: tuple[Message, ...] = ()
    notices: tuple[str, ...] = ()
    latest: Latest | None = None
    worst: Verdict | None = None


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
class _Work:
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


def _silent(window: Window, done: int, total: int) -> None:
    """Show no progress."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over one model.

    ``stop`` asks whether to end after the window in hand; ``progress`` hears of each window that is
    done, how many are and how many there are.
    """

    model: Model
    daemon: Daemon
    store: Store
    horizon: Horizon
    memory: Memory = field(default_factory=Memory)
    stop: Callable[[], bool] = _never
    progress: Callable[[Window, int, int], None] = _silent

    @property
    def now(self) -> datetime:
        return self.horizon.known_at

    def run(self) -> Passed:
        """Evaluate everything that is due.

        Raises:
            SourceError: the source could not be read; what was recorded before stays.
        """
        baseline, notices = self._baseline()
        if self._quiet():
            return Passed(notices=notices)
        self.memory.quiet = None
        work = self._work(baseline)
        windows = rows = 0
        messages: list[Message] = []
        latest: Latest | None = None
        met: set[Verdict] = set()
        for done, (item, reading, incidents) in enumerate(self._read(work), 1):
            rows += reading.rows
            record = self._judged(work, item, reading, incidents)
            if record is not None:
                try:
                    latest = self.store.record(record)
                except AlreadyRecorded:
                    busy = f"another process records {item.window}; the rest is left to it for now"
                    return Passed(
                        windows, rows, tuple(messages), (*notices, busy), latest, _worst(met)
                    )
                windows += 1
                met |= self._verdicts(record)
                messages += _distinct(record.letters)
            self.progress(item.window, done, len(work.items))
            work.seen[item.window] = self._seen(work, item, record)
        self._tidy(work)
        self.memory.quiet = self._quiet_from_now(work)
        return Passed(windows, rows, tuple(messages), notices, latest, _worst(met))

    def _quiet(self) -> bool:
        quiet = self.memory.quiet
        return quiet is not None and quiet[0] <= self.now < quiet[1]

    def _quiet_from_now(self, work: _Work) -> tuple[datetime, datetime] | None:
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

    def _seen(self, work: _Work, item: Due, record: Record | None) -> Seen:
        """What the ledger knows of a window that was read just now."""
        if record is None:
            return replace(work.seen[item.window], read_at=self.now)
        return Seen(record.window, record.revision, record.state, self.now)

    def _verdicts(self, record: Record) -> set[Verdict]:
        label = self.model.columns.label
        waits = partial(waits_for_labels, state=record.state, label=label)
        return {each.verdict for each in record.findings if not waits(each)}

    def _read(self, work: _Work) -> Iterator[tuple[Due, Reading, dict[str, Incident]]]:
        """The windows due as they were read, and the incidents known when they were."""
        items = {item.window: item for item in work.items}
        reader = Reader(self.model, work.baseline.plan, self.store, self.horizon)
        for batch in reader.batches(tuple(items)):
            readings = reader.read(batch, work.before)
            incidents = {one.key: one for one in self._incidents()}
            for window in batch:
                if self.stop():
                    return
                yield items[window], readings[window], incidents

    def _tidy(self, work: _Work) -> None:
        """Once a day make fewer of the granules of windows whose labels are no more waited for."""
        memory, schedule = self.memory, self.model.schedule
        if memory.tidied_at is not None and self.now < memory.tidied_at + TIDY_EVERY:
            return
        done = schedule.calendar.containing(self.now - schedule.labels_within - COARSE_AFTER).start
        name, plan, zone = self.model.name, work.baseline.plan.hash, schedule.calendar.zone
        rolled = self.store.roll_up(name, plan, zone, done, self.now, limit=ROLL_AT_ONCE)
        if rolled < ROLL_AT_ONCE:
            self.store.prune_granules(name, min(done, self.now - KEEP_GRANULES))
            memory.tidied_at = self.now

    def _incidents(self) -> tuple[Incident, ...]:
        """All open incidents of the model and the newest of those that are over."""
        recent = self.store.incidents(self.model.name, open_only=False, limit=RECENT)
        if len(recent) < RECENT:
            return recent
        known = {one.key for one in recent}
        older = (one for one in self.store.incidents(self.model.name) if one.key not in known)
        return (*older, *recent)

    def _baseline(self) -> tuple[Baseline, tuple[str, ...]]:
        name = self.model.name
        newest = next(iter(self.store.baselines(name, limit=1)), None)
        if newest is not None and newest.recipe == self.model.recipe:
            kept = self.memory.baseline
            if kept is None or kept.version != newest.version:
                kept = self.store.baseline(name, newest.version)
            if kept is not None:
                self.memory.accept(kept)
                return kept, ()
        period = self.model.reference.period
        if period is not None and period.end > self.now:
            raise WrongSchema(f"the reference period {period} is not over yet")
        learnt, notices = learn(self.model, self.horizon)
        note = "first reference" if newest is None else "configuration changed"
        accepted = self.store.save_baseline(_signed(learnt, note), self.now)
        self.memory.accept(accepted)
        return accepted, notices

    def _work(self, baseline: Baseline) -> _Work:
        """What is due, from that part of the ledger where something can be."""
        memory, schedule = self.memory, self.model.schedule
        if memory.first is None and (kept := self.store.progress(self.model.name)) is not None:
            memory.first, memory.settled = kept.first, kept.settled
        first = self._first(baseline)
        if first is None:
            return _Work(baseline)
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
        return _Work(
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

    def _judged(
        self,
        work: _Work,
        item: Due,
        reading: Reading,
        incidents: dict[str, Incident],
    ) -> Record | None:
        """What to record of a window; None where nothing is new since its last revision."""
        self.memory.read_at[item.window] = self.now
        if reading.slices is None:
            return None
        model, slices, before = self.model, reading.slices, work.before.get(item.window)
        log = slices[WHOLE].log
        newest = self._newest_row(work, item.window, log)
        work.newest_rows[item.window] = newest
        state = model.schedule.state(item.window, log.rows, log.labels, self.now)
        if before and _same(before, log, state, reading.pulse):
            return None
        target = Target(model.name, item.window, item.revision, state)
        baseline, heard = work.baseline, newest or work.baseline.accepted_at
        known = tuple(incidents.values())
        findings, reviewed = step(
            model, baseline, target, slices, heard, known, self.now, self.memory.learnt
        )
        if work.news_from is not None and item.window.end <= work.news_from:
            reviewed = _hushed(known, reviewed)
        incidents.update((one.key, one) for one in reviewed.incidents)
        return Record(
            model=model.name,
            window=item.window,
            revision=item.revision,
            state=state,
            rows=log.rows,
            labels=log.labels,
            portraits=slices,
            findings=findings,
            incidents=_changed(known, reviewed),
            letters=tuple(self._letters(reviewed, item.window, slices[WHOLE], findings)),
            evaluated_at=self.now,
            known_at=self.horizon.known_at,
            baseline_version=baseline.version,
            config_hash=model.fingerprint,
            version=max(log.versions, key=lambda name: (log.versions[name], name), default=""),
            newest_row=newest,
            pulse=reading.pulse,
            granules=reading.granules,
            progress=work.progress,
        )

    def _newest_row(self, work: _Work, window: Window, log: LogProfile) -> datetime | None:
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

    def _letters(
        self, reviewed: Review, window: Window, portrait: Portrait, findings: Sequence[Finding]
    ) -> Iterator[Letter]:
        for announcement in reviewed.announcements:
            message = compose(
                announcement,
                facts=facts_of(window, portrait, findings),
                links=self._links(),
                command=command_for(self.model.name, window),
            )
            yield from self._addressed(announcement, message)

    def _addressed(self, announcement: Announcement, message: Message) -> Iterator[Letter]:
        for channel in self.model.notify:
            yield channel, announcement.key, message

    def _links(self) -> tuple[Link, ...]:
        links = (("Status", self.daemon.url), ("Runbook", self.model.runbook))
        return tuple(Link(label, url) for label, url in links if url)

    def untroubled(self, *causes: str) -> tuple[Message, ...]:
        """Record that there is none of these troubles that belong to no window."""
        known = {one.cause for one in self.store.incidents(self.model.name)}
        return tuple(m for cause in causes if cause in known for m in self.troubled(cause, None))

    def troubled(self, cause: str, trouble: str | None) -> tuple[Message, ...]:
        """Record trouble that belongs to no window, or (None) that there is none.

        It opens quietly and becomes critical when it has lasted for the grace time.
        """
        model, now = self.model, self.now
        still_open = self.store.incidents(model.name)
        open_one = next((one for one in still_open if one.cause == cause), None)
        if trouble is None and open_one is None:
            return ()
        incidents = self._incidents()
        lasting = open_one is not None and now - open_one.since >= GRACE
        severity = "critical" if lasting else "warning"
        causes = () if trouble is None else (Cause(cause, "", None, None, severity, trouble),)
        signal = Signal(model.name, cause, severity if trouble else "clear", now, causes)  # type: ignore[arg-type]
        reviewed = review(incidents, [signal], now, model.policy)
        letters = [
            letter
            for announcement in reviewed.announcements
            for letter in self._addressed(
                announcement,
                compose(announcement, links=self._links(), command="modelmon validate --connect"),
            )
        ]
        self.store.announce(_changed(incidents, reviewed), tuple(letters), now)
        return _distinct(letters)


def _worst(met: Set[Verdict]) -> Verdict | None:
    return next((verdict for verdict in WORST_FIRST if verdict in met), None)


def _same(before: Entry, log: LogProfile, state: State, pulse: str | None) -> bool:
    """Whether a window is what the ledger says, as far as that can be told."""
    counts = (before.rows, before.labels, before.state) == (log.rows, log.labels, state)
    return counts and (None in (before.pulse, pulse) or before.pulse == pulse)


def _signed(baseline: Baseline, note: str) -> Baseline:
    return replace(baseline, accepted_by="modelmon", note=note)


def _changed(before: Sequence[Incident], reviewed: Review) -> tuple[Incident, ...]:
    known = {one.key: one for one in before}
    return tuple(one for one in reviewed.incidents if known.get(one.key) != one)


def _hushed(before: Sequence[Incident], reviewed: Review) -> Review:
    """The same changes, with nothing said: who fails on will speak when a window is news."""
    spoken = {one.key: one.last_spoken for one in before}
    silent = (replace(one, last_spoken=spoken.get(one.key)) for one in reviewed.incidents)
    return Review(tuple(silent), ())


def _distinct(letters: Sequence[Letter]) -> tuple[Message, ...]:
    return tuple({key: message for _, key, message in letters}.values())
