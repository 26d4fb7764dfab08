"""Made-up columns and what the drift checks say of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.check import Stat, catalogue
from checks.plan import CategoricalPlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile
from tests.checks.columns import Column

CHECKS = catalogue()
BINNED = ("psi", "jensen_shannon", "hellinger", "total_variation", "chi_square")
PLAIN = NumericPlan()
ON_THE_LINE = ("ks", "wasserstein", "energy", "cramer_von_mises")


def numbers(*values: float, plan: NumericPlan = PLAIN) -> NumericProfile:
    return NumericProfile.of(np.array(values, np.float64), plan)


def column(values: np.ndarray, plan: NumericPlan = PLAIN) -> NumericProfile:
    return NumericProfile.of(np.asarray(values, np.float64), plan)


def levels(**counts: int) -> CategoricalProfile:
    return CategoricalProfile.of(counts, CategoricalPlan(("a", "b", "c", "d")))


def measure(name: str, reference: Column, current: Column, **parameters: object) -> Stat:
    return CHECKS[name].compute(reference, current, **parameters)


def judged(stat: Stat) -> float:
    return stat.value if stat.corrected is None else stat.corrected


samples = arrays.arrays(
    np.float64,
    st.integers(1, 40),
    elements=st.one_of(
        st.floats(-1e6, 1e6), st.integers(-5, 5).map(float), st.sampled_from([0.0, -0.0, 1e15])
    ),
)


SHAPES: Mapping[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda rng, n: rng.normal(50.0, 9.0, n),
    "far normal": lambda rng, n: rng.normal(1e6, 1.0, n),
    "lognormal": lambda rng, n: rng.lognormal(0.0, 1.0, n),
    "exponential": lambda rng, n: rng.exponential(3.0, n),
    "uniform": lambda rng, n: rng.random(n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "two humps": lambda rng, n: rng.normal(np.where(rng.random(n) < 0.3, -4.0, 4.0), 1.0),
    "zero inflated": lambda rng, n: np.where(rng.random(n) < 0.43, 0.0, rng.exponential(5.0, n)),
    "sentinel": lambda rng, n: np.where(rng.random(n) < 0.05, -999.0, rng.normal(40.0, 5.0, n)),
    "two decimals": lambda rng, n: np.round(rng.lognormal(3.0, 0.6, n), 2),
    "counts": lambda rng, n: rng.poisson(6.0, n).astype(float),
    "wide integers": lambda rng, n: np.floor(rng.lognormal(8.0, 1.0, n)),
}


def drifted(values: np.ndarray, then: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A third of the rows moved by half a deviation, but for the values that many rows share."""
    shift = 0.5 * min(np.std(then[then > -900.0]), 5.0)
    shift = np.ceil(shift) if (then == np.rint(then)).all() else np.round(shift, 2)
    kept = np.isin(values, (0.0, -999.0)) | (rng.random(len(values)) > 0.3)
    return np.where(kept, values, values + shift)
