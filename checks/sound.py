"""Soundness: whether the parts of a record agree, asked of everything that was read from bytes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import numpy as np
from numpy.typing import NDArray

from checks import grid
from checks.delays import EDGES, Delays
from checks.embedding import EmbeddingProfile
from checks.joint import FourierMeans, JointMoments
from checks.outcome import BinaryOutcome, ForecastOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranking import MEASURES, RankingOutcome
from checks.outcome_scores import MOST_RANKS, STRIDE, ClassScores
from checks.outcome_weights import POWERS, WeightedClasses, WeightedErrors
from checks.plan import (
    MOST_CLASSES,
    MulticlassPlan,
    MultilabelPlan,
    MultivariatePlan,
    NumericPlan,
    RankingPlan,
)
from checks.profile import CategoricalProfile
from checks.sample import RowSample
from checks.summing import CALIBRATION_BINS


def sound(kind: type, records: Sequence[Any]) -> bool:
    """Whether plans, profiles or outcomes of one kind could have come from rows.

    >>> sound(NumericPlan, [NumericPlan()]), sound(NumericPlan, [NumericPlan(float("nan"))])
    (True, False)
    """
    if kind is NumericPlan:
        return all(map(_sound_plan, records))
    if kind is CategoricalProfile:
        return all(each.counts.shape == (len(each.plan.levels),) for each in records)
    looks: Mapping[type, Callable[[Any], bool]] = {
        BinaryOutcome: _sound_outcome,
        MulticlassPlan: _sound_classes,
        MulticlassOutcome: _sound_confusion,
        RankingPlan: _sound_cutoffs,
        RankingOutcome: _sound_ranking,
        ForecastOutcome: _sound_horizons,
        MultilabelPlan: _sound_labels,
        MultilabelOutcome: _sound_sets,
        MultivariatePlan: _sound_together,
        JointMoments: _sound_moments,
        FourierMeans: _sound_means,
        RowSample: _sound_sample,
        Delays: _sound_delays,
        EmbeddingProfile: _sound_embedding,
        WeightedErrors: _sound_weighted_errors,
        WeightedClasses: _sound_weighted_classes,
        ClassScores: _sound_scores,
    }
    return kind not in looks or all(map(looks[kind], records))


def _sound_plan(plan: NumericPlan) -> bool:
    return (
        plan.shift <= grid.MANTISSA_BITS
        and all(map(isfinite, (plan.centre, *plan.atoms, *plan.edges)))
        and all(low < high for low, high in pairwise(plan.edges))
    )


# Below, many profiles are looked at together: one long array costs what one short one does.


def sound_profiles(found: Mapping[str, Sequence[Any]]) -> bool:
    """Whether numeric profiles, of which these are the fields, could have come from rows."""
    values, counts = found["exact"], found["exact_counts"]
    valued = [i for i, each in enumerate(values) if each is not None]
    return (
        valued == [i for i, each in enumerate(counts) if each is not None]
        and sound_values([values[i] for i in valued], [counts[i] for i in valued])
        and _sound_cells(found["plan"], found["cells"], found["counts"])
        and _sound_sums(found, valued)
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


def _sound_cells(plans: Sequence[Any], cells: Sequence[Any], counts: Sequence[Any]) -> bool:
    """Whether cells are counted, ascend and are all cells of their plans."""
    if [each.shape for each in cells] != [each.shape for each in counts]:
        return False
    sizes = np.array([*map(len, cells)], np.intp)
    some = sizes > 0
    if not some.any():
        return True
    flat, ends = np.concatenate(cells), np.cumsum(sizes)[some]
    known = {id(plan): plan for plan in plans}
    spans = {key: plan.span() for key, plan in known.items()}
    low, high = np.array([spans[id(plan)] for plan in plans])[some].T
    return (
        bool((np.concatenate(counts) > 0).all())
        and _each_ascends(flat, cells)
        and bool((flat[ends - sizes[some]] >= low).all() and (flat[ends - 1] <= high).all())
    )


def _sound_sums(found: Mapping[str, Sequence[Any]], valued: Sequence[int]) -> bool:
    sizes = _sums(found["counts"])
    exact = _sums([found["exact_counts"][i] for i in valued])
    lows, highs = np.array(found["minimum"]), np.array(found["maximum"])
    fine = np.isfinite(lows) & np.isfinite(highs) & (lows <= highs)
    shapes = [each.shape for each in found["atom_counts"]]
    return (
        shapes == [(len(plan.atoms),) for plan in found["plan"]]
        and bool((exact == sizes[list(valued)]).all())
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
        and _on_score_grid(cells)
    )


def _on_score_grid(cells: NDArray[np.integer]) -> bool:
    return _ascend(cells) and (not len(cells) or bool(0 <= cells[0] <= cells[-1] <= grid.SCORE_TOP))


def _sound_classes(plan: MulticlassPlan) -> bool:
    return len(set(plan.classes)) == len(plan.classes) <= MOST_CLASSES


def _sound_confusion(outcome: MulticlassOutcome) -> bool:
    other = len(outcome.plan.classes)
    return (
        outcome.confusion.shape == (other + 1, other + 2)
        and outcome.calibration.shape == (3, CALIBRATION_BINS)
        and outcome.table.shape == (len(outcome.cells), 3)
        and _on_score_grid(outcome.cells)
        and outcome.agreed <= int(outcome.confusion[other, other])
        and outcome.scored <= min(outcome.valid, outcome.labelled)
    )


def _sound_weighted_errors(weighted: WeightedErrors) -> bool:
    return weighted.table.shape == (len(("e", "|e|", "e2")), len(POWERS))


def _sound_weighted_classes(weighted: WeightedClasses) -> bool:
    return (
        weighted.confusion.shape == (2, 2, 2)
        and weighted.table.shape == (len(("log loss", "brier")), len(POWERS))
        and weighted.by_score.shape == (len(weighted.cells), 2, 2)
        and _on_score_grid(weighted.cells)
        and weighted.scored <= weighted.rows
    )


def _sound_scores(scores: ClassScores) -> bool:
    cells = scores.cells
    return (
        len(set(scores.classes)) == len(scores.classes)
        and scores.ranks.shape == (MOST_RANKS + 1,)
        and int(scores.ranks.sum()) == scores.rows
        and scores.table.shape == (len(cells), 2)
        and _ascend(cells)
        and (not len(cells) or bool(0 <= cells[0] <= cells[-1] < STRIDE * len(scores.classes)))
    )


def _sound_cutoffs(plan: RankingPlan) -> bool:
    return len(plan.cutoffs) > 0 and min(plan.cutoffs) > 0


def _sound_horizons(outcome: ForecastOutcome) -> bool:
    return outcome.by_horizon.shape == (len(outcome.plan.horizons) + 1, 3)


def _sound_labels(plan: MultilabelPlan) -> bool:
    return len(set(plan.labels)) == len(plan.labels) <= MOST_CLASSES and bool(plan.separator)


def _sound_sets(outcome: MultilabelOutcome) -> bool:
    size = len(outcome.plan.labels)
    counts = (outcome.hits, outcome.told, outcome.true, outcome.said)
    return (
        all(each.shape == (size,) for each in counts)
        and outcome.products.shape == (3 * size * (3 * size + 1) // 2,)
        and bool((outcome.hits <= np.minimum(outcome.told, outcome.true)).all())
        and bool((outcome.true <= outcome.labelled).all())
        and max(outcome.labelled, outcome.unpredicted) <= outcome.rows
    )


def _sound_ranking(outcome: RankingOutcome) -> bool:
    sides = outcome.sums, outcome.squares
    return all(
        each.shape == (len(MEASURES), len(outcome.plan.cutoffs)) and bool(np.isfinite(each).all())
        for each in sides
    )


def _sound_together(plan: MultivariatePlan) -> bool:
    numbers = (*plan.centres, *plan.scales, plan.bandwidth)
    return (
        len(plan.columns) == len(plan.centres) == len(plan.scales)
        and len(plan.levels) in (0, len(plan.categories))
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


def _sound_embedding(profile: EmbeddingProfile) -> bool:
    return (
        profile.sums.ndim == 1
        and profile.cosines.ndim == 1
        and profile.cosines.shape == profile.sines.shape
        and bool(np.isfinite(profile.sums).all())
        and isfinite(profile.squares)
    )


def _sound_sample(sample: RowSample) -> bool:
    rows, plan = len(sample.ranks), sample.plan
    return (
        sample.ranks.shape == (rows,)
        and sample.values.shape == (rows, len(plan.columns))
        and sample.codes.shape == (rows, len(plan.categories))
        and sample.loss.shape == sample.score.shape == (rows,)
        and rows <= plan.rows
        and _ascend(sample.ranks)
        and bool(((sample.ranks >= 0.0) & (sample.ranks < 1.0)).all())
    )


def _sound_delays(delays: Delays) -> bool:
    dated = delays.labelled - delays.undated
    return (
        delays.ages.ndim == 2
        and len(delays.ages) == len(EDGES)
        and delays.kinds in (1, 2, 4)
        and dated == int(delays.ages.sum())
        and delays.labelled <= delays.rows
        and not np.isnan((delays.first, delays.last, delays.seen_at)).any()
    )


def _ascend(values: NDArray[np.number]) -> bool:
    return bool((values[1:] > values[:-1]).all())
