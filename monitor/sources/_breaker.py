"""A pause after several failures in a row, so that a server that is away is not asked for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from monitor.sources import SourceError, Unreachable

FAILURES = 5
SHORTEST = timedelta(seconds=15)
LONGEST = timedelta(minutes=5)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class TimedOut(Unreachable):
    """It answers, but did not finish a statement in time: no sign that it is away."""


@dataclass(slots=True)
class _Trouble:
    """Failures of one place: how many in a row, the last one, and when it may be asked again."""

    failures: int = 0
    said: str = ""
    asked: datetime = _EPOCH
    pause: timedelta = timedelta(0)

    def waiting(self, now: datetime) -> bool:
        """Whether the pause lasts; a clock that was set back does not prolong it."""
        return self.asked <= now < self.asked + self.pause


class Breaker:
    """Lets readings of a place through until ``failures`` in a row have found it unreachable.

    Then they fail at once, with the reason of the last failure and the time of the next attempt.
    When a pause is over one reading is let through: it ends the trouble, or doubles the pause (up
    to ``LONGEST``). Errors that show that the place answers count as answers.
    """

    def __init__(
        self, clock: Callable[[], datetime] = lambda: datetime.now(UTC), failures: int = FAILURES
    ) -> None:
        self._clock, self._failures = clock, failures
        self._places: dict[str, _Trouble] = {}
        self._lock = threading.Lock()

    @contextmanager
    def guarding(self, place: str) -> Iterator[None]:
        """One reading of a place.

        Raises:
            Unreachable: without having asked, as long as the pause lasts.
        """
        self._admit(place)
        try:
            yield
        except TimedOut:
            self._answered(place)
            raise
        except Unreachable as error:
            self._failed(place, str(error))
            raise
        except SourceError:
            self._answered(place)
            raise
        self._answered(place)

    def forget(self) -> None:
        """Take every place for well."""
        with self._lock:
            self._places.clear()

    def _admit(self, place: str) -> None:
        now = self._clock()
        with self._lock:
            trouble = self._places.get(place)
            if trouble is None or trouble.failures < self._failures:
                return
            if trouble.waiting(now):
                raise Unreachable(_sentence(trouble))
            trouble.asked = now  # others wait for what this reading finds

    def _failed(self, place: str, said: str) -> None:
        with self._lock:
            trouble = self._places.setdefault(place, _Trouble())
            trouble.failures += 1
            trouble.said, trouble.asked = said, self._clock()
            if trouble.failures >= self._failures:
                trouble.pause = min(max(2 * trouble.pause, SHORTEST), LONGEST)

    def _answered(self, place: str) -> None:
        with self._lock:
            self._places.pop(place, None)


def _sentence(trouble: _Trouble) -> str:
    again = trouble.asked + trouble.pause
    return (
        f"{trouble.said} ({trouble.failures} failures in a row; "
        f"next attempt at {again.astimezone(UTC):%H:%M:%S} UTC)"
    )


BREAKER = Breaker()
"""That of this process."""
