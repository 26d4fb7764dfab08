"""Bins of the rows of two samples: each feature cut where the reference says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from checks.grid import Counts, Floats
from checks.sample import RowSample
from checks.text import figure

_LONGEST_NAME = 40


@dataclass(frozen=True, slots=True, eq=False)
class Binned:
    """One feature in bins: the bin of each row of the reference (``then``) and of now.

    ``names`` says in words which rows are in each bin. The first bin is that of missing values.
    """

    feature: str
    names: tuple[str, ...]
    then: Counts
    now: Counts

    def counts(self) -> tuple[Counts, Counts]:
        """Rows in each bin, in the reference and now."""
        many = len(self.names)
        return np.bincount(self.then, minlength=many), np.bincount(self.now, minlength=many)


def binned(reference: RowSample, current: RowSample, bins: int) -> Iterator[Binned]:
    """Every feature of two samples under one plan: numbers in quantile bins, levels by name.

    Numbers with at most ``bins`` different values in the reference have a bin for each. The most
    frequent levels have one of their own, all others share the last.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=9)
    >>> x, none = np.array([[1.0], [2.0], [3.0], [4.0]]), np.zeros((4, 0), np.int64)
    >>> rows = RowSample.of(np.arange(4) / 4.0, x, none, plan)
    >>> (one,) = binned(rows, rows, 2)
    >>> one.names, one.now.tolist()
    (('x missing', 'x < 2.5', 'x >= 2.5'), [1, 1, 2, 2])
    """
    for place, name in enumerate(reference.plan.columns):
        yield _numeric(name, reference.values[:, place], current.values[:, place], bins)
    for place, name in enumerate(reference.plan.categories):
        named = reference.plan.levels[place] if reference.plan.levels else ()
        yield _levels(name, named, reference.codes[:, place], current.codes[:, place])


def short(name: str) -> str:
    """A name that leaves room for others beside it."""
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _numeric(name: str, then: Floats, now: Floats, bins: int) -> Binned:
    known = then[np.isfinite(then)]
    edges = _edges(known, bins)
    label = short(name)
    names = [f"{label} missing", *_ranges(label, edges, np.unique(known))]
    return Binned(name, tuple(names), *(_places(side, edges) for side in (then, now)))


def _places(values: Floats, edges: Floats) -> Counts:
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="right") + 1)


def _edges(known: Floats, bins: int) -> Floats:
    """Ascending edges; a bin holds the values from its lower edge to below the upper one."""
    distinct = np.unique(known)
    if len(distinct) <= bins:
        return distinct[1:]
    quantiles = np.quantile(known, np.arange(1, bins) / bins)
    return np.unique(quantiles[(quantiles > distinct[0]) & np.isfinite(quantiles)])


def _ranges(label: str, edges: Floats, distinct: Floats) -> Iterator[str]:
    if not len(edges):
        yield f"{label} present"
        return
    if len(distinct) == len(edges) + 1:
        yield from (f"{label} = {figure(each)}" for each in distinct.tolist())
        return
    ends = [figure(each) for each in edges.tolist()]
    yield f"{label} < {ends[0]}"
    yield from (f"{low} <= {label} < {high}" for low, high in pairwise(ends))
    yield f"{label} >= {ends[-1]}"


def _levels(name: str, named: tuple[str, ...], then: Counts, now: Counts) -> Binned:
    label, last = short(name), len(named) + 1
    known = (f"{label} = {short(level)}" for level in named)
    names = (f"{label} missing", *known, f"{label} = another level")
    return Binned(name, names, np.minimum(then, last), np.minimum(now, last))
