from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow.csv import write_csv

from monitor.sources import ALL_TIME, Columns, Source, csv, parquet
from monitor.sources._doubts import doubts
from tests.sources.logs import LATER, at

ROWS = 1000
COLUMNS = Columns("at", "id", score="score", label="label", weight="weight")
USUAL: dict[str, list[Any]] = {
    "at": [at(place / 10) for place in range(ROWS)],
    "id": [f"r{place}" for place in range(ROWS)],
    "score": [place / ROWS for place in range(ROWS)],
    "label": [place % 3 for place in range(ROWS)],
    "weight": [1 + place % 4 for place in range(ROWS)],
}


@pytest.fixture(params=["parquet", "csv"])
def said(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """What is said of the usual log with some columns replaced."""

    def of(task: str = "multiclass", **changed: list[Any]) -> list[str]:
        table = pa.table(USUAL | changed)
        source: Source
        if request.param == "csv":
            write_csv(table, tmp_path / "log.csv")
            source = csv.Source(tmp_path / "log.csv")
        else:
            pq.write_table(table, tmp_path / "log.parquet", row_group_size=300)
            source = parquet.Source(tmp_path / "log.parquet")
        return list(doubts(source, COLUMNS, task, ALL_TIME, LATER))

    return of


def test_of_a_usual_log_nothing_is_said(said: Any) -> None:
    assert said() == []
    assert said(score=[None] * ROWS, weight=[None] * ROWS) == []


@pytest.mark.parametrize(
    ("column", "cells", "words"),
    [
        ("weight", ["heavy", "light"] * 500, "columns.weight: 'weight' holds text such as 'heavy'"),
        ("id", ["a", "b", "c", "d"] * 250, "columns.id: 'id' has 4 values in the first 1,000 rows"),
        ("score", [place / 10 - 3 for place in range(ROWS)], "'score' reaches from -3 to 96.9"),
        ("label", [f"{place}.5" for place in range(ROWS)], "'label' has 1,000 values"),
    ],
)
def test_a_column_that_cannot_be_meant_is_said_in_one_sentence(
    said: Any, column: str, cells: list[Any], words: str
) -> None:
    (sentence,) = said(**{column: cells})
    assert words in sentence
    assert ": name " in sentence or "; log the probability" in sentence


def test_amounts_are_no_classes_and_scores_of_rankers_no_probabilities(said: Any) -> None:
    cells = [place / 10 - 3 for place in range(ROWS)]
    assert said("ranking", score=cells) == []
    assert said("regression", label=cells) == []


def test_few_rows_tell_nothing_and_no_more_than_some_are_read(tmp_path: Path) -> None:
    path = tmp_path / "log.parquet"
    few = {name: cells[:99] for name, cells in USUAL.items()}
    pq.write_table(pa.table(few | {"id": ["a"] * 99}), path)
    assert doubts(parquet.Source(path), COLUMNS, "multiclass", ALL_TIME, LATER) == ()
    late = pa.table({"id": [str(min(place, 20_000)) for place in range(80_000)]})
    pq.write_table(late, path)
    alone = Columns(id="id")
    assert doubts(parquet.Source(path), alone, "none", ALL_TIME, LATER) == ()
