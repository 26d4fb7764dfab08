"""When the labels of rows came, as far as times of arrival are known."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from checks.delays import Delays
from checks.grid import Floats
from checks.outcome import UNKNOWN, decided
from checks.outcome_classes import NOTHING
from checks.plan import BinaryPlan, MulticlassPlan, Plan
from monitor.sources._columns import Rows
from monitor.sources._outcomes import Assigned, Classified, Judged
from monitor.sources._times import NAT
from monitor.sources._zones import Micros


def delays_of(
    plan: Plan, found: Judged, times: Micros, arrived: Micros, rows: Rows, seen_at: float
) -> Delays:
    """The delays of these rows; ``seen_at`` (seconds since 1970) is until when labels count."""
    came = _came(found, rows)
    return Delays.of(
        _seconds(times[rows]),
        _seconds(arrived[rows]),
        np.greater_equal(came, 0),
        came,
        kinds_of(plan),
        seen_at,
    )


def kinds_of(plan: Plan) -> int:
    """How many things can come of a prediction, as `Delays` tells them apart."""
    if isinstance(plan.outcome, BinaryPlan):
        return 4
    return 2 if isinstance(plan.outcome, MulticlassPlan) else 1


def _came(found: Judged, rows: Rows) -> NDArray[np.int64]:
    """What came of the prediction of each row; -1 where that is not known."""
    if isinstance(found, Classified):
        told, label = _told(found, rows), found.label[rows]
        return np.where((told == UNKNOWN) | (label == UNKNOWN), -1, 2 * told + label)
    if isinstance(found, Assigned):
        told, label = found.predicted[rows], found.label[rows]
        return np.where((told == NOTHING) | (label == NOTHING), -1, told == label)
    return np.where(found.labelled[rows], 0, -1)


def _told(found: Classified, rows: Rows) -> NDArray[np.int64]:
    """The predicted class; where there is none the score decides."""
    told = found.predicted[rows]
    return told if found.score is None else decided(found.plan, told, found.score[rows])


def _seconds(times: Micros) -> Floats:
    """Seconds since 1970, NaN where there is no time."""
    return np.where(times == NAT, np.nan, times / 1e6)
