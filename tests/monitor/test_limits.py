"""Limits that no number could meet are refused where they are written."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from checks.check import catalogue
from checks.verdict import Limit
from monitor.config import ConfigError, parse
from monitor.limits import impossible
from monitor.tasks import fits

BASE = {
    "task": "binary",
    "source": {"type": "parquet", "path": "log.parquet"},
    "columns": {"timestamp": "ts", "prediction": "p", "label": "y", "label_timestamp": "seen"},
    "reference": {"from": datetime(2026, 1, 1, tzinfo=UTC), "to": datetime(2026, 2, 1, tzinfo=UTC)},
}


def task_of(check):
    """The task of a model that may ask for a check."""
    return {} if fits(catalogue()[check], "binary") else {"task": "regression"}


def problems(**tables):
    try:
        parse({"models": {"m": BASE | tables}}, Path("monitor.toml"))
    except ConfigError as error:
        return list(error.problems)
    return []


@pytest.mark.parametrize(
    ("check", "table", "said"),
    [
        (
            "accuracy",
            {"critical": 7.0},
            "accuracy.critical: is 7, and accuracy lies between 0 and 1",
        ),
        (
            "missing",
            {"warning": -0.1},
            "missing.warning: is -0.1, and missing lies between 0 and 1",
        ),
        ("missing", {"warning": 0.3, "critical": 0.1}, "missing.critical: must lie beyond warning"),
        (
            "accuracy",
            {"warning": 0.7, "critical": 0.8},
            "must lie beyond warning, that is below it",
        ),
        ("freshness", {"critical": -5.0}, "freshness is never below 0"),
        ("r2", {"critical": 1.5}, "r2 is never above 1"),
        ("bias", {"critical": -0.5}, "a distance of bias is never below 0"),
        ("quantile", {"share": -0.5}, "quantile.share: is -0.5; give a number from 0 to 1"),
        ("quantile_shift", {"quantile": -1.0}, "quantile: is -1; give a number from 0 to 1"),
        ("psi", {"bins": 1}, "psi.bins: is 1; give a number from 2 to"),
        ("pattern", {"regex": "("}, "pattern.regex: '(' is no pattern: missing ), unterminated"),
        ("ratio", True, 'needs numerator and denominator; write ratio = { numerator = "…", denom'),
        (
            "ratio",
            {"numerator": "x"},
            'ratio: needs denominator; write ratio = { denominator = "…"',
        ),
        ("level_share", True, 'checks.level_share: needs level; write level_share = { level = "…"'),
        ("out_of_set", {"critical": 0.1}, "checks.out_of_set: needs allowed"),
        ("psi", {"min_rows": -1}, "psi.min_rows: must not be negative"),
        ("psi", [1], "psi: must be true, false, a table or a list of tables"),
        ("psi", {"name": "a b"}, "psi.name: 'a b' is no name; use letters, digits, - and _"),
        ("psi", [{"bins": 5}, {"bins": 9}], "psi: two of its tables are about the same; give one"),
        (
            "psi",
            [{"columns": ["a", "k"]}, {"columns": ["k"]}],
            "psi: 'k' is in two lists of columns; give one a name, such as name = \"strict\"",
        ),
        ("psi", [], "psi: is an empty list; write false to leave the check out"),
        ("psi", {"name": ""}, "psi.name: '' is no name"),
        (
            "psi",
            [{"name": "x", "bins": 5}, {"name": "x"}],
            "psi: two of its tables are about the same; the name 'x' is used twice",
        ),
        ("accuracy", {"columns": ["a"]}, "accuracy.columns: accuracy is about no single column"),
        ("psi", [{}, {"columns": ["k"], "bins": 1}], "psi[1].bins: is 1; give a number from 2"),
    ],
)
def test_an_impossible_limit_is_refused_in_one_sentence(check, table, said):
    (found,) = problems(checks={check: table}, **task_of(check))
    assert said in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("check", "table"),
    [
        ("accuracy", {"warning": 0.9, "critical": 0.8}),
        ("r2", {"critical": -2.0}),
        ("mcc", {"critical": -0.2}),
        ("mape", {"critical": 3.0}),
        ("psi", {"critical": 7.0}),
        ("pattern", {"regex": "[A-Z]{2}"}),
        ("out_of_set", {"allowed": "web"}),
        ("rmse", {"critical": 1e9}),
    ],
)
def test_a_possible_limit_is_taken(check, table):
    assert problems(checks={check: table}, **task_of(check)) == []


@pytest.mark.parametrize("check", catalogue().values(), ids=lambda check: check.name)
def test_the_defaults_of_every_check_are_possible(check):
    limit = Limit(check.warning, check.critical, check.direction)
    given = {k: v for k, v in check.parameters.items() if not _open(v)}
    assert dict(impossible(check, limit, given)) == {}


def _open(value):
    return isinstance(value, float) and math.isinf(value)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({}, "rules.mine: needs a condition on a row"),
        ({"expression": "a >"}, "rules.mine.expression: column 4: a value is missing at the end"),
        ({"expression": "y = 1"}, "'y' comes later than its row"),
        (
            {"expression": "a > 1", "warning": 2.0},
            "rules.mine.warning: is 2, and mine lies between",
        ),
        ({"expression": "a > 1", "columns": ["a"]}, "rules.mine.columns: unknown"),
    ],
)
def test_a_bad_row_rule_is_refused_in_one_sentence(rule, said):
    (found,) = problems(rules={"mine": rule})
    assert said in found


def test_a_row_rule_must_not_be_called_as_a_check_is():
    (found,) = problems(rules={"psi": {"expression": "a > 1"}})
    assert "is the name of a check" in found


def test_a_row_rule_becomes_a_check_of_its_own():
    config = parse(
        {"models": {"m": BASE | {"rules": {"mine": {"expression": "a > 1", "critical": 0.2}}}}},
        Path("monitor.toml"),
    )
    rule = config.models["m"].rules[-1]
    assert (rule.check.name, rule.limit) == ("mine", Limit(None, 0.2, "above", "config"))
    plain = parse({"models": {"m": BASE}}, Path("monitor.toml")).models["m"]
    assert config.models["m"].recipe != plain.recipe


def test_a_reference_before_all_logs_is_refused():
    first = datetime(1, 1, 1, tzinfo=UTC)
    (found,) = problems(reference=BASE["reference"] | {"from": first})
    assert "reference.from: 0001-01-01" in found
    assert "lies before 1970, as no log does" in found
