"""Late labels: whether they come as they used to, and metrics while many are still to come.

The reference tells how long labels take, by what came of the prediction. From that follows how many
labels of each kind a window should have by now, if all were as in the reference: rows are taken to
have come evenly between the first and the last. What is measured is held against that, so that a
window of yesterday is compared with the reference as it was known a day after its predictions.
"""

from __future__ import annotations

from math import hypot, sqrt

import numpy as np
from numpy.typing import NDArray

from checks import intervals
from checks.check import NotEnoughData, Stat, check
from checks.delays import EDGES, Delays
from checks.due import Due
from checks.grid import Floats
from checks.intervals import Interval, measured
from checks.labelled import FEWEST_ROWS, enough
from checks.resampling import percentiles, resamples
from checks.text import figure


@check(
    Delays,
    direction="below",
    warning=0.8,
    critical=0.5,
    unit="ratio",
    cause="labels",
    default=False,
    needs="label_timestamp",
)
def label_coverage(reference: Delays, current: Delays) -> Stat:
    """Share of the labels that have come of those that should have come by now.

    1 where labels come as in the reference or sooner, 0 where they stopped. From 50 labels to
    expect on: a window is judged as soon as so many are due. The interval is Wilson's, widened by
    the chance in the reference. Labels that took longer than the reference was watched are left
    out, and so are ages that only some of the rows have reached.

    Formula: labels that came / Σ_rows G(age of the row), at most 1, G(t) the share of rows of the
    reference whose label came by age t. Source: Horvitz and Thompson 1952; Wilson 1927.

    >>> times, came = np.repeat(0.0, 200), np.zeros(200, np.int64)
    >>> told = np.ones(200, np.bool_)
    >>> then = Delays.of(times, np.repeat([10.0, 9000.0], 100), told, came, 1, 20_000.0)
    >>> now = Delays.of(times, np.full(200, 10.0), np.arange(200) < 60, came, 1, 100.0)
    >>> round(label_coverage.compute(then, now).value, 9)
    0.6
    """
    due = Due.of(reference, current)
    expected, came = float(due.expected.sum()), int(due.came.sum())
    _require_due(expected, current)
    share = min(expected / current.rows, 1.0)
    value = came / expected
    error = sqrt((1.0 - share) / max(share * reference.rows, 1.0))

    def interval(z: float) -> Interval:
        low, high = (end / share for end in intervals.wilson(came, max(current.rows, came), z))
        noise = z * error * max(value, 1.0)
        above = value + hypot(high - value, noise)
        return Interval(max(min(value, 1.0) - hypot(value - low, noise), 0.0), min(above, 1.0))

    return measured(
        min(value, 1.0),
        interval,
        n_reference=reference.labelled,
        n_current=current.rows,
        where=f"{came:,} labels have come, {expected:,.0f} were to be expected by now",
    )


@check(
    Delays,
    direction="both",
    warning=0.5,
    critical=1.0,
    cause="labels",
    default=False,
    needs="label_timestamp",
)
def label_delay(reference: Delays, current: Delays) -> Stat:
    """How much longer labels take than in the reference, in doublings of the median delay.

    0 where they take as long, 1 where the median has doubled, -1 where it has halved. Of a window
    that still waits for labels the median of those that came is compared with that of those that
    should have come. The interval is the middle of 200 resamples, from 50 labels on.

    Formula: log2(median delay / median delay to expect by now). Source: Efron 1979.

    >>> times, came = np.repeat(0.0, 200), np.zeros(200, np.int64)
    >>> told = np.ones(200, np.bool_)
    >>> then = Delays.of(times, np.full(200, 100.0), told, came, 1, 20_000.0)
    >>> now = Delays.of(times, np.full(200, 400.0), told, came, 1, 20_000.0)
    >>> round(label_delay.compute(then, now).value, 6)
    2.0
    """
    due = Due.of(reference, current)
    _require_due(float(due.expected.sum()), current)
    came, expected = due.came.sum(axis=1), due.expected.sum(axis=1)
    if not came.any():
        raise NotEnoughData("no labels yet", 0, FEWEST_ROWS, among=current.rows)
    usual, median = float(_log_median(expected)), float(_log_median(came))
    drawn = _log_median(resamples(came)) - usual
    value = median - usual
    stat = measured(
        value,
        lambda z: percentiles(value, drawn, z),
        n_reference=reference.labelled,
        n_current=int(came.sum()),
        where=f"median {_span(2.0**median)}, {_span(2.0**usual)} to be expected",
    )
    return enough(stat, int(came.sum()), FEWEST_ROWS, "labels")


