"""The bit grid and the score grid of `checks.grid` as SQL: one expression tree for all databases.

It takes CASE, FLOOR, LN, POWER, CAST, comparisons, ``+``, ``-`` and ``*`` alone, and rounds to
float32 without that type: a distance of mantissa m reaches the edge of a cell as float32 if, as a
double, m + 2^-24 reaches it. LN may be wrong in its last digits, as a power of two may be counted
to either exponent. There is no division: SQLAlchemy takes it for that of DECIMAL.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Double,
    FromClause,
    Integer,
    Numeric,
    and_,
    case,
    func,
    literal_column,
    type_coerce,
)
from sqlalchemy.types import TypeEngine

from checks.grid import MANTISSA_BITS, SCORE_BITS, SCORE_TOP, outermost
from checks.plan import NumericPlan
from monitor.sources._sql.dialects import DIALECTS, Dialect, Nested
from monitor.sources._sql.float32 import exponent_of, octets, upper_bits, upper_bits_of

NULL, BELOW, ABOVE, NAN, STRANGE = 40001, 40002, 40003, 40004, 40005
"""Keys of cells that hold no finite number: nothing, -inf, +inf, NaN, and what is no number.

Among the cells of the score grid they lie in the gap below one half.
"""

APART = 40006
"""The key of values whose distances or squares might overflow a sum, where they are told apart."""

FARTHEST = 1e100
"""The largest distance that is not apart."""

SUMMABLE = 2.0**960
"""Larger distances are left out of sums, which would overflow: such a sum is infinite.

