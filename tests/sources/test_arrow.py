from __future__ import annotations

import uuid
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources._arrow import codes, family, hashes, indices, mask, present, truths, values


@given(st.lists(st.text() | st.none(), max_size=40), st.integers(0, 8), st.integers(0, 40))
def test_equal_texts_and_no_others_share_a_hash(
    texts: list[str | None], offset: int, length: int
) -> None:
    array = pa.array(texts, pa.string()).slice(offset, length)
    found, known = hashes(array)
    alone = [int(hashes(pa.array([text], pa.string()))[0][0]) for text in array.to_pylist()]
    assert found.tolist() == alone
    assert known.tolist() == [text is not None for text in array.to_pylist()]
    there = {text for text in array.to_pylist() if text is not None}
    assert len({h for h, k in zip(found.tolist(), known, strict=True) if k}) == len(there)


def test_no_two_of_many_ids_share_a_hash() -> None:
    ids = [f"prediction-{i:09d}" for i in range(200_000)]
    ids += [text[::-1] for text in ids]
    assert len(np.unique(hashes(pa.array(ids))[0])) == len(set(ids))


@pytest.mark.parametrize(
    "array",
    [
        pa.array([7, None], pa.int8()),
        pa.array([7, None], pa.uint64()),
        pa.array([7.0, None]),
        pa.array([Decimal("7.0"), None]),
        pa.array(["7", None], pa.large_string()),
        pa.array(["7", None], pa.string_view()),
        pa.array(["7", None]).dictionary_encode(),
        pa.array([7, None]).dictionary_encode(),
        pa.chunked_array([["7"], [None]], pa.string()),
    ],
    ids=lambda array: str(array.type),
)
def test_an_id_has_one_hash_in_every_type(array: pa.Array) -> None:
    found, known = hashes(array)
    assert found[0] == hashes(pa.array(["7"]))[0][0]
    assert known.tolist() == [True, False]


def test_long_and_binary_ids_are_hashed_too() -> None:
    long = ["x" * 300, "x" * 299 + "y", "x" * 200_000, "x"]
    assert len(set(hashes(pa.array(long))[0].tolist())) == 4
    raw = uuid.uuid5(uuid.NAMESPACE_DNS, "modelmon").bytes
    fixed, free = pa.array([raw], pa.binary(16)), pa.array([raw], pa.binary())
    assert hashes(fixed)[0] == hashes(free)[0]
    assert hashes(pa.array([raw[::-1]], pa.binary()))[0] != hashes(free)[0]


def test_an_array_without_rows_has_no_hashes() -> None:
    for kind in (pa.string(), pa.int64(), pa.null(), pa.dictionary(pa.int32(), pa.string())):
        found, known = hashes(pa.array([], kind))
        assert len(found) == len(known) == 0


@given(st.lists(st.none() | st.booleans(), max_size=70), st.integers(0, 9))
def test_buffers_give_what_python_gives(cells: list[bool | None], offset: int) -> None:
    array = pa.array(cells, pa.bool_()).slice(offset)
    plain = array.to_pylist()
    assert present(array).tolist() == [cell is not None for cell in plain]
    assert [t for t, p in zip(truths(array), present(array), strict=True) if p] == [
        cell for cell in plain if cell is not None
    ]
    numbers = pa.array([None if c is None else int(c) for c in cells], pa.int64()).slice(offset)
    got = zip(values(numbers, np.int64).tolist(), present(numbers), strict=True)
    assert [v if p else None for v, p in got] == numbers.to_pylist()


@given(st.lists(st.booleans(), max_size=70))
def test_masks_and_indices_reach_arrow_as_they_are(chosen: list[bool]) -> None:
    truth = np.array(chosen, np.bool_)
    assert mask(truth).to_pylist() == chosen
    places = np.arange(len(chosen))
    assert indices(places, truth).to_pylist() == [i if c else None for i, c in enumerate(chosen)]


def test_codes_of_a_slice_point_into_the_whole_dictionary() -> None:
    array = pa.array(["a", "b", None, "a"]).dictionary_encode().slice(1)
    assert codes(array).tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (pa.float16(), "number"),
        (pa.decimal256(40, 3), "number"),
        (pa.bool_(), "boolean"),
        (pa.dictionary(pa.int8(), pa.string()), "text"),
        (pa.timestamp("s", "UTC"), "time"),
        (pa.duration("s"), "time"),
        (pa.list_(pa.int8()), "nested"),
        (pa.map_(pa.string(), pa.int8()), "nested"),
        (pa.binary(4), "nested"),
        (pa.null(), "empty"),
    ],
    ids=str,
)
def test_every_type_has_a_family(kind: pa.DataType, expected: str) -> None:
    assert family(kind) == expected
