"""Ragged arrays: many short arrays end to end, so that one operation reaches all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[Any]


def edges_of(sizes: ArrayLike) -> NDArray[np.intp]:
    """Where pieces of these sizes begin, and where the last one ends.

    >>> edges_of([2, 0, 3]).tolist()
    [0, 2, 2, 5]
    """
    found = np.zeros(len(sizes) + 1, np.intp)  # type: ignore[arg-type]
    np.cumsum(sizes, out=found[1:])
    return found


@dataclass(frozen=True, slots=True, eq=False)
class Ragged(Sequence[Any]):
    """Arrays of one axis, of which some may not be there (they are None, and take no room).

    Array i is ``flat[edges[i]:edges[i + 1]]``; ``there`` tells which are there (None: all). The
    arrays are read-only.

    >>> several = Ragged.of([np.array([1, 2]), None, np.array([3])])
    >>> several.flat.tolist(), several.sizes.tolist(), [each is None for each in several]
    ([1, 2, 3], [2, 0, 1], [False, True, False])
    """

    flat: Array
    edges: NDArray[np.intp]
    there: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        self.flat.flags.writeable = False

    @classmethod
    def cut(cls, flat: Array, sizes: ArrayLike) -> Ragged:
        """An array cut into pieces of these sizes."""
        return cls(flat, edges_of(sizes))

    @classmethod
    def of(cls, arrays: Sequence[Array | None]) -> Ragged:
        """Arrays end to end; there is at least one."""
        there = np.array([each is not None for each in arrays])
        flat = [each for each in arrays if each is not None] or [np.empty(0)]
        sizes = [0 if each is None else len(each) for each in arrays]
        found = cls.cut(np.concatenate(flat), sizes)
        return found if there.all() else cls(found.flat, found.edges, there)

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """The arrays of all parts."""
        found = cls.cut(
            np.concatenate([each.flat for each in parts]),
            np.concatenate([each.sizes for each in parts]),
        )
        if all(each.there is None for each in parts):
            return found
        return cls(found.flat, found.edges, np.concatenate([each.known for each in parts]))

    def __len__(self) -> int:
        return len(self.edges) - 1

    def __getitem__(self, place: Any) -> Any:
        """One array, or None; of a slice without a step, a view of those in it."""
        if isinstance(place, slice):
            return self._part(*place.indices(len(self))[:2])
        if self.there is not None and not self.there[place]:
            return None
        return self.flat[self.edges[place] : self.edges[place + 1]]

    def __iter__(self) -> Iterator[Any]:
        edges = self.edges.tolist()
        pieces = (self.flat[start:end] for start, end in pairwise(edges))
        if self.there is None:
            return pieces
        return (each if here else None for each, here in zip(pieces, self.there, strict=True))

    @property
    def sizes(self) -> NDArray[np.intp]:
        return self.edges[1:] - self.edges[:-1]

    @property
    def known(self) -> NDArray[np.bool_]:
        """Which arrays are there."""
        return np.ones(len(self), np.bool_) if self.there is None else self.there

    def among(self, there: NDArray[np.bool_]) -> Ragged:
        """The same arrays at the places that are there; at the others is None."""
        sizes = np.zeros(len(there), np.intp)
        sizes[there] = self.sizes
        return Ragged(self.flat, edges_of(sizes), there)

    def _part(self, start: int, end: int) -> Ragged:
        edges = self.edges[start : end + 1]
        there = None if self.there is None else self.there[start:end]
        return Ragged(self.flat[edges[0] : edges[-1]], edges - edges[0], there)

    def chosen(self, wanted: NDArray[np.bool_]) -> Ragged:
        """Some of the arrays, all of which are there."""
        return Ragged.cut(self.flat[np.repeat(wanted, self.sizes)], self.sizes[wanted])

    def filled(self, empty: NDArray[np.bool_], others: Ragged) -> Ragged:
        """The same with others, one after the other, in the place of some that are empty."""
        sizes = self.sizes
        sizes[empty] = others.sizes
        cuts = [0, *self.edges[:-1][empty].tolist()]
        before = [self.flat[a:b] for a, b in pairwise(cuts)]
        flat = chain.from_iterable(zip(before, others, strict=True))
        return Ragged.cut(np.concatenate([*flat, self.flat[cuts[-1] :]]), sizes)

    def sums(self) -> Array:
        """The sum of each array, of integers."""
        found = np.zeros(len(self), np.int64)
        some = self.sizes > 0
        if some.any():
            found[some] = np.add.reduceat(self.flat, self.edges[:-1][some])
        return found

    def ascend(self) -> bool:
        """Whether each array ascends; between two of them anything goes."""
        rising = self.flat[1:] > self.flat[:-1]
        joints = self.edges[(self.edges > 0) & (self.edges < len(self.flat))] - 1
        rising[joints] = True
        return bool(rising.all())
