"""Embeddings: sums that add up, a centroid distance that is right, and silence without drift."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.kernel_approximation import RBFSampler  # type: ignore[import-untyped]

from checks.check import NotEnoughData
from checks.drift_embedding import centroid_distance
from checks.embedding import EmbeddingProfile
from checks.log import LogProfile
from checks.multivariate import mmd
from checks.pack import pack, unpack
from checks.plan import EmbeddingPlan, Plan, TextPlan
from checks.portrait import Portrait
from checks.profile import PlanMismatch

RNG = np.random.default_rng(31)
PLAN = EmbeddingPlan(tuple(RNG.normal(size=16).tolist()), waves=100, bandwidth=5.0)
ROWS = RNG.normal(size=(3000, 16))


def profile(rows: np.ndarray, plan: EmbeddingPlan = PLAN) -> EmbeddingProfile:
    return EmbeddingProfile.of(rows, plan)


@given(st.lists(st.integers(0, 400), max_size=6))
def test_the_profile_of_parts_is_that_of_the_whole(cuts: list[int]) -> None:
    rows = ROWS[:400]
    merged = EmbeddingProfile.merged([profile(part) for part in np.split(rows, sorted(cuts))])
    whole = profile(rows)
    assert merged.n == whole.n
    for name in ("sums", "squares", "cosines", "sines"):
        np.testing.assert_allclose(
            getattr(merged, name), getattr(whole, name), rtol=1e-5, atol=1e-3
        )


def test_sums_are_exact_whatever_the_parts() -> None:
    parts = [profile(part) for part in np.array_split(ROWS, 7)]
    merged, whole = EmbeddingProfile.merged(parts), profile(ROWS)
    np.testing.assert_allclose(merged.centroid(), ROWS.mean(0) - PLAN.centre, atol=1e-12)
    np.testing.assert_allclose(whole.scatter(), ROWS.var(0, ddof=1).sum(), rtol=1e-12)


def test_profiles_of_other_vectors_do_not_add() -> None:
    with pytest.raises(PlanMismatch):
        profile(ROWS).merge(profile(ROWS[:, :8], EmbeddingPlan(PLAN.centre[:8], 100)))


def test_the_distance_is_that_of_the_centroids_in_reference_spreads() -> None:
    now = ROWS[:1000] * 2.0 + 0.3
    spread = np.sqrt(((ROWS - ROWS.mean(0)) ** 2).sum() / (len(ROWS) - 1))
    expected = np.linalg.norm(now.mean(0) - ROWS.mean(0)) / spread
    stat = centroid_distance.compute(profile(ROWS), profile(now))
    assert stat.value == pytest.approx(expected, rel=1e-12)
    assert (stat.n_reference, stat.n_current) == (3000, 1000)


def test_a_share_of_rows_that_moves_by_one_spread_is_the_distance() -> None:
    spread = np.sqrt(profile(ROWS).scatter())
    direction = np.eye(16)[0] * spread
    now = ROWS + np.where(np.arange(3000)[:, None] < 600, direction, 0.0)
    stat = centroid_distance.compute(profile(ROWS), profile(now))
    assert stat.value == pytest.approx(0.2)


@pytest.mark.parametrize("rows", [200, 400, 1500])
def test_without_drift_the_mean_square_is_the_noise_that_is_taken_out(rows: int) -> None:
    rng = np.random.default_rng(5)
    squares, corrected = [], []
    for _ in range(300):
        then = profile(rng.standard_t(5, (1000, 16)))
        now = profile(rng.standard_t(5, (rows, 16)))
        stat = centroid_distance.compute(then, now)
        squares.append(stat.value**2)
        corrected.append(stat.corrected or 0.0)
    assert np.mean(squares) == pytest.approx(1 / rows + 1 / 1000, rel=0.05)
    assert np.quantile(corrected, 0.99) < 0.1  # the limit of a warning


def test_waves_are_those_of_a_gaussian_kernel() -> None:
    """Rahimi and Recht's features against the kernel itself, and scikit-learn's own."""
    then, now = ROWS[:500], ROWS[500:1000] + 1.0
    plan = EmbeddingPlan(PLAN.centre, waves=4000, bandwidth=4.0)

    def kernel(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.exp(-cdist(one, other, "sqeuclidean") / (2 * 4.0**2)).mean())

    exact = kernel(then, then) + kernel(now, now) - 2 * kernel(then, now)
    stat = mmd.compute(profile(then, plan), profile(now, plan))
    sampler = RBFSampler(gamma=1 / (2 * 4.0**2), n_components=8000, random_state=0).fit(then)
    theirs = np.sum((sampler.transform(then).mean(0) - sampler.transform(now).mean(0)) ** 2)
    assert stat.value == pytest.approx(exact, rel=0.05)
    assert theirs == pytest.approx(exact, rel=0.05)
    assert stat.corrected is not None
    assert stat.corrected < stat.value


def test_what_cannot_be_measured_says_so() -> None:
    constant = profile(np.full((200, 16), 3.0))
    with pytest.raises(NotEnoughData, match="do not differ"):
        centroid_distance.compute(constant, profile(ROWS))
    with pytest.raises(NotEnoughData, match="1 vectors in the current window"):
        centroid_distance.compute(profile(ROWS), profile(ROWS[:1]))
    bare = EmbeddingPlan(PLAN.centre)
    with pytest.raises(NotEnoughData, match="no waves"):
        mmd.compute(profile(ROWS, bare), profile(ROWS, bare))


def test_it_is_packed_without_loss() -> None:
    one = profile(ROWS[:50])
    portrait = Portrait("p", {}, LogProfile(), embeddings={"vector": one})
    again = unpack(pack(portrait)).embeddings["vector"]
    assert again.n == one.n
    assert again.squares == one.squares
    for name in ("sums", "cosines", "sines"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))


def test_a_plan_survives_its_text_and_one_without_keeps_its_hash() -> None:
    plan = Plan(texts={"review": TextPlan(("a", "ß"), 1)}, embeddings={"v": PLAN})
    again = Plan.from_json(plan.to_json())
    assert again == plan
    assert again.hash == plan.hash
    assert "texts" not in Plan().to_json()
