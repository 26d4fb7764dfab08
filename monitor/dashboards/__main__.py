"""Writes the dashboards and the page of metrics, or with --check says which are outdated."""

from __future__ import annotations

import sys

from monitor.dashboards import outdated, write


def main(arguments: list[str]) -> int | str:
    """Write, or check: the exit code, or what is wrong in a sentence."""
    if arguments not in ([], ["--check"]):
        return "usage: python -m monitor.dashboards [--check]"
    if not arguments:
        write()
    stale = outdated()
    return f"{', '.join(stale)}: outdated; run python -m monitor.dashboards" if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
