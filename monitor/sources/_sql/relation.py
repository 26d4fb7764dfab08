"""A table, view or query of a database: its columns, and its rows as Arrow batches."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from sqlite3 import sqlite_version_info
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pyarrow as pa
from sqlalchemy import (
    ARRAY,
    JSON,
    REAL,
    BigInteger,
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
    TableClause,
    Uuid,
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
    type_coerce,
)
from sqlalchemy.types import NullType, TypeEngine

from monitor.sources import WrongSchema
from monitor.sources._sql.cells import to_batches
from monitor.sources._sql.dialects import DIALECTS, Dialect
from monitor.sources._sql.pushdown import Form, Test, TimeColumn
from monitor.sources._sql.session import Cells, Connected, Query, Session, Types

_PROBED = 100
_MOST_CELLS = 1 << 20
_KEEPING_KEYS = ("sqlite", "postgresql", "mysql", "mariadb")  # others state keys and may break them
_HAS_ROWID = """
    SELECT 1 FROM pragma_table_list
    WHERE name = :name AND schema IN (:schema, 'main') AND type = 'table' AND NOT wr
"""
_HAS_CTID = """
    SELECT 1 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relname = :name AND c.relkind = 'r'
    AND (n.nspname = :schema OR :schema = '' AND pg_table_is_visible(c.oid))
"""
_IS_DUCKDB_TABLE = """
    SELECT 1 FROM duckdb_tables()
    WHERE table_name = :name AND (schema_name = :schema OR :schema = '')
"""
_ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
DOCUMENTS = (JSON, ARRAY, LargeBinary)


class Shown(String):
    """Cells of an unknown type that a driver hands over as text."""


_SHOWN: Mapping[type, type[TypeEngine[Any]]] = {
    bool: Boolean,
    str: Shown,
    date: Date,
    UUID: Uuid,
    bytes: LargeBinary,
    dict: JSON,
    list: JSON,
}
_FIRST, _LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC)


@dataclass(frozen=True, slots=True, eq=False)
class Relation:
    """Rows to select from, in an open session.

    ``types`` holds every column in its order with its declared type, ``arrival`` is what orders
    rows as they came in, where the database can tell; ``name`` is for messages. Of documents only
    those ``whole`` are read.
    """

    session: Session
    name: str
    rows: FromClause
    types: Types
    arrival: ColumnElement[object] | None = None
    whole: frozenset[str] = frozenset()
    _times: dict[tuple[str, str], TimeColumn] = field(default_factory=dict, repr=False)

    @property
    def dialect(self) -> Dialect | None:
        """What is known of this kind of database."""
        return DIALECTS.get(self.session.dialect)

    def batches(
        self, names: Sequence[str], rows: Cells, *, ordered: bool = False
    ) -> Iterator[pa.RecordBatch]:
        """Rows of these columns, which were selected as `readable`."""
        booleans = [n for n in names if isinstance(self.types[n], Boolean)]
        documents = [n for n in names if self._is_closed(n)]
        return to_batches(rows, names, booleans=booleans, documents=documents, ordered=ordered)

    def readable(self, name: str) -> ColumnElement[object]:
        """A column as Python can hold it.

        Of a document, unless it is wanted whole, only whether it is there; of times none that
        ``datetime`` cannot hold.
        """
        cells, kind = self.rows.c[name], self.types[name]
        if self._is_closed(name):
            return case((cells.is_not(None), 1))
        if isinstance(kind, DateTime | Date) and self.session.dialect == "postgresql":
            return case((cells.between(literal(_FIRST, kind), literal(_LAST, kind)), cells))
        if isinstance(kind, REAL) and not self.session.sqlite and (known := self.dialect):
            return type_coerce(
                known.as_double(cells), kind
            )  # else it comes rounded to its shortest decimal
        return cells

    def _is_closed(self, name: str) -> bool:
        """Whether a column holds documents of which nothing is read."""
        return isinstance(self.types[name], DOCUMENTS) and name not in self.whole

    def times(self, name: str, zone: str) -> TimeColumn:
        """The timestamp column of this name; ``zone`` reads times without an offset."""
        if (name, zone) not in self._times:
            self._times[name, zone] = self._time_column(name, zone)
        return self._times[name, zone]

    def _time_column(self, name: str, zone: str) -> TimeColumn:
        form = _declared(self.types[name])
        if self.session.sqlite and form != "text":
            form = "any"
        if form in ("any", "text", "unknown"):
            form = self._probed(name, form)
        return TimeColumn(self.rows.c[name], form, ZoneInfo(zone))

    def sample(self, name: str) -> list[object]:
        """Some cells of a column that are there."""
        there = Rows(self, self.rows.c[name].is_not(None))
        return [row[0] for row in self.session.rows(there.select([name]).limit(_PROBED))]

    def unique(self, name: str) -> bool:
        """Whether the database sees to it that no value of a column occurs twice."""
        opened, rows = self.session, self.rows
        if not (isinstance(opened, Connected) and isinstance(rows, TableClause)):
            return False
        if opened.dialect not in _KEEPING_KEYS:
            return False
        inspector, place = inspect(opened.connection), (rows.name, rows.schema)
        key = inspector.get_pk_constraint(*place)["constrained_columns"]
        rules: list[list[str | None]] = [
            [*rule["column_names"]] for rule in inspector.get_unique_constraints(*place)
        ]
        rules += [
            index["column_names"]
            for index in inspector.get_indexes(*place)
            if index["unique"] and not _is_partial(index.get("dialect_options", {}))
        ]
        return [name] in (key, *rules)

    def typed(self) -> Relation:
        """The same relation with the types that its cells show, where none is declared."""
        unknown = [n for n, kind in self.types.items() if isinstance(kind, NullType)]
        if self.session.sqlite or not unknown:
            return self
        first = self.session.rows(Rows(self).select(unknown).limit(_PROBED))
        cells = list(zip(*first, strict=True))
        shown = {name: _type_of(met) for name, met in zip(unknown, cells, strict=bool(cells))}
        missing = [name for name in unknown if isinstance(shown.get(name, NullType()), NullType)]
        shown |= {name: _type_of(self.sample(name)) for name in missing}
        return replace(self, types={**self.types, **shown}, _times={})

    def _probed(self, name: str, form: Form) -> Form:
        """What the first values look like; ``form`` where they tell nothing else."""
        cells = self.sample(name)
        texts = [cell for cell in cells if isinstance(cell, str)]
        dates = sum(1 for cell in texts if _ISO_DATE.match(cell))
        if 2 * dates < len(texts):
            return "unknown"
        return form if form != "unknown" or not cells else _form(cells[0])


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some rows of a relation: those of ``where``, in order of arrival if ``ordered``.

    ``exact`` tells whether ``where`` lets through the wanted rows and no others; ``joined`` are the
    rows with those of further relations that ``where`` looks at.
    """

    log: Relation
    where: Test | None = None
    ordered: bool = False
    exact: bool = True
    joined: FromClause | None = None

    @property
    def source(self) -> FromClause:
        return self.log.rows if self.joined is None else self.joined

    def select(self, names: Sequence[str]) -> Query:
        """These columns of the rows."""
        query: Query = select(*map(self.log.readable, names)).select_from(self.source)
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
        query: Query = select(*values).select_from(self.source)
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


