"""Column types that mean the same in every database: instants, and text that any of them takes."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import BigInteger, Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator

Key = BigInteger().with_variant(Integer, "sqlite")
"""A row number that the database counts up (in SQLite only INTEGER does)."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class Moment(TypeDecorator[datetime]):
    """An instant as whole microseconds since 1970 UTC, which sort and compare alike everywhere."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        return None if value is None else _EPOCH + value * _MICROSECOND


class PlainText(TypeDecorator[str]):
    """Text; the characters that PostgreSQL or UTF-8 cannot hold become U+FFFD.

    Levels of a prediction log end up in reasons, and may hold anything.
    """

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else storable(value)


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970 UTC.

    Raises:
        ValueError: the moment has no time zone.

    >>> microseconds(datetime(1970, 1, 2, tzinfo=UTC))
    86400000000
    """
    if moment.utcoffset() is None:
        raise ValueError(f"{moment} has no time zone; add one, such as UTC")
    return (moment - _EPOCH) // _MICROSECOND


def storable(text: str) -> str:
    """The text as it comes back from the database.

    >>> storable("a\\x00b") == "a\\ufffdb"
    True
    """
    told = str(text)
    if told.isascii() and "\0" not in told:
        return told
    return _UNSTORABLE.sub("\ufffd", told)
