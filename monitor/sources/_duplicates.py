"""Ids that occur twice in a window: which row counts, and how many contradict it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from checks.profile import Anomaly
from monitor.sources._arrow import Bools, Hashes
from monitor.sources._zones import Micros

_STEP = np.uint64(0xD1342543DE82EF95)  # odd, so that no two windows share their keys


def keys(ids: Hashes, window: NDArray[np.intp]) -> Hashes:
    """One number for an id in a window; the same id in two windows is no duplicate."""
    return ids + (window.astype(np.uint64) + np.uint64(1)) * _STEP


@dataclass(slots=True)
class IdLedger:
    """All ids of a pass over a log, 16 bytes each."""

    _keys: list[Hashes] = field(default_factory=list)
    _times: list[Micros] = field(default_factory=list)

    def note(self, found: Hashes, times: Micros) -> None:
        self._keys.append(found)
        self._times.append(times)

    def repeats(self) -> Repeats | None:
        """The ids that occur more than once, if any."""
        if not self._keys:
            return None
        found = np.concatenate(self._keys)
        ordered = np.sort(found)
        twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
        if not len(twice):
            return None
        rows = np.flatnonzero(_member(found, twice))
        return Repeats.of(found[rows], np.concatenate(self._times)[rows])


def _member(found: Hashes, among: Hashes) -> Bools:
    place = np.minimum(np.searchsorted(among, found), len(among) - 1)
    return np.equal(among[place], found)


@dataclass(slots=True, eq=False)
class Repeats:
    """Ids that occur more than once, in ascending order, and which of their rows counts.

    The row with the latest time counts, the last of these on ties: ``best`` is that time, ``ties``
    how many rows have it and ``seen`` how many of these have passed by.
    """

    ids: Hashes
    best: Micros
    ties: NDArray[np.int64]
    seen: NDArray[np.int64]

    @classmethod
    def of(cls, found: Hashes, times: Micros) -> Repeats:
        order = np.lexsort((times, found))
        found, times = found[order], times[order]
        starts = np.flatnonzero(np.append(True, found[1:] != found[:-1]))
        best = np.maximum.reduceat(times, starts)
        sizes = np.diff(np.append(starts, len(found)))
        ties = np.add.reduceat((times == np.repeat(best, sizes)).astype(np.int64), starts)
        return cls(found[starts], best, ties, np.zeros(len(starts), np.int64))

    def concerned(self, found: Hashes) -> Bools:
        """Which rows share their id with another row."""
        return _member(found, self.ids)

    def losers(self, found: Hashes, times: Micros) -> Bools:
        """Which of these `concerned` rows do not count; rows come in their first order."""
        place = np.searchsorted(self.ids, found)
        tied = times == self.best[place]
        rank = np.zeros(len(found), np.int64)
        rank[tied] = _running_count(place[tied]) + self.seen[place[tied]]
        np.add.at(self.seen, place[tied], 1)
        lost: Bools = ~tied | (rank != self.ties[place])
        return lost


def _running_count(groups: NDArray[np.intp]) -> NDArray[np.int64]:
    """For each row, which one of its group it is, from 1."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])[: len(groups)])
    sizes = np.diff(np.append(starts, len(groups)))
    count = np.empty(len(groups), np.int64)
    count[order] = np.arange(1, len(groups) + 1) - np.repeat(starts, sizes)
    return count


@dataclass(slots=True)
class Contradictions:
    """What the rows of repeated ids said, to tell repetition from contradiction."""

    _keys: list[Hashes] = field(default_factory=list)
    _said: list[Hashes] = field(default_factory=list)
    _lost: list[Bools] = field(default_factory=list)
    _windows: list[NDArray[np.intp]] = field(default_factory=list)
    _names: list[str] = field(default_factory=list)

    def note(
        self, found: Hashes, said: Hashes, lost: Bools, window: NDArray[np.intp], names: list[str]
    ) -> None:
        """Rows of repeated ids: what each said (hashed), whether it lost, its window and its id."""
        self._keys.append(found)
        self._said.append(said)
        self._lost.append(lost)
        self._windows.append(window)
        self._names += names

    def anomalies(self) -> dict[int, dict[str, Anomaly]]:
        """By window: the rows that did not count, and how many contradict the one that did."""
        if not self._keys:
            return {}
        found, said = np.concatenate(self._keys), np.concatenate(self._said)
        lost, window = np.concatenate(self._lost), np.concatenate(self._windows)
        winners = np.flatnonzero(~lost)
        if not len(winners):
            return {}
        order = winners[np.argsort(found[winners])]
        place = np.searchsorted(found[order], found[lost])
        against = np.zeros(len(found), np.bool_)
        against[lost] = said[lost] != said[order[np.minimum(place, len(order) - 1)]]
        names = np.array(self._names, np.object_)
        return {
            int(each): {
                name: _anomaly(names[(window == each) & rows])
                for name, rows in (("duplicate_ids", lost), ("conflicting_ids", against))
            }
            for each in np.unique(window[lost])
        }


def _anomaly(names: NDArray[np.object_]) -> Anomaly:
    return Anomaly(len(names), min(names.tolist(), default=""))
