"""A log of relations in one session: surveyed, profiled and read, whatever engine holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pyarrow as pa
from sqlalchemy import select

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import (
    ALL_TIME,
    Columns,
    Extent,
    Horizon,
    Pulse,
    Survey,
    Unreadable,
    WrongSchema,
)
from monitor.sources._extent import extent_batches
from monitor.sources._files import require
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._orphans import count_orphans, wants_orphans
from monitor.sources._placing import SKEW, rows_within
from monitor.sources._pulse import Pulses, pulse_batches, pulsed
from monitor.sources._rows import in_order, tally_batches, wanted
from monitor.sources._sql.clock import NotPlain
from monitor.sources._sql.counting import Counting
from monitor.sources._sql.extent import extent_of
from monitor.sources._sql.frame import Frame, Request, frame_of
from monitor.sources._sql.groups import cuts_of
from monitor.sources._sql.judging import judge
from monitor.sources._sql.pulsing import added, pulses
from monitor.sources._sql.pushdown import TimeColumn
from monitor.sources._sql.relation import Relation, Rows, alike
from monitor.sources._sql.ruling import rule
from monitor.sources._sql.survey import survey_of
from monitor.sources._survey import surveyed
from monitor.sources._tally import Tally
from monitor.windows import Window

_MOST_WINDOWS = 500  # in one statement
_TICK = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, eq=False)
class SqlLog:
    """A log in an open session: its rows and, where the truth is apart, the relation of labels.

    ``batch`` is how many rows are fetched at a time. ``push_down`` says whether the database counts
    the rows; None leaves that to what costs less.
    """

    log: Relation
    truth: Relation | None = None
    batch: int = 50_000
    push_down: bool | None = None

    def names(self) -> Sequence[str]:
        """The columns of the log."""
        return tuple(self.log.types)

    def survey(self, columns: Columns, period: Window) -> Survey:
        """A look at the rows of the period, with their labels as known now."""
        log = self.log
        self._require(columns, everything=True)
        named = surveyed(columns) or log.types
        names = [n for n in log.types if n in named and n not in columns.exclude]
        rows = _cut(log, columns, (period,))
        labels = self._labels(rows, columns, FOREVER)
        survey = survey_of(rows, columns, period, names, labels, self.batch)
        if not survey.rows:
            _require_rows(log)
        return survey

    def extent(self, columns: Columns, horizon: Horizon, since: datetime | None = None) -> Extent:
        """The rows known at the horizon, counted by the database, and its outermost times."""
        self._require(columns)
        if since is not None and columns.timestamp is not None:
            end = max(since, horizon.known_at) + _TICK
            rows = _cut(self.log, columns, (Window(since, end),))
            new = rows.batches([columns.timestamp], self.batch)
            return extent_batches(columns, horizon, new, since)
        extent = extent_of(self.log, columns, horizon, self.batch)
        if not extent.rows:
            _require_rows(self.log)
        return extent

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        """One portrait for each window and slice; of other rows only the strays are counted."""
        self._require(columns)
        if not windows:
            return {}
        asked = Request(plan, columns, in_order(windows), horizon, tuple(spans))
        try:
            frame = self._frame(asked)
        except NotPlain:
            tally = self._fetched(asked, _cut(self.log, columns, windows))
        else:
            tally = self._fetched(asked, frame.odd())
            self._count(frame, asked, tally)
        self._count_orphans(asked, tally)
        return tally.portraits(asked.windows)

    def profile_and_pulse(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> tuple[Mapping[Window, Mapping[Slice, Portrait]], Mapping[Window, Pulse]]:
        """What `profile` and `pulse` give, of rows that are fetched only once."""
        self._require(columns)
        asked = Request(plan, columns, in_order(windows), horizon, tuple(spans))
        try:
            self._require_labels(columns)
            self._require_worth(columns, asked.windows)
        except NotPlain:
            rows = _cut(self.log, columns, windows)
            labels = self._labels(rows, columns, horizon)
            pulses = Pulses(columns, windows, horizon, labels)
            tally = self._tallied(asked, rows, labels, pulses)
            self._count_orphans(asked, tally)
            return tally.portraits(asked.windows), dict(added({}, pulses.found()))
        pulse = self.pulse(columns, windows, horizon)
        return self.profile(plan, columns, windows, horizon, spans), pulse

    def pushed_down(
        self, plan: Plan, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> str:
        """Whether the database counts these windows itself, or why it cannot, as a sentence."""
        try:
            self._frame(Request(plan, columns, in_order(windows), horizon))
        except NotPlain as reason:
            return f"{self.log.name}: every row is fetched, as {reason}"
        return f"{self.log.name}: the database counts the rows, only the odd ones are fetched"

    def _frame(self, asked: Request) -> Frame:
        if asked.plan.texts or asked.plan.embeddings:
            raise NotPlain("texts and embeddings are measured row by row")
        self._require_labels(asked.columns)
        self._require_worth(asked.columns, asked.windows)
        return frame_of(self.log, self.truth, wanted(asked.plan, asked.columns), asked)

    def _require_worth(self, columns: Columns, windows: Sequence[Window]) -> None:
        """NotPlain where fetching the rows costs less than having them counted."""
        facts = self.log.dialect
        if self.push_down or facts is None:
            return
        if self.push_down is False:
            raise NotPlain("push_down = false asks for it")
        if facts.fetched is None:
            raise NotPlain("a database in the same process would not count them faster")
        if _cut(self.log, columns, windows).count() < facts.fetched * len(windows):
            raise NotPlain(
                f"fewer than {facts.fetched:,} a window cost less to fetch than to count"
            )

    def _count(self, frame: Frame, asked: Request, tally: Tally) -> None:
        """Add the plain rows to a tally; the database counts them."""
        size = self._at_once(asked)
        for first in range(0, len(asked.windows), size):
            windows = asked.windows[first : first + size]
            for cut in cuts_of(asked.plan, frame):
                counting = Counting.of(frame, asked, tally, windows, first, cut, self.batch)
                counting.run()
                judge(counting)
                rule(counting)

    def _at_once(self, asked: Request) -> int:
        """How many windows are counted at once: one with many rows, where its columns can be."""
        facts, several = self.log.dialect, len(asked.windows)
        if several == 1 or facts is None or facts.together == 1 or facts.fetched is None:
            return _MOST_WINDOWS
        if self.push_down is None:
            return 1  # else they would not have been worth counting
        rows = _cut(self.log, asked.columns, asked.windows).count()
        return 1 if rows >= several * facts.fetched else _MOST_WINDOWS

    def _count_orphans(self, asked: Request, tally: Tally) -> None:
        """Count the labels of the windows that no prediction has; only their ids are looked for."""
        log, truth, columns = self.log, self.truth, asked.columns
        if truth is None or columns.id is None or not wants_orphans(asked.plan, columns):
            return
        dated = _cut(truth, replace(columns, timestamp=columns.label_timestamp), asked.windows)
        predictions = Rows(log)
        if dated.where is not None:
            ours, theirs = alike(log, truth, columns.id)
            ids = select(theirs).select_from(truth.rows).where(dated.where).correlate(None)
            predictions = Rows(log, ours.in_(ids))
        names = [str(columns.id), str(columns.label), str(columns.label_timestamp)]
        labels = dated.batches(names, self.batch)
        known = predictions.batches([columns.id], self.batch)
        count_orphans(tally, columns, asked.windows, asked.horizon, labels, known)

    def _fetched(self, asked: Request, rows: Rows | None) -> Tally:
        """The sums of these rows and of the strays."""
        labels = None if rows is None else self._labels(rows, asked.columns, asked.horizon)
        return self._tallied(asked, rows, labels)

    def _tallied(
        self,
        asked: Request,
        rows: Rows | None,
        labels: LabelIndex | None,
        pulses: Pulses | None = None,
    ) -> Tally:
        """The same with these labels; the first pass over the rows feeds the pulses too."""
        log, columns = self.log, asked.columns
        names = [name for name in wanted(asked.plan, columns) if name in log.types]
        fed = iter((pulses,))

        def scan() -> Iterator[pa.RecordBatch]:
            listening = next(fed, None)
            found = () if rows is None else rows.batches(names or list(log.types)[:1], self.batch)
            for batch in found:
                if listening is not None:
                    listening.add(batch)
                yield batch
            yield from _strays(log, columns, asked.windows, asked.horizon, self.batch)

        return tally_batches(
            asked.plan, columns, asked.windows, asked.horizon, scan, labels, spans=asked.spans
        )

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        """The pulse of each window: of the log only times, ids and labels are looked at.

        Whether the database adds up a window is for the window alone to say: a digest must not
        depend on what else is asked.
        """
        self._require(columns)
        self._require_labels(columns)
        counted = self._counted(columns, windows)
        few = [window for window in windows if window not in counted]
        found = self._fetched_pulses(columns, few, horizon, _cut(self.log, columns, few), {})
        if not counted:
            return found
        asked = Request(Plan(), columns, in_order(counted), horizon)
        try:
            frame = frame_of(self.log, self.truth, self._pulsed(columns), asked, once=False)
            plain, odd = pulses(frame, asked), frame.odd()
        except NotPlain:
            plain, odd = {}, _cut(self.log, columns, counted)
        return found | self._fetched_pulses(columns, counted, horizon, odd, plain)

    def _counted(self, columns: Columns, windows: Sequence[Window]) -> list[Window]:
        """Those of the windows that the database counts rather than hands over."""
        if not windows or not self._is_worth(columns, windows):
            return []
        return [window for window in windows if self._is_worth(columns, [window])]

    def _is_worth(self, columns: Columns, windows: Sequence[Window]) -> bool:
        try:
            self._require_worth(columns, windows)
        except NotPlain:
            return False
        return True

    def _fetched_pulses(
        self,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        rows: Rows | None,
        plain: Mapping[Window, Pulse],
    ) -> dict[Window, Pulse]:
        """The pulses of rows that are fetched, added to those of the ``plain`` ones."""
        odd = {window: Pulse() for window in windows}
        if rows is not None and windows:
            labels = self._labels(rows, columns, horizon)
            names = self._pulsed(columns) or list(self.log.types)[:1]
            odd |= pulse_batches(columns, windows, horizon, rows.batches(names, self.batch), labels)
        return dict(added(plain, odd))

    def _pulsed(self, columns: Columns) -> list[str]:
        return [name for name in pulsed(columns) if name in self.log.types]

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a period as they are, with these columns as far as the log has them."""
        log = self.log
        self._require(columns)
        timed = dict.fromkeys(filter(None, (*names, columns.timestamp)))
        known = [name for name in timed if name in log.types] or list(log.types)[:1]
        batches = _cut(log, columns, (period,)).batches(known, self.batch)
        yield from rows_within(columns, period, horizon, batches)

    def _require(self, columns: Columns, *, everything: bool = False) -> None:
        """Look for named columns: at a survey for all of them, later for what no row can lack."""
        named = [("timestamp", columns.timestamp)]
        if everything or self.truth is not None:
            named.append(("id", columns.id))
        if everything:
            keys = ("version", "prediction", "score", "query", "horizon")
            named += [(key, getattr(columns, key)) for key in keys]
            named += columns.besides
            lists = ("numeric", "categorical", "segments", "text", "embeddings")
            named += [(key, name) for key in lists for name in getattr(columns, key) or ()]
        if everything and self.truth is None:
            named += [(key, getattr(columns, key)) for key in ("label", "label_timestamp")]
        require(named, list(self.log.types), self.log.name)

    def _require_labels(self, columns: Columns) -> None:
        """Look for what joins the log with the relation of labels."""
        truth = self.truth
        if truth is None:
            return
        if columns.id is None or columns.label is None:
            missing = "id" if columns.id is None else "label"
            raise WrongSchema(f"columns.{missing}: is needed to join the labels of {truth.name}")
        named = [(key, getattr(columns, key)) for key in ("id", "label", "label_timestamp")]
        require(named, list(truth.types), truth.name)

    def _labels(self, rows: Rows, columns: Columns, horizon: Horizon) -> LabelIndex | None:
        """The labels of these rows, from the relation of labels."""
        self._require_labels(columns)
        truth, parts = self.truth, (columns.id, columns.label, columns.label_timestamp)
        if truth is None or columns.id is None:
            return None
        names = [name for name in parts if name is not None]
        labels = Rows(truth, ordered=True)
        if rows.where is not None:
            theirs, ours = alike(truth, rows.log, columns.id)
            ids = select(ours).select_from(rows.source).where(rows.where).correlate(None)
            labels = Rows(truth, theirs.in_(ids), ordered=True)
        return LabelIndex.of(columns, labels.batches(names, self.batch), horizon)


