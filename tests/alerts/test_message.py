from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alerts.message import (
    SHOWN,
    Cause,
    Link,
    Message,
    Picture,
    as_text,
    clean,
    cut,
    figure,
    measure,
    span,
)

Make = Callable[..., Message]
TEXT = st.text(st.characters(codec=None))
CAUSE = st.builds(Cause, TEXT, TEXT, st.none() | st.floats(), st.none() | st.floats(), TEXT, TEXT)
YEARS = (datetime(1980, 1, 1), datetime(2100, 1, 1))
MOMENT = st.datetimes(*YEARS, timezones=st.timezones())
MESSAGE = st.builds(
    Message,
    key=TEXT,
    model=TEXT,
    cause=TEXT,
    severity=st.sampled_from(["critical", "warning"]),
    reason=TEXT,
    title=TEXT,
    at=MOMENT,
    since=MOMENT,
    facts=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    causes=st.lists(CAUSE, max_size=3).map(tuple),
    pictures=st.lists(st.builds(Picture, TEXT, TEXT, st.binary()), max_size=2).map(tuple),
    links=st.lists(st.builds(Link, TEXT, TEXT), max_size=2).map(tuple),
    command=TEXT,
)


@settings(deadline=None)
@given(MESSAGE)
def test_a_message_survives_the_outbox_unchanged(message: Message) -> None:
    text = message.to_json()
    assert Message.from_json(text) == message
    assert text.isascii()
    json.loads(text, parse_constant=pytest.fail)


@settings(deadline=None)
@given(MESSAGE)
def test_a_message_is_always_readable_text(message: Message) -> None:
    text = as_text(message)
    text.encode("utf-8")
    assert len(text) < 60_000
    assert all(line.isprintable() or not line.isascii() for line in text.splitlines())
    assert not set(text) & {chr(code) for code in (*range(10), *range(11, 32), 127)}


def test_the_text_of_a_page_reads_as_kept(
    message: Make, golden: Callable[[str, str], None]
) -> None:
    golden("mail_opened.txt", as_text(message()))


def test_only_the_first_causes_are_spelt_out_and_the_rest_counted(message: Make) -> None:
    many = tuple(Cause("psi", f"x{n}", n, 1, "critical", f"x{n} moved.") for n in range(500))
    text = as_text(message(causes=many))
    assert f"x{SHOWN - 1} moved." in text
    assert f"x{SHOWN} moved." not in text
    assert f"and {500 - SHOWN} more" in text


def test_eight_causes_are_all_spelt_out(message: Make) -> None:
    text = as_text(message(causes=message().causes[:1] * 8, title="x", facts=()))
    assert text.count("age is 11 years") == 8
    assert " more" not in text


def test_a_message_without_causes_links_or_command_is_short(message: Make) -> None:
    text = as_text(message(causes=(), links=(), command="", facts=()))
    assert text.splitlines() == [
        "CRITICAL: features drifted: age, income and 2 more",
        "credit / features: opened 2024-03-14 08:00 UTC, failing since 2024-03-14 06:00 UTC (2 h)",
    ]


def test_a_resolved_message_does_not_shout_its_past_severity(message: Make) -> None:
    text = as_text(message(reason="resolved"))
    assert text.startswith("RESOLVED: ")
    assert "CRITICAL" not in text
    assert "after failing since" in text
    assert "What it was:" in text


def test_a_cell_of_200000_characters_does_not_blow_a_message_up(message: Make) -> None:
    cell = "x" * 200_000
    cause = Cause("new", cell, 1.0, 1.0, "critical", cell)
    huge = message(title=cell, facts=((cell, cell),), causes=(cause,) * 500, command=cell)
    assert len(as_text(huge)) < 20_000
    assert len(huge.to_json()) < 1_000_000


def test_control_characters_and_text_direction_marks_are_stripped() -> None:
    assert clean("a\x00b\x1b[2Jc\x9bd\u202ee\ufeff", 50) == "ab[2Jcde"
    assert clean("one\r\ntwo\u2028three\tfour", 50) == "one  two three four"
    assert clean("\ud83d", 5) == "\ufffd"


@settings(deadline=None)
@given(TEXT, st.integers(0, 30))
def test_a_clean_text_fits_and_cleaning_it_again_changes_nothing(text: str, limit: int) -> None:
    once = clean(text, limit)
    assert len(once) <= limit
    assert clean(once, limit) == once
    assert once.isprintable() or not once.isascii()


@pytest.mark.parametrize(
    ("text", "limit", "wanted"),
    [
        ("short", 5, "short"),
        ("longer", 5, "long…"),
        ("longer", 1, "…"),
        ("longer", 0, ""),
        ("x &amp; y", 6, "x …"),
        ("x &amp; y", 8, "x &amp;…"),
        ("R&D; done", 8, "R&D; do…"),
        ("&#128512; smile", 6, "…"),
        ("cafe\u0301 au lait", 5, "caf…"),
        ("\U0001f468\u200d\U0001f469 pair", 3, "…"),
    ],
)
def test_a_cut_tears_nothing_apart(text: str, limit: int, wanted: str) -> None:
    assert cut(text, limit) == wanted


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_none_is_missing(bad: float) -> None:
    cause = Cause("psi", "age", bad, bad, "critical", "Age moved.")
    assert (cause.value, cause.threshold, measure(cause)) == (None, None, "")


@pytest.mark.parametrize(
    ("number", "wanted"),
    [(0.0, "0"), (1e300, "1e+300"), (-12345.6, "-12,346"), (0.25, "0.25"), (1 / 3, "0.3333")],
)
def test_a_figure_is_short(number: float, wanted: str) -> None:
    assert figure(number) == wanted


def test_a_span_names_its_two_largest_units() -> None:
    assert span(timedelta(days=2, minutes=5)) == "2 d"
    assert span(timedelta(days=400, hours=3)) == "400 d 3 h"
    assert span(timedelta(seconds=59)) == "0 min"


def test_times_are_shown_in_utc_whatever_their_zone(message: Make) -> None:
    east = datetime(2024, 3, 14, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert "opened 2024-03-14 04:00 UTC" in message(at=east, since=east).story


def test_a_time_without_a_zone_is_refused(message: Make) -> None:
    with pytest.raises(ValueError, match=r"since: 2024-03-14 .* has no time zone"):
        message(since=datetime(2024, 3, 14, tzinfo=UTC).replace(tzinfo=None))


@pytest.mark.parametrize(
    ("url", "clickable"),
    [
        ("https://a.example/x?y=1&z=%20", True),
        ("http://127.0.0.1:9108/", True),
        ("javascript:alert(1)", False),
        ("https://a.example/|x>", False),
        ("https://a.example/ x", False),
        ("https://a.example/" + "x" * 3000, False),
        ("", False),
    ],
)
def test_only_a_whole_web_address_becomes_a_link(url: str, clickable: bool) -> None:
    assert Link("here", url).clickable is clickable


def test_an_unknown_reason_is_shown_as_it_is(message: Make) -> None:
    assert message(reason="escalated").story.startswith("escalated 2024-03-14")


def test_a_message_refuses_to_store_what_it_cannot_read_back(message: Make) -> None:
    with pytest.raises(TypeError, match="cannot hold a set"):
        message(links=({1},)).to_json()


def test_the_json_of_a_message_is_stable(message: Make) -> None:
    assert json.loads(message().to_json())["at"] == "2024-03-14T08:00:00+00:00"
    assert message(at=datetime(2024, 3, 14, 8, tzinfo=UTC)).to_json() == message().to_json()
