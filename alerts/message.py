"""What a person is told of an incident, and how it reads as plain text."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Severity = Literal["critical", "warning"]

SHOWN = 8
"""Causes a message spells out; the others are counted."""

_SPACES = "\t\n\v\f\r\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_BIDI = (*range(0x202A, 0x202F), *range(0x2066, 0x206A), 0xFEFF)
_CLEANING: Mapping[int, str | None] = {
    **dict.fromkeys((*range(0x20), *range(0x7F, 0xA0), *_BIDI)),
    **dict.fromkeys(map(ord, _SPACES), " "),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
}
_REASONS = {
    "opened": "opened",
    "worse": "got worse",
    "still_failing": "still failing",
    "resolved": "resolved",
}


@dataclass(frozen=True, slots=True)
class Cause:
    """One finding behind an incident: `text` is a sentence for a person, cleaned and bounded.

    `check` and `column` say where, `value` and `threshold` by how much; a number that is missing
    or not finite is None.
    """

    check: str
    column: str
    value: float | None
    threshold: float | None
    severity: str
    text: str

    def __post_init__(self) -> None:
        _tidy(self, check=120, column=120, severity=20, text=500)
        for name in ("value", "threshold"):
            object.__setattr__(self, name, _finite(getattr(self, name)))


@dataclass(frozen=True, slots=True)
class Picture:
    """A PNG with the sentence that stands in for it where pictures are not shown."""

    name: str
    alt: str
    png: bytes

    def __post_init__(self) -> None:
        _tidy(self, name=120, alt=300)


@dataclass(frozen=True, slots=True)
class Link:
    """An address a reader may follow, such as a runbook."""

    label: str
    url: str

    def __post_init__(self) -> None:
        _tidy(self, label=80, url=2000)

    @property
    def clickable(self) -> bool:
        """Whether the address is one of the web and was not cut, so that it may become a link."""
        return bool(re.fullmatch(r"https?://[^\s\"<>|\\^`{}…]+", self.url))


@dataclass(frozen=True, slots=True)
class Message:
    """All that a channel ever sees; its texts are free of control characters and bounded.

    `key` is that of the incident, so that what belongs together can be threaded; `at` is the end
    of the window that speaks and `since` that of the first failing one, both with a time zone;
    `causes` come likeliest first; `command` reproduces the finding.

    Raises:
        ValueError: a time has no zone.
    """

    key: str
    model: str
    cause: str
    severity: Severity
    reason: str
    title: str
    at: datetime
    since: datetime
    facts: tuple[tuple[str, str], ...]
    causes: tuple[Cause, ...]
    pictures: tuple[Picture, ...] = ()
    links: tuple[Link, ...] = ()
    command: str = ""

    def __post_init__(self) -> None:
        require_zone(at=self.at, since=self.since)
        for name in ("at", "since"):
            object.__setattr__(self, name, getattr(self, name).astimezone(UTC))
        _tidy(self, model=120, cause=120, reason=40, title=300, command=1000)
        facts = tuple((clean(label, 80), clean(value, 500)) for label, value in self.facts)
        object.__setattr__(self, "facts", facts)

    @property
    def word(self) -> str:
        """The word to put first: CRITICAL, WARNING or RESOLVED.

        RESOLVED replaces the severity, which is then the past's.
        """
        return "RESOLVED" if self.reason == "resolved" else self.severity.upper()

    @property
    def story(self) -> str:
        """Why this is said now and since when, as half a sentence."""
        now = f"{_REASONS.get(self.reason, self.reason)} {stamp(self.at)}"
        lasting = self.at - self.since
        if lasting <= timedelta(0):
            return now
        past = "after failing" if self.reason == "resolved" else "failing"
        return f"{now}, {past} since {stamp(self.since)} ({span(lasting)})"

    @property
    def caption(self) -> str:
        """What to write above the causes."""
        if self.reason == "resolved":
            return "What it was"
        return "Likeliest cause first" if len(self.causes) > 1 else "Cause"

    def to_json(self) -> str:
        """The message as one line of ASCII JSON, pictures in base64; `from_json` reverses it."""
        return json.dumps(shallow(self), default=encoded, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Message:
        """The message that `to_json` wrote."""
        read = json.loads(text)
        return cls(
            **read
            | {
                "at": datetime.fromisoformat(read["at"]),
                "since": datetime.fromisoformat(read["since"]),
                "facts": tuple((label, value) for label, value in read["facts"]),
                "causes": tuple(Cause(**cause) for cause in read["causes"]),
                "links": tuple(Link(**link) for link in read["links"]),
                "pictures": tuple(
                    Picture(**picture | {"png": b64decode(picture["png"])})
                    for picture in read["pictures"]
                ),
            }
        )


def clean(text: str, limit: int) -> str:
    """One line of at most `limit` characters that no terminal or header can take for a command.

    Control and text-direction characters vanish, line breaks become spaces, a lone surrogate
    becomes U+FFFD.

    >>> clean("a\\r\\nb\\x1b[31m", 20)
    'a  b[31m'
    """
    head = text[: 8 * limit]
    rest = "…" if len(text) > len(head) else ""
    return cut(head.translate(_CLEANING) + rest, limit)


def cut(text: str, limit: int) -> str:
    """The text, shortened to `limit` characters with an ellipsis where it is longer.

    Neither an escape such as `&amp;` nor a letter and its combining marks are torn apart.

    >>> cut("drifted", 5), cut("a &amp; b", 7)
    ('drif…', 'a …')
    """
    if len(text) <= limit:
        return text
    if limit < 1:
        return ""
    end = limit - 1
    while end and _joins(text[end - 1], text[end]):
        end -= 1
    escape = text.rfind("&", max(0, end - 9), end)
    if escape >= 0 and re.match(r"&#?\w{1,8};", text[escape:]) and text.find(";", escape) >= end:
        end = escape
    return text[:end] + "…"


def figure(number: float) -> str:
    """A number as a person reads it, to about four digits.

    >>> figure(0.412345), figure(1234567.0), figure(3e-9)
    ('0.4123', '1,234,567', '3e-09')
    """
    return f"{number:,.0f}" if 1e3 <= abs(number) < 1e12 else f"{number:.4g}"


def stamp(moment: datetime) -> str:
    """A moment in UTC, to the minute.

    >>> stamp(datetime(2024, 3, 14, 6, tzinfo=UTC))
    '2024-03-14 06:00 UTC'
    """
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(duration: timedelta) -> str:
    """A duration in its two largest units.

    >>> span(timedelta(hours=26, minutes=5)), span(timedelta(minutes=90)), span(timedelta(0))
    ('1 d 2 h', '1 h 30 min', '0 min')
    """
    minutes = int(duration.total_seconds()) // 60
    parts = ((minutes // 1440, "d"), (minutes // 60 % 24, "h"), (minutes % 60, "min"))
    first = next((i for i, (count, _) in enumerate(parts) if count), len(parts) - 1)
    return " ".join(f"{n} {unit}" for n, unit in parts[first : first + 2] if n) or "0 min"


def measure(cause: Cause) -> str:
    """The check, column and numbers of a cause, or "" where it has no number.

    >>> measure(Cause("psi", "age", 0.41, 0.25, "critical", "Age moved."))
    'psi of age: 0.41, limit 0.25'
    """
    if cause.value is None:
        return ""
    where = f"{cause.check} of {cause.column}" if cause.column else cause.check
    limit = "" if cause.threshold is None else f", limit {figure(cause.threshold)}"
    return f"{where}: {figure(cause.value)}{limit}"


def aside(cause: Cause, message: Message) -> str:
    """What to add to a cause that is less severe than its message, such as " (warning)"."""
    return "" if cause.severity == message.severity else f" ({cause.severity})"


def as_text(message: Message) -> str:
    """The whole message as plain text, some 80 columns wide, ending in a line feed."""
    parts = (_heading(message), _causes(message), _facts(message), _links(message), _how(message))
    return "\n\n".join("\n".join(lines) for part in parts if (lines := list(part))) + "\n"


def _heading(message: Message) -> Iterator[str]:
    yield f"{message.word}: {message.title}"
    yield f"{message.model} / {message.cause}: {message.story}"


def _causes(message: Message) -> Iterator[str]:
    if message.causes:
        yield f"{message.caption}:"
    for number, cause in enumerate(message.causes[:SHOWN], start=1):
        yield f" {number}. {cause.text}{aside(cause, message)}"
        if numbers := measure(cause):
            yield f"    {numbers}"
    if len(message.causes) > SHOWN:
        yield f"    and {len(message.causes) - SHOWN} more"


def _facts(message: Message) -> Iterator[str]:
    width = max((len(label) for label, _ in message.facts), default=0)
    return (f"{label:<{min(width, 24)}}  {value}" for label, value in message.facts)


def _links(message: Message) -> Iterator[str]:
    return (f"{link.label}: {link.url}" for link in message.links)


def _how(message: Message) -> Iterator[str]:
    if message.command:
        yield "To reproduce it:"
        yield f"    {message.command}"


def require_zone(**moments: datetime | None) -> None:
    """Refuse moments without a time zone.

    Raises:
        ValueError: naming the first such moment.
    """
    for name, moment in moments.items():
        if moment is not None and moment.utcoffset() is None:
            raise ValueError(f"{name}: {moment} has no time zone; add one, such as UTC")


def _tidy(record: object, **limits: int) -> None:
    for name, limit in limits.items():
        object.__setattr__(record, name, clean(getattr(record, name), limit))


def _finite(number: float | None) -> float | None:
    return float(number) if number is not None and math.isfinite(number) else None


def _joins(left: str, right: str) -> bool:
    return left == "\u200d" or unicodedata.category(right) in ("Mn", "Me", "Cf")


def shallow(record: DataclassInstance) -> dict[str, object]:
    """The fields of a dataclass by name, their values untouched."""
    return {field.name: getattr(record, field.name) for field in fields(record)}


def encoded(thing: object) -> object:
    """What JSON holds in place of a moment, bytes or a part of a message; for `json.dumps`."""
    if isinstance(thing, datetime):
        return thing.astimezone(UTC).isoformat()
    if isinstance(thing, bytes):
        return b64encode(thing).decode()
    if isinstance(thing, Cause | Picture | Link):
        return shallow(thing)
    raise TypeError(f"a message cannot hold a {type(thing).__name__}")
