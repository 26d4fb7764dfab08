"""Arrow arrays as numpy arrays and back, over their buffers: no copies, no pandas.

``Array.to_numpy``, ``pa.array`` and ``pa.scalar`` import pandas on first use (a second lost),
so the common path goes through buffers alone.
"""

from __future__ import annotations

import hashlib
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from monitor.sources import Family

Bools = NDArray[np.bool_]
Hashes = NDArray[np.uint64]

_N = TypeVar("_N", bound=np.generic)

_LONGEST_HASHED = 256  # bytes; longer texts are hashed one by one
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, as in splitmix64
_NULL_HASH = np.uint64(0x5851F42D4C957F2D)


def family(kind: pa.DataType) -> Family:
    """The type family of an Arrow type.

    >>> family(pa.decimal128(12, 2)), family(pa.date32()), family(pa.binary()), family(pa.null())
    ('number', 'time', 'nested', 'empty')
    """
    if pt.is_dictionary(kind):
        return family(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return family(kind.storage_type)
    if pt.is_boolean(kind):
        return "boolean"
    if pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind):
        return "number"
    if is_text(kind):
        return "text"
    if pt.is_temporal(kind):
        return "time"
    return "empty" if pt.is_null(kind) else "nested"


def is_text(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind))


def is_binary(kind: pa.DataType) -> bool:
    return bool(
        pt.is_binary(kind)
        or pt.is_large_binary(kind)
        or pt.is_binary_view(kind)
        or pt.is_fixed_size_binary(kind)
    )


