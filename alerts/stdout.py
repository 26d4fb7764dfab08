"""Standard output as a channel: one line per message."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC

from alerts.delivery import Unavailable
from alerts.message import Message


@dataclass(frozen=True, slots=True)
class Channel:
    """One line per message on standard output."""

    def send(self, message: Message, key: str, thread: str | None) -> None:  # noqa: ARG002
        """Write the line; see `alerts.delivery.Channel`."""
        stream = sys.stdout
        encoding = stream.encoding or "utf-8"
        text = as_line(message).encode(encoding, "backslashreplace").decode(encoding)
        try:
            stream.write(f"{text}\n")
            stream.flush()
        except (OSError, ValueError) as error:  # ValueError: the stream was closed
            raise Unavailable("closed", detail="standard output is closed") from error


def as_line(message: Message) -> str:
    """The message in one line: when, how bad, why now, what, and the first cause."""
    cause = f"; {message.causes[0].text}" if message.causes else ""
    rest = f" (and {len(message.causes) - 1} more)" if len(message.causes) > 1 else ""
    return (
        f"{message.at.astimezone(UTC):%Y-%m-%d %H:%MZ} PAGE {message.severity} {message.reason} "
        f"{message.model}/{message.cause}: {message.title}{cause}{rest}"
    )
