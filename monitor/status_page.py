"""The status page: what a snapshot says, in words, as one HTML page without scripts."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib import resources

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from checks.verdict import WORST_FIRST, Verdict
from monitor._version import __version__
from monitor.findings import Finding, ModelSnapshot, Snapshot
from monitor.report.words import SYMBOLS, counted, word
from monitor.samples import worst_first
from monitor.windows import State

SHOWN_FINDINGS = 8
"""So many findings of a model stand on the page; the metrics and the report hold all of them."""

_TROUBLE = (Verdict.CRITICAL, Verdict.WARNING)
_UNKNOWN = (Verdict.ERROR, Verdict.NO_DATA, Verdict.INSUFFICIENT)


@dataclass(frozen=True, slots=True)
class Badge:
    """A state in a word and a symbol; ``kind`` chooses the colour."""

    kind: str
    symbol: str
    word: str


@dataclass(frozen=True, slots=True)
class Row:
    """One finding as the page shows it."""

    badge: Badge
    check: str
    place: str
    value: str
    threshold: str
    reason: str


@dataclass(frozen=True, slots=True)
class Card:
    """One model as the page shows it; ``facts`` are pairs of a name and a text.

    ``calls`` says that somebody should look at it: a limit is broken, its log cannot be read, or
    an incident is open.
    """

    name: str
    version: str
    badge: Badge
    calls: bool
    tally: tuple[Badge, ...]
    facts: tuple[tuple[str, str], ...]
    rows: tuple[Row, ...]
    more: int


_DOWN = Badge("down", "!", "log not readable")
_WAITING = Badge("waiting", "○", "not evaluated yet")
_URGENCY = (*_TROUBLE, _DOWN.kind, *_UNKNOWN, _WAITING.kind, Verdict.UNDECIDED, Verdict.OK)
_UNITS = (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0))


def status_page(snapshot: Snapshot, *, alive: bool = True) -> str:
    """The page of a snapshot; ages are counted from the moment that it was taken."""
    cards = [_card(model, snapshot.taken) for model in snapshot.models]
    cards.sort(key=lambda card: (_URGENCY.index(card.badge.kind), card.name))
    return _template().render(
        style=_style(),
        program=__version__,
        alive=alive,
        ready=snapshot.ready,
        taken=_moment(snapshot.taken) if snapshot.taken else "",
        headline=_headline(snapshot, cards),
        cards=cards,
        deliveries=_deliveries(snapshot),
    )


def _card(model: ModelSnapshot, now: datetime | None) -> Card:
    waiting = set(model.waiting)
    settled = [finding for finding in model.findings if finding not in waiting]
    in_order = sorted(settled or model.findings, key=worst_first)
    shown = [finding for finding in in_order if finding.verdict is not Verdict.OK]
    counts = Counter(finding.verdict for finding in in_order)
    badge = _state(model, in_order)
    return Card(
        name=model.model,
        version=model.version,
        badge=badge,
        calls=badge.kind in (*_TROUBLE, _DOWN.kind) or any(n for _, n in model.incidents),
        tally=tuple(
            Badge(verdict, SYMBOLS[verdict], f"{counts[verdict]} {word(verdict)}")
            for verdict in WORST_FIRST
            if counts[verdict]
        ),
        facts=tuple(_facts(model, now)),
        rows=tuple(_row(finding) for finding in shown[:SHOWN_FINDINGS]),
        more=max(len(shown) - SHOWN_FINDINGS, 0),
    )


def _state(model: ModelSnapshot, in_order: Sequence[Finding]) -> Badge:
    """The worst that is known of a model; to know nothing is not good news."""
    worst = in_order[0].verdict if in_order else None
    if worst in _TROUBLE:
        return _badge(worst)
    if model.source_up is False:
        return _DOWN
    return _WAITING if worst is None else _badge(worst)


def _badge(verdict: Verdict) -> Badge:
    return Badge(verdict, SYMBOLS[verdict], word(verdict))


def _facts(model: ModelSnapshot, now: datetime | None) -> Iterator[tuple[str, str]]:
    if model.window is None:
        yield "Newest window", "none evaluated yet"
    else:
        yield "Newest window", str(model.window)
        yield "Rows", f"{model.rows:,}"
        yield "Labels", _labels(model)
    if model.waiting:
        yield "Waiting for labels", counted(len(model.waiting), "check")
    yield "Open incidents", _listed(model.incidents) or "none"
    if model.windows_due:
        yield "Still to evaluate", counted(model.windows_due, "window")
    if model.source_up is False:
        yield "Log", "could not be read the last time"
    if model.newest_row is not None:
        yield "Newest row", _ago(model.newest_row, now)
    yield "Last run without failure", _ago(model.last_success, now)
    failures = sum(count for _, count in model.run_failures)
    if failures:
        why = _listed((reason, count) for reason, count in model.run_failures)
        yield "Failed runs", f"{failures:,} of {model.runs:,} ({why})"


def _labels(model: ModelSnapshot) -> str:
    if model.label_coverage is None:
        return "not expected"
    known = f"{model.label_coverage:.0%} of the rows"
    return known if model.state is State.FINAL else f"{known} so far"


def _row(finding: Finding) -> Row:
    parts = (finding.column, finding.slice.segment, finding.slice.version)
    return Row(
        badge=_badge(finding.verdict),
        check=finding.check,
        place=" · ".join(part for part in parts if part),
        value=_number(finding.judged_value),
        threshold=_number(finding.threshold),
        reason=finding.reason,
    )


def _headline(snapshot: Snapshot, cards: Sequence[Card]) -> str:
    many, kinds = counted(len(cards), "model"), Counter(card.badge.kind for card in cards)
    calls = sum(card.calls for card in cards)
    unknown = sum(kinds[kind] for kind in (*_UNKNOWN, _WAITING.kind))
    undecided = kinds[Verdict.UNDECIDED]
    if not cards:
        return "No model is monitored" if snapshot.ready else "Starting"
    if calls:
        return f"{calls} of {many} {'needs' if calls == 1 else 'need'} attention"
    if unknown:
        return f"No trouble found, but {unknown} of {many} cannot be fully judged"
    if undecided:
        return f"No trouble found, but {undecided} of {many} undecided"
    return f"{many}, everything within its limits"


def _deliveries(snapshot: Snapshot) -> str:
    """What became of the messages to people."""
    failed = Counter[str]()
    for channel, _, count in snapshot.alert_failures:
        failed[channel] += count
    sent = dict(snapshot.alerts_sent)
    said = [
        f"{channel}: {sent.get(channel, 0):,} sent"
        + (f", {failed[channel]:,} failed attempts" if failed[channel] else "")
        for channel in sorted({*sent, *failed})
    ]
    waiting = (
        [f"{counted(snapshot.alert_queue, 'message')} waiting"] if snapshot.alert_queue else []
    )
    return "; ".join([*said, *waiting]) or "no message sent yet"


def _listed(counts: Iterable[tuple[str, int]]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts if count)


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _moment(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}Z"


def _ago(moment: datetime | None, now: datetime | None) -> str:
    """A moment and how long ago it was.

    >>> _ago(datetime(2024, 3, 14, tzinfo=UTC), datetime(2024, 3, 14, 3, 30, tzinfo=UTC))
    '2024-03-14 00:00:00Z, 3 hours ago'
    """
    if moment is None:
        return "never"
    if now is None:
        return _moment(moment)
    seconds = (now - moment).total_seconds()
    if seconds <= -1.0:  # what happened while the page was made is no prophecy
        return f"{_moment(moment)}, in the future"
    unit, size = next(((u, s) for u, s in _UNITS if seconds >= s), ("second", 1.0))
    return f"{_moment(moment)}, {counted(int(max(seconds, 0.0) // size), unit)} ago"


def _file(name: str) -> str:
    return resources.files("monitor").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _style() -> Markup:
    return Markup(_file("status.css"))  # noqa: S704 (our own file)


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string(_file("status.html"))


@cache
def content_security_policy() -> str:
    """What a browser may do with the page: show it with its own style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    )
