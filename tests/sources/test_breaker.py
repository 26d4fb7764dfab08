"""A place that fails again and again is left alone for a while, and said to be."""

from __future__ import annotations

import socket
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.secret import Secret
from monitor.sources import Columns, Horizon, Unreachable, WrongSchema
from monitor.sources._breaker import BREAKER, FAILURES, LONGEST, SHORTEST, Breaker, TimedOut
from monitor.sources.sql import Source

START = datetime(2024, 1, 1, 12, tzinfo=UTC)


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


def attempt(breaker: Breaker, error: Exception | None = None, place: str = "there") -> str:
    """What a reading says that ends with this error (nothing: it succeeds)."""
    try:
        with breaker.guarding(place):
            if error is not None:
                raise error
    except (Unreachable, WrongSchema) as raised:
        return str(raised)
    return "read"


def away() -> Unreachable:
    return Unreachable("there: connection refused")


def test_the_first_failures_say_what_happened_and_then_readings_fail_at_once() -> None:
    clock = Hands()
    breaker = Breaker(clock, failures=3)
    for _ in range(3):
        assert attempt(breaker, away()) == "there: connection refused"
    said = attempt(breaker)  # would succeed, but is not tried
    assert said == ("there: connection refused (3 failures in a row; next attempt at 12:00:15 UTC)")
    clock.now += SHORTEST
    assert attempt(breaker) == "read"
    assert attempt(breaker, away()) == "there: connection refused"
    assert attempt(breaker) == "read"


def test_the_pause_doubles_up_to_its_limit_and_never_hides_the_reason() -> None:
    clock = Hands()
    breaker = Breaker(clock, failures=1)
    pauses = []
    for _ in range(8):
        assert attempt(breaker, away()) == "there: connection refused"
        pauses.append(pause_of(breaker, clock))
    assert pauses == [15, 30, 60, 120, 240, 300, 300, 300]


def pause_of(breaker: Breaker, clock: Hands) -> float:
    """Seconds until a reading is let through, after which the clock stands there."""
    said = attempt(breaker)
    hour, minute, second = map(int, said.split("next attempt at ")[1].split(" UTC")[0].split(":"))
    again = clock.now.replace(hour=hour, minute=minute, second=second)
    pause = (again - clock.now).total_seconds()
    clock.now = again
    return pause


def test_of_several_readings_after_a_pause_one_is_let_through() -> None:
    clock = Hands()
    breaker = Breaker(clock, failures=1)
    attempt(breaker, away())
    clock.now += SHORTEST
    with pytest.raises(Unreachable, match=r"refused$"), breaker.guarding("there"):
        assert "next attempt" in attempt(breaker)
        raise away()


@pytest.mark.parametrize("answer", [TimedOut("slow"), WrongSchema("no table")])
def test_who_answers_is_not_away(answer: Exception) -> None:
    breaker = Breaker(Hands(), failures=2)
    for _ in range(5):
        attempt(breaker, away())
        assert attempt(breaker, answer) == str(answer)


def test_places_are_told_apart() -> None:
    breaker = Breaker(Hands(), failures=1)
    attempt(breaker, away(), "here")
    assert attempt(breaker, place="there") == "read"
    assert "next attempt" in attempt(breaker, place="here")


def test_a_clock_that_is_set_back_does_not_prolong_a_pause() -> None:
    clock = Hands()
    breaker = Breaker(clock, failures=1)
    attempt(breaker, away())
    clock.now -= timedelta(days=1)
    assert attempt(breaker) == "read"


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 400)), max_size=60))
def test_a_pause_is_never_longer_than_its_limit(steps: list[tuple[bool, int]]) -> None:
    clock = Hands()
    breaker = Breaker(clock, failures=2)
    for fine, wait in steps:
        attempt(breaker, None if fine else away())
        clock.now += timedelta(seconds=wait)
    clock.now += LONGEST
    assert attempt(breaker) == "read"


def test_a_server_that_never_answers_is_not_waited_for_for_ever() -> None:
    BREAKER.forget()
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"postgresql://reader:hunter2@127.0.0.1:{silent.getsockname()[1]}/log"
        place = Source(Secret(url), table="predictions", timeout=1)
        live = Horizon(START, START)
        readings = [threading.Thread(target=_fail, args=(place, live)) for _ in range(FAILURES)]
        for each in readings:
            each.start()
        for each in readings:
            each.join()
        began = time.monotonic()
        with pytest.raises(Unreachable, match=r"timeout.*5 failures in a row; next attempt at"):
            place.extent(Columns(), live)
        assert time.monotonic() - began < 0.5
    BREAKER.forget()


def _fail(place: Source, live: Horizon) -> None:
    with pytest.raises(Unreachable):
        place.extent(Columns(), live)
