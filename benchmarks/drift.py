"""Compare two files of 100,000 rows and 30 columns: ours, and Evidently where it is installed.

Both run as whole processes on the same files in one run; CPU seconds (user + system) and peak
memory are the operating system's own figures of each finished process. Run it with
``make bench``; Evidently is measured when ``EVIDENTLY_PYTHON`` names a Python that has it, or
this Python has it.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from statistics import median

ROWS, NUMERIC, CATEGORICAL, RUNS = 100_000, 24, 6, 5

_EVIDENTLY = """
import sys
import pandas as pd
from evidently import Dataset, DataDefinition, Report
from evidently.presets import DataDriftPreset
reference, current = (pd.read_parquet(path) for path in sys.argv[1:3])
definition = DataDefinition(
    numerical_columns=[c for c in reference if c.startswith("n")],
    categorical_columns=[c for c in reference if c.startswith("c")],
)
then, now = (Dataset.from_pandas(f, data_definition=definition) for f in (reference, current))
Report([DataDriftPreset()]).run(now, then).dict()
"""

_DECODE = """
import sys
import pyarrow.parquet as pq
for path in sys.argv[1:3]:
    for batch in pq.ParquetFile(path).iter_batches():
        pass
"""


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak resident megabytes of one finished process."""

    cpu: float
    memory: float


def make(path: Path, seed: int, shift: float) -> None:
    """Write a log of floats with nulls, integers, heavy tails, and strings."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(seed)
    columns: dict[str, pa.Array] = {}
    for i in range(NUMERIC):
        values = rng.normal(shift if i < 3 else 0.0, 1.0, ROWS)
        if i % 4 == 1:
            values = np.exp(values)
        if i % 4 == 2:
            values = np.rint(values * 20)
        columns[f"n{i}"] = pa.array(values, mask=rng.random(ROWS) < 0.01)
    for i in range(CATEGORICAL):
        levels = np.array([f"level {k}" for k in range(4 ** (1 + i % 4))])
        weights = rng.dirichlet(np.ones(len(levels))) if not shift else None
        columns[f"c{i}"] = pa.array(rng.choice(levels, ROWS, p=weights))
    pq.write_table(pa.table(columns), path, row_group_size=50_000)


def run(command: list[str]) -> Cost:
    """Run a command to its end; its output is thrown away."""
    child = subprocess.Popen(
        command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"DO_NOT_TRACK": "1"},
    )
    _, status, usage = os.wait4(child.pid, 0)
    if os.waitstatus_to_exitcode(status) not in (0, 1):  # 1: drift was found
        assert child.stderr is not None
        raise SystemExit(f"{command[0]} failed:\n{child.stderr.read().decode()}")
    return Cost(usage.ru_utime + usage.ru_stime, _megabytes(usage))


def _megabytes(usage: resource.struct_rusage) -> float:
    scale = 1024**2 if platform.system() == "Darwin" else 1024
    return usage.ru_maxrss / scale


def main() -> None:
    """Print a table: medians, and ratios to ours within this run."""
    modelmon = str(Path(sys.executable).with_name("modelmon"))
    evidently = os.environ.get("EVIDENTLY_PYTHON") or (
        sys.executable if find_spec("evidently") else ""
    )
    with tempfile.TemporaryDirectory() as folder:
        files = [str(Path(folder, name)) for name in ("reference.parquet", "current.parquet")]
        # In a process of its own: a child's peak memory counts from that of its parent.
        subprocess.run([sys.executable, __file__, *files], check=True)
        commands = {
            "modelmon drift": ([modelmon, "drift", *files], RUNS),
            "pyarrow decode only": ([sys.executable, "-c", _DECODE, *files], RUNS),
            "modelmon --help": ([modelmon, "--help"], RUNS),
        }
        if evidently:
            commands["evidently DataDriftPreset"] = ([evidently, "-c", _EVIDENTLY, *files], 1)
        costs: dict[str, list[Cost]] = {name: [] for name in commands}
        for turn in range(RUNS):
            for name, (command, runs) in commands.items():
                if turn < runs:
                    costs[name].append(run(command))
    ours = median(cost.cpu for cost in costs["modelmon drift"])
    print(f"{ROWS:,} rows x {NUMERIC + CATEGORICAL} columns a side, Parquet; medians of {RUNS}")
    print(f"{'':28}{'CPU s':>8}{'MB':>8}{'x ours':>9}")
    for name, measured in costs.items():
        cpu = median(cost.cpu for cost in measured)
        memory = median(cost.memory for cost in measured)
        print(f"{name:28}{cpu:8.2f}{memory:8.0f}{cpu / ours:9.2f}")
    if not evidently:
        print("evidently is not installed: pip install 'modelmon[evidently]' to see the ratio")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        make(Path(sys.argv[1]), 1, 0.0)
        make(Path(sys.argv[2]), 2, 0.3)
    else:
        main()
