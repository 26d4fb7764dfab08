"""Embeddings: what is kept of a column of vectors, their mean, their spread and random waves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from checks.grid import Floats
from checks.joint import waves_of
from checks.plan import EmbeddingPlan
from checks.profile import PlanMismatch, frozen

_BLOCK = 1 << 10  # rows


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddingProfile:
    """Sums over ``n`` vectors, each less the centre of its plan.

    ``sums`` holds one number a component, ``squares`` is the sum of the squared distances from the
    centre, ``cosines`` and ``sines`` the sums of the random waves, as in `FourierMeans` but for the
    scales: components keep their own, since the distance between embeddings is what has meaning.
    """

    n: int
    sums: Floats
    squares: float
    cosines: Floats
    sines: Floats

    @classmethod
    def of(cls, values: Floats, plan: EmbeddingPlan) -> EmbeddingProfile:
        """The profile of vectors (rows x components, finite doubles).

        >>> plan = EmbeddingPlan((1.0, 0.0))
        >>> profile = EmbeddingProfile.of(np.array([[1.0, 2.0], [3.0, 0.0]]), plan)
        >>> profile.sums.tolist(), profile.squares
        ([2.0, 2.0], 8.0)
        """
        centre = np.array(plan.centre)
        waves = (waves_of(len(centre), plan.waves, plan.seed) / plan.bandwidth).astype(np.float32)
        sums, squares = np.zeros(len(centre)), 0.0
        cosines, sines = np.zeros(plan.waves), np.zeros(plan.waves)
        for start in range(0, len(values), _BLOCK):
            apart = values[start : start + _BLOCK] - centre
            sums += apart.sum(0)
            squares += float(np.einsum("ij,ij->", apart, apart))
            if plan.waves:
                angles = apart.astype(np.float32) @ waves
                cosines += np.cos(angles).sum(0, np.float64)
                sines += np.sin(angles).sum(0, np.float64)
        return cls(len(values), frozen(sums), squares, frozen(cosines), frozen(sines))

    @classmethod
    def merged(cls, parts: Sequence[EmbeddingProfile]) -> EmbeddingProfile:
        """The profile of the vectors of all parts."""
        first = parts[0]
        shape = first.sums.shape, first.cosines.shape
        if any((each.sums.shape, each.cosines.shape) != shape for each in parts):
            raise PlanMismatch("embeddings of two plans do not add")
        return cls(
            sum(part.n for part in parts),
            frozen(np.sum([part.sums for part in parts], axis=0)),
            sum(part.squares for part in parts),
            frozen(np.sum([part.cosines for part in parts], axis=0)),
            frozen(np.sum([part.sines for part in parts], axis=0)),
        )

    def merge(self, other: EmbeddingProfile) -> EmbeddingProfile:
        return self.merged([self, other])

    @property
    def waves(self) -> int:
        """How many random waves are kept."""
        return len(self.cosines)

    def centroid(self) -> Floats:
        """The mean vector, less the centre."""
        mean: Floats = self.sums / self.n
        return mean

    def scatter(self) -> float:
        """The mean squared distance of a vector from the centroid, unbiased for its rows."""
        centroid = self.centroid()
        whole = self.squares - self.n * float(centroid @ centroid)
        return max(whole, 0.0) / max(self.n - 1, 1)

    def mean(self) -> Floats:
        """The mean feature vector of the waves, of length 1 at most."""
        both = np.concatenate((self.cosines, self.sines))
        mean: Floats = both / (self.n * np.sqrt(self.waves))
        return mean
