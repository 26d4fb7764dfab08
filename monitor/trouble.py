"""Trouble that belongs to no window: a log that cannot be read, a failure of our own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from alerts.compose import compose
from alerts.incident import Signal, review
from alerts.message import Cause, Message
from monitor.letters import addressed, changed, distinct, known_incidents, links_of
from monitor.model import Daemon, Model
from monitor.store import Store

GRACE = timedelta(minutes=15)
"""How long a source may fail before somebody is woken."""

PIPELINE = ("source", "monitor")
"""The causes of such trouble."""

_COMMAND = "modelmon validate --connect"


@dataclass(frozen=True, slots=True)
class Troubles:
    """What is told of a model's trouble at a moment."""

    model: Model
    daemon: Daemon
    store: Store
    now: datetime

    def untroubled(self, *causes: str) -> tuple[Message, ...]:
        """Record that there is none of these troubles that belong to no window."""
        known = {one.cause for one in self.store.incidents(self.model.name)}
        return tuple(m for cause in causes if cause in known for m in self.troubled(cause, None))

    def troubled(self, cause: str, trouble: str | None) -> tuple[Message, ...]:
        """Record trouble that belongs to no window, or (None) that there is none.

        It opens quietly and becomes critical when it has lasted for the grace time.
        """
        model, now = self.model, self.now
        still_open = self.store.incidents(model.name)
        open_one = next((one for one in still_open if one.cause == cause), None)
        if trouble is None and open_one is None:
            return ()
        incidents = known_incidents(self.store, model.name)
        lasting = open_one is not None and now - open_one.since >= GRACE
        severity = "critical" if lasting else "warning"
        causes = () if trouble is None else (Cause(cause, "", None, None, severity, trouble),)
        signal = Signal(model.name, cause, severity if trouble else "clear", now, causes)  # type: ignore[arg-type]
        reviewed = review(incidents, [signal], now, model.policy)
        letters = [
            letter
            for announcement in reviewed.announcements
            for letter in addressed(
                model,
                announcement,
                compose(
                    announcement,
                    links=links_of(model, self.daemon),
                    command="modelmon validate --connect",
                ),
            )
        ]
        self.store.announce(changed(incidents, reviewed), tuple(letters), now)
        return distinct(letters)
