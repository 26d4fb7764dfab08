"""Outcomes of a regression by the database: sums of the powers of its errors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
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

from checks.grid import Counts
from checks.outcome import LEAST_TRUTH, RegressionOutcome
from checks.plan import RegressionPlan
from monitor.sources._arrow import Bools
from monitor.sources._columns import Rows
from monitor.sources._sql.dialects import Dialect
from monitor.sources._sql.grid import Gridded
from monitor.sources._sql.scores import integers

OPEN, KNOWN, IRREGULAR = 0, 1, 2
"""Rows without a prediction or a truth, with both, and with such that their powers may overflow."""

_LARGEST, _LEAST = 1e60, 1e-60
_P, _Y, _E, _TOLD, _TRUE, _STATE = (
    f"modelmon_{part}" for part in ("p", "y", "e", "told", "true", "state")
)
_COUNTS = 3
_SUMS = tuple(each.name for each in fields(RegressionOutcome))[4:]

Number = ColumnElement[float]


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Rows with predictions and truths that are numbers, and what is asked of them.

    ``rows`` are those of a frame, with their state; ``more`` are counts and sums for each state.
    """

    rows: FromClause
    state: ColumnElement[int]
    more: Sequence[ColumnElement[Any]]

    @classmethod
    def of(
        cls, predicted: str, label: str, cells: Gridded, kept: Sequence[str], facts: Dialect
    ) -> Errors:
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
        known = nested.c[_STATE] == KNOWN
        terms = _terms(nested.c[_E], nested.c[_P], nested.c[_Y])
        shares = _shares(nested.c[_E], nested.c[_TOLD], nested.c[_TRUE], facts)
        sums = [func.sum(case((known, term))) for term in (*terms, *shares)]
        counts = [func.count(nested.c[_TOLD]), func.count(nested.c[_TRUE])]
        return cls(nested, nested.c[_STATE], [*counts, *sums])


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

    @classmethod
    def of(cls, rows: Counts, answer: Sequence[Sequence[Any]]) -> Erred:
        """``answer`` is what the database said of each group."""
        state, predicted, truths = (integers(each) for each in answer[:_COUNTS])
        sums = [np.array(each, np.float64) for each in answer[_COUNTS:]]
        return cls(rows, state, predicted, truths, sums)

    @property
    def irregular(self) -> Bools:
        return np.equal(self.state, IRREGULAR)

    def outcome(self, plan: RegressionPlan, chosen: Rows) -> RegressionOutcome:
        """The outcome of these groups, none of which is irregular."""
        rows, known = self.rows[chosen], self.state[chosen] == KNOWN
        found = [float(each[chosen][known].sum()) for each in self.sums]
        sums = dict(zip(_SUMS, found, strict=True)) | {_SUMS[-1]: round(found[-1])}
        return RegressionOutcome(
            plan,
            int(rows.sum()),
            int((rows - self.predicted[chosen]).sum()),
            int(rows[known].sum()),
            **sums,  # type: ignore[arg-type]
        )
