"""Logs that are files: which they are, how they are surveyed and profiled, what errors mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
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
    Unreachable,
    Unreadable,
    WrongSchema,
)
from monitor.sources._dated import dated
from monitor.sources._extent import extent_batches
from monitor.sources._formats import GroupReader, Reader, Request
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._orphans import count_orphans, wants_orphans
from monitor.sources._places import File, found, is_folder, shown
from monitor.sources._placing import rows_within
from monitor.sources._pulse import pulse_batches, pulsed
from monitor.sources._reach import Reach, Remembered, reach_batches, together
from monitor.sources._reads import Reads, of_shares, of_whole
from monitor.sources._rows import Scan, in_order, tally_batches, wanted
from monitor.sources._survey import survey_batches, surveyed
from monitor.sources._worker import aid
from monitor.windows import Window

_REMEMBERED = Remembered()


@dataclass(frozen=True, slots=True)
class FileLog:
    """A log of one or many files of one format, its labels perhaps in files of their own.

    ``path`` and ``labels`` name a file, a folder (all files of the format below it) or a pattern,
    perhaps with dates or behind a URL; files are read in the order of their names. With two
    ``workers`` a large log without label files of its own is profiled by two processes.
    """

    path: Path | str
    labels: Path | str
    reader: Reader
    workers: int = 1

    def names(self) -> Sequence[str]:
        """The columns of the first file."""
        return self.reader.names(self.files(self.path)[0], frozenset())

    def survey(self, columns: Columns, period: Window) -> Survey:
        files = self.files(self.path, (period,))
        self._require(columns, files, everything=True)
        request = self._request(surveyed(columns), columns, (period,), FOREVER)
        scan = self._scan(files, request)
        labels = self._labels(columns, FOREVER)
        survey = survey_batches(columns, period, scan, labels, typed=self.reader.typed)
        if not survey.rows:
            self._require_rows(files)
        return survey

    def extent(self, columns: Columns, horizon: Horizon, since: datetime | None = None) -> Extent:
        period = ALL_TIME if since is None else Window(since, ALL_TIME.end)
        files = self.files(self.path, (period,))
        self._require(columns, files, everything=False)
        extent = together(self._extent(file, columns, horizon, period, since) for file in files)
        if not extent.rows and since is None:
            self._require_rows(files)
        return extent

    def _extent(
        self,
        file: File,
        columns: Columns,
        horizon: Horizon,
        period: Window,
        since: datetime | None,
    ) -> Extent:
        """The extent of one file: by what is remembered of it where that tells."""
        names = (columns.timestamp,) if columns.timestamp else ()
        told = self._reach(file, names, columns.timezone).extent(horizon, since)
        if told is not None:
            return told
        request = self._request(names, columns, (period,), horizon)
        if since is None:
            request = Request(names)
        return extent_batches(columns, horizon, self.reader.batches(file, request), since)

    def _reach(self, file: File, names: tuple[str, ...], timezone: str) -> Reach:
        key = (self.reader, file.shown, file.size, file.changed, names, timezone)
        reach = None if file.changed is None else _REMEMBERED.get(key)
        if reach is None and isinstance(self.reader, GroupReader):
            reach = self.reader.reach(file, *names)
        if reach is None:
            batches = self.reader.batches(file, Request(names))
            reach = reach_batches(next(iter(names), None), timezone, batches)
        _REMEMBERED.put(key, reach)
        return reach

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        files = self.files(self.path, windows)
        self._require(columns, files, everything=False)
        if not windows:
            return {}
        request = self._request(wanted(plan, columns), columns, tuple(windows), horizon)
        scan, typed = self._scan(files, request), self.reader.typed
        labels = self._labels(columns, horizon, windows)
        first = None
        if self.workers > 1 and labels is None:
            first = aid(plan, columns, self.reader, request, files)
        tally = tally_batches(
            plan, columns, windows, horizon, scan, labels, spans=spans, typed=typed, first=first
        )
        ordered = in_order(windows)
        if labels is not None and wants_orphans(plan, columns):
            truths, log = self._truth_batches(columns, ordered), self._named(columns)
            count_orphans(tally, columns, ordered, horizon, truths, log)
        return tally.portraits(ordered)

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        files = self.files(self.path, windows)
        self._require(columns, files, everything=False)
        labels = self._labels(columns, horizon, windows)
        request = self._request(pulsed(columns), columns, tuple(windows), horizon)
        return pulse_batches(columns, windows, horizon, self._scan(files, request)(), labels)

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        timed = tuple(filter(None, (*names, columns.timestamp)))
        request = self._request(tuple(dict.fromkeys(timed)), columns, (period,), horizon)
        scan = self._scan(self.files(self.path, (period,)), request)
        yield from rows_within(columns, period, horizon, scan())

    def reads(self, plan: Plan, columns: Columns, window: Window, horizon: Horizon) -> Reads:
        """How one window is read."""
        if not isinstance(self.reader, GroupReader):
            return self.whole()
        request = self._request(wanted(plan, columns), columns, (window,), horizon)
        shares = [self.reader.share(file, request) for file in self.files(self.path, (window,))]
        return of_shares(shares, self._truths())

    def whole(self) -> Reads:
        """How files are read of which nothing can be left out."""
        return of_whole(self.files(self.path), self._truths())

    def _truths(self) -> list[File]:
        return self.files(self.labels) if str(self.labels) else []

    def _request(
        self,
        names: tuple[str, ...] | None,
        columns: Columns,
        windows: tuple[Window, ...],
        horizon: Horizon,
    ) -> Request:
        single = frozenset(filter(None, (columns.id, columns.timestamp, columns.label_timestamp)))
        wide = frozenset((*columns.text, *columns.embeddings))
        single |= wide
        return Request(
            names, columns.timestamp, columns.timezone, windows, horizon, single, wide=wide
        )

    def _scan(self, files: Sequence[File], request: Request) -> Scan:
        return lambda: (batch for f in files for batch in self.reader.batches(f, request))

    def _labels(
        self, columns: Columns, horizon: Horizon, windows: Sequence[Window] = ()
    ) -> LabelIndex | None:
        """The labels of the rows of windows: those that came since the first of these began."""
        if not str(self.labels):
            return None
        files = self._since(self.labels, windows)
        named = (("id", columns.id), ("label", columns.label))
        missing = [key for key, name in named if name is None]
        if missing:
            raise WrongSchema(
                f"columns.{missing[0]}: is needed to join the labels of {shown(self.labels)}"
            )
        self._look_for((*named, ("label_timestamp", columns.label_timestamp)), files)
        return LabelIndex.of(columns, self._truth_batches(columns, windows), horizon)

    def _since(self, path: Path | str, windows: Sequence[Window]) -> list[File]:
        """The files that can hold what came since the first of the windows began."""
        since = min((window.start for window in windows), default=ALL_TIME.start)
        return self.files(path, (Window(since, ALL_TIME.end),))

    def _truth_batches(
        self, columns: Columns, windows: Sequence[Window]
    ) -> Iterable[pa.RecordBatch]:
        """The rows of the files of labels, of those that can hold labels of the windows."""
        names = tuple(filter(None, (columns.id, columns.label, columns.label_timestamp)))
        request = Request(names, single=frozenset(names))
        return self._scan(self._since(self.labels, windows), request)()

    def _named(self, columns: Columns) -> Iterable[pa.RecordBatch]:
        """The ids of all predictions, those of the newest files first."""
        names = tuple(filter(None, (columns.id,)))
        request = Request(names, single=frozenset(names))
        return self._scan(self.files(self.path)[::-1], request)()

    def _require(self, columns: Columns, files: Sequence[File], *, everything: bool) -> None:
        """Look for named columns: at a survey for all of them, later for what no row can lack."""
        named = [("timestamp", columns.timestamp)]
        if everything or str(self.labels):
            named.append(("id", columns.id))
        if everything:
            named += [(key, name) for key, name in _parts(columns) if name is not None]
            if not str(self.labels):
                keys = ("label", "label_timestamp")
                named += zip(keys, (columns.label, columns.label_timestamp), strict=True)
        self._look_for(named, files)

    def _look_for(self, named: Sequence[tuple[str, str | None]], files: Sequence[File]) -> None:
        """Read the columns of files until all named ones are found."""
        files = files or self.files(self.path)
        wanted = frozenset(name for _, name in named if name is not None)
        names: dict[str, None] = {}
        for file in files:
            names |= dict.fromkeys(self.reader.names(file, wanted))
            if wanted <= names.keys():
                return
        if not names:
            self._require_rows(files)
        require(named, tuple(names), files[0])

    def _require_rows(self, files: Sequence[File]) -> None:
        if not any(len(batch) for batch in self._scan(files, Request(()))()):
            raise Unreadable(f"{shown(self.path)}: no rows; the log is empty")

    def files(self, path: Path | str, windows: Sequence[Window] | None = None) -> list[File]:
        """The files that a path names, in the order of their names.

        Where their names tell dates, only those that can hold rows of the windows (None: all);
        these may be none.
        """
        suffixes, template = self.reader.suffixes, dated(path)
        if template is None:
            files = found(path, suffixes)
        else:
            files = template.files(windows, suffixes)
            if not files and windows is not None and template.files(None, suffixes):
                return []
        if not files:
            what = f"no {suffixes[0]} file in it" if is_folder(path) else "no such file"
            raise Unreachable(f"{shown(path)}: {what}")
        return files


def _parts(columns: Columns) -> Iterator[tuple[str, str | None]]:
    yield "version", columns.version
    yield "prediction", columns.prediction
    yield "score", columns.score
    yield "query", columns.query
    yield "horizon", columns.horizon
    yield from columns.besides
    for key in ("numeric", "categorical", "segments", "text", "embeddings"):
        for name in getattr(columns, key) or ():
            yield key, name


def require(
    named: Sequence[tuple[str, str | None]], names: Sequence[str], path: File | Path | str
) -> None:
    """Raise WrongSchema for the first named column that a log lacks, with the likeliest meant."""
    for key, name in named:
        if name is not None and name not in names:
            near = get_close_matches(name, names, 1)
            known = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
            hint = f"did you mean {near[0]!r}?" if near else f"it has {known or 'none'}"
            raise WrongSchema(f"{path}: columns.{key}: there is no column {name!r}; {hint}")
