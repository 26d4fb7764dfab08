"""What was measured as Markdown, written between the markers of docs/performance.md."""

from __future__ import annotations

import os
import platform
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
_OF_INTEREST = ("numpy", "pyarrow", "pandas", "sqlalchemy", "psycopg", "duckdb")
_DIGITS = 3


@dataclass(frozen=True)
class Target:
    """What was hoped for: ``value`` at most ``limit`` (or at least, where ``least``)."""

    what: str
    value: float | None
    limit: float
    unit: str = ""
    least: bool = False

    def __str__(self) -> str:
        hoped = f"{'at least' if self.least else 'at most'} {brief(self.limit)}{self.unit}"
        if self.value is None:
            return f"- {self.what}: not measured (target: {hoped})"
        met = self.value >= self.limit if self.least else self.value <= self.limit
        told = "met" if met else "**missed**"
        return f"- {self.what}: {brief(self.value)}{self.unit} (target: {hoped}): {told}"


@dataclass(frozen=True)
class Section:
    """One benchmark: what was done, its table, and how the targets fared."""

    key: str
    text: str
    head: tuple[str, ...]
    rows: Sequence[Sequence[str | float | None]]
    targets: Sequence[Target] = ()


def brief(number: float | None) -> str:
    """A number to three digits; a dash where there is none.

    >>> brief(0.012345), brief(1234.5), brief(None)
    ('0.0123', '1,234', '–')
    """
    if number is None:
        return "–"
    if abs(number) >= 10 ** (_DIGITS - 1):
        return f"{number:,.0f}"
    return f"{number:.{_DIGITS}g}"


def markdown(section: Section, run_of: str) -> str:
    """A section as Markdown; ``run_of`` says when and where it was measured."""
    texts = [
        [cell if isinstance(cell, str) else brief(cell) for cell in row] for row in section.rows
    ]
    right = [
        all(not isinstance(row[i], str) for row in section.rows) for i in range(len(section.head))
    ]
    lines = [
        f"| {' | '.join(section.head)} |",
        f"|{'|'.join('--:' if each else '---' for each in right)}|",
        *(f"| {' | '.join(row)} |" for row in texts),
    ]
    parts = [section.text, "\n".join(lines), "\n".join(map(str, section.targets)), run_of]
    return "\n\n".join(filter(None, parts))


def written(page: str, key: str, body: str) -> str:
    """The page with another body between the markers of a section.

    Raises:
        ValueError: it has no such markers.
    """
    begin, end = f"<!-- {key}: written by make bench -->", f"<!-- end of {key} -->"
    pattern = re.compile(f"{re.escape(begin)}.*?{re.escape(end)}", re.DOTALL)
    if not pattern.search(page):
        raise ValueError(f"the page has no markers for {key!r}")
    return pattern.sub(lambda _: f"{begin}\n{body}\n{end}", page)


def about(runs: int, date: str) -> str:
    """When and on what machine a run was made."""
    found = []
    for name in _OF_INTEREST:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    times = "one run" if runs == 1 else f"medians of {runs} runs"
    return (
        f"_{date}, {times}; {machine()}; Python {platform.python_version()}, {', '.join(found)}._"
    )


def machine() -> str:
    """The processor, its cores and the memory of this machine."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    return f"{_processor()}, {cores} cores, {memory:.0f} GB, {platform.system()}"


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*:\s*(.+)", info.read_text()) if info.exists() else None
    return found[1].strip() if found else platform.processor() or platform.machine()
