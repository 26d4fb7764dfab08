"""A log of files whose records have a shape, read as the flat rows they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

import pyarrow as pa

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
from monitor.sources._files import FileLog, require
from monitor.sources._formats import Reader, Request
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._orphans import count_orphans, wants_orphans
from monitor.sources._places import File, shown
from monitor.sources._placing import rows_within
from monitor.sources._pulse import pulse_batches, pulsed
from monitor.sources._reads import Reads
from monitor.sources._rows import in_order, tally_batches, wanted
from monitor.sources._shapes import TIMESTAMP, Broken, Exchange, Options, Row, Shape, shape_of
from monitor.sources._shapes._losses import Losses, booked
from monitor.sources._shapes._pairs import Pairs
from monitor.sources._shapes._records import records
from monitor.sources._shapes._rows import batches, flat
from monitor.sources._shapes._strays import told
from monitor.sources._survey import survey_batches, surveyed
from monitor.windows import Window

_SAMPLE = 20
"""Records in which the nearest path is looked for."""


def check_shape(shape: str, fields: Options) -> None:
    """ValueError where there is no such shape, or no such option of it."""
    if shape:
        shape_of(shape, fields)
    elif fields:
        raise ValueError("fields: belong to a shape; write shape = ... too")


def log_of(
    path: Path | str,
    labels: Path | str,
    reader: Reader,
    shape: str,
    fields: Options,
    workers: int = 1,
) -> FileLog | ShapedLog:
    """The log of these files: its rows as they are, or its records of a shape."""
    files = FileLog(path, labels, reader, workers)
    return ShapedLog(files, shape_of(shape, fields)) if shape else files


@dataclass(frozen=True, slots=True)
class ShapedLog:
    """A log of files whose records have a shape; those of its labels may have it too."""

    log: FileLog
    shape: Shape

    def names(self) -> Sequence[str]:
        """The columns of the first rows."""
        first = next(iter(self._scan(None, Columns(), (ALL_TIME,), FOREVER)()), None)
        return () if first is None else tuple(first.schema.names)

    def survey(self, columns: Columns, period: Window) -> Survey:
        self._require(columns, everything=True)
        scan = self._scan(surveyed(columns), columns, (period,), FOREVER)
        labels = self._labels(columns, FOREVER)
        survey = survey_batches(columns, period, scan, labels, typed=False)
        first = records(scan.files[0], scan.reader, Request(None))
        survey = told(survey, self.shape, (record for _, record in islice(first, _SAMPLE)))
        return replace(survey, notices=(*survey.notices, *scan.losses.sentences()))

    def extent(self, columns: Columns, horizon: Horizon, since: datetime | None = None) -> Extent:
        self._require(columns, everything=False)
        names = (columns.timestamp,) if columns.timestamp else ()
        period = ALL_TIME if since is None else Window(since, ALL_TIME.end)
        scan = self._scan(names, columns, (period,), horizon)
        return extent_batches(columns, horizon, scan(), since)

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        self._require(columns, everything=False)
        scan = self._scan(pulsed(columns), columns, windows, horizon)
        labels = self._labels(columns, horizon)
        pulses = pulse_batches(columns, windows, horizon, scan(), labels)
        return scan.losses.noted(pulses)

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        self._require(columns, everything=False)
        scan = self._scan(wanted(plan, columns), columns, windows, horizon)
        labels = self._labels(columns, horizon)
        if not windows:
            return {}
        ordered = in_order(windows)
        tally = tally_batches(
            plan, columns, ordered, horizon, scan, labels, spans=spans, typed=False
        )
        if labels is not None and wants_orphans(plan, columns):
            known = self._scan((str(columns.id),), columns, (ALL_TIME,), horizon)
            count_orphans(tally, columns, ordered, horizon, self._truth_batches(columns), known())
        return booked(tally.portraits(ordered), scan.losses)

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        timed = tuple(filter(None, (*names, columns.timestamp)))
        scan = self._scan(timed, columns, (period,), horizon)
        yield from rows_within(columns, period, horizon, scan())

    def reads(self, plan: Plan, columns: Columns, window: Window, horizon: Horizon) -> Reads:  # noqa: ARG002  (a protocol)
        """How one window is read."""
        return self.log.whole()

    def _scan(
        self,
        names: Sequence[str] | None,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
    ) -> _Scan:
        files = self.log.files(self.log.path)
        chosen = None if names is None else frozenset(names)
        ordered = tuple(sorted(set(windows)))
        request = Request(None)
        if columns.timestamp == TIMESTAMP and self.shape.clock:
            kept = set(self.log.reader.names(files[0], frozenset()))
            clock = next((name for name in self.shape.clock if name in kept), None)
            request = Request(None, clock, columns.timezone, ordered, horizon)
        losses = Losses(columns, ordered, horizon)
        return _Scan(files, self.log.reader, self.shape, request, chosen, losses)

    def _labels(self, columns: Columns, horizon: Horizon) -> LabelIndex | None:
        path = self.log.labels
        if not str(path):
            return None
        named = [(key, getattr(columns, key)) for key in ("id", "label", "label_timestamp")]
        for key, name in named[:2]:
            if name is None:
                raise WrongSchema(f"columns.{key}: is needed to join the labels of {shown(path)}")
        files = self.log.files(path)
        _look_for(named, self._truths(files), files[0])
        return LabelIndex.of(columns, self._truth_batches(columns), horizon)

    def _truth_batches(self, columns: Columns) -> Iterable[pa.RecordBatch]:
        parts = (columns.id, columns.label, columns.label_timestamp)
        return batches(
            self._truths(self.log.files(self.log.labels)), frozenset(filter(None, parts))
        )

    def _truths(self, files: Sequence[File]) -> Iterator[Row]:
        for file in files:
            for place, record in records(file, self.log.reader, Request(None)):
                try:
                    yield from self.shape.truth(record)
                except Broken as error:
                    raise _unreadable(file, place, error) from None

    def _require(self, columns: Columns, *, everything: bool) -> None:
        """Look for named columns: at a survey for all of them, later for what no row can lack."""
        keys = ["timestamp", *(("id",) if everything or str(self.log.labels) else ())]
        if everything:
            keys += ["version", "prediction", "score", "query", "horizon"]
            keys += [] if str(self.log.labels) else ["label", "label_timestamp"]
        named = [(key, getattr(columns, key)) for key in keys]
        if everything:
            lists = ("numeric", "categorical", "segments", "text", "embeddings")
            named += [(key, name) for key in lists for name in getattr(columns, key) or ()]
        scan = self._scan(None, columns, (ALL_TIME,), FOREVER)
        _look_for(named, scan.rows(), shown(self.log.path))


def _look_for(
    named: Sequence[tuple[str, str | None]], rows: Iterable[Row], path: File | str
) -> None:
    """Read rows until all named columns are found."""
    wanted = {name for _, name in named if name is not None}
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(row)
        if wanted <= names.keys():
            return
    if not names:
        raise Unreadable(f"{path}: no predictions; none of its records gives a row")
    require(named, tuple(names), path)


def _unreadable(path: File, place: str, error: Broken) -> Unreadable:
    return Unreadable(f"{path}: {place}: {error}; repair the record or take it out")


@dataclass(slots=True)
class _Scan:
    """A pass over all files; ``losses`` are those of the last one."""

    files: Sequence[File]
    reader: Reader
    shape: Shape
    request: Request
    names: frozenset[str] | None
    losses: Losses
    _pairs: Pairs = field(default_factory=Pairs)

    def __call__(self) -> Iterator[pa.RecordBatch]:
        self.losses = Losses(self.losses.columns, self.losses.windows, self.losses.horizon)
        self._pairs = Pairs()
        return batches(self.rows(), self.names)

    def rows(self) -> Iterator[Row]:
        for file in self.files:
            for place, record in records(file, self.reader, self.request):
                try:
                    exchange = self.shape.exchange(record)
                    if exchange is not None:
                        yield from self._whole(exchange, f"{file.name}, {place}")
                except Broken as error:
                    raise _unreadable(file, place, error) from None
        self._drop(end=True)

    def _whole(self, exchange: Exchange, place: str) -> Iterator[Row]:
        """The rows of an exchange, if both halves of it are there now and none is lost."""
        if exchange.half and exchange.id is None:
            raise Broken("a request or an answer without an id cannot be joined with the other")
        whole = self._pairs.match(exchange, place) if exchange.half else exchange
        self._drop()
        if whole is not None and whole.lost:
            self.losses.add(whole.lost, whole.time, place)
        elif whole is not None:
            yield from flat(whole)

    def _drop(self, *, end: bool = False) -> None:
        for half in self._pairs.lost(end=end):
            kind = half.exchange.lost or "unpaired_requests"
            self.losses.add(kind, half.exchange.time, half.place)
