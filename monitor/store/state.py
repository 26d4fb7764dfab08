"""The store: one method, one transaction, for all that the program wants to remember or know."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo

from alerts.incident import Incident
from checks.portrait import Portrait
from checks.verdict import Verdict
from monitor.baseline import Baseline
from monitor.findings import Finding, Slice
from monitor.granules import joined
from monitor.sources import Pulse
from monitor.store import (
    baselines,
    findings,
    granules,
    incidents,
    ledger,
    outbox,
    portraits,
    runs,
    schema,
    trail,
)
from monitor.store.database import Database
from monitor.store.granules import Ripe
from monitor.store.outbox import Outbox
from monitor.store.records import (
    BaselineInfo,
    Deed,
    DeliveryCounts,
    Entry,
    Granule,
    Latest,
    Letters,
    Page,
    Progress,
    Record,
    RunCounts,
)
from monitor.store.runs import Run
from monitor.windows import DAY, Calendar, Window

_PROGRAM = "modelmon"  # who did it, where no person did


class Store:
    """The state database of all models; any number of threads may use one.

    Every method is one transaction. All of them raise `StoreUnreachable` where the database does
    not answer, and `StoreError` where it refuses.
    """

    __slots__ = ("_database", "outbox")

    def __init__(self, database: Database) -> None:
        self._database = database
        self.outbox = Outbox(database)

    @classmethod
    def open(cls, url: str, *, upgrade: bool = True) -> Store:
        """The state database at a SQLite or PostgreSQL address, created or upgraded if need be.

        Raises:
            SchemaTooNew: a newer modelmon wrote it.
            SchemaTooOld: it needs an upgrade, and ``upgrade`` is False.
            StoreError: the address is none of a database that can hold the state.
        """
        database = Database(url)
        with ExitStack() as failing:
            failing.callback(database.close)
            schema.require(database, upgrade=upgrade)
            failing.pop_all()
        return cls(database)

    def close(self) -> None:
        """Let go of all connections."""
        self._database.close()

    def at_once(self) -> AbstractContextManager[None]:
        """A block in which all that this thread reads is of one moment, and cheaper to read."""
        return self._database.at_once()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def save_baseline(self, baseline: Baseline, now: datetime) -> Baseline:
        """Accept a baseline: it gets the next version of its model and is in force from now on."""
        content = baselines.Content.of(baseline)
        with self._database.writing() as connection:
            accepted = baselines.add(connection, baseline, content, now)
            granules.forget(connection, baseline.model, baseline.plan.hash)
            what = f"accepted baseline {accepted.version}"
            trail.add(connection, baseline.accepted_by or _PROGRAM, what, baseline.model, now)
        return accepted

    def baseline(self, model: str, version: int | None = None) -> Baseline | None:
        """A version of a model's baseline, or the one in force; None where there is none.

        Raises:
            Damaged: its bytes are not those that were accepted.
        """
        with self._database.reading() as connection:
            return baselines.get(connection, model, version)

    def baselines(self, model: str, *, limit: int = 1000) -> tuple[BaselineInfo, ...]:
        """The newest versions of a model's baseline, oldest first, without their content."""
        with self._database.reading() as connection:
            return baselines.infos(connection, model, limit)

    def record(self, record: Record) -> Latest:
        """Write all that one evaluation of one window leaves behind, in one transaction.

        What it gives is what `latest` gives from then on, if the window is the model's newest and
        its own performance stands for the model.

        Letters whose channel and key are known already are not added again; of incidents, what
        others wrote meanwhile (an acknowledgement, a thread) is kept.

        Raises:
            AlreadyRecorded: the ledger has this revision of this window; nothing was changed.
            ValueError: a finding is of another window, or one of its numbers is NaN.
        """
        packed = portraits.packed(record.portraits)
        parts = granules.packed(record.granules)
        subject, now = f"{record.model} {record.window}", record.evaluated_at
        with self._database.writing() as connection:
            entry = ledger.add(connection, record)
            portraits.add(connection, entry, packed)
            granules.put(connection, record.model, parts, now)
            if record.progress is not None:
                ledger.keep_progress(connection, record.model, record.progress)
            findings.add(connection, entry, record.findings)
            incidents.follow(connection, record.incidents)
            outbox.post(connection, record.letters, now)
            what = f"recorded revision {record.revision} as {record.state}"
            trail.add(connection, _PROGRAM, what, subject, now)
        return Latest(record.entry, record.findings, (entry, entry))

    def announce(self, reviewed: Iterable[Incident], letters: Letters, now: datetime) -> None:
        """Write incidents and letters that belong to no window, such as a source out of reach."""
        with self._database.writing() as connection:
            incidents.follow(connection, reviewed)
            outbox.post(connection, letters, now)

    def ledger(
        self,
        model: str,
        since: datetime | None = None,
        as_of: datetime | None = None,
        *,
        limit: int = 100_000,
    ) -> tuple[Entry, ...]:
        """The newest revision of each window, in time order.

        ``since`` leaves out windows that had ended by then; ``as_of`` takes the newest revision
        evaluated at or before that moment. Beyond ``limit`` the oldest windows are left out.
        """
        with self._database.reading() as connection:
            return ledger.entries(connection, model, since, as_of, limit)

    def progress(self, model: str) -> Progress | None:
        """How far the ledger of a model was settled when the last window was recorded."""
        with self._database.reading() as connection:
            return ledger.progress_of(connection, model)

    def newest_row(self, model: str) -> datetime | None:
        """The time of the newest row that the newest window knew of."""
        with self._database.reading() as connection:
            found = ledger.newest(connection, model)
        return None if found is None else found[1].newest_row

    def granules(
        self, model: str, plan_hash: str, pulses: Mapping[Window, Pulse]
    ) -> dict[Window, dict[Slice, Portrait]]:
        """The stored portraits of those granules whose pulse is still the same.

        Raises:
            Damaged: their bytes cannot be read.
        """
        with self._database.reading() as connection:
            found = granules.same(connection, model, plan_hash, pulses)
        return granules.unpacked(found)

    def portrait(self, model: str, span: Window, plan_hash: str) -> dict[Slice, Portrait]:
        """All that is stored of a span under a plan, as the portraits of one window.

        Granules make it up and, where there are none, whole windows; empty where nothing is stored.

        Raises:
            Damaged: their bytes cannot be read.
        """
        with self._database.reading() as connection:
            parts = granules.unpacked(granules.within(connection, model, plan_hash, span))
            for entry, window in ledger.within(connection, model, span):
                if not any(part.start < window.end and part.end > window.start for part in parts):
                    whole = portraits.of_entry(connection, entry)
                    if all(each.plan == plan_hash for each in whole.values()):
                        parts[window] = whole
        return joined(parts, span)

    def roll_up(
        self,
        model: str,
        plan_hash: str,
        zone: ZoneInfo,
        before: datetime,
        now: datetime,
        *,
        limit: int = 7,
    ) -> int:
        """Make one granule of those of each day that ended before a moment; how many days it did.

        The oldest days come first, at most ``limit``. Each day is a transaction of its own.
        """
        days = Calendar(DAY, zone)
        with self._database.reading() as connection:
            ripe = granules.ripe(connection, model, plan_hash, days, before, limit)
        return sum(self._rolled_up(model, each, now) for each in ripe)

    def _rolled_up(self, model: str, ripe: Ripe, now: datetime) -> bool:
        with self._database.reading() as connection:
            rows = granules.contents(connection, ripe.ids)
        if len(rows) < len(ripe.ids):
            return False
        whole = Granule(ripe.day, None, joined(granules.unpacked(rows), ripe.day))
        (packed,) = granules.packed([whole])
        with self._database.writing() as connection:
            return granules.replace_parts(connection, model, ripe.ids, packed, now)

    def prune_granules(self, model: str, before: datetime) -> int:
        """Delete the granules of a model that had ended by a moment; how many there were."""
        with self._database.writing() as connection:
            return granules.prune(connection, model, before)

    def revisions(self, model: str, window: Window) -> tuple[Entry, ...]:
        """Every revision of one window, the newest last."""
        with self._database.reading() as connection:
            return ledger.revisions(connection, model, window)

    def findings(
        self,
        model: str | None = None,
        *,
        window: Window | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        check: str | None = None,
        verdicts: Collection[Verdict] | None = None,
        as_of: datetime | None = None,
        limit: int = 1_000_000,
    ) -> Iterator[Finding]:
        """Findings of each window's newest revision, streamed in the order of the windows.

        ``since`` and ``until`` bound a period that the windows overlap; ``as_of`` takes the newest
        revision evaluated at or before that moment. A transaction stays open until the iterator is
        exhausted or closed.
        """
        wanted = findings.Wanted(model, window, since, until, check, verdicts, as_of, limit)
        with self._database.reading() as connection:
            yield from findings.stream(connection, wanted)

    def latest(self, model: str, known: Latest | None = None) -> Latest | None:
        """The newest window and its findings, where performance is that of labels that arrived.

        Performance findings are those of the newest window in state final, or else of the newest
        one whose performance could be measured, or else its own. None where nothing is recorded.
        ``known`` is what this gave before: it is given again if it still holds.
        """
        with self._database.reading() as connection:
            found = ledger.newest(connection, model)
            if found is None:
                return None
            number, entry = found
            performing = ledger.newest_performing(connection, model)
            lines = (number, number if performing is None else performing)
            if known is not None and known.lines == lines:
                return known
            if lines == (number, number):
                return Latest(entry, findings.of_entry(connection, number), lines)
            if known is not None and known.lines[0] == number:
                own = tuple(f for f in known.findings if f.cause != ledger.PERFORMANCE)
            else:
                own = findings.of_entry(connection, number, performance=False)
            late = findings.of_entry(connection, lines[1], performance=True)
            return Latest(entry, own + late, lines)

    def portraits(
        self, model: str, window: Window, revision: int | None = None
    ) -> Mapping[Slice, Portrait]:
        """The portraits of a window's revision, or of its newest; empty where it is not recorded.

        Raises:
            Damaged: their bytes cannot be read.
        """
        with self._database.reading() as connection:
            entry = ledger.number_of(connection, model, window, revision)
            return {} if entry is None else portraits.of_entry(connection, entry)

    def history(
        self,
        model: str,
        check: str,
        column: str = "",
        segment: str = "",
        *,
        version: str = "",
        last: int = 90,
    ) -> tuple[Finding, ...]:
        """What one check said of one column in the last windows, in time order."""
        with self._database.reading() as connection:
            within = Slice(version, segment)
            return findings.history(connection, model, check, column, within, last)

    def incidents(
        self, model: str | None = None, open_only: bool = True, *, limit: int = 10_000
    ) -> tuple[Incident, ...]:
        """Incidents in the order they began; beyond ``limit`` the oldest are left out."""
        with self._database.reading() as connection:
            return incidents.find(connection, model, open_only=open_only, limit=limit)

    def save_incident(self, incident: Incident, audit: str, who: str, now: datetime) -> None:
        """Write what a person did to an incident: its state and who took it on.

        All else stays as the daemon left it, and an incident that it resolved meanwhile stays
        resolved. ``audit`` tells the audit trail what was done.
        """
        with self._database.writing() as connection:
            incidents.amend(connection, incident)
            trail.add(connection, who, audit, incident.key, now)

    def outbox_depth(self) -> int:
        """How many letters wait."""
        with self._database.reading() as connection:
            return outbox.depth(connection)

    def delivery_counts(self) -> DeliveryCounts:
        """How many letters were ever sent, and how many attempts failed."""
        with self._database.reading() as connection:
            return outbox.counts(connection)

    def pages(self, since: datetime | None = None, *, limit: int = 200) -> tuple[Page, ...]:
        """What became of the newest letters, newest first, without their messages."""
        with self._database.reading() as connection:
            return outbox.pages(connection, since, limit)

    def record_runs(self, done: Sequence[Run]) -> None:
        """Note passes over models; the last `runs.KEPT` of each are kept, the totals count all."""
        with self._database.writing() as connection:
            runs.add(connection, done)

    def run_counts(self, model: str) -> RunCounts:
        """How often a model's pass ever ran, and how often it failed."""
        with self._database.reading() as connection:
            return runs.counts(connection, model)

    def recent_run_seconds(self, model: str, last: int = 100) -> tuple[float, ...]:
        """How long the last runs took, oldest first."""
        with self._database.reading() as connection:
            return runs.recent_seconds(connection, model, last)

    def audit(self, who: str, what: str, subject: str, now: datetime) -> None:
        """Write one line of the audit trail."""
        with self._database.writing() as connection:
            trail.add(connection, who, what, subject, now)

    def trail(self, subject: str | None = None, *, limit: int = 200) -> tuple[Deed, ...]:
        """The newest lines of the audit trail, newest first."""
        with self._database.reading() as connection:
            return trail.newest(connection, subject, limit)
