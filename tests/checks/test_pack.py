from __future__ import annotations

import math
import random
import struct
import tracemalloc
import zlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from functools import reduce

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from checks import codec
from checks.codec import Reader, Writer, numbers
from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.joint import KINDS
from checks.log import Anomaly, LogProfile
from checks.outcome import BinaryOutcome
from checks.pack import VERSION, pack, pack_all, unpack, unpack_all
from checks.plan import BinaryPlan, CategoricalPlan, MulticlassPlan, NumericPlan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from checks.strata import Strata
from tests.checks.edges import (
    alone,
    binary,
    categorical,
    families,
    log,
    multiclass,
    numeric,
    regression,
)

HEADER = struct.Struct("<3sBI")


def assert_equal(one: object, other: object) -> None:
    """Equality of every field to the last bit; arrays have the same type and are read-only."""
    assert type(one) is type(other) or isinstance(one, float | int | Mapping)
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype
        assert one.shape == other.shape
        assert one.tobytes() == other.tobytes()
        assert not other.flags.writeable
    elif isinstance(one, Mapping):
        assert list(one) == list(other)
        for name in one:
            assert_equal(one[name], other[name])
    elif is_dataclass(one):
        for field in fields(one):
            assert_equal(getattr(one, field.name), getattr(other, field.name))
    elif isinstance(one, float):
        assert struct.pack("<d", one) == struct.pack("<d", other)
    else:
        assert one == other


def everything() -> Portrait:
    columns = {**numeric(NumericPlan(10.0, 0, (0.0, 10.0))), **categorical()}
    return Portrait("0123456789abcdef", columns, log()["both"], binary()["good"])


def repacked(body: bytes) -> bytes:
    """Bytes of a portrait with a sound frame around whatever body."""
    return HEADER.pack(b"MMP", VERSION, len(body)) + zlib.compress(body, 1)


def body_of(portrait: Portrait) -> bytes:
    return zlib.decompress(pack(portrait)[HEADER.size :])


EDGES = {
    f"{kind.__name__} {group} {name}": profile
    for kind, groups in families().items()
    for group, profiles in groups.items()
    for name, profile in profiles.items()
    if kind is not Strata  # made of outcomes when it is asked for, and never stored
}


def portrait_of(profile: object) -> Portrait:
    if isinstance(profile, LogProfile):
        return Portrait("p", {}, profile)
    if isinstance(profile, NumericProfile | CategoricalProfile):
        return Portrait("p", {"column": profile}, LogProfile())
    if isinstance(profile, KINDS):
        return Portrait("p", {}, LogProfile(), multivariate=alone(profile))
    if isinstance(profile, Delays):
        return Portrait("p", {}, LogProfile(), delays=profile)
    if isinstance(profile, EmbeddingProfile):
        return Portrait("p", {}, LogProfile(), embeddings={"column": profile})
    return Portrait("p", {}, LogProfile(), profile)


@pytest.mark.parametrize("profile", EDGES.values(), ids=EDGES)
def test_every_profile_survives_packing(profile):
    portrait = portrait_of(profile)
    assert_equal(portrait, unpack(pack(portrait)))


OUTCOMES = (*binary().values(), *regression().values(), *multiclass().values())


@pytest.mark.parametrize("outcome", [*OUTCOMES, None])
def test_a_portrait_of_everything_survives_packing(outcome):
    portrait = replace(everything(), outcome=outcome)
    assert_equal(portrait, unpack(pack(portrait)))


@given(
    arrays.arrays(np.float64, st.integers(0, 80), elements=st.floats()),
    st.builds(
        NumericPlan,
        st.floats(allow_nan=False, allow_infinity=False),
        st.integers(0, 7),
        st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=5).map(tuple),
        st.sampled_from([0, 3, 5000]),
    ),
)
def test_any_numeric_profile_survives_packing(values, plan):
    portrait = portrait_of(NumericProfile.of(values, plan, nulls=3, found=("number", "é")))
    assert_equal(portrait, unpack(pack(portrait)))


