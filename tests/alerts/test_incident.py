from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.incident import (
    CAUSES,
    Incident,
    Policy,
    Reason,
    Signal,
    acknowledge,
    depth,
    review,
)
from alerts.message import Cause

Play = Callable[..., Any]
DAY0 = datetime(2024, 3, 14, tzinfo=UTC)
TICKETS = Policy(speak_from="warning")
RARELY = Policy(remind_after=timedelta(days=3))


def day(number: float) -> datetime:
    return DAY0 + timedelta(days=number)


def signal(status: str, at: float, cause: str = "features", text: str = "age") -> Signal:
    causes = (Cause("psi", text, 1.0, 0.5, status, f"{text} moved."),)
    return Signal("credit", cause, status, day(at), causes)  # type: ignore[arg-type]


def after(incidents: list[Incident], *signals: Signal, policy: Policy = RARELY) -> Any:
    return review(incidents, signals, day(99), policy)


# One cause, one letter a day: Critical, Warning, . clear, ? unknown, space: not looked at.
ONE_CAUSE = [
    ("....", RARELY, []),
    ("C", RARELY, ["0 opened features"]),
    ("CC", RARELY, ["0 opened features"]),
    ("C.", RARELY, ["0 opened features"]),
    ("C..", RARELY, ["0 opened features", "2 resolved features"]),
    ("C.C.C.C.", Policy(remind_after=timedelta(days=99)), ["0 opened features"]),
    ("C.?.", RARELY, ["0 opened features", "3 resolved features"]),
    ("C???????", RARELY, ["0 opened features"]),
    ("C       ", RARELY, ["0 opened features"]),
    ("C..C", RARELY, ["0 opened features", "2 resolved features", "3 opened features"]),
    ("CCCCCCCCCCCCC", RARELY,
     ["0 opened features", "3 still_failing features", "9 still_failing features"]),
    ("C??C", RARELY, ["0 opened features", "3 still_failing features"]),
    ("CCWWWC", RARELY, ["0 opened features", "5 still_failing features"]),
    ("C.", Policy(quiet_to_resolve=1), ["0 opened features", "1 resolved features"]),
    ("C....", Policy(quiet_to_resolve=4), ["0 opened features", "4 resolved features"]),
    ("WWWW", RARELY, []),
    ("W..", RARELY, []),
    ("WWC", RARELY, ["2 opened features"]),
    ("WCWCWC..", RARELY, ["1 opened features", "5 still_failing features", "7 resolved features"]),
    ("W", TICKETS, ["0 opened features"]),
    ("WC", TICKETS, ["0 opened features", "1 worse features"]),
    ("CW", Policy(speak_from="warning", remind_after=timedelta(days=9)), ["0 opened features"]),
    ("WCWC", Policy(speak_from="warning", remind_after=timedelta(days=9)),
     ["0 opened features", "1 worse features"]),
    ("W..", TICKETS, ["0 opened features", "2 resolved features"]),
    ("???C", RARELY, ["3 opened features"]),
]  # fmt: skip


@pytest.mark.parametrize(("line", "policy", "story"), ONE_CAUSE)
def test_one_cause_speaks_as_in_the_table(
    history: Play, line: str, policy: Policy, story: list[str]
) -> None:
    assert history({"features": line}, policy).story == story


