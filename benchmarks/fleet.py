"""A daemon over many models whose logs lie in one database."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import Case, Cost, Measured, cached, folder, in_turns, ours, prepare, ratio
from benchmarks.page import Section, Target


@dataclass(frozen=True)
class Size:
    """Models, and the features and rows an hour of each."""

    models: int = 1_000
    tables: int = 20
    features: int = 50
    an_hour: int = 1_000


FULL, TINY = Size(), Size(models=2, tables=1, features=4, an_hour=50)
_HEAD = ("database", "models", "CPU ms a model, new hour", "CPU ms a model, nothing due", "peak MB")


def section(runs: int, *, tiny: bool) -> Section:
    """What a tick costs a model, and what the daemon holds in memory."""
    size = TINY if tiny else FULL
    shape = (size.tables, size.features, size.an_hour)
    log = cached(folder() / f"fleet-{'-'.join(map(str, shape))}.db", "make-fleet", *shape)
    costs: list[Cost] = []
    with tempfile.TemporaryDirectory(dir=folder()) as work:
        learnt = Path(work, "learnt")
        prepare("learn-fleet", f"sqlite:///{log}", size.tables, size.models, learnt)
        for run in range(runs):
            fresh = Path(work, str(run))
            shutil.copytree(learnt, fresh)
            (one,) = in_turns([Case("SQLite", ours("fleet", fresh))], 1).values()
            costs += one.costs
            if one.trouble:
                break
    found = Measured(one.case, tuple(costs), one.trouble)
    return Section("fleet", _text(size), _HEAD, [_line(size.models, found)], _targets(found))


def _text(size: Size) -> str:
    return (
        f"{size.models:,} models with {size.features} features and an outcome, hourly windows of "
        f"{size.an_hour:,} rows, all of them with work in the same tick; they share {size.tables} "
        "tables of one database, for as many tables as models would only fill the disk. One "
        "process runs the daemon's rounds: read, judge, record, publish. The better of two such "
        "ticks, and one tick moments later: with nothing due for minutes the log is not opened."
    )


def _a_model(found: Measured, fact: str) -> float | None:
    if not found.costs:
        return None
    return ratio(found.fact(fact), (found.fact("models") or 0) / 1000)


def _line(models: int, found: Measured) -> tuple[str | float | None, ...]:
    name = f"{found.case.name}: {found.trouble}" if found.trouble else found.case.name
    return name, f"{models:,}", _a_model(found, "tick"), _a_model(found, "idle"), found.peak


def _targets(found: Measured) -> list[Target]:
    return [Target("CPU a model and tick", _a_model(found, "tick"), 60, " ms")]
