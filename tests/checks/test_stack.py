"""Many short arrays, and many profiles field by field, are what they are one by one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from checks.plan import NumericPlan
from checks.profile import NumericProfile
from checks.ragged import Ragged
from checks.stack import Stack

ARRAYS = st.lists(st.lists(st.integers(-3, 3), max_size=4), min_size=1, max_size=6)
PLANS = (
    NumericPlan(exact=0),
    NumericPlan(1.0, exact=3, atoms=(2.0,)),
    NumericPlan(exact=50, edges=(0.0, 1.5)),
)
VALUES = st.lists(
    st.sampled_from([0.0, -0.0, 1.0, 2.0, 2.5, -7.25, 1e300, np.inf, -np.inf, np.nan]), max_size=8
)
PARTS = st.lists(st.tuples(*(VALUES for _ in PLANS)), min_size=1, max_size=4)


def ragged(lists: list[list[int]]) -> Ragged:
    return Ragged.of([np.array(each, np.int64) for each in lists])


def lists(several: Ragged) -> list[list[int] | None]:
    return [None if each is None else each.tolist() for each in several]


@given(ARRAYS, st.data())
def test_arrays_end_to_end_are_read_as_they_were(given_lists, data):
    several, size = ragged(given_lists), len(given_lists)
    assert lists(several) == given_lists
    assert [several[place].tolist() for place in range(size)] == given_lists
    start = data.draw(st.integers(0, size))
    end = data.draw(st.integers(start, size))
    assert lists(several[start:end]) == given_lists[start:end]
    assert several.sums().tolist() == [sum(each) for each in given_lists]
    rising = all(a < b for each in given_lists for a, b in pairwise(each))
    assert several.ascend() == rising
    wanted = np.array(data.draw(st.lists(st.booleans(), min_size=size, max_size=size)))
    assert lists(several.chosen(wanted)) == [
        each for each, here in zip(given_lists, wanted, strict=True) if here
    ]


@given(ARRAYS, ARRAYS)
def test_arrays_that_are_not_there_take_no_room(one, other):
    some = [None if len(each) == 2 else np.array(each) for each in one]
    joined = Ragged.joined([Ragged.of(some), ragged(other)])
    wanted = [None if each is None else each.tolist() for each in some] + other
    assert lists(joined) == wanted
    assert joined.known.tolist() == [each is not None for each in wanted]
    full = ragged([each for each in wanted if each is not None]) if any(joined.known) else None
    if full is not None:
        assert lists(full.among(joined.known)) == wanted


@given(ARRAYS, st.lists(st.integers(0, 9), max_size=3))
def test_empty_arrays_are_filled_in_their_places(given_lists, filling):
    several = ragged(given_lists)
    empty = several.sizes == 0
    others = [filling[: place + 1] for place in range(int(empty.sum()))]
    if not others:
        return
    wanted = iter(others)
    assert lists(several.filled(empty, ragged(others))) == [
        each or next(wanted) for each in given_lists
    ]


def profiles(columns: tuple[list[float], ...]) -> list[NumericProfile]:
    return [
        NumericProfile.of(np.array(values, np.float64), plan)
        for values, plan in zip(columns, PLANS, strict=True)
    ]


@given(PARTS, st.permutations(range(len(PLANS))))
def test_stacks_add_up_to_the_profiles_of_all_values(parts, order):
    order = order[:2]
    stacks = [NumericProfile.stacked(profiles(part)) for part in parts]
    found = NumericProfile.added([stack.chosen(order) for stack in stacks])
    for place, total in zip(order, found, strict=True):
        values = [value for part in parts for value in part[place]]
        whole = NumericProfile.of(np.array(values, np.float64), PLANS[place])
        for name in ("cells", "counts", "exact", "exact_counts", "atom_counts"):
            one, other = getattr(total, name), getattr(whole, name)
            assert (one is None) == (other is None), name
            assert one is None or one.tolist() == other.tolist(), name
        for name in ("nulls", "nan", "above", "below", "minimum", "maximum", "integral", "found"):
            assert getattr(total, name) == getattr(whole, name), name


def test_a_stack_of_nothing_has_no_profiles():
    assert len(Stack()) == 0
