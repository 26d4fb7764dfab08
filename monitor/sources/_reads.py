"""What a window costs to read, told before it is read: files and row groups, or queries."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from checks.plan import Plan
from monitor.sources import Columns, Horizon
from monitor.sources._places import File
from monitor.windows import Window

_CATALOGUES = ("pg_catalog", "information_schema", "sqlite_master", "sqlite_schema")


@dataclass(frozen=True, slots=True)
class Reads:
    """How a source reads a window, as a sentence, and the same as numbers where it has them.

    ``size`` are the bytes of one window as they lie in the files, ``row_groups`` and
    ``row_groups_read`` count those of all files and of one window.
    """

    sentence: str
    files: int | None = None
    row_groups: int | None = None
    row_groups_read: int | None = None
    size: int | None = None


@dataclass(frozen=True, slots=True)
class Share:
    """Of the row groups of a file those that are read, and the bytes of the columns read there."""

    groups: int
    read: int
    size: int


@runtime_checkable
class Telling(Protocol):
    """A source that can say how it reads a window."""

    def reads(self, plan: Plan, columns: Columns, window: Window, horizon: Horizon) -> Reads:
        """How one window is read; no row is read to tell.

        Raises:
            SourceError: the files or the database cannot be reached.
        """
        ...


def of_whole(files: Sequence[File], labels: Sequence[File]) -> Reads:
    """Files that know no order of their rows: every pass reads all of them."""
    size = sum(file.size for file in files)
    told = f"{_many(files, 'file')} of {sized(size)}, read from end to end by every pass"
    return Reads(told + _truths(labels), len(files), size=size)


def of_shares(shares: Sequence[Share], labels: Sequence[File]) -> Reads:
    """Files of row groups, of which a pass reads those that may hold rows of its windows."""
    groups, read = sum(each.groups for each in shares), sum(each.read for each in shares)
    size = sum(each.size for each in shares)
    told = (
        f"{_many(shares, 'file')}, {_many(range(groups), 'row group')}; a window reads {read:,} of "
        f"them, {sized(size)}"
    )
    return Reads(told + _truths(labels), len(shares), groups, read, size)


def _truths(labels: Sequence[File]) -> str:
    return f"; labels: {_many(labels, 'file')}, read whole by every pass" if labels else ""


def _many(things: Sequence[object], noun: str) -> str:
    return f"{len(things):,} {noun}{'s' * (len(things) != 1)}"


def sized(size: float) -> str:
    """A number of bytes as people write it.

    >>> sized(512), sized(18_240), sized(2_540_000_000)
    ('512 B', '18.2 kB', '2.54 GB')
    """
    for unit in ("B", "kB", "MB"):
        if size < 999.5:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} GB" if size < 999.5 else f"{size:,.0f} GB"


@dataclass(slots=True, eq=False)
class Queries:
    """How many queries were sent to logs so far."""

    sent: int = 0


_LISTENING: list[Queries] = []


@contextmanager
def queries() -> Iterator[Queries]:
    """Count the queries sent to any database inside the block; questions about schemas are none."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    count = Queries()

    def hear(connection: object, cursor: object, statement: str, *rest: object) -> None:  # noqa: ARG001
        text = " ".join(statement.lower().split())
        asks = text.startswith(("select", "with", "copy")) and " from " in text
        count.sent += asks and not any(name in text for name in _CATALOGUES)

    event.listen(Engine, "before_cursor_execute", hear)
    _LISTENING.append(count)
    try:
        yield count
    finally:
        _LISTENING.remove(count)
        event.remove(Engine, "before_cursor_execute", hear)


def query_sent() -> None:
    """Told by engines that are not SQLAlchemy's for each query."""
    for count in _LISTENING:
        count.sent += 1
