"""Reports for the test tabs of CI systems."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from checks.check import Stat
from checks.verdict import Verdict
from monitor.report import to_junit
from tests.report.made import FINDINGS, before, finding, golden


def result(verdict: Verdict, fail_on: str) -> str:
    """The element that a finding's case holds."""
    root = ET.fromstring(to_junit([finding("psi", "age", verdict, reason="because")], fail_on))
    (case,) = root.iter("testcase")
    (child,) = case
    return child.tag


def test_findings_read_as_kept():
    golden("junit.xml", to_junit(FINDINGS, "warning"))


@pytest.mark.parametrize(
    ("verdict", "critical", "warning", "never"),
    [
        (Verdict.OK, "system-out", "system-out", "system-out"),
        (Verdict.WARNING, "system-out", "failure", "system-out"),
        (Verdict.CRITICAL, "failure", "failure", "system-out"),
        (Verdict.UNDECIDED, "skipped", "skipped", "skipped"),
        (Verdict.INSUFFICIENT, "skipped", "skipped", "skipped"),
        (Verdict.NO_DATA, "skipped", "skipped", "skipped"),
        (Verdict.ERROR, "error", "error", "error"),
    ],
)
def test_a_verdict_decides_how_its_case_went(verdict, critical, warning, never):
    told = [result(verdict, level) for level in ("critical", "warning", "never")]
    assert told == [critical, warning, never]


def test_the_totals_are_those_of_the_cases():
    root = ET.fromstring(to_junit([*FINDINGS, finding("psi", "a", window=before(1))], "warning"))
    suites = root.findall("testsuite")
    assert len(suites) == 2
    for whole in (root, *suites):
        for kind, total in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(whole.get(total)) == len(list(whole.iter(kind)))
        assert int(whole.get("tests")) == len(list(whole.iter("testcase")))
    assert int(root.get("failures")) == 6


def test_whatever_is_skipped_says_why():
    root = ET.fromstring(to_junit(FINDINGS))
    reasons = {each.get("message") for each in root.iter("skipped")}
    assert "insufficient: 37 values, 100 needed" in reasons
    assert "no data: no values in the window" in reasons


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="fail_on: 'bad'; use one of critical, warning, never"):
        to_junit(FINDINGS, "bad")


@pytest.mark.parametrize("name", ["<a>&\"'", "]]>", "\x00\x0b\x1b\ufffe\uffff", "\udc80", "日"])
def test_any_name_gives_xml_that_can_be_read(name):
    text = to_junit([finding(name, name, Verdict.CRITICAL, Stat(1.0), reason=name, model=name)])
    (case,) = ET.fromstring(text.encode()).iter("testcase")
    if name.isprintable():
        assert case.get("name") == f"{name} {name}"


def test_no_findings_give_an_empty_run():
    root = ET.fromstring(to_junit([]))
    assert (root.get("tests"), len(root)) == ("0", 0)
