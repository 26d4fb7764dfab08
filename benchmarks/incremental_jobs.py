"""Jobs of the incremental benchmark."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.fleet_jobs import fill
from benchmarks.peers.clock import cpu, measured
from benchmarks.registry import job

if TYPE_CHECKING:
    import pyarrow as pa

    from checks.portrait import Portrait
    from monitor.baseline import Baseline
    from monitor.daemon import Daemon
    from monitor.findings import Finding, Slice
    from monitor.model import Config, Model
    from monitor.store import Record, Store
    from monitor.windows import Window

REFERENCE = timedelta(days=1)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
SPARE = 3  # hours of the log beyond its whole days
REGIONS = 10
_MODEL = """
[daemon]
state = "sqlite:///state.db"
[models.m]
task = "binary"
every = "{every}"
labels_within = "1h"
[models.m.source]
type = "sql"
url = "{url}"
table = "log"
[models.m.columns]
timestamp = "timestamp"
id = "prediction_id"
prediction = "prediction"
score = "score"
label = "label"
segments = {segments}
[models.m.reference]
from = {start}
to = {end}
"""


def first_hour() -> datetime:
    """When the first hour after the reference begins."""
    return _start() + REFERENCE


def _start() -> datetime:
    from benchmarks.made import REFERENCE_DAY

    return REFERENCE_DAY


@job("make-history-log")
def make_history_log(days: str, features: str, an_hour: str, target: str) -> None:
    """Write a log of a day's reference, so many days and a few hours into a SQLite database."""
    connection = sqlite3.connect(target)
    connection.execute("pragma synchronous = off")
    fill(connection, "log", _rows(int(days), int(features), int(an_hour)))
    connection.close()


def _rows(days: int, features: int, an_hour: int) -> Iterator[pa.Table]:
    import numpy as np
    import pyarrow as pa

    from benchmarks.made import CHUNK, table

    rng = np.random.default_rng(3)
    rows = ((days + REFERENCE.days) * 24 + SPARE) * an_hour
    for first in range(0, rows, CHUNK):
        numbers = np.arange(first, min(first + CHUNK, rows))
        made = table("log", _start(), numbers, 24 * an_hour, features, rng)
        regions = pa.array([f"region {i}" for i in rng.integers(0, REGIONS, len(numbers))])
        yield made.append_column("region", regions)


@job("make-history")
def make_history(url: str, days: str, target: str) -> None:
    """Keep a baseline and the hours of so many days in a state database in a folder.

    The hours are those of one real day, over and over: portraits and findings as the daemon makes
    them, written as it writes them.
    """
    folder, first = Path(target), first_hour()
    config, model, baseline = _learnt(url, folder, every="1h", segments="[]")
    day = [
        (slices, _judged(model, baseline, window, slices))
        for window, slices in _day(model, baseline, first).items()
    ]
    with _store(config) as store:
        for i in range(24 * int(days)):
            window = _hour_of(first, i)
            store.record(_record(model, window, *day[i % 24]))


@job("make-week")
def make_week(url: str, days: str, target: str) -> None:
    """Keep a week of hours in all segments in a state database in a folder."""
    from monitor.granules import joined
    from monitor.store import Granule
    from monitor.windows import Window

    folder, first = Path(target), first_hour()
    config, model, baseline = _learnt(url, folder, every="1d", segments='["region"]')
    day = list(_day(model, baseline, first).values())
    parts = {_hour_of(first, i): day[i % 24] for i in range(24 * int(days))}
    whole = Window(first, first + int(days) * DAY)
    record = _record(model, whole, joined(parts, whole), ())
    granules = tuple(Granule(hour, None, slices) for hour, slices in parts.items())
    with _store(config) as store:
        store.record(replace(record, granules=granules))


def _hour_of(first: datetime, number: int) -> Window:
    from monitor.windows import Window

    return Window(first + number * HOUR, first + (number + 1) * HOUR)


def _store(config: Config) -> Store:
    from monitor.store import Store

    return Store.open(config.daemon.state.reveal())