@given(st.dictionaries(st.text(max_size=5), st.integers(0, 2**61), max_size=9))
def test_any_level_and_version_survives_packing(levels):
    plan = CategoricalPlan(tuple(sorted(levels))[1:], complete=False)
    portrait = Portrait(
        "p",
        {name: CategoricalProfile.of(dict.fromkeys(levels, 1), plan) for name in levels},
        LogProfile(versions=levels, anomalies={k: Anomaly(n, k) for k, n in levels.items()}),
    )
    assert_equal(portrait, unpack(pack(portrait)))


@given(
    st.lists(
        arrays.arrays(np.float64, st.integers(0, 30), elements=st.floats(-1e9, 1e9)),
        min_size=1,
        max_size=6,
    ),
    st.sampled_from([NumericPlan(exact=0), NumericPlan(1.0, 2, (0.0,), 3), NumericPlan()]),
)
def test_what_was_read_adds_up_as_what_was_written_and_as_one_by_one(rows, plan):
    parts = [portrait_of(NumericProfile.of(values, plan, found=("number",))) for values in rows]
    total = Portrait.merged(parts)
    assert_equal(total, Portrait.merged(unpack_all(pack_all(parts))))
    mixed = [unpack(pack(each)) if place % 2 else each for place, each in enumerate(parts)]
    assert_equal(total, Portrait.merged(mixed))
    at_once, stepwise = (each.columns["column"] for each in (total, reduce(Portrait.merge, parts)))
    assert_equal(
        replace(at_once, total=0.0, squares=0.0), replace(stepwise, total=0.0, squares=0.0)
    )
    assert math.isclose(at_once.total, stepwise.total, rel_tol=1e-12, abs_tol=1e-3)


def test_a_profile_that_was_read_is_made_once():
    columns = unpack(pack(everything())).columns
    assert columns["ties"] is columns["ties"]
    assert list(columns) == list(everything().columns)
    assert len(columns) == len(everything().columns)


def test_special_floats_survive_packing():
    odd = NumericProfile.of(np.ones(1), NumericPlan())
    odd = replace(odd, total=math.nan, squares=math.inf)
    back = unpack(pack(portrait_of(odd))).columns["column"]
    assert math.isnan(back.total)
    assert back.squares == math.inf
    assert unpack(pack(Portrait("p", {}, LogProfile()))).log.silence == -math.inf


def test_packing_is_deterministic_and_needs_no_compression():
    portrait = everything()
    assert pack(portrait) == pack(portrait)
    assert_equal(portrait, unpack(pack(portrait, 0)))
    assert len(pack(portrait)) < len(pack(portrait, 0))


def test_cells_that_follow_from_the_values_are_not_stored():
    kept = NumericProfile.of(np.random.default_rng(3).normal(size=2000), NumericPlan())
    bare = replace(kept, cells=kept.cells[:0], counts=kept.counts[:0])
    assert body_of(portrait_of(kept)) == body_of(portrait_of(bare))


def test_cells_that_disagree_with_the_values_are_kept_as_they_are():
    profile = NumericProfile.of(np.array([1.0, 2.0]), NumericPlan())
    neighbour = replace(profile, cells=profile.cells + np.int32(1))
    back = unpack(pack(portrait_of(neighbour))).columns["column"]
    assert back.cells.tolist() == neighbour.cells.tolist()


def test_equal_plans_are_stored_once():
    plan = CategoricalPlan(tuple(f"level {i}" for i in range(500)))
    one = CategoricalProfile.of({"level 1": 3}, plan)
    single = Portrait("p", {"a": one}, LogProfile())
    double = Portrait("p", {"a": one, "b": one}, LogProfile())
    assert len(body_of(double)) - len(body_of(single)) < 600
    assert unpack(pack(double)).columns["b"].plan == plan