def _is_partial(options: Mapping[str, object]) -> bool:
    """Whether an index is of some rows only."""
    return any(name.endswith("_where") and value is not None for name, value in options.items())


def _type_of(cells: Sequence[object]) -> TypeEngine[Any]:
    """The type of a column of a query, by some of its cells."""
    met = {type(cell) for cell in cells} - {type(None)}
    if met == {datetime}:
        return DateTime(timezone=any(isinstance(c, datetime) and c.tzinfo for c in cells))
    if bool in met or not met <= {int, float, Decimal}:
        return _SHOWN.get(met.pop(), NullType)() if len(met) == 1 else NullType()
    if not met:
        return NullType()
    if met == {int}:
        return BigInteger()
    return REAL() if met == {float} else Numeric()  # of what width it is shows in no cell


def open_table(session: Session, name: str, schema: str) -> Relation:
    """A table or view; WrongSchema with a suggestion when there is none of this name."""
    types = session.table(name, schema)
    place = _arrival(session, name, schema)
    rows = table(name, *map(column, dict.fromkeys((*types, *place))), schema=schema or None)
    arrival = rows.c[place[0]] if place else None
    return Relation(session, f"{session.place}: table {name!r}", rows, types, arrival)


def open_query(session: Session, statement: str) -> Relation:
    """The rows of a SELECT statement; their types show in their values alone."""
    bare = statement.strip().rstrip(";").replace(":", r"\:")  # a colon is no parameter here
    body = text(f"{bare}\n")  # a comment at its end must not swallow the bracket
    probe: Query = select(literal_column("*")).select_from(body.columns().subquery("log"))
    found = session.columns(probe)
    names = [name for name, _ in found]
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise WrongSchema(f"{session.place}: query: two columns are named {twice[0]!r}; rename one")
    rows = body.columns(*map(column, names)).subquery("log")
    return Relation(session, f"{session.place}: query", rows, dict(found))


def _arrival(session: Session, name: str, schema: str) -> Sequence[str]:
    """The column that tells the order in which rows came: their place, while none is changed.

    Views and partitioned tables have none.
    """
    if session.sqlite and sqlite_version_info >= (3, 37):
        probe, place = _HAS_ROWID, "rowid"
    elif session.dialect == "postgresql":
        probe, place = _HAS_CTID, "ctid"
    elif session.dialect == "duckdb":
        probe, place = _IS_DUCKDB_TABLE, "rowid"
    else:
        return ()
    found = session.rows(text(probe).bindparams(name=name, schema=schema))
    return (place,) if found else ()
