"""Letters: who is told of what becomes of incidents, and the incidents known before."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from alerts.incident import Announcement, Incident, Review
from alerts.message import Link, Message
from monitor.model import Daemon, Model
from monitor.store import Store

Letter = tuple[str, str, Message]
"""Channel, key and message."""

RECENT = 500
"""Incidents, open or over, that a window is held against: a late revision opens none again."""


def known_incidents(store: Store, model: str) -> tuple[Incident, ...]:
    """All open incidents of a model and the newest of those that are over."""
    recent = store.incidents(model, open_only=False, limit=RECENT)
    if len(recent) < RECENT:
        return recent
    known = {one.key for one in recent}
    older = (one for one in store.incidents(model) if one.key not in known)
    return (*older, *recent)


def addressed(model: Model, announcement: Announcement, message: Message) -> Iterator[Letter]:
    """A message to each channel of a model."""
    for channel in model.notify:
        yield channel, announcement.key, message


def links_of(model: Model, daemon: Daemon) -> tuple[Link, ...]:
    """Where a reader of a message can go on."""
    links = (("Status", daemon.url), ("Runbook", model.runbook))
    return tuple(Link(label, url) for label, url in links if url)


def changed(before: Sequence[Incident], reviewed: Review) -> tuple[Incident, ...]:
    """The incidents that a review left other than they were."""
    known = {one.key: one for one in before}
    return tuple(one for one in reviewed.incidents if known.get(one.key) != one)


def distinct(letters: Sequence[Letter]) -> tuple[Message, ...]:
    """The messages of letters, each once."""
    return tuple({key: message for _, key, message in letters}.values())
