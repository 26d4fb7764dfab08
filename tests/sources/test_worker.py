from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, Plan
from monitor.sources import Columns, SourceError, Unreachable, csv, parquet
from monitor.sources import _worker as worker
from tests.sources.logs import LATER, assert_same, at, day

COLUMNS = Columns("ts", "id", "v", "p", "s", "y")
PLAN = Plan(
    {"x": NumericPlan(), "c": CategoricalPlan(("a", "b"))},
    BinaryPlan("1", "0"),
    segments={"c": ("a",)},
)
WINDOWS = [day(number) for number in range(3)]


def log(seed: int, rows: int = 3000, *, repeats: bool = False) -> pa.Table:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, rows, rows) if repeats else np.arange(rows) + seed * rows
    stamps = [at(float(hour)) for hour in rng.uniform(0, 80, rows)]
    scores = rng.random(rows)
    return pa.table(
        {
            "ts": pa.array(stamps, pa.timestamp("us", "UTC")),
            "id": [f"id-{each}" for each in ids],
            "v": ["1.0"] * rows,
            "x": rng.normal(size=rows),
            "c": ["abz"[i % 3] for i in range(rows)],
            "p": (scores > 0.5).astype(int),
            "s": scores,
            "y": rng.integers(0, 2, rows),
        }
    )


@pytest.fixture
def helped(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Helpers are asked for small logs too; the list fills with their process ids."""
    started: list[int] = []

    class Popen(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(self.pid)

    monkeypatch.setattr(worker, "_ENOUGH", {True: 0, False: 0})
    monkeypatch.setattr(worker, "Popen", Popen)
    return started


def ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize("repeats", [False, True])
@pytest.mark.parametrize("files", [1, 3])
def test_two_processes_find_what_one_finds(
    tmp_path: Path, helped: list[int], files: int, repeats: bool
) -> None:
    for seed in range(files):
        table = log(seed, repeats=repeats)
        pq.write_table(table, tmp_path / f"{seed}.parquet", row_group_size=700)
    two = parquet.Source(tmp_path).profile(PLAN, COLUMNS, WINDOWS, LATER)
    assert [ended(pid) for pid in helped] == [True]
    one = parquet.Source(tmp_path, workers=1).profile(PLAN, COLUMNS, WINDOWS, LATER)
    assert len(helped) == 1
    assert_same(two, one)


def test_text_files_are_shared_out_whole(tmp_path: Path, helped: list[int]) -> None:
    for seed in range(2):
        rows = [",".join(map(str, row.values())) for row in log(seed, 500).to_pylist()]
        text = "\n".join([",".join(log(0, 1).column_names), *rows])
        (tmp_path / f"{seed}.csv").write_text(text)
    two = csv.Source(tmp_path).profile(PLAN, COLUMNS, WINDOWS, LATER)
    assert len(helped) == 1
    assert_same(two, csv.Source(tmp_path, workers=1).profile(PLAN, COLUMNS, WINDOWS, LATER))


def test_what_depends_on_the_order_of_rows_stays_in_one_process(
    tmp_path: Path, helped: list[int]
) -> None:
    table = log(0)
    naive = table.column("ts").cast(pa.timestamp("us"))
    pq.write_table(table.set_column(0, "ts", naive), tmp_path / "x.parquet", row_group_size=700)
    local = Columns("ts", "id", timezone="Europe/Berlin")
    parquet.Source(tmp_path / "x.parquet").profile(Plan(), local, WINDOWS, LATER)
    assert helped == []


def test_a_file_that_the_helper_cannot_read_is_named(tmp_path: Path, helped: list[int]) -> None:
    for seed in range(2):
        pq.write_table(log(seed), tmp_path / f"{seed}.parquet", row_group_size=700)
    torn = tmp_path / "1.parquet"
    octets = bytearray(torn.read_bytes())
    chunk = pq.read_metadata(torn).row_group(1).column(3)
    octets[chunk.data_page_offset : chunk.data_page_offset + 200] = b"\xff" * 200
    torn.write_bytes(octets)
    with pytest.raises(SourceError, match=r"1\.parquet: .*row group 1"):
        parquet.Source(tmp_path).profile(PLAN, COLUMNS, WINDOWS, LATER)
    assert [ended(pid) for pid in helped] == [True]


def test_a_helper_that_was_killed_is_one_clear_error(
    tmp_path: Path, helped: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(log(0), tmp_path / "x.parquet", row_group_size=300)
    watched = worker.Helper.watched

    def kill_first(self: worker.Helper, batches: Any) -> Any:
        self.process.send_signal(signal.SIGKILL)
        return watched(self, batches)

    monkeypatch.setattr(worker.Helper, "watched", kill_first)
    with pytest.raises(Unreachable, match=r"ended early \(signal 9\).*workers = 1"):
        parquet.Source(tmp_path / "x.parquet").profile(PLAN, COLUMNS, WINDOWS, LATER)
    assert [ended(pid) for pid in helped] == [True]


SCRIPT = """
import sys, time
from pathlib import Path
from monitor.sources import _worker as worker, parquet
from tests.sources.test_worker import COLUMNS, LATER, PLAN, WINDOWS
worker._ENOUGH = {True: 0, False: 0}
def slowly(self, batches):
    print(self.process.pid, flush=True)
    for batch in batches:
        for _ in range(600):  # a signal need not wake the thread that sleeps
            time.sleep(0.1)
        yield batch
worker.Helper.watched = slowly
parquet.Source(Path(sys.argv[1])).profile(PLAN, COLUMNS, WINDOWS, LATER)
"""


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_helper_outlives_its_parent(tmp_path: Path, how: signal.Signals) -> None:
    for number in range(2):
        pq.write_table(log(number), tmp_path / f"{number}.parquet", row_group_size=300)
    command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
    parent = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )
    assert parent.stdout is not None
    helper = int(parent.stdout.readline())
    os.kill(helper, signal.SIGSTOP)  # so that it is not done before its parent is gone
    parent.send_signal(how)
    parent.wait(20)
    parent.stdout.close()
    with contextlib.suppress(ProcessLookupError):
        os.kill(helper, signal.SIGCONT)
    for _ in range(200):
        if ended(helper):
            return
        time.sleep(0.1)
    raise AssertionError("the helper is still there")
