"""Estimates are withdrawn while labels show that they are off."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.incident import Policy, review
from checks.check import Stat, catalogue
from checks.verdict import Verdict
from monitor.evaluate import Rule
from monitor.findings import WHOLE, Finding, Slice
from monitor.signals import signals_of
from monitor.windows import Window
from monitor.withdrawn import without_disproved

NOW = datetime(2026, 3, 2, tzinfo=UTC)
WINDOW = Window(NOW - timedelta(days=1), NOW)
RULES = [Rule(catalogue()[name]) for name in ("estimated_accuracy", "estimate_error", "accuracy")]


def finding(check, value, verdict, where=WHOLE):
    stat = None if value is None else Stat(value)
    return Finding(
        "m", where, check, "", WINDOW, 1, stat, 0.6, "config", verdict, "", "performance"
    )


def window(audit, value=None):
    return (
        finding("estimated_accuracy", 0.7, Verdict.OK),
        finding("estimate_error", value, audit),
        finding("accuracy", 0.5, Verdict.OK),
    )


def incidents(*findings):
    """The incidents that these findings leave open."""
    signals = signals_of("m", findings, (), NOW)
    return review((), signals, NOW, Policy()).incidents


BROKEN = incidents(*window(Verdict.CRITICAL, -0.2))


@pytest.mark.parametrize("verdict", [Verdict.WARNING, Verdict.CRITICAL])
def test_an_estimate_is_withdrawn_where_the_labels_of_its_rows_disprove_it(verdict):
    estimate, audit, accuracy = without_disproved(window(verdict, -0.2), RULES, ())
    assert estimate.verdict is Verdict.INSUFFICIENT
    assert estimate.reason.startswith("withdrawn: the labels of these rows")
    assert "off by -0.2" in estimate.reason
    assert (estimate.value, estimate.threshold) == (0.7, None)
    assert (audit, accuracy) == window(verdict, -0.2)[1:]


@pytest.mark.parametrize("verdict", [Verdict.INSUFFICIENT, Verdict.NO_DATA, Verdict.UNDECIDED])
def test_it_stays_withdrawn_until_labels_say_otherwise(verdict):
    assert BROKEN
    estimate, *_ = without_disproved(window(verdict), RULES, BROKEN)
    assert estimate.verdict is Verdict.INSUFFICIENT
    assert "an earlier window show that estimates are off by -0.2" in estimate.reason


def test_it_counts_again_where_its_own_labels_bear_it_out():
    fine = window(Verdict.OK, 0.01)
    assert without_disproved(fine, RULES, BROKEN) == fine


def test_nothing_is_withdrawn_where_nothing_speaks_against_it():
    usual = window(Verdict.INSUFFICIENT)
    others = incidents(finding("accuracy", 0.1, Verdict.CRITICAL))
    elsewhere = tuple(replace(one, model="other") for one in BROKEN)
    over = tuple(replace(one, state="resolved") for one in BROKEN)
    for known in ((), others, elsewhere, over):
        assert without_disproved(usual, RULES, known) == usual


def test_an_audit_of_a_segment_withdraws_nothing():
    part = finding("estimate_error", -0.3, Verdict.CRITICAL, Slice(segment="k=1"))
    estimate = finding("estimated_accuracy", 0.7, Verdict.OK)
    assert without_disproved((estimate, part), RULES, ()) == (estimate, part)
