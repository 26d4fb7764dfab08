"""A pulse changes with every row and label of its window, and with nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.secret import Secret
from monitor.sources import Columns, Horizon, Pulse
from monitor.sources._extent import extent_batches
from monitor.sources._pulse import pulse_batches, pulsed
from monitor.sources._rows import LabelIndex
from monitor.sources.csv import Source as Csv
from monitor.sources.parquet import Source as Parquet
from monitor.sources.sql import Source
from monitor.windows import Window
from tests.servers import postgres
from tests.sources.logs import LATER, at, batch, day

COLUMNS = Columns("ts", "id", label="label", label_timestamp="told")


def rows(*cells: tuple[float, str, str | None, float | None]) -> pa.RecordBatch:
    """Rows of (hour, id, label, hour at which that was told)."""
    hours, ids, labels, told = zip(*cells, strict=True)
    return batch(
        {
            "ts": pa.array([at(hour) for hour in hours], pa.timestamp("us", "UTC")),
            "id": pa.array(ids, pa.string()),
            "label": pa.array(labels, pa.string()),
            "told": pa.array(
                [None if t is None else at(t) for t in told], pa.timestamp("us", "UTC")
            ),
        }
    )


def pulse(*batches: pa.RecordBatch, hours: float = 90, labels: LabelIndex | None = None) -> Pulse:
    horizon = Horizon(at(hours), at(hours))
    return pulse_batches(COLUMNS, [day(0)], horizon, batches, labels)[day(0)]


A, B = (1.0, "a", "1", 5.0), (2.0, "b", None, None)


@pytest.mark.parametrize(
    "changed",
    [
        [A],
        [A, B, (3.0, "c", None, None)],
        [A, B, A],
        [A, (2.0, "b", "0", 5.0)],
        [(1.0, "a", "0", 5.0), B],
        [(1.0, "a", "1", 6.0), B],
        [(1.0, "a", None, None), B],
        [(1.5, "a", "1", 5.0), B],
        [(1.0, "z", "1", 5.0), B],
        [(1.0, "b", "1", 5.0), (2.0, "a", None, None)],
    ],
)
def test_every_change_of_a_row_or_label_is_seen(changed: list[Any]) -> None:
    assert pulse(rows(*changed)).digest != pulse(rows(A, B)).digest


def test_rows_and_known_labels_are_counted() -> None:
    found = pulse(rows(A, B, (30.0, "c", "1", 31.0)))
    assert (found.rows, found.labels) == (2, 1)


def test_rows_of_other_windows_and_what_is_not_known_yet_change_nothing() -> None:
    alone = pulse(rows(A, B))
    assert pulse(rows(A, B, (30.0, "c", "1", 31.0))) == alone
    late = (2.0, "b", "1", 80.0)
    assert pulse(rows(A, late), hours=79).labels == 1
    assert pulse(rows(A, late), hours=81).labels == 2
    assert pulse(rows(A, late), hours=78) == pulse(rows(A, late), hours=79)
    assert pulse(rows(A, late), hours=79) != pulse(rows(A, late), hours=81)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 23),
            st.sampled_from("abcdef"),
            st.sampled_from(["0", "1", None]),
            st.one_of(st.none(), st.floats(0, 80)),
        ),
        min_size=1,
        max_size=20,
    ),
    st.randoms(),
    st.integers(0, 20),
)
def test_neither_the_order_nor_the_batches_matter(cells: Any, chance: Any, cut: int) -> None:
    whole = pulse(rows(*cells))
    shuffled = list(cells)
    chance.shuffle(shuffled)
    parts = [rows(*part) for part in (shuffled[:cut], shuffled[cut:]) if part]
    assert pulse(*parts) == whole


def test_labels_of_a_table_of_their_own_count_as_those_in_the_rows() -> None:
    bare = rows((1.0, "a", None, None), B)

    def index(*cells: tuple[str, str, float]) -> LabelIndex:
        ids, labels, told = zip(*cells, strict=True)
        moments = pa.array([at(t) for t in told], pa.timestamp("us", "UTC"))
        found = batch({"id": list(ids), "label": list(labels), "told": moments})
        return LabelIndex.of(COLUMNS, [found], LATER)

    one = pulse(bare, labels=index(("a", "1", 5.0)))
    assert (one.rows, one.labels) == (2, 1)
    assert one == pulse(rows(A, B))
    assert pulse(bare, labels=index(("a", "0", 5.0))) != one
    assert pulse(bare, labels=index(("x", "0", 5.0), ("a", "1", 5.0))) == one
    contradicted = pulse(bare, labels=index(("a", "0", 4.0), ("a", "1", 5.0)))
    assert contradicted.labels == 1
    assert contradicted != one


def test_what_is_read_is_named_once() -> None:
    assert pulsed(COLUMNS) == ("ts", "id", "label", "told")
    assert pulsed(Columns("ts")) == ("ts",)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_files_give_the_pulse_of_their_rows(tmp_path: Path, kind: str) -> None:
    cells = [(hour / 2, f"p{hour}", "01"[hour % 2], 50.0 + hour) for hour in range(100)]
    table = pa.Table.from_batches([rows(*cells[:60]), rows(*cells[60:])])
    path, windows = tmp_path / f"log.{kind}", [day(0), day(1)]
    table = table.append_column("x", pa.array(range(100)))
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
        source: Any = Csv(path)
    else:
        pq.write_table(table, path, row_group_size=10)
        source = Parquet(path)
    horizon = Horizon(at(75), at(75))
    found = source.pulse(COLUMNS, windows, horizon)
    plain = pulse_batches(COLUMNS, windows, horizon, table.to_batches())
    counts = {window: (one.rows, one.labels) for window, one in found.items()}
    assert counts == {window: (one.rows, one.labels) for window, one in plain.items()}
    assert counts[day(0)] == (48, 26)
    if kind == "parquet":
        assert found == plain


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_how_far_a_log_reaches_since_a_moment(tmp_path: Path, kind: str) -> None:
    cells = [(float(hour), f"p{hour}", None, None) for hour in range(50)]
    table = pa.Table.from_batches([rows(*cells)])
    path = tmp_path / f"log.{kind}"
    if kind == "csv":
        pyarrow.csv.write_csv(table, path)
        source: Any = Csv(path)
    else:
        pq.write_table(table, path, row_group_size=10)
        source = Parquet(path)
    found = source.extent(COLUMNS, Horizon(at(45), at(45)), at(40))
    assert (found.rows, found.first, found.last) == (6, at(40), at(45))
    later = source.extent(COLUMNS, LATER, at(49) + timedelta(seconds=1))
    assert (later.rows, later.last) == (0, None)
    assert extent_batches(COLUMNS, LATER, table.to_batches(), at(40)).rows == 10


def test_a_pulse_of_a_database_does_not_depend_on_what_else_is_asked() -> None:
    first, hour = datetime(2026, 3, 1, tzinfo=UTC), timedelta(hours=1)
    rows = "SELECT i AS id, TIMESTAMPTZ '2026-03-01 00:00Z' + i * INTERVAL '1 s' AS at, i % 2 AS y"
    windows = [Window(first + n * hour, first + (n + 1) * hour) for n in range(12)]
    columns = Columns(timestamp="at", id="id", label="y")
    horizon = Horizon(first + 24 * hour, first + 24 * hour)
    with postgres() as url:
        with psycopg.connect(url) as connection:
            # Twelve hours of 2,000 rows are more than is fetched at once, and each is not.
            connection.execute(f"CREATE TABLE log AS {rows} FROM generate_series(0, 43199) i")
            connection.execute("DELETE FROM log WHERE id % 9 > 4")
        source = Source(url=Secret(url.replace("postgresql", "postgresql+psycopg")), table="log")
        every = source.pulse(columns, windows, horizon)
        assert sum(pulse.rows for pulse in every.values()) == 24_000
        for window in windows:
            assert source.pulse(columns, [window], horizon)[window] == every[window]
        counted = source.pulse(columns, [Window(first, first + 12 * hour)], horizon)
        assert [pulse.rows for pulse in counted.values()] == [24_000]
