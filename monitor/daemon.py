"""The daemon: a clock wakes it, the ledger says what is due, one model's trouble stays its own."""

from __future__ import annotations

import gc
import logging
import random
import signal
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import FrameType

from alerts.delivery import Channel, Delivered, deliver
from alerts.message import Message
from alerts.secret import redact
from monitor.duty import Memory
from monitor.export import Board
from monitor.findings import ModelSnapshot, Snapshot
from monitor.model import Config, Model
from monitor.report.words import counted, word
from monitor.sources import Horizon, SourceError
from monitor.store import Latest, Run, Store
from monitor.tick import Pass, Passed
from monitor.trouble import PIPELINE, Troubles
from monitor.windows import Window

log = logging.getLogger("modelmon")

PUBLISH_SECONDS = 15.0
"""The oldest a snapshot grows while one model catches up."""

POST_SECONDS = 1.0
"""How often at most a round over many models posts what is known of all of them."""

MOST_SAID = 500
"""Characters of an error in a message."""

RUNS_SHOWN = 20
"""Durations of runs in a snapshot: more than come between two of them."""

POLL_SECONDS = 0.25
"""How often a signal to stop is looked for."""

_CYCLES = (10_000, 10, 50)  # Python's own are 700, 10 and 10

Progress = Callable[[str, Window, int, int], None]


def _silent(model: str, window: Window, done: int, total: int) -> None:
    """Show no progress."""


def utc_now() -> datetime:
    """The clock."""
    return datetime.now(UTC)


def spread(attempt: int) -> float:  # noqa: ARG001  (a protocol)
    """The factor by which the wait before another attempt is stretched."""
    return random.uniform(0.8, 1.2)  # noqa: S311 (no secret hangs on it)


