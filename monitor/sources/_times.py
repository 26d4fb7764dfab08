"""Timestamps in whatever form a log holds them, as microseconds since 1970 UTC."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from monitor.sources._arrow import (
    Bools,
    codes,
    encoded,
    family,
    mask,
    plain,
    present,
    truths,
    values,
)
from monitor.sources._zones import Micros, WallClock, micros

NAT = int(np.iinfo(np.int64).min)
"""The time of a row whose timestamp is missing or cannot be read."""

UNITS = ("s", "ms", "us", "ns")
NO_UNIT = -1

FIRST = micros(datetime(1, 1, 3, tzinfo=UTC))
LAST = micros(datetime(9999, 12, 29, tzinfo=UTC))
_PER_UNIT = {"s": 1_000_000, "ms": 1_000, "us": 1}
_SMALLEST_EPOCH = 10**8
_UNIT_EDGES = np.array([10**11, 10**14, 10**17])

_OFFSET = r":\d\d.*?([Zz]|[+-]\d\d(:?\d\d)?)$"
_EPOCH_TEXT = r"^\d{9,19}(\.\d*)?$"
_TRAILING_ZONE = re.compile(r"\s*(?:(?:UTC|GMT)|([+-]\d\d:?\d\d))$")


@dataclass(frozen=True, slots=True, eq=False)
class Times:
    """The times of a column: ``us`` is microseconds since 1970 UTC or ``NAT``, ``unit`` the place
    in ``UNITS`` of the unit that a bare number was recognised in, or ``NO_UNIT``."""

    us: Micros
    unit: NDArray[np.int8]

    @property
    def known(self) -> Bools:
        return np.not_equal(self.us, NAT)


class TimeReader:
    """Reads one timestamp column batch after batch; naive times are wall-clock times of ``zone``.

    Understood, row by row and mixed: Arrow timestamps and dates, ISO 8601 text with or without an
    offset, and numbers since 1970 whose unit shows in their size (1e8 to 1e11 seconds, then in
    steps of a thousand milli-, micro- and nanoseconds; smaller numbers, before 1973-03-03, are not
    taken for times).
    """

    def __init__(self, zone: str) -> None:
        self._clock = WallClock(zone)

    def read(self, array: pa.Array | pa.ChunkedArray) -> Times:
        array = plain(array)
        if pt.is_dictionary(array.type):
            array = plain(array.dictionary_decode())
        if pt.is_timestamp(array.type) or pt.is_date(array.type):
            return self._typed(array)
        if pt.is_string(array.type):
            return self._text(array)
        if family(array.type) == "number":
            return _since_1970(array)
        return _nothing(len(array))

    def _typed(self, array: pa.Array) -> Times:
        us = _scaled(array)
        if array.null_count:
            us = np.where(present(array), us, NAT)
        if getattr(array.type, "tz", None) is None:
            us = self._local(us)
        return Times(us, _no_unit(len(us)))

    def _local(self, wall: Micros) -> Micros:
        known = wall != NAT
        if known.all():
            return self._clock.to_utc(wall)
        us = wall.copy()
        us[known] = self._clock.to_utc(wall[known])
        return us

    def _text(self, array: pa.StringArray) -> Times:
        aware = _cast(array, pa.timestamp("us", "UTC"))
        if aware is not None:
            return Times(aware, _no_unit(len(aware)))
        naive = _cast(array, pa.timestamp("us"))
        if naive is not None:
            return Times(self._local(naive), _no_unit(len(naive)))
        return self._mixed_text(pc.utf8_trim_whitespace(array))

    def _mixed_text(self, array: pa.StringArray) -> Times:
        """Some cells carry an offset, some do not, some are numbers, some are nothing."""
        us, unit = np.full(len(array), NAT), _no_unit(len(array))
        there = present(array)
        offset = _matches(array, _OFFSET)
        number = there & _matches(array, _EPOCH_TEXT)
        wall = np.zeros(len(array), np.bool_)
        if number.any():
            bare = _numbers(array.filter(mask(number)))
            us[number], unit[number] = bare.us, bare.unit
        for rows, kind in (
            (there & offset, pa.timestamp("us", "UTC")),
            (there & ~offset & ~number, pa.timestamp("us")),
        ):
            if rows.any():
                chosen = array.filter(mask(rows))
                parsed = _cast(chosen, kind)
                if parsed is None:
                    us[rows], wall[rows] = _one_by_one(chosen)
                else:
                    us[rows], wall[rows] = parsed, kind.tz is None
        us[wall] = self._local(us[wall])
        return Times(us, unit)


def _nothing(length: int) -> Times:
    return Times(np.full(length, NAT), _no_unit(length))


def _no_unit(length: int) -> NDArray[np.int8]:
    return np.full(length, NO_UNIT, np.int8)


def _scaled(array: pa.Array) -> Micros:
    """The raw numbers of a timestamp or date array as microseconds, NAT outside years 1 to 9999."""
    if pt.is_date32(array.type):
        raw, factor = values(array, np.int32).astype(np.int64), 86_400 * 1_000_000
    elif pt.is_date64(array.type):
        raw, factor = values(array, np.int64), 1_000
    elif array.type.unit == "ns":
        return values(array, np.int64) // 1_000
    else:
        raw, factor = values(array, np.int64), _PER_UNIT[array.type.unit]
    if len(raw) and FIRST // factor <= raw.min() and raw.max() <= LAST // factor:
        return raw * factor
    sane = (raw >= FIRST // factor) & (raw <= LAST // factor)
    return np.where(sane, np.where(sane, raw, 0) * factor, NAT)


def _cast(array: pa.StringArray, kind: pa.TimestampType) -> Micros | None:
    """Microseconds of ISO texts, or None when one of them is not of this kind."""
    try:
        parsed = array.cast(kind)
    except pa.ArrowInvalid:
        return None
    return np.where(present(parsed), _scaled(parsed), NAT)


def _matches(array: pa.StringArray, pattern: str) -> Bools:
    found = pc.match_substring_regex(array, pattern)
    return truths(found) & present(found)


def _numbers(array: pa.StringArray) -> Times:
    """Numbers since 1970 that stand as text."""
    try:
        return _since_1970(array.cast(pa.int64()))
    except pa.ArrowInvalid:
        return _since_1970(array.cast(pa.float64()))


def _since_1970(array: pa.Array) -> Times:
    there = present(array)
    if pt.is_integer(array.type):
        raw = values(array.cast(pa.int64(), safe=False), np.int64)
        return by_size(np.where(there, raw, 0))
    loose = values(array.cast(pa.float64(), safe=False), np.float64)
    loose = np.where(there & (np.abs(loose) < 2.0**63), loose, 0.0)
    whole = by_size(loose.astype(np.int64))
    seconds = whole.unit == 0
    us = np.where(seconds, np.rint(np.where(seconds, loose, 0.0) * 1e6).astype(np.int64), whole.us)
    return Times(us, whole.unit)


def by_size(raw: NDArray[np.int64]) -> Times:
    """Times of whole numbers whose size tells their unit."""
    unit = np.searchsorted(_UNIT_EDGES, raw, "right").astype(np.int8)
    usable = raw >= _SMALLEST_EPOCH
    us = np.full(len(raw), NAT)
    for place, factor in enumerate(_PER_UNIT.values()):
        rows = usable & (unit == place)
        us[rows] = raw[rows] * factor
    fine = usable & (unit == UNITS.index("ns"))
    us[fine] = raw[fine] // 1_000
    unit[~usable] = NO_UNIT
    return Times(us, unit)


def _one_by_one(array: pa.StringArray) -> tuple[Micros, Bools]:
    """Times of texts that Arrow does not take, and which of them are wall-clock times."""
    texts = encoded(array)
    parsed = [_parse(text) for text in texts.dictionary.to_pylist()]
    us = np.array([NAT if each is None else each[0] for each in parsed], np.int64)
    wall = np.array([each is not None and each[1] for each in parsed], np.bool_)
    place = codes(texts)
    return us[place], wall[place]


def _parse(text: str) -> tuple[int, bool] | None:
    """Microseconds of one ISO 8601 text, and whether it is a wall-clock time.

    >>> _parse("19700101T000001,5")
    (1500000, True)
    >>> _parse("1970-01-01 01:00:00 +0100")
    (0, False)
    """
    tidy = _TRAILING_ZONE.sub(lambda found: found[1] or "+00:00", text.strip())
    try:
        read = datetime.fromisoformat(tidy)
    except ValueError:
        return None
    us = micros(read if read.tzinfo else read.replace(tzinfo=UTC))
    return (us, read.tzinfo is None) if FIRST <= us <= LAST else None
