"""One pass over one model: what is due is read, judged and recorded, a window at a time."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from alerts.compose import compose
from alerts.incident import Announcement, Incident, Review, Signal, review
from alerts.message import Cause, Link, Message
from checks.portrait import Portrait
from monitor.baseline import Baseline
from monitor.config import Daemon, Model
from monitor.evaluate import Target, evaluate
from monitor.findings import WHOLE, Finding, Slice
from monitor.learn import learn
from monitor.signals import signals_of
from monitor.sources import Horizon, SourceError, WrongSchema
from monitor.store import Entry, Record, Store
from monitor.windows import Due, Seen, Window, due

BATCH = 32
"""Windows read in one scan of the source: bounds memory, and what a kill can cost."""

GRACE = timedelta(minutes=15)
"""How long a source may fail before somebody is woken."""

ReadAt = MutableMapping[tuple[str, Window], datetime]
Letter = tuple[str, str, Message]


@dataclass(frozen=True, slots=True)
class Passed:
    """What one pass did: windows recorded, rows read, messages queued."""

    windows: int = 0
    rows: int = 0
    messages: tuple[Message, ...] = ()
    notices: tuple[str, ...] = ()


def _silent(window: Window, done: int, total: int) -> None:
    """Show no progress."""


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Pass:
    """One pass over one model.

    ``read_at`` remembers when a window that waits for labels was last read, and ``baselines`` those
    in force; losing them costs a read. ``stop`` asks whether to end after the window in hand;
    ``progress`` hears of each window that is done, how many are and how many there are.
    """

    model: Model
    daemon: Daemon
    store: Store
    horizon: Horizon
    read_at: ReadAt = field(default_factory=dict)
    baselines: MutableMapping[str, Baseline] = field(default_factory=dict)
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
        ledger = {entry.window: entry for entry in self.store.ledger(self.model.name)}
        items = self._due(baseline, ledger)
        windows = rows = done = 0
        messages: list[Message] = []
        for start in range(0, len(items), BATCH):
            batch = items[start : start + BATCH]
            portraits = self.model.source.profile(
                baseline.plan, self.model.columns, [item.window for item in batch], self.horizon
            )
            for item in batch:
                if self.stop():
                    return Passed(windows, rows, tuple(messages), notices)
                slices = portraits[item.window]
                rows += slices[WHOLE].rows
                self.read_at[self.model.name, item.window] = self.now
                record = self._judged(item, slices, baseline, ledger.get(item.window))
                if record is not None:
                    self.store.record(record)
                    windows += 1
                    messages += _distinct(record.letters)
                done += 1
                self.progress(item.window, done, len(items))
        return Passed(windows, rows, tuple(messages), notices)

    def _baseline(self) -> tuple[Baseline, tuple[str, ...]]:
        name = self.model.name
        newest = next(iter(self.store.baselines(name, limit=1)), None)
        if newest is not None and newest.recipe == self.model.recipe:
            kept = self.baselines.get(name)
            if kept is None or kept.version != newest.version:
                kept = self.store.baseline(name, newest.version)
            if kept is not None:
                self.baselines[name] = kept
                return kept, ()
        period = self.model.reference.period
        if period is not None and period.end > self.now:
            raise WrongSchema(f"the reference period {period} is not over yet")
        learnt, notices = learn(self.model, self.horizon)
        note = "first reference" if newest is None else "configuration changed"
        return self.store.save_baseline(_signed(learnt, note), self.now), notices

    def _due(self, baseline: Baseline, ledger: Mapping[Window, Entry]) -> list[Due]:
        extent = self.model.source.extent(self.model.columns, self.horizon)
        own = self.model.reference.period is not None
        first = baseline.period.end if own else extent.first
        if first is None:
            return []
        seen = [
            Seen(
                entry.window,
                entry.revision,
                entry.state,
                self.read_at.get((self.model.name, entry.window), entry.evaluated_at),
            )
            for entry in ledger.values()
        ]
        newest = extent.last
        return due(self.model.schedule, seen, first, newest, self.now)

    def _judged(
        self, item: Due, slices: Mapping[Slice, Portrait], baseline: Baseline, before: Entry | None
    ) -> Record | None:
        """What to record of a window; None where nothing is new since its last revision."""
        model, log = self.model, slices[WHOLE].log
        state = model.schedule.state(item.window, log.rows, log.labels, self.now)
        if before and (before.rows, before.labels, before.state) == (log.rows, log.labels, state):
            return None
        target = Target(model.name, item.window, item.revision, state)
        findings = evaluate(target, baseline.plan, model.rules, baseline.portraits, slices)
        incidents = self.store.incidents(model.name, open_only=False)
        told = signals_of(model.name, findings, incidents, item.window.end)
        reviewed = review(incidents, told, self.now, model.policy)
        return Record(
            model=model.name,
            window=item.window,
            revision=item.revision,
            state=state,
            rows=log.rows,
            labels=log.labels,
            portraits=slices,
            findings=findings,
            incidents=_changed(incidents, reviewed),
            letters=tuple(self._letters(reviewed, item.window, slices[WHOLE], findings)),
            evaluated_at=self.now,
            known_at=self.horizon.known_at,
            baseline_version=baseline.version,
            config_hash=model.fingerprint,
            version=max(log.versions, key=lambda name: (log.versions[name], name), default=""),
            newest_row=datetime.fromtimestamp(log.last, UTC) if log.rows else None,
        )

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

    def source_failed(self, error: SourceError | None) -> tuple[Message, ...]:
        """Record that the source could (None) or could not be read; tell somebody if it lasts."""
        reason = "source" if error is None else str(error)
        return self.troubled("source", None if error is None else f"cannot be read: {reason}")

    def troubled(self, cause: str, trouble: str | None) -> tuple[Message, ...]:
        """Record trouble that belongs to no window, or (None) that there is none.

        It opens quietly and becomes critical when it has lasted for the grace time.
        """
        model, now = self.model, self.now
        incidents = self.store.incidents(model.name, open_only=False)
        open_one = next(
            (one for one in incidents if one.cause == cause and one.state != "resolved"), None
        )
        if trouble is None and open_one is None:
            return ()
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


def _signed(baseline: Baseline, note: str) -> Baseline:
    return replace(baseline, accepted_by="modelmon", note=note)


def _changed(before: Sequence[Incident], reviewed: Review) -> tuple[Incident, ...]:
    known = {one.key: one for one in before}
    return tuple(one for one in reviewed.incidents if known.get(one.key) != one)


def _distinct(letters: Sequence[Letter]) -> tuple[Message, ...]:
    return tuple({key: message for _, key, message in letters}.values())


def facts_of(
    window: Window, portrait: Portrait, findings: Sequence[Finding]
) -> Iterator[tuple[str, str]]:
    """What else a person wants to know of the window that speaks."""
    log = portrait.log
    yield "Window", str(window)
    yield "Rows", f"{log.rows:,}"
    if portrait.outcome is not None and log.rows:
        yield "Labels", f"{log.labels / log.rows:.0%} known"
    if len(log.versions) > 1:
        yield "Versions", ", ".join(f"{name} {n:,}" for name, n in sorted(log.versions.items()))
    elif log.versions:
        yield "Version", next(iter(log.versions))
    for finding in findings:
        if finding.cause == "performance" and finding.stat and finding.slice == WHOLE:
            yield finding.check, performance_text(finding)


def performance_text(finding: Finding) -> str:
    """A metric with its interval and verdict: ``0.71 (0.66 to 0.76), critical``."""
    stat = finding.stat
    if stat is None:
        return finding.reason
    bounded = stat.low is not None and stat.high is not None
    interval = f" ({stat.low:.3g} to {stat.high:.3g})" if bounded else ""
    return f"{stat.value:.3g}{interval}, {finding.verdict}"


def command_for(model: str, window: Window) -> str:
    """The command that shows the same findings again."""
    return (
        f"modelmon check {shlex.quote(model)}"
        f" --from {window.start:%Y-%m-%dT%H:%MZ} --to {window.end:%Y-%m-%dT%H:%MZ}"
    )
