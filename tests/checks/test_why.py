"""Why a model got worse, from samples of rows of which the truth is known."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from checks.binned import binned
from checks.check import NotEnoughData, Stat
from checks.concept import concept_change
from checks.impact import impacts, input_impact, learnt, weighted_drift
from checks.plan import MultivariatePlan
from checks.sample import RowSample, ranks_of
from checks.slices import worst_slice
from checks.verdict import Verdict, default_limit, judge

NAMES = ("a", "b", "c", "d")
COLOURS = ("red", "green", "blue")
PLAN = MultivariatePlan(
    NAMES, (0.0,) * 4, (1.0,) * 4, rows=5000, categories=("k",), levels=(COLOURS,)
)


def rows(seed: int, n: int, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Four normal columns, the first of them shifted, and a level."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(n, 4))
    values[:, 0] += shift
    return values, rng.choice(3, n, p=(0.6, 0.3, 0.1)) + 1


def sample(
    values: np.ndarray,
    codes: np.ndarray,
    loss: np.ndarray | None = None,
    score: np.ndarray | None = None,
    seed: int = 0,
) -> RowSample:
    ranks = ranks_of(np.arange(len(values), dtype=np.uint64) + np.uint64(seed * 10**6))
    return RowSample.of(ranks, values, codes[:, None], PLAN, loss, score)


def drawn(seed: int, p: np.ndarray) -> np.ndarray:
    return (np.random.default_rng(seed + 10**6).random(len(p)) < p).astype(np.float64)


def stepped(seed: int, n: int, shift: float = 0.0, concept: float = 0.0) -> RowSample:
    """Rows that are wrong at 5 %, at 30 % where the first column is above 0.5, and ``concept``."""
    values, codes = rows(seed, n, shift)
    p = 0.05 + 0.25 * (values[:, 0] > 0.5) + concept
    score = 1.0 / (1.0 + np.exp(-values[:, 0]))
    return sample(values, codes, drawn(seed, p), score, seed)


def by_shift(shift: float) -> float:
    """What a shift of the inputs alone adds to the loss of ``stepped``."""
    return float(0.25 * (scipy.stats.norm.sf(0.5 - shift) - scipy.stats.norm.sf(0.5)))


def planted(seed: int, amounts: bool = False) -> RowSample:
    """5,000 rows of which the blue ones with a low ``b`` are bad: 4 % of all."""
    values, codes = rows(seed, 5000)
    bad = (values[:, 1] < scipy.stats.norm.ppf(0.25)) & (codes == 2)
    if amounts:
        rng = np.random.default_rng(seed)
        loss = rng.lognormal(0.0, 1.0, 5000) * (1.0 + bad)
    else:
        loss = drawn(seed, 0.1 + 0.2 * bad)
    return sample(values, codes, loss, seed=seed)


# Slices


@pytest.mark.parametrize("amounts", [False, True], ids=["classes", "amounts"])
def test_a_planted_slice_is_found_first(amounts: bool) -> None:
    stats = [worst_slice.compute(planted(i), planted(i + 50, amounts)) for i in range(10)]
    named = [stat.where.split(" (")[0] for stat in stats]
    assert all(name.startswith("b < ") and name.endswith("k = green") for name in named)
    truth = np.exp(0.5) if amounts else 0.2
    assert np.mean([stat.value for stat in stats]) == pytest.approx(truth, rel=0.15)
    assert np.mean([stat.low <= truth <= stat.high for stat in stats]) >= 0.8


@pytest.mark.parametrize("against", ["rest", "reference"])
@pytest.mark.parametrize("rate", [0.02, 0.2, None], ids=["rare", "often", "amounts"])
def test_chance_alone_makes_no_slice(against: str, rate: float | None) -> None:
    found = 0
    for seed in range(40):
        sides = []
        for side in (seed, seed + 100):
            values, codes = rows(side, 1500)
            rng = np.random.default_rng(side)
            loss = rng.lognormal(0.0, 1.5, 1500)
            loss = loss if rate is None else drawn(side, np.full(1500, rate))
            sides.append(sample(values, codes, loss, seed=side))
        found += worst_slice.compute(*sides, against=against).value > 0.0
    # 5 % of 40 are 2; at most 6 has a chance of 0.99.
    assert found <= 6


def test_a_slice_that_always_was_bad_is_not_worse_than_it_was() -> None:
    then, now = planted(1), planted(2)
    assert worst_slice.compute(then, now).value > 0.1
    stat = worst_slice.compute(then, now, against="reference")
    assert (stat.value, stat.where) == (0.0, "")
    fresh = sample(*rows(3, 5000), drawn(3, np.full(5000, 0.1)), seed=3)
    assert "k = green" in worst_slice.compute(fresh, now, against="reference").where


def test_the_p_values_are_those_of_fisher() -> None:
    values, codes = rows(4, 300)
    loss = ((codes == 3) | (np.arange(300) % 6 == 0)).astype(np.float64)
    one = replace(PLAN, columns=(), centres=(), scales=())
    none = np.empty((300, 0))
    full = RowSample.of(np.arange(300) / 300, none, codes[:, None], one, loss)
    stat = worst_slice.compute(full, full, fewest=10)
    inside = codes == 3
    assert stat.value == pytest.approx(loss[inside].mean() - loss[~inside].mean())
    table = [[int((loss[inside] == v).sum()), int((loss[~inside] == v).sum())] for v in (1, 0)]
    assert scipy.stats.fisher_exact(table, alternative="greater").pvalue < 0.05 / 3
    del values
    assert stat.where.startswith("k = blue (1 against ")


def test_missing_values_and_levels_without_a_name_are_slices_too() -> None:
    values, codes = rows(5, 2000)
    gone = np.random.default_rng(5).random(2000) < 0.1
    values[gone, 2] = np.nan
    now = sample(values, codes, drawn(5, 0.1 + 0.4 * gone), seed=5)
    assert worst_slice.compute(now, now).where.startswith("c missing (0.")
    other = np.where(gone, 4, codes)
    now = sample(rows(5, 2000)[0], other, drawn(5, 0.1 + 0.4 * gone), seed=5)
    assert worst_slice.compute(now, now).where.startswith("k = another level (0.")


def test_slices_need_truth_and_room() -> None:
    values, codes = rows(6, 200)
    few = np.where(np.arange(200) < 99, 1.0, np.nan)
    with pytest.raises(NotEnoughData, match="the truth of 99 sampled rows in the current window"):
        worst_slice.compute(planted(1), sample(values, codes, few))
    with pytest.raises(NotEnoughData, match="of 0 sampled rows in the reference"):
        worst_slice.compute(sample(values, codes), planted(1), against="reference")
    assert worst_slice.compute(sample(values, codes), planted(1)).value > 0.0
    with pytest.raises(NotEnoughData, match="no group of rows is large enough"):
        worst_slice.compute(planted(1), planted(1), fewest=4000)
    with pytest.raises(ValueError, match="give 'rest' or 'reference'"):
        worst_slice.compute(planted(1), planted(1), against="others")


# Concept


@pytest.mark.parametrize(
    ("shift", "concept", "verdict"),
    [
        (0.0, 0.0, "no clear change"),
        (0.0, 0.08, "mostly concept"),
        (1.0, 0.0, "mostly inputs"),
        (0.5, 0.05, "not told apart"),
    ],
)
def test_inputs_and_concept_are_told_apart(shift: float, concept: float, verdict: str) -> None:
    stats = [
        concept_change.compute(stepped(2 * i, 2500), stepped(2 * i + 1, 1500, shift, concept))
        for i in range(3)
    ]
    assert sum(stat.where.startswith(verdict) for stat in stats) >= 2
    assert np.mean([stat.value for stat in stats]) == pytest.approx(concept, abs=0.015)
    assert all(stat.low <= concept <= stat.high for stat in stats)
    if shift:
        assert all("inputs that matter: a (+" in stat.where for stat in stats)


def test_sides_that_do_not_overlap_are_not_judged() -> None:
    then, now = stepped(1, 800), stepped(2, 800, shift=6.0)
    with pytest.raises(NotEnoughData, match="little overlap") as found:
        concept_change.compute(then, now)
    assert found.value.stat is not None


def test_the_split_needs_truth_and_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    values, codes = rows(7, 400)
    with pytest.raises(NotEnoughData, match="the truth of 0 sampled rows in the current window"):
        concept_change.compute(stepped(1, 400), sample(values, codes))
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(NotEnoughData, match="needs scikit-learn, which is not installed"):
        concept_change.compute(stepped(1, 400), stepped(2, 400))


# Impact


def test_the_impact_of_a_moved_input_is_known_before_its_labels() -> None:
    stats: list[Stat] = []
    for i in range(10):
        now = stepped(2 * i + 1, 1500, shift=1.0)
        unlabelled = replace(now, loss=np.full(now.n, np.nan))
        stats.append(input_impact.compute(stepped(2 * i, 2500), unlabelled))
    assert all(stat.where.startswith("a (+") for stat in stats)
    assert np.mean([stat.value for stat in stats]) == pytest.approx(by_shift(1.0), rel=0.1)
    assert np.mean([stat.low <= by_shift(1.0) <= stat.high for stat in stats]) >= 0.9


def test_without_a_move_no_feature_has_an_impact() -> None:
    stats = [
        input_impact.compute(stepped(2 * i, 2000), stepped(2 * i + 1, 1000)) for i in range(40)
    ]
    assert sum(bool(stat.where) for stat in stats) <= 3
    assert np.mean([stat.low <= 0.0 <= stat.high for stat in stats]) >= 0.9


@given(st.integers(0, 1000), st.integers(2, 60))
def test_the_impact_is_the_reweighted_loss(seed: int, cut: int) -> None:
    rng = np.random.default_rng(seed)
    levels = (rng.integers(1, 4, 120), np.where(np.arange(120) < cut, 1, rng.integers(1, 4, 120)))
    loss = rng.random(120)
    none = np.zeros((120, 4))
    then, now = sample(none, levels[0], loss), sample(none, levels[1])
    found = {one.feature: one.value for one in impacts(then, now)}
    loss, levels = then.loss, (then.codes[:, 0], now.codes[:, 0])
    shares = [np.bincount(side, minlength=4)[1:] / 120 for side in levels]
    means = np.array([loss[levels[0] == level].mean() for level in (1, 2, 3)])
    assert found["k"] == pytest.approx(float((shares[1] - shares[0]) @ means), abs=1e-12)
    assert found["a"] == 0.0


def test_what_moved_and_matters_comes_first() -> None:
    then, now = stepped(1, 2000), stepped(2, 2000, shift=0.4)
    moved = replace(now, values=np.column_stack((now.values[:, :3], now.values[:, 3] + 2.0)))
    stat = weighted_drift.compute(then, moved)
    # The last column moved much more, and says nothing of the score.
    assert stat.where.startswith("a (0.1")
    given_all = weighted_drift.compute(then, moved, importance='{"a": 1, "d": 3, "gone": 9}')
    assert given_all.where.startswith("d (0.")
    assert "importance 0.75" in given_all.where
    only = weighted_drift.compute(then, moved, importance='{"b": 1}')
    assert only.corrected is not None
    assert only.corrected < 0.03


def test_importance_is_the_share_of_the_variance_that_bins_explain() -> None:
    then = stepped(3, 4000)
    found = learnt(list(binned(then, then, 10)), then)
    assert found["a"] > 0.9
    assert all(found[name] < 0.01 for name in ("b", "c", "d", "k"))
    unscored = replace(then, score=np.full(then.n, np.nan))
    assert 0.05 < learnt(list(binned(then, then, 10)), unscored)["a"] < 0.2
    with pytest.raises(NotEnoughData, match="or give an importance"):
        weighted_drift.compute(replace(unscored, loss=unscored.score), then)


@pytest.mark.parametrize("text", ["age = 1", "[1]", '{"a": -1}', '{"a": "x"}', '{"a": NaN}'])
def test_an_importance_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="give JSON such as"):
        weighted_drift.compute(stepped(1, 200), stepped(2, 200), importance=text)
    with pytest.raises(NotEnoughData, match="none of the features"):
        weighted_drift.compute(stepped(1, 200), stepped(2, 200), importance='{"gone": 1}')


def test_without_drift_the_weighted_drift_is_fine() -> None:
    stats = [
        weighted_drift.compute(stepped(2 * i, 2000), stepped(2 * i + 1, 500)) for i in range(20)
    ]
    limit = default_limit(weighted_drift, None)
    assert not any(
        judge(stat, limit).verdict in (Verdict.WARNING, Verdict.CRITICAL) for stat in stats
    )
    large = weighted_drift.compute(stepped(1, 5000), stepped(2, 5000))
    assert judge(large, limit).verdict is Verdict.OK
    moved = weighted_drift.compute(stepped(1, 2000), stepped(2, 2000, shift=1.0))
    assert judge(moved, limit).verdict is Verdict.CRITICAL
