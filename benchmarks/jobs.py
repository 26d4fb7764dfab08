"""What is measured of ours, and what is prepared for it: one job a process.

``python -m benchmarks.jobs NAME ARGUMENTS`` does it; a measured job prints its costs as JSON.
"""

from __future__ import annotations

import sys
from importlib import import_module

from benchmarks.registry import JOBS


def main() -> None:
    """Do the job that the command line names."""
    name, *arguments = sys.argv[1:]
    for module in ("window_jobs", "sql_jobs", "fleet_jobs", "incremental_jobs", "catalogue_jobs"):
        import_module(f"benchmarks.{module}")
    JOBS[name](*arguments)


if __name__ == "__main__":
    main()
