"""The bit grid: a float goes to one of 65,025 cells by the top bits of its distance from a centre.

The cell of ``x`` is read off the upper 16 bits of ``float32(x - centre)``: sign, exponent and the
first seven bits of the mantissa. Cells are log-linear (0.8 % of the distance from the centre wide),
nothing finite is out of range, the layout depends on the data through the centre alone, and two
histograms on one grid merge by integer addition.
"""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Cells = NDArray[np.int32]
Counts = NDArray[np.int64]

_N = TypeVar("_N", bound=np.number)

MANTISSA_BITS = 7
KEYS = 1 << 16
_SMALLEST = 128  # keys below are zero or subnormal
_INFINITE = 0x7F80
_LAST = _INFINITE - 1 - _SMALLEST  # steps from the innermost cell to the outermost
SCORE_BITS = 8  # with 6, scores that huddle in a few cells cost the ROC curve 0.01 of its area
SCORE_TOP = 1 << 20


def _canonical(keys: NDArray[np.int64]) -> NDArray[np.int64]:
    """Order-preserving cell numbers of 16-bit float keys (finite keys only)."""
    magnitude = keys & 0x7FFF
    steps = magnitude - _SMALLEST
    signed = np.where(keys & 0x8000, -1 - steps, 1 + steps)
    return np.where(magnitude < _SMALLEST, 0, signed)


def cell_counts(values: Floats, centre: float) -> tuple[Cells, Counts]:
    """Occupied cells of finite ``values`` in ascending order, and how many values fell in each.

    ``values`` is 1-d, double and finite. A distance too large for float32 belongs to the outermost
    finite cell.

    >>> cells, counts = cell_counts(np.array([0.0, 1.0, 1.0, -1.0]), 0.0)
    >>> cells.tolist(), counts.tolist()
    ([-16129, 0, 16129], [1, 1, 2])
    """
    histogram = np.zeros(KEYS, np.int64)
    with np.errstate(over="ignore", under="ignore"):
        count_keys(histogram, values - centre)
    return occupied(histogram)


def count_keys(histogram: Counts, distances: Floats, rows: Counts | None = None) -> None:
    """Add finite distances from the centre to a ``histogram`` of the 65,536 16-bit float keys.

    ``rows`` says how many rows have each distance (None: one). The caller silences the overflow of
    distances beyond float32.
    """
    narrow = distances.astype(np.float32)
    keys = np.empty(len(narrow), np.intp)
    np.right_shift(narrow.view(np.uint32), 16, out=keys, casting="unsafe")
    np.add.at(histogram, keys, _ones(len(keys)) if rows is None else rows)


@cache
def _many_ones() -> Counts:
    return np.ones(1 << 15, np.int64)


def _ones(length: int) -> Counts | int:
    """What adds one to each of so many: an array is added a quarter faster than a number is."""
    ones = _many_ones()
    return ones[:length] if length <= len(ones) else 1


def keys_of(distances: Floats) -> NDArray[np.uint16]:
    """The 16-bit float keys of finite distances from the centre (overflow as in `count_keys`)."""
    return (distances.astype(np.float32).view(np.uint32) >> 16).astype(np.uint16)


def occupied(histogram: Counts) -> tuple[Cells, Counts]:
    """Occupied cells in ascending order and their counts, of a histogram by 16-bit float keys."""
    keys = np.flatnonzero(histogram)
    return occupied_by(keys, histogram[keys])


def occupied_by(keys: NDArray[np.int64], counts: Counts) -> tuple[Cells, Counts]:
    """The same of the keys that occur, each once, and the values that have each."""
    cells = _canonical(keys - ((keys & 0x7FFF) == _INFINITE))
    order = np.argsort(cells, kind="stable")
    return sum_by_cell(cells[order], counts[order])


def cells_of(values: Floats, centre: float | Floats, shift: int | Counts = 0) -> Cells:
    """The cell of each of finite ``values``; never descends where they ascend.

    ``centre`` and ``shift`` are those of all values, or of each.

    >>> cells_of(np.array([-1.0, 0.0, 1.0, 1e300]), 0.0).tolist()
    [-16129, 0, 16129, 32512]
    """
    keys = _keys(values, centre).astype(np.int64)
    keys -= (keys & 0x7FFF) == _INFINITE
    return _shifted(_canonical(keys), shift).astype(np.int32)


def _keys(values: Floats, centre: float | Floats) -> NDArray[np.uint16]:
    """The upper 16 bits of the distances from the centre as float32."""
    with np.errstate(over="ignore", under="ignore"):
        narrow = (values - centre).astype("<f4")
    return narrow.view("<u2")[1::2]