Whether a group has any is told by its least and its largest value.
"""

SQUARABLE = 2.0**480
"""The same for the sums of squares."""

_NEVER_OVERFLOWS = 2.0**969  # the largest double less one of these is a double
_LEAST = 2.0**-126
_LEAST_ROUNDED = _LEAST - 2.0**-150  # from here on float32 rounds to the least normal number
_LARGEST = (2 - 2.0**-MANTISSA_BITS) * 2.0**127
VANISHING = 2.0**-480  # squares of less may underflow, which is an error in PostgreSQL
_MAX = sys.float_info.max

Number = ColumnElement[float]
Key = ColumnElement[int]
Parts = Mapping[str, ColumnElement[Any]]
Branches = Sequence[tuple[ColumnElement[bool], Number]]


@dataclass(frozen=True, slots=True)
class Gridded:
    """Rows with their cells.

    ``rows`` is a subquery that holds the kept columns by their names, and all that follows.
    ``keys`` are cell numbers or one of the codes above, never NULL. ``values`` are finite values as
    doubles, ``distances`` their distances from the centre and ``squares`` those squared, as far as
    they can be summed (see `SUMMABLE`), all else NULL. ``groups`` are keys with APART for finite
    values farther from the centre than FARTHEST, ``near`` the distances of all others. ``scores``
    are cells of the score grid, or the code NULL where there is no number (NaN is none) and STRANGE
    for one outside [0, 1]; ``valid`` are scores in [0, 1] as doubles, else NULL.
    """

    rows: FromClause
    keys: Mapping[str, Key]
    groups: Mapping[str, Key]
    near: Mapping[str, Number]
    distances: Mapping[str, Number]
    squares: Mapping[str, Number]
    values: Mapping[str, Number]
    scores: Mapping[str, Key]
    valid: Mapping[str, Number]


def gridded(
    rows: FromClause,
    numeric: Mapping[str, NumericPlan],
    scores: Sequence[str],
    kept: Sequence[str],
    dialect: str,
    types: Mapping[str, TypeEngine[Any]],
) -> Gridded:
    """Place rows on the grid, which has all its bits: the ``shift`` of a plan has no effect.

    ``numeric`` and ``scores`` name columns of numbers or booleans (of anything in SQLite), whose
    declared types are ``types``; ``dialect`` is a key of ``DIALECTS``.
    """
    facts, short = DIALECTS[dialect], _short_names((*numeric, *scores), kept)
    columns: dict[str, ColumnElement[Any]] = {name: rows.c[name] for name in kept}
    for name, own in short.items():
        columns |= _read(rows.c[name], types[name], own, facts)
    kind = _Octets if facts.real_bytes else _Numeric
    ways: list[_Numeric | _Score] = [kind(short[n], plan, facts) for n, plan in numeric.items()]
    ways += [_Score(short[name], facts) for name in scores]
    nested = facts.nested(columns, rows)
    for step in ("distance", "magnitude", "exponent"):
        more = _joined(getattr(way, step)(nested) for way in ways)
        if not more:
            continue
        nested = facts.nested({**nested.c, **more}, nested)
    cells = _joined(way.cell(nested) for way in ways)
    nested = facts.nested({**{name: nested.c[name] for name in kept}, **cells}, nested)

    def columns_of(names: Iterable[str], part: str) -> Mapping[str, ColumnElement[Any]]:
        return {name: nested.c[short[name] + part] for name in names}

    return Gridded(
        nested,
        keys=columns_of(numeric, "k"),
        groups=columns_of(numeric, "g"),
        near=columns_of(numeric, "n"),
        distances=columns_of(numeric, "d"),
        squares=columns_of(numeric, "q"),
        values=columns_of(numeric, "v"),
        scores=columns_of(scores, "s"),
        valid=columns_of(scores, "p"),
    )


def _short_names(names: Iterable[str], kept: Sequence[str]) -> dict[str, str]:
    """A name for each column that begins like none of the kept ones."""
    lead = "c"
    while any(name.lower().startswith(lead) for name in kept):
        lead += "c"
    return {name: f"{lead}{place}" for place, name in enumerate(dict.fromkeys(names))}


def _joined(parts: Iterable[Parts]) -> dict[str, ColumnElement[Any]]:
    return dict(chain.from_iterable(part.items() for part in parts))


def _read(column: ColumnElement[Any], kind: TypeEngine[Any], own: str, facts: Dialect) -> Parts:
    """A column as doubles; where cells have types, whether it holds something that is no number."""
    if facts.typed_cells:
        held = func.typeof(column)
        x = case((held.in_(("integer", "real")), facts.as_double(column)))
        return {own + "x": x, own + "t": held.in_(("text", "blob"))}
    if facts.booleans and isinstance(kind, Boolean):
        truth = case((column.is_(None), None), (column, facts.number(1)), else_=facts.number(0))
        return {own + "x": facts.as_double(truth)}
    if facts.wide_decimals and isinstance(kind, Numeric) and not kind.precision:
        return {own + "x": _narrowed(column, facts)}
    return {own + "x": facts.as_double(column)}


def _narrowed(column: ColumnElement[Any], facts: Dialect) -> Number:
    """A DECIMAL of any size as the nearest double, where a CAST would fail."""
    number, as_double = facts.number, facts.as_double
    nan, above, below = (as_double(literal_column(f"'{x}'")) for x in ("NaN", "inf", "-inf"))
    return case(
        (column == literal_column("'NaN'"), nan),
        (column > literal_column(f"{Decimal(_MAX)}"), above),
        (column < literal_column(f"({Decimal(-_MAX)})"), below),
        (func.abs(column) < literal_column("5e-324"), number(0)),
        else_=as_double(column),
    )


@dataclass(frozen=True, slots=True)
class _Numeric:
    """A numeric column on its way through the nested SELECTs, where it is called ``own``."""

    own: str
    plan: NumericPlan
    facts: Dialect

    def distance(self, rows: Nested) -> Parts:
        """x - c where that is finite."""
        x, number, c = rows.c[self.own + "x"], self.facts.number, self.plan.centre
        low, high = max(c - _MAX / 2, -_MAX), min(c + _MAX / 2, _MAX)
        near = x.between(number(low), number(high))
        return {self.own + "d": case((near, x - number(c)))}

    def magnitude(self, rows: Nested) -> Parts:
        """The distance without its sign, as `_magnitude`."""
        if self.plan.edges:
            return {}
        d, least = rows.c[self.own + "d"], self.facts.number(_LEAST)
        size = case(
            (d >= least, _magnitude(d, self.facts)),
            (d <= self.facts.number(-_LEAST), _magnitude(-d, self.facts)),
            (d.is_not(None), least),
        )
        return {self.own + "g": size}

    def exponent(self, rows: Nested) -> Parts:
        if self.plan.edges:
            return {}
        return {self.own + "e": exponent_of(rows.c[self.own + "g"], self.facts)}

    def cell(self, rows: Nested) -> Parts:
        number = self.facts.number
        x, d = rows.c[self.own + "x"], rows.c[self.own + "d"]

        def within(value: Number, limit: float) -> ColumnElement[bool]:
            return value.between(number(-limit), number(limit))

        square = case((within(d, VANISHING), number(0)), (within(d, SQUARABLE), d * d))
        key, finite, close = self._key(rows), within(x, _MAX), within(d, FARTHEST)
        apart = and_(finite, case((close, 0), else_=1) == 1)
        group = case(*self._surely(rows), (apart, self._code(APART)), else_=key)
        return {
            self.own + "k": self._whole(key),
            self.own + "g": self._whole(group),
            self.own + "v": case((finite, x)),
            self.own + "n": case((close, d)),
            self.own + "d": case((within(d, SUMMABLE), d)),
            self.own + "q": square,
        }

    def _code(self, key: int) -> Number:
        """A key among those that are computed."""
        return self.facts.number(key)

    def _whole(self, key: Number) -> Key:
        return self.facts.as_integer(key)

    def _key(self, rows: Nested) -> Number:
        number, code, x = self.facts.number, self._code, rows.c[self.own + "x"]
        nothing = code(NULL)
        if self.facts.typed_cells:
            nothing = case((rows.c[self.own + "t"], code(STRANGE)), else_=nothing)
        return case(
            *(() if self.plan.edges else self._near(rows)),
            (x.is_(None), nothing),
            (x < number(-_MAX), code(BELOW)),
            (x <= number(_MAX), self._far(x)),
            (-x < number(-_MAX), code(ABOVE)),
            else_=code(NAN),
        )

    def _surely(self, _: Nested) -> Branches:
        """The cells of values that are easily told not to be apart."""
        return ()

    def _near(self, rows: Nested) -> Branches:
        """The cells of finite distances."""
        number, d = self.facts.number, rows.c[self.own + "d"]
        g, e = rows.c[self.own + "g"], rows.c[self.own + "e"]
        steps = upper_bits_of(g, e, MANTISSA_BITS, self.facts)
        first = number(1 - 2**MANTISSA_BITS)
        return (
            (d >= number(_LEAST_ROUNDED), steps + first),
            (d <= number(-_LEAST_ROUNDED), -steps - first),
            (d.is_not(None), number(0)),
        )

    def _far(self, x: Number) -> Number:
        """The cells of other finite values."""
        if self.plan.edges:
            return self._between(x, 0, len(self.plan.edges))
        last, centre = outermost(), self.facts.number(self.plan.centre)
        return case((x < centre, self._code(-last)), else_=self._code(last))

    def _between(self, x: Number, first: int, last: int) -> Number:
        """The cell of values that lie in those from ``first`` to ``last``."""
        if first == last:
            return self._code(first)
        middle = (first + last) // 2
        below = self._between(x, first, middle)
        above = self._between(x, middle + 1, last)
        return case((x < self.facts.number(self.plan.edges[middle]), below), else_=above)


@dataclass(frozen=True, slots=True)
class _Octets(_Numeric):
    """The same where the bytes of a REAL can be read: its upper half is the cell."""

    def distance(self, rows: Nested) -> Parts:
        """x - c, which may be an infinity or NaN."""
        if abs(self.plan.centre) >= _NEVER_OVERFLOWS:
            return super(_Octets, self).distance(rows)
        return {self.own + "d": rows.c[self.own + "x"] - self.facts.number(self.plan.centre)}

    def magnitude(self, _: Nested) -> Parts:
        return {}

    def exponent(self, rows: Nested) -> Parts:
        """The bytes of the distance where it has a cell other than the innermost and outermost."""
        if self.plan.edges:
            return {}
        d, number = rows.c[self.own + "d"], self.facts.number
        told = octets(d)
        above = d.between(number(_LEAST_ROUNDED), number(_LARGEST))
        below = d.between(number(-_LARGEST), number(-_LEAST_ROUNDED))
        return {self.own + "b": case((above, told), (below, told))}

    def _code(self, key: int) -> Number:
        return literal_column(f"({key})", Double())

    def _whole(self, key: Number) -> Key:
        return type_coerce(key, Integer())

    def _surely(self, rows: Nested) -> Branches:
        if self.plan.edges:
            return ()
        number, d, told = self.facts.number, rows.c[self.own + "d"], rows.c[self.own + "b"]
        upper, first = upper_bits(told, 16), 2**MANTISSA_BITS - 1
        below = self._code((1 << 15) + first) - upper
        signed = case((d > number(0), upper - self._code(first)), else_=below)
        return ((told.is_not(None), signed),)

    def _near(self, rows: Nested) -> Branches:
        least = self.facts.number(_LEAST)
        tiny = rows.c[self.own + "d"].between(-least, least)
        return (*self._surely(rows), (tiny, self._code(0)))


@dataclass(frozen=True, slots=True)
class _Score:
    """A score on its way through the nested SELECTs."""

    own: str
    facts: Dialect

    def distance(self, rows: Nested) -> Parts:
        """Valid scores, and their distances from the nearer end."""
        x, number = rows.c[self.own + "x"], self.facts.number
        inside = x.between(number(0), number(1))
        m = case((x < number(0.5), x), else_=number(1) - x)
        return {self.own + "p": case((inside, x)), self.own + "m": case((inside, m))}

    def magnitude(self, rows: Nested) -> Parts:
        m, least = rows.c[self.own + "m"], self.facts.number(_LEAST)
        return {self.own + "h": case((m < least, least), else_=m)}

    def exponent(self, rows: Nested) -> Parts:
        return {self.own + "f": exponent_of(rows.c[self.own + "h"], self.facts)}

    def cell(self, rows: Nested) -> Parts:
        number, x = self.facts.number, rows.c[self.own + "x"]
        p, m = rows.c[self.own + "p"], rows.c[self.own + "m"]
        h, f = rows.c[self.own + "h"], rows.c[self.own + "f"]
        steps = upper_bits_of(h, f, SCORE_BITS, self.facts)
        fine = case((m >= number(_LEAST_ROUNDED), steps), else_=number(0))
        key = case(
            (p < number(0.5), fine),
            (p >= number(0.5), number(SCORE_TOP) - fine),
            (x < number(0), number(STRANGE)),
            (-x < number(0), number(STRANGE)),
            else_=number(NULL),
        )
        return {self.own + "s": self.facts.as_integer(key), self.own + "p": p}


def _magnitude(distance: Number, facts: Dialect) -> Number:
    """A distance of at least the least normal float32 number, at most the largest."""
    largest = facts.number(_LARGEST)
    return case((distance >= largest, largest), else_=distance)
