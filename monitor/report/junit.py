"""Findings as JUnit XML, one test case each, for the test tabs of CI systems."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from xml.etree import ElementTree as ET

from alerts.message import clean
from checks.verdict import Verdict
from monitor.findings import Finding
from monitor.report.order import worst_first
from monitor.report.words import number, period, subject, word
from monitor.windows import Window

_FAILING = {
    "critical": (Verdict.CRITICAL,),
    "warning": (Verdict.CRITICAL, Verdict.WARNING),
    "never": (),
}


def to_junit(findings: Iterable[Finding], fail_on: str = "critical") -> str:
    """One suite for each model and window, one case for each finding.

    A verdict at or above ``fail_on`` (``critical``, ``warning`` or ``never``) is a failure, an
    error an error, and whatever was not judged is skipped with its reason: never passed.

    Raises:
        ValueError: an unknown ``fail_on``.
    """
    if fail_on not in _FAILING:
        raise ValueError(f"fail_on: {fail_on!r}; use one of {', '.join(_FAILING)}")
    cases = sorted(worst_first(findings), key=_suite)
    root = ET.Element("testsuites", {"name": "modelmon", **_totals(cases, fail_on)})
    for (model, window), group in groupby(cases, key=_suite):
        _add_suite(root, model, window, list(group), fail_on)
    ET.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(root, encoding="unicode")}\n'


def _suite(finding: Finding) -> tuple[str, Window]:
    return finding.model, finding.window


def _add_suite(
    root: ET.Element, model: str, window: Window, cases: Sequence[Finding], fail_on: str
) -> None:
    name = f"{_text(model, 200)}, {period(window)}"
    suite = ET.SubElement(root, "testsuite", {"name": name, **_totals(cases, fail_on)})
    for finding in cases:
        title = " ".join(filter(None, (finding.check, subject(finding))))
        case = ET.SubElement(
            suite,
            "testcase",
            classname=_text(f"{finding.model}.{finding.cause}", 200),
            name=_text(title, 300),
        )
        _add_result(case, finding, fail_on)


def _add_result(case: ET.Element, finding: Finding, fail_on: str) -> None:
    kind = _kind(finding, fail_on)
    reason = _text(finding.reason, 1000) or word(finding.verdict)
    if not kind:
        ET.SubElement(case, "system-out").text = f"{reason}: {_numbers(finding)}"
    elif kind == "skipped":
        ET.SubElement(case, kind, message=f"{word(finding.verdict)}: {reason}")
    else:
        told = ET.SubElement(case, kind, message=reason, type=finding.verdict.value)
        told.text = _numbers(finding)


def _kind(finding: Finding, fail_on: str) -> str:
    """The element that tells how a case went; empty where it passed."""
    if finding.verdict in _FAILING[fail_on]:
        return "failure"
    if finding.verdict is Verdict.ERROR:
        return "error"
    return "" if finding.verdict.judged else "skipped"


def _totals(cases: Iterable[Finding], fail_on: str) -> dict[str, str]:
    kinds = [_kind(finding, fail_on) for finding in cases]
    return {
        "tests": str(len(kinds)),
        "failures": str(kinds.count("failure")),
        "errors": str(kinds.count("error")),
        "skipped": str(kinds.count("skipped")),
    }


def _numbers(finding: Finding) -> str:
    return f"value {number(finding.judged_value)}, limit {number(finding.threshold)}"


def _text(text: str, limit: int) -> str:
    """Text that XML can hold."""
    return clean(text, limit).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")