SEVERAL_CAUSES = [
    # Opening together: one page, the most upstream speaks and names what comes with it.
    ({"source": "C", "features": "C", "performance": "C"},
     ["0 opened source +features +performance"]),
    # The order in which they are told does not matter.
    ({"performance": "C", "source": "C"}, ["0 opened source +performance"]),
    # What opens downstream of trouble already told is muted.
    ({"source": "CC", "features": " C"}, ["0 opened source"]),
    # What is still there when the upstream trouble is over speaks then, as opened.
    ({"source": "C..", "features": "CCC"},
     ["0 opened source +features", "2 opened features +source"]),
    ({"source": "C..C", "features": "CC??"},
     ["0 opened source +features", "2 resolved source", "3 opened source"]),
    # What is over together with it does not speak on its own.
    ({"source": "C..", "features": "C.."}, ["0 opened source +features", "2 resolved source"]),
    # Muted until the end of the upstream trouble, not just while that fires.
    ({"source": "C.C", "features": "CCC"}, ["0 opened source +features"]),
    # No mute by trouble that did not show in the window in which the other opens.
    ({"source": "C?", "features": " C"}, ["0 opened source", "1 opened features"]),
    ({"source": "C.C", "features": " CC"}, ["0 opened source", "1 opened features"]),
    # No mute by trouble nobody was told of, nor by a lesser one.
    ({"volume": "WW", "features": " C"}, ["1 opened features"]),
    # Upstream trouble that comes later does not silence what was told before.
    ({"features": "C..", "source": " CC"},
     ["0 opened features", "1 opened source", "2 resolved features"]),
    # A reminder takes other reminders along, and what it mutes.
    ({"source": " CCC", "features": "CCCC", "labels": "  CC"},
     ["0 opened features", "1 opened source", "3 still_failing features"]),
    ({"source": " C??C", "features": "C???C"},
     ["0 opened features", "1 opened source", "4 still_failing source +features"]),
    ({"source": "CCCC", "features": " CCC"},
     ["0 opened source", "3 still_failing source +features"]),
    # Reminders speak before good news, and new trouble before either.
    ({"source": " C..", "features": "CCCC"},
     ["0 opened features", "1 opened source", "3 still_failing features +source"]),
    ({"source": "C..", "features": "  C"}, ["0 opened source", "2 opened features +source"]),
    # Unknown causes are last, and do not mute each other.
    ({"moon": "C", "performance": "C", "aura": "C"}, ["0 opened performance +aura +moon"]),
    ({"moon": "CCC", "aura": "C.."}, ["0 opened aura +moon", "2 resolved aura"]),
]  # fmt: skip


@pytest.mark.parametrize(("lines", "story"), SEVERAL_CAUSES)
def test_several_causes_speak_as_in_the_table(
    history: Play, lines: dict[str, str], story: list[str]
) -> None:
    assert history(lines, RARELY).story == story


def test_new_trouble_speaks_before_a_reminder_even_of_a_worse_one(history: Play) -> None:
    played = history({"aura": "C  C", "moon": "   W"}, replace(RARELY, speak_from="warning"))
    assert played.story == ["0 opened aura", "3 opened moon +aura"]


def test_trouble_nobody_was_told_of_mutes_nothing(history: Play) -> None:
    assert history({"volume": "WW", "features": " W"}, RARELY).only("features").muted_by is None


def test_of_troubles_that_open_together_the_worst_speaks_first(history: Play) -> None:
    played = history({"volume": "W", "performance": "C"}, TICKETS)
    assert played.story == ["0 opened performance +volume"]


def test_a_lesser_upstream_trouble_does_not_mute_a_worse_one(history: Play) -> None:
    played = history({"volume": "WW", "performance": " C"}, replace(RARELY, speak_from="warning"))
    assert played.story == ["0 opened volume", "1 opened performance"]


def test_a_muted_incident_that_outgrows_its_muter_speaks(history: Play) -> None:
    policy = replace(RARELY, speak_from="warning")
    played = history({"volume": "WWW", "performance": " WC"}, policy)
    assert played.story == ["0 opened volume", "2 opened performance"]


def test_a_muted_incident_is_recorded_with_the_key_of_its_muter(history: Play) -> None:
    played = history({"source": "CC", "features": " C"}, RARELY)
    muted = played.only("features")
    assert (muted.state, muted.muted_by, muted.last_spoken) == (
        "open",
        played.only("source").key,
        None,
    )


