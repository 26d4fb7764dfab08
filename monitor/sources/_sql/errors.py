"""Outcomes of a regression by the database: sums of the powers of its errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    Double,
    FromClause,
    Integer,
    and_,
    case,
    func,
    literal_column,
    or_,
)
from sqlalchemy.types import TypeEngine

from checks.grid import Counts
from checks.outcome import SIZES, RegressionOutcome
from checks.plan import RegressionPlan
from checks.summing import LEAST_TRUTH
from monitor.sources._arrow import Bools
from monitor.sources._columns import Rows
from monitor.sources._sql.dialects import DIALECTS, Dialect
from monitor.sources._sql.grid import Gridded, gridded
from monitor.sources._sql.groups import Block
from monitor.sources._sql.numbers import Answer, Gauge
from monitor.sources._sql.scores import integers

OPEN, KNOWN, IRREGULAR = 0, 1, 2
"""Rows without a prediction or a truth, with both, and with such that their powers may overflow."""

_LARGEST, _LEAST = 1e60, 1e-60
_P, _Y, _E, _TOLD, _TRUE, _STATE, _SIZE = (
    f"modelmon_{part}" for part in ("p", "y", "e", "told", "true", "state", "size")
)
_LEAD = 4  # state, cell, and two counts
_TYPES: Mapping[str, TypeEngine[Any]] = {_SIZE: Double()}
_NAMES = tuple(each.name for each in fields(RegressionOutcome))
_SUMS = _NAMES[_NAMES.index("e") : _NAMES.index("size")]
_WHOLE = ("unlogged", "reached")

Number = ColumnElement[float]


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Rows with predictions and truths that are numbers, and what is asked of them.

    ``rows`` are those of a frame, with their state; ``more`` are counts and sums for each state
    and each cell of the size of the error, of which ``gauge`` asks.
    """

    rows: FromClause
    state: ColumnElement[int]
    more: Sequence[ColumnElement[Any]]
    gauge: Gauge

    @property
    def by(self) -> Sequence[ColumnElement[Any]]:
        """What the rows are to be grouped by."""
        return (self.state, *self.gauge.by)

    @classmethod
    def of(
        cls, predicted: str, label: str, cells: Gridded, kept: Sequence[str], dialect: str
    ) -> Errors:
        facts = DIALECTS[dialect]
        told, true = cells.values[predicted], cells.values[label]
        p, y = cells.distances[predicted], cells.distances[label]
        near = and_(_within(p, facts), _within(y, facts))
        columns: dict[str, ColumnElement[Any]] = {name: cells.rows.c[name] for name in kept}
        parts = {_P: p, _Y: y, _E: case((near, told - true)), _TOLD: told, _TRUE: true}
        nested = facts.nested({**columns, **parts}, cells.rows)
        regular = (_is_regular(nested.c[part], facts) for part in (_E, _P, _Y))
        state = case(
            (or_(nested.c[_TOLD].is_(None), nested.c[_TRUE].is_(None)), _literal(OPEN)),
            (and_(*regular), _literal(KNOWN)),
            else_=_literal(IRREGULAR),
        )
        nested = facts.nested({**nested.c, _STATE: state}, nested)
        size = case((nested.c[_STATE] == KNOWN, _size(nested.c[_E])))
        nested = facts.nested({**nested.c, _SIZE: size}, nested)
        sized = gridded(nested, {_SIZE: SIZES}, [], list(nested.c.keys()), dialect, _TYPES)
        gauge, rows = Gauge.of(_SIZE, SIZES, sized, facts), sized.rows
        known = rows.c[_STATE] == KNOWN
        terms = _terms(rows.c[_E], rows.c[_P], rows.c[_Y])
        shares = _shares(rows.c[_E], rows.c[_TOLD], rows.c[_TRUE], facts)
        sides = _sides(rows.c[_E], facts)
        sums = [func.sum(case((known, term))) for term in (*terms, *shares, *sides)]
        counts = [func.count(rows.c[_TOLD]), func.count(rows.c[_TRUE])]
        return cls(rows, rows.c[_STATE], [*counts, *sums, *gauge.more], gauge)


