"""Validity of values: tables of what is wrong and what is not."""

from __future__ import annotations

import math

import numpy as np
import pytest

from checks.check import NotEnoughData
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import MOST_UNSEEN, CategoricalProfile, NumericProfile
from checks.validity import most_common, out_of_range, out_of_set, pattern

PLAN = CategoricalPlan(("web", "app"))


def of(values: object, **plan: object) -> NumericProfile:
    return NumericProfile.of(np.array(values, np.float64), NumericPlan(**plan))  # type: ignore[arg-type]


def levels(**counts: int) -> CategoricalProfile:
    return CategoricalProfile.of(counts, PLAN)


@pytest.mark.parametrize(
    ("now", "settings", "share"),
    [
        ([1.0, 2.0, 3.0], {}, 0.0),
        ([0.0, 2.0, 4.0, 4.0], {}, 0.75),
        ([0.0, 2.0, 4.0, 4.0], {"low": 0.0}, 0.5),
        ([0.0, 2.0, 4.0, 4.0], {"low": 0.0, "high": 4.0}, 0.0),
        ([2.0, np.inf, -np.inf, 2.0], {"low": -1e308, "high": 1e308}, 0.5),
    ],
)
@pytest.mark.parametrize("exact", [0, 5000])
def test_a_range(now: list[float], settings: dict[str, float], share: float, exact: int) -> None:
    stat = out_of_range.compute(of([1.0, 3.0]), of(now, exact=exact), **settings)
    assert stat.value == pytest.approx(share)
    assert bool(stat.where) is (share > 0)


def test_a_range_of_nothing_or_the_wrong_way_round() -> None:
    with pytest.raises(NotEnoughData, match="no range of yours"):
        out_of_range.compute(of([]), of([1.0]))
    with pytest.raises(NotEnoughData, match="no values in the current"):
        out_of_range.compute(of([1.0]), of([]))
    with pytest.raises(ValueError, match="must not be above"):
        out_of_range.compute(of([1.0]), of([1.0]), low=2.0, high=1.0)
    both = {"low": -math.inf, "high": math.inf}
    assert out_of_range.compute(of([]), of([1e300]), **both).value == 0.0


def test_a_set() -> None:
    now = levels(web=50, app=30, fax=15, tv=5)
    assert out_of_set.compute(now, now, allowed="web,app").value == 0.2
    assert out_of_set.compute(now, now, allowed=" web , app,fax").value == 0.05
    assert out_of_set.compute(now, now, allowed="web,app,fax,tv,kiosk").value == 0.0
    assert out_of_set.compute(now, now, allowed="web,app").where == "20 of 100 rows, such as 'fax'"
    with pytest.raises(NotEnoughData, match="name the levels"):
        out_of_set.compute(now, now)


def test_levels_without_a_name_are_judged_only_where_none_of_them_can_be_allowed() -> None:
    many = {f"new {n:03}": 1 for n in range(MOST_UNSEEN + 10)} | {"web": 10}
    now = CategoricalProfile.of(many, PLAN)
    share = (MOST_UNSEEN + 10) / (MOST_UNSEEN + 20)
    assert out_of_set.compute(now, now, allowed="web,app").value == pytest.approx(share)
    with pytest.raises(NotEnoughData, match="does not name"):
        out_of_set.compute(now, now, allowed="web,zz")
    with pytest.raises(NotEnoughData, match="does not name"):
        pattern.compute(now, now)


@pytest.mark.parametrize(
    ("regex", "share"),
    [(r"[a-z]+", 0.1), (r"[a-z]{3}", 0.1), (r".*", 0.0), (r"web", 0.5)],
)
def test_a_pattern(regex: str, share: float) -> None:
    now = CategoricalProfile.of({"web": 5, "app": 4, "X1": 1}, PLAN)
    assert pattern.compute(now, now, regex=regex).value == pytest.approx(share)


def test_blank_text_matches_no_default_and_a_bad_pattern_is_told() -> None:
    now = CategoricalProfile.of({"web": 6, " ": 1, "": 1, "two\nlines": 2}, PLAN)
    assert pattern.compute(now, now).value == pytest.approx(0.2)
    with pytest.raises(ValueError, match="is no pattern"):
        pattern.compute(now, now, regex="(")


@pytest.mark.parametrize("exact", [0, 5000])
def test_the_most_common_value(exact: int) -> None:
    values = [0.0] * 60 + list(range(1, 41))
    profile = of(values, exact=exact, atoms=(0.0, 5.0))
    assert most_common.compute(profile, profile).value == 0.6
    assert most_common.compute(profile, profile).where == "0"
    stuck = of([7.5] * 30, exact=exact, atoms=(0.0,))
    assert (
        most_common.compute(profile, stuck).value,
        most_common.compute(profile, stuck).where,
    ) == (1.0, "7.5")
    text = CategoricalProfile.of({"web": 3, "fax": 7}, PLAN)
    assert most_common.compute(text, text).where == "'fax'"


def test_of_a_continuous_column_no_value_is_known_to_be_common() -> None:
    profile = of(np.random.default_rng(0).normal(size=100), exact=0)
    with pytest.raises(NotEnoughData, match="known to be common"):
        most_common.compute(profile, profile)
