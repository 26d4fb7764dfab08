"""Waits that end at a time-out, whatever the work that is waited for does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TypeVar

GRACE_SECONDS = 5.0
"""How long cancelled work is waited for, so that it rarely runs beside what is done next."""

_T = TypeVar("_T")


class Overdue(Exception):
    """Work did not end in time."""


def started(work: Callable[[], _T]) -> Future[_T]:
    """Work in a thread of its own; the end of the process does not wait for it."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # raised again where the result is asked for
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future


def within(seconds: float, work: Callable[[], _T], cancel: Callable[[], object]) -> _T:
    """The result of work that takes no longer than some seconds.

    Otherwise ``cancel`` is called, which need not end either.

    Raises:
        Overdue: it took longer; perhaps it still runs, and nobody waits for it.
    """
    future = started(work)
    wait([future], seconds)
    if not future.done():
        started(cancel)
        wait([future], GRACE_SECONDS)
        raise Overdue
    return future.result()