def test_a_week_of_a_dense_column_takes_two_bytes_a_cell():
    values = np.random.default_rng(0).normal(50.0, 9.0, 5600)
    profile = NumericProfile.of(values, NumericPlan(50.0, exact=0))
    assert len(body_of(portrait_of(profile))) <= 2.2 * len(profile.cells) + 200


def test_distinct_integers_take_little_more_than_a_byte():
    values = np.arange(3000.0)
    assert len(body_of(portrait_of(NumericProfile.of(values, NumericPlan())))) < 2.1 * 3000


def test_cells_out_of_order_cannot_be_packed():
    profile = NumericProfile.of(np.array([1.0, 2.0]), NumericPlan(exact=0))
    with pytest.raises(ValueError, match="do not ascend"):
        pack(portrait_of(replace(profile, cells=profile.cells[::-1].copy())))


def test_a_negative_count_cannot_be_packed():
    with pytest.raises(ValueError, match="-1 cannot be packed"):
        pack(portrait_of(replace(NumericProfile.of(np.ones(1), NumericPlan()), nulls=-1)))
    profile = CategoricalProfile(CategoricalPlan(("a",)), np.array([-5]))
    with pytest.raises(ValueError, match="negative"):
        pack(portrait_of(profile))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "no packed portrait"),
        (b"PAR1 something else", "no packed portrait"),
        (HEADER.pack(b"MMP", VERSION + 1, 5) + zlib.compress(b"12345"), f"version {VERSION + 1}"),
        (HEADER.pack(b"MMP", VERSION, 2**32 - 1) + zlib.compress(bytes(10**5)), "length"),
        (HEADER.pack(b"MMP", VERSION, 5) + b"not deflated at all", "inflated"),
        (HEADER.pack(b"MMP", VERSION, 4) + zlib.compress(b"12345"), "cut short"),
        (HEADER.pack(b"MMP", VERSION, 5) + zlib.compress(b"12345")[:-1], "cut short"),
        (pack(Portrait("p", {}, LogProfile())) + b"x", "followed by other bytes"),
        (repacked(body_of(Portrait("p", {}, LogProfile())) + b"\0"), "1 bytes too many"),
    ],
)
def test_bytes_that_are_no_portrait_are_refused_with_a_reason(data, reason):
    with pytest.raises(ValueError, match=reason):
        unpack(data)


def test_a_flipped_bit_is_noticed_or_changes_nothing():
    portrait = portrait_of(EDGES["NumericProfile values two_levels"])
    data, body = bytearray(pack(portrait)), body_of(portrait)
    for place in range(8 * len(data)):
        data[place // 8] ^= 1 << place % 8
        try:
            assert_equal(portrait, unpack(bytes(data)))
            assert zlib.decompress(data[HEADER.size :]) == body, (
                "a bit the compression has no use of"
            )
        except ValueError as error:
            assert "portrait" in str(error)
        data[place // 8] ^= 1 << place % 8


def assert_harmless(body: bytes) -> None:
    """Reading raises a ValueError, or gives a portrait that can be packed again."""
    try:
        portrait = unpack(repacked(body))
    except ValueError:
        return
    assert_equal(portrait, unpack(pack(portrait)))


def test_damage_inside_a_sound_frame_is_refused_or_harmless():
    columns = {name: everything().columns[name] for name in ("ties", "with_infinities", "uneven")}
    whole = body_of(replace(everything(), columns=columns))
    chance = random.Random(4)
    for _ in range(1000):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 3)):
            body[chance.randrange(len(body))] = chance.choice(
                [0, 1, 127, 128, 255, chance.randrange(256)]
            )
        assert_harmless(bytes(body))
    for _ in range(200):
        start = chance.randrange(len(whole))
        assert_harmless(whole[:start])
        assert_harmless(whole[:start] + whole[start + chance.randint(1, 9) :])


