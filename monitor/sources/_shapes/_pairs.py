"""Requests and answers that stand in records of their own, brought together by their id."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from monitor.sources._shapes import Exchange

MOST_WAITING = 1_000_000
"""How many cells of halves wait for their other half at a time: some 100 MB."""


@dataclass(frozen=True, slots=True)
class Half:
    """A request without its answer or an answer without its request, and where it stands."""

    exchange: Exchange
    place: str

    @property
    def cells(self) -> int:
        rows = self.exchange.inputs or self.exchange.outputs or ()
        return 1 + sum(map(len, rows))

    @property
    def is_request(self) -> bool:
        return self.exchange.inputs is not None


@dataclass(slots=True)
class Pairs:
    """Halves that wait. The oldest go first when there are more than ``most`` cells of them, and
    one that is sent a second time takes the place of the first; those are ``dropped``."""

    most: int = MOST_WAITING
    waiting: dict[str, Half] = field(default_factory=dict)
    dropped: list[Half] = field(default_factory=list)
    cells: int = 0

    def match(self, exchange: Exchange, place: str) -> Exchange | None:
        """The whole exchange where the other half waits; None where this one waits now."""
        name = exchange.id or ""
        half, other = Half(exchange, place), self._take(name)
        if other is not None and other.is_request != half.is_request:
            return _joined(other, half) if other.is_request else _joined(half, other)
        if other is not None:
            self.dropped.append(other)
        self.waiting[name] = half
        self.cells += half.cells
        while self.cells > self.most:
            oldest = self._take(next(iter(self.waiting)))
            if oldest is not None:
                self.dropped.append(oldest)
        return None

    def _take(self, name: str) -> Half | None:
        half = self.waiting.pop(name, None)
        self.cells -= 0 if half is None else half.cells
        return half

    def lost(self, *, end: bool = False) -> Iterator[Half]:
        """The halves dropped since the last call, and at the end of the log all that wait."""
        yield from self.dropped
        self.dropped = []
        if end:
            yield from self.waiting.values()
            self.waiting, self.cells = {}, 0


def _joined(request: Half, answer: Half) -> Exchange:
    asked, told = request.exchange, answer.exchange
    return replace(
        asked,
        time=told.time if asked.time is None else asked.time,
        version=asked.version if told.version is None else told.version,
        outputs=told.outputs,
        half=False,
        lost=told.lost or asked.lost,
    )