def _within(value: Number, facts: Dialect) -> ColumnElement[bool]:
    return value.between(facts.number(-_LARGEST), facts.number(_LARGEST))


def _is_regular(value: Number, facts: Dialect) -> ColumnElement[bool]:
    """Whether the fourth power of a value neither overflows nor vanishes."""
    number = facts.number
    return or_(
        value == number(0),
        value.between(number(_LEAST), number(_LARGEST)),
        value.between(number(-_LARGEST), number(-_LEAST)),
    )


def _terms(e: Number, p: Number, y: Number) -> Sequence[Number]:
    """The terms of a `RegressionOutcome`, in its order."""
    e2, y2 = e * e, y * y
    of_errors = (e, _size(e), e2, e2 * e2)
    return (*of_errors, y, y2, p, p * p, p * y, y2 * y, y2 * y2, e2 * y, e2 * y2)


def _shares(e: Number, told: Number, true: Number, facts: Dialect) -> Sequence[ColumnElement[Any]]:
    """The terms that are shares, in the order of a `RegressionOutcome`; the last counts rows."""
    number = facts.number
    size, least = _size(true), number(LEAST_TRUTH)
    ape = _size(e) / case((size < least, least), else_=size)
    both = _size(told) + size
    sape = case((both == number(0), number(0)), else_=number(2) * _size(e) / both)
    logged = and_(told > number(-1), true > number(-1))
    gap = _log(told, facts) - _log(true, facts)
    sle = case((logged, gap * gap), else_=number(0))
    unlogged = case((logged, number(0)), else_=number(1))
    return (ape, ape * ape, sape, sape * sape, sle, sle * sle, unlogged)


def _sides(e: Number, facts: Dialect) -> Sequence[Number]:
    """The square of an error above 0, and whether it is not below; the last counts rows."""
    number = facts.number
    over: Number = case((e > number(0), e * e), else_=number(0))
    return over, case((e >= number(0), number(1)), else_=number(0))


def _size(value: Number) -> Number:
    """The magnitude of a number, as a double: what is of no type is divided as a decimal."""
    return func.abs(value, type_=Double)


def _log(value: Number, facts: Dialect) -> Number:
    """ln(1 + x); a CASE alone does not keep every database from taking that of a negative."""
    number = facts.number
    kept: Number = case((value > number(-1), value), else_=number(0))
    return func.ln(number(1) + kept, type_=Double)


def _literal(value: int) -> ColumnElement[int]:
    return literal_column(str(value), Integer())


@dataclass(frozen=True, slots=True, eq=False)
class Erred:
    """Groups of rows of a regression: how many, their state, how many of them have a prediction
    and how many a truth, and the sums of their errors."""

    rows: Counts
    state: Counts
    predicted: Counts
    labelled: Counts
    sums: Sequence[NDArray[np.float64]]
    sizes: Answer

    @classmethod
    def of(cls, asked: Errors, block: Block) -> Erred:
        """What the database said of each group."""
        (state, key, predicted, truths), rest = block.more[:_LEAD], block.more[_LEAD:]
        sums = [np.array(each, np.float64) for each in rest[: len(_SUMS)]]
        sizes = asked.gauge.read(replace(block, more=[key, *rest[len(_SUMS) :]]))
        counts = [integers(each) for each in (state, predicted, truths)]
        return cls(block.rows, counts[0], counts[1], counts[2], sums, sizes)

    @property
    def irregular(self) -> Bools:
        return np.equal(self.state, IRREGULAR)

    def outcome(self, plan: RegressionPlan, chosen: Rows) -> RegressionOutcome:
        """The outcome of these groups, none of which is irregular."""
        rows, known = self.rows[chosen], self.state[chosen] == KNOWN
        found = [float(each[chosen][known].sum()) for each in self.sums]
        sums: dict[str, Any] = dict(zip(_SUMS, found, strict=True))
        sums |= {name: round(sums[name]) for name in _WHOLE}
        return RegressionOutcome(
            plan,
            int(rows.sum()),
            int((rows - self.predicted[chosen]).sum()),
            int(rows[known].sum()),
            **sums,
            size=replace(self.sizes.profile(chosen, SIZES, nulls=False), found=()),
        )
