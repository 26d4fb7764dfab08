"""Pictures of one column: the reference against current values, as inline SVG."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from alerts.message import clean
from checks.grid import Floats
from checks.portrait import ColumnProfile
from checks.profile import CategoricalProfile, NumericProfile
from monitor.report.bins import Bins, common_bins, quantile
from monitor.report.svg import across, coordinate, element, labels, note, percent, steps, ticks
from monitor.report.words import brief

WIDTH = 360
MOST_LEVELS = 8
MOST_UNSEEN = 3

_LEFT, _RIGHT, _TOP, _FLOOR = 40.0, 352.0, 12.0, 124.0
_AXIS = 140.0
_ROW = 23.0
_BAR_END = 252.0
_LONGEST = 16
_SPIKE = 4.0


class Pair(NamedTuple):
    """One thing and its share on both sides; a ``new`` one is not in the reference.

    ``current`` is None where there are no current values to have a share of.
    """

    label: str
    reference: float
    current: float | None
    new: bool = False

    @property
    def told(self) -> str:
        """Both shares in words, and of the reference alone where there is no other."""
        before = percent(self.reference)
        return before if self.current is None else f"{before} → {percent(self.current)}"

    @property
    def largest(self) -> float:
        return max(self.reference, self.current or 0.0)


def picture(column: str, reference: ColumnProfile, current: ColumnProfile) -> Markup | None:
    """The distribution of a column on both sides, or None where neither has anything to draw.

    Numbers become two histograms over common bins, levels paired bars; the shares of rows that
    are missing, infinite or no number have bars of their own below.
    """
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        bins = common_bins(reference, current)
        shapes = [] if bins is None else list(_histogram(bins))
        rows, top = numeric_rows(reference, current, bins), _AXIS if shapes else 0.0
    elif isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        shapes, rows, top = [], level_rows(reference, current), 0.0
    else:
        return None
    if not shapes and not rows:
        return None
    whole = 1.0 if shapes else max(pair.largest for pair in rows)
    shapes += _pairs(rows, top + 6, whole or 1.0)
    height = top + 8 + len(rows) * _ROW
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {WIDTH} {coordinate(height)}",
        role="img",
        aria_label=alternative(column, reference, current),
    )


def alternative(column: str, reference: ColumnProfile, current: ColumnProfile) -> str:
    """What the picture of a column shows, in words."""
    name = clean(column, 80)
    if isinstance(reference, NumericProfile) and isinstance(current, NumericProfile):
        sides = (_numeric_words("reference", reference), _numeric_words("current", current))
        return f"Histograms of {name}: {'; '.join(sides)}"
    if isinstance(reference, CategoricalProfile) and isinstance(current, CategoricalProfile):
        pairs = level_rows(reference, current)[:4]
        shares = ", ".join(f"{pair.label} {pair.told}".replace(" → ", " to ") for pair in pairs)
        told = "reference to current" if current.n else "reference alone"
        return f"Shares of the levels of {name}, {told}: {shares}"
    return f"{name}: the two sides are of different kinds"


def numeric_rows(
    reference: NumericProfile, current: NumericProfile, bins: Bins | None
) -> list[Pair]:
    """The shares of what the histogram does not show, where there is any."""
    kinds = (
        ("missing", reference.missing, current.missing),
        ("infinite", reference.above + reference.below, current.above + current.below),
        ("not a number", reference.unparsed, current.unparsed),
    )
    rows = [
        Pair(label, _share(before, reference.rows), _current(after, current.rows))
        for label, before, after in kinds
        if before or after
    ]
    if bins is not None and max(bins.outside) > 1e-9:
        before, after = bins.outside
        rows.insert(0, Pair("off the axis", before, after if current.n else None))
    return rows


def level_rows(reference: CategoricalProfile, current: CategoricalProfile) -> list[Pair]:
    """The levels with the largest shares, then unseen ones, the rest and missing values.

    The levels that moved most are always among them.
    """
    before, after = (side.counts / max(side.rows, 1) for side in (reference, current))
    largest, levels = np.maximum(before, after), reference.plan.levels
    by_size = np.argsort(-largest, kind="stable")[: MOST_LEVELS - 2]
    by_move = np.argsort(-np.abs(after - before), kind="stable")[:MOST_LEVELS]
    chosen = list(dict.fromkeys([*by_size.tolist(), *by_move.tolist()]))[:MOST_LEVELS]
    chosen.sort(key=lambda place: -largest[place])
    shares = [(float(before[i]), float(after[i]) if current.n else None) for i in chosen]
    rows = [Pair(clean(levels[i], 80), *each) for i, each in zip(chosen, shares, strict=True)]
    others = np.delete(np.arange(len(levels)), chosen)
    if largest[others].any():
        label = f"{len(others):,} other levels"
        rest = float(after[others].sum()) if current.n else None
        rows.append(Pair(label, float(before[others].sum()), rest))
    rows += _unseen(reference, current)
    if reference.missing or current.missing:
        gone = _share(reference.missing, reference.rows)
        rows.append(Pair("missing", gone, _current(current.missing, current.rows)))
    return rows if reference.rows or current.rows else []


def _unseen(reference: CategoricalProfile, current: CategoricalProfile) -> Iterator[Pair]:
    """The levels outside the dictionary; new ones where the dictionary holds all of the past."""
    complete = reference.plan.complete
    known = sorted(current.unseen.items(), key=lambda item: (-item[1], item[0]))
    named = known[:MOST_UNSEEN] if complete else []
    for level, count in named:
        yield Pair(clean(level, 80), 0.0, _share(count, current.rows), new=True)
    before = _share(reference.other, reference.rows)
    after = _share(current.other - sum(count for _, count in named), current.rows)
    if before or after:
        label = "more levels" if named else "unseen levels" if complete else "rare levels"
        yield Pair(label, before, after if current.n else None, new=complete)


def _histogram(bins: Bins) -> Iterator[Markup]:
    """The reference as an area, the current values as an outline; one spike may be cut."""
    tallest = np.maximum(bins.reference, bins.current)
    top, cut = _ceiling(tallest)
    scale = (_FLOOR - _TOP) / top
    low, high = float(bins.edges[0]), float(bins.edges[-1])
    xs = [_LEFT + (x - low) / (high - low) * (_RIGHT - _LEFT) for x in bins.edges.tolist()]
    for value in ticks(0.0, top, 4)[1:]:
        y = _FLOOR - value * scale
        yield across(_LEFT, _RIGHT, y, "rule")
        yield note(_LEFT - 5, y + 4, percent(value), "end")
    for shares, kind in ((bins.reference, "ref"), (bins.current, "cur")):
        if shares.any():
            heights = [_FLOOR - min(share, top) * scale for share in shares.tolist()]
            yield element("path", d=steps(xs, heights, _FLOOR), class_=kind)
    yield across(_LEFT, _RIGHT, _FLOOR, "axis")
    yield from _values(low, high)
    if cut is not None:
        yield from _cut(bins, cut, (xs[cut] + xs[cut + 1]) / 2)


def _ceiling(tallest: Floats) -> tuple[float, int | None]:
    """The share at the top of a histogram, and the bin that is cut there if one dwarfs the rest."""
    order = np.argsort(-tallest, kind="stable")
    first = float(tallest[order[0]]) or 1.0
    second = float(tallest[order[1]]) if len(order) > 1 else 0.0
    if second > 0 and first > _SPIKE * second:
        return 1.4 * second, int(order[0])
    return first, None


def _cut(bins: Bins, place: int, x: float) -> Iterator[Markup]:
    """A spike that is taller than the picture: a break in its top, and its height in words."""
    zigzag = f"M{coordinate(x - 9)} {coordinate(_TOP + 7)}l6 -5l6 5l6 -5"
    yield element("path", d=zigzag, class_="break")
    sides = ((bins.reference, "reference"), (bins.current, "current"))
    told = " · ".join(
        f"{percent(float(shares[place]))} {side}" for shares, side in sides if shares[place] > 0
    )
    right = x > (_LEFT + _RIGHT) / 2
    yield note(x - 13 if right else x + 13, _TOP + 6, told, "end" if right else "start")


def _values(low: float, high: float) -> Iterator[Markup]:
    """Round values below the axis; only the outer ones where their names are long."""
    values = ticks(low, high, 5)
    names = labels(values)
    if max(map(len, names)) > 8 and len(values) > 2:
        values, names = [values[0], values[-1]], [names[0], names[-1]]
    for value, name in zip(values, names, strict=True):
        x = _LEFT + (value - low) / (high - low) * (_RIGHT - _LEFT)
        half = len(name) * 3.2
        x = min(max(x, half), WIDTH - half)
        yield note(x, _AXIS - 1, name, "middle")


def _pairs(rows: Sequence[Pair], top: float, whole: float) -> Iterator[Markup]:
    """Two bars under each name, with both shares in words; longer names leave less to the bars."""
    longest = max((min(len(pair.label), _LONGEST) + 5 * pair.new for pair in rows), default=0)
    start = max(7.0 * longest, _LEFT - 8) + 8
    for place, pair in enumerate(rows):
        y = top + place * _ROW
        yield _name(pair, start - 8, y + 13)
        for side, share in enumerate((pair.reference, pair.current or 0.0)):
            kind = "cur" if side else "ref"
            if share > 0:
                yield element(
                    "rect",
                    x=start,
                    y=y + 1 + 8.5 * side,
                    width=max(share / whole * (_BAR_END - start), 1.0),
                    height=7.5,
                    class_=f"{kind} new" if pair.new and side else kind,
                )
        yield note(_BAR_END + 8, y + 13, pair.told)


def _name(pair: Pair, x: float, y: float) -> Markup:
    name = clean(pair.label, _LONGEST) or "(empty)"
    full = [element("title", pair.label)] if name != pair.label else []
    new = [" ", element("tspan", "new", class_="new")] if pair.new else []
    return element("text", *full, name, *new, x=x, y=y, text_anchor="end")


def _numeric_words(side: str, profile: NumericProfile) -> str:
    if not profile.n:
        return f"{side} without values"
    return f"{side} mean {brief(profile.mean)}, standard deviation {brief(profile.sd)}"


def _share(count: int, rows: int) -> float:
    return count / rows if rows else 0.0


def _current(count: int, rows: int) -> float | None:
    return count / rows if rows else None


def column_facts(reference: ColumnProfile, current: ColumnProfile) -> Sequence[tuple[str, str]]:
    """A few numbers of both sides, each as its name and ``before → after``."""
    if not isinstance(reference, NumericProfile) or not isinstance(current, NumericProfile):
        return ()
    if not reference.n or not current.n:
        return ()
    sides = (reference, current)
    before, after = ((side.mean, side.sd, quantile(side, 0.5)) for side in sides)
    return tuple(
        (name, f"{brief(then)} → {brief(now)}")
        for name, then, now in zip(("mean", "sd", "median"), before, after, strict=True)
    )
