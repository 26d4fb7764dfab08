"""The outbox: letters wait in a table until a channel took them, and are marked after the send."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from alerts.delivery import Letter
from alerts.message import Message
from monitor.store import incidents
from monitor.store.database import Database, insert
from monitor.store.records import DeliveryCounts, Page
from monitor.store.tables import delivery_total
from monitor.store.tables import letter as letters

AT_ONCE = 100
"""Letters handed out at a time for each channel: one that is down keeps no other waiting."""

_SENT = ""  # the reason under which sent letters are counted
_PAGE = tuple(letters.c[each.name] for each in fields(Page))
_WAITING = letters.c.retry_at.is_not(None)


class Outbox:
    """The letters of a state database, as `alerts.delivery.deliver` asks for them."""

    __slots__ = ("_database",)

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(self, now: datetime) -> Sequence[Letter]:
        """The letters to try now, oldest first, at most `AT_ONCE` for each channel.

        One waits as long as an older one of the same channel and incident waits for another try.
        """
        older = letters.alias("older")
        blocked = sa.exists().where(
            older.c.channel == letters.c.channel,
            older.c.incident == letters.c.incident,
            older.c.id < letters.c.id,
            older.c.retry_at > now,
        )
        turn = sa.func.row_number().over(partition_by=letters.c.channel, order_by=letters.c.id)
        ranked = (
            sa.select(letters.c.id, turn.label("turn"))
            .where(letters.c.retry_at <= now, ~blocked)
            .subquery()
        )
        query = sa.select(letters).join(ranked, ranked.c.id == letters.c.id)
        with self._database.reading() as connection:
            rows = connection.execute(
                query.where(ranked.c.turn <= AT_ONCE).order_by(letters.c.id)
            ).all()
            known = incidents.get(connection, (row.incident for row in rows))
        threads = {key: one.thread for key, one in known.items()}
        return [_letter(row, threads.get(row.incident, {}).get(row.channel)) for row in rows]

    def sent(self, letter: Letter, handle: str | None, now: datetime) -> None:
        """Note that a letter got through, and the handle of its conversation."""
        with self._database.writing() as connection:
            done = {"sent_at": now, "retry_at": None, "handle": handle}
            if not _settle(connection, letter, done):
                return
            _count(connection, letter.channel, _SENT)
            if handle is not None:
                incidents.set_thread(connection, letter.message.key, letter.channel, handle)

    def failed(self, letter: Letter, reason: str, retry_at: datetime | None, now: datetime) -> None:
        """Note a failed attempt; without `retry_at` it was the last.

        Attempts are counted by the first word of the reason, up to a colon.
        """
        with self._database.writing() as connection:
            noted = {
                "attempts": letters.c.attempts + 1,
                "failure": reason,
                "retry_at": retry_at,
                "failed_at": now if retry_at is None else None,
            }
            if _settle(connection, letter, noted):
                _count(connection, letter.channel, reason.partition(":")[0] or "unknown")


def post(connection: Connection, posted: Iterable[tuple[str, str, Message]], now: datetime) -> None:
    """Put letters into the outbox; one whose channel and key are known already is left out."""
    statement = insert(connection, letters).on_conflict_do_nothing(
        index_elements=["channel", "key"]
    )
    for channel, key, message in posted:
        connection.execute(statement.values(_row(channel, key, message, now)))


def depth(connection: Connection) -> int:
    """How many letters wait."""
    query = sa.select(sa.func.count()).select_from(letters).where(_WAITING)
    return connection.execute(query).scalar_one()


def counts(connection: Connection) -> DeliveryCounts:
    """Totals of all time by channel, and by channel and reason."""
    rows = connection.execute(
        sa.select(delivery_total).order_by(delivery_total.c.channel, delivery_total.c.reason)
    ).all()
    return DeliveryCounts(
        {row.channel: row.letters for row in rows if row.reason == _SENT},
        {(row.channel, row.reason): row.letters for row in rows if row.reason != _SENT},
    )


def pages(connection: Connection, since: datetime | None, limit: int) -> tuple[Page, ...]:
    """What became of the newest letters, newest first, without their messages."""
    query = sa.select(*_PAGE)
    if since is not None:
        query = query.where(letters.c.queued_at >= since)
    rows = connection.execute(
        query.order_by(letters.c.queued_at.desc(), letters.c.id.desc()).limit(limit)
    )
    return tuple(Page(*row) for row in rows)


def _row(channel: str, key: str, message: Message, now: datetime) -> dict[str, Any]:
    return {
        "channel": channel,
        "key": key,
        "incident": message.key,
        "model": message.model,
        "severity": message.severity,
        "reason": message.reason,
        "title": message.title,
        "at": message.at,
        "queued_at": now,
        "attempts": 0,
        "retry_at": now,
        "content": message.to_json(),
    }


def _letter(row: Row[Any], thread: str | None) -> Letter:
    message = Message.from_json(row.content)
    return Letter(row.id, row.channel, row.key, message, row.attempts, thread, row.queued_at)


def _settle(connection: Connection, done: Letter, values: dict[str, Any]) -> bool:
    """Change a waiting letter; False where another process settled it before."""
    statement = sa.update(letters).where(letters.c.id == done.id, _WAITING).values(values)
    return connection.execute(statement).rowcount == 1


def _count(connection: Connection, channel: str, reason: str) -> None:
    statement = insert(connection, delivery_total).values(channel=channel, reason=reason, letters=1)
    more = delivery_total.c.letters + statement.excluded.letters
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["channel", "reason"], set_={"letters": more}
        )
    )
