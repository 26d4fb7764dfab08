"""Row rules held against the rows of a batch: which keep one, which break it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from checks.grid import Floats
from checks.plan import Plan
from checks.rules import broken_name, unknown_name
from checks.text import canonical
from monitor.expression import (
    Arithmetic,
    Column,
    Comparison,
    Condition,
    Constant,
    Joined,
    Missing,
    Not,
    Value,
    columns_in,
    parse,
)
from monitor.sources._arrow import Bools, plain, present
from monitor.sources._columns import Levels, Numbers
from monitor.sources._needs import Need

COMPARE: Mapping[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
COMPUTE: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
}


def looked_at(plan: Plan) -> tuple[str, ...]:
    """The columns that the row rules of a plan need."""
    return tuple(sorted({name for text in plan.rules.values() for name in columns_in(text)}))


def broken_rules(plan: Plan, batch: pa.RecordBatch, typed: bool) -> Iterator[tuple[str, Bools]]:
    """For each rule the rows that break it, and under another name those of which none can tell."""
    rows = Batch(plan, batch, typed)
    for name, text in plan.rules.items():
        kept, broken = rows.held(parse(text))
        yield broken_name(name), broken
        yield unknown_name(name), ~(kept | broken)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Rows whose cells are read as a profile reads them."""

    plan: Plan
    batch: pa.RecordBatch
    typed: bool

    def held(self, tree: Condition) -> tuple[Bools, Bools]:
        """Which rows keep a condition and which break it; the others are null, as SQL has it."""
        match tree:
            case Not(inner):
                kept, broken = self.held(inner)
                return broken, kept
            case Joined(word, left, right):
                (kept, broken), (also, nor) = self.held(left), self.held(right)
                if word == "and":
                    return kept & also, broken | nor
                return kept | also, broken & nor
            case Missing(column):
                found = self._there(column.name)
                return ~found, found
            case Comparison(_, _, _, "number"):
                return self._numeric(tree)
        return self._textual(tree)

    def _numeric(self, tree: Comparison) -> tuple[Bools, Bools]:
        with np.errstate(all="ignore"):
            left, right = self._floats(tree.left), self._floats(tree.right)
        known = ~(np.isnan(left) | np.isnan(right))
        truth = np.asarray(COMPARE[tree.sign](left, right), np.bool_)
        return truth & known, ~truth & known

    def _floats(self, value: Value) -> Floats:
        """The numbers of each row, NaN where there is none."""
        match value:
            case Constant(number):
                return np.full(len(self.batch), float(number))
            case Column(name):
                return self._numbers(name).floats()
            case Arithmetic("/", left, right):
                divisor = self._floats(right)
                return self._floats(left) / np.where(divisor == 0.0, np.nan, divisor)
        return COMPUTE[value.sign](self._floats(value.left), self._floats(value.right))

    def _textual(self, tree: Comparison) -> tuple[Bools, Bools]:
        """Texts are compared letter by letter; true and false are two of them."""
        left, right = self._texts(tree.left), self._texts(tree.right)
        compare, pairs = COMPARE[tree.sign], np.stack([left.places, right.places])
        known = np.asarray((pairs >= 0).all(axis=0), np.bool_)
        distinct, places = np.unique(pairs[:, known], axis=1, return_inverse=True)
        held = [compare(left.texts[a], right.texts[b]) for a, b in distinct.T.tolist()]
        truth = np.zeros(len(known), np.bool_)
        truth[known] = np.array(held, np.bool_)[places.ravel()]
        return truth & known, ~truth & known

    def _texts(self, value: Value) -> Levels:
        if isinstance(value, Constant):
            rows = len(self.batch)
            return Levels(np.zeros(rows, np.int32), np.zeros(rows, np.uint8), _text(value))
        found = self._read(value.name, numeric=False) if isinstance(value, Column) else None
        if not isinstance(found, Levels):
            raise TypeError("a number is no text")
        return found

    def _numbers(self, name: str) -> Numbers:
        found = self._read(name, numeric=True)
        if not isinstance(found, Numbers):
            raise TypeError("a column read as levels holds no numbers")
        return found

    def _there(self, name: str) -> Bools:
        if name not in self.batch.schema.names:
            return np.zeros(len(self.batch), np.bool_)
        return present(plain(self.batch.column(name)))

    def _read(self, name: str, *, numeric: bool) -> Numbers | Levels:
        there = name in self.batch.schema.names
        array = self.batch.column(name) if there else None
        return Need(name, numeric).read(array, len(self.batch), self.plan, self.typed)


def _text(value: Constant) -> tuple[str]:
    return (canonical(value.value),)
