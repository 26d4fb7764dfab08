"""Ids that occur twice in a window: which row counts, and how many contradict it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import IO

import numpy as np
from numpy.typing import NDArray

from checks.log import Anomaly
from monitor.sources import Unreachable
from monitor.sources._arrow import Bools, Hashes
from monitor.sources._zones import Micros

_MOST_HELD = 1 << 19  # ids in memory
_MOST_APPENDED = 1 << 24  # places that three bytes hold
_PARTS = 256
_STEP = np.uint64(0xD1342543DE82EF95)  # odd, so that no two windows share their keys


def keys(ids: Hashes, window: NDArray[np.intp]) -> Hashes:
    """One number for an id in a window; the same id in two windows is no duplicate."""
    return ids + (window.astype(np.uint64) + np.uint64(1)) * _STEP


@dataclass(slots=True)
class IdLedger:
    """All ids of a pass over a log, 16 bytes each; beyond half a million they go to a file.

    The file has no name, so that nothing is left of it whatever happens, or it is the one ``at``
    this path, which is for whoever named it to remove.
    """

    at: Path | None = None
    _ids: list[Hashes] = field(default_factory=list)
    _times: list[Micros] = field(default_factory=list)
    _files: list[IdFile] = field(default_factory=list)

    def __enter__(self) -> IdLedger:
        return self

    def __exit__(self, *_: object) -> None:
        for each in self._files:
            each.file.close()

    def note(self, found: Hashes, times: Micros) -> None:
        self._ids.append(found)
        self._times.append(times)
        if sum(map(len, self._ids)) >= _MOST_HELD:
            self._spill()

    def _held(self) -> tuple[Hashes, Micros]:
        ids = np.concatenate([np.empty(0, np.uint64), *self._ids])
        times = np.concatenate([np.empty(0, np.int64), *self._times])
        self._ids, self._times = [], []
        return ids, times

    def _spill(self) -> None:
        """Move the ids that are held to the file of this ledger."""
        with _on_disk():
            if not self._files:
                file = TemporaryFile() if self.at is None else self.at.open("w+b")  # noqa: SIM115
                self._files.append(IdFile(file))
            ids, times = self._held()
            for start in range(0, max(len(ids), 1), _MOST_APPENDED):
                some = slice(start, start + _MOST_APPENDED)
                self._files[0].append(ids[some], times[some])

    def take(self, path: Path, starts: Sequence[NDArray[np.int64]]) -> None:
        """Look at the ids of another ledger too, which are in this file."""
        if not self._files:
            self._spill()
        with _on_disk():
            self._files.append(IdFile(path.open("rb"), list(starts)))

    def to_file(self) -> list[NDArray[np.int64]]:
        """Move all ids to the file ``at`` a path; tells where in it its parts start."""
        self._spill()
        with _on_disk():
            self._files[0].file.flush()
        return self._files[0].starts

    def repeats(self) -> Repeats | None:
        """The ids that occur more than once, if any."""
        if not self._files:
            shared = [_shared(*self._held())]
        else:
            self._spill()
            with _on_disk():
                shared = [self._shared_of(part) for part in range(_PARTS)]
        ids, times = (np.concatenate(each) for each in zip(*shared, strict=True))
        return Repeats.of(ids, times) if len(ids) else None

    def _shared_of(self, part: int) -> tuple[Hashes, Micros]:
        ids = np.concatenate([each.ids(part) for each in self._files])
        if not len(_repeated(ids)):  # a slice would keep all ids alive
            return np.empty(0, np.uint64), np.empty(0, np.int64)
        return _shared(ids, np.concatenate([each.times(part) for each in self._files]))


@dataclass(slots=True)
class IdFile:
    """Ids in a file, chunk after chunk: first ids and then times, by the first byte of the id.

    ``starts`` tells for each chunk where its 256 parts start and the last one ends, in rows of the
    file as a whole.
    """

    file: IO[bytes]
    starts: list[NDArray[np.int64]] = field(default_factory=list)

    def append(self, ids: Hashes, times: Micros) -> None:
        # Numbers of the part and the place are sorted several times as fast as places by part.
        part = (ids >> np.uint64(32)).astype(np.uint32) & np.uint32(0xFF000000)
        ordered = np.sort(part | np.arange(len(ids), dtype=np.uint32))
        before = self.starts[-1][-1] if self.starts else 0
        sizes = np.bincount(ordered >> 24, minlength=_PARTS)
        self.starts.append(np.concatenate(([0], np.cumsum(sizes))) + before)
        order = (ordered & np.uint32(_MOST_APPENDED - 1)).astype(np.intp)  # looked up faster
        self.file.write(ids[order].data)
        self.file.write(times[order].data)

    def ids(self, part: int) -> Hashes:
        read = [self._read(starts, part, starts[0]) for starts in self.starts]
        return np.frombuffer(b"".join(read), np.uint64)

    def times(self, part: int) -> Micros:
        read = [self._read(starts, part, starts[-1]) for starts in self.starts]
        return np.frombuffer(b"".join(read), np.int64)

    def _read(self, starts: NDArray[np.int64], part: int, before: int) -> bytes:
        """A part of a block that ``before`` rows, in addition to those of the part, precede."""
        self.file.seek(8 * int(before + starts[part]))
        return self.file.read(8 * int(starts[part + 1] - starts[part]))


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise Unreachable(
            f"{gettempdir()}: the ids of the log do not fit there ({error.strerror}); "
            "make room, or set TMPDIR to a folder that has some"
        ) from None


def _repeated(ids: Hashes) -> Hashes:
    """The ids that occur more than once, in ascending order."""
    ordered = np.sort(ids)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def _shared(ids: Hashes, times: Micros) -> tuple[Hashes, Micros]:
    """The rows whose id another row has too."""
    twice = _repeated(ids)
    rows = _member(ids, twice) if len(twice) else np.zeros(len(ids), np.bool_)
    return ids[rows], times[rows]


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
