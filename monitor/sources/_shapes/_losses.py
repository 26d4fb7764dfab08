"""Requests that became no rows: counted in the window they belong to, and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

import pyarrow as pa

from checks.log import Anomaly
from checks.portrait import Portrait
from monitor.findings import WHOLE, Slice
from monitor.sources import ALL_TIME, Columns, Horizon, Pulse
from monitor.sources._placing import Placer
from monitor.sources._shapes import TIMESTAMP
from monitor.sources._shapes._rows import plain_cell
from monitor.windows import Window

_Key = TypeVar("_Key")

_CHUNK = 4096
_TOLD = {
    "failed_requests": "that failed",
    "unpaired_requests": "whose other half is missing",
}


@dataclass(slots=True)
class Losses:
    """Counts of one pass over a log, by window (in order) and anomaly.

    ``strays`` are those of requests that no window can have, as they lack a usable time or are of
    the future.
    """

    columns: Columns
    windows: tuple[Window, ...]
    horizon: Horizon
    found: dict[tuple[Window, str], Anomaly] = field(default_factory=dict)
    strays: dict[str, Anomaly] = field(default_factory=dict)
    waiting: dict[str, list[tuple[str | None, str]]] = field(default_factory=dict)

    def add(self, kind: str, time: object, place: str) -> None:
        """One request lost, with its time as it was logged, and where it stands."""
        moment = None if time is None else str(plain_cell(time))
        self.waiting.setdefault(kind, []).append((moment, place))
        if len(self.waiting[kind]) == _CHUNK:
            self._settle(kind)

    def settle(self) -> dict[tuple[Window, str], Anomaly]:
        """All that was found; strays are booked on the newest window."""
        for kind in self.waiting:
            self._settle(kind)
        found = dict(self.found)
        for kind, met in self.strays.items():
            _book(found, (self.windows[-1], kind), met)
        return found

    def noted(self, pulses: Mapping[Window, Pulse]) -> dict[Window, Pulse]:
        """The pulses, whose digests tell the losses of each window too.

        Strays change none: the newest window is another one with each new window.
        """
        for kind in self.waiting:
            self._settle(kind)
        noted = dict(pulses)
        for (window, kind), met in sorted(self.found.items(), key=lambda item: item[0][1]):
            pulse = noted[window]
            noted[window] = replace(pulse, digest=f"{pulse.digest}, {met.count} {kind}")
        return noted

    def _settle(self, kind: str) -> None:
        lost, self.waiting[kind] = self.waiting[kind], []
        names = [self.columns.timestamp or TIMESTAMP, "place"]
        arrays = [pa.array([cell[i] for cell in lost], pa.string()) for i in (0, 1)]
        placer = Placer(self.columns, self.windows, self.horizon)
        placed = placer.place(pa.RecordBatch.from_arrays(arrays, names=names))
        examples = placed.batch.column("place").to_pylist() if len(placed) else []
        for at, example in zip(placed.window.tolist(), examples, strict=True):
            _book(self.found, (self.windows[at], kind), Anomaly(1, example))
        if self.windows != (ALL_TIME,) and placer.strays:
            stray = sum(met.count for met in placer.strays.values())
            _book(self.strays, kind, Anomaly(stray, lost[0][1]))

    def sentences(self) -> Iterator[str]:
        """What a person should know."""
        for (_, kind), met in sorted(self.settle().items(), key=lambda item: item[0][1]):
            requests = "1 request" if met.count == 1 else f"{met.count:,} requests"
            yield f"left out: {requests} {_TOLD[kind]} ({met.example}); {kind} counts them"


def _book(found: dict[_Key, Anomaly], key: _Key, met: Anomaly) -> None:
    before = found.get(key)
    found[key] = met if before is None else before.merge(met)


def booked(
    portraits: Mapping[Window, Mapping[Slice, Portrait]], losses: Losses
) -> Mapping[Window, Mapping[Slice, Portrait]]:
    """The portraits, with the losses among the anomalies of their windows."""
    result = {window: dict(slices) for window, slices in portraits.items()}
    for (window, kind), met in losses.settle().items():
        portrait = result[window][WHOLE]
        log = replace(portrait.log, anomalies={**portrait.log.anomalies, kind: met})
        result[window][WHOLE] = replace(portrait, log=log)
    return result
