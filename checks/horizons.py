"""Performance of forecasts by how far ahead they look."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from checks.check import Noise, NotEnoughData, Stat, check
from checks.grid import Counts, Floats
from checks.intervals import Z_JUDGED, Z_SHOWN
from checks.outcome import ForecastOutcome
from checks.power import Z_POWER

_WARNING = 1.1
FEWEST_ERRORS = 30
"""Labels of a horizon from which the mean of its errors is close to normal."""


@check(ForecastOutcome, warning=_WARNING, critical=1.25, cause="performance")
def worst_horizon(reference: ForecastOutcome, current: ForecastOutcome) -> Stat:
    """Mean absolute error, in that of the reference, at the horizon where it has grown most.

    1 where the errors are as large as they were, 2 where they have doubled; ``where`` names the
    horizon with both errors. Each horizon is held against itself, as errors further ahead are
    larger. Horizons with fewer than 30 labels on either side are left out, and so are those without
    any error in the reference. The interval is a delta method on the logarithm; its lower end has
    room for the largest of so many ratios to be large by chance (Dunn 1961). What is judged is the
    growth that is proven, the lower end at 99 %: of fourteen horizons some error is always larger
    than it was, and no few labels could show that none is.

    Formula: max over h of MAE_h / MAE_h of the reference. Source: Dunn 1961.

    >>> from checks.plan import ForecastPlan
    >>> plan, horizon = ForecastPlan(horizons=("1", "7")), np.repeat([0, 1], 30)
    >>> told = np.tile([1.0, 3.0], 30)
    >>> then = ForecastOutcome.by(plan, told, np.zeros(60), horizon)
    >>> now = ForecastOutcome.by(plan, told * np.repeat([1.0, 2.0], 30), np.zeros(60), horizon)
    >>> stat = worst_horizon.compute(then, now)
    >>> stat.value, stat.where
    (2.0, 'horizon 7: 4, was 2')
    """
    places = _places(reference, current)
    then, spread = _means(reference.by_horizon[places])
    now, doubt = _means(current.by_horizon[places])
    ratios, errors = now / then, np.hypot(spread, doubt)
    worst = int(ratios.argmax())

    def wide(z: float) -> float:
        return -float(ndtri(ndtr(-z) / len(places)))

    def proven(z: float) -> float:
        return float((ratios * np.exp(-wide(z) * errors)).max())

    name = current.plan.horizons[places[worst]]
    # Ratios vary in proportion to themselves: what is noticed lies so far beyond a usual limit.
    to_notice = _WARNING * np.expm1((wide(Z_JUDGED) + Z_POWER) * float(errors[worst]))
    return Stat(
        float(ratios[worst]),
        proven(Z_JUDGED),
        low=proven(Z_SHOWN),
        high=float((ratios * np.exp(Z_SHOWN * errors)).max()),
        floor=proven(Z_JUDGED),
        noise=Noise(to_notice / Z_POWER, binding=False),
        n_reference=int(reference.by_horizon[places[worst], 0]),
        n_current=int(current.by_horizon[places[worst], 0]),
        where=f"horizon {name[:100]}: {now[worst]:.4g}, was {then[worst]:.4g}",
    )


def _places(reference: ForecastOutcome, current: ForecastOutcome) -> Counts:
    """The horizons that can be compared, of which there are some."""
    then, now = reference.by_horizon[:-1], current.by_horizon[:-1]
    if not now[:, 0].any():
        reason = "no labels yet" if current.rows else "no rows"
        if current.by_horizon[-1, 0]:
            reason = "no labels at a horizon that the reference has"
        raise NotEnoughData(reason, 0, FEWEST_ERRORS, among=current.rows)
    have = np.minimum(then[:, 0], now[:, 0])
    if have.max() < FEWEST_ERRORS:
        most = int(have.max())
        reason = f"{most} labels at the horizon with most, {FEWEST_ERRORS} needed"
        raise NotEnoughData(reason, most, FEWEST_ERRORS, among=current.labelled)
    finite = np.isfinite(then).all(axis=1) & np.isfinite(now).all(axis=1)
    found = np.flatnonzero((have >= FEWEST_ERRORS) & finite & (then[:, 1] > 0.0))
    if not len(found):
        reason = "no errors in the reference at any horizon, or errors too large to square"
        raise NotEnoughData(reason, 0, 1, among=current.labelled)
    return found


def _means(sums: Floats) -> tuple[Floats, Floats]:
    """Mean absolute error at each horizon, and its standard error as a share of it."""
    n, total, squares = sums.T
    mean = total / n
    variance = np.maximum(squares / n - np.square(mean), 0.0) / (n - 1.0)
    relative = np.sqrt(variance) / np.where(mean > 0.0, mean, 1.0)
    return mean, np.where(mean > 0.0, relative, 0.0)
