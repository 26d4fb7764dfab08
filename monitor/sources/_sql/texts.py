"""Times as ISO texts: the shape that most of a column have, in which they sort as times do."""

from __future__ import annotations

import re
from calendar import isleap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, String, and_, case, func, not_, or_

from monitor.sources._sql.dialects import Dialect

_ISO = re.compile(
    r"\d{4}-\d\d-\d\d(?:([T ])(\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,6}))?(Z|\+00:00)?)?", re.ASCII
)
_ANY = -1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)
_DAY = len("2024-01-05")
_CLOCKS = {0: timedelta(days=1), len(" 10:00"): timedelta(minutes=1)}
_DATE = "[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]"
_PARTS = ("[0-2][0-9]", ":[0-5][0-9]", ":[0-5][0-9]")  # with the separator, three characters each
_LONG_MONTHS = ("01", "03", "05", "07", "08", "10", "12")

Test = ColumnElement[bool]


@dataclass(frozen=True, slots=True)
class Shape:
    """How a time is written: ``clock`` is how many characters of hours, minutes and seconds follow
    the date, the ``separator`` among them, and ``digits`` those of a fraction of a second.

    With an offset as ``suffix`` there are always as many digits; without, up to six.
    """

    separator: str
    clock: int
    digits: int
    suffix: str

    def written(self, wall: datetime) -> str:
        """The first text of this shape whose time is not before this one.

        >>> seconds = Shape("T", 9, 0, "Z")
        >>> seconds.written(datetime(2024, 1, 5, 10, 0, 0, 1))
        '2024-01-05T10:00:01Z'
        >>> Shape(" ", 9, -1, "").written(datetime(2024, 1, 5, 10, 0, 0, 120000))
        '2024-01-05 10:00:00.12'
        """
        if self.digits == _ANY:
            text = wall.isoformat(self.separator)
            return text.rstrip("0") if wall.microsecond else text
        step = _CLOCKS.get(self.clock, timedelta(microseconds=10 ** (6 - self.digits)))
        wall += (_EPOCH - wall) % step
        text = wall.isoformat(self.separator or " ", "microseconds")
        fraction = self.digits + 1 if self.digits else 0
        return text[: _DAY + self.clock + fraction] + self.suffix

    def plain(self, column: ColumnElement[Any], years: Iterable[int], facts: Dialect) -> Test:
        """Which texts have this shape, and are times of the calendar in one of these years."""
        tests = [self._has_shape(column, facts), _is_date(column, years)]
        if self.clock:
            tests.append(_piece(column, _DAY + 2, 2) <= "23")
        return and_(*tests)

    @property
    def pattern(self) -> str:
        """A pattern of all its texts, but for a fraction that may be there or not."""
        clock = "".join(_PARTS[: self.clock // len(":00")])
        fraction = "." + "[0-9]" * self.digits if self.digits > 0 else ""
        return _DATE + self.separator + clock + fraction + self.suffix

    def _has_shape(self, column: ColumnElement[Any], facts: Dialect) -> Test:
        exact = self.pattern
        if not facts.typed_cells:
            more = "([.][0-9]{1,6})?" if self.digits == _ANY else ""
            quoted = exact.replace(".", "[.]").replace("+", "[+]")
            return column.regexp_match(f"^{quoted}{more}$")
        is_text = func.typeof(column) == "text"
        like = column.bool_op("GLOB")(exact)
        if self.digits != _ANY:
            return and_(is_text, like)
        rest = _piece(column, _DAY + self.clock + 1, 50)
        beyond = _piece(column, _DAY + self.clock + 2, 50).bool_op("GLOB")("*[^0-9]*")
        fraction = and_(
            column.bool_op("GLOB")(exact + ".[0-9]*"), func.length(rest).between(2, 7), not_(beyond)
        )
        return and_(is_text, or_(like, fraction))


def usual_shape(sample: Sequence[object]) -> Shape | None:
    """The shape of most cells; None where they have none."""
    found = Counter(shape for cell in sample if isinstance(cell, str) and (shape := _shape(cell)))
    if not sample:
        return Shape(" ", len(" 10:00:00"), _ANY, "")
    return max(found, key=found.__getitem__, default=None)


def _shape(text: str) -> Shape | None:
    met = _ISO.fullmatch(text)
    if met is None:
        return None
    separator, clock, fraction, suffix = (part or "" for part in met.groups())
    seconds = len(clock) == len("10:00:00")
    if fraction and not seconds:
        return None
    digits = _ANY if seconds and not suffix else len(fraction)
    return Shape(separator, len(separator + clock), digits, suffix)


def _is_date(column: ColumnElement[Any], years: Iterable[int]) -> Test:
    """Whether a date that is written so exists."""
    month, day = _piece(column, 6, 2), _piece(column, 9, 2)
    leap = [f"{year:04}" for year in years if isleap(year)]
    february = case((_piece(column, 1, 4).in_(leap), "29"), else_="28")
    last = case((month.in_(_LONG_MONTHS), "31"), (month == "02", february), else_="30")
    return and_(month.between("01", "12"), day >= "01", or_(day <= "28", day <= last))


def _piece(column: ColumnElement[Any], start: int, length: int) -> ColumnElement[str]:
    return func.substr(column, start, length, type_=String())
