"""What a new hour costs after a long history, and a week added up from its hours."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.measure import (
    Case,
    Measured,
    cached,
    folder,
    in_turns,
    ours,
    prepare,
    ratio,
)
from benchmarks.page import Section, Target


@dataclass(frozen=True)
class Size:
    """Days of each history, and the features and rows an hour of its model."""

    days: tuple[int, ...] = (10, 100, 1_000)
    week: int = 7
    features: int = 30
    an_hour: int = 100


FULL, TINY = Size(), Size(days=(1, 2), week=1, features=4, an_hour=10)
_HEAD = (
    "what",
    "days of history",
    "hours in the state",
    "CPU ms, next hour",
    "CPU ms, first hour after a start",
    "peak MB",
)


def section(runs: int, *, tiny: bool) -> Section:
    """An hour after each history, in turns; then the week."""
    with tempfile.TemporaryDirectory(dir=folder()) as work:
        size = TINY if tiny else FULL
        found = _hours(Path(work), runs, size)
        week = _week(Path(work), runs, size)
    lines = [_line(days, one) for days, one in found.items()]
    return Section("incremental", _text(week, size), _HEAD, lines, _targets(found, week))


def _hours(work: Path, runs: int, size: Size) -> dict[int, Measured]:
    """The daemon on new hours; each run has a copy of the state, for it adds to it."""
    made = {days: history(work, size, days) for days in size.days}
    results: dict[int, list[Measured]] = {days: [] for days in size.days}
    for _ in range(runs):
        for days, state in made.items():
            fresh = work / "run"
            shutil.copytree(state, fresh)
            (one,) = in_turns([Case(f"{days} days", ours("hour", fresh, days))], 1).values()
            results[days].append(one)
            shutil.rmtree(fresh)
    return {
        days: Measured(
            ones[0].case,
            tuple(cost for one in ones for cost in one.costs),
            next((one.trouble for one in ones if one.trouble), ""),
        )
        for days, ones in results.items()
    }


def history(work: Path, size: Size, days: int, job: str = "make-history") -> Path:
    """A state in a folder that holds so many days; their log is kept for the next run."""
    shape = (days, size.features, size.an_hour)
    log = cached(folder() / f"history-{'-'.join(map(str, shape))}.db", "make-history-log", *shape)
    made = work / f"{job}-{days}"
    prepare(job, f"sqlite:///{log}", days, made)
    return made


def _week(work: Path, runs: int, size: Size) -> Measured:
    made = history(work, replace(size, an_hour=10 * size.an_hour), size.week, "make-week")
    (found,) = in_turns([Case("a week", ours("week", made, size.week))], runs).values()
    return found


def _text(week: Measured, size: Size) -> str:
    told = f"The week could not be measured ({week.trouble})."
    if not week.trouble:
        told = (
            f"The week is {week.fact('hours'):,.0f} hours of {10 * size.an_hour:,} rows, in all "
            f"rows and in 10 segments: {week.fact('profiles'):,.0f} profiles, read from the state "
            "and added."
        )
    return (
        f"A model with {size.features} features and an outcome, hourly windows of {size.an_hour:,} "
        "rows, log and state in SQLite; both hold as many days. A history is one real day recorded "
        f"over and over. A tick reads the new hour, judges, records and publishes it. {told}"
    )


def _line(days: int, one: Measured) -> tuple[str | float | None, ...]:
    if one.trouble:
        return (f"a new hour: {one.trouble}", f"{days:,}", None, None, None, None)
    told = (_ms(one.fact("next")), _ms(one.fact("first")))
    return "a new hour", f"{days:,}", 24.0 * days, *told, one.peak


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else 1000 * seconds


def _targets(found: Mapping[int, Measured], week: Measured) -> list[Target]:
    short, long = found[min(found)], found[max(found)]
    grown = None
    if short.costs and long.costs:
        grown = ratio(long.fact("next"), short.fact("next"))
    what = f"CPU of a new hour after {max(found):,} days against {min(found):,}"
    return [
        Target(what, grown, 1.10, "x"),
        Target("CPU of adding up the week", week.work, 1.0, " s"),
    ]
