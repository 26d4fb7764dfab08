"""Soundness: whether the parts of a record agree, asked of everything that was read from bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.joint import FourierMeans, JointMoments
from checks.outcome import BinaryOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.plan import MOST_CLASSES, MulticlassPlan, MultivariatePlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile
from checks.sample import RowSample
from checks.summing import CALIBRATION_BINS


def sound(kind: type, records: Sequence[Any]) -> bool:
    """Whether plans, profiles or outcomes of one kind could have come from rows.

    >>> sound(NumericPlan, [NumericPlan()]), sound(NumericPlan, [NumericPlan(float("nan"))])
    (True, False)
    """
    if kind is NumericPlan:
        return all(map(_sound_plan, records))
    if kind is NumericProfile:
        return _sound_profiles(records)
    if kind is CategoricalProfile:
        return all(each.counts.shape == (len(each.plan.levels),) for each in records)
    looks: Mapping[type, Callable[[Any], bool]] = {
        BinaryOutcome: _sound_outcome,
        MulticlassPlan: _sound_classes,
        MulticlassOutcome: _sound_confusion,
        MultivariatePlan: _sound_together,
        JointMoments: _sound_moments,
        FourierMeans: _sound_means,
        RowSample: _sound_sample,
    }
    return kind not in looks or all(map(looks[kind], records))


def _sound_plan(plan: NumericPlan) -> bool:
    numbers = (plan.centre, *plan.atoms, *plan.edges)
    return (
        plan.shift <= grid.MANTISSA_BITS
        and bool(np.isfinite(numbers).all())
        and _ascend(np.array(plan.edges))
    )


# Below, many profiles are looked at together: one long array costs what one short one does.


def _sound_profiles(profiles: Sequence[NumericProfile]) -> bool:
    valued = [each for each in profiles if each.exact is not None]
    return (
        all((each.exact is None) is (each.exact_counts is None) for each in profiles)
        and sound_values([p.exact for p in valued], [p.exact_counts for p in valued])
        and _sound_cells(profiles)
        and _sound_sums(profiles)
    )


def sound_values(values: Sequence[Any], counts: Sequence[Any]) -> bool:
    """Whether the distinct values of profiles are distinct, in order, counted and finite."""
    if any(a.ndim != 1 or a.shape != b.shape for a, b in zip(values, counts, strict=True)):
        return False
    if not values:
        return True
    flat = np.concatenate(values)
    counted = bool((np.concatenate(counts) > 0).all())
    return counted and bool(np.isfinite(flat).all()) and _each_ascends(flat, values)


def _sound_cells(profiles: Sequence[NumericProfile]) -> bool:
    cells, counts = [each.cells for each in profiles], [each.counts for each in profiles]
    if any(a.shape != b.shape for a, b in zip(cells, counts, strict=True)):
        return False
    if not profiles:
        return True
    flat = np.concatenate(cells)
    counted = bool((np.concatenate(counts) > 0).all())
    inside = all(each.plan.holds(each.cells) for each in profiles)
    return counted and inside and _each_ascends(flat, cells)


def _sound_sums(profiles: Sequence[NumericProfile]) -> bool:
    sizes = _sums([each.counts for each in profiles])
    valued = [i for i, each in enumerate(profiles) if each.exact_counts is not None]
    exact = _sums([profiles[i].exact_counts for i in valued])
    lows = np.array([each.minimum for each in profiles])
    highs = np.array([each.maximum for each in profiles])
    fine = np.isfinite(lows) & np.isfinite(highs) & (lows <= highs)
    return (
        all(each.atom_counts.shape == (len(each.plan.atoms),) for each in profiles)
        and bool((exact == sizes[valued]).all())
        and bool((fine | (sizes == 0)).all())
    )


def _sums(arrays: Sequence[Any]) -> NDArray[np.int64]:
    """The sum of each array."""
    if not arrays:
        return np.empty(0, np.int64)
    total = np.concatenate(([0], np.cumsum(np.concatenate(arrays))))
    ends = np.cumsum([0, *map(len, arrays)])
    sums: NDArray[np.int64] = total[ends[1:]] - total[ends[:-1]]
    return sums


def _each_ascends(flat: NDArray[np.number], parts: Sequence[NDArray[np.number]]) -> bool:
    """Whether each part ascends; between two of them anything goes."""
    rising = flat[1:] > flat[:-1]
    joints = np.cumsum([len(part) for part in parts])
    joints = joints[(joints > 0) & (joints < len(flat))] - 1
    rising[joints] = True
    return bool(rising.all())


def _sound_outcome(outcome: BinaryOutcome) -> bool:
    cells = outcome.cells
    return (
        outcome.table.shape == (len(cells), 2, 3)
        and outcome.confusion.shape == (2, 3)
        and outcome.calibration.shape == (3, CALIBRATION_BINS)
        and _ascend(cells)
        and (not len(cells) or (cells[0] >= 0 and cells[-1] <= grid.SCORE_TOP))
    )


def _sound_classes(plan: MulticlassPlan) -> bool:
    return len(set(plan.classes)) == len(plan.classes) <= MOST_CLASSES


def _sound_confusion(outcome: MulticlassOutcome) -> bool:
    other = len(outcome.plan.classes)
    return (
        outcome.confusion.shape == (other + 1, other + 2)
        and outcome.calibration.shape == (3, CALIBRATION_BINS)
        and outcome.agreed <= int(outcome.confusion[other, other])
        and outcome.scored <= min(outcome.valid, outcome.labelled)
    )


def _sound_together(plan: MultivariatePlan) -> bool:
    numbers = (*plan.centres, *plan.scales, plan.bandwidth)
    return (
        len(plan.columns) == len(plan.centres) == len(plan.scales)
        and bool(np.isfinite(numbers).all())
        and min((*plan.scales, plan.bandwidth)) > 0.0
    )


def _sound_moments(moments: JointMoments) -> bool:
    width = len(moments.plan.columns)
    pairs = width * (width + 1) // 2
    return (
        moments.counts.shape == moments.products.shape == (pairs,)
        and moments.sums.shape == moments.squares.shape == (width, width)
        and bool((moments.counts <= moments.n).all())
    )


def _sound_means(means: FourierMeans) -> bool:
    return means.cosines.shape == means.sines.shape == (means.plan.waves,)


def _sound_sample(sample: RowSample) -> bool:
    rows, plan = len(sample.ranks), sample.plan
    return (
        sample.ranks.shape == (rows,)
        and sample.values.shape == (rows, len(plan.columns))
        and sample.codes.shape == (rows, len(plan.categories))
        and rows <= plan.rows
        and _ascend(sample.ranks)
        and bool(((sample.ranks >= 0.0) & (sample.ranks < 1.0)).all())
    )


def _ascend(values: NDArray[np.number]) -> bool:
    return bool((values[1:] > values[:-1]).all())
