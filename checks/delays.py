"""Delays: how long after their predictions the labels came, by what came of the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.profile import PlanMismatch, frozen

_STEPS = 4  # bins of ages double in so many steps
_OCTAVES = 29  # 2^29 seconds are 17 years

EDGES: Floats = frozen(np.append(0.0, 2.0 ** (np.arange(_STEPS * _OCTAVES + 1) / _STEPS)))
"""Ages in seconds at which the bins begin; the last bin has no end."""

_ENDS: Floats = frozen(np.append(EDGES[1:], 2.0 * EDGES[-1]))
_MOST_FALL = 0.25  # of the share of rows that are watched, within a bin


@dataclass(frozen=True, slots=True, eq=False)
class Delays:
    """When the labels of rows came.

    ``ages[b, k]`` counts the labels that came at an age in bin b (see `EDGES`; labels older than
    their predictions count as of age 0), k being what came of the prediction: 2 p + y of predicted
    class p and truth y of a binary classifier, 1 for a right prediction of one with several
    classes, else 0. ``rows`` have times, of which ``first`` and ``last`` are the outermost, in
    seconds since 1970; ``labelled`` of them have labels, and ``undated`` of these no time of
    arrival. ``seen_at`` is until when labels were looked for.
    """

    ages: Counts
    rows: int = 0
    labelled: int = 0
    undated: int = 0
    first: float = np.inf
    last: float = -np.inf
    seen_at: float = -np.inf

    @classmethod
    def of(
        cls,
        times: Floats,
        arrived: Floats,
        labelled: NDArray[np.bool_],
        came: NDArray[np.integer],
        kinds: int,
        seen_at: float,
    ) -> Delays:
        """The delays of rows: times of prediction and of arrival, NaN where there is none.

        ``came`` is what came of each of the ``labelled`` rows, one of so many ``kinds``, or -1.

        >>> times, arrived = np.zeros(3), np.array([0.5, 1.1, np.nan])
        >>> found = Delays.of(times, arrived, ~np.isnan(arrived), np.array([1, 0, -1]), 2, 9.0)
        >>> found.ages[:2].tolist(), found.rows, found.labelled
        ([[0, 1], [1, 0]], 3, 2)
        """
        timed = np.isfinite(times)
        known = timed & labelled & (came >= 0)
        dated = known & np.isfinite(arrived)
        bins = np.searchsorted(EDGES, arrived[dated] - times[dated], side="right") - 1
        place = np.maximum(bins, 0) * kinds + came[dated]
        ages = np.bincount(place, minlength=len(EDGES) * kinds).reshape(-1, kinds)
        return cls(
            frozen(ages.astype(np.int64)),
            int(np.count_nonzero(timed)),
            int(np.count_nonzero(known)),
            int(np.count_nonzero(known & ~dated)),
            float(times[timed].min(initial=np.inf)),
            float(times[timed].max(initial=-np.inf)),
            seen_at,
        )

    @property
    def kinds(self) -> int:
        """How many things can come of a prediction: 4 of two classes, 2 of several, else 1."""
        return int(self.ages.shape[1])

    def merge(self, other: Delays) -> Delays:
        """The delays of both sets of rows."""
        return Delays.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[Delays]) -> Delays:
        """The delays of all rows of the parts, of which there is at least one."""
        if any(part.kinds != parts[0].kinds for part in parts):
            raise PlanMismatch("delays of labels of two tasks do not add")
        return cls(
            frozen(np.sum([part.ages for part in parts], axis=0)),
            sum(part.rows for part in parts),
            sum(part.labelled for part in parts),
            sum(part.undated for part in parts),
            min(part.first for part in parts),
            max(part.last for part in parts),
            max(part.seen_at for part in parts),
        )

    def looked_at(self, moment: float) -> Delays:
        """The same, where no label has come until then."""
        return replace(self, seen_at=max(self.seen_at, moment))

    def watched(self) -> Floats:
        """The share of rows that were watched for as long as each bin's ages, on average over it.

        Rows are taken to have come evenly between the first and the last.
        """
        return (self._watched_until(_ENDS) - self._watched_until(EDGES)) / (_ENDS - EDGES)

    def settled(self) -> NDArray[np.bool_]:
        """Ages in whose bin the share of rows that are watched hardly falls.

        In other bins it matters when in the bin labels come, which nobody knows: where all come
        after a day, they are there a minute later, though the bin of that age has just begun.
        """
        return self._share_watched(EDGES) - self._share_watched(_ENDS) <= _MOST_FALL

    def _share_watched(self, ages: Floats) -> Floats:
        """The share of rows that were watched for longer than each age."""
        longest, span = self.seen_at - self.first, max(self.last - self.first, 0.0)
        return np.clip((longest - ages) / max(span, 1.0), 0.0, 1.0)

    def _watched_until(self, ages: Floats) -> Floats:
        """For each age the mean time that rows were watched up to it."""
        longest = max(self.seen_at - self.first, 0.0) if self.rows else 0.0
        shortest = max(self.seen_at - self.last, 0.0) if self.rows else 0.0
        flat = np.minimum(ages, shortest)
        if longest <= shortest:
            return flat
        span = self.last - self.first
        falling = np.clip(ages, shortest, longest)
        return flat + ((longest - shortest) ** 2 - (longest - falling) ** 2) / (2.0 * span)
