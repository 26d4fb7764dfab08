"""Doubts: columns that can hardly be what they are named as, by the first rows of a period."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from checks.grid import Floats
from checks.text import figure
from monitor.sources import Columns, Horizon, Source
from monitor.sources._arrow import family, hashes, plain, short_texts
from monitor.sources._reading import NUMBER_TEXT
from monitor.windows import Window

LOOKED_AT = 20_000
"""Rows of a period that are looked at, in the order in which they are read."""

_FEWEST = 100
_OF_CLASSES = ("binary", "multiclass")
_FEW, _NEARLY_ALL, _MANY = 0.5, 0.9, 50


def doubts(
    source: Source, columns: Columns, task: str, period: Window, horizon: Horizon
) -> tuple[str, ...]:
    """A sentence for each column that cannot be meant, with the way out.

    Of fewer than a hundred rows nothing is said, nor of labels that lie apart from the log.

    Raises:
        SourceError: the log cannot be read.
    """
    named = columns.id, columns.label, columns.score, columns.weight
    names = tuple(filter(None, named))
    cells = _first(source, names, columns, period, horizon) if names else {}
    return tuple(
        f"columns.{key}: {name!r} {said}" for key, name, said in _said(cells, columns, task) if said
    )


def _first(
    source: Source, names: tuple[str, ...], columns: Columns, period: Window, horizon: Horizon
) -> dict[str, pa.Array]:
    """The cells of the first rows, of the columns that all of these have."""
    parts: list[pa.RecordBatch] = []
    for batch in source.rows(names, columns, period, horizon):
        parts.append(batch.slice(0, LOOKED_AT - sum(map(len, parts))))
        if sum(map(len, parts)) >= LOOKED_AT:
            break
    alike = [part for part in parts if part.schema.equals(parts[0].schema)]
    return {
        name: plain(pa.chunked_array([part.column(name) for part in alike]))
        for name in names
        if alike and name in alike[0].schema.names
    }


def _said(
    cells: dict[str, pa.Array], columns: Columns, task: str
) -> Iterator[tuple[str, str, str]]:
    there = {name: array.drop_null() for name, array in cells.items()}
    enough = {name: array for name, array in there.items() if len(array) >= _FEWEST}
    if columns.weight in enough:
        yield "weight", columns.weight, _of_weight(enough[columns.weight])
    if columns.id in enough:
        yield "id", columns.id, _of_id(enough[columns.id])
    if columns.score in enough and task in _OF_CLASSES:
        yield "score", columns.score, _of_score(enough[columns.score])
    if columns.label in enough and task in _OF_CLASSES:
        yield "label", columns.label, _of_label(enough[columns.label])


def _of_weight(array: pa.Array) -> str:
    if 2 * len(_numbers(array)) > len(array):
        return ""
    example = short_texts(array.slice(0, 1))[0]
    return f"holds text such as {example!r}, and a weight is a number: name a column of numbers"


def _of_id(array: pa.Array) -> str:
    values = len(np.unique(hashes(array)[0]))
    if values >= _FEW * len(array):
        return ""
    return (
        f"has {values:,} values in the first {len(array):,} rows, and of rows with one id only the "
        "last counts: name a column that is different in each row, or leave id out"
    )


def _of_score(array: pa.Array) -> str:
    numbers = _numbers(array)
    outside = int(np.count_nonzero((numbers < 0.0) | (numbers > 1.0)))
    if not outside:
        return ""
    return (
        f"reaches from {figure(numbers.min())} to {figure(numbers.max())}, and a score is the "
        f"probability of the class, from 0 to 1: {outside:,} of {len(array):,} rows count without "
        "one; log the probability, or leave score out"
    )


def _of_label(array: pa.Array) -> str:
    values = len(np.unique(hashes(array)[0]))
    if values <= _MANY or values < _NEARLY_ALL * len(array):
        return ""
    return (
        f"has {values:,} values in the first {len(array):,} rows, which classes have not: name the "
        'column of the true class, or write task = "regression" where it is an amount'
    )


def _numbers(array: pa.Array) -> Floats:
    """The finite numbers among the cells."""
    if pa.types.is_dictionary(array.type):
        array = plain(array.dictionary_decode())
    if family(array.type) == "text":
        array = pc.utf8_trim_whitespace(array)
        array = array.filter(pc.match_substring_regex(array, NUMBER_TEXT))
    elif family(array.type) not in ("number", "boolean"):
        return np.empty(0)
    numbers: Floats = np.asarray(array.cast(pa.float64(), safe=False))
    return np.asarray(numbers[np.isfinite(numbers)])
