"""Logs that are files: which they are, how they are surveyed and profiled, what errors mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from glob import glob, has_magic
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.sources import (
    Columns,
    Extent,
    Horizon,
    SourceError,
    Survey,
    Unreachable,
    Unreadable,
    WrongSchema,
)
from monitor.sources._extent import extent_batches
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._placing import rows_within
from monitor.sources._rows import Scan, profile_batches, wanted
from monitor.sources._survey import survey_batches, surveyed
from monitor.windows import Window

_MOST_CELLS = 1 << 21
_MOST_ROWS = 1 << 16
_LONGEST_CAUSE = 160


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of a file: which of its columns (None: all) and, at the least, which rows.

    Where ``windows`` are given a reader may leave out rows that lie in none of them, unless these
    have no time or one after the horizon's clock. ``single`` names columns whose values hardly
    repeat.
    """

    columns: tuple[str, ...] | None
    timestamp: str | None = None
    timezone: str = "UTC"
    windows: tuple[Window, ...] | None = None
    horizon: Horizon = FOREVER
    single: frozenset[str] = frozenset()

    def among(self, names: Sequence[str]) -> list[str]:
        """The wanted columns of a file that has these; at least one, so that rows are counted."""
        found = [name for name in names if self.columns is None or name in self.columns]
        return found or list(names[:1])


