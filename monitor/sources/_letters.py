"""Texts seen as characters and words: what each is by Unicode, all rows of a block at once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from checks.grid import Counts
from monitor.sources._arrow import Bools, codes
from monitor.sources._columns import Words

LONGEST_TEXT = 1 << 20
"""Bytes of a text that are looked at; the rest of a longer one is merely counted."""

LONGEST_WORD = 32
"""Characters of a word by which it is known."""

_BLOCK = 1 << 17  # bytes looked at together: their arrays stay in the caches
_PLANES = 0x40000  # beyond them are private and unassigned characters
_LETTER, _DIGIT, _UPPER, _MARK, _ALONE = (1 << bit for bit in range(5))
_WORD = _LETTER | _DIGIT | _MARK
_NO_SPACES = (
    (0x0E00, 0x0EFF),  # Thai and Lao
    (0x1000, 0x109F),  # Burmese
    (0x1780, 0x17FF),  # Khmer
    (0x3040, 0x30FF),  # Hiragana and Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0xFF66, 0xFF9D),
    (0x20000, 0x3FFFF),
)
"""Scripts without spaces between words: there each letter counts as a word."""

_Points = NDArray[np.uint32]


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What texts are made of, a row each.

    ``characters`` counts those of the whole text, ``seen`` those that were looked at: of these so
    many are ``letters``, ``digits``, ``uppercase`` and ``non_ascii``. ``words`` counts words, each
    as often as it comes; ``vocabulary`` holds each of them once, and ``repeats`` how often it came.
    """

    characters: Counts
    seen: Counts
    letters: Counts
    digits: Counts
    uppercase: Counts
    non_ascii: Counts
    words: Counts
    vocabulary: Words
    repeats: Counts

    def unknown(self, known: frozenset[str]) -> Counts:
        """How many of the words of each text are not among these."""
        strange = np.array([text not in known for text in self.vocabulary.texts], np.int64)
        weights = self.repeats * strange[self.vocabulary.places]
        return _sums(weights, self.vocabulary.edges)


def look(array: pa.StringArray) -> Look:
    """What each of some texts is made of; there must be no null among them."""
    _, offsets, data = array.buffers()
    edges = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    octets = np.frombuffer(b"" if data is None else data, np.uint8)
    parts = [_block(octets, edges[a : b + 1]) for a, b in _blocks(np.diff(edges))]
    return _joined(parts) if parts else _counted(np.empty(0, np.uint32), np.zeros(1, np.int64))


def _joined(parts: list[Look]) -> Look:
    if len(parts) == 1:
        return parts[0]
    named = [name for name in Look.__slots__ if name != "vocabulary"]
    sums = {name: np.concatenate([getattr(part, name) for part in parts]) for name in named}
    return Look(**sums, vocabulary=Words.join([part.vocabulary for part in parts]))


def _blocks(sizes: Counts) -> Iterator[tuple[int, int]]:
    """Runs of texts that are looked at together: few bytes, or one text."""
    ends = np.cumsum(sizes)
    start, before = 0, 0
    while start < len(sizes):
        end = max(int(np.searchsorted(ends, before + _BLOCK, "right")), start + 1)
        yield start, end
        start, before = end, int(ends[end - 1])


def _block(octets: NDArray[np.uint8], edges: Counts) -> Look:
    """The texts that begin and end at these places among bytes."""
    first, last = int(edges[0]), int(edges[-1])
    whole = octets[first:last]
    if last - first > LONGEST_TEXT:
        return _long(whole)
    try:
        points = _points(whole.tobytes().decode())
    except UnicodeDecodeError:
        pairs = pairwise(edges.tolist())
        texts = [octets[a:b].tobytes().decode("utf-8", "replace") for a, b in pairs]
        sizes = np.cumsum([0, *map(len, texts)])
        return _counted(_points("".join(texts)), sizes)
    begun = np.concatenate(([0], np.cumsum((whole & 0xC0) != 0x80)))
    return _counted(points, begun[edges - first])


def _long(octets: NDArray[np.uint8]) -> Look:
    """One text that is too long to look at all of it."""
    points = _points(octets[:LONGEST_TEXT].tobytes().decode("utf-8", "ignore"))
    found = _counted(points, np.array([0, len(points)]))
    characters = np.array([np.count_nonzero((octets & 0xC0) != 0x80)])
    named = {name: getattr(found, name) for name in Look.__slots__}
    return Look(**named | {"characters": characters})


def _points(text: str) -> _Points:
    return np.frombuffer(text.encode("utf-32-le", "replace"), "<u4")


