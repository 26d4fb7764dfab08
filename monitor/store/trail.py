"""The audit trail: who did what, and when."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from monitor.store.records import Deed
from monitor.store.tables import audit


def add(connection: Connection, who: str, what: str, subject: str, now: datetime) -> None:
    """Write one line of the trail."""
    connection.execute(sa.insert(audit), {"at": now, "who": who, "what": what, "subject": subject})


def newest(connection: Connection, subject: str | None, limit: int) -> tuple[Deed, ...]:
    """The newest lines, newest first."""
    query = sa.select(audit.c.at, audit.c.who, audit.c.what, audit.c.subject)
    if subject is not None:
        query = query.where(audit.c.subject == subject)
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(limit))
    return tuple(Deed(row.at, row.who, row.what, row.subject) for row in rows)