def batch_rows(columns: int) -> int:
    """How many rows of so many columns to hold at a time."""
    return max(min(_MOST_CELLS // max(columns, 1), _MOST_ROWS), 1024)


class Reader(Protocol):
    """One format of files. ``typed`` tells whether its cells have types (see `profile_batches`)."""

    @property
    def suffixes(self) -> tuple[str, ...]: ...

    @property
    def typed(self) -> bool: ...

    def names(self, path: Path, wanted: frozenset[str]) -> Sequence[str]:
        """The columns of a file; where these are not told up front, at least the wanted ones."""
        ...

    def batches(self, path: Path, request: Request) -> Iterator[pa.RecordBatch]:
        """The rows of a file, in their order."""
        ...


@dataclass(frozen=True, slots=True)
class FileLog:
    """A log of one or many files of one format, its labels perhaps in files of their own.

    ``path`` and ``labels`` name a file, a folder (all files of the format below it) or a pattern;
    files are read in the order of their names.
    """

    path: Path | str
    labels: Path | str
    reader: Reader

    def names(self) -> Sequence[str]:
        """The columns of the first file."""
        return self.reader.names(self._files(self.path)[0], frozenset())

    def survey(self, columns: Columns, period: Window) -> Survey:
        files = self._files(self.path)
        self._require(columns, files, everything=True)
        request = self._request(surveyed(columns), columns, (period,), FOREVER)
        scan = self._scan(files, request)
        labels = self._labels(columns, FOREVER)
        survey = survey_batches(columns, period, scan, labels, typed=self.reader.typed)
        if not survey.rows:
            self._require_rows(files)
        return survey

    def extent(self, columns: Columns, horizon: Horizon) -> Extent:
        files = self._files(self.path)
        self._require(columns, files, everything=False)
        request = Request((columns.timestamp,) if columns.timestamp else ())
        extent = extent_batches(columns, horizon, self._scan(files, request)())
        if not extent.rows:
            self._require_rows(files)
        return extent

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        files = self._files(self.path)
        self._require(columns, files, everything=False)
        request = self._request(wanted(plan, columns), columns, tuple(windows), horizon)
        scan, typed = self._scan(files, request), self.reader.typed
        labels = self._labels(columns, horizon)
        return profile_batches(
            plan, columns, windows, horizon, scan, labels, spans=spans, typed=typed
        )

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        timed = tuple(filter(None, (*names, columns.timestamp)))
        request = self._request(tuple(dict.fromkeys(timed)), columns, (period,), horizon)
        scan = self._scan(self._files(self.path), request)
        yield from rows_within(columns, period, horizon, scan())

    def _request(
        self,
        names: tuple[str, ...] | None,
        columns: Columns,
        windows: tuple[Window, ...],
        horizon: Horizon,
    ) -> Request:
        single = frozenset(filter(None, (columns.id, columns.timestamp, columns.label_timestamp)))
        return Request(names, columns.timestamp, columns.timezone, windows, horizon, single)

    def _scan(self, files: Sequence[Path], request: Request) -> Scan:
        return lambda: (batch for f in files for batch in self.reader.batches(f, request))

    def _labels(self, columns: Columns, horizon: Horizon) -> LabelIndex | None:
        if not str(self.labels):
            return None
        files = self._files(self.labels)
        named = (("id", columns.id), ("label", columns.label))
        missing = [key for key, name in named if name is None]
        if missing:
            raise WrongSchema(
                f"columns.{missing[0]}: is needed to join the labels of {self.labels}"
            )
        self._look_for((*named, ("label_timestamp", columns.label_timestamp)), files)
        names = tuple(filter(None, (columns.id, columns.label, columns.label_timestamp)))
        request = Request(names, single=frozenset(names))
        return LabelIndex.of(columns, self._scan(files, request)(), horizon)

    def _require(self, columns: Columns, files: Sequence[Path], *, everything: bool) -> None:
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

    def _look_for(self, named: Sequence[tuple[str, str | None]], files: Sequence[Path]) -> None:
        """Read the columns of files until all named ones are found."""
        wanted = frozenset(name for _, name in named if name is not None)
        names: dict[str, None] = {}
        for file in files:
            names |= dict.fromkeys(self.reader.names(file, wanted))
            if wanted <= names.keys():
                return
        if not names:
            self._require_rows(files)
        require(named, tuple(names), files[0])

    def _require_rows(self, files: Sequence[Path]) -> None:
        if not any(len(batch) for batch in self._scan(files, Request(()))()):
            raise Unreadable(f"{self.path}: no rows; the log is empty")

    def _files(self, path: Path | str) -> list[Path]:
        text = str(path)
        if Path(text).is_dir():
            found = sorted(p for p in Path(text).rglob("*") if self._is_part(p, Path(text)))
        elif has_magic(text) and not Path(text).exists():
            found = sorted(Path(p) for p in glob(text, recursive=True) if Path(p).is_file())  # noqa: PTH207  (absolute patterns)
        else:
            found = [Path(text)] if Path(text).exists() else []
        if not found:
            what = (
                f"no {self.reader.suffixes[0]} file in it"
                if Path(text).is_dir()
                else "no such file"
            )
            raise Unreachable(f"{path}: {what}")
        return found

    def _is_part(self, path: Path, folder: Path) -> bool:
        """Whether a file below a folder belongs to its log: hidden and temporary ones do not."""
        hidden = any(part.startswith((".", "_")) for part in path.relative_to(folder).parts)
        return path.name.endswith(self.reader.suffixes) and not hidden and path.is_file()


def _parts(columns: Columns) -> Iterator[tuple[str, str | None]]:
    yield "version", columns.version
    yield "prediction", columns.prediction
    yield "score", columns.score
    for key in ("numeric", "categorical", "segments"):
        for name in getattr(columns, key) or ():
            yield key, name


def require(
    named: Sequence[tuple[str, str | None]], names: Sequence[str], path: Path | str
) -> None:
    """Raise WrongSchema for the first named column that a log lacks, with the likeliest meant."""
    for key, name in named:
        if name is not None and name not in names:
            near = get_close_matches(name, names, 1)
            known = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
            hint = f"did you mean {near[0]!r}?" if near else f"it has {known or 'none'}"
            raise WrongSchema(f"{path}: columns.{key}: there is no column {name!r}; {hint}")


@contextmanager
def reading(path: Path, trouble: str) -> Iterator[None]:
    """Errors of the file system and of Arrow as errors of a source, which name the file.

    ``trouble`` says what a file is that cannot be read, as in "not a Parquet file".
    """
    try:
        yield
    except SourceError:
        raise
    except (PermissionError, FileNotFoundError, IsADirectoryError) as error:
        raise Unreachable(f"{path}: {error.strerror or 'no such file'}") from None
    except (pa.ArrowException, OSError, UnicodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise Unreachable(f"{path}: {error.strerror}") from None
        cause = (str(error).splitlines() or [""])[0][:_LONGEST_CAUSE].rstrip(". ")
        raise Unreadable(f"{path}: {trouble} ({cause})") from None
