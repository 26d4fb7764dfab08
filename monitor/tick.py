"""One pass over one model: what is due is read, judged and recorded, a window at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from alerts.compose import compose
from alerts.incident import Incident, Review
from alerts.message import Message
from checks.log import LogProfile
from checks.portrait import Portrait
from checks.verdict import WORST_FIRST, Verdict
from monitor.baseline import Baseline
from monitor.duty import TIDY_EVERY, Duty, Memory, Work
from monitor.evaluate import Target
from monitor.findings import WHOLE, Finding, waits_for_labels
from monitor.learn import learn
from monitor.letters import Letter, addressed, changed, distinct, known_incidents, links_of
from monitor.model import Daemon, Model
from monitor.reading import Reader, Reading
from monitor.sources import Horizon, WrongSchema
from monitor.step import command_for, facts_of, step
from monitor.store import AlreadyRecorded, Entry, Latest, Record, Store
from monitor.windows import COARSE_AFTER, Due, Seen, State, Window

ROLL_AT_ONCE = 7
"""Days whose granules become one in a pass."""

KEEP_GRANULES = timedelta(days=90)
"""How long granules are kept."""


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

    @property
    def _duty(self) -> Duty:
        return Duty(self.model, self.store, self.horizon, self.memory)

    def run(self) -> Passed:
        """Evaluate everything that is due.

        Raises:
            SourceError: the source could not be read; what was recorded before stays.
        """
        baseline, notices = self._baseline()
        duty = self._duty
        if duty.rests():
            return Passed(notices=notices)
        self.memory.quiet = None
        work = duty.work(baseline)
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
                messages += distinct(record.letters)
            self.progress(item.window, done, len(work.items))
            work.seen[item.window] = self._seen(work, item, record)
        self._tidy(work)
        self.memory.quiet = duty.quiet_from_now(work)
        return Passed(windows, rows, tuple(messages), notices, latest, _worst(met))

    def _seen(self, work: Work, item: Due, record: Record | None) -> Seen:
        """What the ledger knows of a window that was read just now."""
        if record is None:
            return replace(work.seen[item.window], read_at=self.now)
        return Seen(record.window, record.revision, record.state, self.now)

    def _verdicts(self, record: Record) -> set[Verdict]:
        label = self.model.columns.label
        waits = partial(waits_for_labels, state=record.state, label=label)
        return {each.verdict for each in record.findings if not waits(each)}

    def _read(self, work: Work) -> Iterator[tuple[Due, Reading, dict[str, Incident]]]:
        """The windows due as they were read, and the incidents known when they were."""
        items = {item.window: item for item in work.items}
        reader = Reader(self.model, work.baseline.plan, self.store, self.horizon)
        for batch in reader.batches(tuple(items)):
            readings = reader.read(batch, work.before)
            incidents = {one.key: one for one in known_incidents(self.store, self.model.name)}
            for window in batch:
                if self.stop():
                    return
                yield items[window], readings[window], incidents

    def _tidy(self, work: Work) -> None:
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

    def _judged(
        self,
        work: Work,
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
        newest = self._duty.newest_of(work, item.window, log)
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
            incidents=changed(known, reviewed),
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

    def _letters(
        self, reviewed: Review, window: Window, portrait: Portrait, findings: Sequence[Finding]
    ) -> Iterator[Letter]:
        for announcement in reviewed.announcements:
            message = compose(
                announcement,
                facts=facts_of(window, portrait, findings),
                links=links_of(self.model, self.daemon),
                command=command_for(self.model.name, window),
            )
            yield from addressed(self.model, announcement, message)


def _worst(met: Set[Verdict]) -> Verdict | None:
    return next((verdict for verdict in WORST_FIRST if verdict in met), None)


def _same(before: Entry, log: LogProfile, state: State, pulse: str | None) -> bool:
    """Whether a window is what the ledger says, as far as that can be told."""
    counts = (before.rows, before.labels, before.state) == (log.rows, log.labels, state)
    return counts and (None in (before.pulse, pulse) or before.pulse == pulse)


def _signed(baseline: Baseline, note: str) -> Baseline:
    return replace(baseline, accepted_by="modelmon", note=note)


def _hushed(before: Sequence[Incident], reviewed: Review) -> Review:
    """The same changes, with nothing said: who fails on will speak when a window is news."""
    spoken = {one.key: one.last_spoken for one in before}
    silent = (replace(one, last_spoken=spoken.get(one.key)) for one in reviewed.incidents)
    return Review(tuple(silent), ())
