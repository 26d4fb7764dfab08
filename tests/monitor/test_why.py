"""How explanations and importance reach messages and metrics."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from checks.check import Stat, catalogue
from checks.log import LogProfile
from checks.portrait import Portrait
from checks.verdict import Verdict
from monitor import metrics
from monitor.evaluate import Rule
from monitor.findings import WHOLE, Finding, ModelSnapshot, Snapshot
from monitor.samples import samples
from monitor.signals import signals_of
from monitor.step import facts_of
from monitor.why import EXPLAIN, explained, place
from monitor.windows import Window

NOON = datetime(2026, 3, 14, 12, tzinfo=UTC)
WINDOW = Window(NOON, NOON + timedelta(days=1))


def finding(check: str, column: str = "", where: str = "", cause: str = "performance") -> Finding:
    stat = Stat(0.4, low=0.3, high=0.5, where=where)
    verdict = Verdict.CRITICAL
    return Finding("m", WHOLE, check, column, WINDOW, 1, stat, 0.1, "default", verdict, "", cause)


SAID = finding("concept_change", where="mostly inputs: x")
BY_REGION = finding("mix_shift", "region", "+0.1 in all")
BY_CHANNEL = finding("mix_shift", "channel", "+0.2 in all")


def test_explanations_stand_in_a_message_in_the_order_of_questions() -> None:
    log = LogProfile.of_window(10, 0.0, 1.0, 2.0)
    metric = finding("accuracy")
    facts = list(facts_of(WINDOW, Portrait("p", {}, log), (BY_REGION, SAID, BY_CHANNEL, metric)))
    assert facts[-4:] == [
        ("accuracy", "0.4 (0.3 to 0.5), critical"),
        ("Why: concept_change", "mostly inputs: x"),
        ("Why: mix_shift channel", "+0.2 in all"),
        ("Why: mix_shift region", "+0.1 in all"),
    ]


def test_of_several_windows_the_newest_is_explained() -> None:
    later = replace(SAID, window=Window(WINDOW.end, WINDOW.end + timedelta(days=1)))
    assert explained([SAID, later, replace(BY_REGION, stat=None)]) == [later]
    assert explained([finding("accuracy", where="here"), replace(SAID, stat=Stat(0.1))]) == []


def test_what_is_not_to_be_trusted_says_why() -> None:
    unsure = replace(SAID, verdict=Verdict.INSUFFICIENT, reason="little overlap")
    assert [place(each) for each in (SAID, unsure)] == ["mostly inputs: x", "little overlap"]


def test_what_explains_is_a_check() -> None:
    assert set(EXPLAIN) <= set(catalogue())


def test_splits_by_two_columns_are_two_series() -> None:
    model = ModelSnapshot("m", findings=(BY_REGION, BY_CHANNEL))
    found = [each for each in samples(Snapshot((model,))) if each.metric is metrics.PERFORMANCE]
    assert len({each.labels for each in found}) == len(found) == 2
    assert {"region", "channel"} <= {label for each in found for label in each.labels}


def test_importance_orders_what_a_message_names() -> None:
    rule = Rule(catalogue()["ks"], importance={"age": 1.0, "income": 4.0})
    weights = {name: rule.weight(name) for name in ("age", "income", "other", "")}
    assert weights == {"age": 0.25, "income": 1.0, "other": 0.0, "": 1.0}
    assert Rule(catalogue()["ks"]).weight("age") == 1.0
    drifts = [
        replace(finding("ks", name, cause="features"), importance=weights[name])
        for name in ("age", "income", "other")
    ]
    (signal,) = signals_of("m", drifts, (), NOON)
    assert [cause.column for cause in signal.causes] == ["income", "age", "other"]
