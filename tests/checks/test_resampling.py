from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from checks.intervals import Z_JUDGED, Z_SHOWN
from checks.resampling import DRAWS, neighbours, percentiles, reflected, resamples

tables = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=60)


@given(tables, st.integers(2, 20))
def test_pooling_keeps_the_rows_of_each_class_and_their_order(table, most):
    cells = np.array(table)
    fewer = np.add.reduceat(cells, neighbours(cells, most), axis=0)
    assert len(fewer) <= most or len(cells) <= most
    ends = np.cumsum(fewer, axis=0).tolist()
    assert ends[-1] == cells.sum(axis=0).tolist()
    assert all(end in np.cumsum(cells, axis=0).tolist() for end in ends)


def test_draws_have_the_mean_and_spread_of_a_multinomial_and_are_the_same_each_time():
    cells = np.array([[500, 20], [300, 180]])
    drawn = resamples(cells)
    share = cells / 1000
    assert drawn.mean(axis=0) == pytest.approx(cells, abs=4)
    spread = np.sqrt(1000 * share * (1 - share))
    assert drawn.std(axis=0) == pytest.approx(spread, rel=4 / np.sqrt(2 * DRAWS))
    assert (resamples(cells) == drawn).all()


@given(st.floats(-1, 1), st.lists(st.floats(-1, 1), min_size=1, max_size=30))
def test_both_intervals_hold_the_value_and_the_wider_holds_the_narrower(value, draws):
    for interval in (percentiles, reflected):
        shown, judged = (interval(value, np.array(draws), z) for z in (Z_SHOWN, Z_JUDGED))
        assert shown.low <= value <= shown.high
        assert judged.low <= shown.low <= shown.high <= judged.high


def test_draws_without_a_number_are_left_out():
    draws = np.array([np.nan, 0.2, 0.4, np.nan])
    assert percentiles(0.3, draws, 9.0) == (0.2, 0.4)
    assert percentiles(0.3, draws[:1], 9.0) == (-np.inf, np.inf)
