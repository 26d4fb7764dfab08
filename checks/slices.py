"""Slices: groups of rows, cut by one feature or two, on which the model does worse."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri, stdtr

from checks.binned import Binned, binned
from checks.check import Noise, NotEnoughData, Stat, check
from checks.grid import Floats
from checks.intervals import Z_JUDGED, Interval, measured
from checks.power import Z_POWER
from checks.sample import RowSample
from checks.text import figure

FEWEST = 100
"""Rows with a known loss that are needed to look for slices."""

_LEVEL = 0.05
_BINS = 4
_MOST_CUTS = 600  # of which pairs are made: 180,000 pairs
_NAMED = 3


@check(
    RowSample,
    direction="above",
    slack=(0.5, 1.0),
    relative=True,
    cause="performance",
    minimum=FEWEST,
    default=False,
    needs="label",
)
def worst_slice(
    reference: RowSample, current: RowSample, *, against: str = "rest", fewest: int = 50
) -> Stat:
    """How much larger the loss is on the worst group of rows, cut by one feature or two.

    The loss is the share of wrong classes or the mean absolute error. A group is a quarter of a
    number's values, a level or what is missing, or two of these at once. It is held ``against``
    the ``rest`` of the window, or with ``reference`` against the same group in the reference. 0
    where no group is worse beyond chance. ``where`` names the worst few and how often they occur.
    Slack is a share of the loss that they are held against.

    >>> from checks.plan import MultivariatePlan
    >>> plan = MultivariatePlan(("x",), (0.0,), (1.0,), rows=400)
    >>> x, none = np.arange(400.0)[:, None], np.zeros((400, 0), np.int64)
    >>> wrong = (np.arange(400) >= 300) | (np.arange(400) % 10 == 0)
    >>> rows = RowSample.of(np.arange(400) / 400, x, none, plan, wrong.astype(float))
    >>> stat = worst_slice.compute(rows, rows)
    >>> round(stat.value, 3), stat.where
    (0.9, 'x >= 299.2 (1 against 0.1, 25 % of rows)')

    Formula: one-sided p-values of all groups of at least ``fewest`` rows, by Fisher's exact test
    where the loss is 0 or 1 and by Welch's test of its ranks otherwise; worse are those that the
    procedure of Benjamini and Hochberg finds at 5 %. They are ranked by their p-value, and a group
    within a better one is not named. The interval is widened for having been chosen (Benjamini and
    Yekutieli, 2005). Source: Benjamini and Hochberg 1995 (J. R. Stat. Soc. B 57); Chung et al. 2019
    (ICDE 35).
    """
    if against not in ("rest", "reference"):
        raise ValueError(f"against is {against!r}; give 'rest' or 'reference'")
    now = current.labelled()
    then = reference if against == "rest" else reference.labelled()
    for side, rows in (("reference", then.n), ("current window", now.n)):
        if rows < FEWEST:
            reason = f"the truth of {rows} sampled rows in the {side}, {FEWEST} needed"
            raise NotEnoughData(reason, rows, FEWEST)
    groups = _Groups.of(then, now, beside=against == "rest")
    return _told(groups.tests(max(fewest, 2)), groups, then, now)


class _Sums(NamedTuple):
    """Rows, and sums of their loss and its square, and the same of its ranks: groups x groups."""

    n: Floats
    loss: Floats
    squares: Floats
    ranks: Floats
    rank_squares: Floats

    @classmethod
    def of(cls, members: Floats, loss: Floats, ranks: Floats) -> _Sums:
        """The sums of all pairs of groups, of which ``members`` (rows x groups) tells the rows."""
        weights = (None, loss, loss**2, ranks, ranks**2)
        return cls(
            *(
                members.T @ (members if each is None else members * each[:, None])
                for each in weights
            )
        )

    def moments(self) -> tuple[Floats, Floats]:
        return _moments(self.n, self.loss, self.squares)

    def rank_moments(self) -> tuple[Floats, Floats]:
        return _moments(self.n, self.ranks, self.rank_squares)

    def others(self, loss: Floats, ranks: Floats) -> _Sums:
        """The sums of all rows that are not in the group."""
        totals = (len(loss), loss.sum(), (loss**2).sum(), ranks.sum(), (ranks**2).sum())
        return _Sums(*(total - each for total, each in zip(totals, self, strict=True)))


def _moments(n: Floats, total: Floats, squares: Floats) -> tuple[Floats, Floats]:
    """Mean, and variance of the mean."""
    n = np.maximum(n, 2.0)
    mean = total / n
    return mean, np.maximum(squares - total * mean, 0.0) / (n - 1.0) / n


@dataclass(frozen=True, slots=True, eq=False)
class _Groups:
    """All groups: the cuts they are made of by feature and name, and sums of both sides."""

    feature: NDArray[np.intp]
    names: Sequence[str]
    ours: _Sums
    theirs: _Sums
    scale: float
    binary: bool

    @classmethod
    def of(cls, then: RowSample, now: RowSample, *, beside: bool) -> _Groups:
        """The groups of now, held against the rows beside them or against those of then."""
        features = list(binned(then, now, _BINS))
        cuts = list(_cuts(features))
        held = (now,) if beside else (now, then)
        scale = float(max(one.loss.max() for one in held)) or 1.0
        losses = [one.loss / scale for one in held]
        ranks = _ranks(*losses)
        ours, *before = (
            _Sums.of(_members(cuts, features, old=bool(place)), losses[place], ranks[place])
            for place in range(len(held))
        )
        theirs = before[0] if before else ours.others(losses[0], ranks[0])
        binary = all(bool(np.isin(each, (0.0, 1.0)).all()) for each in losses)
        places = np.array([feature for feature, _ in cuts], np.intp)
        names = [features[f].names[b] for f, b in cuts]
        return cls(places, names, ours, theirs, scale, binary)

    def tests(self, fewest: int) -> _Tests:
        """The tests of all groups that are large enough on both sides, each once."""
        first, second = np.triu_indices(len(self.names))
        apart = (first == second) | (self.feature[first] != self.feature[second])
        sizes = np.minimum(self.ours.n, self.theirs.n)[first, second]
        some = apart & (sizes >= fewest)
        first, second = first[some], second[some]
        pick = (first, second)
        ours, theirs = (_Sums(*(e[pick] for e in side)) for side in (self.ours, self.theirs))
        p = _fisher(ours, theirs) if self.binary else _welch(ours, theirs)
        mean, variance = ours.moments()
        norm, other = theirs.moments()
        return _Tests(first, second, ours.n, mean, norm, np.sqrt(variance + other), p)

    def name(self, first: int, second: int) -> str:
        names = [self.names[first]] + [self.names[second]] * (first != second)
        return " and ".join(names)


class _Tests(NamedTuple):
    """Groups (their two cuts, equal where there is but one), and what was found of each."""

    first: NDArray[np.intp]
    second: NDArray[np.intp]
    n: Floats
    mean: Floats
    norm: Floats
    error: Floats
    p: Floats


def _cuts(features: Sequence[Binned]) -> Iterator[tuple[int, int]]:
    """The feature and bin of every cut, as many as pairs can be made of."""
    found = ((place, b) for place, one in enumerate(features) for b in range(len(one.names)))
    return (cut for cut, _ in zip(found, range(_MOST_CUTS), strict=False))


def _members(cuts: Sequence[tuple[int, int]], features: Sequence[Binned], *, old: bool) -> Floats:
    """Which rows of a side are in which cut: rows x cuts, 1 or 0."""
    sides = [one.then if old else one.now for one in features]
    return np.column_stack([sides[f] == b for f, b in cuts]).astype(np.float64)


def _ranks(*sides: Floats) -> list[Floats]:
    """The rank of each loss among those of all sides, from 0 to 1, the middle one of ties."""
    every = np.concatenate(sides)
    _, place, counts = np.unique(every, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2.0
    return np.split(middle[place] / max(len(every), 1), np.cumsum([len(s) for s in sides])[:-1])


def _fisher(ours: _Sums, theirs: _Sums) -> Floats:
    """The chance of so many wrong rows in a group, were they spread over both at random."""
    from scipy.stats import hypergeom

    wrong = np.rint(ours.loss + theirs.loss)
    p: Floats = hypergeom.sf(np.rint(ours.loss) - 1, ours.n + theirs.n, wrong, ours.n)
    return np.clip(p, 0.0, 1.0)


def _welch(ours: _Sums, theirs: _Sums) -> Floats:
    """Welch's test that ranks are higher; where none varies there is nothing to find."""
    (high, one), (low, other) = ours.rank_moments(), theirs.rank_moments()
    both = one + other
    usable = both > 0.0
    both = np.where(usable, both, 1.0)
    freedom = both**2 / np.where(usable, one**2 / (ours.n - 1.0) + other**2 / (theirs.n - 1.0), 1.0)
    return np.where(usable, stdtr(freedom, (low - high) / np.sqrt(both)), (high <= low) * 1.0)


