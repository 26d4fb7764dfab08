"""Jobs of the fleet benchmark."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.peers.clock import cpu, measured
from benchmarks.registry import job

if TYPE_CHECKING:
    from datetime import datetime

    import pyarrow as pa

    from monitor.model import Config

REFERENCE_HOURS, HOURS = 6, 10
_MODEL = """
[models.m{number:04}]
task = "binary"
every = "1h"
labels_within = "1h"
[models.m{number:04}.source]
type = "sql"
url = "{url}"
table = "log{table}"
[models.m{number:04}.columns]
timestamp = "timestamp"
id = "prediction_id"
prediction = "prediction"
score = "score"
label = "label"
[models.m{number:04}.reference]
from = 2026-03-01T00:00:00Z
to = 2026-03-01T{reference:02}:00:00Z
"""


@job("make-fleet")
def make_fleet(tables: str, features: str, an_hour: str, target: str) -> None:
    """Write the hours of a few logs into one SQLite database."""
    connection = sqlite3.connect(target)
    connection.execute("pragma synchronous = off")
    for number in range(int(tables)):
        fill(connection, f"log{number}", _rows(number, int(features), int(an_hour)))
    connection.close()


def _rows(seed: int, features: int, an_hour: int) -> Iterator[pa.Table]:
    import numpy as np

    from benchmarks.made import REFERENCE_DAY, table

    numbers = np.arange(HOURS * an_hour)
    rng = np.random.default_rng(seed)
    yield table("log", REFERENCE_DAY, numbers, 24 * an_hour, features, rng)


def fill(connection: sqlite3.Connection, name: str, tables: Iterator[pa.Table]) -> None:
    """Write rows into a table with an index on the time."""
    made = False
    for each in tables:
        if not made:
            kinds = {"timestamp": "timestamp", "prediction_id": "text", "region": "text"}
            declared = (f"{n} {kinds.get(n, _number(n))}" for n in each.schema.names)
            connection.execute(f"create table {name} ({', '.join(declared)})")
            made = True
        times = each.column("timestamp").cast("timestamp[us]").cast("string")
        columns = [times.to_pylist(), *(c.to_pylist() for c in each.columns[1:])]
        marks = ", ".join("?" * each.num_columns)
        connection.executemany(f"insert into {name} values ({marks})", zip(*columns, strict=True))
    connection.execute(f"create index {name}_time on {name} (timestamp)")
    connection.commit()


def _number(name: str) -> str:
    return "integer" if name in ("prediction", "label") else "double"


@job("learn-fleet")
def learn_fleet(url: str, tables: str, models: str, target: str) -> None:
    """Write the configuration of a fleet, and keep a baseline for each of its models."""
    from monitor.config import load
    from monitor.learn import learn
    from monitor.sources import Horizon
    from monitor.store import Store

    folder = Path(target)
    folder.mkdir(parents=True)
    (folder / "monitor.toml").write_text(
        '[daemon]\nstate = "sqlite:///state.db"\n'
        + "".join(
            _MODEL.format(number=i, url=url, table=i % int(tables), reference=REFERENCE_HOURS)
            for i in range(int(models))
        )
    )
    config = load(folder / "monitor.toml")
    now = _moment(0)
    every = list(config.models.values())
    learnt = [learn(each, Horizon(now, now))[0] for each in every[: int(tables)]]
    with Store.open(config.daemon.state.reveal()) as store:
        for number, each in enumerate(every):
            baseline = learnt[number % int(tables)]
            store.save_baseline(replace(baseline, model=each.name, recipe=each.recipe), now)


def _moment(hour: int) -> datetime:
    """Shortly after so many hours beyond the reference have ended."""
    from benchmarks.made import REFERENCE_DAY

    return REFERENCE_DAY + timedelta(hours=REFERENCE_HOURS + hour, minutes=1)


@job("fleet")
def fleet(folder: str) -> None:
    """Measure a daemon: one tick on a new hour of every model, and one with nothing due."""
    from monitor.config import load
    from monitor.daemon import Daemon, look_for_cycles_seldom
    from monitor.export import Board
    from monitor.store import Store

    look_for_cycles_seldom()
    config = load(Path(folder) / "monitor.toml")
    with Store.open(config.daemon.state.reveal()) as store:
        daemon = Daemon(config, store, Board(), config.channels)
        _round(daemon, 1)
        with measured() as facts:
            facts["models"] = len(config.models)
            facts["tick"] = min(_timed(daemon, hour, config) for hour in (2, 3))
            facts["idle"] = _timed(daemon, 3, config, due=0)


def _timed(daemon: object, hour: int, config: Config, due: int = 1) -> float:
    begun = cpu()
    windows = _round(daemon, hour)
    spent = cpu() - begun
    assert windows == due * len(config.models), windows
    return spent


def _round(daemon: object, hour: int) -> int:
    from monitor.sources import Horizon

    moment = _moment(hour)
    daemon.clock = lambda: moment  # type: ignore[attr-defined]
    done = daemon.round(Horizon(moment, moment + timedelta(days=9)))  # type: ignore[attr-defined]
    assert not done.failed, done.failed
    return int(done.windows)