def _learnt(url: str, folder: Path, *, every: str, segments: str) -> tuple[Config, Model, Baseline]:
    """A configuration in a folder, its model, and the baseline that was learnt and kept."""
    from monitor.config import load
    from monitor.learn import learn
    from monitor.sources import Horizon

    folder.mkdir(parents=True)
    start, end = (f"{moment:%Y-%m-%dT%H:%M:%SZ}" for moment in (_start(), first_hour()))
    text = _MODEL.format(url=url, every=every, segments=segments, start=start, end=end)
    (folder / "monitor.toml").write_text(text)
    config = load(folder / "monitor.toml")
    (model,) = config.models.values()
    over = first_hour()
    baseline, _ = learn(model, Horizon(over, over))
    with _store(config) as store:
        return config, model, store.save_baseline(baseline, over)


def _day(
    model: Model, baseline: Baseline, first: datetime
) -> Mapping[Window, Mapping[Slice, Portrait]]:
    """The hours of the first day."""
    from monitor.sources import Horizon

    hours = [_hour_of(first, i) for i in range(24)]
    horizon = Horizon(first + DAY, first + DAY)
    return model.source.profile(baseline.plan, model.columns, hours, horizon)


def _judged(
    model: Model, baseline: Baseline, window: Window, slices: Mapping[Slice, Portrait]
) -> tuple[Finding, ...]:
    from monitor.evaluate import Target, evaluate

    target = Target(model.name, window)
    return evaluate(target, baseline.plan, model.rules, baseline.portraits, slices)


def _record(
    model: Model,
    window: Window,
    slices: Mapping[Slice, Portrait],
    findings: tuple[Finding, ...],
) -> Record:
    from monitor.findings import WHOLE
    from monitor.store import Progress, Record
    from monitor.windows import State

    log, end = slices[WHOLE].log, window.end + timedelta(minutes=1)
    return Record(
        model.name,
        window,
        1,
        State.FINAL,
        log.rows,
        log.labels,
        slices,
        tuple(replace(finding, window=window) for finding in findings),
        (),
        (),
        end,
        end,
        1,
        model.fingerprint,
        newest_row=window.end - timedelta(seconds=1),
        progress=Progress(first_hour(), window.start),
    )


@job("hour")
def hour(folder: str, days: str) -> None:
    """Measure the daemon on a new hour: the first one after its start, and the next."""
    from monitor.config import load
    from monitor.daemon import Daemon
    from monitor.export import Board
    from monitor.store import Store

    config = load(Path(folder) / "monitor.toml")
    over = first_hour() + int(days) * DAY
    with Store.open(config.daemon.state.reveal()) as store:
        daemon = Daemon(config, store, Board(), config.channels)
        with measured() as facts:
            facts["first"] = _hour(daemon, over + HOUR)
            facts["next"] = min(_hour(daemon, over + i * HOUR) for i in (2, 3))
        facts["windows"] = len(store.ledger("m"))


def _hour(daemon: Daemon, end: datetime) -> float:
    from monitor.sources import Horizon

    moment = end + timedelta(minutes=1)
    daemon.clock = lambda: moment
    begun = cpu()
    done = daemon.round(Horizon(moment, moment))
    spent = cpu() - begun
    assert not done.failed, done.failed
    assert done.windows == 1, done.windows
    return spent


@job("week")
def week(folder: str, days: str) -> None:
    """Measure a week as one window, added up from its hours in the state."""
    from monitor.config import load
    from monitor.findings import WHOLE
    from monitor.windows import Window

    config = load(Path(folder) / "monitor.toml")
    first = first_hour()
    span = Window(first, first + int(days) * DAY)
    with _store(config) as store:
        baseline = store.baseline("m")
        assert baseline is not None
        with measured() as facts:
            merged = store.portrait("m", span, baseline.plan.hash)
            hours = 24 * int(days)
            profiles = sum(len(each.columns) for each in merged.values())
            facts |= {"hours": hours, "profiles": hours * profiles, "rows": merged[WHOLE].rows}
    assert facts["rows"] > 0
