from __future__ import annotations

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from checks.check import NotEnoughData, catalogue
from checks.outcome_ranking import MEASURES, QueryRows, RankingOutcome
from checks.plan import RankingPlan
from checks.profile import PlanMismatch
from tests.checks.test_outcome_profile import assert_same

PLAN = RankingPlan((1, 2, 5))
KEYS = st.sampled_from([0.1, 0.2, 0.3, 0.4, np.nan])
SCORES = st.sampled_from([0.0, 1.0, 2.0, 2.5, np.nan, np.inf])
LABELS = st.sampled_from([0.0, 0.0, 1.0, 3.0, np.nan, -1.0])
rows = st.lists(st.tuples(KEYS, SCORES, LABELS), max_size=25)
lists = st.lists(
    st.tuples(st.sampled_from([0.0, 1.0, 2.0]), st.sampled_from([0.0, 1.0, 4.0])),
    min_size=1,
    max_size=6,
)


def columns(some: list[tuple[float, ...]]) -> tuple[np.ndarray, ...]:
    return tuple(np.array([row[i] for row in some], np.float64) for i in range(3))


def of(some: list[tuple[float, ...]]) -> RankingOutcome:
    return RankingOutcome.of(PLAN, *columns(some))


def by_hand(relevant: list[bool], k: int) -> list[float]:
    """Precision, recall, hit rate and average precision of one order."""
    hits = [place for place, each in enumerate(relevant[:k], 1) if each]
    average = sum(sum(relevant[:place]) / place for place in hits) / min(sum(relevant), k)
    return [len(hits) / k, len(hits) / sum(relevant), float(bool(hits)), average]


@given(lists)
def test_ties_count_as_the_mean_of_all_their_orders(items):
    score, label = (np.array(side) for side in zip(*items, strict=True))
    outcome = RankingOutcome.of(PLAN, np.zeros(len(items)), score, label)
    if not label.any():
        assert (outcome.queries, outcome.irrelevant) == (0, 1)
        return
    orders = [o for o in permutations(range(len(items))) if (np.diff(score[list(o)]) <= 0).all()]
    shown = [[bool(label[place] > 0) for place in order] for order in orders]
    for at, k in enumerate(PLAN.cutoffs):
        mean = np.mean([by_hand(each, k) for each in shown], axis=0)
        assert outcome.sums[1:, at] == pytest.approx(mean, abs=1e-9)
    first = np.mean([1.0 / (each.index(True) + 1) for each in shown])
    assert outcome.reciprocal == pytest.approx(first, abs=1e-9)


@given(lists.filter(lambda items: len(items) > 1))
def test_ndcg_is_that_of_scikit_learn(items):
    score, label = (np.array(side) for side in zip(*items, strict=True))
    outcome = RankingOutcome.of(PLAN, np.zeros(len(items)), score, label)
    if label.any():
        theirs = [ndcg_score([label], [score], k=k) for k in PLAN.cutoffs]
        assert outcome.sums[0] == pytest.approx(theirs, abs=1e-12)


@given(rows)
def test_every_query_and_row_is_counted_where_it_belongs(some):
    outcome, queries = of(some), {}
    for key, score, label in some:
        if not np.isnan(key):
            queries.setdefault(key, []).append((np.isfinite(score), label >= 0, label > 0))
    waiting = [q for q in queries.values() if not all(known for _, known, _ in q)]
    whole = [q for q in queries.values() if q not in waiting]
    scored = [q for q in whole if all(good for good, _, _ in q)]
    assert outcome.rows == len(some)
    assert outcome.unnamed == sum(np.isnan(key) for key, _, _ in some)
    assert outcome.unlabelled == len(waiting)
    assert outcome.unscored == len(whole) - len(scored)
    assert outcome.queries == sum(any(hit for _, _, hit in q) for q in scored)
    assert outcome.irrelevant == len(scored) - outcome.queries


