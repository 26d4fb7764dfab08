"""Several columns of the rows of a pass together, as far as a plan keeps anything of them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from checks.grid import Counts, Floats
from checks.joint import Multivariate
from checks.plan import CategoricalPlan, Plan
from checks.sample import ranks_of
from monitor.sources._arrow import hashes
from monitor.sources._columns import Column, Levels, Numbers, Rows
from monitor.sources._outcomes import Judged
from monitor.sources._zones import Micros

_OF_A_TIME = np.uint64(0xD1342543DE82EF95)
_OF_A_PLACE = np.uint64(0xA0761D6478BD642F)


def row_ranks(ids: pa.Array | None, times: Micros, start: int) -> Floats:
    """The rank in a sample of each row, told by its id and time.

    A row without an id is told by its time and its place in the pass, of which ``start`` is that of
    the first.
    """
    places = (np.arange(start, start + len(times)).astype(np.uint64) + np.uint64(1)) * _OF_A_PLACE
    names = places
    if ids is not None:
        found, known = hashes(ids)
        names = np.where(known, found, places)
    return ranks_of(names + times.view(np.uint64) * _OF_A_TIME)


def together(
    plan: Plan, columns: Mapping[str, Column], ranks: Floats, rows: Rows, found: Judged
) -> Multivariate | None:
    """What the plan keeps of some of the rows of its columns; None where it keeps nothing."""
    wanted = plan.multivariate
    if wanted is None:
        return None
    ranks = ranks[rows]
    values = np.empty((len(ranks), len(wanted.columns)))
    for place, name in enumerate(wanted.columns):
        column = columns[name]
        values[:, place] = column.at(rows).floats() if isinstance(column, Numbers) else np.nan
    codes = np.zeros((len(ranks), len(wanted.categories)), np.int64)
    for place, name in enumerate(wanted.categories):
        column, of = columns[name], plan.columns[name]
        if isinstance(column, Levels) and isinstance(of, CategoricalPlan):
            codes[:, place] = _codes(column.at(rows), of)
    seen = found.seen(rows) if wanted.rows else (None, None)
    return Multivariate.of(ranks, values, codes, wanted, *seen)


def _codes(column: Levels, plan: CategoricalPlan) -> Counts:
    """The number of each row's level: 0 none, then as the plan has them, one more for any other."""
    known = {level: number for number, level in enumerate(plan.levels, 1)}
    other = len(plan.levels) + 1
    numbers = np.array([*(known.get(text, other) for text in column.texts), 0], np.int64)
    return numbers[column.places]
