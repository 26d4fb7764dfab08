"""Reading a column of any Arrow type as numbers or as levels, the family of each cell noted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import isnan

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from checks.grid import Floats
from checks.text import LONGEST_LEVEL, canonical
from monitor.sources import Family
from monitor.sources._arrow import (
    Bools,
    codes,
    cut,
    encoded,
    family,
    is_binary,
    mask,
    plain,
    present,
    truths,
    values,
)
from monitor.sources._columns import (
    BOOLEAN,
    FAMILIES,
    NESTED,
    NULL,
    NUMBER,
    TEXT,
    Kinds,
    Levels,
    Numbers,
    Places,
    alike,
)

NUMBER_TEXT = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$|^(?i:nan|[+-]?inf(inity)?)$"
"""Text that is a number (Python's ``float`` takes more: underscores, other digits)."""

_MOST_NEAR = 64

BOOLEAN_TEXT = r"^(?:true|false|True|False|TRUE|FALSE)$"

_NUMBER, _BOOLEAN = re.compile(NUMBER_TEXT), re.compile(BOOLEAN_TEXT)
_WHOLE = re.compile(r"(-?(?:0|[1-9]\d*))\.0+")
_BOOLEANS = {"True": "true", "TRUE": "true", "False": "false", "FALSE": "false"}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to tell the family of a cell of text.

    Where the format has types (``typed``) text is text. Elsewhere a cell is what the plan ``found``
    in the reference if it reads so, and else what it reads as.
    """

    found: str = ""
    typed: bool = True

    def numbers(self, array: pa.Array | pa.ChunkedArray) -> Numbers:
        """The column as numbers: text is parsed, booleans become 0 and 1."""
        if isinstance(array, pa.DoubleArray):  # as nearly all are; to look at a type costs time too
            return Numbers(values(array, np.float64), _kinds(array, NUMBER))
        array = plain(array)
        if pt.is_dictionary(array.type):
            return self._spread(self.numbers(array.dictionary), codes(array))
        match family(array.type):
            case "number":
                wide = array.cast(pa.float64(), safe=False)
                return Numbers(values(wide, np.float64), _kinds(array, NUMBER))
            case "boolean":
                return Numbers(truths(array).astype(np.float64), _kinds(array, BOOLEAN))
            case "text":
                return self._parse(array)
            case other:
                return _no_numbers(array, other)

    def _parse(self, array: pa.StringArray) -> Numbers:
        whole = _as_floats(array)
        if whole is not None:
            return Numbers(whole, _kinds(array, self._kind_of_numbers()))
        array = pc.utf8_trim_whitespace(array)
        there = present(array) & (values(pc.binary_length(array), np.int32) > 0)
        good = there & truths(pc.match_substring_regex(array, NUMBER_TEXT))
        loose = np.zeros(len(array))
        loose[good] = values(array.filter(mask(good)).cast(pa.float64()), np.float64)
        odd, texts = _odd(array, there & ~good)
        kinds = np.where(good, np.uint8(self._kind_of_numbers()), np.uint8(TEXT))
        return Numbers(loose, np.where(there, kinds, np.uint8(NULL)), odd, texts)

    def _kind_of_numbers(self) -> int:
        return TEXT if self.typed or self.found == "text" else NUMBER

    def _spread(self, distinct: Numbers, places: NDArray[np.int64]) -> Numbers:
        if not len(distinct):
            return Numbers(np.zeros(len(places)), alike(NULL, len(places)))
        return distinct.at(places).hide(places < 0)

    def levels(self, array: pa.Array | pa.ChunkedArray) -> Levels:
        """The column as levels, each by its canonical text; NaN is a null."""
        array = plain(array)
        if family(array.type) == "nested" and not is_binary(array.type):
            text, places = (cut(f"<{array.type}>"),), np.where(present(array), 0, -1)
            return Levels(places.astype(np.int32), _kinds(array, NESTED), text)
        if not pt.is_dictionary(array.type) and pt.is_null(array.type):
            return Levels(np.full(len(array), -1, np.int32), alike(NULL, len(array)))
        near = _near_integers(array)
        if near is not None:
            return near
        array = encoded(array)
        texts, kinds = self._texts(plain(array.dictionary))
        distinct = dict.fromkeys(text for text in texts if text is not None)
        common = {text: place for place, text in enumerate(distinct)}
        moved = [-1 if text is None else common[text] for text in texts]
        place = codes(array)
        one = len(set(kinds)) == 1 and not array.indices.null_count
        return Levels(
            np.array([*moved, -1], np.int32).take(place),
            alike(kinds[0], len(place)) if one else np.array([*kinds, NULL], np.uint8)[place],
            tuple(common),
        )

    def _texts(self, distinct: pa.Array) -> tuple[list[str | None], list[int]]:
        """Canonical texts and kinds of distinct values; None and NULL for nulls and NaN."""
        of = family(distinct.type)
        if of == "text":
            read = distinct.to_pylist()
            return [self._tidy(t) for t in read], [self._kind(t) for t in read]
        if of == "number" and not pt.is_integer(distinct.type):
            loose = distinct.cast(pa.float64(), safe=False).to_pylist()
            known = [None if v is None or isnan(v) else canonical(v) for v in loose]
        elif of == "time":
            known = _time_texts(distinct)
        else:
            known = [_text_of(v) for v in distinct.to_pylist()]
        kind = FAMILIES.index(of)
        return known, [NULL if text is None else kind for text in known]

    def _tidy(self, text: str | None) -> str | None:
        """In a format without types, 1.0 is 1 and True is true, as they are with types."""
        if text is None or self.typed:
            return None if text is None else canonical(text)
        whole = _WHOLE.fullmatch(text)
        return whole[1] if whole else canonical(_BOOLEANS.get(text, text))

    def _kind(self, text: str | None) -> int:
        if text is None:
            return NULL
        if self.typed or self.found == "text":
            return TEXT
        if _NUMBER.match(text):
            return NUMBER
        return BOOLEAN if _BOOLEAN.match(text) else TEXT


def _near_integers(array: pa.Array) -> Levels | None:
    """Integers as levels where all are there and they are near each other, as classes are."""
    if not pt.is_integer(array.type) or array.null_count or not len(array):
        return None
    whole = values(array, np.dtype(str(array.type)).type)
    low, high = int(whole.min()), int(whole.max())
    if high - low >= _MOST_NEAR:
        return None
    places = (whole - whole.dtype.type(low)).astype(np.int32)
    met = np.flatnonzero(np.bincount(places))
    texts = tuple(canonical(low + int(place)) for place in met)
    if len(met) <= high - low:
        moved = np.zeros(high - low + 1, np.int32)
        moved[met] = np.arange(len(met))
        places = moved.take(places)
    return Levels(places, alike(NUMBER, len(array)), texts)


def _kinds(array: pa.Array, kind: int) -> Kinds:
    """This kind for each value, and NULL where there is none."""
    if not array.null_count:
        return alike(kind, len(array))
    return present(array) * np.uint8(kind)  # NULL is 0


def _as_floats(array: pa.StringArray) -> Floats | None:
    """All cells as numbers, or None when one is none."""
    try:
        return values(array.cast(pa.float64()), np.float64)
    except pa.ArrowInvalid:
        return None


def _odd(array: pa.StringArray, rows: Bools) -> tuple[Places | None, tuple[str, ...]]:
    """The chosen texts, cut short, and for each row its place among them or -1."""
    if not rows.any():
        return None, ()
    chosen = encoded(array.filter(mask(rows)))
    texts = dict.fromkeys(cut(text) for text in chosen.dictionary.to_pylist())
    places = {text: place for place, text in enumerate(texts)}
    moved = [places[cut(text)] for text in chosen.dictionary.to_pylist()]
    odd = np.full(len(array), -1, np.int32)
    odd[rows] = np.array(moved, np.int32)[codes(chosen)]
    return odd, tuple(texts)


def _no_numbers(array: pa.Array, of: Family) -> Numbers:
    """Times and nested values are no numbers: every cell that is there is unparsed."""
    kinds = _kinds(array, FAMILIES.index(of))
    if of == "empty":
        return Numbers(np.zeros(len(array)), kinds)
    odd = np.where(present(array), 0, -1).astype(np.int32)
    return Numbers(np.zeros(len(array)), kinds, odd, (cut(f"<{array.type}>"),))


def _text_of(value: object) -> str | None:
    if isinstance(value, bytes):
        return canonical(value[:LONGEST_LEVEL].hex())
    return None if value is None else canonical(value)


def _time_texts(distinct: pa.Array) -> list[str | None]:
    """ISO texts of times, without Arrow's time zones and without pandas."""
    narrow = distinct.type.bit_width == 32
    raw = values(distinct, np.int32 if narrow else np.int64).astype(np.int64)
    if pt.is_timestamp(distinct.type):
        texts = np.datetime_as_string(raw.view(f"M8[{distinct.type.unit}]")).tolist()
    elif pt.is_date(distinct.type):
        texts = np.datetime_as_string(raw.view("M8[D]" if narrow else "M8[ms]")).tolist()
    else:
        texts = [str(v) for v in raw.tolist()]
    return [text if known else None for text, known in zip(texts, present(distinct), strict=True)]
