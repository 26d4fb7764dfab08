"""What is kept of a log besides its columns: its rows, labels, versions, times and anomalies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce

import numpy as np

ORPHANS, DATED = "orphan_labels", "dated_labels"
"""Labels that no prediction has, and all labels that came in a window, where either is counted."""

UNKNOWN_LABELS, STRANGE_LABELS = "unknown_labels", "strange_labels"
"""Labels that a task does not know: beside the labels that count, or among them."""


@dataclass(frozen=True, slots=True)
class Anomaly:
    """How many rows broke one rule of the log, and one short example."""

    count: int
    example: str = ""

    def merge(self, other: Anomaly) -> Anomaly:
        example = min(filter(None, (self.example, other.example)), default="")
        return Anomaly(self.count + other.count, example)


@dataclass(frozen=True, slots=True)
class LogProfile:
    """The facts of a log itself: rows, their times, versions, labels and broken rules.

    Times are seconds since 1970 UTC. ``windows`` counts the windows merged into this profile,
    ``rows_least``, ``rows_most``, ``silence`` and ``span`` are extremes over them (``silence``:
    seconds between the newest row and the end of its window; ``span``: the length of the longest
    window, 0 where that is not known). ``anomalies`` maps a rule's name to its
    count; ``labels`` counts rows whose truth is known.
    """

    rows: int = 0
    windows: int = 0
    rows_squared: float = 0.0
    rows_least: float = np.inf
    rows_most: float = -np.inf
    first: float = np.inf
    last: float = -np.inf
    silence: float = -np.inf
    labels: int = 0
    versions: Mapping[str, int] = field(default_factory=dict)
    anomalies: Mapping[str, Anomaly] = field(default_factory=dict)
    span: float = 0.0

    @classmethod
    def of_window(
        cls,
        rows: int,
        first: float,
        last: float,
        end: float,
        *,
        labels: int = 0,
        versions: Mapping[str, int] | None = None,
        anomalies: Mapping[str, Anomaly] | None = None,
        span: float = 0.0,
    ) -> LogProfile:
        """The profile of one window that ends at ``end`` and lasts ``span`` seconds.

        ``first`` and ``last`` are the times of its oldest and newest row.
        """
        return cls(
            rows,
            1,
            float(rows) ** 2,
            rows,
            rows,
            first,
            last,
            end - last if rows else -np.inf,
            labels,
            dict(versions or {}),
            {name: found for name, found in (anomalies or {}).items() if found.count},
            span,
        )

    @classmethod
    def of_parts(cls, parts: Sequence[LogProfile], end: float, span: float) -> LogProfile:
        """The profile of the one window that the parts make up: it ends at ``end`` (see above).

        >>> hours = [LogProfile.of_window(4, 10, 50, 60), LogProfile.of_window(2, 70, 80, 120)]
        >>> day = LogProfile.of_parts(hours, 120, 120)
        >>> day.windows, day.rows, day.rows_least, day.silence, day.span
        (1, 6, 6, 40, 120)
        """
        total = reduce(LogProfile.merge, parts)
        return replace(
            total,
            windows=1,
            rows_squared=float(total.rows) ** 2,
            rows_least=total.rows,
            rows_most=total.rows,
            silence=end - total.last if total.rows else -np.inf,
            span=span,
        )

    def merge(self, other: LogProfile) -> LogProfile:
        """The facts of both sets of windows."""
        return LogProfile(
            self.rows + other.rows,
            self.windows + other.windows,
            self.rows_squared + other.rows_squared,
            min(self.rows_least, other.rows_least),
            max(self.rows_most, other.rows_most),
            min(self.first, other.first),
            max(self.last, other.last),
            max(self.silence, other.silence),
            self.labels + other.labels,
            {
                name: self.versions.get(name, 0) + other.versions.get(name, 0)
                for name in sorted({*self.versions, *other.versions})
            },
            _merge_anomalies(self.anomalies, other.anomalies),
            max(self.span, other.span),
        )


def _merge_anomalies(a: Mapping[str, Anomaly], b: Mapping[str, Anomaly]) -> dict[str, Anomaly]:
    nothing = Anomaly(0)
    return {n: a.get(n, nothing).merge(b.get(n, nothing)) for n in sorted({*a, *b})}