def _times(log: Relation, columns: Columns, windows: Sequence[Window]) -> TimeColumn | None:
    """The column to cut the log by; None where all of it is wanted."""
    if columns.timestamp is None or tuple(windows) in ((), (ALL_TIME,)):
        return None
    return log.times(columns.timestamp, columns.timezone)


def _cut(log: Relation, columns: Columns, windows: Sequence[Window]) -> Rows:
    """The rows that may lie in the windows."""
    log = replace(log, whole=frozenset(columns.embeddings)) if columns.embeddings else log
    times = _times(log, columns, windows)
    if times is None:
        return Rows(log)
    return Rows(log, times.within(windows), ordered=times.folds(windows), exact=times.exact)


def _strays(
    log: Relation, columns: Columns, windows: Sequence[Window], horizon: Horizon, size: int
) -> Iterator[pa.RecordBatch]:
    """The times of rows that no window can have: without a usable one, or from the future."""
    times = _times(log, columns, windows)
    if times is not None and columns.timestamp is not None:
        strays = Rows(log, times.astray(windows, horizon.clock + SKEW))
        yield from strays.batches([columns.timestamp], size)


def _require_rows(log: Relation) -> None:
    if not Rows(log).count():
        raise Unreadable(f"{log.name}: no rows; the log is empty")
