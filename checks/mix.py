"""Mix: whether the model got worse on the same rows, or meets more of the rows it is bad at."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from checks.binned import short
from checks.check import NotEnoughData, Stat, check
from checks.grid import Floats
from checks.impact import signed
from checks.intervals import Z_SHOWN, Interval, measured
from checks.strata import Strata
from checks.text import figure

FEWEST = 50
"""Labels of each side that a split needs."""

_TOO_LARGE = 1e150  # its square is still a number


@check(
    Strata,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
    needs="label",
)
def mix_shift(reference: Strata, current: Strata) -> Stat:
    """The part of the change of the loss that comes of other shares of the segments.

    The loss is the share of wrong classes or the mean absolute error. Above 0 the window holds more
    of the segments on which the model is bad; together with ``change_within_segments`` it is the
    whole change, exactly. ``where`` names the segment that contributes most, and says where the
    whole goes one way while every segment goes the other (Simpson, 1951). Slack is a share of the
    reference's loss. It is measured for each segment column.

    >>> then = Strata(("a", "b"), *map(np.array, ([500, 500], [50.0, 150.0], [50.0, 150.0])))
    >>> now = Strata(("a", "b"), *map(np.array, ([200, 800], [20.0, 240.0], [20.0, 240.0])))
    >>> round(mix_shift.compute(then, now).value, 6)
    0.06

    Formula: sum over segments of (share now - share then) (loss then + loss now) / 2. A segment
    without labels on one side counts there with its loss on the other. The interval is a delta
    method. Source: Kitagawa 1955 (J. Am. Stat. Assoc. 50); Oaxaca 1973; Blinder 1973.
    """
    split = _Split.of(reference, current)
    return split.stat(split.mix_of, split.mix_error, split.mixed())


@check(
    Strata,
    direction="above",
    slack=(0.1, 0.25),
    relative=True,
    cause="performance",
    default=False,
    needs="label",
)
def change_within_segments(reference: Strata, current: Strata) -> Stat:
    """The part of the change of the loss that is left where segments keep their shares.

    The loss is the share of wrong classes or the mean absolute error. Above 0 the model is worse on
    the same kind of rows; together with ``mix_shift`` it is the whole change, exactly. ``where``
    names the segment that contributes most, and says where the whole goes one way while every
    segment goes the other (Simpson, 1951). Slack is a share of the reference's loss. It is measured
    for each segment column.

    >>> then = Strata(("a", "b"), *map(np.array, ([500, 500], [50.0, 150.0], [50.0, 150.0])))
    >>> now = Strata(("a", "b"), *map(np.array, ([200, 800], [40.0, 240.0], [40.0, 240.0])))
    >>> round(change_within_segments.compute(then, now).value, 6)
    0.035

    Formula: sum over segments of (share then + share now) / 2 (loss now - loss then). The interval
    is a delta method. Source: Kitagawa 1955 (J. Am. Stat. Assoc. 50); Oaxaca 1973; Blinder 1973.
    """
    split = _Split.of(reference, current)
    return split.stat(split.within_of, split.within_error, split.changed())


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """Of one side, by segment: whether it has labels, its share, its loss and its variance."""

    there: Floats
    share: Floats
    loss: Floats
    variance: Floats
    n: int

    @classmethod
    def of(cls, strata: Strata) -> _Side:
        counts = np.maximum(strata.counts, 1)
        loss = strata.loss / counts
        left = np.maximum(strata.squares - strata.loss * loss, 0.0)
        # One more row with the usual deviation: few equal losses do not prove that all are.
        usual = left.sum() / max(strata.labelled, 1)
        there = (strata.counts > 0).astype(np.float64)
        share = strata.counts / max(strata.labelled, 1)
        return cls(there, share, loss, (left + usual) / counts**2 * there, strata.labelled)

    def error(self, by_loss: Floats, by_share: Floats) -> float:
        """The variance of a sum whose derivatives by the losses and the shares are these."""
        middle = float(self.share @ by_share)
        of_shares = float(self.share @ (by_share - middle) ** 2) / self.n
        return float(by_loss**2 @ self.variance) + of_shares


@dataclass(frozen=True, slots=True, eq=False)
class _Split:
    """The change of the loss in two parts, each by segment."""

    names: tuple[str, ...]
    then: _Side
    now: _Side
    losses: tuple[Floats, Floats]
    mix_of: Floats
    within_of: Floats

    @classmethod
    def of(cls, reference: Strata, current: Strata) -> _Split:
        _require(reference, current)
        then, now = _Side.of(reference), _Side.of(current)
        before = np.where(then.there, then.loss, now.loss)
        after = np.where(now.there, now.loss, then.loss)
        middle = (then.share @ before + now.share @ after) / 2.0
        shares, losses = now.share - then.share, (before + after) / 2.0
        within = (then.share + now.share) / 2.0 * (after - before)
        mix = shares * (losses - middle)
        return cls(reference.names, then, now, (before, after), mix, within)

    @property
    def mix_error(self) -> float:
        """The standard error of the part of the shares."""
        moved, (before, after) = self.now.share - self.then.share, self.losses
        # Where a side is without labels the other stands for both.
        both = self.then.there + self.now.there
        by_loss, by_share = moved / np.maximum(both, 1.0), (before + after) / 2.0
        return math.sqrt(sum(side.error(by_loss, by_share) for side in (self.then, self.now)))

    @property
    def within_error(self) -> float:
        """The standard error of the part within segments."""
        common = self.then.there * self.now.there
        by_loss = common * (self.then.share + self.now.share) / 2.0
        by_share = (self.losses[1] - self.losses[0]) / 2.0
        return math.sqrt(sum(side.error(by_loss, by_share) for side in (self.then, self.now)))

    def stat(self, parts: Floats, error: float, where: str) -> Stat:
        value = float(parts.sum())
        return measured(
            value,
            lambda z: Interval(value - z * error, value + z * error),
            n_reference=self.then.n,
            n_current=self.now.n,
            where=where,
            scale=float(self.then.share @ self.losses[0]),
        )

    def mixed(self) -> str:
        """The two parts in words, and the segment whose share matters most."""
        if not self.mix_of.any():
            return ""
        most = int(np.argmax(np.abs(self.mix_of)))
        shares = (100.0 * float(side.share[most]) for side in (self.then, self.now))
        told = " -> ".join(f"{share:.3g} %" for share in shares)
        return self._told(most, self.mix_of, f"share {told}")

    def changed(self) -> str:
        """The two parts in words, and the segment whose loss matters most."""
        if not self.within_of.any():
            return ""
        most = int(np.argmax(np.abs(self.within_of)))
        told = " -> ".join(figure(float(side[most])) for side in self.losses)
        return self._told(most, self.within_of, f"loss {told}")

    def _told(self, most: int, parts: Floats, how: str) -> str:
        mix, within = float(self.mix_of.sum()), float(self.within_of.sum())
        text = (
            f"{signed(mix + within)} in all, {signed(mix)} of it by shares and {signed(within)} "
            f"within segments; most by {short(self.names[most])} ({signed(float(parts[most]))}, "
            f"{how})"
        )
        return f"{text}; {self._reversed()}" if self._reversed() else text

    def _reversed(self) -> str:
        """What Simpson's paradox says, where whole and segments clearly part ways."""
        common = (self.then.there * self.now.there) > 0.0
        moves = (self.losses[1] - self.losses[0])[common]
        total = float(self.mix_of.sum() + self.within_of.sum())
        against = (moves < 0.0).all() if total > 0.0 else (moves > 0.0).all()
        within = abs(float(self.within_of.sum()))
        clear = within > Z_SHOWN * self.within_error and abs(total) > Z_SHOWN * self._error()
        if not (len(moves) and total and against and clear):
            return ""
        words = ("better", "worse") if total > 0.0 else ("worse", "better")
        return f"Simpson's paradox: {words[0]} in every segment, {words[1]} in all"

    def _error(self) -> float:
        """The standard error of the whole change."""
        return math.sqrt(sum(side.error(side.share, side.loss) for side in (self.then, self.now)))


def _require(reference: Strata, current: Strata) -> None:
    for side, strata in (("reference", reference), ("current window", current)):
        sums = np.array((strata.loss, strata.squares))
        if not (np.isfinite(sums).all() and (sums < _TOO_LARGE).all()):
            reason = "not computed: the errors are too large for double precision"
            raise NotEnoughData(reason, among=current.labelled)
        if strata.labelled < FEWEST:
            reason = f"{strata.labelled} labels in the {side}, {FEWEST} needed"
            raise NotEnoughData(reason, strata.labelled, FEWEST)
    if sum((reference.counts + current.counts) > 0) < 2:
        raise NotEnoughData("all labels are of one segment", 1, 2, among=current.labelled)
