from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from alerts.incident import Announcement, Incident, Policy, Reason, Signal, depth, review

DAY0 = datetime(2024, 3, 14, tzinfo=UTC)
STATUS = st.sampled_from(["critical", "warning", "clear", "unknown"])
SOME_CAUSES = ("source", "volume", "features", "performance", "moon")
WINDOW = st.dictionaries(st.sampled_from(SOME_CAUSES), STATUS)
HISTORY = st.lists(WINDOW, max_size=14)
POLICY = st.builds(
    Policy,
    quiet_to_resolve=st.integers(1, 3),
    remind_after=st.integers(1, 5).map(lambda days: timedelta(days=days)),
    speak_from=st.sampled_from(["critical", "warning"]),
)
lawful = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def signals(window: dict[str, str], day: int) -> list[Signal]:
    at = DAY0 + timedelta(days=day)
    return [Signal("m", cause, status, at) for cause, status in window.items()]  # type: ignore[arg-type]


def run(
    history: list[dict[str, str]], policy: Policy, *, lag: timedelta = timedelta(hours=1)
) -> tuple[list[Announcement], dict[str, Incident]]:
    """The announcements of a history, and all incidents it leaves behind."""
    kept: dict[str, Incident] = {}
    said: list[Announcement] = []
    for day, window in enumerate(history):
        known = [one for one in kept.values() if one.state != "resolved"]
        outcome = review(known, signals(window, day), DAY0 + timedelta(days=day) + lag, policy)
        assert len(outcome.announcements) <= 1
        said += outcome.announcements
        kept |= {one.key: one for one in outcome.incidents}
    return said, kept


def told(said: list[Announcement]) -> list[tuple[str, str]]:
    return [(page.key, " ".join(one.key for one in page.also)) for page in said]


@lawful
@given(HISTORY, POLICY)
def test_the_same_signals_give_the_same_announcements_however_fast(
    history: list[dict[str, str]], policy: Policy
) -> None:
    live, _ = run(history, policy)
    replayed, _ = run(history, policy, lag=timedelta(days=400))
    assert told(live) == told(replayed)


@lawful
@given(HISTORY, POLICY)
def test_a_window_reviewed_a_second_time_says_and_changes_nothing(
    history: list[dict[str, str]], policy: Policy
) -> None:
    twice = [window for window in history for _ in range(2)]
    kept: dict[str, Incident] = {}
    for number, window in enumerate(twice):
        now = DAY0 + timedelta(days=number)
        outcome = review(list(kept.values()), signals(window, number // 2), now, policy)
        if number % 2:
            assert outcome.announcements == ()
            assert {one.key: one for one in outcome.incidents} == kept
        kept |= {one.key: one for one in outcome.incidents}


@lawful
@given(HISTORY, POLICY)
def test_no_incident_is_resolved_aloud_that_was_not_told_before(
    history: list[dict[str, str]], policy: Policy
) -> None:
    heard: set[str] = set()
    for page in run(history, policy)[0]:
        if page.reason is Reason.opened:
            assert page.incident.key not in heard
        else:
            assert page.incident.key in heard
        heard |= {one.key for one in (page.incident, *page.also) if one.last_spoken}


@lawful
@given(HISTORY, POLICY)
def test_no_announcement_key_is_used_twice(history: list[dict[str, str]], policy: Policy) -> None:
    keys = [page.key for page in run(history, policy)[0]]
    assert len(keys) == len(set(keys))


@lawful
@given(HISTORY, POLICY, st.integers(1, 30))
def test_unknown_signals_never_resolve_nor_change_an_incident(
    history: list[dict[str, str]], policy: Policy, days: int
) -> None:
    _, before = run(history, policy)
    _, later = run(history + [dict.fromkeys(SOME_CAUSES, "unknown")] * days, policy)
    assert {key: replace(one, muted_by=None) for key, one in before.items()} == {
        key: replace(one, muted_by=None) for key, one in later.items()
    }


@lawful
@given(HISTORY, POLICY)
def test_only_windows_without_trouble_resolve(
    history: list[dict[str, str]], policy: Policy
) -> None:
    clears = dict.fromkeys(SOME_CAUSES, 0)
    for window in history:
        for cause, status in window.items():
            clears[cause] += status == "clear"
    _, kept = run(history, policy)
    for cause in SOME_CAUSES:
        over = [one for one in kept.values() if one.cause == cause and one.state == "resolved"]
        assert clears[cause] >= policy.quiet_to_resolve * len(over)
        assert all(one.quiet >= policy.quiet_to_resolve for one in over)


@lawful
@given(HISTORY, POLICY)
def test_every_critical_trouble_is_known_to_somebody(
    history: list[dict[str, str]], policy: Policy
) -> None:
    """It was told itself, or one upstream of it, as bad and still open, was."""
    _, kept = run(history, policy)
    last = len(history) - 1
    for one in kept.values():
        fired_now = one.last_seen == DAY0 + timedelta(days=last)
        status = history[last].get(one.cause) if fired_now else None
        if status == "critical" and one.last_spoken is None:
            assert one.muted_by is not None
            muter = kept[one.muted_by]
            assert (muter.state, muter.severity) == ("open", "critical")
            assert muter.last_spoken is not None
            assert depth(muter.cause) < depth(one.cause)


@lawful
@given(HISTORY, POLICY)
def test_at_most_one_incident_of_a_cause_is_open(
    history: list[dict[str, str]], policy: Policy
) -> None:
    _, kept = run(history, policy)
    unresolved = [one.cause for one in kept.values() if one.state != "resolved"]
    assert len(unresolved) == len(set(unresolved))


@lawful
@given(HISTORY, POLICY, st.randoms(use_true_random=False))
def test_the_order_in_which_signals_and_incidents_are_given_does_not_matter(
    history: list[dict[str, str]], policy: Policy, random: Any
) -> None:
    _, kept = run(history, policy)
    known = [one for one in kept.values() if one.state != "resolved"]
    window = signals(dict.fromkeys(SOME_CAUSES, "critical"), len(history))
    straight = review(known, window, DAY0, policy)
    random.shuffle(known)
    random.shuffle(window)
    assert review(known, window, DAY0, policy) == straight
