"""What a rule of one's own says where rows cannot be told, or the reference breaks it."""

from __future__ import annotations

import pytest

from checks.check import NotEnoughData
from checks.log import Anomaly, LogProfile
from checks.rules import broken_name, row_rule, unknown_name
from checks.verdict import Verdict, judge_missing


def log(rows: int, broken: int = 0, unknown: int = 0) -> LogProfile:
    met = {broken_name("mine"): Anomaly(broken), unknown_name("mine"): Anomaly(unknown)}
    return LogProfile.of_window(rows, 0, 1, 2, anomalies=met)


CHECK = row_rule("mine")


@pytest.mark.parametrize("unknown", [992, 1000])
def test_where_nearly_no_row_can_be_told_nothing_is_judged(unknown: int) -> None:
    with pytest.raises(NotEnoughData) as caught:
        CHECK.compute(log(1000), log(1000, 0, unknown), expression="country > 5")
    judged = judge_missing(caught.value)
    assert judged.verdict is Verdict.INSUFFICIENT
    assert f"of {unknown:,} of 1,000 rows it cannot be told whether country > 5" in judged.reason


@pytest.mark.parametrize(("broken", "unknown"), [(0, 990), (3, 997)])
def test_where_some_are_told_their_number_is_said(broken: int, unknown: int) -> None:
    stat = CHECK.compute(log(1000), log(1000, broken, unknown))
    assert stat.value == broken / 1000
    assert f"of {unknown} rows it cannot be told" in stat.where


def test_a_rule_that_the_reference_breaks_is_questioned_and_its_number_is_shown() -> None:
    with pytest.raises(
        NotEnoughData, match=r"^97% of the rows of the reference break it"
    ) as caught:
        CHECK.compute(log(1000, 970), log(100, 90))
    assert caught.value.stat is not None
    assert caught.value.stat.value == 0.9
    assert judge_missing(caught.value).verdict is Verdict.INSUFFICIENT
    assert CHECK.compute(log(1000, 500), log(100, 90)).value == 0.9
