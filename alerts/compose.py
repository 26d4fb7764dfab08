"""From an announcement to the message a person reads."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from alerts.message import Cause, Link, Message, Picture
from alerts.records import RANK, Announcement, Incident

_TITLES: Mapping[str, str] = {
    "source": "the source cannot be read",
    "stale": "no fresh data",
    "volume": "unusual number of rows",
    "schema": "the columns changed",
    "nulls": "missing values",
    "new_categories": "categories never seen before",
    "features": "features drifted",
    "figures": "figures out of bounds",
    "predictions": "predictions drifted",
    "labels": "labels drifted",
    "performance": "performance fell",
}
_RULES_BROKEN = "the data broke a rule"
_OF_CHECKS = ("schema", "figures", "predictions", "performance")
_NAMED = 3


def compose(
    announcement: Announcement,
    *,
    facts: Iterable[tuple[str, str]] = (),
    pictures: Iterable[Picture] = (),
    links: Iterable[Link] = (),
    command: str = "",
) -> Message:
    """The message of an announcement: the causes of all its incidents, most upstream first.

    `facts` are put after those that the announcement itself knows.
    """
    incident = announcement.incident
    group = [incident, *announcement.also]
    failing = [one for one in group if one.state != "resolved"] or [incident]
    return Message(
        key=incident.key,
        model=incident.model,
        cause=incident.cause,
        severity=max((one.severity for one in failing), key=lambda word: RANK[word]),
        reason=str(announcement.reason),
        title=title(incident),
        at=announcement.at,
        since=incident.since,
        facts=(*_own_facts(announcement), *facts),
        causes=_causes(failing),
        pictures=tuple(pictures),
        links=tuple(links),
        command=command,
    )


def title(incident: Incident) -> str:
    """What is wrong, in a few words and with the first columns (or metrics) concerned.

    >>> from datetime import UTC, datetime
    >>> noon = datetime(2024, 3, 14, 12, tzinfo=UTC)
    >>> age = Cause("psi", "age", 0.4, 0.25, "critical", "Age moved.")
    >>> title(Incident("k", "m", "features", "critical", "open", noon, noon, causes=(age,)))
    'features drifted: age'
    """
    what = _TITLES.get(incident.cause, incident.cause.replace("_", " "))
    if incident.cause == "schema" and not any(_of_types(cause) for cause in incident.causes):
        what = _RULES_BROKEN
    named = [cause.column or _metric(incident, cause) for cause in incident.causes]
    concerned = list(dict.fromkeys(filter(None, named)))
    if not concerned:
        return what
    rest = f" and {len(concerned) - _NAMED} more" if len(concerned) > _NAMED else ""
    return f"{what}: {', '.join(concerned[:_NAMED])}{rest}"


def _of_types(cause: Cause) -> bool:
    """Whether a cause is about the types of columns, and not about a rule for what they hold."""
    return cause.check.partition(".")[0] == "schema"


def _metric(incident: Incident, cause: Cause) -> str:
    """The name of a check that is about no column, where the title does not say it already."""
    return cause.check if incident.cause in _OF_CHECKS else ""


def _causes(incidents: Iterable[Incident]) -> tuple[Cause, ...]:
    return tuple(cause for one in incidents for cause in one.causes)


def _own_facts(announcement: Announcement) -> Iterable[tuple[str, str]]:
    failing = [title(one) for one in announcement.also if one.state != "resolved"]
    over = [title(one) for one in announcement.also if one.state == "resolved"]
    if failing:
        yield "Seen with it", "; ".join(failing)
    if over:
        yield "Resolved", "; ".join(over)
    if announcement.incident.acknowledged_by:
        yield "Acknowledged by", announcement.incident.acknowledged_by
