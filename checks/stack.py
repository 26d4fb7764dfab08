"""A stack: many numeric profiles field by field, so that thousands add up at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, pairwise
from typing import Any

import numpy as np

from checks.grid import Counts, Floats
from checks.ragged import Ragged, edges_of

Fields = tuple[Any, ...]
"""The fields of a numeric profile, in the order of their declaration."""

Run = tuple["Stack", slice]
"""Profiles of a stack that follow each other."""

ARRAYS = ("cells", "counts", "exact", "exact_counts", "atom_counts")
"""The fields that are arrays."""


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Numeric profiles: of each field, in the order of their declaration, its value in each.

    Those fields that are arrays are `Ragged`.
    """

    columns: Mapping[str, Sequence[Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, names: Sequence[str], profiles: Sequence[Fields]) -> Stack:
        """The fields of profiles, of which there is at least one, by their names."""
        told = zip(names, zip(*profiles, strict=True), strict=True)
        return cls({n: Ragged.of(each) if n in ARRAYS else each for n, each in told})

    def chosen(self, places: Sequence[int]) -> Run:
        """The profiles at some places, of which there is at least one, in this order."""
        runs = list(_runs(places))
        if len(runs) == 1:
            return self, runs[0]
        columns = {
            name: _joined([each[run] for run in runs]) for name, each in self.columns.items()
        }
        return Stack(columns), slice(0, len(places))

    def __len__(self) -> int:
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, place: int) -> Fields:
        """The fields of one profile."""
        return tuple(each[place] for each in self.columns.values())

    def __iter__(self) -> Iterator[Fields]:
        return zip(*self.columns.values(), strict=True)

    @classmethod
    def added(cls, parts: Sequence[Run]) -> list[Fields]:
        """The fields of the sum of each profile and those at its place in the other parts.

        Their plans are equal.
        """

        def of(name: str) -> list[Any]:
            return [stack.columns[name][run] for stack, run in parts]

        plans = of("plan")[0]
        cells, counts = _add_cells(of("cells"), of("counts"))
        most = [plan.exact for plan in plans]
        exact, exact_counts = _add_distinct(most, of("exact"), of("exact_counts"))
        atoms = of("atom_counts")
        found = {
            "plan": plans,
            "cells": cells,
            "counts": counts,
            "exact": exact,
            "exact_counts": exact_counts,
            "atom_counts": Ragged(np.sum([each.flat for each in atoms], 0), atoms[0].edges),
        }
        for name, add in _ADDED.items():
            found[name] = [*map(add, zip(*of(name), strict=True))]
        return list(zip(*(found[name] for name in parts[0][0].columns), strict=True))


def _joined(parts: Sequence[Any]) -> Sequence[Any]:
    return Ragged.joined(parts) if isinstance(parts[0], Ragged) else [*chain.from_iterable(parts)]


def _runs(places: Sequence[int]) -> Iterator[slice]:
    """The stretches of places that follow each other."""
    cuts = [i for i, (one, other) in enumerate(pairwise(places), 1) if other != one + 1]
    for a, b in pairwise([0, *cuts, len(places)]):
        yield slice(places[a], places[b - 1] + 1)


def _add_cells(cells: Sequence[Ragged], counts: Sequence[Ragged]) -> tuple[Ragged, Ragged]:
    """Counted in arrays from the lowest cell of each to the highest, which are near each other."""
    low, high = _extremes(cells)
    spans = edges_of(high - low)
    moved = spans[:-1] - low
    dense = np.zeros(spans[-1], np.int64)
    for one, numbers in zip(cells, counts, strict=True):
        np.add.at(dense, one.flat + np.repeat(moved, one.sizes), numbers.flat)
    found = np.flatnonzero(dense != 0)
    edges = np.searchsorted(found, spans)
    met = (found - np.repeat(moved, edges[1:] - edges[:-1])).astype(np.int32)
    return Ragged(met, edges), Ragged(dense[found], edges)


def _extremes(cells: Sequence[Ragged]) -> tuple[Counts, Counts]:
    """The lowest cell of each profile in any part, and the one after the highest."""
    edges = np.array([each.edges for each in cells])
    some = edges[:, 1:] > edges[:, :-1]
    top = np.iinfo(np.int64).max
    low, high = np.full(some.shape, top), np.full(some.shape, -top)
    for i, each in enumerate(cells):
        if len(each.flat):
            low[i] = each.flat.take(edges[i, :-1], mode="clip")
            high[i] = each.flat[edges[i, 1:] - 1]
    found = (np.where(some, low, top).min(0), np.where(some, high, -top).max(0))
    none = ~some.any(0)
    found[0][none], found[1][none] = 0, -1
    return found[0], found[1] + 1


def _add_distinct(
    most: Sequence[int], values: Sequence[Ragged], counts: Sequence[Ragged]
) -> tuple[list[Floats | None], list[Counts | None]]:
    """The distinct values of all parts, unless one has not kept them or they become too many."""
    kept = np.all([each.known for each in values], 0)
    pairs = [
        _sum_distinct(limit, [each[i] for each in values], [each[i] for each in counts])
        if kept[i]
        else (None, None)
        for i, limit in enumerate(most)
    ]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _sum_distinct(
    most: int, values: Sequence[Floats], counts: Sequence[Counts]
) -> tuple[Floats, Counts] | tuple[None, None]:
    flat = np.concatenate(values)
    if len(flat) > 2 * most and len(np.unique(flat[: 2 * most])) > most:
        return None, None
    distinct, place = np.unique(flat, return_inverse=True)
    if len(distinct) > most:
        return None, None
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, place, np.concatenate(counts))
    distinct.flags.writeable = total.flags.writeable = False
    return distinct, total


def union(families: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """All type families, each once."""
    return tuple(sorted({each for some in set(families) for each in some}))


_ADDED: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("total", "squares", "nulls", "nan", "above", "below", "unparsed"), sum),
    "minimum": min,
    "maximum": max,
    "integral": all,
    "found": union,
    "example": lambda texts: min(filter(None, texts), default=""),
}
"""How the fields that are no arrays add up."""
