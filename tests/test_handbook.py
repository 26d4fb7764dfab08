"""The page of checks is what the docstrings say, and the docstrings say what they must."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from checks.check import Check, catalogue
from monitor import handbook
from monitor.handbook import SUBJECTS, chosen, described, main, page

CHECKS = list(catalogue().values())


def test_the_page_of_checks_is_what_the_docstrings_say() -> None:
    assert main(["--check"]) == 0


def test_an_outdated_page_is_told_and_written_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handbook, "PAGE", tmp_path / "checks.md")
    assert main(["--check"]) == "docs/checks.md: outdated; run python -m monitor.handbook"
    assert main([]) == 0
    assert main(["--check"]) == 0
    assert main(["--help"]) == "usage: python -m monitor.handbook [--check]"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_every_check_tells_what_its_reader_must_know(check: Check) -> None:
    told = described(check)
    assert told.summary.endswith(".")
    assert 15 <= len(told.summary) <= 120
    assert told.text or told.formula, "one sentence is not enough"
    assert told.example, "there is no number to check by hand"
    assert told.of
    words = set(re.findall(r"\w+", " ".join((told.summary, *told.text, told.formula))))
    assert set(told.parameters) <= words, "a setting is not explained"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_distance_or_test_has_a_formula_and_a_source(check: Check) -> None:
    if check.compute.__module__.startswith("checks.drift_"):
        told = described(check)
        assert told.formula
        assert told.source


def test_every_check_is_of_some_subject_and_on_the_page() -> None:
    covered = {check.name for subject in SUBJECTS for check in chosen(subject)}
    assert covered == set(catalogue())
    text = page(CHECKS)
    for check in CHECKS:
        assert f"\n### {check.name}\n" in text


def test_words_and_options_choose() -> None:
    assert {check.name for check in chosen("binary", ["threshold"])} <= set(catalogue())
    assert chosen("log", ["no such words at all"]) == []
    assert all(check.default for check in chosen(default=True))
    assert chosen() == CHECKS
