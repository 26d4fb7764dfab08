from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.stats

import monitor
from checks.plan import NumericPlan
from checks.profile import NumericProfile
from checks.verdict import Verdict
from monitor.findings import WHOLE


def frame(seed: int, moved: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    near, far = rng.normal(size=20_000), rng.normal(1e6 + moved, 1.0, 20_000)
    both = rng.permutation(np.concatenate((near, far)))
    return pd.DataFrame({"both": both, "near": rng.normal(size=40_000)})


def test_a_far_mode_that_moves_drifts_from_frame_to_finding() -> None:
    then, now = frame(1, 0.0), frame(2, 1.0)
    result = monitor.drift(then, now)
    plan = result.comparison.baseline.plan.columns
    assert isinstance(plan["both"], NumericPlan)
    assert isinstance(plan["near"], NumericPlan)
    assert plan["both"].edges
    assert plan["near"] == NumericPlan(plan["near"].centre, exact=0)
    found = {(each.column, each.check): each for each in result.findings}
    truth = scipy.stats.ks_2samp(then["both"], now["both"]).statistic
    assert found["both", "ks"].value == pytest.approx(truth, abs=2e-3)
    assert found["both", "ks"].verdict is Verdict.WARNING
    assert found["both", "wasserstein"].stat is not None
    assert "bounded" in found["both", "wasserstein"].stat.where
    assert found["near", "ks"].verdict is Verdict.OK
    for portrait in (result.comparison.portrait, result.comparison.baseline.portraits[WHOLE]):
        for profile in portrait.columns.values():
            assert isinstance(profile, NumericProfile)
            assert profile.exact is None
    assert "both" in result.to_html()
