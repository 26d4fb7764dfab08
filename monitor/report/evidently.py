"""Evidently's own report beside ours, made in a child process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

TIMEOUT = 600.0
INSTALL = "install modelmon with its extra: pip install 'modelmon[evidently]'"

_LAST_WORDS = 300


class EvidentlyFailed(Exception):
    """Evidently made no report; the text says why, and what helps."""


def evidently_html(
    reference: Path,
    current: Path,
    output: Path,
    *,
    numeric: Sequence[str],
    categorical: Sequence[str],
    timeout: float = TIMEOUT,
) -> tuple[str, ...]:
    """Write Evidently's drift report on two Parquet files as one HTML file.

    Evidently is slow to import, wants a pandas of its own and gives up on a single awkward column,
    so it runs in a child process of at most ``timeout`` seconds and without telemetry, on the
    columns that it can take. Returns a sentence for each column left out.

    Raises:
        EvidentlyFailed: it is not installed, takes too long, or cannot do it.
    """
    if find_spec("evidently") is None:
        raise EvidentlyFailed(f"evidently is not installed; {INSTALL}")
    task = {
        "reference": str(reference),
        "current": str(current),
        "output": str(output),
        "numeric": list(numeric),
        "categorical": list(categorical),
    }
    try:
        child = subprocess.run(
            [sys.executable, "-m", "monitor.report._evidently_child"],
            input=json.dumps(task),
            env={**os.environ, "DO_NOT_TRACK": "1"},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise EvidentlyFailed(
            f"evidently was stopped after {timeout:.0f} s; give it fewer rows or columns"
        ) from None
    if child.returncode:
        raise EvidentlyFailed(f"evidently failed: {_last_words(child.stderr)}")
    answer: list[str] = json.loads(child.stdout.rpartition("\n")[2])
    return tuple(answer)


def _last_words(stderr: str) -> str:
    """The last line that a process wrote before it ended."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1][:_LAST_WORDS] if lines else "it said nothing"
