from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.outcome_classes import MulticlassOutcome
from checks.plan import MulticlassPlan
from checks.profile import PlanMismatch
from tests.checks.test_outcome_profile import assert_same

PLAN = MulticlassPlan(("a", "b", "c"))
CLASSES = st.integers(-1, 6)
SCORES = st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.95, 1.0, 1.5, -1.0, np.nan, np.inf])
rows = st.lists(st.tuples(CLASSES, CLASSES, SCORES), max_size=30)


def several(some: list[tuple[int, int, float]], counts: list[int] | None = None):
    told, label = (np.array([row[i] for row in some], np.int64) for i in range(2))
    score = np.array([row[2] for row in some], np.float64)
    stands = None if counts is None else np.array(counts, np.int64)
    return MulticlassOutcome.of(PLAN, told, label, score, counts=stands)


@given(rows, rows)
def test_merged_outcomes_are_the_outcome_of_all_rows(one, other):
    assert_same(several(one).merge(several(other)), several(one + other))


@given(rows, rows, rows)
def test_merging_is_commutative_and_associative(one, two, three):
    a, b, c = several(one), several(two), several(three)
    assert_same(a.merge(b), b.merge(a))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


@given(rows)
def test_the_empty_outcome_is_neutral_and_the_order_of_rows_does_not_matter(one):
    assert_same(several(one).merge(several([])), several(one))
    assert_same(several(one), several(one[::-1]))


@given(st.lists(st.tuples(CLASSES, CLASSES, SCORES, st.integers(0, 4)), max_size=20))
def test_a_row_that_stands_for_many_counts_as_many(some):
    counts = [row[3] for row in some]
    each = [row[:3] for row in some for _ in range(row[3])]
    assert_same(several([row[:3] for row in some], counts), several(each))


@given(rows)
def test_every_row_is_counted_where_it_belongs(some):
    outcome = several(some)
    known = [(p, y) for p, y, _ in some if p >= 0 and y >= 0]
    assert outcome.rows == len(some)
    assert outcome.unpredicted == sum(p < 0 for p, _, _ in some)
    assert outcome.labelled == len(known)
    assert outcome.right == sum(p == y for p, y in known)
    assert outcome.strange == sum(y > 2 for _, y in known)
    assert outcome.valid + outcome.invalid + outcome.unscored == len(some)
    assert outcome.calibration[0].sum() == outcome.scored


def test_other_classes_share_a_place_but_are_right_one_by_one():
    told, truth = np.array([3, 3, 4, 4, 0]), np.array([3, 4, 4, 0, 9])
    outcome = MulticlassOutcome.of(PLAN, told, truth)
    assert outcome.square[3].tolist() == [1, 0, 0, 3]
    assert (outcome.right, outcome.agreed, outcome.strange) == (2, 2, 4)


def test_scores_are_compared_with_how_often_they_were_right():
    told, truth = np.array([0, 0, 1, 2, 2, 2]), np.array([0, 1, 1, 2, 2, -1])
    score = np.array([0.91, 0.95, 0.55, 1.0, 97.0, 0.5])
    outcome = MulticlassOutcome.of(PLAN, told, truth, score)
    bins, sums, right = outcome.calibration[:, [5, 9]].tolist()
    assert (bins, right) == ([1.0, 3.0], [1.0, 2.0])
    assert sums == pytest.approx([0.55, 2.86])
    assert (outcome.scored, outcome.valid, outcome.invalid, outcome.unscored) == (4, 5, 1, 0)


def test_without_a_column_of_scores_none_is_missing():
    outcome = MulticlassOutcome.of(PLAN, np.zeros(3, np.int64), np.zeros(3, np.int64))
    assert (outcome.unscored, outcome.valid, outcome.scored) == (0, 0, 0)


def test_outcomes_of_different_classes_do_not_add():
    other = MulticlassOutcome.of(MulticlassPlan(("a", "c", "b")), *[np.zeros(1, np.int64)] * 2)
    with pytest.raises(PlanMismatch):
        several([]).merge(other)
