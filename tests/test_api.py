"""The notebook interface: two frames in, a result that shows itself out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import monitor
from monitor.sources import SourceError


def frame(rows: int = 4000, seed: int = 1, shift: float = 0.0, rare: float = 0.5) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "age": rng.normal(40 + shift, 8, rows).round(1),
            "channel": rng.choice(["web", "shop"], rows, p=[1 - rare, rare]),
            "score": rng.uniform(size=rows),
            "label": rng.integers(0, 2, rows),
        }
    )


def test_nothing_drifts_between_two_samples_of_one_population() -> None:
    result = monitor.drift(frame(), frame(seed=2))
    assert result.drifted == ()
    assert {finding.verdict for finding in result.findings} == {"ok"}


def test_what_moved_is_named_and_its_numbers_are_those_of_scipy() -> None:
    then, now = frame(), frame(seed=2, shift=8.0, rare=0.9)
    before = now.copy(deep=True)
    result = monitor.drift(then, now)
    assert result.drifted == ("age", "channel")
    pd.testing.assert_frame_equal(now, before)
    table = result.to_frame().set_index(["check", "column"])
    expected = stats.ks_2samp(then["age"], now["age"]).statistic
    assert table.loc[("ks", "age"), "value"] == pytest.approx(expected, abs=1e-12)


def test_a_task_with_labels_compares_performance_too() -> None:
    result = monitor.drift(frame(), frame(seed=2), task="binary", score="score", label="label")
    checks = {finding.check for finding in result.findings}
    assert "roc_auc" in checks


def test_the_result_shows_itself() -> None:
    result = monitor.drift(frame(), frame(seed=2, shift=8.0))
    assert "age" in repr(result)
    page = result._repr_html_()
    assert page.startswith("<iframe")
    assert "<!doctype html" in result.to_html().lower()


def test_several_classes_are_compared_with_their_truth() -> None:
    rng = np.random.default_rng(3)
    truth = rng.choice(["cat", "dog", "fox"], 2000)
    then = pd.DataFrame({"prediction": np.where(rng.random(2000) < 0.9, truth, "cat"), "y": truth})
    now = then.assign(prediction=np.where(truth == "fox", "dog", then["prediction"]))
    result = monitor.drift(then, now, task="multiclass", label="y")
    verdicts = {f.check: str(f.verdict) for f in result.findings if f.cause == "performance"}
    assert verdicts == {"accuracy": "critical", "f1_macro": "critical"}


def test_mixed_columns_are_judged_and_not_fatal() -> None:
    now = frame(seed=2).astype({"age": object})
    now.loc[::2, "age"] = "unknown"
    result = monitor.drift(frame(), now)
    assert "age" in result.drifted


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (frame().head(0), "no rows"),
        (frame().rename(columns={"channel": "age"}), "two columns"),
    ],
)
def test_frames_that_cannot_be_compared_are_refused(wrong: pd.DataFrame, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        monitor.drift(frame(), wrong)


def test_a_misspelt_column_is_suggested() -> None:
    with pytest.raises(SourceError, match="did you mean 'age'"):
        monitor.drift(frame(), frame(seed=2), numeric=["agee"])