def _told(tests: _Tests, groups: _Groups, then: RowSample, now: RowSample) -> Stat:
    if not len(tests.p):
        raise NotEnoughData("no group of rows is large enough to be looked at", among=now.n)
    order = np.lexsort((tests.second, tests.first, tests.norm - tests.mean, tests.p))
    found = order[: _discoveries(tests.p[order])]
    scale = groups.scale
    if not len(found):
        return Stat(
            0.0,
            n_reference=then.n,
            n_current=now.n,
            scale=float(now.loss.mean()),
            noise=_hidden(tests, groups),
        )
    worst = int(found[0])
    value = float(tests.mean[worst] - tests.norm[worst]) * scale
    share = len(found) / len(tests.p)

    def interval(z: float) -> Interval:
        half = -ndtri(ndtr(-z) * share) * float(tests.error[worst]) * scale
        return Interval(value - half, value + half)

    return measured(
        value,
        interval,
        n_reference=then.n,
        n_current=now.n,
        where=_named(tests, groups, found, now.n),
        scale=float(tests.norm[worst]) * scale,
    )


def _hidden(tests: _Tests, groups: _Groups) -> Noise:
    """How one worse group of the middle size would vary, widened for the choice among all."""
    middle = int(np.argsort(tests.n, kind="stable")[len(tests.n) // 2])
    norm, error = float(tests.norm[middle]), float(tests.error[middle]) * groups.scale
    times = 1.0 + float(-ndtri(ndtr(-Z_JUDGED) / len(tests.p))) / Z_POWER
    growth = max(1.0 - 2.0 * norm, 0.0) / float(tests.n[middle]) if groups.binary else 0.0
    return Noise(times * error, times**2 * growth, binding=False)


def _discoveries(p: Floats) -> int:
    """How many of the ascending p-values are found (Benjamini and Hochberg, 1995)."""
    below = np.flatnonzero(p <= _LEVEL * np.arange(1, len(p) + 1) / len(p))
    return int(below[-1]) + 1 if len(below) else 0


def _named(tests: _Tests, groups: _Groups, found: NDArray[np.intp], rows: int) -> str:
    """The worst few groups, without those that have a cut in common with a worse one."""
    named: list[str] = []
    taken: set[int] = set()
    for place in found.tolist():
        cuts = {int(tests.first[place]), int(tests.second[place])}
        if cuts & taken or len(named) == _NAMED:
            continue
        taken |= cuts
        name = groups.name(int(tests.first[place]), int(tests.second[place]))
        mean, norm = (figure(float(e[place]) * groups.scale) for e in (tests.mean, tests.norm))
        share = 100.0 * float(tests.n[place]) / rows
        named.append(f"{name} ({mean} against {norm}, {share:.0f} % of rows)")
    return _cut("; ".join(named))


def _cut(text: str) -> str:
    return text if len(text) <= 300 else text[:299] + "…"