def test_the_page_carries_the_state_in_which_its_incidents_are_kept(history: Play) -> None:
    played = history({"source": "C", "features": "C"}, RARELY)
    (_, page), *_ = played.pages
    assert page.incident == played.only("source")
    assert page.also == (played.only("features"),)
    assert page.incident.last_spoken == page.at == day(0)


def test_an_unknown_signal_keeps_the_count_of_clear_windows(history: Play) -> None:
    assert history({"features": "C.???"}, RARELY).only("features").quiet == 1


def test_a_new_feature_updates_an_incident_silently(history: Play) -> None:
    first = after([], signal("critical", 0, text="age"))
    then = after(list(first.incidents), signal("critical", 1, text="income"))
    assert [cause.column for cause in then.incidents[0].causes] == ["income"]
    assert then.announcements == ()


def test_a_firing_signal_without_causes_keeps_those_known(history: Play) -> None:
    first = after([], signal("critical", 0))
    then = after(list(first.incidents), replace(signal("critical", 1), causes=()))
    assert then.incidents[0].causes == first.incidents[0].causes


def test_severity_is_the_worst_so_far(history: Play) -> None:
    assert history({"features": "WCW"}, RARELY).only("features").severity == "critical"


# Acknowledgement


def acknowledged(history: Play, line: str, policy: Policy = RARELY) -> Incident:
    return acknowledge(history({"features": line}, policy).only("features"), "ada", day(1.5))


def test_an_acknowledged_incident_sends_no_reminders(history: Play) -> None:
    incident = acknowledged(history, "CC")
    assert (incident.state, incident.acknowledged_by) == ("acknowledged", "ada")
    assert after([incident], signal("critical", 50)).announcements == ()


def test_an_acknowledged_incident_still_tells_that_it_got_worse(history: Play) -> None:
    incident = acknowledged(history, "WW", TICKETS)
    (page,) = after([incident], signal("critical", 2), policy=TICKETS).announcements
    assert (page.reason, page.incident.state) == (Reason.worse, "acknowledged")


def test_an_acknowledged_incident_still_tells_that_it_is_over(history: Play) -> None:
    once = after([acknowledged(history, "CC")], signal("clear", 2))
    (page,) = after(list(once.incidents), signal("clear", 3)).announcements
    assert (page.reason, page.incident.acknowledged_by) == (Reason.resolved, "ada")


def test_an_acknowledged_ticket_that_turns_critical_speaks_as_opened(history: Play) -> None:
    (page,) = after([acknowledged(history, "WW")], signal("critical", 2)).announcements
    assert page.reason is Reason.opened


def test_an_acknowledged_incident_mutes_what_follows_from_it(history: Play) -> None:
    source = acknowledge(history({"source": "C"}, RARELY).only("source"), "ada", day(0))
    told = (signal("critical", 1, "source"), signal("critical", 1, "features"))
    assert after([source], *told).announcements == ()


def test_what_is_over_cannot_be_acknowledged(history: Play) -> None:
    with pytest.raises(ValueError, match="is resolved"):
        acknowledge(history({"features": "C.."}).only("features"), "ada", day(9))


# Windows that come again, or late


def test_the_same_window_counts_once_however_often_it_is_told(history: Play) -> None:
    incident = history({"features": "C."}, RARELY).only("features")
    for _ in range(5):
        (incident,) = after([incident], signal("clear", 1)).incidents
    assert (incident.quiet, incident.state) == (1, "open")


def test_a_failing_window_that_is_clear_after_a_revision_counts_once(history: Play) -> None:
    incident = history({"features": "C"}, RARELY).only("features")
    for _ in range(3):
        (incident,) = after([incident], signal("clear", 0)).incidents
    assert (incident.quiet, incident.state) == (1, "open")


def test_a_window_that_fails_again_after_a_revision_starts_the_count_anew(
    history: Play,
) -> None:
    incident = history({"features": "C"}, RARELY).only("features")
    (incident,) = after([incident], signal("clear", 0)).incidents
    (incident,) = after([incident], signal("critical", 0, text="income")).incidents
    assert (incident.quiet, incident.causes[0].column) == (0, "income")


