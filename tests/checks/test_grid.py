from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks import grid

finite = st.floats(allow_nan=False, allow_infinity=False)
centres = st.floats(-1e6, 1e6, width=32)
columns = arrays.arrays(np.float64, st.integers(0, 60), elements=finite)
shifts = st.integers(0, 7)

HOSTILE = np.array(
    [
        *(2.0**e for e in range(-140, 128)),
        *(np.nextafter(2.0**e, 0) for e in range(-140, 128)),
        *(np.nextafter(2.0**e, np.inf) for e in range(-140, 128)),
        *(1 + k / 128 for k in range(128)),
        *(np.nextafter(1 + k / 128, 0) for k in range(1, 128)),
        0.0,
        -0.0,
        5e-324,
        1e300,
        np.finfo(float).max,
        float(np.finfo(np.float32).max),
    ]
)


def cell_by_definition(value: float, centre: float) -> int:
    """The cell of one value, one step at a time."""
    with np.errstate(over="ignore"):
        narrow = np.float32(np.float64(value) - np.float64(centre))
    (bits,) = struct.unpack("<I", struct.pack("<f", narrow))
    key = bits >> 16
    magnitude = min(key & 0x7FFF, 0x7F7F)
    if magnitude < 128:
        return 0
    step = 1 + magnitude - 128
    return -step if key & 0x8000 else step


@given(columns, centres)
@example(np.concatenate((HOSTILE, -HOSTILE)), 0.0)
@example(np.concatenate((HOSTILE, -HOSTILE)), 0.1)
def test_cells_are_those_of_the_definition(values, centre):
    expected = [cell_by_definition(value, centre) for value in values]
    assert grid.cells_of(values, centre).tolist() == expected


@given(columns, centres, shifts)
@example(np.concatenate((HOSTILE, -HOSTILE)), 0.0, 0)
def test_counting_cells_equals_counting_the_cell_of_each_value(values, centre, shift):
    cells, counts = grid.coarsen(*grid.cell_counts(values, centre), shift)
    expected, times = np.unique(grid.cells_of(values, centre, shift), return_counts=True)
    assert cells.tolist() == expected.tolist()
    assert counts.tolist() == times.tolist()
    assert cells.dtype == np.int32
    assert counts.dtype == np.int64


@given(columns, centres, shifts)
def test_cells_keep_the_order_of_values(values, centre, shift):
    cells = grid.cells_of(np.sort(values), centre, shift)
    assert (np.diff(cells.astype(int)) >= 0).all()


@given(columns, centres, shifts)
@example(np.concatenate((HOSTILE, -HOSTILE)), 0.0, 0)
def test_every_value_lies_within_the_bounds_of_its_cell(values, centre, shift):
    low, high = grid.bounds(grid.cells_of(values, centre, shift), centre, shift)
    with np.errstate(over="ignore"):
        slack = 2.0**-23 * np.abs(values - centre) + 2.0**-126 + 2.0**-52 * np.abs(values)
    assert (values >= low - slack).all()
    assert (values <= high + slack).all()


@pytest.mark.parametrize("shift", range(8))
def test_the_cells_tile_the_line(shift):
    last = grid.outermost(shift)
    cells = np.arange(-last, last + 1, dtype=np.int32)
    low, high = grid.bounds(cells, 0.0, shift)
    assert low[0] == -np.inf
    assert high[-1] == np.inf
    inner = np.abs(cells[1:]) + np.abs(cells[:-1]) > 1
    assert (high[:-1] == low[1:])[inner].all()
    assert len(cells) == 2 * last + 1


@pytest.mark.parametrize(("shift", "largest"), [(0, 256), (2, 64)])
def test_small_integers_have_cells_of_their_own(shift, largest):
    integers = np.arange(-largest, largest + 1.0)
    assert len(np.unique(grid.cells_of(integers, 0.0, shift))) == len(integers)


@given(columns, centres, shifts, shifts)
def test_coarsening_twice_is_coarsening_once(values, centre, first, second):
    first, second = min(first, 7 - min(second, 7)), min(second, 7)
    once = grid.coarsen(*grid.cell_counts(values, centre), first + second)
    twice = grid.coarsen(*grid.coarsen(*grid.cell_counts(values, centre), first), second)
    assert once[0].tolist() == twice[0].tolist()
    assert once[1].tolist() == twice[1].tolist()


def test_a_cell_is_never_wider_than_a_128th_of_its_distance():
    cells = np.arange(1, grid.outermost(), dtype=np.int32)
    low, high = grid.bounds(cells, 0.0)
    assert ((high - low) <= low / 128).all()


@given(arrays.arrays(np.float64, st.integers(0, 50), elements=st.floats(0, 1)))
@example(np.array([0.0, 5e-324, 2.0**-126, 0.5 - 2.0**-54, 0.5, 0.5 + 2.0**-53, 1.0]))
def test_scores_lie_in_their_cells_and_keep_their_order(scores):
    cells = grid.score_cells(np.sort(scores))
    low, high = grid.score_bounds(cells)
    assert (np.diff(cells) >= 0).all()
    assert (np.sort(scores) >= low - 2.0**-24).all()
    assert (np.sort(scores) <= high + 2.0**-24).all()
    assert ((low >= 0) & (high <= 1) & (low <= high)).all()


def test_score_cells_mirror_about_one_half():
    scores = np.array([0.001, 0.1, 0.3, 0.4999])
    assert (grid.score_cells(scores) + grid.score_cells(1 - scores) == grid.SCORE_TOP).all()


def test_score_cells_on_both_sides_of_one_half_do_not_overlap():
    low, high = grid.score_bounds(grid.score_cells(np.array([0.49, 0.4999999, 0.5, 0.51])))
    assert (high[:-1] <= low[1:]).all()


@given(finite, finite)
def test_dividing_by_the_unit_loses_nothing(one, other):
    unit = grid.unit_of(one, other)
    assert unit > 0
    assert max(abs(one), abs(other)) / unit <= 2
    assert (one / unit) * unit == one or abs(one) < unit * 2.0**-1000
