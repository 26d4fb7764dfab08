"""Slack, by an incoming webhook: one Block Kit message each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from alerts.http import accept, post, require_private
from alerts.message import SHOWN, Link, Message, aside, cut, measure
from alerts.secret import Secret

HEADER, FALLBACK, LABEL, COMMAND = 150, 500, 80, 800
CAUSE, NUMBERS, VALUE, LINKS = 250, 90, 200, 2000
FACTS = 10
"""Limits in characters, so chosen that a section stays below 3000 and a message below 10,000."""

_LIGHTS = {"RESOLVED": ":large_green_circle:", "WARNING": ":large_yellow_circle:"}
_WORD = re.compile(r"[a-z][a-z_]{1,49}")
_MENTION = re.compile(r"<!(here|channel|everyone|subteam\^[A-Z0-9]+)>|<@[A-Z0-9]+>")


@dataclass(frozen=True, slots=True)
class Channel:
    """Slack, by an incoming webhook."""

    url: Secret = field(metadata={"help": "address of the incoming webhook"})
    mention: str = field(
        default="",
        metadata={"help": "whom a critical message calls: <!here>, <@U123> or <!subteam^S123>"},
    )
    timeout: float = field(default=10.0, metadata={"help": "seconds to wait for Slack"})

    def __post_init__(self) -> None:
        require_private(self.url)
        if self.mention and not _MENTION.fullmatch(self.mention):
            raise ValueError("mention: use <!here>, <!channel>, <@U123> or <!subteam^S123>")
        if not 0 < self.timeout <= 300:
            raise ValueError(f"timeout: {self.timeout:g}; use 1 to 300 seconds")

    def send(self, message: Message, key: str, thread: str | None) -> None:  # noqa: ARG002
        """Post the message; see `alerts.delivery.Channel`. A webhook knows no threads or keys."""
        call = self.mention if message.word == "CRITICAL" else ""
        body = json.dumps(as_blocks(message, call)).encode()
        kind = {"Content-Type": "application/json; charset=utf-8"}
        answer = post(self.url, body, headers=kind, timeout=self.timeout)
        accept(answer, answer.text if _WORD.fullmatch(answer.text) else "")


def as_blocks(message: Message, call: str = "") -> dict[str, object]:
    """The message in Slack's terms; `call` is a mention that is not escaped."""
    line = f"{message.word}: {message.model}: {message.title}"
    return {
        "text": cut(escape(f"{line}; {message.story}"), FALLBACK),
        "blocks": list(_blocks(message, line, call)),
    }


def escape(text: str) -> str:
    """The text with Slack's three control characters escaped.

    >>> escape("<!channel> R&D")
    '&lt;!channel&gt; R&amp;D'
    """
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _blocks(message: Message, line: str, call: str) -> Iterator[dict[str, object]]:
    light = _LIGHTS.get(message.word, ":red_circle:")
    heading = cut(f"{light} {line}", HEADER)
    yield {"type": "header", "text": {"type": "plain_text", "text": heading, "emoji": True}}
    yield _section(f"{call} {escape(message.story)}".strip())
    if message.causes:
        yield _section("\n".join(_causes(message)))
    if message.facts:
        yield {
            "type": "section",
            "fields": [_mrkdwn(_fact(*fact)) for fact in message.facts[:FACTS]],
        }
    if links := _links(message.links):
        yield _section(links)
    if message.command:
        yield {"type": "context", "elements": [_mrkdwn(_code(message.command, COMMAND))]}


def _causes(message: Message) -> Iterator[str]:
    yield f"*{message.caption}*"
    for cause in message.causes[:SHOWN]:
        yield f"• {cut(escape(cause.text), CAUSE)}{escape(aside(cause, message))}"
        if numbers := measure(cause):
            yield _code(numbers, NUMBERS)
    if len(message.causes) > SHOWN:
        yield f"and {len(message.causes) - SHOWN} more"


def _fact(label: str, value: str) -> str:
    return f"*{cut(escape(label), LABEL)}*\n{cut(escape(value), VALUE)}"


def _links(links: Iterable[Link]) -> str:
    # Not buttons: those need an app that answers each click, else Slack shows a warning.
    line = ""
    for link in links:
        label = cut(escape(link.label), LABEL)
        part = f"<{escape(link.url)}|{label}>" if link.clickable else label
        if len(line) + len(part) <= LINKS:
            line += f"  ·  {part}" if line else part
    return line


def _code(text: str, limit: int) -> str:
    bare = escape(text.replace("`", "'"))
    return f"`{cut(bare, limit)}`"


def _section(text: str) -> dict[str, object]:
    return {"type": "section", "text": _mrkdwn(text)}


def _mrkdwn(text: str) -> dict[str, object]:
    return {"type": "mrkdwn", "text": text, "verbatim": True}
