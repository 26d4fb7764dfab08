"""Soundness: whether the parts of a record agree, asked of everything that was read from bytes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.outcome import CALIBRATION_BINS, BinaryOutcome
from checks.plan import NumericPlan
from checks.profile import CategoricalProfile, NumericProfile


def sound(record: object) -> bool:
    """Whether a plan, profile or outcome could have come from rows.

    >>> sound(NumericPlan()), sound(NumericPlan(centre=float("nan")))
    (True, False)
    """
    if isinstance(record, NumericPlan):
        return record.shift <= grid.MANTISSA_BITS and bool(
            np.isfinite((record.centre, *record.atoms)).all()
        )
    if isinstance(record, NumericProfile):
        return sound_values(record) and _sound_cells(record)
    if isinstance(record, CategoricalProfile):
        return record.counts.shape == (len(record.plan.levels),)
    if isinstance(record, BinaryOutcome):
        return _sound_outcome(record)
    return True


def sound_values(profile: NumericProfile) -> bool:
    """Whether the distinct values of a profile are distinct, in order, counted and finite."""
    values, counts = profile.exact, profile.exact_counts
    if values is None or counts is None:
        return values is None and counts is None
    return (
        values.ndim == 1
        and counts.shape == values.shape
        and bool(np.isfinite(values).all() and (counts > 0).all())
        and _ascend(values)
    )


def _sound_cells(profile: NumericProfile) -> bool:
    cells, counts = profile.cells, profile.counts
    if counts.shape != cells.shape or not _ascend(cells) or not (counts > 0).all():
        return False
    if len(cells) and max(-cells[0], cells[-1]) > grid.outermost(profile.plan.shift):
        return False
    if profile.atom_counts.shape != (len(profile.plan.atoms),):
        return False
    if profile.exact_counts is not None and profile.exact_counts.sum() != profile.n:
        return False
    ends = (profile.minimum, profile.maximum)
    return not profile.n or (bool(np.isfinite(ends).all()) and ends[0] <= ends[1])


def _sound_outcome(outcome: BinaryOutcome) -> bool:
    cells = outcome.cells
    return (
        outcome.table.shape == (len(cells), 2, 3)
        and outcome.confusion.shape == (2, 3)
        and outcome.calibration.shape == (3, CALIBRATION_BINS)
        and _ascend(cells)
        and (not len(cells) or (cells[0] >= 0 and cells[-1] <= grid.SCORE_TOP))
    )


def _ascend(values: NDArray[np.number]) -> bool:
    return bool((values[1:] > values[:-1]).all())
