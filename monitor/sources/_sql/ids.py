"""Ids of a log as a database compares them, and those that occur more than once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Date,
    DateTime,
    Float,
    FromClause,
    Integer,
    Numeric,
    String,
    Uuid,
    and_,
    distinct,
    func,
    or_,
    select,
)

from monitor.sources._sql.clock import NotPlain
from monitor.sources._sql.pushdown import Test
from monitor.sources._sql.relation import Relation
from monitor.sources._sql.session import Query

_FEW = 500  # repeated ids that are written out in a statement
_SPOILT = "\ufffd"  # stands for bytes that are no text: such an id finds no row again


@dataclass(frozen=True, slots=True, eq=False)
class Ids:
    """The ids of a relation: ``key`` is equal where the row pipeline takes two ids for one.

    Ids of two relations meet where they are of one ``kind``.
    """

    log: Relation
    key: ColumnElement[Any]
    kind: str

    @classmethod
    def of(cls, log: Relation, name: str) -> Ids:
        """The ids in this column.

        Raises:
            NotPlain: the database compares them in another way than Python.
        """
        cells, declared = log.rows.c[name], log.types[name]
        if log.session.sqlite:
            return cls(log, cells, _stored(log, name))
        if isinstance(declared, Numeric | Float) and log.dialect is not None:
            return cls(log, log.dialect.as_double(cells), "double")
        for kind in (Integer, String, Uuid, DateTime, Date):
            if isinstance(declared, kind):
                return cls(log, cells, kind.__name__)
        raise NotPlain(f"the ids in {name!r} are of a type that is not compared in SQL")

    def repeated(self, where: Test | None, spans: ColumnElement[int] | None) -> Repeated:
        """Ids that occur more than once among some rows, within one span of them if any are told.

        A row without a span, as that of a time which is not plain, may lie in any.
        """
        rows = func.count()
        many = rows > 1
        if spans is not None:
            many = and_(many, rows > func.count(distinct(spans)))
        query: Query = select(self.key.label("id")).select_from(self.log.rows)
        query = query.where(self.key.is_not(None), *([] if where is None else [where]))
        query = query.group_by(self.key).having(many)
        few = [row[0] for row in self.log.session.rows(query.limit(_FEW + 1))]
        if len(few) <= _FEW and not any(_SPOILT in str(each) for each in few):
            return Repeated(self.key, few)
        return Repeated(self.key, (), query.subquery("repeated"))


@dataclass(frozen=True, slots=True, eq=False)
class Repeated:
    """Ids that occur more than once: a few of them, or a subquery to be joined with the rows."""

    key: ColumnElement[Any]
    few: Sequence[object] = ()
    rows: FromClause | None = None

    def joined(self, source: FromClause) -> FromClause:
        if self.rows is None:
            return source
        return source.outerjoin(self.rows, self.rows.c.id == self.key)

    def test(self) -> list[Test]:
        """Rows whose id is none of them."""
        if self.rows is not None:
            return [self.rows.c.id.is_(None)]
        return [or_(self.key.is_(None), self.key.not_in(self.few))] if self.few else []


def _stored(log: Relation, name: str) -> str:
    """What the ids of a column of SQLite are: a column may hold several types."""
    declared = log.types[name]
    if isinstance(declared, String):
        return "text"
    if isinstance(declared, Integer):
        return "integer"
    cells = log.rows.c[name]
    query: Query = select(func.typeof(cells)).select_from(log.rows).distinct()
    found = {row[0] for row in log.session.rows(query)} - {"null"}
    if len(found) > 1 or "blob" in found:
        raise NotPlain(f"the ids in {name!r} are of several types")
    return found.pop() if found else "text"