def sum_by_cell(cells: NDArray[np.integer], counts: NDArray[np.integer]) -> tuple[Cells, Counts]:
    """Add up the counts of equal neighbours in an ascending list of cells."""
    if not len(cells):
        return np.empty(0, np.int32), np.empty(0, np.int64)
    starts = np.flatnonzero(np.concatenate(([True], cells[1:] != cells[:-1])))
    return cells[starts].astype(np.int32), np.add.reduceat(counts, starts).astype(np.int64)


def coarsen(cells: Cells, counts: Counts, shift: int) -> tuple[Cells, Counts]:
    """The same histogram with ``shift`` mantissa bits fewer; exact.

    >>> cells, counts = cell_counts(np.array([1.0, 1.01, 3.0]), 0.0)
    >>> coarsen(cells, counts, 2)[1].tolist()
    [2, 1]
    """
    if not shift:
        return cells, counts
    return sum_by_cell(_shifted(cells.astype(np.int64), shift), counts)


def _shifted(cells: NDArray[np.int64], shift: int | Counts) -> NDArray[np.int64]:
    magnitude = 1 + ((np.abs(cells) - 1) >> shift)
    return np.where(cells == 0, 0, np.sign(cells) * magnitude)


def bounds(cells: Cells, centre: float, shift: int = 0) -> tuple[Floats, Floats]:
    """Lower and upper edge of each cell in the unit of the values; cell 0 is the centre itself.

    The two outermost cells are open: their outer edges are infinite.

    >>> low, high = bounds(np.array([16129], np.int32), 10.0)
    >>> float(low[0]), float(high[0])
    (11.0, 11.0078125)
    """
    low, high = _distances(shift)
    at = cells + len(low) // 2
    return centre + low[at], centre + high[at]


@cache
def _distances(shift: int) -> tuple[Floats, Floats]:
    """The edges of all cells about 0, and of one more on either side."""
    bits, last = MANTISSA_BITS - shift, outermost(shift)
    cells = np.arange(-last - 1, last + 2)
    steps = np.abs(cells) - 1
    exponent = (steps >> bits) - 126
    fraction = steps & ((1 << bits) - 1)
    inner = np.ldexp(1.0 + fraction / (1 << bits), exponent)
    outer = np.ldexp(1.0 + (fraction + 1) / (1 << bits), exponent)
    inner = np.where(cells == 0, 0.0, inner)
    outer = np.where(cells == 0, 0.0, outer)
    outer = np.where(np.abs(cells) == last, np.inf, outer)
    return np.where(cells < 0, -outer, inner), np.where(cells < 0, -inner, outer)


def union(a: NDArray[_N], b: NDArray[_N]) -> NDArray[_N]:
    """All values of two ascending arrays, each once.

    >>> union(np.array([1, 3]), np.array([3, 4])).tolist()
    [1, 3, 4]
    """
    both = np.sort(np.concatenate((a, b)), kind="stable")  # two runs: merged in linear time
    return both[np.concatenate(([True] * (len(both) > 0), both[1:] != both[:-1]))]


def outermost(shift: int = 0) -> int:
    """The number of the highest cell; its negative is that of the lowest."""
    return 1 + (_LAST >> shift)


def unit_of(minimum: float, maximum: float) -> float:
    """A power of two near the larger magnitude (1 for zero): dividing by it loses no digit.

    >>> unit_of(-3.0, 1.0), unit_of(0.0, 1000.0)
    (2.0, 512.0)
    """
    largest = max(abs(minimum), abs(maximum))
    return float(np.ldexp(1.0, int(np.frexp(largest)[1]) - 1)) if largest else 1.0


def score_cells(scores: Floats) -> Cells:
    """Order-preserving cell numbers of scores in [0, 1], fine near both ends.

    The mirrored grid: below one half the float bits of the score, above it those of ``1 - score``,
    with eight mantissa bits.

    >>> score_cells(np.array([0.0, 0.25, 0.5, 1.0])).tolist()
    [0, 32000, 1016320, 1048576]
    """
    mirrored = np.abs(np.minimum(scores, 1.0 - scores)).astype(np.float32)  # -0.0 is 0
    keys = mirrored.view(np.int32) >> (23 - SCORE_BITS)
    keys[keys < (1 << SCORE_BITS)] = 0
    return np.where(scores >= 0.5, SCORE_TOP - keys, keys)


def score_bounds(cells: Cells) -> tuple[Floats, Floats]:
    """Lower and upper score of each cell of the mirrored grid."""
    wide = cells.astype(np.int64)
    upper = wide > SCORE_TOP // 2
    keys = np.where(upper, SCORE_TOP - wide, wide).astype(np.uint32)
    shift = np.uint32(23 - SCORE_BITS)
    near = (keys << shift).view(np.float32).astype(np.float64)
    far = ((keys + np.uint32(1)) << shift).view(np.float32).astype(np.float64)
    far = np.where(keys == 0, 2.0**-126, np.minimum(far, 0.5))
    return np.where(upper, 1.0 - far, near), np.where(upper, 1.0 - near, far)
