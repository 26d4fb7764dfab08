"""Formats of files: what a reader of one is asked, and what it says where a file cannot be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from monitor.sources import Horizon, SourceError, Unreachable, Unreadable
from monitor.sources._labels import FOREVER
from monitor.sources._places import File
from monitor.sources._reach import Reach
from monitor.sources._reads import Share
from monitor.windows import Window

_MOST_CELLS = 1 << 21
_MOST_ROWS = 1 << 15
_MOST_WIDE = 1 << 11  # of texts or vectors, some 10 kB each
_FEWEST_ROWS = 1 << 10
_LONGEST_CAUSE = 160


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted of a file: which of its columns (None: all) and, at the least, which rows.

    Where ``windows`` are given a reader may leave out rows that lie in none of them, unless these
    have no time or one after the horizon's clock. ``single`` names columns whose values hardly
    repeat, ``wide`` those whose values take much room. ``part`` (i, n) asks for the i-th of n
    stretches of the row groups of a file alone.
    """

    columns: tuple[str, ...] | None
    timestamp: str | None = None
    timezone: str = "UTC"
    windows: tuple[Window, ...] | None = None
    horizon: Horizon = FOREVER
    single: frozenset[str] = frozenset()
    part: tuple[int, int] | None = None
    wide: frozenset[str] = frozenset()

    def stretch(self, groups: list[int]) -> list[int]:
        """Of these row groups those of the wanted ``part``."""
        which, of = self.part or (0, 1)
        return groups[len(groups) * which // of : len(groups) * (which + 1) // of]

    def among(self, names: Sequence[str]) -> list[str]:
        """The wanted columns of a file that has these; at least one, so that rows are counted."""
        found = [name for name in names if self.columns is None or name in self.columns]
        return found or list(names[:1])

    def rows(self, names: Sequence[str]) -> int:
        """How many rows of these columns to hold at a time."""
        most = _MOST_ROWS if self.wide.isdisjoint(names) else _MOST_WIDE
        return max(min(_MOST_CELLS // max(len(names), 1), most), _FEWEST_ROWS)


class Reader(Protocol):
    """One format of files. ``typed`` tells whether its cells have types (see `profile_batches`)."""

    @property
    def suffixes(self) -> tuple[str, ...]: ...

    @property
    def typed(self) -> bool: ...

    def names(self, file: File, wanted: frozenset[str]) -> Sequence[str]:
        """The columns of a file; where these are not told up front, at least the wanted ones."""
        ...

    def batches(self, file: File, request: Request) -> Iterator[pa.RecordBatch]:
        """The rows of a file, in their order."""
        ...


@runtime_checkable
class GroupReader(Reader, Protocol):
    """A format whose files tell which groups of their rows a request needs."""

    def share(self, file: File, request: Request) -> Share:
        """How much of a file a request reads."""
        ...

    def reach(self, file: File, name: str | None = None) -> Reach | None:
        """How far a file reaches by the times in that column, where its groups tell that."""
        ...


@contextmanager
def reading(path: File | Path, trouble: str) -> Iterator[None]:
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
