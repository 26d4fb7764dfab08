"""Texts seen as characters and words, against Python's own Unicode and regular expressions."""

from __future__ import annotations

import re
import tracemalloc
import unicodedata
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.sources import _letters
from monitor.sources._letters import LONGEST_TEXT, Look, look

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
ODD = (
    "",
    " ",
    "\0\x01\x7f",
    "😀👍🏽",
    "日本語のテキスト",
    "\u202eabc",
    "e\u0301",
    "١٢٣ 12",
    "a\u200bb",
)


def words_of(found: Look, row: int) -> list[str]:
    column = found.vocabulary.at(slice(row, row + 1))
    return [column.texts[place] for place in column.places]


def counts(text: str) -> dict[str, int]:
    kinds = [unicodedata.category(each) for each in text]
    return {
        "characters": len(text),
        "letters": sum(kind.startswith("L") for kind in kinds),
        "digits": sum(kind.startswith("N") for kind in kinds),
        "uppercase": sum(kind in ("Lu", "Lt") for kind in kinds),
        "non_ascii": sum(not each.isascii() for each in text),
    }


@given(st.lists(TEXTS, max_size=8))
def test_characters_are_counted_as_unicode_has_them(texts: list[str]) -> None:
    texts = [*texts, *ODD]
    found = look(pa.array(texts, pa.string()))
    for row, text in enumerate(texts):
        told = {name: int(getattr(found, name)[row]) for name in counts(text)}
        assert told == counts(text), repr(text)


@given(st.lists(st.text(st.characters(codec="ascii"), max_size=60), min_size=1, max_size=8))
def test_words_of_ascii_are_runs_of_letters_and_digits(texts: list[str]) -> None:
    found = look(pa.array(texts, pa.string()))
    for row, text in enumerate(texts):
        runs = re.findall(r"[A-Za-z0-9]+", text)
        expected = [re.sub(r"\d+", "0", run).lower()[:32] for run in runs]
        assert int(found.words[row]) == len(expected)
        assert Counter(words_of(found, row)) == Counter(set(expected))


@given(st.lists(TEXTS, min_size=1, max_size=10), st.data())
def test_texts_look_the_same_alone_and_among_others(texts: list[str], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(texts)))
    whole = look(pa.array(["before", *texts], pa.string()).slice(1))
    parts = [look(pa.array(part, pa.string())) for part in (texts[:cut], texts[cut:])]
    for name in ("characters", "letters", "words"):
        both = np.concatenate([getattr(part, name) for part in parts])
        assert getattr(whole, name).tolist() == both.tolist()
    alone = [set(words_of(part, row)) for part in parts for row in range(len(part.words))]
    assert [set(words_of(whole, row)) for row in range(len(texts))] == alone


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, WORLD", ["hello", "world"]),
        ("order 12345 and 7", ["order", "0", "and"]),
        ("a A a", ["a"]),
        ("Straße", ["straße"]),
        ("ΣΊΣΥΦΟΣ σίσυφος", ["σίσυφοσ"]),
        ("日本語", ["日", "本", "語"]),
        ("ภาษา", ["ภ", "า", "ษ"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        ("b2b B22B", ["b0b"]),
        ("x" * 100, ["x" * 32]),
        ("😀 \0\x07 !?", []),
    ],
)
def test_words(text: str, words: list[str]) -> None:
    found = look(pa.array([text]))
    assert sorted(words_of(found, 0)) == sorted(words)


def test_repeated_words_count_once_in_the_vocabulary_and_each_time_otherwise() -> None:
    found = look(pa.array(["to be or not to be", "be"]))
    assert found.words.tolist() == [6, 1]
    assert found.vocabulary.counts() == {"to": 1, "be": 2, "or": 1, "not": 1}
    assert found.unknown(frozenset({"be", "or"})).tolist() == [3, 0]


def test_a_long_text_is_cut_but_counted_whole() -> None:
    text = "é" * LONGEST_TEXT  # twice as many bytes
    found = look(pa.array(["a b", text, "c"]))
    assert found.characters.tolist() == [3, LONGEST_TEXT, 1]
    assert found.seen.tolist() == [3, LONGEST_TEXT // 2, 1]
    assert found.words.tolist() == [2, 1, 1]


def test_bytes_that_are_no_utf8_do_no_harm() -> None:
    data, offsets = b"ab\xff\xfecd e", np.array([0, 5, 8], np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    broken = pa.Array.from_buffers(pa.string(), 2, buffers)
    found = look(broken)
    assert found.words.tolist() == [2, 2]
    assert found.characters.tolist() == [5, 3]


def test_memory_does_not_grow_with_the_number_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    look(pa.array(["warm"]))
    monkeypatch.setattr(_letters, "_BLOCK", 1 << 16)
    peaks = []
    for rows in (2_000, 16_000):
        texts = pa.array(["some words of a text that come again and again " * 5] * rows)
        tracemalloc.start()
        look(texts)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 14_000 * 400  # results alone: some 30 words a row
