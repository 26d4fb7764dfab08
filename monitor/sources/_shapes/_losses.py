"""Requests that became no rows: counted in the window they belong to, and told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import pyarrow as pa

from checks.portrait import Portrait
from checks.profile import Anomaly
from monitor.findings import WHOLE, Slice
from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources._placing import Placer
from monitor.sources._shapes import TIMESTAMP
from monitor.sources._shapes._rows import plain_cell
from monitor.windows import Window

_CHUNK = 4096
_TOLD = {
    "failed_requests": "that failed",
    "unpaired_requests": "whose other half is missing",
}


@dataclass(slots=True)
class Losses:
    """Counts of one pass over a log, by window (in order) and anomaly."""

    columns: Columns
    windows: tuple[Window, ...]
    horizon: Horizon
    found: dict[tuple[Window, str], Anomaly] = field(default_factory=dict)
    waiting: dict[str, list[tuple[str | None, str]]] = field(default_factory=dict)

    def add(self, kind: str, time: object, place: str) -> None:
        """One request lost, with its time as it was logged, and where it stands."""
        moment = None if time is None else str(plain_cell(time))
        self.waiting.setdefault(kind, []).append((moment, place))
        if len(self.waiting[kind]) == _CHUNK:
            self._settle(kind)

    def settle(self) -> dict[tuple[Window, str], Anomaly]:
        """All that was found."""
        for kind in self.waiting:
            self._settle(kind)
        return self.found

    def _settle(self, kind: str) -> None:
        """Those without a usable time, and of the future, are booked on the newest window."""
        lost, self.waiting[kind] = self.waiting[kind], []
        names = [self.columns.timestamp or TIMESTAMP, "place"]
        arrays = [pa.array([cell[i] for cell in lost], pa.string()) for i in (0, 1)]
        placer = Placer(self.columns, self.windows, self.horizon)
        placed = placer.place(pa.RecordBatch.from_arrays(arrays, names=names))
        examples = placed.batch.column("place").to_pylist() if len(placed) else []
        for at, example in zip(placed.window.tolist(), examples, strict=True):
            self._book(self.windows[at], kind, Anomaly(1, example))
        if self.windows != (ALL_TIME,) and placer.strays:
            stray = sum(met.count for met in placer.strays.values())
            self._book(self.windows[-1], kind, Anomaly(stray, lost[0][1]))

    def _book(self, window: Window, kind: str, met: Anomaly) -> None:
        before = self.found.get((window, kind))
        self.found[window, kind] = met if before is None else before.merge(met)

    def sentences(self) -> Iterator[str]:
        """What a person should know."""
        for (_, kind), met in sorted(self.settle().items(), key=lambda item: item[0][1]):
            requests = "1 request" if met.count == 1 else f"{met.count:,} requests"
            yield f"left out: {requests} {_TOLD[kind]} ({met.example}); {kind} counts them"


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