def plain(array: pa.Array | pa.ChunkedArray) -> pa.Array:
    """One chunk of a basic type: text as ``string``, bytes as ``binary``, extensions unwrapped."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if is_text(array.type):
        return array if pt.is_string(array.type) else array.cast(pa.string())
    if is_binary(array.type):
        return array if pt.is_binary(array.type) else array.cast(pa.binary())
    return array


def present(array: pa.Array) -> Bools:
    """True where the array holds a value."""
    if not array.null_count:
        return np.ones(len(array), np.bool_)
    bitmap = array.buffers()[0]
    if bitmap is None:
        return np.zeros(len(array), np.bool_)
    return _unpack(bitmap, array.offset, len(array))


def values(array: pa.Array, dtype: type[_N]) -> NDArray[_N]:
    """The values of a fixed-width array; those of nulls are arbitrary."""
    if not len(array):
        return np.empty(0, dtype)
    start = array.offset * np.dtype(dtype).itemsize
    return np.frombuffer(array.buffers()[1], dtype, len(array), start)


def truths(array: pa.BooleanArray) -> Bools:
    """The values of a boolean array; those of nulls are arbitrary."""
    if not len(array):
        return np.empty(0, np.bool_)
    return _unpack(array.buffers()[1], array.offset, len(array))


def _unpack(bitmap: pa.Buffer, offset: int, length: int) -> Bools:
    octets = np.frombuffer(bitmap, np.uint8)
    bits = np.unpackbits(octets, count=offset + length, bitorder="little")
    return bits[offset:].view(np.bool_)


def mask(truth: Bools) -> pa.BooleanArray:
    """A boolean array for ``filter``."""
    return pa.Array.from_buffers(pa.bool_(), len(truth), [None, _pack(truth)])


def indices(places: NDArray[np.int64], known: Bools) -> pa.Int64Array:
    """An index array for ``take``, null where not ``known``."""
    buffers = [_pack(known), pa.py_buffer(np.ascontiguousarray(places))]
    return pa.Array.from_buffers(pa.int64(), len(places), buffers)


def _pack(truth: Bools) -> pa.Buffer:
    return pa.py_buffer(np.packbits(truth, bitorder="little"))


def codes(array: pa.DictionaryArray) -> NDArray[np.int64]:
    """The places in its dictionary, -1 for null."""
    places = values(array.indices.cast(pa.int64()), np.int64)
    return np.where(present(array.indices), places, -1) if array.indices.null_count else places


def encoded(array: pa.Array) -> pa.DictionaryArray:
    """The array as codes into its distinct values."""
    return array if pt.is_dictionary(array.type) else array.dictionary_encode()


def hashes(array: pa.Array | pa.ChunkedArray) -> tuple[Hashes, Bools]:
    """A 64-bit hash of the text of each value, and which values are there.

    The integer 7, the float 7.0 and the text ``7`` have one hash, so that ids meet across files
    and tables that store them in different types.
    """
    array = plain(array)
    if pt.is_dictionary(array.type):
        distinct, there = hashes(array.dictionary)
        places = codes(array)
        known = places >= 0
        if not len(distinct):
            return np.full(len(array), _NULL_HASH), known
        return np.where(known, distinct[places], _NULL_HASH), known & there[places]
    known, found = present(array), _hash_texts(_as_bytes(array))
    return np.where(known, found, _NULL_HASH) if array.null_count else found, known


def _as_bytes(array: pa.Array) -> pa.Array:
    if pt.is_string(array.type) or pt.is_binary(array.type):
        return array
    if pt.is_floating(array.type) or pt.is_decimal(array.type):
        return _whole_as_integers(array.cast(pa.float64(), safe=False)).cast(pa.string())
    if family(array.type) == "nested":
        return pa.nulls(len(array), pa.string())
    if pt.is_temporal(array.type):
        array = array.view(pa.int32() if array.type.bit_width == 32 else pa.int64())
    return array.cast(pa.string())


def _whole_as_integers(array: pa.DoubleArray) -> pa.Array:
    try:
        return array.cast(pa.int64())
    except pa.ArrowInvalid:
        return array


def _hash_texts(array: pa.Array) -> Hashes:
    """Hash variable-length texts eight bytes at a time, all rows at once."""
    if not len(array):
        return np.empty(0, np.uint64)
    _, offsets, data = array.buffers()
    edges = np.frombuffer(offsets, np.int32, len(array) + 1, array.offset * 4).astype(np.int64)
    octets = np.frombuffer(data, np.uint8) if data is not None else np.empty(0, np.uint8)
    padded = np.concatenate((octets[edges[0] : edges[-1]], np.zeros(8, np.uint8)))
    starts, lengths = edges[:-1] - edges[0], np.diff(edges)
    if lengths.min() == lengths.max() <= _LONGEST_HASHED:
        return _hash_alike(padded, len(array), int(lengths[0]))
    words = np.ndarray((len(padded) - 7,), "<u8", padded.data, strides=(1,))
    result = _mix(lengths.astype(np.uint64) + np.uint64(1))
    short = lengths <= _LONGEST_HASHED
    for at in range(0, int(lengths[short].max(initial=0)), 8):
        rows = np.flatnonzero(short & (lengths > at))
        rest = np.minimum(lengths[rows] - at, 8).astype(np.uint64)
        unused = (np.uint64(8) - rest) * np.uint64(8)
        word = (words[starts[rows] + at] << unused) >> unused
        result[rows] = _mix(result[rows] ^ word)
    for row in np.flatnonzero(~short):
        text = padded[starts[row] : starts[row] + lengths[row]].tobytes()
        digest = hashlib.blake2b(text, digest_size=8).digest()
        result[row] = np.uint64(int.from_bytes(digest, "little"))
    return result


def _hash_alike(padded: NDArray[np.uint8], rows: int, length: int) -> Hashes:
    """The same for texts of one length, as ids have: their places need no look-up."""
    result = np.full(rows, _mix(np.array([length + 1], np.uint64))[0])
    for at in range(0, length, 8):
        words = np.ndarray((rows,), "<u8", padded.data, offset=at, strides=(length,))
        unused = np.uint64(8 * max(at + 8 - length, 0))
        result = _mix(result ^ ((words << unused) >> unused))
    return result


def _mix(state: Hashes) -> Hashes:
    """Spread every bit over the word (the finaliser of splitmix64; Steele et al., 2014)."""
    state = state * _MULTIPLIER
    state ^= state >> np.uint64(30)
    state *= np.uint64(0xBF58476D1CE4E5B9)
    state ^= state >> np.uint64(27)
    state *= np.uint64(0x94D049BB133111EB)
    state ^= state >> np.uint64(31)
    return state


def cut(text: str, longest: int = 40) -> str:
    """A short form of a text for messages.

    >>> cut("1234567890", 5)
    '1234…'
    """
    return text if len(text) <= longest else text[: longest - 1] + "…"


def short_texts(array: pa.Array) -> list[str]:
    """Each value as a short text, for examples; nulls become ``null``."""
    array = plain(array)
    if pt.is_dictionary(array.type):
        array = array.dictionary_decode()
    if family(array.type) == "nested" and not is_binary(array.type):
        return [f"<{array.type}>"] * len(array)
    if not pt.is_string(array.type):
        array = _as_bytes(array)
    if pt.is_binary(array.type):
        return ["null" if v is None else cut(v.hex()) for v in array.to_pylist()]
    sliced = pc.utf8_slice_codeunits(array, 0, 41)
    return ["null" if text is None else cut(text) for text in sliced.to_pylist()]
