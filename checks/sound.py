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
from checks.outcome_class_weights import WeightedAssignments, WeightedScores
from checks.outcome_classes import MulticlassOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranking import MEASURES, RankingOutcome
from checks.outcome_scores import MOST_RANKS, STRIDE, ClassScores
from checks.outcome_weights import MOMENTS, POWERS, RELATIVE, WeightedClasses, WeightedErrors
from checks.plan import (
    MOST_CLASSES,
    MulticlassPlan,
    MultilabelPlan,
    MultivariatePlan,
    NumericPlan,
    RankingPlan,
)
from checks.profile import CategoricalProfile
from checks.ragged import Ragged
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
        WeightedAssignments: _sound_assignments,
        WeightedScores: _sound_weighted_scores,
    }
    return kind not in looks or all(map(looks[kind], records))


def _sound_plan(plan: NumericPlan) -> bool:
    return (
        plan.shift <= grid.MANTISSA_BITS
        and all(map(isfinite, (plan.centre, *plan.atoms, *plan.edges)))
        and all(low < high for low, high in pairwise(plan.edges))
    )


# Below, many profiles are looked at together: one long array costs what one short one does.


def sound_profiles(found: Mapping[str, Any]) -> bool:
    """Whether numeric profiles, of which these are the fields, could have come from rows."""
    values, counts, plans = found["exact"], found["exact_counts"], found["plan"]
    different = {id(plan): plan for plan in plans}
    places = dict(zip(different, range(len(different)), strict=True))
    limits = np.array([(*plan.span(), len(plan.atoms)) for plan in different.values()])
    low, high, atoms = limits[[places[id(plan)] for plan in plans]].T
    return (
        bool((values.known == counts.known).all())
        and sound_values(values, counts)
        and _sound_cells(found["cells"], found["counts"], low, high)
        and bool((found["atom_counts"].sizes == atoms).all())
        and _sound_sums(found)
    )


def sound_values(values: Ragged, counts: Ragged) -> bool:
    """Whether the distinct values of profiles are distinct, in order, counted and finite."""
    return (
        bool((values.edges == counts.edges).all())
        and bool((counts.flat > 0).all())
        and bool(np.isfinite(values.flat).all())
        and values.ascend()
    )


def _sound_cells(
    cells: Ragged, counts: Ragged, low: NDArray[np.integer], high: NDArray[np.integer]
) -> bool:
    """Whether cells are counted, ascend and are within those of their plans."""
    if not ((cells.edges == counts.edges).all() and (counts.flat > 0).all() and cells.ascend()):
        return False
    some = cells.sizes > 0
    first, last = cells.edges[:-1][some], cells.edges[1:][some] - 1
    return bool((cells.flat[first] >= low[some]).all() and (cells.flat[last] <= high[some]).all())


def _sound_sums(found: Mapping[str, Any]) -> bool:
    sizes, exact = found["counts"].sums(), found["exact_counts"].sums()
    lows, highs = np.array(found["minimum"]), np.array(found["maximum"])
    fine = np.isfinite(lows) & np.isfinite(highs) & (lows <= highs)
    return bool(((exact == sizes) | ~found["exact"].known).all() and (fine | (sizes == 0)).all())


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
        and (outcome.weighted is None or outcome.weighted.confusion.shape[1] == other + 1)
    )


def _sound_weighted_errors(weighted: WeightedErrors) -> bool:
    errors = ("e", "|e|", "e2", *RELATIVE)
    return (
        weighted.table.shape == (len(errors), len(POWERS))
        and weighted.moments.shape == (2, len(MOMENTS))
        and weighted.unlogged <= weighted.rows
    )


def _sound_weighted_classes(weighted: WeightedClasses) -> bool:
    return (
        weighted.confusion.shape == (2, 2, 2)
        and weighted.table.shape == (len(("log loss", "brier")), len(POWERS))
        and weighted.by_score.shape == (len(weighted.cells), 2, 2)
        and weighted.calibration.shape == (5, CALIBRATION_BINS)
        and _on_score_grid(weighted.cells)
        and weighted.scored <= weighted.rows
    )


def _sound_assignments(weighted: WeightedAssignments) -> bool:
    size = weighted.confusion.shape[-1]
    return (
        weighted.confusion.shape == (2, size, size)
        and weighted.calibration.shape == (5, CALIBRATION_BINS)
        and weighted.scored <= weighted.rows
    )


def _sound_weighted_scores(weighted: WeightedScores) -> bool:
    return (
        weighted.table.shape == (len(("log loss", "brier")), len(POWERS))
        and weighted.ranks.shape == (2, MOST_RANKS + 1)
        and weighted.by_score.shape == (len(weighted.cells), 2, 2)
        and _ascend(weighted.cells)
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