def _counted(points: _Points, edges: Counts) -> Look:
    """The look of texts that begin and end at these places among code points."""
    kinds = _kinds()[np.minimum(points, _PLANES - 1)]
    sizes = np.diff(edges)
    letters, digits, uppercase = (
        _sums((kinds & bit) > 0, edges) for bit in (_LETTER, _DIGIT, _UPPER)
    )
    vocabulary, repeats, words = _words(points, kinds, edges)
    non_ascii = _sums(points > 0x7F, edges)
    return Look(sizes, sizes, letters, digits, uppercase, non_ascii, words, vocabulary, repeats)


def _sums(amounts: NDArray[np.integer] | Bools, edges: Counts) -> Counts:
    """The sum of each stretch of an array."""
    total = np.concatenate((np.zeros(1, np.int64), np.cumsum(amounts, dtype=np.int64)))
    sums: Counts = total[edges[1:]] - total[edges[:-1]]
    return sums


def _words(
    points: _Points, kinds: NDArray[np.uint8], edges: Counts
) -> tuple[Words, Counts, Counts]:
    """The distinct words of each text, how often each comes, and how many words each text has.

    A word is a run of letters, digits and the marks on them, in small letters; digits in a row
    count as one 0, so that numbers are one word, and letters of scripts without spaces as words.
    """
    begins = _beginnings(kinds, edges)
    digit = (kinds & _DIGIT) > 0
    again = np.concatenate((np.zeros(1, np.bool_), digit[:-1]))[: len(digit)] & digit & ~begins
    kept = np.flatnonzero(((kinds & _WORD) > 0) & ~again)
    first = np.flatnonzero(begins[kept])
    lengths = np.diff(np.append(first, len(kept)))
    place = np.arange(len(kept)) - np.repeat(first, lengths)
    short = kept[place < LONGEST_WORD]
    folded = np.where(digit[short], np.uint32(ord("0")), _folded()[points[short]])
    names = _strings(folded, np.minimum(lengths, LONGEST_WORD)).dictionary_encode()
    texts = tuple(names.dictionary.to_pylist())
    words = _sums(begins, edges)
    row = np.repeat(np.arange(len(words)), words)
    keys, repeats = np.unique(row * max(len(texts), 1) + codes(names), return_counts=True)
    rows, places = np.divmod(keys, max(len(texts), 1))
    ends = np.searchsorted(rows, np.arange(len(words) + 1))
    return Words(ends, places.astype(np.int32), texts), repeats.astype(np.int64), words


def _beginnings(kinds: NDArray[np.uint8], edges: Counts) -> Bools:
    """Where words begin."""
    word, alone = (kinds & _WORD) > 0, (kinds & _ALONE) > 0
    starts = np.zeros(len(kinds) + 1, np.bool_)
    starts[edges] = True
    before, alone_before = np.zeros(len(kinds), np.bool_), np.zeros(len(kinds), np.bool_)
    before[1:], alone_before[1:] = word[:-1], alone[:-1]
    apart = alone | (alone_before & ((kinds & _MARK) == 0))
    begins: Bools = word & (starts[:-1] | ~before | apart)
    return begins


def _strings(points: _Points, lengths: Counts) -> pa.StringArray:
    """Code points as strings of these lengths."""
    data = points.astype("<u4").tobytes().decode("utf-32-le").encode()
    wide = 1 + (points > 0x7F) + (points > 0x7FF) + (points > 0xFFFF).astype(np.int64)
    ends = np.cumsum(wide)
    offsets = np.zeros(len(lengths) + 1, np.int32)
    offsets[1:] = ends[np.cumsum(lengths) - 1]
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    return pa.Array.from_buffers(pa.string(), len(lengths), buffers)


@cache
def _kinds() -> NDArray[np.uint8]:
    """What each code point is, as bits."""
    bits = {"L": _LETTER, "M": _MARK, "N": _DIGIT}
    found = [unicodedata.category(chr(point)) for point in range(_PLANES)]
    kinds = np.array([bits.get(each[0], 0) for each in found], np.uint8)
    kinds[[each in ("Lu", "Lt") for each in found]] |= _UPPER
    for low, high in _NO_SPACES:
        kinds[low : high + 1][(kinds[low : high + 1] & _LETTER) > 0] |= _ALONE
    return kinds


@cache
def _folded() -> _Points:
    """Each code point in its small form, where that is one code point."""
    small = np.arange(_PLANES, dtype=np.uint32)
    for point in range(_PLANES):
        form = chr(point).casefold()
        if len(form) == 1:
            small[point] = ord(form)
    return small
