from __future__ import annotations

import numpy as np
import pytest

from checks.check import Check, NotEnoughData
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import MOST_UNSEEN, CategoricalProfile, NumericProfile
from checks.variety import distinct_values, uniqueness
from checks.verdict import Verdict, default_limit, judge

LEVELS = CategoricalPlan(tuple(f"l{place}" for place in range(300)))
SHARES = np.arange(1.0, 301.0) ** -1.0 / (np.arange(1.0, 301.0) ** -1.0).sum()


def text(rows: int, seed: int, most: int = 300) -> CategoricalProfile:
    rng = np.random.default_rng(seed)
    drawn = np.bincount(rng.choice(300, rows, p=SHARES) % most, minlength=300)
    return CategoricalProfile.of(
        {f"l{place}": count for place, count in enumerate(drawn.tolist()) if count}, LEVELS
    )


def numbers(values: object, exact: int = 5000) -> NumericProfile:
    return NumericProfile.of(np.array(values, np.float64), NumericPlan(exact=exact))


def verdict(check: Check, then: object, now: object) -> Verdict:
    limit = default_limit(check, check.compute(then, then))
    return judge(check.compute(then, now), limit).verdict


def test_values_are_counted_as_numpy_counts_them() -> None:
    values = np.random.default_rng(1).integers(0, 60, 400)
    now = numbers(values)
    assert distinct_values.compute(now, now).value == len(np.unique(values))
    assert uniqueness.compute(now, now).value == len(np.unique(values)) / 400
    same = numbers([7.0] * 40)
    assert distinct_values.compute(same, same).value == 1.0
    assert uniqueness.compute(same, same).value == 1 / 40


@pytest.mark.parametrize("check", [distinct_values, uniqueness])
def test_a_window_of_fewer_rows_than_the_reference_is_green(check: Check) -> None:
    then = text(20_000, 0)
    for rows in (100, 500, 5000):
        found = [verdict(check, then, text(rows, seed)) for seed in range(1, 60)]
        assert np.mean([each is Verdict.OK for each in found]) > 0.97


def test_values_that_vanish_or_multiply_are_found() -> None:
    then = text(20_000, 0)
    assert verdict(distinct_values, then, text(500, 1, most=20)) is Verdict.CRITICAL
    few = numbers(np.arange(400) % 10)
    assert verdict(distinct_values, few, numbers(np.arange(400) % 25)) is Verdict.CRITICAL
    ids = numbers(np.arange(3000))
    assert verdict(uniqueness, ids, numbers(np.arange(500))) is Verdict.OK
    assert verdict(uniqueness, ids, numbers(np.arange(500) // 4)) is Verdict.CRITICAL


@pytest.mark.parametrize(
    ("check", "then", "now", "judged"),
    [
        (distinct_values, np.arange(2000), np.arange(1900), 2000.0),
        (uniqueness, np.arange(4000), np.r_[np.arange(1300), np.arange(700)], 0.65),
        (uniqueness, np.arange(2000), np.r_[np.arange(2000), np.arange(2000)], 0.75),
        (uniqueness, np.arange(2000), np.arange(4000), 1.0),
    ],
)
def test_the_larger_side_is_thinned_to_the_smaller(check, then, now, judged) -> None:
    assert check.compute(numbers(then), numbers(now)).corrected == pytest.approx(judged, rel=1e-3)


def test_a_larger_window_of_the_same_values_is_green() -> None:
    rng = np.random.default_rng(5)
    then = numbers(rng.integers(0, 4000, 1000))
    for rows in (1000, 2000, 5000):
        now = numbers(rng.integers(0, 4000, rows))
        assert verdict(distinct_values, then, now) is Verdict.OK
        assert verdict(uniqueness, then, now) is Verdict.OK


def test_rarefaction_is_the_mean_over_samples_without_replacement() -> None:
    rng = np.random.default_rng(6)
    then, now = rng.integers(0, 50, 100), np.sort(rng.zipf(1.5, 300) % 90)
    drawn = [len(np.unique(rng.choice(now, 100, replace=False))) for _ in range(4000)]
    found = distinct_values.compute(numbers(then), numbers(now)).corrected
    assert found == pytest.approx(np.mean(drawn), rel=0.005)


def test_where_not_all_values_are_known_no_number_is_given() -> None:
    few, many = numbers(np.arange(100)), numbers(np.linspace(1.0, 2.0, 9000))
    new = {f"n{place}": 1 for place in range(MOST_UNSEEN + 5)}
    crowded = CategoricalProfile.of({**new, "l1": 3}, LEVELS)
    for then, now in ((few, many), (text(100, 1), crowded)):
        with pytest.raises(NotEnoughData, match=r"at least .* different values") as caught:
            distinct_values.compute(then, now)
        assert caught.value.stat is None
    with pytest.raises(NotEnoughData, match="no values"):
        uniqueness.compute(few, numbers([np.nan]))
    assert distinct_values.compute(many, few).corrected is None
