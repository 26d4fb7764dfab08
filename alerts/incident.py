"""Incidents: what one evaluated window changes about them, and whether a person must be told.

Everything here is a pure function of values. Durations (reminders, order of events) are measured
in the time of the data, `Signal.at`, never by a clock: history replayed in a second announces what
live running announced. A cause that is about the pipeline rather than about a window, such as an
unreachable source, therefore takes the moment of its observation as `at`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from alerts.message import Severity, require_zone
from alerts.records import (
    CAUSES,
    RANK,
    Announcement,
    Incident,
    Policy,
    Reason,
    Review,
    Signal,
    State,
    Status,
    Subject,
    compact,
    depth,
)

__all__ = [
    "CAUSES",
    "Announcement",
    "Incident",
    "Policy",
    "Reason",
    "Review",
    "Signal",
    "State",
    "Status",
    "Subject",
    "acknowledge",
    "depth",
    "review",
]


@dataclass(frozen=True, slots=True)
class _Case:
    """One incident before and after its signal."""

    before: Incident | None
    after: Incident
    signal: Signal | None = None

    @property
    def fires(self) -> bool:
        return self.signal is not None and self.signal.fires

    @property
    def rises(self) -> bool:
        return self.before is not None and _rank(self.after) > _rank(self.before)

    @property
    def resolves(self) -> bool:
        return self.after.state == "resolved" and self.before is not self.after


def review(
    open_incidents: Sequence[Incident],
    signals: Sequence[Signal],
    now: datetime,
    policy: Policy = Policy(),  # noqa: B008  (frozen)
) -> Review:
    """What one round of evaluation changes, and the one thing to say about it, if any.

    `signals` belong to one model and name each cause once. `open_incidents` may hold those of
    other models, which stay as they are, and resolved ones: a late revision of a window within
    one of these does not open it again. `now` is only recorded.

    - Firing opens an incident or sets its `quiet` to 0; clear adds one to `quiet`, once per
      window and never for a window older than those judged; unknown changes neither.
    - An incident never spoken of speaks as opened when it fires loud enough, a spoken one when it
      gets worse, when a reminder is due (unless acknowledged) and when it is over.
    - One never spoken of is muted while another upstream of it, known to people, at least as
      severe and firing when the mute began, is open, and began no longer than `mute_within` before:
      what sets in later is hardly its consequence.
    - New trouble speaks before reminders and these before good news, then the more severe, then
      the most upstream; the rest comes along in `also`.

    Raises:
        ValueError: signals of two models, two signals for one cause, or a `now` without a zone.
    """
    require_zone(now=now)
    told = _by_cause(signals)
    cases = [_followed(incident, told, now, policy) for incident in open_incidents]
    cases += [_opened(signal, now) for signal in signals if _is_news(signal, open_incidents)]
    cases = _muted(sorted(cases, key=_order), policy)
    announcement = _announcement(cases, policy)
    if announcement is None:
        return Review(tuple(case.after for case in cases), ())
    spoken = {one.key: one for one in (announcement.incident, *announcement.also)}
    return Review(tuple(spoken.get(case.after.key, case.after) for case in cases), (announcement,))


def acknowledge(incident: Incident, who: str, now: datetime) -> Incident:
    """The incident taken on by somebody: it sends no reminders, only worse and resolved.

    Raises:
        ValueError: it is over already, or `now` has no zone.
    """
    require_zone(now=now)
    if incident.state == "resolved":
        raise ValueError(f"{incident.key}: is resolved; only an open incident can be acknowledged")
    return replace(incident, state="acknowledged", acknowledged_by=who, acknowledged_at=now)


def _by_cause(signals: Iterable[Signal]) -> dict[tuple[str, str], Signal]:
    found: dict[tuple[str, str], Signal] = {}
    for signal in signals:
        first = next(iter(found.values()), signal)
        if signal.model != first.model:
            raise ValueError(
                f"signals of two models, {first.model} and {signal.model}; review each on its own"
            )
        if (signal.model, signal.cause) in found:
            raise ValueError(
                f"{signal.model}: two signals for {signal.cause}; review each window on its own"
            )
        found[signal.model, signal.cause] = signal
    return found


def _followed(
    incident: Incident, told: Mapping[tuple[str, str], Signal], now: datetime, policy: Policy
) -> _Case:
    signal = told.get((incident.model, incident.cause))
    if signal is None or incident.state == "resolved":
        return _Case(incident, incident, signal)
    if signal.status == "unknown":
        newest = signal.at >= _judged(incident)
        known = replace(incident, unproven=incident.unproven - signal.fine) if newest else incident
        return _Case(incident, known, signal)
    if signal.fires:
        return _Case(incident, _fired(incident, signal), signal)
    return _Case(incident, _cleared(incident, signal, now, policy), signal)


def _fired(incident: Incident, signal: Signal) -> Incident:
    newest = signal.at >= _judged(incident)
    severity = _severity(signal)
    rises = RANK[severity] > _rank(incident)
    return replace(
        incident,
        severity=severity if rises else incident.severity,
        causes=(signal.causes if newest or rises else ()) or incident.causes,
        last_seen=max(incident.last_seen, signal.at),
        judged=max(_judged(incident), signal.at),
        quiet=0 if newest else incident.quiet,
        unproven=(incident.unproven - (signal.fine if newest else frozenset())) | signal.fired,
    )


def _cleared(incident: Incident, signal: Signal, now: datetime, policy: Policy) -> Incident:
    judged = _judged(incident)
    withdrawn = signal.at == judged and incident.quiet == 0
    if signal.at <= judged and not withdrawn:
        return incident
    quieter = replace(incident, quiet=incident.quiet + 1, judged=signal.at)
    if quieter.quiet < policy.quiet_to_resolve:
        return quieter
    return replace(quieter, state="resolved", resolved_at=now)


def _opened(signal: Signal, now: datetime) -> _Case:
    incident = Incident(
        key=f"{signal.model}/{signal.cause}/{compact(signal.at)}",
        model=signal.model,
        cause=signal.cause,
        severity=_severity(signal),
        state="open",
        since=signal.at,
        last_seen=signal.at,
        causes=signal.causes,
        unproven=signal.fired,
        judged=signal.at,
        opened_at=now,
    )
    return _Case(None, incident, signal)


def _is_news(signal: Signal, incidents: Iterable[Incident]) -> bool:
    same = [one for one in incidents if (one.model, one.cause) == (signal.model, signal.cause)]
    return signal.fires and not any(
        one.state != "resolved" or one.since <= signal.at <= _judged(one) for one in same
    )


def _muted(cases: Iterable[_Case], policy: Policy) -> list[_Case]:
    done: list[_Case] = []
    for case in cases:
        done.append(_with_muter(case, _muter(case, done, policy)))
    return done


def _with_muter(case: _Case, muter: str | None) -> _Case:
    settled = case.after.last_spoken is not None or case.after.state == "resolved"
    if settled or muter == case.after.muted_by:
        return case
    return replace(case, after=replace(case.after, muted_by=muter))


def _muter(case: _Case, upstream: Iterable[_Case], policy: Policy) -> str | None:
    able = [other for other in upstream if _can_mute(other, case, policy)]
    if any(other.after.key == case.after.muted_by for other in able):
        return case.after.muted_by
    firing = (other.after.key for other in able if other.fires)
    return next(firing, None) if case.fires else None


def _can_mute(other: _Case, case: _Case, policy: Policy) -> bool:
    loud, quiet = other.after, case.after
    known = loud.last_spoken is not None or loud.state == "acknowledged"
    return (
        loud.model == quiet.model
        and loud.state != "resolved"
        and loud.muted_by is None
        and depth(loud.cause) < depth(quiet.cause)
        and _rank(loud) >= _rank(quiet)
        and quiet.since - loud.since <= policy.mute_within
        and (known or _reason(other, policy) is Reason.opened)
    )


def _reason(case: _Case, policy: Policy) -> Reason | None:
    after, signal = case.after, case.signal
    if case.resolves:
        return Reason.resolved if after.last_spoken else None
    if signal is None or not signal.fires or after.state == "resolved" or after.muted_by:
        return None
    if after.state == "acknowledged" and not case.rises:
        return None
    if RANK[signal.status] < RANK[policy.speak_from]:
        return None
    if after.last_spoken is None:
        return Reason.opened
    if case.rises:
        return Reason.worse
    silence, lasted = signal.at - after.last_spoken, after.last_spoken - after.since
    due = silence >= max(policy.remind_after, 2 * lasted)
    return Reason.still_failing if due else None


def _announcement(cases: Sequence[_Case], policy: Policy) -> Announcement | None:
    reasons = {case.after.key: reason for case in cases if (reason := _reason(case, policy))}
    speaking = [case for case in cases if case.after.key in reasons]
    if not speaking:
        return None
    first = min(speaking, key=lambda case: _urgency(reasons[case.after.key], case.after))
    also = tuple(_along(cases, first, reasons))
    return Announcement(reasons[first.after.key], _spoken(first), _at(first), also)


def _along(
    cases: Iterable[_Case], first: _Case, reasons: Mapping[str, Reason]
) -> Iterator[Incident]:
    for case in cases:
        if case is first:
            continue
        if case.after.key in reasons:
            yield _spoken(case)
        elif case.fires and case.after.muted_by in reasons:
            yield case.after


def _spoken(case: _Case) -> Incident:
    at = _at(case)
    return replace(case.after, last_spoken=max(at, case.after.last_spoken or at))


def _at(case: _Case) -> datetime:
    return case.signal.at if case.signal else case.after.last_seen


def _urgency(reason: Reason, incident: Incident) -> tuple[int, int]:
    turn = {Reason.still_failing: 1, Reason.resolved: 2}.get(reason, 0)
    return turn, -_rank(incident)


def _order(case: _Case) -> tuple[int, str, datetime, str]:
    one = case.after
    return depth(one.cause), one.cause, one.since, one.key


def _severity(signal: Signal) -> Severity:
    return "critical" if signal.status == "critical" else "warning"


def _rank(incident: Incident) -> int:
    return RANK[incident.severity]


def _judged(incident: Incident) -> datetime:
    return incident.judged or incident.last_seen
