"""A log of relations in one session: surveyed, profiled and read, whatever engine holds it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from sqlalchemy import select

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import ALL_TIME, Columns, Extent, Horizon, Survey, Unreadable, WrongSchema
from monitor.sources._files import require
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._placing import SKEW, rows_within
from monitor.sources._rows import profile_batches, wanted
from monitor.sources._sql.extent import extent_of
from monitor.sources._sql.pushdown import TimeColumn
from monitor.sources._sql.relation import Relation, Rows, alike
from monitor.sources._sql.survey import survey_of
from monitor.sources._survey import surveyed
from monitor.windows import Window


@dataclass(frozen=True, slots=True, eq=False)
class SqlLog:
    """A log in an open session: its rows and, where the truth is apart, the relation of labels.

    ``batch`` is how many rows are fetched at a time.
    """

    log: Relation
    truth: Relation | None = None
    batch: int = 50_000

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

    def extent(self, columns: Columns, horizon: Horizon) -> Extent:
        """The rows known at the horizon, counted by the database, and its outermost times."""
        self._require(columns)
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
        log = self.log
        self._require(columns)
        names = [name for name in wanted(plan, columns) if name in log.types]
        rows = _cut(log, columns, windows)
        labels = self._labels(rows, columns, horizon)

        def scan() -> Iterator[pa.RecordBatch]:
            yield from rows.batches(names or list(log.types)[:1], self.batch)
            yield from _strays(log, columns, windows, horizon, self.batch)

        return profile_batches(plan, columns, windows, horizon, scan, labels, spans=spans)

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
            named += [(key, getattr(columns, key)) for key in ("version", "prediction", "score")]
            lists = ("numeric", "categorical", "segments")
            named += [(key, name) for key in lists for name in getattr(columns, key) or ()]
        if everything and self.truth is None:
            named += [(key, getattr(columns, key)) for key in ("label", "label_timestamp")]
        require(named, list(self.log.types), self.log.name)

    def _labels(self, rows: Rows, columns: Columns, horizon: Horizon) -> LabelIndex | None:
        """The labels of these rows, from the relation of labels."""
        truth = self.truth
        if truth is None:
            return None
        if columns.id is None or columns.label is None:
            missing = "id" if columns.id is None else "label"
            raise WrongSchema(f"columns.{missing}: is needed to join the labels of {truth.name}")
        named = [(key, getattr(columns, key)) for key in ("id", "label", "label_timestamp")]
        require(named, list(truth.types), truth.name)
        names = [name for _, name in named if name is not None]
        labels = Rows(truth, ordered=True)
        if rows.where is not None:
            theirs, ours = alike(truth, rows.log, columns.id)
            ids = select(ours).select_from(rows.log.rows).where(rows.where).correlate(None)
            labels = Rows(truth, theirs.in_(ids), ordered=True)
        return LabelIndex.of(columns, labels.batches(names, self.batch), horizon)


def _times(log: Relation, columns: Columns, windows: Sequence[Window]) -> TimeColumn | None:
    """The column to cut the log by; None where all of it is wanted."""
    if columns.timestamp is None or tuple(windows) in ((), (ALL_TIME,)):
        return None
    return log.times(columns.timestamp, columns.timezone)


def _cut(log: Relation, columns: Columns, windows: Sequence[Window]) -> Rows:
    """The rows that may lie in the windows."""
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
