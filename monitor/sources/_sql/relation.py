"""A table, view or query of a database: its columns, and its rows as Arrow batches."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from difflib import get_close_matches
from sqlite3 import sqlite_version_info
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import (
    ARRAY,
    JSON,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Float,
    FromClause,
    Integer,
    LargeBinary,
    Numeric,
    String,
    case,
    cast,
    column,
    func,
    inspect,
    literal,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy.exc import NoSuchTableError, SAWarning
from sqlalchemy.types import NullType, TypeEngine

from monitor.sources import WrongSchema
from monitor.sources._sql.cells import to_batches
from monitor.sources._sql.pushdown import Form, Test, TimeColumn
from monitor.sources._sql.session import Cells, Query, Session

Types = Mapping[str, TypeEngine[Any]]

_PROBED = 100
_MOST_CELLS = 1 << 20
_HAS_ROWID = """
    SELECT 1 FROM pragma_table_list
    WHERE name = :name AND schema IN (:schema, 'main') AND type = 'table' AND NOT wr
"""
_HAS_CTID = """
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = :name AND c.relkind = 'r'
    AND (n.nspname = :schema OR :schema = '' AND pg_table_is_visible(c.oid))
"""
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_DOCUMENTS = (JSON, ARRAY, LargeBinary)
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """Rows to select from, in an open session.

    ``types`` holds every column in its order with its declared type, ``arrival`` is what orders
    rows as they came in, where the database can tell; ``name`` is for messages.
    """

    session: Session
    name: str
    rows: FromClause
    types: Types
    arrival: ColumnElement[object] | None = None

    def batches(
        self, names: Sequence[str], rows: Cells, *, ordered: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Rows of these columns, which were selected as `readable`."""
        booleans = [n for n in names if isinstance(self.types[n], Boolean)]
        documents = [n for n in names if isinstance(self.types[n], _DOCUMENTS)]
        return to_batches(rows, names, booleans=booleans, documents=documents, ordered=ordered)

    def readable(self, name: str) -> ColumnElement[object]:
        """A column as Python can hold it.

        Of a document only whether it is there; of times none that ``datetime`` cannot hold.
        """
        cells, kind = self.rows.c[name], self.types[name]
        if isinstance(kind, _DOCUMENTS):
            return case((cells.is_not(None), 1))
        if isinstance(kind, DateTime | Date) and self.session.dialect == "postgresql":
            return case((cells.between(literal(_FIRST, kind), literal(_LAST, kind)), cells))
        return cells

    def times(self, name: str, zone: str) -> TimeColumn:
        """The timestamp column of this name; ``zone`` reads times without an offset."""
        form = _declared(self.types[name])
        if self.session.sqlite and form != "text":
            form = "any"
        if form in ("any", "text", "unknown"):
            form = self._probed(name, form)
        return TimeColumn(self.rows.c[name], form, ZoneInfo(zone))

    def _probed(self, name: str, form: Form) -> Form:
        """What the first values look like; ``form`` where they tell nothing else."""
        there = Rows(self, self.rows.c[name].is_not(None))
        cells = [row[0] for row in self.session.rows(there.select([name]).limit(_PROBED))]
        texts = [cell for cell in cells if isinstance(cell, str)]
        dates = sum(1 for cell in texts if _ISO_DATE.match(cell))
        if 2 * dates < len(texts):
            return "unknown"
        return form if form != "unknown" or not cells else _form(cells[0])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a relation: those of ``where``, in order of arrival if ``ordered``.

    ``exact`` tells whether ``where`` lets through the wanted rows and no others.
    """

    log: Relation
    where: Test | None = None
    ordered: bool = False
    exact: bool = True

    def select(self, names: Sequence[str]) -> Query:
        """These columns of the rows."""
        query: Query = select(*map(self.log.readable, names)).select_from(self.log.rows)
        if self.where is not None:
            query = query.where(self.where)
        if self.ordered and self.log.arrival is not None:
            query = query.order_by(self.log.arrival)
        return query

    def batches(self, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """These columns of the rows, ``size`` rows at a time (fewer of many columns)."""
        size = max(1, min(size, _MOST_CELLS // len(names)))
        for rows in self.log.session.stream(self.select(names), size):
            yield from self.log.batches(names, rows, ordered=self.ordered)

    def aggregate(self, *values: ColumnElement[Any]) -> Sequence[Any]:
        """Aggregates over the rows."""
        query: Query = select(*values).select_from(self.log.rows)
        return self.log.session.rows(query if self.where is None else query.where(self.where))[0]

    def count(self) -> int:
        return int(self.aggregate(func.count())[0])


def alike(a: Relation, b: Relation, name: str) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """A column of two relations, as text where a strict database would not compare their types."""
    ours, theirs = a.rows.c[name], b.rows.c[name]
    kinds = (a.types[name], b.types[name])
    told = not any(isinstance(kind, NullType) for kind in kinds)
    if told and not a.session.sqlite and _declared(kinds[0]) != _declared(kinds[1]):
        return cast(ours, String), cast(theirs, String)
    return ours, theirs


def _declared(kind: TypeEngine[Any]) -> Form:
    if isinstance(kind, DateTime):
        return "instant" if kind.timezone else "wall"
    if isinstance(kind, Date):
        return "day"
    if isinstance(kind, String):
        return "text"
    return "number" if isinstance(kind, Integer | Numeric | Float) else "unknown"


def _form(cell: object) -> Form:
    """How a column of a query holds times, judged by one of them."""
    match cell:
        case datetime():
            return "wall" if cell.tzinfo is None else "instant"
        case date():
            return "day"
        case str():
            return "text"
        case int() | float() | Decimal():
            return "number"
    return "unknown"


def open_table(session: Session, name: str, schema: str) -> Relation:
    """A table or view; WrongSchema with a suggestion when there is none of this name."""
    inspector = inspect(session.connection)
    try:
        with warnings.catch_warnings():  # a type that SQLAlchemy does not know is no trouble here
            warnings.simplefilter("ignore", SAWarning)
            found = inspector.get_columns(name, schema or None)
    except NoSuchTableError:
        known = (
            *inspector.get_table_names(schema or None),
            *inspector.get_view_names(schema or None),
        )
        hint = _suggestion(name, known)
        raise WrongSchema(f"{session.place}: no table {name!r}; {hint}") from None
    types = {str(each["name"]): each["type"] for each in found}
    rows = table(name, *map(column, types), schema=schema or None)
    arrival = _arrival(session, name, schema)
    return Relation(session, f"{session.place}: table {name!r}", rows, types, arrival)


def open_query(session: Session, statement: str) -> Relation:
    """The rows of a SELECT statement; their types show in their values alone."""
    bare = statement.strip().rstrip(";").replace(":", r"\:")  # a colon is no parameter here
    body = text(f"{bare}\n")  # a comment at its end must not swallow the bracket
    probe: Query = select(literal_column("*")).select_from(body.columns().subquery("log")).limit(0)
    names = list(session.connection.execute(probe).keys())
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise WrongSchema(f"{session.place}: query: two columns are named {twice[0]!r}; rename one")
    rows = body.columns(*map(column, names)).subquery("log")
    types: Types = {name: NullType() for name in names}
    return Relation(session, f"{session.place}: query", rows, types)


def _arrival(session: Session, name: str, schema: str) -> ColumnElement[object] | None:
    """What tells the order in which rows came: their place, while none has been changed.

    Views and partitioned tables have none.
    """
    if session.sqlite and sqlite_version_info >= (3, 37):
        probe, place = _HAS_ROWID, "rowid"
    elif session.dialect == "postgresql":
        probe, place = _HAS_CTID, "ctid"
    else:
        return None
    found = session.connection.execute(text(probe), {"name": name, "schema": schema}).first()
    return None if found is None else literal_column(place)


def _suggestion(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = get_close_matches(name, names, 1)
    if near:
        return f"did you mean {near[0]!r}?"
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    return f"there are: {shown}" if names else "there are none"
