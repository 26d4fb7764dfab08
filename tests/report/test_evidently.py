"""Evidently's own report: what it is given, and what is said where it cannot be made."""

from __future__ import annotations

import os
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.report._evidently_child import plain, usable
from monitor.report.evidently import EvidentlyFailed, evidently_html

ROWS = 600


@pytest.fixture
def frames():
    """Two sides with all that makes Evidently raise."""
    place = np.arange(ROWS)
    reference = pd.DataFrame(
        {
            "age": place % 50 + 20.0,
            "rich": pd.array(place % 7, dtype="Float64"),
            "plan": np.where(place % 3, "a", "b"),
            "flag": place % 4 == 0,
            "empty_now": place * 1.0,
            "gone": place * 1.0,
            "mixed": [str(each) for each in place],
        }
    )
    current = reference.drop(columns="gone").assign(empty_now=np.nan)
    current["age"] += 30
    current.loc[3, "mixed"] = "N/A"
    return reference, current


def test_columns_that_would_end_its_report_are_left_out_with_a_reason(frames):
    numeric = ["age", "rich", "empty_now", "gone", "mixed", "nowhere"]
    kinds, left_out = usable(*frames, numeric, ["plan", "flag"])
    assert kinds == {
        "age": "numeric",
        "rich": "numeric",
        "plan": "categorical",
        "flag": "categorical",
    }
    assert left_out == [
        "empty_now: left out of Evidently's report (current: no values)",
        "gone: left out of Evidently's report (current: there is no such column)",
        "mixed: left out of Evidently's report (current: some cells are not numbers)",
        (
            "nowhere: left out of Evidently's report (reference: there is no such column; "
            "current: there is no such column)"
        ),
    ]


def test_an_empty_side_leaves_no_column(frames):
    kinds, left_out = usable(frames[0], frames[1].head(0), ["age"], ["plan"])
    assert kinds == {}
    assert len(left_out) == 2


def test_rich_types_become_plain_ones(frames):
    kinds = {"age": "numeric", "rich": "numeric", "plan": "categorical", "flag": "categorical"}
    made = plain(frames[0], kinds)
    assert [str(dtype) for dtype in made.dtypes] == ["float64", "float64", "object", "object"]
    assert set(made["flag"]) == {"True", "False"}


@pytest.mark.skipif(find_spec("evidently") is not None, reason="evidently is installed")
def test_without_evidently_one_sentence_names_the_extra(tmp_path):
    with pytest.raises(EvidentlyFailed) as failure:
        evidently_html(tmp_path, tmp_path, tmp_path, numeric=["age"], categorical=[])
    assert str(failure.value) == (
        "evidently is not installed; install modelmon with its extra: "
        "pip install 'modelmon[evidently]'"
    )


@pytest.fixture
def files(frames, tmp_path):
    if find_spec("evidently") is None:
        said = "the extra 'evidently' is not installed"
        if os.environ.get("MODELMON_REQUIRE_EVIDENTLY") == "1":
            pytest.fail(f"{said}, and MODELMON_REQUIRE_EVIDENTLY=1")
        pytest.skip(said)
    paths = (tmp_path / "reference.parquet", tmp_path / "current.parquet")
    for frame, path in zip(frames, paths, strict=True):
        pq.write_table(pa.Table.from_pandas(frame), path)
    return paths


def test_evidently_writes_its_report_on_what_it_can_take(files, tmp_path):
    output = tmp_path / "evidently.html"
    numeric = ["age", "rich", "empty_now", "gone", "mixed"]
    left_out = evidently_html(*files, output, numeric=numeric, categorical=["plan", "flag"])
    assert [said.partition(":")[0] for said in left_out] == ["empty_now", "gone", "mixed"]
    assert "age" in output.read_text()
    assert not list(tmp_path.glob("*.part"))


def test_evidently_without_a_column_to_compare_says_so(files, tmp_path):
    with pytest.raises(EvidentlyFailed, match="no column is left to compare; empty_now"):
        evidently_html(*files, tmp_path / "e.html", numeric=["empty_now"], categorical=[])


def test_evidently_is_stopped_when_its_time_is_up(files, tmp_path):
    with pytest.raises(EvidentlyFailed, match="was stopped after 0 s; give it fewer rows"):
        evidently_html(*files, tmp_path / "e.html", numeric=["age"], categorical=[], timeout=0.05)
