"""A window from PostgreSQL: profiled by the server, profiled from fetched rows, and only summed."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.measure import Case, Cost, Measured, in_turns, ours, prepare, ratio
from benchmarks.page import Section, Target
from benchmarks.window import FEATURES, OUTCOME

ROWS, TINY = 500_000, 2_000
PUSHED, FETCHED = "modelmon, as the source profiles", "modelmon, rows fetched and profiled here"
SUMMED = "PostgreSQL, sum of the same columns"
_HEAD = (
    "what",
    "CPU s here",
    "CPU s server",
    "wall s",
    "peak MB here",
    "x sum",
    "rows/s",
    "rows/CPU s",
)


def section(runs: int, *, tiny: bool) -> Section:
    """The same window three ways; the server's own CPU seconds are counted too."""
    rows = TINY if tiny else ROWS
    if shutil.which("pg_config") is None:
        lines = [("PostgreSQL is not installed here", *(None for _ in _HEAD[1:]))]
        return Section("sql", _text(rows), _HEAD, lines)
    with _postgres() as url, tempfile.TemporaryDirectory() as kept:
        prepare("load-postgres", url, rows, len(FEATURES))
        stored = Path(kept, "state")
        prepare("learn-postgres", url, stored)
        numbers = json.dumps([*FEATURES, *OUTCOME])
        cases = [
            Case(PUSHED, ours("sql", stored, url)),
            Case(FETCHED, ours("sql-fetched", stored, url)),
            Case(SUMMED, ours("sql-sum", url, numbers)),
        ]
        found = in_turns(cases, runs, _server_cpu(url))
    return Section(
        "sql",
        _text(rows),
        _HEAD,
        [_line(rows, one, found) for one in found.values()],
        _targets(found),
    )


def _text(rows: int) -> str:
    return (
        f"A day of {rows:,} rows in a table of two such days with an index on the time, "
        f"{len(FEATURES)} features and the outcome, baseline stored, server on the same machine. "
        "The server's CPU is that of all its processes; *x sum* and *rows/CPU s* count both sides."
    )


@contextmanager
def _postgres() -> Iterator[str]:
    from tests.servers import postgres

    with postgres() as url:
        yield url


def _server_cpu(url: str) -> Callable[[], float]:
    """A meter of the CPU seconds of a server: its first process, and all that came from it."""
    port = url.rpartition(":")[2].partition("/")[0]
    (first,) = [pid for pid in _pids() if _starts(pid, port)]

    def meter() -> float:
        time.sleep(0.3)  # until the process of an ended session is gone, and counted by the first
        ours_ = [first, *(pid for pid in _pids() if _parent(pid) == first)]
        return sum(_cpu(pid, ended=pid == first) for pid in ours_)

    return meter


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _starts(pid: int, port: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return words[0].endswith(b"postgres") and port.encode() in words


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    stat = _stat(pid)
    return int(stat[1]) if stat else 0


def _cpu(pid: int, *, ended: bool) -> float:
    """User and system time of a process and, if asked, of its children that ended."""
    stat = _stat(pid)
    ticks = sum(map(int, stat[11 : 15 if ended else 13]))
    return ticks / os.sysconf("SC_CLK_TCK")


def _both(cost: Cost) -> float:
    return cost.work + cost.facts["server"]


def _line(rows: int, one: Measured, found: dict[str, Measured]) -> tuple[str | float | None, ...]:
    if one.trouble:
        return (f"{one.case.name}: {one.trouble}", *(None for _ in _HEAD[1:]))
    wall, both = one.fact("wall"), one.middle(_both)
    return (
        one.case.name,
        one.work,
        one.fact("server"),
        wall,
        one.peak,
        ratio(both, found[SUMMED].middle(_both)),
        ratio(rows, wall),
        ratio(rows, both),
    )


def _targets(found: dict[str, Measured]) -> list[Target]:
    pushed, fetched = found[PUSHED], found[FETCHED]
    return [
        Target(
            "CPU of both sides, profiled by the server against rows fetched",
            ratio(pushed.middle(_both), fetched.middle(_both)),
            1.0,
            "x",
        ),
    ]
