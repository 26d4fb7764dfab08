"""A report as one HTML file that needs no network and no script, and stays below 300 kB."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from alerts.message import clean, stamp
from checks.verdict import Verdict
from monitor.report import sections
from monitor.report.contents import Report
from monitor.report.order import tally, worst, worst_first
from monitor.report.words import (
    MEANINGS,
    SYMBOLS,
    brief,
    counted,
    number,
    place,
    said,
    seen,
    span,
    started,
    unsaid,
    verdicts,
    word,
)
from monitor.why import explained
from monitor.why import place as reason

LIMIT = 300_000
"""Bytes that a page stays below, whatever it reports on."""

MOST_NOTICES = 30

_CARDS, _COURSES, _STRIPS, _CAUSES = 110_000, 50_000, 45_000, 8_000
_MARGIN = 1_000


@dataclass(frozen=True, slots=True)
class Part:
    """The pieces of a section that fit its share of the page, and how many others there are."""

    pieces: Sequence[Markup]
    dropped: int = 0


def page(report: Report) -> str:
    """The whole page: every section has a share of the bytes, the table gets what they leave."""
    windows = sections.calendar(report)
    cards = sections.cards(report)
    causes, strips = sections.causes(report, cards), sections.strips(report)
    parts = {
        "causes": _fitting("cause", causes[: sections.MOST_CAUSES], _CAUSES, len(causes)),
        "cards": _fitting("card", cards, _CARDS, len(report.current)),
        "courses": _fitting("course", sections.courses(report), _COURSES),
        "strips": _fitting("strip", strips[: sections.MOST_STRIPS], _STRIPS, len(strips)),
    }
    findings = worst_first(report.findings)
    several = len({finding.window for finding in findings}) > 1
    frame = {
        "report": report,
        "verdict": worst(findings),
        "said": said(report),
        "unsaid": unsaid(report),
        "seen": seen(report),
        "tally": tally(findings),
        "span": span(findings),
        "metrics": sections.metrics(report),
        "reasons": [(each, reason(each)) for each in explained(findings)],
        "first": started(windows[0], dates=True) if windows else "",
        "last": started(windows[-1], dates=True) if windows else "",
        "windows": len(windows),
        "several": several,
        "notices": report.notices[:MOST_NOTICES],
        "more_notices": max(0, len(report.notices) - MOST_NOTICES),
        **parts,
    }
    bare = _render("page", table=Part(()), rest="", **frame)
    table = _fitting("row", findings, LIMIT - _MARGIN - len(bare.encode()), several=several)
    rest = verdicts(findings[len(table.pieces) :]) if table.dropped else ""
    return _render("page", table=table, rest=rest, **frame)


def _fitting(
    template: str, items: Sequence[object], room: int, total: int | None = None, **context: object
) -> Part:
    """As many items, in their order, as fit into so many bytes."""
    pieces: list[Markup] = []
    for item in items:
        piece = _render(template, item=item, **context)
        room -= len(piece.encode())
        if room < 0:
            break
        pieces.append(Markup(piece))  # noqa: S704  rendered by a template that escapes
    return Part(pieces, (len(items) if total is None else total) - len(pieces))


def _render(template: str, **context: object) -> str:
    return _environment().get_template(f"{template}.html.jinja").render(**context)


@cache
def _environment() -> Environment:
    """The templates; they escape what they are given and refuse what they do not know."""
    environment = Environment(
        loader=PackageLoader("monitor.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "word": word,
        "symbol": SYMBOLS.__getitem__,
        "number": number,
        "brief": brief,
        "place": place,
        "clean": clean,
        "prose": prose,
        "counted": counted,
        "started": started,
        "stamp": stamp,
        "badge": badge,
    }
    style, script = (_asset(environment, name) for name in ("report.css", "report.js"))
    environment.globals |= {
        "meanings": MEANINGS,
        "style": style,
        "script": script,
        "policy": f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}",
    }
    return environment


def prose(text: str, limit: int) -> str:
    """A sentence of ours, in the letters that a page has.

    >>> prose("mobile 12 % -> 31 %", 40)
    'mobile 12 % → 31 %'
    """
    return clean(text.replace("->", "→"), limit)


def badge(verdict: Verdict | None) -> Markup:
    """A verdict as a symbol and a word in its colour.

    >>> print(badge(Verdict.OK))
    <span class="v ok"><i>✓</i> ok</span>
    """
    known = Verdict.NO_DATA if verdict is None else verdict
    words = "nothing checked" if verdict is None else word(known)
    return Markup('<span class="v {}"><i>{}</i> {}</span>').format(
        known.value, SYMBOLS[known], words
    )


def _asset(environment: Environment, name: str) -> Markup:
    """A style sheet or script of ours, as it stands between its tags."""
    loader = environment.loader
    if loader is None:
        raise FileNotFoundError(name)
    return Markup(loader.get_source(environment, name)[0])  # noqa: S704  ships with the package


def _digest(text: str) -> str:
    """What a content security policy calls an inline script or style sheet by."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
