"""An alert as an HTML e-mail: one column, inline styles, readable on light and dark screens."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape

from alerts.message import SHOWN, Cause, Link, Message, aside, cut, measure

_COLOURS: Mapping[str, str] = {"RESOLVED": "#1a7f4b", "WARNING": "#9a5b00"}
_CRITICAL = "#c02626"
_FONT = "-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,monospace"
_DARK = (
    ".page{background:#14171c!important}.card{background:#1e232b!important;"
    "border-left-color:#333b47!important;border-right-color:#333b47!important;"
    "border-bottom-color:#333b47!important}.ink{color:#e8ebf0!important}.soft{color:#a3adbb!important}"
    ".line{border-color:#333b47!important}.code{background:#14171c!important;"
    "color:#e8ebf0!important}.link{color:#7db4ff!important}"
)
_HEAD = (
    '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
    '<meta name="viewport" content="width=device-width,initial-scale=1">'
    '<meta name="color-scheme" content="light dark">'
    '<meta name="supported-color-schemes" content="light dark">'
    f"<style>:root{{color-scheme:light dark}}@media (prefers-color-scheme:dark){{{_DARK}}}</style>"
)


def as_html(message: Message, pictures: Iterable[tuple[str, str]] = ()) -> str:
    """The message as a page; `pictures` are pairs of a source address and the text beside it."""
    colour = _COLOURS.get(message.word, _CRITICAL)
    parts = (
        _heading(message, colour),
        _causes(message),
        _pictures(pictures),
        _facts(message.facts),
        _links(message.links),
        _command(message.command),
    )
    inner = "".join(piece for part in parts for piece in part)
    return (
        f"{_HEAD}<title>{escape(message.title)}</title></head>"
        f'<body class="page" style="margin:0;padding:16px;background:#f2f4f7;font-family:{_FONT}">'
        '<table role="presentation" cellpadding="0" cellspacing="0" width="100%" '
        'style="max-width:640px;margin:0 auto"><tr><td class="card" '
        'style="background:#ffffff;border:1px solid #dfe3e8;'
        f'border-top:4px solid {colour};border-radius:6px;padding:24px;word-break:break-word">'
        f"{inner}</td></tr></table></body></html>\n"
    )


def _heading(message: Message, colour: str) -> Iterator[str]:
    yield (
        f'<div><span style="display:inline-block;background:{colour};color:#ffffff;'
        "font-size:12px;font-weight:700;letter-spacing:.06em;padding:3px 8px;"
        f'border-radius:3px">{escape(message.word)}</span>'
        f'<span class="soft" style="color:#5b6572;font-size:13px;padding-left:10px">'
        f"{escape(message.model)} / {escape(message.cause)}</span></div>"
        '<h1 class="ink" style="margin:12px 0 4px;color:#1b2027;font-size:20px;line-height:1.3">'
        f"{escape(_capital(message.title))}</h1>"
        '<p class="soft" style="margin:0;color:#5b6572;font-size:13px;line-height:1.5">'
        f"{escape(_capital(message.story))}</p>"
    )


def _causes(message: Message) -> Iterator[str]:
    if not message.causes:
        return
    yield _caption(message.caption)
    yield '<ol class="ink" style="margin:0;padding-left:22px;color:#1b2027;font-size:15px">'
    yield from (_cause(cause, message) for cause in message.causes[:SHOWN])
    yield "</ol>"
    if len(message.causes) > SHOWN:
        more = len(message.causes) - SHOWN
        yield (
            '<p class="soft" style="margin:0;padding-left:22px;color:#5b6572;font-size:13px">'
            f"and {more} more</p>"
        )


def _cause(cause: Cause, message: Message) -> str:
    numbers = escape(measure(cause))
    return (
        f'<li style="margin:0 0 10px;line-height:1.45">{escape(cause.text)}'
        f"{escape(aside(cause, message))}"
        f'<br><span class="soft" style="color:#5b6572;font-size:13px">{numbers}</span></li>'
    )


def _pictures(pictures: Iterable[tuple[str, str]]) -> Iterator[str]:
    for source, alt in pictures:
        yield (
            f'<p style="margin:20px 0 0"><img src="{escape(source)}" alt="{escape(alt)}" '
            'width="590" style="display:block;width:100%;max-width:590px;height:auto;'
            'border-radius:4px;background:#ffffff"></p>'
            '<p class="soft" style="margin:4px 0 0;color:#5b6572;font-size:12px">'
            f"{escape(alt)}</p>"
        )


def _facts(facts: Iterable[tuple[str, str]]) -> Iterator[str]:
    rows = [
        '<tr><td class="soft line" style="padding:6px 16px 6px 0;border-top:1px solid #e6e9ee;'
        f'color:#5b6572;white-space:nowrap;vertical-align:top">{escape(cut(label, 40))}</td>'
        '<td class="ink line" style="padding:6px 0;border-top:1px solid #e6e9ee;color:#1b2027;'
        f'width:100%">{escape(value)}</td></tr>'
        for label, value in facts
    ]
    if rows:
        yield _caption("Facts")
        yield (
            '<table role="presentation" cellpadding="0" cellspacing="0" width="100%" '
            'style="font-size:14px;line-height:1.4">'
        )
        yield from rows
        yield "</table>"


def _links(links: Iterable[Link]) -> Iterator[str]:
    anchors = [
        f'<a class="link" href="{escape(link.url)}" style="color:#0b57d0">{escape(link.label)}</a>'
        if link.clickable
        else f"{escape(link.label)}: {escape(link.url)}"
        for link in links
    ]
    if anchors:
        joined = " &nbsp;&middot;&nbsp; ".join(anchors)
        yield f'<p class="ink" style="margin:20px 0 0;color:#1b2027;font-size:14px">{joined}</p>'


def _command(command: str) -> Iterator[str]:
    if command:
        yield _caption("To reproduce it")
        yield (
            '<pre class="code" style="margin:0;padding:10px 12px;border-radius:4px;'
            f"background:#f2f4f7;color:#1b2027;font-family:{_MONO};font-size:13px;"
            f'white-space:pre-wrap">{escape(command)}</pre>'
        )


def _caption(text: str) -> str:
    return (
        '<h2 class="soft" style="margin:22px 0 8px;color:#5b6572;font-size:12px;font-weight:600;'
        f'letter-spacing:.06em;text-transform:uppercase">{text}</h2>'
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
