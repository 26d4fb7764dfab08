"""Pulses of windows by the database: rows, labels and a sum that every change of them changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, String, cast, func, literal, select

from monitor.sources import Pulse
from monitor.sources._sql.clock import NotPlain
from monitor.sources._sql.frame import ARRIVED, AT, WINDOW, Frame, Request
from monitor.sources._sql.session import Query
from monitor.windows import Window

_BETWEEN = "\x1f"  # two texts end to end are no third one


def pulses(frame: Frame, asked: Request) -> dict[Window, Pulse]:
    """The pulses of the plain rows; windows without any are left out.

    The digest is a sum of hashes of what each row says of its time, id and label; which hash that
    is depends on the database.

    Raises:
        NotPlain: the database has no such function.
    """
    columns = asked.columns
    parts = [name for name in (columns.id, columns.label, ARRIVED) if name in frame.cells]
    rows = frame.counted(asked.windows, [str(part) for part in parts])
    shown = [rows.c[name] for name in (AT, *parts) if name in rows.c]
    label = rows.c[columns.label] if columns.label in parts else None
    labels = literal(0) if label is None else func.count(label)
    query: Query = select(rows.c[WINDOW], func.count(), labels, _digest(frame, shown))
    found = frame.log.session.rows(query.select_from(rows).group_by(rows.c[WINDOW]))
    return {
        asked.windows[place]: Pulse(int(count), int(told), f"{int(digest):x}")
        for place, count, told, digest in found
        if place is not None
    }


def _digest(frame: Frame, cells: Sequence[ColumnElement[Any]]) -> ColumnElement[Any]:
    facts = frame.log.dialect
    if facts is None or not facts.digest:
        raise NotPlain(f"{frame.log.session.dialect} has no function that hashes a text")
    texts = [func.coalesce(cast(cell, String), "", type_=String()) for cell in cells]
    joined: ColumnElement[str] = literal("", String())
    for text in texts:
        joined = joined + literal(_BETWEEN, String()) + text
    return facts.sum_of_hashes(joined)


def added(
    windows: Mapping[Window, Pulse], others: Mapping[Window, Pulse]
) -> Iterator[tuple[Window, Pulse]]:
    """The pulses of two sets of rows as one; ``others`` has all windows."""
    for window, other in others.items():
        mine = windows.get(window, Pulse(digest=""))
        digest = f"{mine.digest}+{other.digest}" if other.rows else mine.digest
        yield window, Pulse(mine.rows + other.rows, mine.labels + other.labels, digest)