@settings(max_examples=300)
@given(st.binary(max_size=200))
@example(b"\x01p" + b"\xff" * 60)
def test_any_bytes_are_refused_or_harmless(body):
    assert_harmless(body)


def test_damage_allocates_no_more_than_the_bytes_allow():
    whole = body_of(portrait_of(EDGES["NumericProfile cells normal"]))
    chance = random.Random(5)
    tracemalloc.start()
    try:
        for _ in range(400):
            body = bytearray(whole)
            place = chance.randrange(len(body) - 8)
            body[place : place + 6] = b"\xff\xff\xff\xff\xff\x07"
            try:
                unpack(repacked(bytes(body)))
            except ValueError:
                continue
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


def test_a_bomb_is_not_inflated():
    bomb = zlib.compress(bytes(50_000_000), 9)
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="cut short"):
            unpack(HEADER.pack(b"MMP", VERSION, 1000) + bomb)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


CONTRADICTIONS = {
    "a cell twice": lambda p: replace(p, cells=np.repeat(p.cells[:1], 3), exact=None),
    "a cell beyond the last": lambda p: replace(p, cells=p.cells + np.int32(20_000), exact=None),
    "a count of zero": lambda p: replace(p, counts=p.counts * 0, exact=None),
    "counts for other cells": lambda p: replace(p, counts=p.counts[1:], exact=None),
    "values out of order": lambda p: replace(p, exact=p.exact[::-1].copy()),
    "an infinite value": lambda p: replace(p, exact=np.append(p.exact[1:], np.inf)),
    "values without counts": lambda p: replace(p, exact_counts=None),
    "other counts of values": lambda p: replace(p, counts=p.counts + 1),
    "no minimum": lambda p: replace(p, minimum=math.nan),
    "minimum above maximum": lambda p: replace(p, minimum=1e9),
    "too many atoms": lambda p: replace(p, atom_counts=np.array([1, 2])),
    "a grid too coarse": lambda p: replace(p, plan=NumericPlan(shift=9)),
    "a centre nowhere": lambda p: replace(p, plan=NumericPlan(math.inf)),
}


@pytest.mark.parametrize("change", CONTRADICTIONS.values(), ids=CONTRADICTIONS)
def test_a_numeric_profile_that_contradicts_itself_is_refused(change):
    profile = NumericProfile.of(np.array([1.0, 2.0, 5.0]), NumericPlan())
    changed = change(profile)
    if changed.exact is None:
        changed = replace(changed, exact_counts=None)
    with pytest.raises(ValueError, match="contradicts itself"), np.errstate(all="ignore"):
        unpack(pack(portrait_of(changed)))


def test_other_records_that_contradict_themselves_are_refused():
    levels = CategoricalProfile(CategoricalPlan(("a", "b")), np.array([1]))
    outcome, several = binary()["good"], multiclass()["good"]
    for record in (
        levels,
        replace(outcome, table=outcome.table[1:]),
        replace(outcome, confusion=outcome.confusion[:1]),
        replace(outcome, calibration=outcome.calibration[:, :4]),
        replace(outcome, cells=outcome.cells + np.int32(2**20)),
        replace(several, confusion=several.confusion[:, 1:]),
        replace(several, calibration=several.calibration[1:]),
        replace(several, agreed=1),
        replace(several, scored=several.valid + 1),
        replace(several, plan=MulticlassPlan(("a", "b", "a"))),
    ):
        with pytest.raises(ValueError, match="contradicts itself"):
            unpack(pack(portrait_of(record)))


def test_an_empty_outcome_keeps_its_shapes():
    none = np.empty(0, np.int64)
    back = unpack(pack(portrait_of(BinaryOutcome.of(BinaryPlan("1", "0"), none, none)))).outcome
    assert back.table.shape == (0, 2, 3)
    assert back.confusion.shape == (2, 3)


SIZES = st.one_of(
    st.integers(0, 300), st.integers(65_000, 66_000), st.integers(0, 2**62 - 1), st.just(0)
)


