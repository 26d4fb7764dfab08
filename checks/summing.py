"""What the outcome profiles share: rows that stand for many, bins of scores, and sums of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from checks.grid import Cells, Counts, Floats
from checks.profile import PlanMismatch, frozen

CALIBRATION_BINS = 10
"""Equal bins of the score in which promises are compared with what came."""

LEAST_TRUTH = float(np.finfo(np.float64).eps)
"""A truth nearer to 0 counts as this in shares of it, as scikit-learn does it."""

_T = TypeVar("_T", Counts, Floats)


def rows_of(chosen: NDArray[np.bool_], counts: Counts | None) -> int:
    """How many rows are chosen, each of which stands for so many (None: one)."""
    return int(np.count_nonzero(chosen) if counts is None else counts[chosen].sum())


def calibration_bins(score: Floats) -> NDArray[np.int64]:
    """The bin of each score in [0, 1]."""
    return np.minimum((score * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def relative_errors(
    predicted: Floats, label: Floats
) -> tuple[Floats, Floats, Floats, NDArray[np.bool_]]:
    """Errors as shares: |e| / |y|, 2 |e| / (|y| + |p|), (ln(1 + p) - ln(1 + y))^2 of rows.

    The last is 0 where p or y is -1 or below, and last of all comes where it is not.

    >>> [each.tolist() for each in relative_errors(np.array([3.0, -1.0]), np.array([1.0, 1.0]))[:2]]
    [[2.0, 2.0], [1.0, 2.0]]
    """
    with np.errstate(over="ignore", invalid="ignore"):
        e, size = np.abs(predicted - label), np.abs(label)
        ape = e / np.maximum(size, LEAST_TRUTH)
        both = np.abs(predicted) + size
        sape = np.where(both > 0.0, 2.0 * e / np.where(both > 0.0, both, 1.0), 0.0)
        logged = np.minimum(predicted, label) > -1.0
        told, truth = (np.where(logged, side, 0.0) for side in (predicted, label))
        return ape, sape, np.square(np.log(1.0 + told) - np.log(1.0 + truth)), logged


def require_one_plan(parts: Sequence[Any]) -> None:
    """Refuse parts that were made under different plans."""
    first = parts[0].plan
    for other in parts:
        if other.plan is not first and other.plan != first:
            raise PlanMismatch(f"cannot add outcomes of {other.plan} to those of {first}")


def add_by_cell(cells: Sequence[Cells], tables: Sequence[_T]) -> tuple[Cells, _T]:
    """All cells of the parts, which ascend in each, and the sums of their tables (cells first).

    >>> found, total = add_by_cell([np.array([1, 3]), np.array([3])], [np.ones(2), np.ones(1)])
    >>> found.tolist(), total.tolist()
    ([1, 3], [1.0, 2.0])
    """
    found = each_once(np.sort(np.concatenate(cells)))
    total = np.zeros((len(found), *tables[0].shape[1:]), tables[0].dtype)
    for own, table in zip(cells, tables, strict=True):
        total[np.searchsorted(found, own)] += table
    return frozen(found.astype(np.int32)), frozen(total)


def each_once(ascending: NDArray[np.integer]) -> NDArray[np.integer]:
    """The distinct ones of ascending numbers."""
    starts = np.flatnonzero(ascending[1:] != ascending[:-1]) + 1
    return np.concatenate((ascending[:1], ascending[starts]))


def sums(parts: Sequence[Any]) -> dict[str, object]:
    """Of all fields that are numbers, the sum, and of those that are profiles, the profile."""
    found: dict[str, object] = {}
    for name in (each.name for each in fields(parts[0])):
        values = [getattr(each, name) for each in parts]
        if isinstance(values[0], int | float):
            found[name] = sum(values)
        elif hasattr(values[0], "merged"):
            found[name] = values[0].merged(values)
    return found
