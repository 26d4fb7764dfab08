"""Estimated loss: made logs of which it is known where the model is wrong, and how much."""

from __future__ import annotations

import json
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from checks.check import NotEnoughData
from checks.estimated_loss import estimated_loss
from checks.plan import MultivariatePlan
from checks.sample import RowSample

NANNYML = json.loads(Path(__file__).with_name("nannyml_dle.json").read_text())
PLAN = MultivariatePlan(("x", "z"), (0.0, 0.0), (1.0, 1.0), rows=5000)
MEAN = np.sqrt(2 / np.pi)  # of the absolute value of a standard normal number


def drawn(n, low, seed):
    """Amounts of which the error grows with x: its deviation is 0.5 + x."""
    rng = np.random.default_rng(seed)
    x, z = rng.uniform(low, 1.0, n), rng.normal(size=n)
    told = 3.0 * x + z
    return x, z, told, told + rng.normal(size=n) * (0.5 + x)


def sample(x, z, told, truth=None, *, plan=PLAN):
    ranks = np.random.default_rng(9).permutation(len(x)) / len(x)
    loss = None if truth is None else np.abs(told - truth)
    codes = np.zeros((len(x), 0), np.int64)
    return RowSample.of(ranks, np.column_stack((x, z)), codes, plan, loss, told)


@cache
def reference():
    return sample(*drawn(5000, 0.0, 1))


def estimate(*rows):
    return estimated_loss.compute(reference(), sample(*rows[:3]))


@pytest.mark.parametrize("low", [0.0, 0.5, 0.8])
def test_the_error_of_rows_where_the_model_is_bad_is_foreseen(low):
    stat = estimate(*drawn(4000, low, 2))
    assert stat.value == pytest.approx(MEAN * (0.5 + (1 + low) / 2), abs=0.04)
    assert stat.floor < stat.low < stat.value < stat.high < stat.ceiling
    assert "blind to concept drift" in stat.where
    assert (stat.n_reference, stat.n_current) == (5000, 4000)


@pytest.mark.parametrize("window", NANNYML["windows"], ids=lambda each: str(each["low"]))
def test_it_is_about_what_nannyml_estimates(window):
    """Other trees, fitted with other settings: a fiftieth apart, not the same digits."""
    rows = drawn(4000, window["low"], window["seed"])
    assert estimate(*rows).value == pytest.approx(window["mae"], rel=0.03)


def test_the_realised_error_lies_in_the_interval():
    inside = []
    for seed in range(60):
        x, z, told, truth = drawn(800, 0.4, 100 + seed)
        stat = estimate(x, z, told, truth)
        inside.append(stat.low <= np.abs(told - truth).mean() <= stat.high)
    assert np.mean(inside) >= 0.88


def test_labels_of_the_window_change_nothing():
    rows = drawn(1000, 0.3, 5)
    assert estimated_loss.compute(reference(), sample(*rows)) == estimate(*rows)


def test_it_is_in_the_unit_of_the_loss():
    x, z, told, truth = drawn(2000, 0.0, 1)
    large = estimated_loss.compute(
        sample(x, z, told, told + 1e6 * (truth - told)), sample(x, z, told)
    )
    small = estimated_loss.compute(sample(x, z, told, truth), sample(x, z, told))
    assert large.value == pytest.approx(1e6 * small.value, rel=1e-3)


def test_of_classes_it_is_the_share_of_wrong_ones():
    rng = np.random.default_rng(6)
    x, z = rng.uniform(0, 1, (2, 4000))
    wrong = (rng.random(4000) < x / 2).astype(float)
    then = RowSample.of(
        rng.permutation(4000) / 4000,
        np.column_stack((x, z)),
        np.zeros((4000, 0), np.int64),
        PLAN,
        wrong,
        x,
    )
    now = sample(np.full(1000, 0.9), rng.uniform(0, 1, 1000), np.full(1000, 0.9))
    assert estimated_loss.compute(then, now).value == pytest.approx(0.45, abs=0.05)


def test_missing_infinite_and_constant_values_are_no_obstacle():
    x, z, told, truth = drawn(1000, 0.0, 7)
    x[::7], z[::5], told[::11] = np.nan, np.inf, np.nan
    stat = estimated_loss.compute(sample(x, z, told, truth), sample(x, z, told))
    assert np.isfinite([stat.value, stat.low, stat.high]).all()
    perfect = sample(x, z, told, told)
    assert estimated_loss.compute(perfect, sample(x, z, told)).value == 0.0


def test_it_says_what_it_lacks(monkeypatch):
    x, z, told, truth = drawn(1000, 0.0, 8)
    with pytest.raises(NotEnoughData, match="has 0 labelled rows, 300 needed"):
        estimated_loss.compute(sample(x, z, told), sample(x, z, told))
    with pytest.raises(NotEnoughData, match="40 rows, 50 needed"):
        estimated_loss.compute(sample(x, z, told, truth), sample(x[:40], z[:40], told[:40]))
    monkeypatch.setitem(sys.modules, "sklearn.ensemble", None)
    with pytest.raises(NotEnoughData, match=r"modelmon\[classifier\]"):
        estimated_loss.compute(sample(x, z, told, truth), sample(x, z, told))
