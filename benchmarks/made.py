"""Logs made from a seed: the columns of a binary model, a chunk of rows at a time."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

if TYPE_CHECKING:
    from numpy.typing import NDArray

REFERENCE_DAY = datetime(2026, 3, 1, tzinfo=UTC)
CURRENT_DAY = datetime(2026, 3, 2, tzinfo=UTC)
CHUNK = 250_000
_DAY = 86_400_000_000  # microseconds
_SHAPES = 6


def feature(number: int, rng: np.random.Generator, rows: int, shift: float) -> NDArray[np.float64]:
    """The values of one feature; six shapes follow one another."""
    normal: NDArray[np.float64] = rng.normal(shift if number < _SHAPES // 2 else 0.0, 1.0, rows)
    match number % _SHAPES:
        case 1:
            return np.exp(normal)
        case 2:
            return np.rint(normal * 20)
        case 3:
            return np.where(rng.random(rows) < 0.7, 0.0, np.exp(normal))
        case 4:
            return np.round(normal * 50 + 1e4, 2)
        case 5:
            return np.divide(normal, np.abs(rng.normal(0.0, 1.0, rows)).clip(1e-3))
        case _:
            return normal


def chunks(side: str, rows: int, features: int) -> Iterator[pa.Table]:
    """The rows of a side, ascending in time over one day; of the current one some have drifted."""
    day, seed, shift = (REFERENCE_DAY, 1, 0.0) if side == "reference" else (CURRENT_DAY, 2, 0.3)
    rng = np.random.default_rng(seed)
    for first in range(0, rows, CHUNK):
        numbers = np.arange(first, min(first + CHUNK, rows))
        yield table(side, day, numbers, rows, features, rng, shift)


def table(
    side: str,
    start: datetime,
    numbers: NDArray[np.int64],
    a_day: int,
    features: int,
    rng: np.random.Generator,
    shift: float = 0.0,
) -> pa.Table:
    """The rows of these numbers, of which there are so many a day."""
    rows = len(numbers)
    us = int(start.timestamp()) * 1_000_000 + numbers * _DAY // a_day
    columns: dict[str, pa.Array] = {
        "timestamp": pa.array(us, pa.timestamp("us", "UTC")),
        "prediction_id": pa.array([f"{side[0]}{number:09}" for number in numbers]),
    }
    for i in range(features):
        mask = rng.random(rows) < 0.02 if i % 3 == 0 else None
        columns[f"f{i:02}"] = pa.array(feature(i, rng, rows, shift), mask=mask)
    score = rng.beta(2.0, 5.0, rows)
    columns["score"] = pa.array(score)
    columns["prediction"] = pa.array((score > 0.5).astype(np.int64))
    columns["label"] = pa.array((rng.random(rows) < score).astype(np.int64))
    return pa.table(columns)


def write_parquet(side: str, rows: int, target: Path, features: int = 30) -> None:
    """Write a side to a file."""
    writer = None
    for each in chunks(side, rows, features):
        writer = writer or pq.ParquetWriter(target, each.schema, use_dictionary=False)
        writer.write_table(each)
    assert writer is not None
    writer.close()
