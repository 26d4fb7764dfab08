"""Which roles a first look at a log gives its columns."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from monitor.config import load
from monitor.scaffold import scaffold


def looked(folder: Path, **columns: Sequence[object]) -> tuple[str, tuple[str, ...]]:
    """The configuration for a log of 100 hours with these columns, which repeat their cells."""
    rows = 1000
    times = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=6) * at for at in range(rows)]
    parts = {
        name: [cells[at % len(cells)] for at in range(rows)] for name, cells in columns.items()
    }
    pq.write_table(pa.table({"ts": times, **parts}), folder / "log.parquet")
    return scaffold(str(folder / "log.parquet"), "m", folder)


@pytest.mark.parametrize("name", ["churned", "Churn", "is_fraud", "outcome", "default", "clicked"])
@pytest.mark.parametrize("cells", [[0, 1, 0], [True, False], ["no", "yes", None]])
def test_a_column_of_two_values_that_models_predict_is_the_label(
    name: str, cells: list[object], tmp_path: Path
) -> None:
    text, _ = looked(tmp_path, prediction=cells, **{name: cells})
    table = tomllib.loads(text)["models"]["m"]
    assert (table["task"], table["columns"]["label"]) == ("binary", name)


def test_one_of_many_values_is_none_and_late_labels_without_one_are_noted(tmp_path: Path) -> None:
    late = [datetime(2026, 2, 1, tzinfo=UTC)]
    text, notices = looked(tmp_path, score=[0.1, 0.7], result=[1, 2, 3], label_timestamp=late)
    table = tomllib.loads(text)["models"]["m"]
    assert "label" not in table["columns"]
    assert "result" in table["columns"]["numeric"]
    assert any(each.startswith("label_timestamp: tells when labels came") for each in notices)


def test_truth_is_a_label_whatever_it_holds(tmp_path: Path) -> None:
    text, _ = looked(tmp_path, prediction=[1.5, 2.0, 7.5], truth=[1.25, 2.5, 7.0])
    assert tomllib.loads(text)["models"]["m"]["task"] == "regression"


def test_scores_of_all_classes_are_suggested(tmp_path: Path) -> None:
    told = {"prediction": ["a", "b", "c d"], "label": ["a", "b", "c d"]}
    shares = {"p_a": [0.5, 0.2], "p_B": [0.3, 0.1], "p_c d": [0.2, 0.7]}
    text, _ = looked(tmp_path, **told, **shares)
    line = '# scores = { "a" = "p_a", "b" = "p_B", "c d" = "p_c d" }'
    assert line in text.splitlines()
    path = tmp_path / "monitor.toml"
    path.write_text(re.sub(f"(?m)^{re.escape(line)}", line.removeprefix("# "), text))
    assert load(path).models["m"].columns.scores == {"a": "p_a", "b": "p_B", "c d": "p_c d"}