def test_a_late_clear_window_does_not_help_to_resolve(history: Play) -> None:
    incident = history({"features": " CC"}, RARELY).only("features")
    assert after([incident], signal("clear", 0)).incidents == (incident,)


def test_a_late_failing_window_does_not_undo_newer_clear_ones(history: Play) -> None:
    incident = history({"features": "C ."}, RARELY).only("features")
    (kept,) = after([incident], signal("critical", 1, text="old")).incidents
    assert (kept.quiet, kept.last_seen, kept.judged) == (1, day(1), day(2))
    assert kept.causes == incident.causes


def test_late_labels_may_open_an_incident_in_the_past(history: Play) -> None:
    (incident,) = after([], signal("critical", -7, "performance")).incidents
    assert incident.since == day(-7)
    assert incident.opened_at == day(99)


def test_a_revised_window_within_a_resolved_incident_does_not_open_it_again(
    history: Play,
) -> None:
    over = history({"features": "CC.."}, RARELY).only("features")
    assert after([over], signal("critical", 0)).incidents == (over,)
    assert after([over], signal("critical", 3)).announcements == ()
    assert len(after([over], signal("critical", 4)).announcements) == 1


def test_a_reminder_is_measured_in_the_time_of_the_data(history: Play) -> None:
    incident = history({"features": "C"}, RARELY).only("features")
    hours_later = signal("critical", 2.99)
    assert review([incident], [hours_later], day(500), RARELY).announcements == ()


# Keys, storage and misuse


def test_keys_name_model_cause_and_first_window(history: Play) -> None:
    (_, page), *_ = history({"features": "C"}).pages
    assert page.incident.key == "credit/features/20240314T000000Z"
    assert page.key == "credit/features/20240314T000000Z/opened/20240314T000000Z"


def test_an_incident_opened_again_is_another_one(history: Play) -> None:
    assert len(history({"features": "C..C"}, RARELY).incidents) == 2


def test_an_incident_survives_its_json(history: Play) -> None:
    incident = replace(
        acknowledged(history, "CC"), thread={"oncall": "<a@b>"}, muted_by="x", resolved_at=day(3)
    )
    assert Incident.from_json(incident.to_json()) == incident
    assert hash(incident)


def test_incidents_of_other_models_are_left_alone(history: Play) -> None:
    other = replace(history({"source": "C"}, RARELY).only("source"), model="fraud", key="f")
    outcome = after([other], signal("critical", 1), signal("clear", 1, "source"))
    assert outcome.incidents[0] is other
    assert [page.incident.cause for page in outcome.announcements] == ["features"]


def test_signals_of_two_models_are_refused() -> None:
    other = replace(signal("critical", 0), model="fraud")
    with pytest.raises(ValueError, match="two models, credit and fraud"):
        after([], signal("critical", 0), other)


def test_two_signals_for_one_cause_are_refused() -> None:
    with pytest.raises(ValueError, match="two signals for features"):
        after([], signal("critical", 0), signal("clear", 1))


def test_times_without_a_zone_are_refused() -> None:
    with pytest.raises(ValueError, match=r"at: .* no time zone"):
        Signal("credit", "source", "critical", DAY0.replace(tzinfo=None))
    with pytest.raises(ValueError, match=r"now: .* no time zone"):
        review([], [], DAY0.replace(tzinfo=None))


@pytest.mark.parametrize(
    "wrong",
    [{"quiet_to_resolve": 0}, {"remind_after": timedelta(0)}, {"speak_from": "loud"}],
)
def test_a_policy_that_cannot_be_obeyed_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Policy(**wrong)


def test_causes_are_ordered_from_upstream_to_downstream() -> None:
    assert sorted(["moon", "performance", "source", "nulls"], key=depth) == [
        "source",
        "nulls",
        "performance",
        "moon",
    ]
    assert [depth(cause) for cause in CAUSES] == list(range(len(CAUSES)))
