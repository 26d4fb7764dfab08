"""Rows of requests: flat, with their ids and times, and as batches of Arrow columns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

import pyarrow as pa

from monitor.sources._jsonl import array_of
from monitor.sources._shapes import ID, TIMESTAMP, VERSION, Broken, Exchange, Row

BATCH_ROWS = 8192
INPUT_PREFIX = "inputs."


def row_ids(name: str | None, rows: int) -> Sequence[str | None]:
    """The ids of the rows of a request: its own for a single one, else with the row's number.

    >>> row_ids("a7", 1), row_ids("a7", 2)
    (('a7',), ('a7-0', 'a7-1'))
    """
    if name is None or rows == 1:
        return (name,) * rows
    return tuple(f"{name}-{i}" for i in range(rows))


def flat(exchange: Exchange) -> Iterator[Row]:
    """The rows of a request: its time, id and version, what was answered, what was asked.

    An input whose name is taken by one of the others is called ``inputs.NAME``.
    """
    inputs, outputs = exchange.inputs, exchange.outputs
    if inputs is not None and outputs is not None and len(inputs) != len(outputs):
        raise Broken(f"{len(inputs)} rows were asked for and {len(outputs)} answered")
    rows = len(inputs or outputs or ())
    head: Row = {
        name: value
        for name, value in ((TIMESTAMP, exchange.time), (VERSION, exchange.version))
        if value is not None
    }
    for place, name in enumerate(row_ids(exchange.id, rows)):
        row = {**head, **exchange.more} if name is None else {ID: name, **head, **exchange.more}
        if outputs is not None:
            row |= outputs[place]
        for key, value in (inputs[place] if inputs is not None else {}).items():
            row[INPUT_PREFIX + key if key in row else key] = value
        yield row


def batches(rows: Iterable[Row], wanted: frozenset[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Rows as Arrow columns, those wanted; a column that a row lacks is null in it."""
    waiting: list[Row] = []
    for row in rows:
        waiting.append(row)
        if len(waiting) == BATCH_ROWS:
            yield _batch(waiting, wanted)
            waiting = []
    if waiting:
        yield _batch(waiting, wanted)


def _batch(rows: Sequence[Row], wanted: frozenset[str] | None) -> pa.RecordBatch:
    met = dict.fromkeys(name for row in rows for name in row)
    names = [name for name in met if wanted is None or name in wanted]
    names = names or list(met)[:1]  # so that rows are counted
    arrays = [array_of([plain_cell(row.get(name)) for row in rows]) for name in names]
    return pa.RecordBatch.from_arrays(arrays, names=names)


def plain_cell(cell: object) -> object:
    """A cell of a Parquet file as JSON would have it."""
    if isinstance(cell, datetime | date):
        return cell.isoformat()
    return float(cell) if isinstance(cell, Decimal) else cell
