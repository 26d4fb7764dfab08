"""The outcome profile of a ranker: sums over queries, and the rows of queries while they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from checks.grid import Floats
from checks.plan import RankingPlan
from checks.profile import frozen
from checks.summing import require_one_plan, sums

MEASURES = ("ndcg", "precision", "recall", "hit_rate", "average_precision")
"""What is measured of each query at each cutoff; their places are the rows of the sums."""

MOST_ROWS = 1 << 18
"""Rows of a window whose queries are kept until the last of them has come: some 6 MB."""

_MOST_PARTS = 64


@dataclass(frozen=True, slots=True, eq=False)
class RankingOutcome:
    """What is kept of a ranker: sums over queries, each of which counts once.

    ``sums[m, k]`` adds up measure m of `MEASURES` at cutoff k of the plan over the ``queries`` that
    are measured, ``squares`` its squares; ``reciprocal`` and its squares are those of the
    reciprocal rank of the first relevant item. An item is relevant if its label is above 0.

    A query is measured if each of its items has a label and a score and one of them is relevant.
    ``unlabelled`` counts queries that wait for a label, ``unscored`` those that lack a score
    besides, ``irrelevant`` complete ones without a relevant item, whose ideal order is any.
    ``rows`` counts all rows, ``unnamed`` those without a query, ``left_out`` those of queries that
    there was no room for.
    """

    plan: RankingPlan
    sums: Floats
    squares: Floats
    reciprocal: float = 0.0
    reciprocal_squared: float = 0.0
    queries: int = 0
    irrelevant: int = 0
    unlabelled: int = 0
    unscored: int = 0
    rows: int = 0
    unnamed: int = 0
    left_out: int = 0

    @classmethod
    def of(cls, plan: RankingPlan, query: Floats, score: Floats, label: Floats) -> RankingOutcome:
        """The profile of whole queries.

        Rows with the same number ``query`` are of one query (NaN: of none); the item of the highest
        ``score`` comes first. ``label`` is the relevance, from 0 on. A score or label that is not
        finite, or a label below 0, is missing.

        >>> query, score = np.array([1.0, 1.0, 2.0]), np.array([0.9, 0.5, 0.7])
        >>> outcome = RankingOutcome.of(RankingPlan((1,)), query, score, np.array([0.0, 1.0, 0.0]))
        >>> outcome.queries, outcome.irrelevant, outcome.sums[0].tolist(), outcome.reciprocal
        (1, 1, [0.0], 0.5)
        """
        named = ~np.isnan(query)
        distinct, place = np.unique(query[named], return_inverse=True)
        score, label = score[named], label[named]
        known = np.isfinite(label) & (label >= 0.0)
        waiting = _any(place, ~known, len(distinct))
        unscored = _any(place, ~np.isfinite(score), len(distinct)) & ~waiting
        relevant = _any(place, known & (label > 0.0), len(distinct))
        whole = ~waiting & ~unscored
        chosen = (whole & relevant)[place]
        measures, first = _measured(plan, place[chosen], score[chosen], label[chosen])
        return cls(
            plan,
            frozen(measures.sum(axis=2)),
            frozen(np.square(measures).sum(axis=2)),
            float(first.sum()),
            float(np.square(first).sum()),
            queries=len(first),
            irrelevant=int(np.count_nonzero(whole & ~relevant)),
            unlabelled=int(np.count_nonzero(waiting)),
            unscored=int(np.count_nonzero(unscored)),
            rows=len(query),
            unnamed=int(np.count_nonzero(~named)),
        )

    def merge(self, other: RankingOutcome) -> RankingOutcome:
        """The profile of both sets of queries, which have none in common."""
        return RankingOutcome.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[RankingOutcome]) -> RankingOutcome:
        """The profile of all queries of the parts, of which there is at least one."""
        require_one_plan(parts)
        return replace(
            parts[0],
            sums=frozen(np.sum([each.sums for each in parts], 0)),
            squares=frozen(np.sum([each.squares for each in parts], 0)),
            **sums(parts),  # type: ignore[arg-type]
        )


@dataclass(frozen=True, slots=True, eq=False)
class QueryRows:
    """Rows of a ranker as they come, until all rows of a window have come.

    The rows of a query may be anywhere among those of the window. Past ``most`` rows the queries
    of the lowest numbers are kept, whole ones: numbers are as good as drawn at random, so these are
    a random sample, and the same one in whatever order the rows come. Rows of a query from
    ``limit`` on are counted as ``left_out``, those of no query as ``unnamed``.
    """

    plan: RankingPlan
    parts: tuple[tuple[Floats, Floats, Floats], ...]
    limit: float = np.inf
    left_out: int = 0
    unnamed: int = 0
    most: int = MOST_ROWS

    @classmethod
    def of(
        cls,
        plan: RankingPlan,
        query: Floats,
        score: Floats,
        label: Floats,
        *,
        most: int = MOST_ROWS,
    ) -> QueryRows:
        """These rows, as `RankingOutcome.of` takes them."""
        named = ~np.isnan(query)
        rows = query[named], score[named], label[named]
        return cls(plan, (rows,), unnamed=int(np.count_nonzero(~named)), most=most)

    def merge(self, other: QueryRows) -> QueryRows:
        """The rows of both."""
        both = replace(
            self,
            parts=(*self.parts, *other.parts),
            limit=min(self.limit, other.limit),
            left_out=self.left_out + other.left_out,
            unnamed=self.unnamed + other.unnamed,
        )
        rows = sum(len(query) for query, _, _ in both.parts)
        return both.joined() if rows > 2 * self.most or len(both.parts) > _MOST_PARTS else both

    def joined(self) -> QueryRows:
        """The same rows in one part, as many as there is room for."""
        query, score, label = (np.concatenate(column) for column in zip(*self.parts, strict=True))
        limit = self.limit
        known = np.sort(query[query < limit])
        if len(known) > self.most:
            limit = float(known[self.most])
        kept = query < limit
        left_out = self.left_out + int(np.count_nonzero(~kept))
        rows = query[kept], score[kept], label[kept]
        return replace(self, parts=(rows,), limit=limit, left_out=left_out)

    def settled(self) -> RankingOutcome:
        """The outcome, now that all rows have come."""
        joined = self.joined()
        outcome = RankingOutcome.of(self.plan, *joined.parts[0])
        rows = outcome.rows + joined.left_out + joined.unnamed
        return replace(outcome, rows=rows, unnamed=joined.unnamed, left_out=joined.left_out)


def _any(place: NDArray[np.intp], rows: NDArray[np.bool_], queries: int) -> NDArray[np.bool_]:
    """Which queries have any of these rows."""
    found: NDArray[np.bool_] = np.bincount(place[rows], minlength=queries) > 0
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """Items of complete queries, those of each from the highest score down.

    ``query`` numbers the queries from 0 on, ``rank`` the items of each from 1 on. Items of one
    score are tied: ``size`` and ``hits`` tell how many are tied with an item and how many of these
    are relevant, ``turn`` its place among them from 1 on, ``before`` the relevant items above all
    of them, and ``gain`` is the mean of their gains.
    """

    query: NDArray[np.intp]
    rank: Floats
    size: Floats
    hits: Floats
    turn: Floats
    before: Floats
    gain: Floats

    @classmethod
    def of(cls, query: NDArray[np.intp], score: Floats, gain: Floats) -> _Lists:
        rank = _turns(np.append(True, query[1:] != query[:-1])[: len(query)])
        fresh = np.append(True, (query[1:] != query[:-1]) | (score[1:] != score[:-1]))[: len(query)]
        tie = np.cumsum(fresh) - 1
        size, hits = np.bincount(tie), np.bincount(tie, gain > 0.0)
        above = np.cumsum(hits) - hits  # of all queries so far
        first = np.flatnonzero(fresh)[rank[fresh] == 1]
        opening = above[tie[first]]
        before = above[tie] - opening[query]
        mean = np.bincount(tie, gain) / np.maximum(size, 1)
        turn = _turns(fresh)
        return cls(query, rank, size[tie].astype(float), hits[tie], turn, before, mean[tie])

    @property
    def relevant(self) -> Floats:
        """The chance that the item in each place is relevant, ties in random order."""
        return self.hits / self.size

    def precisions(self) -> Floats:
        """Of each place, the expected precision up to it if its item is relevant, else 0."""
        tied = (self.turn - 1.0) * (self.hits - 1.0) / np.maximum(self.size - 1.0, 1.0)
        return self.relevant * (self.before + tied + 1.0) / self.rank

    def first_hits(self) -> Floats:
        """The chance of each place that the first relevant item stands there."""
        rest, others = self.size - self.turn, self.hits - 1.0
        possible = (self.before == 0.0) & (self.hits > 0.0) & (rest >= others)
        m, r = np.where(possible, rest, 0.0), np.where(possible, others, 0.0)
        size, hits = np.where(possible, self.size, 1.0), np.where(possible, self.hits, 1.0)
        chance = np.exp(_log_choose(m, r) - _log_choose(size, hits))
        return np.where(possible, chance, 0.0)


def _turns(fresh: NDArray[np.bool_]) -> Floats:
    """The place of each row in its run, from 1 on; ``fresh`` tells where runs begin."""
    starts = np.flatnonzero(fresh)
    turns: Floats = np.arange(1.0, len(fresh) + 1.0) - starts[np.cumsum(fresh) - 1]
    return turns


def _log_choose(n: Floats, k: Floats) -> Floats:
    from scipy.special import gammaln  # every reader of logs would load it else

    chosen: Floats = gammaln(n + 1.0) - gammaln(k + 1.0) - gammaln(n - k + 1.0)
    return chosen


def _measured(
    plan: RankingPlan, place: NDArray[np.intp], score: Floats, label: Floats
) -> tuple[Floats, Floats]:
    """Every measure at every cutoff of each query (measures x cutoffs x queries), and the
    reciprocal rank of each; all expected values, items of one score being in random order.

    Source: McSherry and Najork 2008 (ECIR 30).
    """
    _, query = np.unique(place, return_inverse=True)
    count = int(query.max(initial=-1)) + 1
    highest = np.zeros(count)
    np.maximum.at(highest, query, label)
    gain = label / highest[query]  # the largest gains must not overflow
    order = np.lexsort((-score, query))
    lists = _Lists.of(query[order], score[order], gain[order])
    ideal = gain[np.lexsort((-gain, query))]
    relevant = np.bincount(query, gain > 0.0, count)
    precisions, first = lists.precisions(), lists.first_hits()
    found = np.zeros((len(MEASURES), len(plan.cutoffs), count))
    for at, k in enumerate(plan.cutoffs):
        shown = (lists.rank <= k).astype(np.float64)
        discount = shown / np.log2(lists.rank + 1.0)

        def added(values: Floats, weight: Floats) -> Floats:
            return np.bincount(lists.query, values * weight, count).astype(np.float64)

        hits = added(lists.relevant, shown)
        found[:, at] = (
            added(lists.gain, discount) / added(ideal, discount),
            hits / k,
            hits / relevant,
            added(first, shown),
            added(precisions, shown) / np.minimum(relevant, k),
        )
    reciprocal = np.bincount(lists.query, first / lists.rank, count).astype(np.float64)
    return np.clip(found, 0.0, 1.0), reciprocal
