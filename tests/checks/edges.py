"""Profiles at the edges of what a log can hold, by type and name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from checks.joint import KINDS, FourierMeans, JointMoments, Multivariate
from checks.log import Anomaly, LogProfile
from checks.outcome import NEGATIVE, POSITIVE, UNKNOWN, BinaryOutcome, RegressionOutcome
from checks.outcome_classes import NOTHING, MulticlassOutcome
from checks.plan import (
    BinaryPlan,
    CategoricalPlan,
    MulticlassPlan,
    MultivariatePlan,
    NumericPlan,
    RegressionPlan,
)
from checks.profile import CategoricalProfile, NumericProfile
from checks.sample import RowSample, ranks_of

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
        )
        for name, each in values.items()
    }


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
        BinaryOutcome: {"binary": dict(binary())},
        RegressionOutcome: {"regression": dict(regression())},
        MulticlassOutcome: {"multiclass": dict(multiclass())},
        LogProfile: {"log": dict(log())},
        **{
            kind: {"together": {name: part.part(kind) for name, part in multivariate().items()}}
            for kind in KINDS
        },
    }
