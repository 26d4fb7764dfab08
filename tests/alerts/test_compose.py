from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.compose import compose, title
from alerts.incident import Policy
from alerts.message import Cause, Link, Picture

Play = Callable[..., Any]


def page(history: Play, number: int = -1, **lines: str) -> Any:
    return history(lines, Policy(remind_after=timedelta(days=9))).pages[number][1]


def test_a_page_names_the_most_upstream_causes_first(history: Play) -> None:
    told = compose(page(history, features="C", source="C", performance="C"))
    assert [cause.column for cause in told.causes] == ["source", "features", "performance"]
    assert told.title == "the source cannot be read: source"
    assert told.facts == (
        ("Seen with it", "features drifted: features; performance fell: performance"),
    )


def test_a_page_about_new_trouble_mentions_what_is_over(history: Play) -> None:
    told = compose(page(history, source="C..", features="  C"))
    assert (told.reason, told.cause) == ("opened", "features")
    assert told.facts == (("Resolved", "the source cannot be read: source"),)
    assert [cause.column for cause in told.causes] == ["features"]


def test_a_resolved_page_still_says_what_it_was(history: Play) -> None:
    told = compose(page(history, features="C.."))
    assert (told.word, told.severity, len(told.causes)) == ("RESOLVED", "critical", 1)
    assert told.at - told.since == timedelta(days=2)


def test_a_page_is_as_severe_as_the_worst_it_speaks_for(history: Play) -> None:
    policy = Policy(speak_from="warning")
    announcement = history({"source": "C", "features": "W"}, policy).pages[0][1]
    assert compose(announcement).severity == "critical"


def test_a_page_tells_who_has_taken_it_on(history: Play) -> None:
    announcement = page(history, features="C")
    taken = replace(announcement.incident, acknowledged_by="ada")
    assert ("Acknowledged by", "ada") in compose(replace(announcement, incident=taken)).facts


def test_what_the_caller_adds_comes_along(history: Play) -> None:
    announcement = page(history, features="C")
    picture, link = Picture("age", "age", b""), Link("Runbook", "https://a.example/")
    told = compose(
        announcement, facts=[("Rows", "7")], pictures=[picture], links=[link], command="modelmon x"
    )
    assert told.facts == (("Rows", "7"),)
    assert (told.pictures, told.links, told.command) == ((picture,), (link,), "modelmon x")
    assert told.key == announcement.incident.key
    assert told.at == datetime(2024, 3, 14, tzinfo=UTC)


def test_a_title_names_each_column_once_and_counts_the_rest(history: Play) -> None:
    incident = page(history, features="C").incident
    columns = ("age", "age", "income", "city", "job", "rent", "")
    causes = tuple(Cause("psi", name, 1, 1, "critical", "It moved.") for name in columns)
    assert title(replace(incident, causes=causes)) == (
        "features drifted: age, income, city and 2 more"
    )
    assert title(replace(incident, causes=causes[:4])) == "features drifted: age, income, city"


def test_a_title_does_without_columns_and_known_causes(history: Play) -> None:
    incident = page(history, features="C").incident
    assert title(replace(incident, causes=(), cause="moon_phase")) == "moon phase"


def test_a_title_tells_broken_rules_from_other_types(history: Play) -> None:
    incident = replace(page(history, features="C").incident, cause="schema")
    rule = Cause("unusable_weights", "", 1, 1, "critical", "They are.")
    types = Cause("schema", "age", 1, 1, "critical", "It is text.")
    assert title(replace(incident, causes=(rule,))) == "the data broke a rule: unusable_weights"
    assert title(replace(incident, causes=(types,))) == "the columns changed: age"
