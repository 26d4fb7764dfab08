"""Rows of a ranker: which of them answer one query, and how they are kept until all have come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from checks.grid import Counts, Floats
from checks.outcome import Outcome
from checks.outcome_ranking import QueryRows
from checks.plan import RankingPlan
from checks.sample import ranks_of
from monitor.sources._arrow import Bools, hashes
from monitor.sources._columns import NULL, TEXT, Numbers, Rows


def keys_of(array: pa.Array | pa.ChunkedArray) -> Numbers:
    """For each value a number in [0, 1) that stands for it, as good as drawn at random.

    It has 53 bits: of a million queries two share theirs once in some 20,000 logs.
    """
    found, known = hashes(array)
    return Numbers(ranks_of(found), np.where(known, np.uint8(TEXT), np.uint8(NULL)))


@dataclass(frozen=True, slots=True, eq=False)
class Ranked:
    """Rows of a ranker: the key of the query of each, its score and relevance; NaN where missing.

    Those of one query are gathered over all batches of a window (or of the granule that it is read
    in, whose edge parts a query in two).
    """

    plan: RankingPlan
    query: Floats
    score: Floats
    label: Floats

    @property
    def labelled(self) -> Bools:
        return np.isfinite(self.label) & (self.label >= 0.0)

    def seen(self, rows: Rows) -> tuple[Floats, Floats]:
        """An item alone has no loss; what the model said is its score."""
        score = self.score[rows]
        return np.full(len(score), np.nan), score

    def outcome(self, rows: Rows, counts: Counts | None = None) -> QueryRows:
        """These rows, which become an outcome when all have come; each stands for itself."""
        del counts
        return QueryRows.of(self.plan, self.query[rows], self.score[rows], self.label[rows])


def settled(outcome: Outcome | QueryRows | None) -> Outcome | None:
    """The outcome of rows of which no more will come."""
    return outcome.settled() if isinstance(outcome, QueryRows) else outcome
