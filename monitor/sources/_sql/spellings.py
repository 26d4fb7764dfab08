"""How SQL is written out in full for engines that take it as text: names, values, types.

SQLAlchemy compiles a query; these dialects say how an identifier is quoted, a value is written and
a type is called. Every name is quoted and every value written by its Python type, so that neither
can end the place where it stands.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

from sqlalchemy import REAL, Boolean, Executable, Float, Integer, String
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.sql.compiler import GenericTypeCompiler, IdentifierPreparer, SQLCompiler


class _Names(IdentifierPreparer):
    """Quotes every name, with backslashes escaped where they escape."""

    def _requires_quotes(self, value: str) -> bool:  # noqa: ARG002  (SQLAlchemy's hook)
        return True


class _Ticks(_Names):
    def __init__(self, dialect: Any) -> None:
        super().__init__(dialect, initial_quote="`", escape_quote="`")


class _EscapedTicks(_Ticks):
    def _escape_identifier(self, value: str) -> str:
        return value.replace("\\", "\\\\").replace("`", "\\`")


class _Values(SQLCompiler):
    """Writes values as the dialect says, whatever SQLAlchemy knows of their types."""

    dialect: Spelling

    def render_literal_value(self, value: Any, type_: Any) -> str:  # noqa: ARG002
        return self.dialect.value(value)


class _Types(GenericTypeCompiler):
    """Calls types as the dialect says."""

    dialect: Spelling

    def process(self, type_: Any, **kw: Any) -> str:
        found = (name for kind, name in self.dialect.kinds if isinstance(type_, kind))
        return next(found, None) or str(super().process(type_, **kw))


class Spelling(DefaultDialect, ABC):
    """A kind of database that takes complete statements as text."""

    statement_compiler = _Values
    type_compiler_cls = _Types
    preparer: type[IdentifierPreparer] = _Names
    supports_statement_cache = False
    supports_native_boolean = True
    insert_returning = False
    kinds: ClassVar[Sequence[tuple[type, str]]]
    """What types are called, where that is not their usual name; the first that fits."""
    nan: ClassVar[tuple[str, str, str]]
    """NaN, infinity and minus infinity."""

    def text(self, query: Executable) -> str:
        """A query with all its values in it."""
        return str(query.compile(dialect=self, compile_kwargs={"literal_binds": True}))  # type: ignore[attr-defined]

    def value(self, value: object) -> str:
        """A value as it stands in a statement, in brackets where a sign or exponent needs them."""
        match value:
            case None:
                return "NULL"
            case bool():
                return "TRUE" if value else "FALSE"
            case int():
                return str(value) if value >= 0 else f"({value})"
            case float():
                return self._double(float(value))
            case str():
                return self.string(value)
            case datetime():
                return self.moment(value)
            case date():
                return f"DATE '{value.isoformat()}'"
            case Decimal() if value.is_finite():
                return f"({value:f})"
        raise ValueError(f"a value of type {type(value).__name__} cannot be written in SQL")

    def _double(self, value: float) -> str:
        if math.isnan(value):
            return self.nan[0]
        if math.isinf(value):
            return self.nan[1 if value > 0 else 2]
        digits = repr(value)
        return f"({digits if 'e' in digits else digits + 'e0'})"

    def string(self, text: str) -> str:
        quoted = text.replace("'", "''")
        return f"'{quoted}'"

    @abstractmethod
    def moment(self, moment: datetime) -> str:
        """A moment as it is written."""

    @abstractmethod
    def micros(self, cell: str) -> str:
        """The microseconds since 1970 of a moment."""


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


class DuckDB(Spelling):
    """DuckDB's SQL: names in double quotes, no escapes in texts."""

    name = "duckdb"
    kinds = ((REAL, "REAL"), (Float, "DOUBLE"), (String, "VARCHAR"))
    nan = ("CAST('nan' AS DOUBLE)", "CAST('inf' AS DOUBLE)", "CAST('-inf' AS DOUBLE)")

    def moment(self, moment: datetime) -> str:
        if moment.tzinfo is None:
            return f"TIMESTAMP '{moment.isoformat(' ', 'microseconds')}'"
        return f"TIMESTAMPTZ '{_utc(moment)}+00'"

    def micros(self, cell: str) -> str:
        return f"epoch_us({cell})"


class Spark(Spelling):
    """Spark's SQL: names in backticks, backslashes escape in texts."""

    name = "spark"
    preparer = _Ticks
    kinds = ((REAL, "FLOAT"), (Float, "DOUBLE"), (String, "STRING"))
    nan = ("double('NaN')", "double('Infinity')", "double('-Infinity')")

    def string(self, text: str) -> str:
        return _escaped(text)

    def moment(self, moment: datetime) -> str:
        if moment.tzinfo is None:
            return f"TIMESTAMP_NTZ '{moment.isoformat(' ', 'microseconds')}'"
        return f"TIMESTAMP_LTZ '{_utc(moment)}+00:00'"

    def micros(self, cell: str) -> str:
        return f"unix_micros({cell})"


class ClickHouse(Spelling):
    """ClickHouse's SQL: backslashes escape in texts and in names."""

    name = "clickhouse"
    preparer = _EscapedTicks
    kinds = (
        (REAL, "Nullable(Float32)"),
        (Float, "Nullable(Float64)"),
        (String, "Nullable(String)"),
        (Integer, "Nullable(Int64)"),
        (Boolean, "Nullable(Bool)"),
    )
    nan = ("nan", "inf", "(-inf)")

    def string(self, text: str) -> str:
        return _escaped(text)

    def moment(self, moment: datetime) -> str:
        if moment.tzinfo is None:
            return f"toDateTime64('{moment.isoformat(' ', 'microseconds')}', 6, 'UTC')"
        return f"toDateTime64('{_utc(moment)}', 6, 'UTC')"

    def micros(self, cell: str) -> str:
        return f"toUnixTimestamp64Micro(toDateTime64({cell}, 6))"


def _escaped(text: str) -> str:
    inner = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{inner}'"
