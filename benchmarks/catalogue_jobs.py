"""Jobs of the benchmark of the catalogue."""

from __future__ import annotations

import subprocess
import sys
from contextlib import redirect_stdout
from datetime import timedelta
from io import StringIO
from pathlib import Path

from benchmarks.incremental_jobs import first_hour
from benchmarks.peers.clock import cpu, measured
from benchmarks.registry import job

TURNS = 12


@job("judge")
def judge(folder: str, which: str) -> None:
    """Measure what judging the stored hours costs, by the default checks or by all that apply.

    The first hour also learns the limits; after it the cheapest of several hours counts.
    """
    from dataclasses import replace

    from checks.check import catalogue
    from monitor.config import load
    from monitor.evaluate import Learnt, Rule, Target, evaluate
    from monitor.store import Store
    from monitor.windows import Window

    config = load(Path(folder) / "monitor.toml")
    model = config.model("m")
    if which == "all":
        model = replace(model, rules=tuple(map(Rule, catalogue().values())))
    learnt: Learnt = {}
    with Store.open(config.daemon.state.reveal()) as store:
        baseline = store.baseline("m")
        assert baseline is not None
        read, judged, findings = [], [], 0
        with measured() as facts:
            for hour in range(TURNS):
                start = first_hour() + timedelta(hours=hour)
                window = Window(start, start + timedelta(hours=1))
                begun = cpu()
                stored = store.portraits("m", window)
                read.append(cpu() - begun)
                begun = cpu()
                found = evaluate(
                    Target("m", window),
                    baseline.plan,
                    model.rules,
                    baseline.portraits,
                    stored,
                    learnt,
                )
                judged.append(cpu() - begun)
                findings = sum(each.stat is not None for each in found)
            facts |= {"first": judged[0], "next": min(judged[1:]), "read": min(read[1:])}
            facts["findings"] = findings
    assert findings


@job("start")
def start(arguments: str) -> None:
    """Measure a Python from its start to its end, imports and all."""
    with measured():
        subprocess.run([sys.executable, *arguments.split()], check=True, stdout=subprocess.DEVNULL)


@job("loaded")
def loaded() -> None:
    """Count the modules of checks that help loads."""
    from monitor.cli import cli

    with redirect_stdout(StringIO()):
        cli.main(["--help"], standalone_mode=False)
    with measured() as facts:
        facts["checks"] = sum(name.startswith("checks") for name in sys.modules)
