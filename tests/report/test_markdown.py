"""Reports as comments on pull requests."""

from __future__ import annotations

import re

import pytest

from checks.check import Stat
from checks.verdict import Verdict
from monitor.report import to_markdown
from monitor.report.words import word
from tests.report.made import REPORT, finding, golden, report


def rows(text: str) -> list[list[str]]:
    """The cells of the table's rows, split where Markdown splits them."""
    lines = [line for line in text.splitlines() if line.startswith("|")][2:]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


def test_a_report_reads_as_kept():
    golden("comment.md", to_markdown(REPORT))


def test_the_worst_comes_first_and_what_is_fine_stays_out():
    verdicts = [cells[0].split(maxsplit=1)[1].strip() for cells in rows(to_markdown(REPORT))]
    assert verdicts[0] == "critical"
    assert verdicts[-1] == "undecided"
    assert "ok" not in verdicts


@pytest.mark.parametrize("verdict", [each for each in Verdict if each is not Verdict.OK])
def test_every_verdict_that_is_not_ok_has_a_row(verdict):
    ((cell, *_),) = rows(to_markdown(report(finding("psi", "age", verdict))))
    assert cell.strip().endswith(word(verdict))


def test_a_fine_report_is_two_lines_long():
    text = to_markdown(report(finding("psi", "age", stat=Stat(0.1), threshold=0.25)))
    assert text.startswith("### ✓ churn, 1 March 2026: No drift in 1 feature")
    assert len(text.split("\n\n")) == 2


def test_an_empty_report_is_not_fine():
    assert to_markdown(report()).startswith("### ∅ churn, 1 March 2026: Nothing was checked")


@pytest.mark.parametrize(
    "name", ["a|b", "a\\|b", "a\nb", "`a`|`", "<img src=x>", "[x](http://evil)", "\\", "a\\"]
)
def test_a_name_cannot_break_out_of_its_cell(name):
    bad = finding("psi", name, Verdict.CRITICAL, Stat(1.0), 0.2, reason=name)
    (cells,) = rows(to_markdown(report(bad)))
    assert len(cells) == 6
    assert not re.search(r"(?<!\\)[<`\[]", "".join(cells))


def test_a_name_mentions_nobody_and_links_nowhere():
    bad = finding("psi", "@octocat", Verdict.CRITICAL, reason="see #12 at https://evil.example")
    text = to_markdown(report(bad))
    assert not re.search(r"@\w|#\d|https?://", text)


def test_a_long_table_is_cut_and_says_so():
    many = [finding("psi", f"c{i:03}", Verdict.WARNING, Stat(0.2), 0.1) for i in range(300)]
    text = to_markdown(report(*many))
    assert len(rows(text)) == 20
    assert "and 280 more: 280 warning" in text
    assert len(text) < 4000