@check(
    Delays,
    direction="below",
    warning=-0.03,
    critical=-0.12,
    unit="ratio",
    cause="performance",
    default=False,
    needs="label_timestamp",
    within=(-1.0, 1.0),
)
def same_age_accuracy(reference: Delays, current: Delays) -> Stat:
    """Accuracy by the labels that have come, less that of the reference at the same age of labels.

    Where errors are labelled sooner than the rest, accuracy of a young window is low though nothing
    is wrong; this is 0 then, and below 0 where the model is worse. The interval joins Wilson's of
    both sides (Newcombe 1998), from 50 labels on.

    Formula: right / came - right to expect / labels to expect, by the reference's delays of right
    and of wrong predictions. Source: Newcombe 1998.

    >>> times, came = np.repeat(0.0, 200), np.repeat([0, 1], 100)
    >>> told = np.ones(200, np.bool_)
    >>> then = Delays.of(times, np.repeat([10.0, 9000.0], 100), told, came, 2, 20_000.0)
    >>> now = Delays.of(times, np.full(200, 10.0), came == 0, came, 2, 100.0)
    >>> same_age_accuracy.compute(then, now).value
    0.0
    """
    due = Due.of(reference, current)
    right = _right(current)
    hits, n = int(due.came[:, right].sum()), int(due.came.sum())
    expected = float(due.expected.sum())
    if not n or not expected:
        raise NotEnoughData("no labels yet", 0, FEWEST_ROWS, among=current.rows)
    usual = float(due.expected[:, right].sum()) / expected
    known = min(due.known, reference.labelled)
    value = hits / n - usual

    def interval(z: float) -> Interval:
        ours, theirs = intervals.wilson(hits, n, z), intervals.wilson(usual * known, known, z)
        below = hypot(hits / n - ours.low, theirs.high - usual)
        return Interval(value - below, value + hypot(ours.high - hits / n, usual - theirs.low))

    stat = measured(
        value,
        interval,
        n_reference=known,
        n_current=n,
        where=f"{figure(hits / n)} of labels so far, {figure(usual)} at that age in the reference",
    )
    return enough(stat, min(n, known), FEWEST_ROWS, "labels")


@check(
    Delays,
    direction="below",
    slack=(0.03, 0.12),
    unit="ratio",
    cause="performance",
    default=False,
    needs="label_timestamp",
)
def ipw_accuracy(reference: Delays, current: Delays) -> Stat:
    """Accuracy of a window whose labels still come: each is weighed by its chance to have come.

    Right and wrong predictions are labelled at speeds of their own, which the reference tells. Not
    given where labels take another time than in the reference (see ``label_delay``), where less
    than 2 % of either kind can have come, or with fewer than five of either.

    Formula: n_1 / (n_1 + n_0), n_k = labels of kind k / the chance of such a label to have come.
    Source: Horvitz and Thompson 1952; Robins, Rotnitzky and Zhao 1994.

    >>> times, came = np.repeat(0.0, 200), np.repeat([0, 1], 100)
    >>> told, first = np.ones(200, np.bool_), np.arange(200) % 100 < 50
    >>> late = np.where((came == 1) & ~first, 9000.0, 10.0)
    >>> then = Delays.of(times, late, told, came, 2, 20_000.0)
    >>> now = Delays.of(times, late, late < 100.0, came, 2, 100.0)
    >>> round(ipw_accuracy.compute(then, now).value, 9)
    0.5
    """
    due = Due.of(reference, current)
    return _weighed(due, reference, current, _right(current), "right predictions")


@check(
    Delays,
    direction="both",
    slack=(0.05, 0.15),
    unit="ratio",
    cause="labels",
    default=False,
    needs="label_timestamp",
)
def ipw_prevalence(reference: Delays, current: Delays) -> Stat:
    """Share of positives of a window whose labels still come: each is weighed by its chance.

    Positives and negatives are labelled at speeds of their own, which the reference tells. Of
    binary classifiers, and under the conditions of ``ipw_accuracy``.

    Formula: n_1 / (n_1 + n_0), n_k = labels of class k / the chance of such a label to have come.
    Source: Horvitz and Thompson 1952; Robins, Rotnitzky and Zhao 1994.

    >>> times, came = np.repeat(0.0, 200), np.repeat([0, 3], 100)
    >>> told, first = np.ones(200, np.bool_), np.arange(200) % 100 < 50
    >>> late = np.where((came == 3) & ~first, 9000.0, 10.0)
    >>> then = Delays.of(times, late, told, came, 4, 20_000.0)
    >>> now = Delays.of(times, late, late < 100.0, came, 4, 100.0)
    >>> round(ipw_prevalence.compute(then, now).value, 9)
    0.5
    """
    if current.kinds != _BINARY:
        raise NotEnoughData("only a binary classifier has positives", have=1)
    due = Due.of(reference, current)
    return _weighed(due, reference, current, np.array([1, 3]), "positives")


