"""What the checks cost: to judge a stored window, and at the start of a command."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks import incremental
from benchmarks.measure import Case, Measured, folder, in_turns, ours
from benchmarks.page import Section, Target

FULL = incremental.Size(features=50, an_hour=1_000)
TINY = incremental.Size(features=4, an_hour=50)
_WHICH = {"the default checks": "default", "every check that applies": "all"}
_HEAD = (
    "what is judged",
    "numbers found",
    "CPU ms, a window",
    "CPU ms, the first window",
    "CPU ms to read a window from the state",
)


def section(runs: int, *, tiny: bool) -> Section:
    """Judging stored windows, and the start of ``modelmon --help``."""
    size = TINY if tiny else FULL
    with tempfile.TemporaryDirectory(dir=folder()) as work:
        made = incremental.history(Path(work), size, 1)
        cases = [Case(name, ours("judge", made, which)) for name, which in _WHICH.items()]
        cases += [
            Case("python", ours("start", "-c pass")),
            Case("help", ours("start", "-m monitor --help")),
            Case("loaded", ours("loaded"), most=1),
        ]
        found = in_turns(cases, runs)
    lines = [_line(found[name]) for name in _WHICH]
    return Section("catalogue", _text(size, found), _HEAD, lines, _targets(found))


def _text(size: incremental.Size, found: dict[str, Measured]) -> str:
    start = " ".join(each.trouble for each in found.values() if each.trouble)
    help_, python, loaded = (found[name] for name in ("help", "python", "loaded"))
    if help_.work is not None and python.work is not None and loaded.costs:
        start = (
            f"`modelmon --help` takes {1000 * help_.work:.0f} ms of CPU, of which Python itself "
            f"{1000 * python.work:.0f}; it loads {loaded.fact('checks'):.0f} modules of checks."
        )
    return (
        f"A binary model with {size.features} features and an outcome, hourly windows of "
        f"{size.an_hour:,} rows whose profiles lie in the state (SQLite). The first window also "
        f"learns the limits that follow from the reference. {start}"
    )


def _line(one: Measured) -> tuple[str | float | None, ...]:
    if one.trouble:
        return (f"{one.case.name}: {one.trouble}", None, None, None, None)
    told = (1000 * (one.fact(name) or 0.0) for name in ("next", "first", "read"))
    return one.case.name, one.fact("findings"), *told


def _targets(found: dict[str, Measured]) -> list[Target]:
    one, loaded = found["the default checks"], found["loaded"]
    took = 1000 * (one.fact("next") or 0.0) if one.costs else None
    modules = loaded.fact("checks") if loaded.costs else None
    return [
        Target("CPU of judging a window by the default checks", took, 50, " ms"),
        Target("modules of checks that `modelmon --help` loads", modules, 0),
    ]
