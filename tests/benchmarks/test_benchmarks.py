"""The benchmarks run from end to end, at sizes that take seconds; no time is asserted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.page import PAGE, Section, Target, brief, markdown, written
from tests.servers import require
from tests.shared import ROOT

OURS = {
    "window": ("modelmon, stored baseline", "modelmon drift, both sides", "pyarrow decode"),
    "sql": ("modelmon, as the source profiles", "modelmon, rows fetched", "PostgreSQL, sum"),
    "incremental": ("a new hour",),
    "fleet": ("SQLite",),
    "catalogue": ("the default checks", "every check that applies"),
}


@pytest.mark.slow
@pytest.mark.parametrize("key", OURS)
def test_a_benchmark_measures_and_writes_its_section(key: str, tmp_path: Path) -> None:
    if key == "sql":
        require("pg_config")
    page = tmp_path / "page.md"
    page.write_text(PAGE.read_text())
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "benchmarks",
            key,
            "--tiny",
            "--runs",
            "1",
            *("--date", "2026-01-02"),
            *("--output", str(page)),
        ],
        cwd=ROOT,
        env=os.environ | {"BENCH_DIR": str(tmp_path / "data")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    section = _section(page.read_text(), key)
    for name in OURS[key]:
        rows = [line for line in section.splitlines() if line.startswith("|") and name in line]
        assert rows, f"{name} is not in\n{section}"
        unmeasured = [row for row in rows if "–" in row or not re.search(r"\| [\d.,]+ \|", row)]
        assert not unmeasured
    assert "_2026-01-02, one run; " in section
    assert "target" in section
    others = [other for other in OURS if other != key]
    assert all(_section(page.read_text(), o) == _section(PAGE.read_text(), o) for o in others)


def _section(page: str, key: str) -> str:
    begin, end = f"<!-- {key}: written by make bench -->", f"<!-- end of {key} -->"
    return page[page.index(begin) : page.index(end)]


def test_a_section_is_replaced_between_its_markers_and_nowhere_else() -> None:
    page = "before\n<!-- a: written by make bench -->\nold\n<!-- end of a -->\nafter\n"
    once = written(page, "a", r"new \1")
    assert once == page.replace("old", r"new \1")
    assert written(once, "a", "newer") == page.replace("old", "newer")
    with pytest.raises(ValueError, match="no markers for 'b'"):
        written(page, "b", "new")


@pytest.mark.parametrize(
    ("target", "told"),
    [
        (Target("cost", 1.5, 2.0, "x"), "- cost: 1.5x (target: at most 2x): met"),
        (Target("cost", 2.5, 2.0, "x"), "- cost: 2.5x (target: at most 2x): **missed**"),
        (Target("gain", 2.5, 2.0, least=True), "- gain: 2.5 (target: at least 2): met"),
        (Target("gain", 1.5, 2.0, least=True), "- gain: 1.5 (target: at least 2): **missed**"),
        (Target("cost", None, 2.0), "- cost: not measured (target: at most 2)"),
    ],
)
def test_a_target_that_is_missed_is_said_to_be_missed(target: Target, told: str) -> None:
    assert str(target) == told


def test_columns_of_numbers_stand_to_the_right() -> None:
    section = Section("a", "How.", ("what", "CPU s"), [("ours", 0.5), ("theirs", None)])
    assert "|---|--:|\n| ours | 0.5 |\n| theirs | – |" in markdown(section, "_today_")


SPEED = re.compile(r"CPU|faster|peak memory|rows/s|per second", re.IGNORECASE)
FIGURE = re.compile(
    r"\d[\d,.]*(?= (?:times|x|MB|GB|ms|CPU|seconds?|rows/s|million)\b)|\d[\d,.]*(?=x\b)"
)


def claims(text: str) -> list[str]:
    """The figures of the paragraphs that speak of speed, outside of code."""
    prose = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    paragraphs = re.split(r"\n\s*\n|\n(?=[-*] )", prose)
    return [n.rstrip(".,") for p in paragraphs if SPEED.search(p) for n in FIGURE.findall(p)]


def test_a_claim_is_a_figure_with_a_unit_in_a_paragraph_on_speed() -> None:
    said = "It takes 3 CPU seconds and 240 MB, 20 times less, 1.9x.\n\nIn 5 seconds you see it."
    assert claims(said) == ["3", "240", "20", "1.9"]


def test_every_figure_on_speed_stands_on_the_page_that_says_how_it_was_measured() -> None:
    page = PAGE.read_text()
    for path in [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *ROOT.glob("grafana/*.md")]:
        if path == PAGE:
            continue
        for figure in claims(path.read_text()):
            known = re.search(rf"(?<![\d.,]){re.escape(figure)}(?![\d,]|\.\d)", page)
            assert known, f"{path.name} says {figure}, which docs/performance.md does not"


def test_small_and_large_numbers_read_well() -> None:
    assert [brief(n) for n in (0.00049, 99.94, 100.4, 12_345.6)] == [
        "0.00049",
        "99.9",
        "100",
        "12,346",
    ]