_BINARY = 4
_LEAST_CHANCE = 0.02
_LEAST_OF_A_KIND = 5
_DRIFTED = 0.5  # doublings of the median delay


def _weighed(
    due: Due, reference: Delays, current: Delays, chosen: NDArray[np.int64], what: str
) -> Stat:
    """The share of the chosen kinds among all labels, each kind by its chance to have come."""
    sides = [np.isin(np.arange(current.kinds), chosen) == each for each in (True, False)]
    came = [int(due.came[:, side].sum()) for side in sides]
    known = [int(reference.ages[:, side].sum()) for side in sides]
    to_come = [float(due.complete[:, side].sum()) for side in sides]
    chances = [
        min(float(due.expected[:, side].sum()) / total, 1.0) if total else 0.0
        for side, total in zip(sides, to_come, strict=True)
    ]
    if min(chances) < _LEAST_CHANCE:
        reason = f"of {what}, or of all others, less than {_LEAST_CHANCE:.0%} can have come by now"
        raise NotEnoughData(reason, 0, FEWEST_ROWS, among=current.rows)
    if min(came) < _LEAST_OF_A_KIND:
        reason = (
            f"{came[0]} labels of {what} and {came[1]} others, {_LEAST_OF_A_KIND} of each needed"
        )
        raise NotEnoughData(reason, min(came), _LEAST_OF_A_KIND, among=current.rows)
    one, other = (k / g for k, g in zip(came, chances, strict=True))
    value = one / (one + other)
    weights = zip((one, other), chances, known, strict=True)
    noise = [n / g + n * n * (1 - g) / (g * max(k, 1)) for n, g, k in weights]
    error = sqrt((1 - value) ** 2 * noise[0] + value**2 * noise[1]) / (one + other)

    def interval(z: float) -> Interval:
        return Interval(max(value - z * error, 0.0), min(value + z * error, 1.0))

    stat = measured(
        value,
        interval,
        n_reference=reference.labelled,
        n_current=sum(came),
        where=f"by now {chances[0]:.0%} of {what} can have their label, {chances[1]:.0%} of others",
    )
    _require_steady(reference, current, stat)
    return enough(stat, sum(came), FEWEST_ROWS, "labels")


def _require_steady(reference: Delays, current: Delays, stat: Stat) -> None:
    """Weights of the reference hold as long as labels take the time that they took there."""
    try:
        delay = label_delay.compute(reference, current)
    except NotEnoughData:
        return
    if delay.floor is None or delay.ceiling is None:
        return
    if delay.floor > _DRIFTED or delay.ceiling < -_DRIFTED:
        reason = f"labels take another time than in the reference: {delay.where}"
        raise NotEnoughData(reason, stat.n_current, FEWEST_ROWS, stat=stat)


def _right(delays: Delays) -> NDArray[np.int64]:
    """The kinds of a right prediction."""
    if delays.kinds == 1:
        raise NotEnoughData("only a classifier has right predictions", have=1)
    return np.array([0, 3] if delays.kinds == _BINARY else [1])


def _require_due(expected: float, current: Delays) -> None:
    if expected < FEWEST_ROWS:
        reason = f"{expected:.0f} labels are to be expected by now, {FEWEST_ROWS} needed"
        raise NotEnoughData(reason, int(expected), FEWEST_ROWS, among=current.rows)


def _log_median(ages: NDArray[np.number]) -> Floats:
    """The median age of counts by bin (last axis), in log2 of seconds; NaN of nothing.

    Within a bin labels are spread evenly by the logarithm.
    """
    starts = np.log2(np.maximum(EDGES, 0.5))
    ends = np.append(starts[1:], starts[-1] + (starts[-1] - starts[-2]))
    until = np.cumsum(ages, axis=-1)
    half = until[..., -1:] / 2.0
    place = np.argmax(until >= half, axis=-1)[..., None]
    inside = np.take_along_axis(np.asarray(ages, np.float64), place, -1)
    before = np.take_along_axis(until, place, -1) - inside
    share = np.divide(half - before, inside, out=np.zeros_like(inside), where=inside > 0)
    return np.asarray((starts[place] + share * (ends - starts)[place])[..., 0])


def _span(seconds: float) -> str:
    """A length of time for a person."""
    for size, unit in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= size:
            return f"{figure(seconds / size)} {unit}"
    return f"{figure(seconds)} s"