@given(st.lists(SIZES, max_size=50))
def test_numbers_take_one_two_or_eight_bytes_more(values):
    large = [value for value in values if value >= 255]
    huge = [value for value in large if value >= 65_535]
    expected = bytes(min(value, 255) for value in values)
    expected += struct.pack(f"<{len(large)}H", *(min(value, 65_535) for value in large))
    expected += struct.pack(f"<{len(huge)}Q", *huge)
    assert numbers(np.array(values, np.int64)) == expected
    reader = Reader(expected)
    assert reader.wholes(len(values)) == values
    reader.finish()


@given(arrays.arrays(np.int64, st.integers(0, 50), elements=st.integers(0, 2**55)))
def test_counts_survive_the_codec(values):
    writer = Writer()
    writer.counts([values, values[:2]])
    reader = Reader(b"".join(writer.chunks))
    assert [each.tolist() for each in reader.counts(2)] == [values.tolist(), values[:2].tolist()]
    reader.finish()


@given(st.lists(st.one_of(st.floats(), st.integers(-(2**60), 2**60).map(float)), max_size=30))
def test_floats_survive_the_codec_bit_by_bit(values):
    arrays = [
        np.array(values, np.float64),
        np.unique(np.array(values, np.float64)),
        np.ones((2, 1)),
    ]
    writer = Writer()
    writer.floats(arrays)
    read = Reader(b"".join(writer.chunks)).floats(3)
    assert [each.tobytes() for each in read] == [array.tobytes() for array in arrays]
    assert [each.shape for each in read] == [array.shape for array in arrays]


@given(st.lists(st.lists(st.integers(-(2**31), 2**31 - 1), unique=True).map(sorted), max_size=6))
def test_cells_survive_the_codec(rows):
    writer = Writer()
    writer.cells([np.array(row, np.int32) for row in rows])
    read = Reader(b"".join(writer.chunks)).cells(len(rows))
    assert [each.tolist() for each in read] == rows
    assert all(each.dtype == np.int32 for each in read)


@pytest.mark.parametrize(
    ("read", "data"),
    [
        (Reader.wholes, b""),
        (Reader.wholes, b"\xff"),
        (Reader.wholes, b"\xff\xff\xff" + b"\x00" * 7),
        (Reader.wholes, b"\xff\xff\xff" + b"\x00" * 7 + b"\x40"),
        (Reader.reals, b"1234567"),
        (Reader.texts, b"\x01\x05abc\x00"),
        (Reader.texts, b"\x01\x01\xff\x00"),
        (Reader.texts, b"\x01\x01a\x01"),
        (Reader.texts, b"\x00\x00"),
        (Reader.cells, b"\x02\x01"),
        (Reader.cells, b"\x01\xff\xff\xff" + b"\x00\x00\x00\x00\x01\x00\x00\x00\x00"),
        (Reader.counts, b"\x04\x01\x01\x01\x01\x01"),
        (Reader.counts, b"\x02\x00\xff\xfe\xff"),
        (Reader.counts, b"\x01\x7f\x01"),
        (Reader.floats, b"\x01\x01\x00\x01"),
        (Reader.floats, b"\x01\x01\x07\x01"),
    ],
)
def test_damaged_values_are_refused(read, data):
    with pytest.raises(codec.Damaged):
        read(Reader(data), 1)


def test_many_portraits_together_take_less_room_than_one_by_one():
    portraits = [everything(), replace(everything(), plan="another"), everything()]
    packed = pack_all(portraits)
    back = unpack_all(packed)
    assert len(back) == 3
    for one, other in zip(portraits, back, strict=True):
        assert_equal(one, other)
    assert len(packed) < 0.9 * sum(len(pack(each)) for each in portraits)
    assert unpack_all(pack_all([])) == []
    with pytest.raises(ValueError, match="3 portraits where there should be one"):
        unpack(packed)
