"""The outcome profile of a classifier of which a row may have any number of labels."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.plan import MultilabelPlan
from checks.profile import frozen
from checks.summing import require_one_plan, sums

_BLOCK = 1 << 12  # rows


class LabelSets(NamedTuple):
    """A set of labels for each row: label ``code[i]`` is in the set of row ``row[i]``, once.

    Codes are places among the plan's labels; larger numbers are other labels, each with its own.
    Of rows that are not ``known`` there is no set, which is not the empty set.
    """

    known: NDArray[np.bool_]
    row: NDArray[np.int64]
    code: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class MultilabelOutcome:
    """What is kept of a classifier with sets of labels, over rows whose truth is known.

    ``hits``, ``told`` and ``true`` count, for each label of the plan, the rows where it was rightly
    predicted, predicted, and true; ``products`` the rows that count for both of any two of these
    (3 labels in the order of hits, told, true: the upper triangle with its diagonal, by rows).
    ``exact`` counts rows with all labels right, ``jaccard`` sums |told ∩ true| / |told ∪ true| (1
    where both are empty), both with labels that are none of the plan's. ``said`` counts each label
    among all ``predicted`` rows, with or without a truth. ``strange`` counts labelled rows with a
    true label that is none of the plan's, ``unpredicted`` rows without a prediction.
    """

    plan: MultilabelPlan
    hits: Counts
    told: Counts
    true: Counts
    products: Counts
    said: Counts
    rows: int = 0
    unpredicted: int = 0
    labelled: int = 0
    exact: int = 0
    jaccard: float = 0.0
    jaccard_squared: float = 0.0
    strange: int = 0

    @classmethod
    def of(cls, plan: MultilabelPlan, told: LabelSets, true: LabelSets) -> MultilabelOutcome:
        """The profile of rows.

        >>> known = np.array([True, True])
        >>> told = LabelSets(known, np.array([0, 0, 1]), np.array([0, 1, 1]))
        >>> true = LabelSets(known, np.array([0, 1]), np.array([0, 1]))
        >>> outcome = MultilabelOutcome.of(MultilabelPlan(("a", "b")), told, true)
        >>> outcome.hits.tolist(), outcome.told.tolist(), outcome.exact, outcome.jaccard
        ([1, 1], [1, 2], 1, 1.5)
        """
        size, rows = len(plan.labels), len(told.known)
        both = told.known & true.known
        sides = [_pairs(each, both) for each in (told, true)]
        hits = np.intersect1d(_keys(sides[0]), _keys(sides[1]), assume_unique=True)
        shared = (hits // _MOST_CODES, hits % _MOST_CODES)
        marks = [_marked(each, size, rows)[both] for each in (shared, *sides)]
        table = np.concatenate(marks, axis=1)
        totals = table.sum(axis=0, dtype=np.int64)
        sizes = [np.bincount(row, minlength=rows)[both] for row, _ in (shared, *sides)]
        jaccard, exact = _agreement(*sizes)
        outside = np.unique(sides[1][0][sides[1][1] >= size])
        said = told.code[told.code < size]
        return cls(
            plan,
            hits=frozen(totals[:size]),
            told=frozen(totals[size : 2 * size]),
            true=frozen(totals[2 * size :]),
            products=frozen(_products(table)),
            said=frozen(np.bincount(said, minlength=size)),
            rows=rows,
            unpredicted=int(np.count_nonzero(~told.known)),
            labelled=int(np.count_nonzero(both)),
            exact=int(np.count_nonzero(exact)),
            jaccard=float(jaccard.sum()),
            jaccard_squared=float(np.square(jaccard).sum()),
            strange=len(outside),
        )

    @classmethod
    def of_sets(
        cls,
        plan: MultilabelPlan,
        told: Sequence[Set[str] | None],
        true: Sequence[Set[str] | None],
    ) -> MultilabelOutcome:
        """The profile of rows given by their sets of labels, None where there is no set.

        >>> plan = MultilabelPlan(("a", "b"))
        >>> MultilabelOutcome.of_sets(plan, [{"a"}, set(), {"c"}], [{"a", "c"}, set(), None]).exact
        1
        """
        known = {label: place for place, label in enumerate(plan.labels)}
        return cls.of(plan, *(_numbered(side, known) for side in (told, true)))

    @property
    def predicted(self) -> int:
        """Rows with a prediction."""
        return self.rows - self.unpredicted

    @property
    def crossed(self) -> Counts:
        """``products`` as a symmetric matrix."""
        width = 3 * len(self.plan.labels)
        matrix = np.zeros((width, width), np.int64)
        matrix[np.triu_indices(width)] = self.products
        return np.maximum(matrix, matrix.T)

    def merge(self, other: MultilabelOutcome) -> MultilabelOutcome:
        """The profile of both sets of rows."""
        return MultilabelOutcome.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[MultilabelOutcome]) -> MultilabelOutcome:
        """The profile of all rows of the parts, of which there is at least one."""
        require_one_plan(parts)
        names = ("hits", "told", "true", "products", "said")
        arrays = {n: frozen(np.sum([getattr(each, n) for each in parts], 0)) for n in names}
        return replace(parts[0], **arrays, **sums(parts))  # type: ignore[arg-type]


_MOST_CODES = 1 << 31

_Pairs = tuple[NDArray[np.int64], NDArray[np.int64]]


def _numbered(side: Sequence[Set[str] | None], known: dict[str, int]) -> LabelSets:
    pairs = [
        (row, known.setdefault(label, len(known)))
        for row, labels in enumerate(side)
        for label in sorted(labels or ())
    ]
    row, code = np.array(pairs, np.int64).reshape(-1, 2).T
    return LabelSets(np.array([labels is not None for labels in side], np.bool_), row, code)


def _pairs(sets: LabelSets, rows: NDArray[np.bool_]) -> _Pairs:
    """Row and code of the labels of some rows."""
    chosen = rows[sets.row]
    return sets.row[chosen], sets.code[chosen]


def _keys(pairs: _Pairs) -> NDArray[np.int64]:
    keys: NDArray[np.int64] = pairs[0] * _MOST_CODES + pairs[1]
    return keys


def _marked(pairs: _Pairs, size: int, rows: int) -> NDArray[np.int8]:
    """1 where a row has a label of the plan (rows x labels)."""
    table = np.zeros((rows, size), np.int8)
    known = pairs[1] < size
    table[pairs[0][known], pairs[1][known]] = 1
    return table


def _products(table: NDArray[np.int8]) -> Counts:
    """Rows that have both of two columns, of each pair of them."""
    width = table.shape[1]
    total = np.zeros((width, width))
    for start in range(0, len(table), _BLOCK):
        part = table[start : start + _BLOCK].astype(np.float64)
        total += part.T @ part
    return total[np.triu_indices(width)].astype(np.int64)


def _agreement(shared: Counts, told: Counts, true: Counts) -> tuple[Floats, NDArray[np.bool_]]:
    """The Jaccard index of each row's sets, and whether they are the same."""
    union = told + true - shared
    jaccard = np.where(union > 0, shared / np.maximum(union, 1), 1.0)
    return jaccard, shared == union
