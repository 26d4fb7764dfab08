"""Reports on a terminal and in a log."""

from __future__ import annotations

import re
import unicodedata

import pytest

from checks.check import Stat
from checks.verdict import Verdict
from monitor.report import to_text
from monitor.report.words import word
from monitor.sources import ALL_TIME
from tests.report.made import FINDINGS, REPORT, before, finding, golden, report

ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def columns(line: str) -> int:
    return sum(1 + (unicodedata.east_asian_width(each) in "WF") for each in line)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_report_reads_as_kept(width):
    golden(f"terminal_{width}.txt", to_text(REPORT, width=width, colour=False))


@pytest.mark.parametrize("width", [60, 71, 72, 80, 109, 110, 200])
def test_no_line_is_wider_than_the_terminal(width):
    for line in to_text(REPORT, width=width, colour=False).splitlines():
        assert columns(line) <= width


def test_a_terminal_narrower_than_sixty_columns_gets_sixty():
    assert to_text(REPORT, width=20, colour=False) == to_text(REPORT, width=60, colour=False)


def test_no_line_ends_in_spaces():
    for line in to_text(REPORT, width=80, colour=False).splitlines():
        assert line == line.rstrip()


def test_colour_adds_nothing_but_escape_sequences():
    plain = to_text(REPORT, width=100, colour=False)
    coloured = to_text(REPORT, width=100, colour=True)
    assert "\x1b[1;31m" in coloured
    stripped = [line.rstrip() for line in ESCAPES.sub("", coloured).splitlines()]
    assert stripped == plain.splitlines()


def test_colour_is_taken_back_at_the_end_of_each_verdict():
    for line in to_text(REPORT, width=100, colour=True).splitlines():
        opened, closed = line.count("\x1b[1;") + line.count("\x1b[32m"), line.count("\x1b[0m")
        assert opened == closed


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_is_named(verdict):
    text = to_text(report(finding("psi", "age", verdict)), width=80, colour=False)
    assert re.search(rf"\bage\b.*\b{word(verdict)}\b", text)


def test_a_column_name_cannot_command_the_terminal():
    evil = finding(
        "psi", "\x1b]0;owned\x07a\rb\u202ec", Verdict.CRITICAL, Stat(1.0), 0.2, reason="\x1b[2J"
    )
    text = to_text(report(evil, notices=("\x1b[1m",)), width=80, colour=False)
    assert not any(unicodedata.category(each) in ("Cc", "Cf") for each in text.replace("\n", ""))


def test_wide_letters_keep_the_table_straight():
    rows = (finding("psi", "年齢", stat=Stat(0.1)), finding("psi", "age", stat=Stat(0.2)))
    lines = to_text(report(*rows), width=80, colour=False).splitlines()
    head, *body = [line for line in lines if line.startswith(("check", "psi"))]
    ends = {columns(line.partition(" ok")[0]) for line in body}
    assert ends == {head.index("verdict") - 1}


def test_a_long_name_gives_way_to_the_numbers():
    text = to_text(
        report(finding("psi", "x" * 500, stat=Stat(0.125), threshold=0.25)), width=80, colour=False
    )
    assert re.search(r"x{20,}…  +0\.125 +0\.25  ok", text)


def test_of_too_many_findings_the_rest_is_counted():
    rows = [finding("psi", f"c{i}", stat=Stat(0.1)) for i in range(30)]
    rows.append(finding("psi", "bad", Verdict.WARNING, Stat(0.2), 0.1))
    text = to_text(report(*rows), width=80, colour=False, most=10)
    assert text.count("psi") == 10
    assert "bad" in text
    assert "and 21 more: 21 ok" in text


def test_windows_are_told_apart_only_where_there_are_several():
    one = to_text(report(finding("psi", "a")), width=100, colour=False)
    two = to_text(
        report(finding("psi", "a"), finding("psi", "a", window=before(1))), width=100, colour=False
    )
    assert "window" not in one
    assert {"2026-02-28", "2026-03-01"} <= set(two.split())


def test_two_files_compared_have_no_times():
    text = to_text(report(finding("psi", "a", window=ALL_TIME)), width=80, colour=False)
    assert text.startswith("churn: all rows, 600 rows against 4,000 of January")
    assert "0001" not in text


def test_an_empty_report_says_that_nothing_was_checked():
    text = to_text(report(), width=80, colour=True)
    assert text.endswith("Nothing was checked: there are no findings.\n")
    assert text == to_text(report(), width=80, colour=False)


def test_every_finding_is_on_a_line_of_its_own():
    text = to_text(REPORT, width=140, colour=False)
    for each in FINDINGS:
        assert re.search(rf"^{each.check} +{each.column}.*{word(each.verdict)}", text, re.MULTILINE)
