"""What the outcome profiles share: rows that stand for many, bins of scores, and sums of parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.profile import PlanMismatch

CALIBRATION_BINS = 10
"""Equal bins of the score in which promises are compared with what came."""


def rows_of(chosen: NDArray[np.bool_], counts: Counts | None) -> int:
    """How many rows are chosen, each of which stands for so many (None: one)."""
    return int(np.count_nonzero(chosen) if counts is None else counts[chosen].sum())


def calibration_bins(score: Floats) -> NDArray[np.int64]:
    """The bin of each score in [0, 1]."""
    return np.minimum((score * CALIBRATION_BINS).astype(np.int64), CALIBRATION_BINS - 1)


def require_one_plan(parts: Sequence[Any]) -> None:
    """Refuse parts that were made under different plans."""
    first = parts[0].plan
    for other in parts:
        if other.plan is not first and other.plan != first:
            raise PlanMismatch(f"cannot add outcomes of {other.plan} to those of {first}")


def sums(parts: Sequence[Any]) -> dict[str, int | float]:
    """Of all fields that are numbers, the sum."""
    first = parts[0]
    names = [f.name for f in fields(first) if isinstance(getattr(first, f.name), int | float)]
    return {name: sum(getattr(each, name) for each in parts) for name in names}
