"""Rows of a log as a Parquet file, for programs that want rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from monitor.sources import Columns, Horizon, Source
from monitor.sources._arrow import is_text
from monitor.windows import Window

MOST_ROWS = 500_000


def dump(
    source: Source,
    names: Sequence[str],
    columns: Columns,
    period: Window,
    horizon: Horizon,
    target: Path,
    most: int = MOST_ROWS,
) -> int:
    """Write the rows of a period to ``target``, at most the first ``most``; returns how many."""
    tables = []
    rows = 0
    for batch in source.rows(names, columns, period, horizon):
        part = pa.Table.from_batches([batch.slice(0, most - rows)])
        tables.append(_plain(part, names))
        rows += part.num_rows
        if rows >= most:
            break
    pq.write_table(pa.concat_tables(tables, promote_options="permissive"), target)
    return rows


def _plain(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """The wanted columns, dictionaries as the texts they stand for."""
    return pa.table(dict(_columns(table, names)))


def _columns(table: pa.Table, names: Sequence[str]) -> Iterator[tuple[str, pa.ChunkedArray]]:
    for name in names:
        if name in table.column_names:
            column = table[name]
            yield name, column.cast(pa.string()) if is_text(column.type) else column
