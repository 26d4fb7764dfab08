"""Counting a column of few distinct values is counting each of its values."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from checks import grid
from checks.counting import NumericCount
from checks.grid import Floats
from checks.plan import NumericPlan

_ROWS = 50_000


def _few(rng: np.random.Generator) -> Floats:
    return rng.integers(-40, 60, _ROWS).astype(np.float64)


def _few_then_many(rng: np.random.Generator) -> Floats:
    return np.concatenate((_few(rng), rng.normal(3.0, 2.0, _ROWS), _few(rng)))


def _fractions(rng: np.random.Generator) -> Floats:
    return np.round(rng.normal(0.0, 1.0, _ROWS), 2) - 0.0


@pytest.mark.parametrize("make", [_few, _few_then_many, _fractions])
@pytest.mark.parametrize("atoms", [(), (0.0, 7.0)])
def test_few_values_are_placed_and_summed_as_each_would_be(
    make: Callable[[np.random.Generator], Floats], atoms: tuple[float, ...]
) -> None:
    values = make(np.random.default_rng(5))
    plan = NumericPlan(centre=3.25, atoms=atoms)
    count = NumericCount(plan)
    count.add(values)

    cells, counts = count.cells()
    wanted = grid.cell_counts(values, plan.centre)
    assert cells.tolist() == wanted[0].tolist()
    assert counts.tolist() == wanted[1].tolist()
    distances = values - plan.centre
    assert count.total == pytest.approx(distances.sum(), rel=1e-9, abs=1e-6)
    assert count.squares == pytest.approx(np.square(distances).sum(), rel=1e-12)
    assert (count.minimum, count.maximum) == (values.min(), values.max())
    assert count.atoms().tolist() == [int((values == atom).sum()) for atom in atoms]


def test_the_distinct_values_are_forgotten_once_they_are_too_many() -> None:
    count = NumericCount(NumericPlan())
    count.add(_few(np.random.default_rng(5)))
    assert count.distinct() is not None
    count.add(np.random.default_rng(6).normal(size=_ROWS))
    assert count.distinct() is None
