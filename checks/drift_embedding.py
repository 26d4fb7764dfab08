"""Drift of embeddings: how far their centroid has moved."""

from __future__ import annotations

import math

import numpy as np

from checks.check import Noise, NotEnoughData, Stat, check
from checks.embedding import EmbeddingProfile
from checks.noise import excess

_ROUNDING = 1e-7  # a spread below this share of the distances is but their rounding


@check(EmbeddingProfile, warning=0.1, critical=0.25, minimum=500)
def centroid_distance(reference: EmbeddingProfile, current: EmbeddingProfile) -> Stat:
    """How far the mean of a column of vectors has moved, in units of the reference's spread.

    The spread is the root of the mean squared distance of a vector from the centroid, so that 1
    means that the centroid moved as far as a vector of the reference usually lies from it. When a
    share s of the rows moves to a new topic at a distance of one spread, it is s. It does not see
    what changes about the centroid; `mmd` and the distances of single vectors do.

    >>> from checks.plan import EmbeddingPlan
    >>> plan, rows = EmbeddingPlan((0.0, 0.0)), np.tile(np.eye(2) - 0.5, (100, 1))
    >>> then, now = EmbeddingProfile.of(rows, plan), EmbeddingProfile.of(rows + 0.5, plan)
    >>> stat = centroid_distance.compute(then, now)
    >>> round(stat.value, 2), round(stat.corrected, 2)
    (1.0, 0.99)

    Formula: |m - M| / S with the centroids m and M and the scatter S^2 = sum |x - M|^2 / (N - 1).
    Corrected: sqrt(d^2 - (s^2/n + S^2/N) / S^2), which takes out its mean square without drift,
    s^2 being the current scatter. Source: the sampling error of a mean.
    """
    for side, profile in (("reference", reference), ("current window", current)):
        if profile.n < 2:
            raise NotEnoughData(f"{profile.n} vectors in the {side}", profile.n, 2)
    then, now = reference.centroid(), current.centroid()
    spread = math.sqrt(reference.scatter())
    if spread <= _ROUNDING * math.sqrt(reference.squares / reference.n):
        raise NotEnoughData("the vectors of the reference do not differ", among=current.n)
    value = float(np.linalg.norm(now - then)) / spread
    noise = math.sqrt(current.scatter() / current.n + reference.scatter() / reference.n) / spread
    return Stat(
        value,
        corrected=excess(value, noise),
        n_reference=reference.n,
        n_current=current.n,
        noise=Noise(noise),  # an upper bound: as if the vectors spread along the move alone
    )
