"""Evidently's own tests as oracles: equal where a definition is shared, told apart where not."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest

from checks.check import catalogue
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile


@pytest.fixture(autouse=True)
def _theirs_is_here():
    if find_spec("evidently") is None:
        said = "the extra 'evidently' is not installed"
        if os.environ.get("MODELMON_REQUIRE_EVIDENTLY") == "1":
            pytest.fail(f"{said}, and MODELMON_REQUIRE_EVIDENTLY=1")
        pytest.skip(said)


N_REFERENCE, N_CURRENT = 900, 700


def theirs(module, function, then, now, kind):
    """What Evidently's function of a test gives: a distance or a p-value."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it imports what is deprecated
        from evidently.legacy.core import ColumnType

        home = import_module(f"evidently.legacy.calculations.stattests.{module}")
    feature = ColumnType.Numerical if kind == "number" else ColumnType.Categorical
    return float(getattr(home, function)(pd.Series(then), pd.Series(now), feature, 0.1)[0])


def ours(name, then, now, kind, **parameters):
    check = catalogue()[name]
    return check.compute(*(profile(each, kind, then) for each in (then, now)), **parameters)


def profile(values, kind, reference):
    if kind == "number":
        return NumericProfile.of(values, NumericPlan(exact=5_000))
    levels, counts = np.unique(values, return_counts=True)
    found = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    return CategoricalProfile.of(found, CategoricalPlan(tuple(sorted(set(reference)))))


def numbers():
    rng = np.random.default_rng(1)
    return rng.normal(0, 1, N_REFERENCE), rng.normal(0.15, 1.1, N_CURRENT)


def levels(names, then, now):
    rng = np.random.default_rng(2)
    return rng.choice(list(names), N_REFERENCE, p=then), rng.choice(list(names), N_CURRENT, p=now)


def four():
    return levels("abcd", [0.4, 0.3, 0.2, 0.1], [0.35, 0.3, 0.2, 0.15])


def test_the_wasserstein_distance_is_theirs():
    sides = numbers()
    told = theirs("wasserstein_distance_norm", "_wasserstein_distance_norm", *sides, "number")
    assert ours("wasserstein", *sides, "number").value == pytest.approx(told, rel=1e-9)


def test_the_energy_distance_is_theirs_in_the_unit_of_the_column():
    sides = numbers()
    told = theirs("energy_distance", "_energy_dist", *sides, "number")
    assert ours("energy", *sides, "number", scale=False).value == pytest.approx(told, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "module", "function", "times", "rel"),
    [
        ("ks", "ks_stattest", "_ks_stat_test", 1, 0.05),  # theirs is exact, ours the limit
        ("cramer_von_mises", "cramer_von_mises_stattest", "_cramer_von_mises", 1, 0.01),
        ("mann_whitney", "mann_whitney_urank_stattest", "_mannwhitneyu_rank", 2, 1e-6),  # one-sided
    ],
)
def test_a_p_value_of_numbers_is_theirs(name, module, function, times, rel):
    sides = numbers()
    told = theirs(module, function, *sides, "number")
    assert ours(name, *sides, "number").p_value == pytest.approx(times * told, rel=rel)


def test_hellinger_of_levels_is_theirs():
    sides = four()
    told = theirs("hellinger_distance", "_hellinger_distance", *sides, "level")
    assert ours("hellinger", *sides, "level").value == pytest.approx(told, rel=1e-9)


def test_two_proportions_are_theirs():
    sides = levels("ab", [0.6, 0.4], [0.5, 0.5])
    told = theirs("z_stattest", "_z_stat_test", *sides, "level")
    assert ours("proportion_shift", *sides, "level").p_value == pytest.approx(told, rel=1e-9)


def test_psi_differs_by_half_a_row_a_level():
    sides = four()
    told = theirs("psi", "_psi", *sides, "level")
    found = ours("psi", *sides, "level").value
    assert found == pytest.approx(told, rel=0.01)
    assert found != told


def test_jensen_shannon_is_in_bits_and_theirs_in_nats():
    sides = four()
    told = theirs("jensenshannon", "_jensenshannon", *sides, "level")
    found = ours("jensen_shannon", *sides, "level").value
    assert found == pytest.approx(told / np.sqrt(np.log(2)), rel=0.01)
