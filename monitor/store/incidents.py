"""Incidents as rows: the daemon follows them, a person takes them on, neither undoes the other."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from alerts.incident import Incident
from monitor.store.database import upsert
from monitor.store.tables import incident


def follow(connection: Connection, reviewed: Iterable[Incident]) -> None:
    """Write incidents as a review left them.

    What others wrote since the review read them is kept: threads, and an acknowledgement.
    """
    for new in sorted(reviewed, key=lambda one: one.key):  # one order of locks for all writers
        stored = _locked(connection, new.key)
        _put(connection, new if stored is None else _kept(stored, new))


def amend(connection: Connection, touched: Incident) -> None:
    """Write what a person did to an incident: its state and who took it on.

    Everything else stays as stored, for the daemon may have followed the incident meanwhile; one
    that was resolved meanwhile stays resolved.
    """
    stored = _locked(connection, touched.key)
    _put(connection, touched if stored is None else _amended(stored, touched))


def set_thread(connection: Connection, key: str, channel: str, handle: str) -> None:
    """Let later letters of an incident join the conversation of a channel."""
    stored = _locked(connection, key)
    if stored is not None:
        _put(connection, replace(stored, thread={**stored.thread, channel: handle}))


def get(connection: Connection, keys: Iterable[str]) -> dict[str, Incident]:
    """The incidents of some keys; keys without one are left out."""
    query = sa.select(incident.c.content).where(incident.c.key.in_(sorted(set(keys))))
    found = (Incident.from_json(text) for text in connection.execute(query).scalars())
    return {one.key: one for one in found}


def find(
    connection: Connection, model: str | None, *, open_only: bool, limit: int
) -> tuple[Incident, ...]:
    """Incidents, the newest first where there are more than ``limit``, in the order they began."""
    query = _newest_first(of_model=model is not None, open_only=open_only)
    texts = connection.execute(query, {"of": model, "most": limit}).scalars().all()
    return tuple(Incident.from_json(text) for text in reversed(texts))


@cache
def _newest_first(*, of_model: bool, open_only: bool) -> sa.Select[str]:
    query = sa.select(incident.c.content)
    if of_model:
        query = query.where(incident.c.model == sa.bindparam("of"))
    if open_only:
        query = query.where(incident.c.state.in_(("open", "acknowledged")))
    query = query.order_by(incident.c.since.desc(), incident.c.key.desc())
    return query.limit(sa.bindparam("most", type_=sa.Integer))


def _kept(stored: Incident, new: Incident) -> Incident:
    kept = replace(new, thread={**stored.thread, **new.thread})
    if stored.acknowledged_by is None or new.acknowledged_by is not None:
        return kept
    return replace(
        kept,
        state="acknowledged" if new.state == "open" else new.state,
        acknowledged_by=stored.acknowledged_by,
        acknowledged_at=stored.acknowledged_at,
    )


def _amended(stored: Incident, touched: Incident) -> Incident:
    over = stored if stored.state == "resolved" else touched
    return replace(
        stored,
        state=over.state,
        resolved_at=over.resolved_at,
        acknowledged_by=touched.acknowledged_by,
        acknowledged_at=touched.acknowledged_at,
    )


def _locked(connection: Connection, key: str) -> Incident | None:
    query = sa.select(incident.c.content).where(incident.c.key == key).with_for_update()
    text = connection.execute(query).scalar()
    return None if text is None else Incident.from_json(text)


def _put(connection: Connection, one: Incident) -> None:
    row: dict[str, Any] = {
        "key": one.key,
        "model": one.model,
        "cause": one.cause,
        "severity": one.severity,
        "state": one.state,
        "since": one.since,
        "last_seen": one.last_seen,
        "content": one.to_json(),
    }
    connection.execute(upsert(connection.dialect.name, incident, ("key",)), row)
