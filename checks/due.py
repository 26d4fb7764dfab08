"""Labels that should have come by now, if they took as long as those of the reference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from checks.check import NotEnoughData
from checks.delays import Delays
from checks.grid import Counts, Floats
from checks.labelled import FEWEST_ROWS

_LEAST_WATCHED = 0.05  # share of the reference's rows that were watched for as long


@dataclass(frozen=True, slots=True, eq=False)
class Due:
    """Labels of a window by age and kind: those that came, and those to expect by now.

    Ages are left out for which only a part of the rows is old enough, where ages are told apart no
    finer than that.

    ``complete`` are those to expect in the end, as far as the reference was watched, ``known``
    the reference's labels of these ages.
    """

    came: Counts
    expected: Floats
    complete: Floats
    known: int

    @classmethod
    def of(cls, reference: Delays, current: Delays) -> Due:
        require_dated(reference, " in the reference")
        if not current.rows:
            raise NotEnoughData("no rows")
        if current.labelled:
            require_dated(current, "")
        before, now = reference.watched(), current.watched()
        seen = (before >= _LEAST_WATCHED) & reference.settled()
        chances = np.where(seen, reference.ages.T / np.where(seen, before, 1.0), 0.0).T
        complete = chances * (current.rows / reference.rows)
        ages = seen & (now > 0.0) & current.settled()
        came = np.where(ages[:, None], current.ages, 0)
        known = int(np.where(ages, reference.ages.sum(axis=1), 0).sum())
        return cls(came, complete * np.where(ages, now, 0.0)[:, None], complete, known)


def require_dated(delays: Delays, whose: str) -> None:
    """Say why no label is known to have come at some time."""
    if delays.ages.any():
        return
    if delays.undated:
        reason = f"none of {delays.labelled:,} labels{whose} says when it came"
        raise NotEnoughData(f"{reason}: columns.label_timestamp", 0, FEWEST_ROWS, among=delays.rows)
    raise NotEnoughData(f"no labels{whose}", 0, FEWEST_ROWS, among=delays.rows)
