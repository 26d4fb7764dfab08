from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.plan import BinaryPlan, RegressionPlan
from checks.profile import PlanMismatch

PLAN = BinaryPlan("yes", "no", 0.4)
CENTRED = RegressionPlan(10.0)

rows = st.lists(
    st.tuples(
        st.integers(0, 2),
        st.integers(0, 2),
        st.sampled_from([0.0, 0.25, 0.4, 0.5, 0.75, 1.0, 1.5, -1.0, np.nan, np.inf]),
    ),
    max_size=30,
)
errors = st.lists(
    st.tuples(
        st.sampled_from([0.0, 8.0, 10.5, 12.0, np.nan, np.inf]),
        st.sampled_from([0.0, 9.5, 10.0, 16.0, np.nan]),
    ),
    max_size=30,
)


def binary(some: list[tuple[int, int, float]]) -> BinaryOutcome:
    told, label, score = (np.array([row[i] for row in some]) for i in range(3))
    return BinaryOutcome.of(
        PLAN, told.astype(np.int64), label.astype(np.int64), score.astype(float), strange=len(some)
    )


def regression(some: list[tuple[float, float]]) -> RegressionOutcome:
    told, label = (np.array([row[i] for row in some], np.float64) for i in range(2))
    return RegressionOutcome.of(CENTRED, told, label)


def assert_same(one: object, other: object) -> None:
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(other, field.name)
        if isinstance(a, np.ndarray):
            assert a.dtype == b.dtype, field.name
            assert a.shape == b.shape, field.name
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12, err_msg=field.name)
        elif isinstance(a, int | float):
            assert a == pytest.approx(b, rel=1e-12, abs=1e-12), field.name
        elif is_dataclass(a):
            assert_same(a, b)
        else:
            assert a == b


@given(rows, rows)
def test_merged_binary_outcomes_are_the_outcome_of_all_rows(one, other):
    assert_same(binary(one).merge(binary(other)), binary(one + other))


@given(rows, rows, rows)
def test_merging_binary_outcomes_is_commutative_and_associative(one, two, three):
    a, b, c = binary(one), binary(two), binary(three)
    assert_same(a.merge(b), b.merge(a))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


@given(rows)
def test_the_empty_binary_outcome_is_neutral(one):
    assert_same(binary(one).merge(binary([])), binary(one))


@given(rows)
def test_the_order_of_binary_rows_does_not_matter(one):
    assert_same(binary(one), binary(one[::-1]))


@given(rows)
def test_every_binary_row_is_counted_once(one):
    outcome = binary(one)
    assert outcome.rows == len(one)
    assert outcome.table.sum() <= outcome.confusion.sum()
    assert (np.diff(outcome.cells) > 0).all()


@given(errors, errors)
def test_merged_regression_outcomes_are_the_outcome_of_all_rows(one, other):
    assert_same(regression(one).merge(regression(other)), regression(one + other))


@given(errors, errors, errors)
def test_merging_regression_outcomes_is_commutative_and_associative(one, two, three):
    a, b, c = regression(one), regression(two), regression(three)
    assert_same(a.merge(b), b.merge(a))
    assert_same(a.merge(b).merge(c), a.merge(b.merge(c)))


@given(errors)
def test_the_empty_regression_outcome_is_neutral(one):
    assert_same(regression(one).merge(regression([])), regression(one))


def test_outcomes_of_different_plans_do_not_add():
    other = BinaryOutcome.of(BinaryPlan("1", "0"), np.zeros(1, np.int64), np.zeros(1, np.int64))
    with pytest.raises(PlanMismatch):
        binary([]).merge(other)
    with pytest.raises(PlanMismatch):
        regression([]).merge(RegressionOutcome(RegressionPlan(11.0)))