@given(rows, st.lists(st.integers(0, 25), max_size=4), st.randoms(), st.integers(1, 12))
def test_rows_give_one_outcome_in_any_order_and_any_batches(some, cuts, random, most):
    whole = QueryRows.of(PLAN, *columns(some), most=most).settled()
    random.shuffle(some)
    edges = [0, *sorted(min(cut, len(some)) for cut in cuts), len(some)]
    parts = [some[a:b] for a, b in pairwise(edges)]
    gathered = QueryRows.of(PLAN, *columns(parts[0]), most=most)
    for part in parts[1:]:
        gathered = gathered.merge(QueryRows.of(PLAN, *columns(part), most=most))
    assert_same(gathered.settled(), whole)
    assert whole.rows == len(some)


@given(rows)
def test_without_a_bound_in_reach_rows_are_the_queries_themselves(some):
    assert_same(QueryRows.of(PLAN, *columns(some)).settled(), of(some))


def test_beyond_the_bound_the_queries_of_the_lowest_numbers_are_kept_whole():
    query = np.repeat(np.linspace(0.1, 0.9, 9), 4)
    rows = query, np.tile([4.0, 3.0, 2.0, 1.0], 9), np.tile([1.0, 0.0, 0.0, 0.0], 9)
    outcome = QueryRows.of(PLAN, *rows, most=14).settled()
    assert (outcome.queries, outcome.left_out, outcome.rows) == (3, 24, 36)


@given(rows, rows)
def test_merged_outcomes_are_the_outcome_of_the_queries_of_both(one, other):
    apart = [(key + 10.0, *rest) for key, *rest in other]
    assert_same(of(one).merge(of(apart)), of(one + apart))


def test_outcomes_under_two_plans_do_not_add():
    with pytest.raises(PlanMismatch):
        of([]).merge(RankingOutcome.of(RankingPlan((7,)), *columns([])))


def ordinary(queries: int = 200) -> RankingOutcome:
    rng = np.random.default_rng(4)
    label = rng.integers(0, 2, 6 * queries).astype(float)
    label[::6] = 1.0
    score = label + rng.normal(size=6 * queries)
    return RankingOutcome.of(PLAN, np.repeat(np.arange(float(queries)), 6), score, label)


@pytest.mark.parametrize(
    ("name", "measure"),
    [
        ("ndcg", "ndcg"),
        ("query_precision", "precision"),
        ("query_recall", "recall"),
        ("hit_rate", "hit_rate"),
        ("mean_average_precision", "average_precision"),
    ],
)
def test_a_check_is_the_mean_over_queries_at_its_cutoff(name, measure):
    check, outcome = catalogue()[name], ordinary()
    for k in PLAN.cutoffs:
        stat = check.compute(outcome, outcome, k=k)
        place = MEASURES.index(measure), PLAN.cutoffs.index(k)
        assert stat.value == pytest.approx(outcome.sums[place] / 200)
        assert stat.low <= stat.value <= stat.high
    assert check.compute(outcome, outcome) == check.compute(outcome, outcome, k=5)


def test_a_cutoff_that_is_not_kept_is_said():
    with pytest.raises(NotEnoughData, match="up to 4 are not kept, only 1, 2, 5"):
        catalogue()["ndcg"].compute(ordinary(), ordinary(), k=4)


def test_few_queries_are_shown_and_not_judged():
    with pytest.raises(NotEnoughData, match="20 queries, 30 needed") as caught:
        catalogue()["reciprocal_rank"].compute(ordinary(), ordinary(20))
    assert caught.value.stat is not None


def test_the_interval_covers_the_mean_of_all_queries():
    rng, hits, check = np.random.default_rng(5), 0, catalogue()["ndcg"]
    label = rng.integers(0, 3, (20_000, 5)).astype(float)
    label[:, 0] = np.maximum(label[:, 0], 1.0)
    score = label + rng.normal(size=label.shape) * 2.0
    query = np.repeat(np.arange(20_000.0), 5)
    truth = RankingOutcome.of(PLAN, query, score.ravel(), label.ravel())
    mean = truth.sums[0, 2] / truth.queries
    for part in np.array_split(np.arange(20_000), 200):
        few = query[: 5 * len(part)]
        outcome = RankingOutcome.of(PLAN, few, score[part].ravel(), label[part].ravel())
        stat = check.compute(truth, outcome, k=5)
        hits += stat.low <= mean <= stat.high
    assert 180 <= hits <= 199
