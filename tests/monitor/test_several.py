"""One check asked for more than once: each with settings, columns and a name of its own."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from checks.verdict import Verdict
from monitor.config import parse
from monitor.evaluate import Rule
from monitor.findings import Finding
from monitor.oneoff import compare
from monitor.planning import Outlook
from monitor.sources import Columns
from monitor.sources._frame import Source

NOW = datetime(2026, 6, 1, tzinfo=UTC)
MODEL = """
[models.m]
task = "none"
[models.m.source]
type = "csv"
path = "log.csv"
[models.m.columns]
timestamp = "at"
[models.m.reference]
from = 2026-03-01
to = 2026-03-08
[models.m.checks]
"""


def rules(checks: str, name: str) -> tuple[Rule, ...]:
    asked = parse(tomllib.loads(MODEL + checks), Path("monitor.toml")).models["m"].rules
    return tuple(rule for rule in asked if rule.check.name.partition(".")[0] == name)


def findings(*asked: Rule) -> dict[tuple[str, str], Finding]:
    sides = [
        pd.DataFrame(np.random.default_rng(seed).exponential(100.0, (2_000, 3)), columns=[*"abc"])
        for seed in (1, 2)
    ]
    frames = Source.of(sides[0], "reference"), Source.of(sides[1], "current")
    found = compare("x", *frames, Columns(), Outlook(), NOW, asked).findings
    assert len({(each.check, each.column) for each in found}) == len(found)
    return {(each.check, each.column): each for each in found}


def test_the_table_without_columns_is_about_all_that_no_other_lists() -> None:
    asked = rules('psi = [{ critical = 0.25 }, { critical = 0.5, columns = ["b"] }]', "psi")
    found = findings(*asked)
    limits = {column: each.threshold for (check, column), each in found.items()}
    assert limits.keys() == {"a", "b", "c"}
    assert [rule.limit.critical for rule in asked if rule.limit] == [0.25, 0.5]
    strict = findings(*rules('psi = [{ critical = 1e-9, columns = ["b"] }]', "psi"))
    assert [*strict] == [("psi", "b")]


def test_a_name_lets_two_be_about_the_same_column() -> None:
    asked = rules(
        """quantile = [
            { name = "p50", share = 0.5, columns = ["a"] },
            { name = "p99", share = 0.99, columns = ["a"] },
        ]""",
        "quantile",
    )
    found = findings(*asked)
    assert set(found) == {("quantile.p50", "a"), ("quantile.p99", "a")}
    values = np.random.default_rng(2).exponential(100.0, (2_000, 3))[:, 0]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        one = found[f"quantile.{name}", "a"]
        assert one.value == pytest.approx(np.quantile(values, share), rel=0.02)
        assert one.kind == "quantile"


def test_a_list_of_one_and_a_name_alone_are_fine() -> None:
    (one,) = rules("psi = [{ bins = 5 }]", "psi")
    assert (one.check.name, one.parameters, one.others) == ("psi", {"bins": 5}, ())
    (named,) = rules('psi = { name = "coarse", bins = 5 }', "psi")
    assert (named.check.name, named.parameters) == ("psi.coarse", {"bins": 5})


def test_a_column_that_nothing_is_measured_of_is_not_passed_over_in_silence() -> None:
    asked = rules('psi = { columns = ["a", "zz"] }\nnew_categories = { columns = ["b"] }', "psi")
    found = findings(*asked, *rules('new_categories = { columns = ["b"] }', "new_categories"))
    assert found["psi", "a"].verdict.judged
    for key, reason in (
        (("psi", "zz"), "no column of this name is watched"),
        (("new_categories", "b"), "new_categories does not measure such a column"),
    ):
        assert (found[key].verdict, found[key].reason) == (Verdict.NO_DATA, reason)
