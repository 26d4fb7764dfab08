"""Drift of numeric columns by their quantiles."""

from __future__ import annotations

import math

import numpy as np

from checks import pieces
from checks.check import Noise, Stat, check
from checks.drift_numeric import in_deviations
from checks.grid import Floats
from checks.intervals import Interval, measured
from checks.noise import excess
from checks.pieces import Pieces
from checks.profile import NumericProfile
from checks.text import figure

_QUANTILES = np.arange(1, 20) / 20.0
_LARGEST_OF_ALL = 1.88
"""Root mean square of the largest of the 19 moves, each in its standard errors, without drift."""

_UNDER_A_SHIFT = 0.16
"""What is left of the noise where all quantiles move alike.

The largest of 19 moves then makes up for what is taken out. Simulated for 200 to 5,000 normal,
uniform, Laplace and exponential values beside 20,000 and limits of 0.2 and 0.5: four in five shifts
are noticed from 0.6 standard errors of the median below the limit to 0.3 above it.
"""


@check(NumericProfile, warning=0.2, critical=0.5, minimum=100, default=False)
def quantile_shift(
    reference: NumericProfile, current: NumericProfile, *, quantile: float = 0.0
) -> Stat:
    """How far a quantile has moved, in standard deviations of the reference: the one that did most.

    Of the quantiles from 5 % to 95 % in steps of 5 or, where ``quantile`` is a share between 0 and
    1, of that one alone. ``where`` names it, with its values before and after. For a constant
    reference the deviation is that of an equal mixture of both sides. Exact while both sides keep
    their distinct values, within the width of a cell (0.8 % of the distance from the column's
    centre) otherwise.

    >>> from checks.plan import NumericPlan
    >>> then = NumericProfile.of(np.arange(100.0), NumericPlan())
    >>> now = NumericProfile.of(np.append(np.arange(94.0), np.arange(194.0, 200.0)), NumericPlan())
    >>> stat = quantile_shift.compute(then, now)
    >>> round(stat.value, 3), stat.where
    (3.464, '95 % quantile: 94 -> 194')

    Formula: |Q now - Q then| / sd then. With k standard errors sqrt(q (1 - q) / n) of its rank, a
    quantile lies between the values of the ranks so far below and above it; both sides are joined
    as squares. For one quantile that is the interval. For the largest move the noise to be taken
    out on the squared scale is that of k = 1.88, the root mean square of the largest of 19 moves
    without drift. Source: Wilks 1948 (Bull. Am. Math. Soc. 54); Zou and Donner 2008 (Stat. Med.).
    """
    if not 0.0 <= quantile < 1.0:
        raise ValueError(f"quantile is {quantile:g}; give a share between 0 and 1, or 0 for all")
    joint = pieces.joint(reference, current)
    at = np.array([quantile]) if quantile else _QUANTILES
    pieces.require(math.ceil(1.0 / min(at[0], 1.0 - at[-1])), reference, current)
    then, now = (pieces.quantiles(joint, side, at) for side in (joint.reference, joint.current))
    moves = in_deviations(
        np.abs(now / joint.unit - then / joint.unit).tolist(), joint, reference, scale=True
    )
    if quantile:
        return _of_one(joint, reference, current, at, moves[0], _path(at, then, now, 0))
    noise = _half_widths(joint, reference, current, at, _LARGEST_OF_ALL)
    worst = int(np.argmax(moves))
    return Stat(
        moves[worst],
        corrected=max(map(excess, moves, noise)),
        n_reference=reference.n,
        n_current=current.n,
        where=_path(at, then, now, worst) if moves[worst] else "",
        noise=Noise(_UNDER_A_SHIFT * float(np.median(noise))),
    )


def _of_one(
    joint: Pieces,
    reference: NumericProfile,
    current: NumericProfile,
    at: Floats,
    move: float,
    where: str,
) -> Stat:
    """The move of one quantile with its interval, folded at 0."""

    def interval(z: float) -> Interval:
        toward, away = (_half_widths(joint, reference, current, at, k)[0] for k in (z, -z))
        return Interval(max(move - toward, 0.0), max(move + away, toward - move))

    return measured(
        move,
        interval,
        n_reference=reference.n,
        n_current=current.n,
        where=where if move else "",
    )


def _half_widths(
    joint: Pieces, reference: NumericProfile, current: NumericProfile, at: Floats, z: float
) -> list[float]:
    """How much smaller (for a negative ``z``, larger) each move may be, in deviations."""
    middles, nearer = [], []
    for side, n in ((joint.reference, reference.n), (joint.current, current.n)):
        middles.append(pieces.quantiles(joint, side, at) / joint.unit)
        error = z * np.sqrt(at * (1.0 - at) / n)
        ends = (np.clip(at + error, 0.0, 1.0), np.clip(at - error, 0.0, 1.0))
        nearer.append([pieces.quantiles(joint, side, end) / joint.unit for end in ends])
    (then, now), ((then_up, then_down), (now_up, now_down)) = middles, nearer
    rose = now >= then
    then_end, now_end = np.where(rose, then_up, then_down), np.where(rose, now_down, now_up)
    lengths = np.hypot(then_end - then, now_end - now)
    return in_deviations(lengths.tolist(), joint, reference, scale=True)


def _path(at: Floats, then: Floats, now: Floats, place: int) -> str:
    return f"{100.0 * at[place]:.4g} % quantile: {figure(then[place])} -> {figure(now[place])}"