def look_for_cycles_seldom() -> None:
    """Set Python's collector of cyclic garbage, of the whole process, to what a daemon needs.

    It keeps thousands of small objects of each model, replaces many of them in every round, and
    leaves hardly a cycle behind: to walk through them at Python's own pace costs some 6 % of all
    its work, and frees some hundred objects a reading, none of them with rows.
    """
    gc.set_threshold(*_CYCLES)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round over all models did."""

    windows: int = 0
    failed: Mapping[str, str] = field(default_factory=dict)
    messages: tuple[Message, ...] = ()
    delivered: Delivered = field(default_factory=Delivered)


@dataclass(slots=True)
class Daemon:
    """Runs every model of a configuration against one state database.

    ``board`` receives a snapshot at least once a round. ``stopping`` ends the work after the window
    in hand. What is evaluated depends on the horizon given to ``round``; ``clock`` only dates
    snapshots and drives ``serve``.
    """

    config: Config
    store: Store
    board: Board
    channels: Mapping[str, Channel]
    progress: Progress = _silent
    stopping: threading.Event = field(default_factory=threading.Event)
    memories: dict[str, Memory] = field(default_factory=dict)
    clock: Callable[[], datetime] = utc_now
    last_progress: float = field(default_factory=time.monotonic)
    _published: float = 0.0
    _source_up: dict[str, bool] = field(default_factory=dict)
    _lamented: dict[str, str] = field(default_factory=dict)
    _windows_due: dict[str, int] = field(default_factory=dict)
    _known: dict[str, ModelSnapshot] = field(default_factory=dict)
    _latest: dict[str, Latest] = field(default_factory=dict)
    _runs: list[Run] = field(default_factory=list)
    _started: datetime | None = None
    _ready: bool = False

    def __post_init__(self) -> None:
        self._started = self.clock()

    def round(self, horizon: Horizon) -> Round:
        """One pass over every model, then one over the outbox."""
        windows, failed, messages = 0, {}, []
        for model in self.config.models.values():
            if self.stopping.is_set():
                break
            passed, told, trouble = self._model(model, horizon)
            windows += passed.windows
            messages += [*passed.messages, *told]
            if trouble:
                failed[model.name] = trouble
            self.last_progress = time.monotonic()
            self._known.pop(model.name, None)
            if self.last_progress - self._published > POST_SECONDS:
                self.publish(horizon.known_at)
        self._ready = True
        delivered = self._delivered(horizon.known_at)
        self.publish(horizon.known_at)
        return Round(windows, failed, tuple(messages), delivered)

    def _delivered(self, now: datetime) -> Delivered:
        """Drain the outbox."""
        outbox, tell = self.store.outbox, self._tell_defect
        return deliver(outbox, self.channels, now, jitter=spread, on_defect=tell)

    def _tell_defect(self, error: Exception) -> None:
        said = self._redacted("".join(traceback.format_exception(error)))  # it may hold an address
        log.error("a channel failed unexpectedly; its letter waits for another try\n%s", said)

    def _model(self, model: Model, horizon: Horizon) -> tuple[Passed, tuple[Message, ...], str]:
        one = Pass(
            model,
            self.config.daemon,
            self.store,
            horizon,
            self.memories.setdefault(model.name, Memory()),
            self.stopping.is_set,
            lambda window, done, total: self._progressed(model, window, done, total),
        )
        troubles = Troubles(model, self.config.daemon, self.store, horizon.known_at)
        started, begun = horizon.known_at, time.monotonic()
        passed, reason, trouble = Passed(), "", ""
        told: tuple[Message, ...] = ()
        try:
            passed = one.run()
            if passed.latest is not None:
                self._latest[model.name] = passed.latest
            told = troubles.untroubled(*PIPELINE)
            self._source_up[model.name] = True
            self._say(model.name, passed)
        except SourceError as error:
            reason, trouble = error.reason, self._redacted(str(error))
            repeated = trouble == self._lamented.get(model.name)
            log.log(logging.DEBUG if repeated else logging.WARNING, "%s: %s", model.name, trouble)
            self._lamented[model.name] = trouble
            self._source_up[model.name] = False
            told = troubles.troubled("source", f"cannot be read: {trouble}"[:MOST_SAID])
        except Exception as error:
            reason = "internal"
            trouble = self._redacted(f"{type(error).__name__}: {error}")
            said = self._redacted(traceback.format_exc())
            log.error("%s: an unexpected failure; the other models go on\n%s", model.name, said)  # noqa: TRY400
            told = troubles.troubled("monitor", f"failed on this model: {trouble}"[:MOST_SAID])
        for notice in passed.notices:
            log.info("%s: %s", model.name, notice)
        elapsed = timedelta(seconds=time.monotonic() - begun)
        ended, counts = started + elapsed, (passed.rows, passed.windows)
        self._runs.append(Run(model.name, started, ended, not reason, reason, *counts))
        return passed, told, trouble

    def _say(self, model: str, passed: Passed) -> None:
        """Tell the log that a source is back, and what was evaluated."""
        if self._lamented.pop(model, None) is not None:
            log.info("%s: can be read again", model)
        if passed.latest is not None:
            done, last = counted(passed.windows, "window"), passed.latest.entry.window
            verdict = "nothing judged" if passed.worst is None else word(passed.worst)
            log.info("%s: %s evaluated, the last %s; worst: %s", model, done, last, verdict)

    def _redacted(self, text: str) -> str:
        return redact(text, self.config.secrets)

    def _progressed(self, model: Model, window: Window, done: int, total: int) -> None:
        """A window is done: the snapshot of a long catch-up must not grow old."""
        self._windows_due[model.name] = total - done
        self.last_progress = time.monotonic()
        if self.last_progress - self._published > PUBLISH_SECONDS:
            self.publish(self.clock(), model)
        self.progress(model.name, window, done, total)

    def publish(self, now: datetime, *looked_at: Model) -> None:
        """Swap the snapshot that the scraper and the status page read.

        Of models that were not looked at it repeats what is known of them.
        """
        self._published = time.monotonic()
        done, self._runs = self._runs, []
        if done:
            self.store.record_runs(done)
        models = self.config.models.values()
        with self.store.at_once():
            for model in (*looked_at, *(m for m in models if m.name not in self._known)):
                self._known[model.name] = self._snapshot(model)
            counts, depth = self.store.delivery_counts(), self.store.outbox_depth()
        sent = dict.fromkeys(self.channels, 0) | dict(counts.sent)
        self.board.publish(
            Snapshot(
                tuple(self._known[model.name] for model in models),
                tuple(sorted(sent.items())),
                tuple((*which, n) for which, n in sorted(counts.failed.items())),
                depth,
                started=self._started,
                ready=self._ready,
                taken=now,
            )
        )

    def _snapshot(self, model: Model) -> ModelSnapshot:
        latest = self.store.latest(model.name, self._latest.get(model.name))
        if latest is not None:
            self._latest[model.name] = latest
        counts = self.store.run_counts(model.name)
        common = {
            "source_up": self._source_up.get(model.name),
            "last_success": counts.last_success,
            "runs": counts.runs,
            "windows_due": self._windows_due.get(model.name, 0),
            "run_failures": tuple(sorted(counts.failures.items())),
            "run_seconds": self.store.recent_run_seconds(model.name, RUNS_SHOWN),
            "rows_read": counts.rows,
            "incidents": _by_severity(self.store, model.name),
            "label": model.columns.label or "",
        }
        if latest is None:
            return ModelSnapshot(model.name, **common)  # type: ignore[arg-type]
        entry = latest.entry
        return ModelSnapshot(
            model.name,
            version=entry.version,
            newest_row=entry.newest_row,
            window=entry.window,
            state=entry.state,
            revision=entry.revision,
            rows=entry.rows,
            labels=entry.labels if model.schedule.labelled else None,
            label_coverage=(entry.labels / entry.rows if entry.rows else None)
            if model.schedule.labelled
            else None,
            findings=latest.findings,
            **common,  # type: ignore[arg-type]
        )

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT; what is in flight is finished first."""
        from apscheduler.schedulers.background import BackgroundScheduler

        look_for_cycles_seldom()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        logging.getLogger("apscheduler.scheduler").addFilter(is_news)
        scheduler = BackgroundScheduler(
            timezone=UTC,
            job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        )
        scheduler.add_job(
            self._tick,
            "interval",
            seconds=self.config.daemon.tick.total_seconds(),
            next_run_time=self.clock(),
        )
        self.publish(self.clock())  # after a restart, what was known before it
        scheduler.start()
        try:
            # To wait for the event would hold its lock, which the handler of a signal takes.
            while not self.stopping.is_set():
                time.sleep(POLL_SECONDS)
        finally:
            log.info("stopping: the window in hand is finished first")
            scheduler.shutdown(wait=True)

    def _tick(self) -> None:
        now = self.clock()
        self.round(Horizon(now, now))

    def alive(self) -> bool:
        """Whether a round made progress within reason; what /healthz answers."""
        patience = max(10 * self.config.daemon.tick.total_seconds(), 600.0)
        return time.monotonic() - self.last_progress < patience

    def _stop(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002  (a protocol)
        self.stopping.set()


def is_news(record: logging.LogRecord) -> bool:
    """All that the scheduler says but that a tick was skipped, as the one before still works."""
    return "maximum number of running instances" not in str(record.msg)


def _by_severity(store: Store, model: str) -> tuple[tuple[str, int], ...]:
    counts = {"critical": 0, "warning": 0}
    for incident in store.incidents(model):
        counts[incident.severity] += 1
    return tuple(counts.items())
