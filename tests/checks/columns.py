"""The shared prediction logs as column profiles, with what other tools say of each week."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from checks.plan import EXACT_VALUES, MOST_ATOMS, MOST_LEVELS, CategoricalPlan, NumericPlan
from checks.profile import CategoricalProfile, NumericProfile
from checks.text import canonical
from tests.checks.logs import SHARED

LOGS = ("elec2", "bike_sharing", "hotel_booking")

Column = NumericProfile | CategoricalProfile


@dataclass(frozen=True)
class ColumnLog:
    """Profiles of each column: of the reference, and of each week by its first day."""

    reference: Mapping[str, Column]
    weeks: Mapping[str, Mapping[str, Column]]
    expected: Mapping[str, Any]

    def pairs(self, kind: str) -> list[tuple[str, str]]:
        """Weeks and columns whose drift must, or must not, be flagged."""
        return [tuple(pair) for pair in self.expected["verdict"][f"drift_{kind}"]]

    def distances(self) -> list[tuple[str, str, Mapping[str, float]]]:
        """Week, column and distances by other tools."""
        return [
            (week, column, known)
            for week, chunk in self.expected["chunks"].items()
            for column, known in chunk["columns"].items()
            if column in self.reference
        ]


@cache
def column_log(name: str, exact: int = EXACT_VALUES) -> ColumnLog:
    folder = SHARED / "data"
    meta = json.loads((folder / f"{name}.meta.json").read_text())
    expected = json.loads((folder / f"{name}.expected.json").read_text())
    table = pq.read_table(folder / meta["file"])
    days = table["timestamp"].to_numpy().astype("datetime64[D]")
    before = days < np.datetime64(meta["reference_until"][:10])
    weeks = {
        week: ~before & (days >= np.datetime64(week)) & (days < np.datetime64(week) + 7)
        for week in expected["chunks"]
    }
    classes = {"prediction"} if meta["task"] == "binary" else set()
    numbers = {*meta["features_numeric"], *meta["score_columns"], "prediction"} - classes
    profiles = {
        column: _counter(table[column].to_numpy(zero_copy_only=False), before, exact)
        if column in numbers
        else _levels([canonical(one) for one in table[column].to_pylist()], before)
        for column in sorted({*numbers, *classes, *meta["features_categorical"]})
    }
    return ColumnLog(
        {column: of(before) for column, of in profiles.items()},
        {w: {column: of(rows) for column, of in profiles.items()} for w, rows in weeks.items()},
        expected,
    )


def numeric_plan(values: np.ndarray, exact: int = EXACT_VALUES) -> NumericPlan:
    """The plan of a column whose reference holds these values."""
    distinct, counts = np.unique(values, return_counts=True)
    heavy = [i for i in np.argsort(-counts, kind="stable") if counts[i] > 0.005 * len(values)]
    atoms = tuple(float(value) for value in distinct[heavy[:MOST_ATOMS]])
    return NumericPlan(float(np.float32(np.median(values))), 0, atoms, exact)


def _counter(
    values: np.ndarray, reference: np.ndarray, exact: int
) -> Callable[[np.ndarray], NumericProfile]:
    doubles = values.astype(np.float64)
    plan = numeric_plan(doubles[reference], exact)
    return lambda rows: NumericProfile.of(doubles[rows], plan)


def _levels(texts: list[str], reference: np.ndarray) -> Callable[[np.ndarray], CategoricalProfile]:
    levels = np.array(texts, object)
    ranked = Counter(levels[reference]).most_common()
    plan = CategoricalPlan(
        tuple(level for level, _ in ranked[:MOST_LEVELS]), len(ranked) <= MOST_LEVELS
    )
    return lambda rows: CategoricalProfile.of(Counter(levels[rows]), plan)
