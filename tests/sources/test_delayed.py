"""How long labels took, as the row pipeline and a database that hands over rows tell it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import create_engine, text

from checks.delays import EDGES, Delays
from checks.plan import BinaryPlan, MulticlassPlan, Plan, RegressionPlan
from monitor.granules import joined
from monitor.sources import Columns, Horizon
from monitor.sources._labels import LabelIndex
from monitor.sources.sql import Source
from tests.sources.logs import LATER, START, WHOLE, at, batch, day, profile, whole

COLUMNS = Columns("ts", "id", prediction="p", score="s", label="y", label_timestamp="came")
BINARY = Plan(outcome=BinaryPlan("yes", "no"), delays=True)
HOUR = 3600.0


def log(count: int = 300, seed: int = 0) -> dict[str, Any]:
    """A row every six minutes; labels come hours later, some never and some before."""
    rng = np.random.default_rng(seed)
    hours = np.arange(count) / 10
    delay = np.where(rng.random(count) < 0.05, -0.5, rng.exponential(9.0, count))
    coming = rng.random(count) < 0.9
    yes, told = rng.random((2, count)) < 0.4
    dated = rng.random(count) < 0.95
    return {
        "id": [f"p{i}" for i in range(count)],
        "ts": [at(hour) for hour in hours],
        "p": [None if i % 9 == 4 else ("no", "yes")[int(each)] for i, each in enumerate(told)],
        "s": [0.75 if each else 0.25 for each in told],
        "y": [("no", "yes")[int(y)] if c else None for y, c in zip(yes, coming, strict=True)],
        "came": [
            at(hour + wait) if c and d else None
            for hour, wait, c, d in zip(hours, delay, coming, dated, strict=True)
        ],
    }


def by_rows(rows: dict[str, Any], known_at: float, live: bool) -> tuple[np.ndarray, int]:
    """Ages by kind, one row after the other, and labels without a time."""
    ages, undated = np.zeros((len(EDGES), 4), np.int64), 0
    for ts, told, score, truth, came in zip(
        *(rows[name] for name in ("ts", "p", "s", "y", "came")), strict=True
    ):
        if truth is None or (came is None and not live):
            continue
        if came is None:
            undated += 1
        elif came.timestamp() <= known_at:
            yes = told == "yes" if told else score >= 0.5
            age = max((came - ts).total_seconds(), 0.0)
            place = max(index for index, edge in enumerate(EDGES) if edge <= age)
            ages[place, 2 * yes + (truth == "yes")] += 1
    return ages, undated


def kept(*batches: pa.RecordBatch, plan: Plan = BINARY, **more: Any) -> Delays:
    found = whole(plan, COLUMNS, *batches, **more).delays
    assert found is not None
    return found


def same(left: Delays, right: Delays) -> None:
    np.testing.assert_array_equal(left.ages, right.ages)
    for name in ("rows", "labelled", "undated", "first", "last", "seen_at"):
        assert getattr(left, name) == getattr(right, name), name


def test_every_label_is_counted_at_its_age_with_what_came_of_its_prediction() -> None:
    rows = log()
    found = kept(batch(rows))
    ages, undated = by_rows(rows, np.inf, live=True)
    np.testing.assert_array_equal(found.ages, ages)
    assert (found.rows, found.undated) == (300, undated)
    assert found.labelled == ages.sum() + undated
    assert (found.first, found.last) == (at(0).timestamp(), at(29.9).timestamp())
    assert found.seen_at == LATER.known_at.timestamp()


def test_of_labels_that_are_not_known_yet_nothing_is_told() -> None:
    rows, moment = log(), at(40)
    found = kept(batch(rows), horizon=Horizon(moment, at(400)))
    ages, _ = by_rows(rows, moment.timestamp(), live=False)
    np.testing.assert_array_equal(found.ages, ages)
    assert (found.undated, found.seen_at) == (0, moment.timestamp())


@pytest.mark.parametrize("size", [1, 7, 100])
def test_batches_change_nothing(size: int) -> None:
    rows = batch(log())
    parts = [rows.slice(start, size) for start in range(0, len(rows), size)]
    same(kept(*parts), kept(rows))


def test_labels_of_a_table_of_their_own_are_told_alike() -> None:
    rows = log()
    theirs = [i for i, label in enumerate(rows["y"]) if label is not None]
    truth = {name: [rows[name][i] for i in theirs] for name in ("id", "y", "came")}
    own = {name: rows[name] for name in ("id", "ts", "p", "s")}
    found = kept(batch(own), labels=LabelIndex.of(COLUMNS, [batch(truth)], LATER))
    same(found, kept(batch(rows)))


def test_granules_add_up_to_their_window_and_a_later_look_makes_it_older() -> None:
    rows = batch(log())
    parts = profile(BINARY, COLUMNS, rows, windows=[day(0), day(1)])
    both = joined(parts, day(0))[WHOLE]
    assert both.delays is not None
    same(both.delays, kept(rows))
    older = both.looked_at(LATER.known_at + timedelta(days=1))
    assert older.delays is not None
    assert older.delays.seen_at == both.delays.seen_at + 24 * HOUR


def test_other_tasks_are_told_apart_by_what_is_right_or_not_at_all() -> None:
    rows = log()
    found = kept(batch(rows))
    several = kept(batch(rows), plan=Plan(outcome=MulticlassPlan(("no", "yes")), delays=True))
    assert several.kinds == 2
    assert several.labelled < found.labelled  # no score decides where no class is told
    amounts = {**rows, "p": rows["s"], "y": [None if y is None else 1.0 for y in rows["y"]]}
    plain = kept(batch(amounts), plan=Plan(outcome=RegressionPlan(), delays=True))
    np.testing.assert_array_equal(plain.ages[:, 0], found.ages.sum(axis=1))


def test_segments_and_plans_that_do_not_ask_keep_nothing() -> None:
    rows = {**log(), "k": ["a"] * 300}
    plan = Plan(outcome=BinaryPlan("yes", "no"), segments={"k": ("a",)}, delays=True)
    (slices,) = profile(plan, COLUMNS, batch(rows)).values()
    assert {place: portrait.delays is not None for place, portrait in slices.items()} == {
        place: place == WHOLE for place in slices
    }
    assert whole(Plan(outcome=BinaryPlan("yes", "no")), COLUMNS, batch(rows)).delays is None


def test_a_window_without_rows_has_delays_that_add_to_others() -> None:
    found = profile(BINARY, COLUMNS, batch(log()), windows=[day(0), day(9)])
    empty, full = (found[day(number)][WHOLE].delays for number in (9, 0))
    assert empty is not None
    assert full is not None
    assert empty.rows == 0
    same(empty.merge(full), full)


def test_a_plan_that_asks_for_delays_has_a_hash_of_its_own() -> None:
    silent = Plan(outcome=BINARY.outcome)
    assert "delays" not in silent.to_json()
    assert BINARY.hash != silent.hash
    assert Plan.from_json(BINARY.to_json()) == BINARY
    assert Plan.from_json(silent.to_json()) == silent


def test_a_database_hands_over_the_rows_where_delays_are_asked_for(tmp_path: Path) -> None:
    """What is pushed down knows no ages, so that nothing is when they are asked for."""
    rows, url = log(), f"sqlite:///{tmp_path / 'log.db'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE log (id TEXT, ts TEXT, p TEXT, s REAL, y, came TEXT)")
        )
        for row in zip(*rows.values(), strict=True):
            told = [each.isoformat() if hasattr(each, "isoformat") else each for each in row]
            names = dict(zip(rows, told, strict=True))
            connection.execute(text("INSERT INTO log VALUES (:id, :ts, :p, :s, :y, :came)"), names)
    engine.dispose()
    source = Source(url=url, table="log", push_down=True)  # type: ignore[arg-type]
    found = source.profile(BINARY, COLUMNS, [day(0), day(1)], LATER)
    expected = profile(BINARY, COLUMNS, batch(rows), windows=[day(0), day(1)])
    for window, slices in expected.items():
        ours, theirs = found[window][WHOLE].delays, slices[WHOLE].delays
        assert ours is not None
        assert theirs is not None
        same(ours, theirs)
    assert at(0) == START
