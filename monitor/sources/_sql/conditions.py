"""Row rules in SQL, for databases that are sure to read cells as Python does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import (
    Boolean,
    ColumnElement,
    Float,
    Integer,
    Numeric,
    String,
    Text,
    and_,
    case,
    cast,
    false,
    func,
    literal,
    literal_column,
    not_,
    or_,
    true,
)
from sqlalchemy.types import TypeEngine

from checks.plan import Plan
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
    parse,
)
from monitor.sources._row_rules import COMPARE, COMPUTE
from monitor.sources._sql.clock import NotPlain
from monitor.sources._sql.dialects import Dialect
from monitor.sources._sql.pushdown import Test

_WITHOUT_NAN = ("sqlite", "mysql", "mariadb")
_NAN_EQUALS_ITSELF = ("postgresql", "duckdb")
_NULL: ColumnElement[Any] = literal_column("NULL")


def tests_of(plan: Plan, writer: Writer) -> list[Test]:
    """What cells must be for SQL to read them: in SQLite those compared as text are, or integers.

    Raises:
        NotPlain: the rules of a plan must be looked at row by row.
    """
    for text in plan.rules.values():
        writer.condition(parse(text))
    found = sorted(writer.textual & writer.cells.keys()) if writer.dialect == "sqlite" else ()
    kinds = (func.typeof(writer.cells[name]) for name in found)
    return [kind.in_(("text", "integer", "null")) for kind in kinds]


@dataclass(frozen=True, slots=True, eq=False)
class Writer:
    """Writes conditions in SQL, whose null is what cannot be told.

    ``textual`` gathers the columns that are compared as text. A column without cells is null.
    """

    cells: Mapping[str, ColumnElement[Any]]
    kinds: Mapping[str, TypeEngine[Any]]
    facts: Dialect
    dialect: str
    textual: set[str] = field(default_factory=set)

    def condition(self, tree: Condition) -> ColumnElement[bool]:
        match tree:
            case Not(inner):
                return not_(self.condition(inner))
            case Joined(word, left, right):
                both = self.condition(left), self.condition(right)
                return and_(*both) if word == "and" else or_(*both)
            case Missing(column):
                return self._cell(column.name).is_(None)
            case Comparison(sign, left, right, "number"):
                return _compared(sign, self._number(left), self._number(right))
        return _compared(tree.sign, self._text(tree.left), self._text(tree.right))

    def _cell(self, name: str) -> ColumnElement[Any]:
        return self.cells.get(name, _NULL)

    def _number(self, value: Value) -> ColumnElement[Any]:
        match value:
            case Constant(number):
                return self.facts.number(float(number))
            case Column(name):
                return self._number_of(name)
            case Arithmetic("/", left, right):
                divisor = self._number(right)
                return self._number(left) / func.nullif(divisor, 0)
        return COMPUTE[value.sign](self._number(value.left), self._number(value.right))  # type: ignore[arg-type,return-value]

    def _number_of(self, name: str) -> ColumnElement[Any]:
        kind, cell = self.kinds.get(name), self._cell(name)
        if kind is None:
            return _NULL
        if self.dialect == "sqlite" and not isinstance(kind, Boolean):
            return case((func.typeof(cell).in_(("integer", "real")), cell * 1.0))
        if not isinstance(kind, Integer | Numeric | Float):
            raise NotPlain(f"a row rule reads {name!r} as a number")
        double = self.facts.as_double(cell)
        if isinstance(kind, Integer) or self.dialect in _WITHOUT_NAN:
            return double
        if self.dialect not in _NAN_EQUALS_ITSELF:
            raise NotPlain(f"a row rule looks at {name!r}, which may hold NaN")
        return func.nullif(double, self.facts.as_double(literal_column("'NaN'")))

    def _text(self, value: Value) -> ColumnElement[Any]:
        if isinstance(value, Constant):
            if isinstance(value.value, bool):
                return literal("true" if value.value else "false", Text())
            return self._collated(literal(str(value.value), Text()))
        if not isinstance(value, Column):
            raise TypeError("a number is no text")
        kind, cell = self.kinds.get(value.name), self._cell(value.name)
        self.textual.add(value.name)
        if kind is None:
            return _NULL
        if isinstance(kind, Boolean):
            return case((cell == true(), "true"), (cell == false(), "false"))
        if self.dialect == "sqlite":
            return self._collated(cast(cell, Text))
        if not isinstance(kind, String) or not (self.facts.collation or self.dialect == "duckdb"):
            raise NotPlain(f"a row rule reads {value.name!r} as text")
        return self._collated(cell)

    def _collated(self, text: ColumnElement[Any]) -> ColumnElement[Any]:
        return text.collate(self.facts.collation) if self.facts.collation else text


def _compared(
    sign: str, left: ColumnElement[Any], right: ColumnElement[Any]
) -> ColumnElement[bool]:
    held: ColumnElement[bool] = COMPARE[sign](left, right)
    return held
