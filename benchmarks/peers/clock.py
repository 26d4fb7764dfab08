"""The CPU seconds of a piece of work, printed by the process that did it."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager


def cpu() -> float:
    """CPU seconds (user and system) of this process and of its children that ended."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    # The account of usage may count in whole ticks, of which a short piece of work takes none.
    return time.process_time() + children.ru_utime + children.ru_stime


@contextmanager
def measured() -> Iterator[dict[str, float]]:
    """Print one line of JSON when the block ends: its seconds, and what it put into the facts."""
    facts: dict[str, float] = {}
    begun, started = cpu(), time.perf_counter()
    yield facts
    print(json.dumps({"cpu": cpu() - begun, "wall": time.perf_counter() - started, **facts}))
