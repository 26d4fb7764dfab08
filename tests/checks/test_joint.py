"""Laws of what is kept of several columns together, against NumPy and direct sums."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.joint import (
    KINDS,
    MOST_COLUMNS,
    FourierMeans,
    JointMoments,
    Multivariate,
    bandwidth_of,
    scales_of,
    standardised,
    waves_of,
)
from checks.log import LogProfile
from checks.pack import pack, unpack
from checks.plan import CategoricalPlan, MultivariatePlan, NumericPlan, Plan
from checks.portrait import Portrait
from checks.profile import PlanMismatch
from checks.sample import RowSample, ranks_of

# Powers of two and small numbers, so that sums do not depend on their order.
PLAN = MultivariatePlan(
    ("a", "b"), (1.0, 0.0), (2.0, 0.5), True, 3, 1.5, seed=2, rows=4, categories=("k",)
)


@st.composite
def parts(draw: st.DrawFn) -> Multivariate:
    """What is kept of a few rows, some of which may be met in other parts too."""
    numbers = draw(st.lists(st.integers(0, 30), max_size=8, unique=True))
    cells = st.one_of(st.integers(-40, 40).map(lambda n: n / 2), st.just(np.nan))
    values = draw(arrays.arrays(np.float64, (len(numbers), 2), elements=cells))
    codes = draw(arrays.arrays(np.int64, (len(numbers), 1), elements=st.integers(0, 3)))
    return Multivariate.of(ranks_of(np.array(numbers, np.uint64)), values, codes, PLAN)


EMPTY = Multivariate.of(np.empty(0), np.empty((0, 2)), np.empty((0, 1), np.int64), PLAN)


def assert_equal(one: Multivariate, other: Multivariate, rounding: float = 0.0) -> None:
    """Equal to the last bit, but for the waves, whose sums round."""
    assert_same(one.moments, other.moments, ("n", "counts", "products", "sums", "squares"))
    assert_same(one.sample, other.sample, ("ranks", "values", "codes"))
    assert one.fourier is not None
    assert other.fourier is not None
    assert one.fourier.n == other.fourier.n
    for name in ("cosines", "sines"):
        np.testing.assert_allclose(
            getattr(one.fourier, name), getattr(other.fourier, name), rtol=0, atol=rounding
        )


def assert_same(one: object, other: object, names: tuple[str, ...]) -> None:
    for name in names:
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


@given(parts(), parts())
def test_merging_is_commutative(a, b):
    assert_equal(a.merge(b), b.merge(a), 1e-12)


@given(parts(), parts(), parts())
def test_merging_is_associative(a, b, c):
    assert_equal(a.merge(b).merge(c), a.merge(b.merge(c)), 1e-12)


@given(parts())
def test_the_empty_part_is_neutral(a):
    assert_equal(a.merge(EMPTY), a)
    assert_equal(EMPTY.merge(a), a)


@given(parts())
def test_a_row_met_twice_is_in_the_sample_once(a):
    assert_same(a.sample.merge(a.sample), a.sample, ("ranks", "values", "codes"))


@given(parts())
def test_what_is_packed_comes_back_to_the_last_bit(a):
    portrait = Portrait("p", {}, LogProfile(), multivariate=a)
    packed = pack(portrait)
    back = unpack(packed).multivariate
    assert_equal(back, a)
    assert back.moments.plan == PLAN
    assert pack(unpack(packed)) == packed


@pytest.mark.parametrize(
    "break_it",
    [
        lambda a: replace(a, moments=replace(a.moments, counts=a.moments.counts[1:])),
        lambda a: replace(a, moments=replace(a.moments, counts=a.moments.counts + 9)),
        lambda a: replace(a, moments=replace(a.moments, sums=a.moments.sums[:1])),
        lambda a: replace(a, fourier=replace(a.fourier, sines=a.fourier.sines[1:])),
        lambda a: replace(a, sample=replace(a.sample, ranks=a.sample.ranks[::-1].copy())),
        lambda a: replace(a, sample=replace(a.sample, ranks=a.sample.ranks + 1.0)),
        lambda a: replace(a, sample=replace(a.sample, values=a.sample.values[1:])),
        lambda a: replace(a, sample=replace(a.sample, codes=a.sample.codes[:, :0])),
        lambda a: replace(a, fourier=replace(a.fourier, plan=replace(PLAN, bandwidth=0.0))),
        lambda a: replace(a, fourier=replace(a.fourier, plan=replace(PLAN, scales=(1.0,)))),
    ],
)
def test_parts_that_contradict_themselves_are_refused(break_it):
    rows = np.arange(8.0).reshape(4, 2)
    whole = Multivariate.of(
        ranks_of(np.arange(4, dtype=np.uint64)), rows, np.ones((4, 1), np.int64), PLAN
    )
    with pytest.raises(ValueError, match="contradicts itself"):
        unpack(pack(Portrait("p", {}, LogProfile(), multivariate=break_it(whole))))


def test_a_plan_of_several_columns_survives_its_text():
    plan = Plan({"a": NumericPlan(), "b": NumericPlan(), "k": CategoricalPlan()}, multivariate=PLAN)
    assert Plan.from_json(plan.to_json()) == plan
    assert replace(plan, multivariate=None).hash != plan.hash
    assert Plan.from_json(replace(plan, multivariate=None).to_json()).multivariate is None


def test_portraits_add_what_they_keep_of_several_columns():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(100, 2))
    ranks, codes = ranks_of(np.arange(100, dtype=np.uint64)), np.zeros((100, 1), np.int64)
    cut = [
        Portrait("p", {}, LogProfile(), multivariate=Multivariate.of(*each, PLAN))
        for each in zip(*(np.array_split(one, 7) for one in (ranks, rows, codes)), strict=True)
    ]
    together = Portrait.merged(cut).multivariate
    whole = Multivariate.of(ranks, rows, codes, PLAN)
    for name in ("products", "sums", "squares"):
        np.testing.assert_allclose(
            getattr(together.moments, name), getattr(whole.moments, name), rtol=1e-12
        )
    assert_same(together.sample, whole.sample, ("ranks", "values", "codes"))
    np.testing.assert_allclose(together.fourier.cosines, whole.fourier.cosines, rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_parts_under_two_plans_do_not_add(kind):
    other = Multivariate.of(
        np.empty(0), np.empty((0, 2)), np.empty((0, 1), np.int64), replace(PLAN, centres=(0.0, 0.0))
    )
    with pytest.raises(PlanMismatch):
        EMPTY.part(kind).merge(other.part(kind))


def test_what_one_part_lacks_does_not_add():
    with pytest.raises(PlanMismatch):
        EMPTY.merge(replace(EMPTY, sample=None))


@given(
    arrays.arrays(
        np.float64,
        st.tuples(st.integers(3, 40), st.just(3)),
        elements=st.one_of(st.floats(-1e3, 1e3), st.just(np.nan)),
    )
)
def test_correlations_are_those_of_the_rows_that_have_both(rows):
    frame = pd.DataFrame(np.round(rows, 2), columns=list("abc"))
    scales = scales_of({name: frame[name].to_numpy() for name in frame})
    if len(scales) < 3:
        return
    centres, spreads = zip(*scales.values(), strict=True)
    plan = MultivariatePlan(tuple(scales), centres, spreads, moments=True)
    found, counts = JointMoments.of(frame.to_numpy(), plan).correlations()
    upper = np.triu_indices(3, 1)
    truth = frame.corr().to_numpy()[upper]
    there = frame.notna().to_numpy().astype(int)
    assert counts.tolist() == (there.T @ there)[upper].tolist()
    known = np.isfinite(found)
    np.testing.assert_allclose(found[known], truth[known], atol=1e-6)
    # What varies by more than rounding has a correlation.
    assert (known | ~np.isfinite(truth) | (np.abs(truth) > 1 - 1e-6) | (counts < 9)).all()


def test_two_hundred_columns_keep_their_correlations():
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(3000, 200)) @ rng.normal(size=(200, 200)) + 1e6
    sample = {f"c{i:03}": rows[:, i] for i in range(200)}
    scales = scales_of(sample)
    centres, spreads = zip(*scales.values(), strict=True)
    plan = MultivariatePlan(tuple(scales), centres, spreads, moments=True)
    found, _ = JointMoments.of(rows, plan).correlations()
    np.testing.assert_allclose(found, np.corrcoef(rows.T)[np.triu_indices(200, 1)], atol=1e-9)


def test_only_so_many_columns_that_vary_are_kept_by_name():
    sample = {f"c{i:03}": np.array([0.0, float(i)]) for i in range(MOST_COLUMNS + 9)}
    sample |= {
        "a_constant": np.ones(2),
        "a_huge_one": np.array([-1e300, 1e300]),
        "an_empty_one": np.full(2, np.nan),
    }
    found = scales_of(sample)
    assert list(found) == [f"c{i:03}" for i in range(1, MOST_COLUMNS + 1)]
    assert found["c004"] == (2.0, 2.0)


def test_the_bandwidth_is_the_median_distance_of_rows():
    rng = np.random.default_rng(3)
    rows = rng.normal(5.0, [1.0, 3.0, 0.1], size=(1000, 3))
    scales = [(5.0, 1.0), (5.0, 3.0), (5.0, 0.1)]
    z = (rows - 5.0) / [1.0, 3.0, 0.1]
    one, other = z[::2], z[1::2]
    direct = np.median(np.linalg.norm(one[:, None] - other[None], axis=2))
    assert bandwidth_of(rows, scales) == pytest.approx(direct)
    assert bandwidth_of(np.ones((50, 3)), scales) == 1.0
    assert bandwidth_of(np.empty((0, 3)), scales) == 1.0


def test_a_missing_or_infinite_value_counts_as_the_mean_and_a_far_one_is_drawn_near():
    values = np.array([[np.nan, np.inf], [3.0, 1e300], [-np.inf, -1e300]])
    assert standardised(values, PLAN).tolist() == [[0.0, 0.0], [1.0, 1e6], [0.0, -1e6]]


def test_the_waves_never_change():
    assert waves_of(2, 2, 5).round(6).tolist() == [[0.441227, -0.33087], [2.430771, -0.252092]]
    with pytest.raises(ValueError, match="read-only"):
        waves_of(2, 2, 5)[0, 0] = 0.0


def test_products_of_features_average_to_the_kernel():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(2, 3))
    plan = MultivariatePlan(("a", "b", "c"), (0.0,) * 3, (1.0,) * 3, waves=20_000, bandwidth=1.7)
    one, other = (FourierMeans.of(rows[i : i + 1], plan).mean() for i in range(2))
    kernel = np.exp(-((rows[0] - rows[1]) ** 2).sum() / (2 * 1.7**2))
    assert one @ one == pytest.approx(1.0)
    assert one @ other == pytest.approx(kernel, abs=0.02)


def test_the_sample_is_that_of_the_lowest_ranks_however_rows_were_cut():
    rng = np.random.default_rng(5)
    rows, ranks = rng.normal(size=(20_000, 2)), ranks_of(rng.permutation(20_000).astype(np.uint64))
    plan, none = replace(PLAN, rows=500, categories=()), np.empty((20_000, 0), np.int64)
    cuts = zip(*(np.array_split(each, 31) for each in (ranks, rows, none)), strict=True)
    sample = RowSample.merged([RowSample.of(*part, plan) for part in cuts])
    lowest = np.argsort(ranks)[:500]
    assert sample.ranks.tolist() == ranks[lowest].tolist()
    assert sample.values.tolist() == rows[lowest].tolist()
    # A random sample: its means lie within four standard errors.
    assert np.abs(sample.values.mean(0)).max() < 4 / np.sqrt(500)


def test_ranks_are_spread_evenly():
    ranks = np.sort(ranks_of(np.arange(100_000, dtype=np.uint64)))
    assert np.abs(ranks - np.arange(100_000) / 100_000).max() < 0.006
    assert ranks[0] >= 0.0
    assert ranks[-1] < 1.0
