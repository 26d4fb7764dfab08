"""Performance of a ranker: what the first places of each query hold."""

from __future__ import annotations

from functools import partial

from checks.check import NotEnoughData, Stat, check
from checks.intervals import mean_share_of
from checks.labelled import enough
from checks.outcome_ranking import MEASURES, MOST_ROWS, RankingOutcome

FEWEST_QUERIES = 30
"""Queries from which a mean over them is close to normal."""


_metric = partial(
    check, RankingOutcome, direction="below", slack=(0.05, 0.15), unit="ratio", cause="performance"
)


@_metric()
def ndcg(reference: RankingOutcome, current: RankingOutcome, *, k: int = 0) -> Stat:
    """How near the first k places come to the best order: normalised discounted cumulative gain.

    k = 0 stands for the deepest of the model's ``cutoffs``, of which k must be one. The gain of an
    item is its relevance as logged, 0 for one that is not relevant. Items of one score share their
    gain, as in scikit-learn. Queries without a relevant item are left out (scikit-learn counts 0
    for them). The interval is that of a mean over queries (Student, 1908), from 30 queries on.

    Formula: DCG / DCG of the best order, DCG = Σ_{i<=k} gain_i / log2(i + 1).
    Source: Järvelin and Kekäläinen 2002 (ACM TOIS 20); McSherry and Najork 2008.

    >>> import numpy as np
    >>> from checks.plan import RankingPlan
    >>> query, label = np.repeat(np.arange(60.0), 2), np.tile([0.0, 1.0], 60)
    >>> outcome = RankingOutcome.of(RankingPlan((1, 2)), query, np.tile([2.0, 1.0], 60), label)
    >>> round(ndcg.compute(outcome, outcome, k=2).value, 6)
    0.63093
    """
    return _mean("ndcg", k, reference, current)


@_metric(default=False)
def query_precision(reference: RankingOutcome, current: RankingOutcome, *, k: int = 0) -> Stat:
    """Share of the first k places that hold a relevant item, also where a query has fewer items.

    k = 0 stands for the deepest of the model's ``cutoffs``, of which k must be one. Items of one
    score stand in random order, and the value is what is to be expected of that. The interval is
    that of a mean over queries (Student, 1908), from 30 queries on.

    Formula: relevant items in the first k places / k, mean over queries with a relevant item.
    Source: McSherry and Najork 2008 (ECIR 30).

    >>> import numpy as np
    >>> from checks.plan import RankingPlan
    >>> query, label = np.repeat(np.arange(60.0), 2), np.tile([0.0, 1.0], 60)
    >>> outcome = RankingOutcome.of(RankingPlan((1, 2)), query, np.tile([2.0, 1.0], 60), label)
    >>> query_precision.compute(outcome, outcome, k=2).value
    0.5
    """
    return _mean("precision", k, reference, current)


@_metric(default=False)
def query_recall(reference: RankingOutcome, current: RankingOutcome, *, k: int = 0) -> Stat:
    """Share of the relevant items of a query that stand in its first k places.

    k = 0 stands for the deepest of the model's ``cutoffs``, of which k must be one. Items of one
    score stand in random order, and the value is what is to be expected of that. The interval is
    that of a mean over queries (Student, 1908), from 30 queries on.

    Formula: relevant items in the first k places / relevant items, mean over queries that have any.
    Source: McSherry and Najork 2008 (ECIR 30).

    >>> import numpy as np
    >>> from checks.plan import RankingPlan
    >>> query, label = np.repeat(np.arange(60.0), 2), np.tile([0.0, 1.0], 60)
    >>> outcome = RankingOutcome.of(RankingPlan((1, 2)), query, np.tile([2.0, 1.0], 60), label)
    >>> [query_recall.compute(outcome, outcome, k=k).value for k in (1, 2)]
    [0.0, 1.0]
    """
    return _mean("recall", k, reference, current)


@_metric(default=False)
def hit_rate(reference: RankingOutcome, current: RankingOutcome, *, k: int = 0) -> Stat:
    """Share of queries with a relevant item in the first k places, of those that have one at all.

    k = 0 stands for the deepest of the model's ``cutoffs``, of which k must be one. Items of one
    score stand in random order, and the value is what is to be expected of that. The interval is
    that of a mean over queries (Student, 1908), from 30 queries on.

    Source: McSherry and Najork 2008 (ECIR 30).

    >>> import numpy as np
    >>> from checks.plan import RankingPlan
    >>> query, label = np.repeat(np.arange(60.0), 2), np.tile([0.0, 1.0], 60)
    >>> outcome = RankingOutcome.of(RankingPlan((1, 2)), query, np.tile([2.0, 1.0], 60), label)
    >>> [hit_rate.compute(outcome, outcome, k=k).value for k in (1, 2)]
    [0.0, 1.0]
    """
    return _mean("hit_rate", k, reference, current)


