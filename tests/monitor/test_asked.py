"""Profiles of several columns are kept where a check asks, from configuration to finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from checks.check import Stat, catalogue, check
from checks.joint import FourierMeans, JointMoments
from checks.sample import RowSample
from checks.verdict import Limit, Verdict
from monitor.config import load
from monitor.evaluate import Rule
from monitor.findings import Finding
from monitor.learn import learn
from monitor.oneoff import Comparison, compare
from monitor.planning import Outlook
from monitor.sources import Columns, Horizon
from monitor.sources._frame import Source

NOW = datetime(2024, 6, 1, tzinfo=UTC)
MMD, CORRELATIONS = catalogue()["mmd"], catalogue()["correlation_shift"]


@check(RowSample, default=False)
def rows_kept(reference: RowSample, current: RowSample) -> Stat:
    """Rows in the sample of the current window."""
    return Stat(float(current.n), n_reference=reference.n, n_current=current.n)


def frame(seed: int, rows: int = 4000, *, broken: bool = False, shift: float = 0.0) -> pd.DataFrame:
    """Three numbers, the first two of which go together unless that is broken."""
    rng = np.random.default_rng(seed)
    a, noise, c = rng.normal(size=(3, rows))
    partner = rng.permutation(a) if broken else a
    return pd.DataFrame(
        {"a": a + shift, "b": partner + noise, "c": c, "kind": rng.choice(["u", "v"], rows)}
    )


def compared(then: pd.DataFrame, now: pd.DataFrame, *rules: Rule) -> Comparison:
    frames = Source.of(then, "reference"), Source.of(now, "current")
    return compare("x", *frames, Columns(), Outlook(), NOW, rules)


def only(result: Comparison) -> Finding:
    (finding,) = result.findings
    return finding


def test_nothing_is_kept_unless_a_check_asks() -> None:
    result = compared(frame(1), frame(2), Rule(catalogue()["ks"]))
    assert result.baseline.plan.multivariate is None
    assert result.portrait.multivariate is None


def test_what_is_kept_is_what_the_checks_ask_for() -> None:
    plan = compared(frame(1), frame(2), Rule(MMD)).baseline.plan.multivariate
    assert plan is not None
    assert (plan.columns, plan.moments, plan.waves, plan.rows) == (("a", "b", "c"), False, 100, 0)
    assert plan.bandwidth > 1.0
    result = compared(frame(1), frame(2), Rule(CORRELATIONS), Rule(rows_kept))
    plan = result.baseline.plan.multivariate
    assert plan is not None
    assert (plan.moments, plan.waves, plan.rows) == (True, 0, 5000)
    assert plan.categories == ("kind",)


def test_a_broken_correlation_is_one_finding_that_names_the_pair() -> None:
    rule = Rule(CORRELATIONS, limit=Limit(4.0, 8.0, "above", "config"))
    assert only(compared(frame(1), frame(2), rule)).verdict is Verdict.OK
    found = only(compared(frame(1), frame(2, broken=True), rule))
    assert (found.verdict, found.column, found.cause) == (Verdict.CRITICAL, "", "features")
    assert found.stat is not None
    assert found.stat.where.startswith("a and b: 0.7")


def test_a_joint_shift_is_one_finding() -> None:
    rule = Rule(MMD, limit=Limit(0.005, 0.05, "above", "config"))
    assert only(compared(frame(1), frame(2), rule)).verdict is Verdict.OK
    assert only(compared(frame(1), frame(2, shift=0.5), rule)).verdict is Verdict.WARNING
    assert only(compared(frame(1), frame(2, shift=3.0), rule)).verdict is Verdict.CRITICAL


def test_a_check_of_ones_own_gets_a_sample_of_rows() -> None:
    found = only(compared(frame(1, 20_000), frame(2, 9000), Rule(rows_kept)))
    assert found.stat is not None
    assert (found.value, found.stat.n_reference) == (5000.0, 5000)


def test_without_numbers_the_check_says_that_nothing_is_kept() -> None:
    text = pd.DataFrame({"kind": ["u", "v"] * 200, "n": [1.0] * 400})
    result = compared(text, text, Rule(MMD))
    found = only(result)
    assert found.verdict in (Verdict.NO_DATA, Verdict.INSUFFICIENT)
    assert "nothing is kept of several columns" in found.reason
    assert any("no numeric feature varies" in notice for notice in result.notices)


def test_more_than_two_hundred_numbers_are_said() -> None:
    rng = np.random.default_rng(3)
    wide = pd.DataFrame(rng.normal(size=(300, 210)), columns=[f"c{i:03}" for i in range(210)])
    result = compared(wide, wide, Rule(CORRELATIONS))
    plan = result.baseline.plan.multivariate
    assert plan is not None
    assert plan.columns == tuple(f"c{i:03}" for i in range(200))
    assert any("the first 200 by name" in notice for notice in result.notices)


CONFIG = """
[models.shop]
every = "1d"
[models.shop.source]
type = "parquet"
path = "log.parquet"
[models.shop.columns]
timestamp = "at"
[models.shop.reference]
from = 2024-01-01
to = 2024-01-05
[models.shop.checks]
{checks}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = frame(5)
    start = datetime(2024, 1, 1, tzinfo=UTC)
    rows["at"] = [start + timedelta(minutes=2 * i) for i in range(len(rows))]
    rows.to_parquet(tmp_path / "log.parquet")
    return tmp_path


def written(folder: Path, checks: str) -> Path:
    path = folder / "monitor.toml"
    path.write_text(CONFIG.format(checks=checks))
    return path


def test_a_configured_check_decides_what_the_baseline_keeps(folder: Path) -> None:
    horizon = Horizon(NOW, NOW)
    plain = load(written(folder, "")).model("shop")
    baseline, _ = learn(plain, horizon)
    assert baseline.plan.multivariate is None
    checks = "mmd = true\ncorrelation_shift = { critical = 6.0 }"
    asked = load(written(folder, checks)).model("shop")
    baseline, _ = learn(asked, horizon)
    plan = baseline.plan.multivariate
    assert plan is not None
    assert (plan.columns, plan.moments, plan.waves) == (("a", "b", "c"), True, 100)
    for portrait in baseline.portraits.values():
        assert portrait.multivariate is not None
        assert isinstance(portrait.multivariate.fourier, FourierMeans)
        assert isinstance(portrait.multivariate.moments, JointMoments)
        assert portrait.multivariate.sample is None


def test_asking_makes_a_new_baseline_due_and_limits_do_not(folder: Path) -> None:
    recipes = [
        load(written(folder, checks)).model("shop").recipe
        for checks in ("", "ks = false", "mmd = true", "mmd = { warning = 0.1 }")
    ]
    assert recipes[0] == recipes[1] != recipes[2] == recipes[3]
