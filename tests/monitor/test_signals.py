from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.incident import Incident, Signal, review
from alerts.message import Cause
from checks.check import Stat
from checks.verdict import Verdict
from monitor.findings import WHOLE, Finding, Slice
from monitor.signals import MOST_CAUSES, sentence, signals_of
from monitor.windows import Window

DAY = Window(datetime(2024, 1, 1, tzinfo=UTC), datetime(2024, 1, 2, tzinfo=UTC))


def finding(
    verdict: str,
    column: str = "age",
    check: str = "wasserstein",
    cause: str = "features",
    value: float = 0.4,
    place: Slice = WHOLE,
) -> Finding:
    return Finding(
        "credit",
        place,
        check,
        column,
        DAY,
        1,
        Stat(value),
        0.3,
        "default",
        Verdict(verdict),
        "0.4 is above the limit 0.3",
        cause,
    )


def incident(*columns: str, cause: str = "features", state: str = "open") -> Incident:
    causes = tuple(Cause("wasserstein", c, 0.4, 0.3, "critical", "x") for c in columns)
    return Incident(
        f"credit/{cause}/x",
        "credit",
        cause,
        "critical",
        state,  # type: ignore[arg-type]
        DAY.start,
        DAY.start,
        causes=causes,
        unproven=frozenset((cause.check, cause.column) for cause in causes),
    )


def status(findings: list[Finding], incidents: list[Incident] | None = None) -> str:
    (signal,) = signals_of("credit", findings, incidents or [], DAY.end)
    return signal.status


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["ok", "ok"], "clear"),
        (["ok", "warning"], "warning"),
        (["warning", "critical", "error"], "critical"),
        (["ok", "undecided"], "unknown"),
        (["no_data"], "unknown"),
        (["insufficient", "ok"], "unknown"),
        (["error"], "unknown"),
    ],
)
def test_the_worst_verdict_of_a_cause_speaks_for_it(verdicts: list[str], expected: str) -> None:
    assert status([finding(v, f"c{i}") for i, v in enumerate(verdicts)]) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [("ok", "clear"), ("undecided", "unknown"), ("no_data", "unknown"), ("error", "unknown")],
)
def test_an_incident_is_over_only_when_what_fired_is_judged_fine(now: str, expected: str) -> None:
    found = [finding(now, "age"), finding("ok", "amount")]
    assert status(found, [incident("age")]) == expected


def test_a_column_that_never_fired_does_not_keep_an_incident_open() -> None:
    found = [finding("ok", "age"), finding("no_data", "always_empty")]
    assert status(found, [incident("age")]) == "clear"


def test_a_check_that_was_taken_out_of_the_configuration_does_not_keep_an_incident_open() -> None:
    assert status([finding("ok", "amount")], [incident("age")]) == "clear"


def test_causes_come_upstream_first_and_the_worst_column_leads() -> None:
    found = [
        finding("critical", "a", value=0.5),
        finding("critical", "b", value=0.9),
        finding("warning", "c", value=0.8),
        finding("critical", "d", check="missing", cause="nulls"),
    ]
    signals = signals_of("credit", found, [], DAY.end)
    assert [signal.cause for signal in signals] == ["nulls", "features"]
    assert [cause.column for cause in signals[1].causes] == ["b", "a", "c"]
    assert all(isinstance(signal, Signal) and signal.at == DAY.end for signal in signals)


def test_where_less_is_worse_the_deeper_fall_leads() -> None:
    found = [finding("critical", "a", value=0.25), finding("critical", "b", value=0.1)]
    (signal,) = signals_of("credit", found, [], DAY.end)
    assert [cause.column for cause in signal.causes] == ["b", "a"]


def test_segments_inform_and_never_page() -> None:
    assert signals_of("credit", [finding("critical", place=Slice("", "a=1"))], [], DAY.end) == ()


def test_a_sentence_names_the_column_the_check_and_the_reason() -> None:
    assert sentence(finding("critical")) == "age: wasserstein 0.4 is above the limit 0.3"
    whole = finding("critical", column="", check="roc_auc")
    assert sentence(whole) == "roc_auc 0.4 is above the limit 0.3"


F, C, N = "ok", "critical", "no_data"


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        # each day: the verdicts of columns a and b
        ([(C, F), (F, F), (F, F)], "resolved"),
        ([(C, F), (F, C), (N, F), (N, F)], "resolved"),  # a was found fine while b fired
        ([(C, F), (N, C), (N, F), (N, F)], "open"),  # a was never found fine
        ([(C, F), (N, C), (N, F), (N, F), (F, N), (F, N)], "resolved"),  # each of them was, since
        ([(C, F), (N, C), (N, F), (F, F), (F, F)], "resolved"),
        ([(C, C), (N, F), (F, N), (F, F)], "resolved"),
        ([(C, C), (N, F), (N, F), (F, N)], "open"),  # one clear window is not two
        ([(F, C), (F, F), (F, N)], "open"),
        ([(F, C), (F, F), (F, N), (F, F)], "resolved"),
    ],
)
def test_what_is_not_judged_any_more_is_not_over(
    days: list[tuple[str, str]], expected: str
) -> None:
    known: tuple[Incident, ...] = ()
    for number, verdicts in enumerate(days):
        found = [finding(verdict, column) for verdict, column in zip(verdicts, "ab", strict=True)]
        at = DAY.end + number * (DAY.end - DAY.start)
        told = signals_of("credit", found, known, at)
        known = review(known, told, at).incidents
    (one,) = known
    assert one.state == expected


def test_what_fired_is_remembered_beyond_what_a_message_has_room_for() -> None:
    columns = [f"c{i}" for i in range(MOST_CAUSES + 20)]
    (signal,) = signals_of("credit", [finding("critical", c) for c in columns], (), DAY.end)
    (one,) = review((), [signal], DAY.end).incidents
    assert len(one.causes) == MOST_CAUSES
    assert {column for _, column in one.unproven} == set(columns)
    assert Incident.from_json(one.to_json()) == one
    gone = [finding("no_data" if c == columns[-1] else "ok", c) for c in columns]
    assert status(gone, [one]) == "unknown"
