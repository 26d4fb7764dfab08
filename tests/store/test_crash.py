from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import sqlalchemy as sa

from monitor.store import AlreadyRecorded, Store
from tests.store.examples import day, record
from tests.store.recorder import FINDINGS

ROOT = Path(__file__).parents[2]


def test_a_process_killed_while_it_records_leaves_only_whole_records(url: str) -> None:
    confirmed: list[int] = []
    for attempt in range(4):
        first = 1000 * attempt
        confirmed += record_until_killed(url, first, some=3 + 5 * attempt, pause=0.003 * attempt)
    with Store.open(url) as store:
        recorded = {entry.window for entry in store.ledger("churn")}
        assert recorded >= {day(number) for number in confirmed}
        assert len(recorded) <= len(confirmed) + 4
        for window in recorded:
            assert sum(1 for _ in store.findings("churn", window=window)) == FINDINGS
            assert len(store.portraits("churn", window)) == 2
        assert store.outbox_depth() == len(recorded)
        assert len(store.incidents()) == len(recorded)
        assert len(store.trail(limit=10_000)) == len(recorded)
        store.record(record(9999))
    assert is_sound(url)


def record_until_killed(url: str, first: int, some: int, pause: float) -> list[int]:
    """The numbers that the process said it had recorded before it was killed without warning."""
    command = [sys.executable, "-m", "tests.store.recorder", url, str(first)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(some)]
        time.sleep(pause)  # so that the kill meets different moments of a transaction
        process.kill()
        said += process.stdout.read().splitlines(keepends=True)
    return [int(line) for line in said if line.endswith(b"\n")]


def is_sound(url: str) -> bool:
    if not url.startswith("sqlite"):
        return True
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        told = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    engine.dispose()
    return told == "ok" and not orphans


def test_readers_see_whole_records_while_another_thread_writes(store: Store) -> None:
    last = 25
    store.record(record(0, findings=20))

    def write() -> None:
        for number in range(1, last + 1):
            store.record(record(number, findings=20))

    def read() -> list[int]:
        sizes: list[int] = []
        while not sizes or sizes[-1] < 20 * (last + 1):
            found = list(store.findings("churn"))
            latest = store.latest("churn")
            assert latest is not None
            assert len(latest.findings) == 20
            assert {each.window for each in latest.findings} == {latest.entry.window}
            assert len(found) % 20 == 0
            sizes.append(len(found))
        return sizes

    with ThreadPoolExecutor(3) as pool:
        readers = [pool.submit(read) for _ in range(2)]
        pool.submit(write).result(60)
        for reader in readers:
            sizes = reader.result(60)
            assert sizes == sorted(sizes)


def test_of_two_that_record_the_same_window_one_is_told(url: str) -> None:
    Store.open(url).close()

    def record_all(_: int) -> int:
        lost = 0
        with Store.open(url) as mine:
            for number in range(10):
                try:
                    mine.record(record(number, findings=5))
                except AlreadyRecorded:
                    lost += 1
        return lost

    with ThreadPoolExecutor(3) as pool:
        lost = sum(pool.map(record_all, range(3)))
    assert lost == 20
    with Store.open(url) as store:
        assert len(store.ledger("churn")) == 10
        assert sum(1 for _ in store.findings("churn")) == 50
        assert store.outbox_depth() == 10
