"""Profiles at the edges of what a log can hold, by type and name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.grid import Counts, Floats
from checks.joint import KINDS, FourierMeans, JointMoments, Multivariate
from checks.log import Anomaly, LogProfile
from checks.outcome import (
    NEGATIVE,
    POSITIVE,
    UNKNOWN,
    BinaryOutcome,
    ForecastOutcome,
    RegressionOutcome,
)
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranges import RangeOutcome
from checks.outcome_ranking import RankingOutcome
from checks.outcome_scores import ClassScores
from checks.outcome_weights import WeightedErrors
from checks.plan import (
    BinaryPlan,
    CategoricalPlan,
    EmbeddingPlan,
    MulticlassPlan,
    MultivariatePlan,
    NumericPlan,
    RegressionPlan,
)
from checks.profile import CategoricalProfile, NumericProfile, frozen
from checks.sample import RowSample, ranks_of
from checks.strata import Strata
from tests.checks import tasks

RNG = np.random.default_rng(20)
NORMAL = RNG.normal(10.0, 2.0, 700)

VALUES: Mapping[str, np.ndarray] = {
    "normal": NORMAL,
    "normal_elsewhere": NORMAL + 100.0,
    "one_value": np.array([3.0]),
    "another_value": np.array([-7.5]),
    "constant": np.full(300, 10.0),
    "another_constant": np.full(300, 11.0),
    "nearly_constant": np.append(np.full(999, 10.0), 12.0),
    "two_levels": np.repeat([0.0, 1.0], 150),
    "ties": np.repeat(np.arange(5.0), 60),
    "zero_inflated": np.concatenate((np.zeros(400), RNG.exponential(3.0, 300))),
    "sentinel": np.concatenate((np.full(100, -999.0), NORMAL)),
    "outlier": np.append(NORMAL, 1e6),
    "far_offset": NORMAL + 1e15,
    "far_constant": np.full(300, 1e15),
    "minus_zero": np.repeat([0.0, -0.0], 100),
    "denormal": np.repeat([0.0, 5e-324, 1e-310], 100),
    "tiny": RNG.normal(size=300) * 1e-300,
    "huge": RNG.normal(size=300) * 1e300,
    "largest": np.repeat([-np.finfo(float).max, np.finfo(float).max], 100),
    "cauchy": RNG.standard_cauchy(500),
    "with_infinities": np.concatenate((NORMAL, [np.inf, -np.inf, np.nan])),
    "only_infinities": np.array([np.inf, -np.inf, np.inf]),
    "only_nan": np.full(10, np.nan),
    "empty": np.empty(0),
}

PLANS: Mapping[str, NumericPlan] = {
    "values": NumericPlan(10.0, atoms=(10.0, 0.0, -999.0)),
    "cells": NumericPlan(10.0, atoms=(10.0, 0.0, -999.0), exact=0),
    "segment": NumericPlan(10.0, shift=2, exact=0),
    "edges": NumericPlan(
        10.0,
        shift=2,
        atoms=(10.0,),
        exact=0,
        edges=(-999.0, 0.0, 5e-324, 8.0, 10.0, float(np.nextafter(10.0, 11.0)), 12.0),
    ),
}


def numeric(plan: NumericPlan) -> dict[str, NumericProfile]:
    profiles = {name: NumericProfile.of(values, plan) for name, values in VALUES.items()}
    return profiles | {
        "all_null": NumericProfile.of(np.empty(0), plan, nulls=200),
        "half_null": NumericProfile.of(NORMAL, plan, nulls=700),
        "text": NumericProfile.of(NORMAL, plan, unparsed=30, found=("number", "text"), example="x"),
        "absent": NumericProfile.of(np.empty(0), plan, found=("absent",)),
    }


LEVELS: Mapping[str, Mapping[str, int]] = {
    "even": {"a": 100, "b": 100, "c": 100},
    "uneven": {"a": 297, "b": 2, "c": 1},
    "vanished": {"a": 150, "b": 150},
    "one_row": {"c": 1},
    "one_level": {"a": 500},
    "unseen_too": {"a": 200, "z": 5, "y": 90},
    "only_unseen": {"x" * 300: 40, "\ud800": 60},
    "many_unseen": {f"new {i}": 1 for i in range(300)},
    "empty": {},
}


def categorical() -> dict[str, CategoricalProfile]:
    plan = CategoricalPlan(("a", "b", "c"))
    profiles = {name: CategoricalProfile.of(levels, plan) for name, levels in LEVELS.items()}
    return profiles | {
        "all_null": CategoricalProfile.of({}, plan, nulls=100),
        "half_null": CategoricalProfile.of(LEVELS["even"], plan, nulls=300),
        "absent": CategoricalProfile.of({}, plan, found=("absent",)),
    }


def many_levels() -> dict[str, CategoricalProfile]:
    """Profiles under a dictionary of a thousand levels that does not hold them all."""
    rng = np.random.default_rng(21)
    plan = CategoricalPlan(tuple(f"level {i}" for i in range(1000)), complete=False)
    counts = rng.multinomial(3000, np.full(1000, 0.001)), rng.multinomial(200, np.full(1000, 0.001))
    profiles = {
        name: CategoricalProfile.of(dict(zip(plan.levels, map(int, each), strict=True)), plan)
        for name, each in zip(("many", "few"), counts, strict=True)
    }
    return profiles | {"rare": replace(profiles["few"], other=30)}


def no_levels() -> dict[str, CategoricalProfile]:
    """Profiles under an empty dictionary: the reference had no value at all."""
    plan = CategoricalPlan()
    return {
        "empty": CategoricalProfile.of({}, plan),
        "unseen": CategoricalProfile.of({"a": 200}, plan),
    }


def binary() -> dict[str, BinaryOutcome]:
    rng = np.random.default_rng(22)
    plan = BinaryPlan("1", "0")
    score = rng.random(400)
    label = (rng.random(400) < score).astype(np.int64)
    told = (score > 0.5).astype(np.int64)
    unknown = np.full(400, UNKNOWN)
    none = np.empty(0, np.int64)
    return {
        "good": BinaryOutcome.of(plan, told, label, score),
        "inverted": BinaryOutcome.of(plan, 1 - told, label, 1 - score),
        "perfect": BinaryOutcome.of(plan, label, label, label.astype(float)),
        "constant_score": BinaryOutcome.of(plan, told, label, np.full(400, 0.5)),
        "certain_and_wrong": BinaryOutcome.of(plan, 1 - label, label, 1.0 - label),
        "one_row": BinaryOutcome.of(plan, told[:1], label[:1], score[:1]),
        "only_positives": BinaryOutcome.of(plan, told, np.full(400, POSITIVE), score),
        "never_told": BinaryOutcome.of(plan, np.full(400, NEGATIVE), label, score),
        "no_labels": BinaryOutcome.of(plan, told, unknown, score),
        "no_scores": BinaryOutcome.of(plan, told, label),
        "scores_alone": BinaryOutcome.of(plan, unknown, label, score),
        "percent": BinaryOutcome.of(plan, told, label, score * 100),
        "missing_scores": BinaryOutcome.of(plan, unknown, label, np.full(400, np.nan)),
        "strange_labels": BinaryOutcome.of(plan, told, unknown, score, strange=400),
        "empty": BinaryOutcome.of(plan, none, none, np.empty(0)),
    }


def multiclass() -> dict[str, MulticlassOutcome]:
    rng = np.random.default_rng(25)
    plan = MulticlassPlan(("a", "b", "c"))
    truth = rng.choice(3, 400, p=(0.6, 0.3, 0.1))
    told = np.where(rng.random(400) < 0.8, truth, rng.integers(0, 3, 400))
    score = rng.uniform(0.4, 1.0, 400)
    none, empty = np.full(400, NOTHING), np.empty(0, np.int64)
    return {
        "good": MulticlassOutcome.of(plan, told, truth, score),
        "wrong": MulticlassOutcome.of(plan, (truth + 1) % 3, truth, score),
        "perfect": MulticlassOutcome.of(plan, truth, truth, np.ones(400)),
        "certain_and_wrong": MulticlassOutcome.of(plan, (truth + 1) % 3, truth, np.ones(400)),
        "one_class_told": MulticlassOutcome.of(plan, np.zeros(400, np.int64), truth, score),
        "one_class_true": MulticlassOutcome.of(plan, told, np.zeros(400, np.int64), score),
        "one_class": MulticlassOutcome.of(plan, *[np.zeros(400, np.int64)] * 2, score),
        "one_row": MulticlassOutcome.of(plan, told[:1], truth[:1], score[:1]),
        "new_classes": MulticlassOutcome.of(plan, told + 3, truth + 3, score),
        "new_truths": MulticlassOutcome.of(plan, told, truth + 3, score),
        "no_labels": MulticlassOutcome.of(plan, told, none, score),
        "no_scores": MulticlassOutcome.of(plan, told, truth),
        "scores_alone": MulticlassOutcome.of(plan, none, truth, score),
        "percent": MulticlassOutcome.of(plan, told, truth, score * 100),
        "missing_scores": MulticlassOutcome.of(plan, told, truth, np.full(400, np.nan)),
        "empty": MulticlassOutcome.of(plan, empty, empty, np.empty(0)),
    }


def class_scores() -> dict[str, MulticlassOutcome]:
    """Outcomes with the scores of three classes, of which the truth may be another."""
    rng = np.random.default_rng(27)
    plan, classes = MulticlassPlan(("a", "b", "c")), ("a", "b", "c")
    scores = rng.dirichlet((1.0, 1.0, 1.0), 400)
    truth = np.array([rng.choice(3, p=each) for each in scores])
    none = np.full(400, NOTHING)
    sides = {
        "good": (scores, truth),
        "wrong": (scores[:, ::-1], truth),
        "perfect": (np.eye(3)[truth], truth),
        "certain_and_wrong": (np.eye(3)[(truth + 1) % 3], truth),
        "equal": (np.full((400, 3), 1 / 3), truth),
        "one_class_true": (scores, np.zeros(400, np.int64)),
        "two_classes_true": (scores, truth % 2),
        "one_row": (scores[:1], truth[:1]),
        "new_truths": (scores, truth + 3),
        "no_labels": (scores, none),
        "percent": (scores * 100, truth),
        "missing": (np.full((400, 3), np.nan), truth),
        "gaps": (np.where(rng.random((400, 3)) < 0.1, np.nan, scores), truth),
        "empty": (scores[:0], truth[:0]),
    }
    return {
        name: replace(
            MulticlassOutcome.of(plan, label % 3, label),
            scores=ClassScores.of(classes, each, label),
        )
        for name, (each, label) in sides.items()
    } | {"no_scores": MulticlassOutcome.of(plan, truth, truth)}


WEIGHTS: Mapping[str, np.ndarray] = {
    "even": np.full(400, 2.5),
    "uneven": np.repeat([1.0, 10.0, 0.0, 0.1], 100),
    "one_row": np.append(np.zeros(399), 3.0),
    "nothing": np.zeros(400),
    "unusable": np.repeat([-1.0, np.nan, np.inf, 1e200], 100),
    "large": np.full(400, 1e60),
    "tiny": np.full(400, 1e-150),
}


def weighted_binary() -> dict[str, BinaryOutcome]:
    """Outcomes of good, perfect and useless predictions of rows with weights."""
    rng = np.random.default_rng(28)
    plan = BinaryPlan("1", "0")
    score = rng.random(400)
    label = (rng.random(400) < score).astype(np.int64)
    told = {"": score, "perfect_": label.astype(float), "never_": score * 0.4}
    none, strange = np.empty(0), np.full(400, np.nan)
    found = {}
    for kind, each in told.items():
        rows = (each > 0.5).astype(np.int64), label, each
        whole = BinaryOutcome.of(plan, *rows)
        names = ("uneven",) if kind else WEIGHTS  # every pair is measured: few are enough
        found |= {kind + name: whole.weighed(WEIGHTS[name], *rows) for name in names}
    rows = (score > 0.5).astype(np.int64), label
    empty = np.empty(0, np.int64), np.empty(0, np.int64)
    return found | {
        "no_scores": BinaryOutcome.of(plan, *rows).weighed(WEIGHTS["uneven"], *rows),
        "missing_scores": BinaryOutcome.of(plan, *rows, strange).weighed(
            WEIGHTS["uneven"], *rows, strange
        ),
        "one_class": BinaryOutcome.of(plan, rows[0], np.ones(400, np.int64), score).weighed(
            WEIGHTS["uneven"], rows[0], np.ones(400, np.int64), score
        ),
        "empty": BinaryOutcome.of(plan, *empty, none).weighed(none, *empty, none),
    }


def weighted_multiclass() -> dict[str, MulticlassOutcome]:
    """Outcomes of good, perfect and useless predictions of rows with weights, and all scores."""
    rng = np.random.default_rng(30)
    plan = MulticlassPlan(("a", "b", "c"))
    scores = rng.dirichlet((3.0, 2.0, 1.0), 400)
    truth = np.array([rng.choice(3, p=each) for each in scores])
    right = np.eye(3)[truth]
    sides = {
        "": (scores.argmax(1), truth, scores),
        "perfect_": (truth, truth, right),
        "wrong_": ((truth + 1) % 3, truth, np.roll(right, 1, axis=1)),
        "never_": (np.zeros(400, np.int64), truth, scores),
        "one_class_": (np.zeros(400, np.int64), np.zeros(400, np.int64), scores),
        "new_truths_": (truth, truth + 3, scores),
        "new_classes_": (truth + 3, truth + 3, scores),
        "no_labels_": (truth, np.full(400, NOTHING), scores),
        "percent_": (truth, truth, scores * 100),
    }
    found = {}
    for kind, (told, label, each) in sides.items():
        rows = told, label, each.max(axis=1)
        for name in ("uneven",) if kind else WEIGHTS:
            weight = WEIGHTS[name]
            found[kind + name] = replace(
                MulticlassOutcome.of(plan, *rows).weighed(weight, *rows),
                scores=ClassScores.of(plan.classes, each, label, weight),
            )
    empty, none = np.empty(0, np.int64), np.empty(0)
    return found | {
        "no_scores": MulticlassOutcome.of(plan, truth, truth).weighed(
            WEIGHTS["uneven"], truth, truth
        ),
        "empty": MulticlassOutcome.of(plan, empty, empty, none).weighed(none, empty, empty, none),
    }


def weighted_regression() -> dict[str, RegressionOutcome]:
    """Outcomes of rows with weights and prediction intervals."""
    rng = np.random.default_rng(29)
    plan = RegressionPlan(50.0)
    truth = rng.normal(50.0, 10.0, 400)
    sides = {"": truth + rng.normal(size=400), "perfect_": truth, "huge_": truth * 1e300}
    ends = {
        "even": (truth - 1.0, truth + rng.exponential(2.0, 400) - 0.3),
        "uneven": (truth + 1.0, truth + 1.0),
        "one_row": (np.append(np.full(399, np.nan), 0.0), np.full(400, 60.0)),
        "nothing": (truth + 1.0, truth - 1.0),
        "unusable": (np.full(400, np.nan), np.full(400, np.inf)),
        "large": (np.full(400, -1e76), np.full(400, 1e76)),
        "tiny": (truth, truth),
    }
    found = {}
    for kind, told in sides.items():
        whole = RegressionOutcome.of(plan, told, truth)
        for name in ("uneven",) if kind else WEIGHTS:
            found[kind + name] = replace(
                whole,
                weighted=WeightedErrors.of(WEIGHTS[name], told, truth),
                ranges=RangeOutcome.of(*ends[name], truth),
            )
    none = np.empty(0)
    return found | {
        "empty": replace(
            RegressionOutcome.of(plan, none, none),
            weighted=WeightedErrors.of(none, none, none),
            ranges=RangeOutcome.of(none, none, none),
        )
    }


def regression() -> dict[str, RegressionOutcome]:
    rng = np.random.default_rng(23)
    plan = RegressionPlan(50.0)
    truth = rng.normal(50.0, 10.0, 400)
    told = truth + rng.normal(size=400)
    return {
        "good": RegressionOutcome.of(plan, told, truth),
        "bad": RegressionOutcome.of(plan, told[::-1], truth),
        "perfect": RegressionOutcome.of(plan, truth, truth),
        "constant_truth": RegressionOutcome.of(plan, told, np.full(400, 50.0)),
        "constant_both": RegressionOutcome.of(plan, np.full(400, 51.0), np.full(400, 50.0)),
        "one_row": RegressionOutcome.of(plan, told[:1], truth[:1]),
        "two_rows": RegressionOutcome.of(plan, told[:2], truth[:2]),
        "outlier": RegressionOutcome.of(plan, np.append(told, 1e9), np.append(truth, 0.0)),
        "huge": RegressionOutcome.of(plan, told * 1e300, truth * 1e300),
        "tiny": RegressionOutcome.of(RegressionPlan(), told * 1e-300, truth * 1e-300),
        "unpredicted": RegressionOutcome.of(plan, np.full(400, np.nan), truth),
        "infinite": RegressionOutcome.of(plan, np.full(400, np.inf), truth),
        "no_labels": RegressionOutcome.of(plan, told, np.full(400, np.nan)),
        "empty": RegressionOutcome.of(plan, np.empty(0), np.empty(0)),
    }


def log() -> dict[str, LogProfile]:
    anomalies = {"duplicate_ids": Anomaly(30, "id 7"), "future_rows": Anomaly(700, "2034-01-01")}
    usual = LogProfile.of_window(700, 0.0, 86_000.0, 86_400.0, labels=600, versions={"1": 700})
    strange = LogProfile.of_window(700, 0.0, 10.0, 86_400.0, anomalies=anomalies)
    return {
        "usual": usual,
        "month": LogProfile.merge(usual, usual).merge(usual).merge(usual),
        "strange": strange,
        "both": usual.merge(strange),
        "one_row": LogProfile.of_window(1, 5.0, 5.0, 86_400.0, span=86_400.0),
        "no_rows": LogProfile.of_window(0, np.inf, -np.inf, 86_400.0),
        "no_windows": LogProfile(),
    }


def strata() -> dict[str, Strata]:
    rows = {
        "even": ([300, 300, 0], [30.0, 60.0, 0.0]),
        "uneven": ([10, 400, 90], [1.0, 400.0, 0.0]),
        "perfect": ([300, 300, 5], [0.0, 0.0, 0.0]),
        "one_segment": ([0, 300, 0], [0.0, 30.0, 0.0]),
        "another_segment": ([300, 0, 0], [300.0, 0.0, 0.0]),
        "one_row": ([1, 0, 0], [1.0, 0.0, 0.0]),
        "huge": ([300, 300, 300], [1e200, 1e150, 1e-300]),
        "infinite": ([300, 300, 0], [np.inf, 1.0, 0.0]),
        "empty": ([0, 0, 0], [0.0, 0.0, 0.0]),
    }
    found = {}
    for name, (counts, loss) in rows.items():
        arrays = np.array(counts), np.array(loss), np.minimum(loss, 1e150) ** 2
        found[name] = Strata(("a", "b", "c"), *map(frozen, arrays))
    return found


TOGETHER = MultivariatePlan(
    ("a", "b", "c"),
    (0.0, 10.0, -1.0),
    (1.0, 2.0, 0.5),
    moments=True,
    waves=20,
    bandwidth=1.5,
    seed=7,
    rows=300,
    categories=("k",),
)


def multivariate() -> dict[str, Multivariate]:
    rng = np.random.default_rng(24)
    rows = rng.normal(size=(400, 3)) * TOGETHER.scales + TOGETHER.centres
    rows[:, 1] += rows[:, 0]
    gaps = np.where(rng.random((400, 3)) < 0.3, np.nan, rows)
    values = {
        "usual": rows,
        "other": rows[::-1] * 1.1,
        "gaps": gaps,
        "disjoint": np.where(np.eye(3)[rng.integers(0, 3, 400)] > 0, rows, np.nan),
        "equal": np.repeat(rows[:, :1], 3, axis=1),
        "constant": np.full((400, 3), 10.0),
        "far_constant": np.full((400, 3), 1e15),
        "huge": rows * 1e300,
        "infinite": np.where(rows > 0, np.inf, rows),
        "one_row": rows[:1],
        "four_rows": rows[:4],
        "missing": np.full((400, 3), np.nan),
        "empty": rows[:0],
    }
    return {
        name: Multivariate.of(
            ranks_of(np.arange(len(each), dtype=np.uint64)),
            each,
            np.arange(len(each))[:, None] % 4,
            TOGETHER,
            *_seen(name, len(each)),
        )
        for name, each in values.items()
    }


def _seen(name: str, rows: int) -> tuple[np.ndarray, np.ndarray] | tuple[None, None]:
    """Losses and scores of rows: most samples have none."""
    rng = np.random.default_rng(26)
    score = rng.random(rows)
    wrong = (rng.random(rows) < score).astype(np.float64)
    known: dict[str, tuple[np.ndarray, np.ndarray]] = {
        "usual": (wrong, score),
        "gaps": (np.where(score < 0.3, np.nan, wrong), np.full(rows, np.nan)),
        "huge": (score * 1e300, np.where(score > 0.5, np.inf, score)),
        "four_rows": (np.ones(rows), score),
        "one_row": (wrong, score),
    }
    return known.get(name, (None, None))


def delays() -> dict[str, Delays]:
    rng = np.random.default_rng(26)
    times = np.sort(rng.uniform(0.0, 86_400.0, 400))
    came = rng.choice(4, 400, p=(0.5, 0.1, 0.1, 0.3))
    arrived = times + rng.lognormal(10.0, 1.0, 400)
    told, day, none = np.ones(400, np.bool_), 86_400.0, np.empty(0)

    def seen(moment: float, arrived: Floats = arrived, came: Counts = came) -> Delays:
        known = np.isnan(arrived) | (arrived <= moment)
        return Delays.of(times, arrived, known, came, 4, moment)

    return {
        "all": seen(100 * day),
        "young": seen(1.5 * day),
        "just_now": seen(day),
        "slow": seen(100 * day, times + 5.0 * (arrived - times)),
        "early": seen(100 * day, times - 60.0),
        "undated": seen(100 * day, np.full(400, np.nan)),
        "no_labels": seen(-1.0),
        "all_right": seen(100 * day, came=np.zeros(400, np.int64)),
        "one_time": Delays.of(np.zeros(400), arrived, told, came, 4, 2.0 * day),
        "one_row": Delays.of(times[:1], arrived[:1], told[:1], came[:1], 4, 100 * day),
        "empty": Delays.of(none, none, none.astype(np.bool_), none.astype(np.int64), 4, day),
    }


def embeddings() -> dict[str, EmbeddingProfile]:
    rng = np.random.default_rng(27)
    plan = EmbeddingPlan((0.5, -0.5, 0.0, 2.0), waves=20, bandwidth=1.5, seed=3)
    rows = rng.normal(size=(400, 4)) + plan.centre
    values = {
        "usual": rows,
        "moved": rows + 1.0,
        "wider": rows * 5.0,
        "opposite": -rows,
        "constant": np.full((400, 4), 2.0),
        "at_the_centre": np.tile(plan.centre, (400, 1)),
        "nearly_constant": np.full((400, 4), 1e9) + rng.normal(size=(400, 4)) * 1e-6,
        "huge": rows * 1e30,
        "tiny": rows * 1e-300,
        "one_row": rows[:1],
        "two_rows": rows[:2],
        "empty": rows[:0],
    }
    return {name: EmbeddingProfile.of(each, plan) for name, each in values.items()}


def alone(part: JointMoments | FourierMeans | RowSample) -> Multivariate:
    """One thing that is kept of several columns, and nothing else."""
    return Multivariate(*[part if isinstance(part, kind) else None for kind in KINDS])


Profile = (
    NumericProfile
    | CategoricalProfile
    | BinaryOutcome
    | RegressionOutcome
    | MulticlassOutcome
    | LogProfile
    | JointMoments
    | FourierMeans
    | RowSample
    | RankingOutcome
    | MultilabelOutcome
    | Delays
    | EmbeddingProfile
    | Strata
)


def families() -> dict[type, dict[str, dict[str, Profile]]]:
    """By type and plan, profiles that may be measured against each other."""
    return {
        NumericProfile: {name: dict(numeric(plan)) for name, plan in PLANS.items()},
        CategoricalProfile: {
            "three": dict(categorical()),
            "thousand": dict(many_levels()),
            "none": dict(no_levels()),
        },
        BinaryOutcome: {"binary": dict(binary()), "weighted": dict(weighted_binary())},
        RegressionOutcome: {
            "regression": dict(regression()),
            "weighted": dict(weighted_regression()),
        },
        MulticlassOutcome: {
            "multiclass": dict(multiclass()),
            "scores": dict(class_scores()),
            "weighted": dict(weighted_multiclass()),
        },
        RankingOutcome: {"ranking": dict(tasks.ranking())},
        ForecastOutcome: {"forecasting": dict(tasks.forecasting())},
        MultilabelOutcome: {"multilabel": dict(tasks.multilabel())},
        LogProfile: {"log": dict(log())},
        Delays: {"delays": dict(delays())},
        EmbeddingProfile: {"embeddings": dict(embeddings())},
        Strata: {"strata": dict(strata())},
        **{
            kind: {"together": {name: part.part(kind) for name, part in multivariate().items()}}
            | ({"clusters": dict(tasks.clusters())} if kind is RowSample else {})
            for kind in KINDS
        },
    }
