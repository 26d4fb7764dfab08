"""The split of a changed loss by segments, against the algebra and a bootstrap of the rows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks.check import NotEnoughData, Stat
from checks.mix import change_within_segments, mix_shift
from checks.outcome import BinaryOutcome, RegressionOutcome
from checks.outcome_classes import MulticlassOutcome
from checks.plan import BinaryPlan, MulticlassPlan, RegressionPlan
from checks.strata import OTHERS, Lossy, Strata

ROWS = arrays.arrays(np.int64, (3, 2), elements=st.integers(0, 500))


def strata(counts: np.ndarray, wrong: np.ndarray) -> Strata:
    loss = np.asarray(wrong, np.float64)
    return Strata(("a", "b", "c")[: len(loss)], np.asarray(counts), loss, loss)


def both(then: Strata, now: Strata) -> tuple[Stat, Stat]:
    return mix_shift.compute(then, now), change_within_segments.compute(then, now)


def mean(side: Strata) -> float:
    return float(side.loss.sum() / side.counts.sum())


@given(ROWS, ROWS)
def test_both_parts_are_the_whole_change_exactly(then: np.ndarray, now: np.ndarray) -> None:
    sides = [strata(side.sum(axis=1), side[:, 0]) for side in (then, now)]
    assume(all(side.labelled >= 50 for side in sides))
    assume(((sides[0].counts + sides[1].counts) > 0).sum() >= 2)
    mix, within = both(*sides)
    assert mix.value + within.value == pytest.approx(mean(sides[1]) - mean(sides[0]), abs=1e-12)


@given(ROWS)
def test_shares_alone_and_losses_alone_have_each_their_part(side: np.ndarray) -> None:
    counts = side.sum(axis=1) + 1
    then = strata(counts, side[:, 0])
    assume(then.labelled >= 50)
    worse = Strata(then.names, then.counts, then.loss + 0.25 * counts, then.squares + counts)
    mix, within = both(then, worse)
    assert (mix.value, within.value) == pytest.approx((0.0, 0.25), abs=1e-12)
    scaled = strata(counts * np.array([1, 2, 7]), side[:, 0] * np.array([1, 2, 7]))
    assert both(then, scaled)[1].value == pytest.approx(0.0, abs=1e-12)


def test_the_split_of_kitagawa_by_hand() -> None:
    then, now = strata([500, 500], [50, 150]), strata([200, 800], [40, 320])
    # Shares .5 -> .2 and .5 -> .8; losses .1 -> .2 and .3 -> .4.
    mix, within = both(then, now)
    assert mix.value == pytest.approx(-0.3 * 0.15 + 0.3 * 0.35)
    assert within.value == pytest.approx(0.1)
    assert mix.scale == pytest.approx(0.2)
    assert mix.where.startswith("+0.16 in all, +0.06 of it by shares and +0.1 within segments")
    assert "most by b" in within.where
    assert "loss 0.3 -> 0.4" in within.where


def test_the_intervals_are_those_of_a_bootstrap() -> None:
    rng = np.random.default_rng(3)
    counts, p = ([700, 250, 50], [900, 500, 300]), ([0.1, 0.2, 0.5], [0.12, 0.25, 0.5])
    cells = []
    for side in (0, 1):
        wrong = np.rint(np.array(counts[side]) * p[side])
        cells.append(np.column_stack((wrong, counts[side] - wrong)))
    stats = both(*(strata(cell.sum(axis=1), cell[:, 0]) for cell in cells))
    draws = []
    for _ in range(1500):
        drawn = []
        for cell in cells:
            total = int(cell.sum())
            one = rng.multinomial(total, cell.ravel() / total).reshape(3, 2)
            drawn.append(strata(one.sum(axis=1), one[:, 0]))
        draws.append([stat.value for stat in both(*drawn)])
    for stat, deviation in zip(stats, np.std(draws, axis=0), strict=True):
        assert stat.low is not None
        assert stat.high is not None
        assert (stat.high - stat.low) / 2.0 / 1.96 == pytest.approx(deviation, rel=0.08)


def test_simpsons_paradox_is_said() -> None:
    # Kidney stones (Charig et al. 1986), failures: better on either size, worse in all.
    then, now = strata([87, 263], [6, 71]), strata([87, 263], [6, 71])
    assert "Simpson" not in mix_shift.compute(then, now).where
    then, now = strata([8000, 2000], [800, 800]), strata([2000, 8000], [160, 2800])
    mix, within = both(then, now)
    assert mean(now) > mean(then)
    assert within.value < 0.0
    for stat in (mix, within):
        assert stat.where.endswith("Simpson's paradox: better in every segment, worse in all")
    turned = mix_shift.compute(now, then)
    assert turned.where.endswith("Simpson's paradox: worse in every segment, better in all")


def test_chance_is_no_paradox() -> None:
    rng = np.random.default_rng(4)
    said = 0
    for _ in range(300):
        sides = []
        for _ in (0, 1):
            counts = rng.multinomial(1000, (0.5, 0.5))
            sides.append(strata(counts, rng.binomial(counts, (0.1, 0.3))))
        said += "Simpson" in mix_shift.compute(*sides).where
    assert said == 0


def test_a_segment_that_is_new_counts_as_a_change_of_shares() -> None:
    then, now = strata([500, 0], [50, 0]), strata([500, 500], [50, 250])
    mix, within = both(then, now)
    assert (mix.value, within.value) == pytest.approx((0.2, 0.0))
    assert mix.low is not None
    assert mix.low > 0.0
    assert "most by b (+0." in mix.where


@pytest.mark.parametrize("check", [mix_shift, change_within_segments], ids=lambda c: c.name)
def test_what_is_short_is_said(check) -> None:
    enough = strata([300, 300], [30, 60])
    with pytest.raises(NotEnoughData, match="49 labels in the current window, 50 needed"):
        check.compute(enough, strata([40, 9], [4, 2]))
    with pytest.raises(NotEnoughData, match="49 labels in the reference, 50 needed"):
        check.compute(strata([40, 9], [4, 2]), enough)
    with pytest.raises(NotEnoughData, match="all labels are of one segment"):
        check.compute(strata([300, 0], [30, 0]), strata([300, 0], [30, 0]))


def test_segments_and_what_they_leave_are_the_whole_of_every_task() -> None:
    rng = np.random.default_rng(5)
    group, truth = rng.integers(0, 3, 900), rng.integers(0, 2, 900)
    told = np.where(rng.random(900) < 0.8, truth, 1 - truth)
    amounts = rng.normal(size=900), rng.normal(size=900)
    binary, several, plain = BinaryPlan("1", "0"), MulticlassPlan(("x", "y")), RegressionPlan()
    cases: list[tuple[np.ndarray, list[Lossy]]] = []
    chosen = [np.ones(900, bool), group == 0, group == 1]
    wrong = (told != truth).astype(float)
    cases.append((wrong, [BinaryOutcome.of(binary, told[c], truth[c]) for c in chosen]))
    cases.append((wrong, [MulticlassOutcome.of(several, told[c], truth[c]) for c in chosen]))
    errors = np.abs(amounts[0] - amounts[1])
    cases.append(
        (errors, [RegressionOutcome.of(plain, amounts[0][c], amounts[1][c]) for c in chosen])
    )
    for loss, (whole, *parts) in cases:
        found = Strata.of(whole, dict(zip("ab", parts, strict=True)))
        assert found.names == ("a", "b", OTHERS)
        assert found.counts.tolist() == np.bincount(group).tolist()
        np.testing.assert_allclose(found.loss, np.bincount(group, loss))
        np.testing.assert_allclose(found.squares, np.bincount(group, loss**2))