@_metric(default=False)
def mean_average_precision(
    reference: RankingOutcome, current: RankingOutcome, *, k: int = 0
) -> Stat:
    """Mean over queries of the average precision at their relevant items (MAP), k places deep.

    k = 0 stands for the deepest of the model's ``cutoffs``, of which k must be one. Items of one
    score stand in random order, and the value is what is to be expected of that. Queries without a
    relevant item are left out. The interval is that of a mean over queries (Student, 1908), from 30
    queries on.

    Formula: AP = Σ_{i<=k} precision at i [item i is relevant] / min(relevant items, k).
    Source: McSherry and Najork 2008 (ECIR 30).

    >>> import numpy as np
    >>> from checks.plan import RankingPlan
    >>> query, label = np.repeat(np.arange(60.0), 2), np.tile([0.0, 1.0], 60)
    >>> outcome = RankingOutcome.of(RankingPlan((1, 2)), query, np.tile([2.0, 1.0], 60), label)
    >>> mean_average_precision.compute(outcome, outcome, k=2).value
    0.5
    """
    return _mean("average_precision", k, reference, current)


@_metric()
def reciprocal_rank(reference: RankingOutcome, current: RankingOutcome) -> Stat:
    """Mean over queries of 1 / place of the first relevant item (MRR), however far down it is.

    Items of one score stand in random order, and the value is what is to be expected of that.
    Queries without a relevant item are left out. The interval is that of a mean over queries
    (Student, 1908), from 30 queries on.

    Source: Voorhees 1999 (TREC-8); McSherry and Najork 2008.

    >>> import numpy as np
    >>> from checks.plan import RankingPlan
    >>> query, label = np.repeat(np.arange(60.0), 2), np.tile([0.0, 1.0], 60)
    >>> outcome = RankingOutcome.of(RankingPlan((1, 2)), query, np.tile([2.0, 1.0], 60), label)
    >>> reciprocal_rank.compute(outcome, outcome).value
    0.5
    """
    n = _queries(current)
    return _stat(current.reciprocal, current.reciprocal_squared, n, reference, current)


def _mean(measure: str, k: int, reference: RankingOutcome, current: RankingOutcome) -> Stat:
    """The mean of a measure at a cutoff over the queries."""
    cutoffs = current.plan.cutoffs
    k = k or max(cutoffs)
    if k not in cutoffs:
        told = ", ".join(map(str, cutoffs))
        raise NotEnoughData(f"places up to {k} are not kept, only {told}: see cutoffs", have=1)
    n = _queries(current)
    place = MEASURES.index(measure), cutoffs.index(k)
    total, squares = (float(sums[place]) for sums in (current.sums, current.squares))
    return _stat(total, squares, n, reference, current)


def _stat(
    total: float, squares: float, n: int, reference: RankingOutcome, current: RankingOutcome
) -> Stat:
    """A mean of values in [0, 1] with its interval, from 30 queries on."""
    where = _left_out(current)
    stat = mean_share_of(total, squares, n, n_reference=reference.queries, where=where)
    return enough(stat, n, FEWEST_QUERIES, "queries")


def _queries(current: RankingOutcome) -> int:
    """Queries that are measured, of which there are some."""
    if current.queries:
        return current.queries
    if not current.rows:
        reason = "no rows"
    elif current.unnamed == current.rows:
        reason = "no row names its query"
    elif current.unlabelled:
        reason = "no query has a label for each of its items yet"
    elif current.unscored:
        reason = "no query has a score for each of its items"
    elif current.irrelevant:
        reason = f"none of {current.irrelevant:,} queries has a relevant item"
    else:
        reason = f"a query has more than the {MOST_ROWS:,} rows that are kept"
    raise NotEnoughData(reason, 0, FEWEST_QUERIES, among=current.rows)


def _left_out(current: RankingOutcome) -> str:
    """Which queries and rows the number says nothing of."""
    parts = (
        (current.irrelevant, "queries without a relevant item"),
        (current.unlabelled, "queries with missing labels"),
        (current.unscored, "queries with missing scores"),
        (current.left_out, "rows of queries beyond those kept"),
        (current.unnamed, "rows without a query"),
    )
    told = [f"{count:,} {what}" for count, what in parts if count]
    return f"without {', '.join(told)}" if told else ""
