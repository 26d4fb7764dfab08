"""Export: a Prometheus collector over an immutable snapshot, rendered once for every format."""

from __future__ import annotations

import gzip
import threading
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import NamedTuple

import prometheus_client.core as client
from prometheus_client import exposition as text_format
from prometheus_client import registry
from prometheus_client.openmetrics import exposition as openmetrics

from monitor.findings import ModelSnapshot, Snapshot
from monitor.metrics import METRICS, RUN_BUCKETS, RUN_DURATION, Metric
from monitor.samples import SERIES_PER_MODEL, Sample, label_values, samples

_COMPRESSION = 5


class Exposition(NamedTuple):
    """What a scraper gets."""

    body: bytes
    content_type: str


@dataclass(frozen=True, slots=True)
class _Format:
    content_type: str
    encode: Callable[[registry.Collector], bytes]


_TEXT = _Format("text/plain; version=0.0.4; charset=utf-8", text_format.generate_latest)
_OPENMETRICS = _Format(
    "application/openmetrics-text; version=1.0.0; charset=utf-8", openmetrics.generate_latest
)


@dataclass(frozen=True, slots=True)
class Durations:
    """How long the runs of a model took, counted in buckets for as long as this process lives.

    ``runs`` is the model's number of runs when it was last looked at.
    """

    runs: int = 0
    counts: tuple[int, ...] = (0,) * (len(RUN_BUCKETS) + 1)
    total: float = 0.0

    def after(self, model: ModelSnapshot) -> Durations:
        """The durations with those of the runs since the last look."""
        fresh = model.runs - self.runs
        if fresh < 0:
            return Durations.first(model)
        counts, total = list(self.counts), self.total
        for seconds in model.run_seconds[-fresh:] if fresh else ():
            counts[bisect_left(RUN_BUCKETS, seconds)] += 1
            total += seconds
        return Durations(model.runs, tuple(counts), total)

    @classmethod
    def first(cls, model: ModelSnapshot) -> Durations:
        """The durations at first sight: all runs if all are known, else only those to come.

        A part of the history would look like a counter that was reset and jumped.
        """
        complete = len(model.run_seconds) >= model.runs
        return cls().after(model) if complete else cls(runs=model.runs)


@dataclass(frozen=True, slots=True)
class _Issue(registry.Collector):
    """One published snapshot, and the bytes made of it so far."""

    snapshot: Snapshot
    durations: Mapping[str, Durations]
    limit: int
    bodies: dict[tuple[_Format, bool], bytes] = field(default_factory=dict)

    def collect(self) -> Iterator[client.Metric]:
        found: dict[Metric, list[Sample]] = {}
        for sample in samples(self.snapshot, self.limit):
            found.setdefault(sample.metric, []).append(sample)
        for metric in METRICS:
            if metric is RUN_DURATION:
                yield _histogram(metric, self.durations)
            elif metric in found:
                yield _family(metric, found[metric])

    def body(self, chosen: _Format, compress: bool) -> bytes:
        made = self.bodies.get((chosen, compress))
        if made is None:
            made = _gzip(self.body(chosen, False)) if compress else chosen.encode(self)
            self.bodies[chosen, compress] = made
        return made


class Board:
    """Where the daemon posts its newest snapshot and the web server reads it.

    Posting replaces one reference, so a reader sees the old snapshot or the new one, whole.
    ``limit`` caps the series that the findings of one model may have.
    """

    def __init__(self, limit: int = SERIES_PER_MODEL) -> None:
        self._issue = _Issue(Snapshot(), {}, limit)
        self._posting = threading.Lock()
        self._rendering = threading.Lock()

    @property
    def snapshot(self) -> Snapshot:
        return self._issue.snapshot

    def publish(self, snapshot: Snapshot) -> None:
        """Show this snapshot from now on; what it no longer holds is no longer exported."""
        with self._posting:
            durations = _followed(self._issue.durations, snapshot)
            self._issue = replace(self._issue, snapshot=snapshot, durations=durations, bodies={})

    def families(self) -> Iterator[client.Metric]:
        """The metric families of the newest snapshot."""
        return self._issue.collect()

    def exposition(self, accept: str = "", *, compress: bool = False) -> Exposition:
        """The metrics in the format that an Accept header asks for, gzipped if wanted."""
        chosen = _OPENMETRICS if prefers_openmetrics(accept) else _TEXT
        with self._rendering:
            return Exposition(self._issue.body(chosen, compress), chosen.content_type)


class Collector(registry.Collector):
    """Puts the board's metrics into a registry of somebody else's; it never waits for anything."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def collect(self) -> Iterator[client.Metric]:
        return self._board.families()


def prefers_openmetrics(accept: str) -> bool:
    """Whether an Accept header ranks OpenMetrics at least as high as the plain text format.

    >>> prefers_openmetrics("application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1")
    True
    >>> prefers_openmetrics("text/plain, application/openmetrics-text;q=0.5")
    False
    """
    quality = {"application/openmetrics-text": 0.0, "text/plain": 0.0}
    for part in accept.split(","):
        kind, *parameters = (piece.strip().lower() for piece in part.split(";"))
        if kind in quality:
            quality[kind] = max(quality[kind], _quality(parameters))
    return 0 < quality["application/openmetrics-text"] >= quality["text/plain"]


def _quality(parameters: Iterable[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _gzip(plain: bytes) -> bytes:
    return gzip.compress(plain, _COMPRESSION, mtime=0)


def _followed(before: Mapping[str, Durations], snapshot: Snapshot) -> dict[str, Durations]:
    return {
        model.model: before[model.model].after(model)
        if model.model in before
        else Durations.first(model)
        for model in snapshot.models
    }


def _family(metric: Metric, found: Iterable[Sample]) -> client.Metric:
    if metric.kind == "info":
        info = client.InfoMetricFamily(
            metric.name.removesuffix("_info"), metric.help, labels=metric.labels
        )
        for sample in found:
            info.add_metric(sample.labels, {})
        return info
    make = client.CounterMetricFamily if metric.kind == "counter" else client.GaugeMetricFamily
    family = make(metric.name, metric.help, labels=metric.labels, unit=metric.unit)
    for sample in found:
        family.add_metric(sample.labels, sample.value)
    return family


def _histogram(metric: Metric, durations: Mapping[str, Durations]) -> client.Metric:
    family = client.HistogramMetricFamily(
        metric.name, metric.help, labels=metric.labels, unit=metric.unit
    )
    bounds = [*(str(bound) for bound in RUN_BUCKETS), "+Inf"]
    for model, seen in durations.items():
        buckets = list(zip(bounds, accumulate(seen.counts), strict=True))
        family.add_metric(label_values(model), buckets, seen.total)
    return family
