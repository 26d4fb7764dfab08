"""Texts and embeddings end to end: what is made of them, in every source, whole and in parts."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
import pytest
from sqlalchemy import create_engine, text

from alerts.secret import Secret
from checks.plan import CategoricalPlan, EmbeddingPlan, NumericPlan, Plan, TextPlan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from monitor.planning import Outlook, plan_of
from monitor.sources import ALL_TIME, Columns, Horizon, Source, WrongSchema, _worker
from monitor.sources._parts import OTHER_WORDS
from monitor.sources.csv import Source as Csv
from monitor.sources.jsonl import Source as Jsonl
from monitor.sources.parquet import Source as Parquet
from monitor.sources.sql import Source as Sql
from tests.servers import postgres
from tests.sources.logs import LATER, START, WHOLE, at, batch, day, profile, whole

COLUMNS = Columns(timestamp="ts", id="id", text=("review",), embeddings=("vector",))
ROWS, SIZE = 600, 5


def texts(rng: np.random.Generator, rows: int) -> list[str | None]:
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(200)]
    share = 1.0 / np.arange(1, 201)
    made: list[str | None] = [
        " ".join(rng.choice(words, rng.integers(1, 20), p=share / share.sum())) for _ in range(rows)
    ]
    made[:8] = [None, "", "Émile 42!", "日本語 テキスト", "😀", "a\tb\nc", "[1, 2]", "x" * 3000]
    return made


def log(rows: int = ROWS, seed: int = 1) -> dict[str, list[Any]]:
    rng = np.random.default_rng(seed)
    vectors: list[Any] = (rng.normal(size=(rows, SIZE)) + np.arange(SIZE)).tolist()
    vectors[3:8] = [None, [1.0, 2.0], [1.0, None, 3.0, 4.0, 5.0], [], [0.0] * SIZE]
    return {
        "id": [f"r{i}" for i in range(rows)],
        "ts": [(START + timedelta(minutes=7 * i)).isoformat() for i in range(rows)],
        "review": texts(rng, rows),
        "vector": vectors,
        "amount": rng.normal(size=rows).tolist(),
    }


def table(rows: Mapping[str, list[Any]]) -> pa.Table:
    return pa.table({**rows, "vector": pa.array(rows["vector"], pa.list_(pa.float64()))})


def parquet(folder: Path, rows: Mapping[str, list[Any]]) -> Source:
    pq.write_table(table(rows), folder / "log.parquet", row_group_size=100)
    return Parquet(folder / "log.parquet")


def jsonl(folder: Path, rows: Mapping[str, list[Any]]) -> Source:
    lines = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Jsonl(folder / "log.jsonl")


def csv(folder: Path, rows: Mapping[str, list[Any]]) -> Source:
    shown = [None if v is None else json.dumps(v) for v in rows["vector"]]
    arrow_csv.write_csv(pa.table({**rows, "vector": shown}), folder / "log.csv")
    return Csv(folder / "log.csv")


def sqlite(folder: Path, rows: Mapping[str, list[Any]]) -> Source:
    shown = [None if v is None else json.dumps(v) for v in rows["vector"]]
    with closing(sqlite3.connect(folder / "log.db")) as opened, opened:
        opened.execute("CREATE TABLE log (id TEXT, ts TEXT, review TEXT, vector TEXT, amount REAL)")
        cells = zip(*{**rows, "vector": shown}.values(), strict=True)
        opened.executemany("INSERT INTO log VALUES (?, ?, ?, ?, ?)", list(cells))
    return Sql(Secret(f"sqlite:///{folder}/log.db"), table="log")


SOURCES = {"parquet": parquet, "jsonl": jsonl, "csv": csv, "sqlite": sqlite}


def planned(source: Source, columns: Columns = COLUMNS) -> Plan:
    return plan_of(source.survey(columns, ALL_TIME), columns, Outlook())[0]


def portrait(source: Source, plan: Plan, columns: Columns = COLUMNS) -> Portrait:
    return source.profile(plan, columns, [ALL_TIME], LATER)[ALL_TIME][WHOLE]


def assert_alike(one: Portrait, other: Portrait) -> None:
    """Equal counts, and sums that differ by their rounding."""
    assert one.columns.keys() == other.columns.keys()
    for name, profile_ in one.columns.items():
        again = other.columns[name]
        assert profile_.rows == again.rows, name
        assert profile_.missing == again.missing, name
        assert profile_.counts.tolist() == again.counts.tolist(), name
        if isinstance(profile_, NumericProfile) and isinstance(again, NumericProfile):
            assert profile_.unparsed == again.unparsed, name
            assert profile_.mean == pytest.approx(again.mean, rel=1e-9, nan_ok=True)
    for name, vectors in one.embeddings.items():
        again_ = other.embeddings[name]
        assert vectors.n == again_.n
        np.testing.assert_allclose(vectors.sums, again_.sums, atol=1e-9)
        np.testing.assert_allclose(vectors.cosines, again_.cosines, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("kind", SOURCES)
def test_every_source_makes_the_same_of_texts_and_vectors(kind: str, tmp_path: Path) -> None:
    rows = log()
    plan = planned(parquet(tmp_path, rows))
    source = SOURCES[kind](tmp_path, rows)
    if kind == "csv":  # an empty cell is null there
        rows["review"][1] = None
        expected = portrait(parquet(tmp_path, rows), plan)
    else:
        expected = portrait(parquet(tmp_path, rows), plan)
        assert planned(source).texts == plan.texts
    assert_alike(portrait(source, plan), expected)


def test_the_numbers_are_those_of_the_texts(tmp_path: Path) -> None:
    rows = log()
    source = parquet(tmp_path, rows)
    found = portrait(source, planned(source)).columns
    there = [text for text in rows["review"] if text is not None]
    characters = found["review.characters"]
    assert isinstance(characters, NumericProfile)
    assert (characters.n, characters.nulls) == (ROWS - 1, 1)
    assert characters.mean == pytest.approx(np.mean([len(text) for text in there]))
    upper = found["review.uppercase"]
    assert upper.missing == 2  # nothing is a share of an empty text
    expected = np.mean([sum(c.isupper() for c in text) / len(text) for text in there if text])
    assert isinstance(upper, NumericProfile)
    assert upper.mean == pytest.approx(expected)


def test_words_are_known_from_the_reference(tmp_path: Path) -> None:
    rows = log()
    source = parquet(tmp_path, rows)
    plan = planned(source)
    held = {word: sum(word in (t or "").split() for t in rows["review"]) for word in ("waa", "wbc")}
    vocabulary = plan.texts["review"].vocabulary
    assert vocabulary[0] == "waa"
    assert all((word in vocabulary) == (many >= 20) for word, many in held.items())
    assert plan.columns["review.vocabulary"] == CategoricalPlan((*vocabulary[:500], OTHER_WORDS))
    found = portrait(source, plan).columns["review.vocabulary"]
    assert isinstance(found, CategoricalProfile)
    assert int(found.counts[0]) == held["waa"]
    assert found.other == 0


def test_new_words_are_unknown_and_counted_together() -> None:
    plan = Plan(
        {"t.unknown_words": NumericPlan(), "t.vocabulary": CategoricalPlan(("old", OTHER_WORDS))},
        texts={"t": TextPlan(("old", "rare"), 1)},
    )
    found = whole(plan, Columns(text=("t",)), batch({"t": ["old rare new newer", "old", None]}))
    unknown, words = found.columns["t.unknown_words"], found.columns["t.vocabulary"]
    assert isinstance(unknown, NumericProfile)
    assert (unknown.n, unknown.nulls, unknown.mean) == (2, 1, 0.25)
    assert words.counts.tolist() == [2, 3]


def test_vectors_are_measured_as_numpy_does(tmp_path: Path) -> None:
    rows = log()
    source = parquet(tmp_path, rows)
    plan = planned(source)
    good = np.array([v for v in rows["vector"] if v and len(v) == SIZE and None not in v])
    centre = np.array(plan.embeddings["vector"].centre)
    np.testing.assert_allclose(centre, good.mean(0))
    found = portrait(source, plan)
    far = found.columns["vector.distance"]
    assert isinstance(far, NumericProfile)
    assert far.mean == pytest.approx(np.linalg.norm(good - centre, axis=1).mean())
    assert (far.n, far.nulls, far.unparsed) == (ROWS - 4, 1, 3)
    assert far.example == "a vector of 0 numbers instead of 5"
    cosine = found.columns["vector.cosine_distance"]
    assert isinstance(cosine, NumericProfile)
    some = good[np.linalg.norm(good, axis=1) > 0]
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(centre)
    assert cosine.mean == pytest.approx((1 - some @ centre / lengths).mean())
    assert cosine.missing == 2  # a vector of zeros has no direction
    assert found.embeddings["vector"].n == len(good)


@pytest.mark.parametrize("kind", SOURCES)
def test_hours_add_up_to_days_and_slices_have_profiles_too(kind: str, tmp_path: Path) -> None:
    rows = log() | {"channel": ["web", "app", "app"] * (ROWS // 3)}
    columns = replace(COLUMNS, segments=("channel",))
    if kind == "sqlite":
        del rows["channel"]
        columns = COLUMNS
    source = SOURCES[kind](tmp_path, rows)
    plan = planned(source, columns)
    days = [day(0), day(1)]
    hours = [type(days[0])(at(h), at(h + 1)) for h in range(48)]
    by_day = source.profile(plan, columns, days, LATER)
    by_hour = source.profile(plan, columns, hours, LATER, days)
    for number, each in enumerate(days):
        for place in by_day[each]:
            parts = [by_hour[hour][place] for hour in hours[24 * number : 24 * number + 24]]
            assert_alike(Portrait.merged(parts), by_day[each][place])


def test_rows_in_no_order_are_counted_alike() -> None:
    rows = log()
    plan = Plan(
        {"review.words": NumericPlan(), "review.vocabulary": CategoricalPlan(("waa", OTHER_WORDS))},
        texts={"review": TextPlan(("waa",), 1)},
        embeddings={"vector": EmbeddingPlan((0.0,) * SIZE)},
    )
    days = (day(0), day(1), day(2))
    mixed = np.random.default_rng(4).permutation(ROWS)
    found = [
        profile(plan, COLUMNS, *table(rows).take(pa.array(order)).to_batches(50), windows=days)
        for order in (np.arange(ROWS), mixed)
    ]
    for each in days:
        assert_alike(found[1][each][WHOLE], found[0][each][WHOLE])


def test_a_batch_without_the_columns_has_them_absent() -> None:
    plan = Plan(
        {"t.words": NumericPlan(), "t.vocabulary": CategoricalPlan((OTHER_WORDS,))},
        texts={"t": TextPlan()},
        embeddings={"v": EmbeddingPlan((0.0, 0.0))},
    )
    columns = Columns(text=("t",), embeddings=("v",))
    found = whole(plan, columns, batch({"t": ["a b"], "v": [[1.0, 2.0]]}), batch({"other": [1, 2]}))
    words = found.columns["t.words"]
    assert words.found == ("absent", "number")
    assert found.embeddings["v"].n == 1


def test_what_is_no_text_or_vector_is_unparsed_with_an_example() -> None:
    plan = Plan(
        {"t.words": NumericPlan(), "v.norm": NumericPlan()},
        texts={"t": TextPlan()},
        embeddings={"v": EmbeddingPlan((0.0, 0.0))},
    )
    columns = Columns(text=("t",), embeddings=("v",))
    odd = batch({"t": [{"a": 1}, None], "v": ["not a vector", "[3, 4]"]})
    found = whole(plan, columns, odd).columns
    words, norm = found["t.words"], found["v.norm"]
    assert isinstance(words, NumericProfile)
    assert isinstance(norm, NumericProfile)
    assert (words.unparsed, words.nulls, words.example) == (1, 1, "<struct<a: int64>>")
    assert (norm.unparsed, norm.mean, norm.example) == (1, 5.0, "not a vector")


def test_repeated_texts_of_a_dictionary_are_looked_at_once_and_counted_each_time() -> None:
    plan = Plan(
        {"t.words": NumericPlan(), "t.vocabulary": CategoricalPlan(("a", OTHER_WORDS))},
        texts={"t": TextPlan(("a",), 1)},
    )
    texts_ = pa.array(["a b", None, "a b", "c"])
    same = [
        whole(plan, Columns(text=("t",)), batch({"t": each}))
        for each in (texts_, texts_.dictionary_encode())
    ]
    assert_alike(same[1], same[0])
    assert same[0].columns["t.vocabulary"].counts.tolist() == [2, 3]


def test_a_name_that_the_log_has_already_is_refused(tmp_path: Path) -> None:
    source = parquet(tmp_path, log() | {"review.words": [1] * ROWS})
    with pytest.raises(WrongSchema, match=r"'review.words' is made of 'review'"):
        source.survey(COLUMNS, ALL_TIME)


def test_a_column_without_vectors_is_refused_with_the_way_out(tmp_path: Path) -> None:
    source = parquet(tmp_path, log())
    columns = replace(COLUMNS, embeddings=("amount",))
    with pytest.raises(WrongSchema, match="'amount' holds no vectors"):
        planned(source, columns)
    with pytest.raises(WrongSchema, match=r"columns\.text: there is no column 'reviw'; did you"):
        planned(source, replace(COLUMNS, text=("reviw",)))


def test_texts_and_vectors_that_are_not_listed_get_a_hint(tmp_path: Path) -> None:
    source = parquet(tmp_path, log())
    columns = Columns(timestamp="ts", id="id")
    _, notices = plan_of(source.survey(columns, ALL_TIME), columns, Outlook())
    assert any("review: " in each and "list it under text" in each for each in notices)
    assert any("vector: " in each and "list it under embeddings" in each for each in notices)


def test_a_database_says_that_it_hands_over_the_rows(tmp_path: Path) -> None:
    source = sqlite(tmp_path, log())
    assert isinstance(source, Sql)
    reads = source.reads(planned(source), COLUMNS, day(0), Horizon(at(99), at(99)))
    assert "texts and embeddings are measured row by row" in reads.sentence


def test_postgresql_hands_over_arrays(tmp_path: Path) -> None:
    rows = log()
    plan = planned(parquet(tmp_path, rows))
    expected = portrait(parquet(tmp_path, rows), plan)
    with postgres() as url:
        engine = create_engine(url)
        with engine.begin() as opened:
            opened.execute(
                text(
                    "CREATE TABLE log (id text, ts timestamptz, review text, "
                    "vector double precision[], amount double precision)"
                )
            )
            cells = [dict(zip(rows, row, strict=True)) for row in zip(*rows.values(), strict=True)]
            opened.execute(
                text("INSERT INTO log VALUES (:id, :ts, :review, :vector, :amount)"), cells
            )
        engine.dispose()
        source = Sql(Secret(url), table="log", push_down=True)
        assert planned(source).texts == plan.texts
        assert_alike(portrait(source, plan), expected)


def test_two_processes_find_what_one_finds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_worker, "_ENOUGH", {True: 0, False: 0})
    source = parquet(tmp_path, log())
    assert isinstance(source, Parquet)
    columns = replace(COLUMNS, segments=())
    plan = planned(source, columns)
    alone = portrait(replace(source, workers=1), plan, columns)
    assert_alike(portrait(source, plan, columns), alone)
