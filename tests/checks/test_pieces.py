from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from checks import pieces
from checks.plan import NumericPlan
from checks.profile import PlanMismatch
from tests.checks.columns import numeric_plan
from tests.checks.drifting import (
    BINNED,
    ON_THE_LINE,
    SHAPES,
    column,
    drifted,
    measure,
    numbers,
    samples,
)


def test_pieces_of_kept_values_are_the_values():
    joint = pieces.joint(numbers(1.0, 1.0, 3.0), numbers(2.0, 3.0))
    assert (joint.low * joint.unit).tolist() == [1.0, 2.0, 3.0]
    assert not joint.width.any()
    assert joint.after[-1] == pytest.approx(0.0)


def test_an_atom_is_a_point_and_the_rest_of_its_cell_is_spread_around_it():
    plan = NumericPlan(0.0, 0, (1.001,), 0)
    then = column(np.concatenate((np.full(50, 1.001), np.linspace(1.0, 1.0078, 50))), plan)
    joint = pieces.joint(then, then)
    point = np.flatnonzero((joint.width == 0) & (joint.reference > 0))
    assert (joint.low[point] * joint.unit).tolist() == [1.001]
    assert joint.reference[point].tolist() == [0.5]
    assert joint.reference.sum() == pytest.approx(1.0)


def test_cells_of_integers_are_points_at_the_integers():
    plan = NumericPlan(100.0, exact=0)
    values = np.arange(0.0, 250.0)
    joint = pieces.joint(column(values, plan), column(values + 3.0, plan))
    assert sorted((joint.low * joint.unit).tolist()) == list(np.arange(0.0, 253.0))
    assert not joint.width.any()


@given(samples, samples, st.sampled_from([NumericPlan(0.0, 0, (0.0, 1.0), 0), NumericPlan(2.5, 2)]))
def test_pieces_are_in_order_and_hold_every_row(one, other, plan):
    plan = replace(plan, exact=0)
    joint = pieces.joint(column(one, plan), column(other, plan))
    assert joint.reference.sum() == pytest.approx(1.0)
    assert joint.current.sum() == pytest.approx(1.0)
    assert (joint.width >= 0).all()
    assert (joint.low[1:] >= joint.high[:-1] - 1e-12).all()
    low, high = (np.array([one.min(), other.min()]), np.array([one.max(), other.max()]))
    assert joint.low[0] * joint.unit == pytest.approx(low.min(), rel=1e-9, abs=1e-9)
    assert joint.high[-1] * joint.unit == pytest.approx(high.max(), rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=6))
def test_areas_within_pieces_are_integrals_of_a_broken_line(ends):
    before, after = np.array(ends[:-1]), np.array(ends[1:])
    low = np.arange(len(before), dtype=float)
    joint = pieces.joint(numbers(0.0), numbers(1.0))
    joint = replace(
        joint, low=low, high=low + 1.0, before=before, after=after, gap=np.zeros(len(low))
    )
    fine = np.interp(np.linspace(0, len(low), 20_000 * len(low) + 1), range(len(ends)), ends)
    step = 1 / 20_000
    assert pieces.area(joint) == pytest.approx(np.trapezoid(np.abs(fine), dx=step), abs=1e-6)
    assert pieces.squared_area(joint) == pytest.approx(np.trapezoid(fine**2, dx=step), abs=1e-6)


def test_profiles_of_one_grid_in_two_finenesses_compare():
    rng = np.random.default_rng(0)
    fine = column(rng.normal(size=9000), NumericPlan(exact=0))
    coarse = column(rng.normal(0.5, 1.0, 9000), NumericPlan(shift=2, exact=0))
    assert measure("wasserstein", fine, coarse).value == pytest.approx(0.5, abs=0.05)
    assert measure("psi", coarse, fine).value > 0.1


def test_profiles_of_different_grids_do_not_compare():
    one, other = (column(np.arange(9.0), NumericPlan(c, exact=0)) for c in (0.0, 1.0))
    for name in (*ON_THE_LINE, *BINNED):
        with pytest.raises(PlanMismatch, match="centre"):
            measure(name, one, other)


@pytest.mark.parametrize("shape", SHAPES)
def test_cells_are_as_good_as_rows(shape):
    rng = np.random.default_rng(7)
    then = SHAPES[shape](rng, 200_000)
    now = drifted(SHAPES[shape](rng, 200_000), then, rng)
    rough, fine = numeric_plan(then, exact=0), numeric_plan(then, exact=10**6)
    a, b = column(then, rough), column(now, rough)
    assert a.exact is None
    expected = scipy.stats.ks_2samp(then, now, method="asymp").statistic
    assert measure("ks", a, b).value == pytest.approx(expected, abs=3e-4)
    expected = scipy.stats.wasserstein_distance(then, now)
    assert measure("wasserstein", a, b, scale=False).value == pytest.approx(expected, rel=5e-3)
    expected = scipy.stats.energy_distance(then, now)
    assert measure("energy", a, b, scale=False).value == pytest.approx(expected, rel=5e-3)
    exact = measure("cramer_von_mises", column(then, fine), column(now, fine)).value
    found = measure("cramer_von_mises", a, b).value
    assert found == pytest.approx(exact, rel=5e-3, abs=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_small_window_against_a_large_reference_is_measured_well(shape):
    rng = np.random.default_rng(13)
    then = SHAPES[shape](rng, 100_000)
    now = drifted(SHAPES[shape](rng, 700), then, rng)
    plan = numeric_plan(then, exact=500)
    a, b = column(then, plan), column(now, replace(plan, exact=5000))
    b = replace(b, plan=plan)
    expected = scipy.stats.ks_2samp(then, now, method="asymp").statistic
    assert measure("ks", a, b).value == pytest.approx(expected, abs=5e-3)
    expected = scipy.stats.wasserstein_distance(then, now)
    found = measure("wasserstein", a, b, scale=False).value
    assert found == pytest.approx(expected, rel=0.02, abs=2e-3 * np.std(then))


@pytest.mark.parametrize("shape", ["normal", "lognormal", "uniform", "two humps"])
def test_segments_on_the_coarse_grid_are_nearly_as_good(shape):
    rng = np.random.default_rng(8)
    then = SHAPES[shape](rng, 100_000)
    now = SHAPES[shape](rng, 100_000) + 0.2 * np.std(then)
    plan = replace(numeric_plan(then, exact=0), shift=2)
    expected = scipy.stats.wasserstein_distance(then, now)
    found = measure("wasserstein", column(then, plan), column(now, plan), scale=False).value
    assert found == pytest.approx(expected, rel=0.015)
