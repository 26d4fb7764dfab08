"""Outcomes of rankers, forecasters, sets of labels and clusters, at the edges of what can be."""

from __future__ import annotations

import numpy as np

from checks.outcome import ForecastOutcome
from checks.outcome_labels import MultilabelOutcome
from checks.outcome_ranking import RankingOutcome
from checks.plan import ForecastPlan, MultilabelPlan, MultivariatePlan, RankingPlan
from checks.sample import RowSample, ranks_of

CLUSTERS = MultivariatePlan(
    ("a", "b"),
    (0.0, 1.0),
    (1.0, 2.0),
    rows=300,
    categories=("k",),
    levels=(("0", "1", "-1"),),
    clusters=3,
    noise=3,
)


def ranking() -> dict[str, RankingOutcome]:
    rng = np.random.default_rng(30)
    plan, query = RankingPlan((1, 3, 10)), np.repeat(np.arange(60.0), 5)
    label = rng.integers(0, 3, 300).astype(float)
    label[::5] = 1.0
    score = label + rng.normal(size=300)
    holes = np.where(rng.random(300) < 0.02, np.nan, 1.0)
    return {
        "good": RankingOutcome.of(plan, query, score, label),
        "perfect": RankingOutcome.of(plan, query, label, label),
        "worst": RankingOutcome.of(plan, query, -label, label),
        "tied": RankingOutcome.of(plan, query, np.zeros(300), label),
        "one_query": RankingOutcome.of(plan, query[:5], score[:5], label[:5]),
        "irrelevant": RankingOutcome.of(plan, query, score, np.zeros(300)),
        "huge": RankingOutcome.of(plan, query, score * 1e300, label * 1e307),
        "negative": RankingOutcome.of(plan, query, score, -label - 1.0),
        "holes": RankingOutcome.of(plan, query, score, label * holes),
        "no_labels": RankingOutcome.of(plan, query, score, np.full(300, np.nan)),
        "no_scores": RankingOutcome.of(plan, query, np.full(300, np.inf), label),
        "no_queries": RankingOutcome.of(plan, np.full(300, np.nan), score, label),
        "empty": RankingOutcome.of(plan, *[np.empty(0)] * 3),
    }


def forecasting() -> dict[str, ForecastOutcome]:
    rng = np.random.default_rng(31)
    plan = ForecastPlan(50.0, horizons=("1", "7", "28"))
    horizon, truth = np.tile([0, 1, 2, 3], 100), rng.normal(50.0, 10.0, 400)
    told, nothing = truth + rng.normal(size=400) * (1 + horizon), np.full(400, np.nan)
    return {
        "good": ForecastOutcome.by(plan, told, truth, horizon),
        "perfect": ForecastOutcome.by(plan, truth, truth, horizon),
        "one_horizon": ForecastOutcome.by(plan, told, truth, np.ones(400, np.int64)),
        "others": ForecastOutcome.by(plan, told, truth, np.full(400, 3)),
        "one_row": ForecastOutcome.by(plan, told[:1], truth[:1], horizon[:1]),
        "huge": ForecastOutcome.by(plan, told * 1e300, truth * 1e300, horizon),
        "no_labels": ForecastOutcome.by(plan, told, nothing, horizon),
        "unpredicted": ForecastOutcome.by(plan, nothing, truth, horizon),
        "empty": ForecastOutcome.by(plan, np.empty(0), np.empty(0), np.empty(0, np.int64)),
    }


Sets = list[frozenset[str] | None]


def drawn_sets(rows: int, share: float, seed: int) -> Sets:
    table = np.random.default_rng(seed).random((rows, 3)) < share
    return [frozenset(label for label, has in zip("abc", row, strict=True) if has) for row in table]


def multilabel() -> dict[str, MultilabelOutcome]:
    plan, none = MultilabelPlan(("a", "b", "c")), [None] * 200
    true, other = drawn_sets(200, 0.4, 32), drawn_sets(200, 0.4, 33)
    told = [each if place % 4 else other[place] for place, each in enumerate(true)]
    empty: Sets = [frozenset()] * 200
    new: Sets = [frozenset("xy")] * 200
    return {
        "good": MultilabelOutcome.of_sets(plan, told, true),
        "perfect": MultilabelOutcome.of_sets(plan, true, true),
        "unlike": MultilabelOutcome.of_sets(plan, other, true),
        "nothing_told": MultilabelOutcome.of_sets(plan, empty, true),
        "nothing_true": MultilabelOutcome.of_sets(plan, told, empty),
        "all_empty": MultilabelOutcome.of_sets(plan, empty, empty),
        "all": MultilabelOutcome.of_sets(plan, [frozenset("abc")] * 200, true),
        "new": MultilabelOutcome.of_sets(plan, new, new),
        "new_truth": MultilabelOutcome.of_sets(plan, told, new),
        "one_row": MultilabelOutcome.of_sets(plan, told[:1], true[:1]),
        "no_labels": MultilabelOutcome.of_sets(plan, told, none),
        "unpredicted": MultilabelOutcome.of_sets(plan, none, true),
        "empty": MultilabelOutcome.of_sets(plan, [], []),
    }


def clusters() -> dict[str, RowSample]:
    rng = np.random.default_rng(34)
    code = np.repeat([1, 2], 100)
    rows = rng.normal(size=(200, 2)) + code[:, None] * 4.0
    mixed = np.where(rng.random(200) < 0.2, 3, np.where(rng.random(200) < 0.1, 4, code))

    def sample(values: np.ndarray, codes: np.ndarray) -> RowSample:
        ranks = ranks_of(np.arange(len(codes), dtype=np.uint64))
        return RowSample.of(ranks, values, codes[:, None], CLUSTERS)

    return {
        "apart": sample(rows, code),
        "overlapping": sample(rng.normal(size=(200, 2)), code),
        "with_noise": sample(rows, mixed),
        "only_noise": sample(rows, np.full(200, 3)),
        "one_cluster": sample(rows, np.ones(200, np.int64)),
        "unknown": sample(rows, np.full(200, 4)),
        "points": sample(np.repeat([[0.0, 0.0], [5.0, 5.0]], 100, axis=0), code),
        "one_point": sample(np.zeros((200, 2)), code),
        "one_alone": sample(rows[:101], code[:101]),
        "missing": sample(np.full((200, 2), np.nan), code),
        "huge": sample(rows * 1e300, code),
        "two_rows": sample(rows[99:101], code[99:101]),
        "empty": sample(rows[:0], code[:0]),
    }
