from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.coarse import QUANTILES, edges_for
from checks.drift_numeric import energy, ks, wasserstein
from checks.plan import NumericPlan
from checks.profile import NumericProfile
from tests.checks.edges import VALUES

ROWS = 50_000
FAR = 1e6


def two_modes(seed: int, moved: float = 0.0, share: float = 0.5) -> np.ndarray:
    """Normal values, some of them about zero and the others far away, of one deviation."""
    rng = np.random.default_rng(seed)
    near = int(ROWS * share)
    far = rng.normal(FAR + moved, 1.0, ROWS - near)
    return rng.permutation(np.concatenate((rng.normal(size=near), far)))


def measured(check, reference, current, plan):
    return check.compute(NumericProfile.of(reference, plan), NumericProfile.of(current, plan))


@pytest.mark.parametrize("share", [0.3, 0.5, 0.6, 0.9])
def test_a_far_mode_that_moves_is_seen_between_edges_and_not_on_the_grid(share):
    then, now = two_modes(1, share=share), two_modes(2, moved=1.0, share=share)
    centre = float(np.median(then))
    truth = scipy.stats.ks_2samp(then, now).statistic
    grid = NumericPlan(centre, exact=0)
    cured = NumericPlan(centre, exact=0, edges=edges_for(then, centre, ()))
    # Whichever mode lies away from the centre is a single cell of the grid.
    far = centre < FAR / 2 or share == 0.5
    if far:
        assert measured(ks, then, now, grid).value < truth / 5
    assert measured(ks, then, now, cured).value == pytest.approx(truth, abs=2e-3)


def test_distances_of_two_modes_are_near_and_say_that_they_are_bounded():
    then, now = two_modes(1), two_modes(2, moved=1.0)
    plan = NumericPlan(exact=0, edges=edges_for(then, 0.0, ()))
    stat = measured(wasserstein, then, now, plan)
    assert stat.value == pytest.approx(0.5 / then.std(), rel=0.1, abs=1e-3)
    assert "bounded" in stat.where
    assert "bounded" in measured(energy, then, now, plan).where
    assert "bounded" not in measured(wasserstein, then, now, NumericPlan(exact=0)).where
    kept = NumericPlan(exact=ROWS, edges=plan.edges)
    exact = measured(wasserstein, then, now, kept)
    assert exact.value == pytest.approx(scipy.stats.wasserstein_distance(then, now) / then.std())
    assert "bounded" not in exact.where


def test_mean_and_deviation_do_not_depend_on_the_edges():
    rows = two_modes(3)
    plan = NumericPlan(exact=0, edges=edges_for(rows, 0.0, ()))
    profile = NumericProfile.of(rows, plan)
    assert profile.mean == pytest.approx(rows.mean(), rel=1e-12)
    assert profile.sd == pytest.approx(rows.std(), rel=1e-12)


@pytest.mark.parametrize(
    "shape",
    [
        lambda rng: rng.normal(1e9, 1.0, ROWS),
        lambda rng: rng.lognormal(0.0, 2.0, ROWS),
        lambda rng: rng.standard_cauchy(ROWS),
        lambda rng: rng.integers(0, 100_000, ROWS).astype(float),
        lambda rng: np.where(rng.random(ROWS) < 0.3, -999.0, rng.normal(size=ROWS)),
        lambda rng: np.concatenate((rng.normal(size=ROWS), rng.normal(5.0, 1.0, ROWS))),
        lambda rng: rng.exponential(size=50),
        lambda rng: np.empty(0),
    ],
    ids=["offset", "lognormal", "cauchy", "integers", "sentinel", "overlap", "short", "none"],
)
def test_the_grid_is_fine_for_other_columns(shape):
    values = shape(np.random.default_rng(4))
    atoms = (-999.0,) if (values == -999.0).any() else ()
    centre = float(np.median(values)) if len(values) else 0.0
    assert edges_for(values, centre, atoms) == ()


def test_a_cell_of_one_rare_value_needs_no_edges():
    values = np.append(np.random.default_rng(5).normal(size=900), np.full(100, 1e6))
    assert edges_for(values, 0.0, ()) == ()
    assert edges_for(np.append(values, 1e6 + np.arange(100)), 0.0, ()) != ()


def test_atoms_have_cells_of_their_own():
    values = np.concatenate((two_modes(6), np.zeros(5_000), np.full(5_000, FAR + 3.0)))
    plan = NumericPlan(atoms=(0.0, FAR + 3.0), edges=edges_for(values, 0.0, (0.0, FAR + 3.0)))
    low, high = plan.bounds(plan.cells_of(np.array(plan.atoms)))
    assert low.tolist() == list(plan.atoms)
    assert (high == np.nextafter(low, np.inf)).all()


@given(
    arrays.arrays(np.float64, st.integers(0, 300), elements=st.floats(-1e308, 1e308)),
    st.integers(0, 3),
)
def test_edges_ascend_and_every_value_lies_in_its_cell(values, heavy):
    rows = np.concatenate((values, np.nextafter(1e6, np.inf) + np.arange(300.0)))
    edges = edges_for(rows, 0.0, tuple(values[:heavy].tolist()))
    assert 0 < len(edges) <= 3 * QUANTILES
    assert (np.diff(edges) > 0).all()
    plan = NumericPlan(edges=edges)
    low, high = plan.bounds(plan.cells_of(values))
    assert ((low <= values) & (values < high)).all()


@pytest.mark.parametrize("name", [name for name in VALUES if np.isfinite(VALUES[name]).any()])
def test_equal_columns_between_edges_do_not_differ(name):
    finite = VALUES[name][np.isfinite(VALUES[name])]
    plan = NumericPlan(exact=0, edges=tuple(np.unique(finite)[::3].tolist()))
    for check in (ks, wasserstein, energy):
        assert measured(check, VALUES[name], VALUES[name], plan).value == 0.0
