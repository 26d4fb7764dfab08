"""Measuring: a command in a process of its own, what it cost by the operating system's account."""

from __future__ import annotations

import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

_LAST_WORDS = 160
_PEERS = Path(__file__).parent / "peers"
_QUIET = {"DO_NOT_TRACK": "1", "NML_DISABLE_USAGE_LOGGING": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Case:
    """A line of a table: a command, how often it is run at most, or why it cannot be run."""

    name: str
    command: tuple[str, ...] = ()
    most: int = 100
    obstacle: str = ""


@dataclass(frozen=True)
class Cost:
    """What one finished process cost: CPU seconds of its work and of all of it, peak megabytes.

    The work is what the process measured itself, without the interpreter's start and the imports.
    """

    work: float
    process: float
    peak: float
    facts: Mapping[str, float] = field(default_factory=dict)


class Failed(Exception):
    """A measured process did not end well."""


def folder() -> Path:
    """Where data are kept between runs: BENCH_DIR, or a folder below the system's temporary one."""
    named = os.environ.get("BENCH_DIR")
    path = Path(named) if named else Path(tempfile.gettempdir(), "modelmon-benchmarks")
    path.mkdir(parents=True, exist_ok=True)
    return path


def ours(*arguments: object) -> tuple[str, ...]:
    """A job of `benchmarks.jobs` as a command."""
    return (sys.executable, "-m", "benchmarks.jobs", *map(str, arguments))


def peer(script: str, python: str = sys.executable) -> tuple[str, ...]:
    """A script of the folder of peers as a command."""
    return (python, str(_PEERS / script))


def prepare(*arguments: object) -> None:
    """Run a job that is not measured; in a process of its own, for a child inherits our peak."""
    run(ours(*arguments))


def run(command: Sequence[str]) -> Cost:
    """Run a command to its end.

    Raises:
        Failed: it ended with an error; the text is the last line it wrote.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        child = subprocess.Popen(command, stdout=out, stderr=err, env=os.environ | _QUIET)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise Failed(_last_line(err) or f"ended with {child.returncode}")
        facts = json.loads(_last_line(out) or "{}")
    whole = usage.ru_utime + usage.ru_stime
    return Cost(facts.get("cpu", whole), whole, _megabytes(usage), facts)


def _last_line(file: object) -> str:
    file.seek(0)  # type: ignore[attr-defined]
    lines = file.read().decode(errors="replace").strip().splitlines()  # type: ignore[attr-defined]
    return lines[-1] if lines else ""


def _megabytes(usage: resource.struct_rusage) -> float:
    return usage.ru_maxrss / (1024**2 if platform.system() == "Darwin" else 1024)


@dataclass(frozen=True)
class Measured:
    """All runs of a case, or why there are none."""

    case: Case
    costs: tuple[Cost, ...] = ()
    trouble: str = ""

    def middle(self, what: Callable[[Cost], float]) -> float | None:
        """The median over the runs; None where there are none."""
        return median(map(what, self.costs)) if self.costs else None

    @property
    def work(self) -> float | None:
        return self.middle(lambda cost: cost.work)

    @property
    def peak(self) -> float | None:
        return self.middle(lambda cost: cost.peak)

    def fact(self, name: str) -> float | None:
        return self.middle(lambda cost: cost.facts[name])


def in_turns(
    cases: Sequence[Case], runs: int, meter: Callable[[], float] | None = None
) -> dict[str, Measured]:
    """Run every case so often, in turns, so that a noisy minute hits all of them alike.

    ``meter`` counts the CPU seconds of somebody else, such as a server; what it grew by during a
    run becomes the fact ``server``. A case that fails is not run again.
    """
    costs: dict[str, list[Cost]] = {case.name: [] for case in cases}
    troubles = {case.name: case.obstacle for case in cases}
    for turn in range(runs):
        for case in cases:
            if troubles[case.name] or turn >= case.most:
                continue
            print(f"  {case.name} ({turn + 1})", file=sys.stderr, flush=True)
            try:
                costs[case.name].append(_metered(case, meter))
            except Failed as failure:
                troubles[case.name] = f"failed: {str(failure)[:_LAST_WORDS]}"
    return {
        case.name: Measured(case, tuple(costs[case.name]), troubles[case.name]) for case in cases
    }


def _metered(case: Case, meter: Callable[[], float] | None) -> Cost:
    if meter is None:
        return run(case.command)
    before = meter()
    cost = run(case.command)
    facts = {**cost.facts, "server": meter() - before}
    return Cost(cost.work, cost.process, cost.peak, facts)


def ratio(a: float | None, b: float | None) -> float | None:
    return None if a is None or not b else a / b


def python_with(package: str, *requirements: str, install: bool = True) -> tuple[str, str]:
    """A Python that has a package, and why there is none.

    It is this one or, where that may be made, one in an environment of its own below the folder of
    data.
    """
    if not _lacks(sys.executable, package):
        return sys.executable, ""
    if not install:
        return "", f"{package} is not installed"
    home = folder() / "environments" / package
    python = home / "bin" / "python"
    try:
        if not python.exists():
            _call(sys.executable, "-m", "venv", str(home))
        if _lacks(str(python), package):
            _call(str(python), "-m", "pip", "install", "--quiet", *requirements)
    except subprocess.CalledProcessError as error:
        lines = error.stderr.decode(errors="replace").strip().splitlines()
        return "", f"{package} cannot be installed: {(lines or ['no reason given'])[-1]}"
    return str(python), ""


def _lacks(python: str, package: str) -> bool:
    probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({package!r}) is None)"
    return subprocess.run([python, "-c", probe], check=False).returncode != 0


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


def version_in(python: str, package: str) -> str:
    """The version of a package in an environment; empty where it has none."""
    probe = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run([python, "-c", probe], check=False, capture_output=True, text=True)
    return done.stdout.strip()


def cached(path: Path, *job: object) -> Path:
    """A file of data, made by a job where it is not there yet; it appears whole or not at all."""
    if not path.exists():
        print(f"  making {path}", file=sys.stderr, flush=True)
        part = path.with_name(f"{path.name}.part")
        part.unlink(missing_ok=True)
        prepare(*job, part)
        part.replace(path)
    return path
