"""Granules come back as they were put in, become days and go, and any span can be put together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from checks.log import LogProfile
from checks.plan import NumericPlan, Plan
from checks.portrait import Portrait
from monitor.findings import WHOLE, Slice
from monitor.granules import joined
from monitor.sources import Pulse
from monitor.store import Granule, Progress, Record, Store
from monitor.store.errors import Damaged
from monitor.store.schema import MIGRATIONS
from monitor.windows import Window
from tests.store.examples import PLAN, START, baseline, day, evening, plainly, portrait, quiet
from tests.store.test_schema import run_sql

HOUR = timedelta(hours=1)
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    with Store.open(url) as opened:
        yield opened


def hour(number: int) -> Window:
    return Window(START + number * HOUR, START + (number + 1) * HOUR)


def slices(number: int) -> dict[Slice, Portrait]:
    """The portraits of one hour."""
    log = LogProfile.of_window(9, number * 60.0, number * 60.0 + 50, number * 60.0 + 60, span=60)
    return {
        WHOLE: replace(portrait(number, 30), log=log),
        Slice("", "city=Bonn"): replace(portrait(number + 500, 9), log=log),
    }


def granule(number: int, pulse: Pulse | None = None) -> Granule:
    return Granule(hour(number), pulse, slices(number))


def with_granules(number: int, revision: int, *granules: Granule) -> Record:
    return replace(quiet(number, revision), granules=granules)


def pulses(*numbers: int, digest: str = "x") -> dict[Window, Pulse]:
    return {hour(number): Pulse(30, 3, digest) for number in numbers}


def a_day(number: int = 0, revision: int = 1) -> Record:
    hours = range(24 * number, 24 * number + 24)
    return with_granules(number, revision, *(granule(n, Pulse(30, 3, "x")) for n in hours))


def test_granules_come_back_as_they_were_to_the_last_bit(store: Store) -> None:
    store.record(a_day())
    found = store.granules("churn", PLAN.hash, pulses(3, 4))
    assert found.keys() == {hour(3), hour(4)}
    for number in (3, 4):
        assert plainly(found[hour(number)]) == plainly(slices(number))


def test_only_granules_of_the_same_pulse_model_and_plan_come_back(store: Store) -> None:
    store.record(a_day())
    store.record(with_granules(1, 1, granule(24)))
    wanted = pulses(3) | pulses(4, digest="y") | {hour(5): Pulse(30, 4, "x")} | pulses(24, 30)
    assert store.granules("churn", PLAN.hash, wanted).keys() == {hour(3)}
    assert store.granules("fraud", PLAN.hash, wanted) == {}
    assert store.granules("churn", "another", wanted) == {}
    assert store.granules("churn", PLAN.hash, {}) == {}


def test_a_granule_that_is_read_again_takes_the_place_of_the_old_one(store: Store) -> None:
    store.record(a_day())
    store.record(with_granules(0, 2, granule(3, Pulse(31, 3, "z"))))
    assert store.granules("churn", PLAN.hash, pulses(3)) == {}
    assert store.granules("churn", PLAN.hash, {hour(3): Pulse(31, 3, "z")}).keys() == {hour(3)}
    assert len(store.granules("churn", PLAN.hash, pulses(*range(24)))) == 23


def test_granules_of_another_length_make_way_for_new_ones(store: Store) -> None:
    store.record(a_day())
    long = Window(START + 2 * HOUR, START + 8 * HOUR)
    store.record(with_granules(0, 2, Granule(long, Pulse(1, 1, "long"), slices(2))))
    assert len(store.granules("churn", PLAN.hash, pulses(*range(24)))) == 18
    store.record(with_granules(0, 3, granule(7, Pulse(30, 3, "x"))))
    assert store.granules("churn", PLAN.hash, {long: Pulse(1, 1, "long")}) == {}


def test_a_record_that_fails_leaves_no_granule(store: Store) -> None:
    store.record(a_day())
    changed = with_granules(0, 1, granule(3, Pulse(9, 9, "late")))
    with pytest.raises(Exception, match="recorded already"):
        store.record(changed)
    assert len(store.granules("churn", PLAN.hash, pulses(*range(24)))) == 24


def test_a_new_plan_forgets_the_granules_of_the_old_one(store: Store) -> None:
    store.record(a_day())
    store.save_baseline(baseline(), evening(0))
    assert len(store.granules("churn", PLAN.hash, pulses(*range(24)))) == 24
    other = Plan({"age": NumericPlan(41.0)})
    whole = replace(portrait(), plan=other.hash)
    store.save_baseline(
        replace(baseline(), plan=other, portraits={WHOLE: whole}, windows={}), evening(1)
    )
    assert store.granules("churn", PLAN.hash, pulses(*range(24))) == {}


def test_any_span_can_be_put_together(store: Store) -> None:
    for number in range(3):
        store.record(a_day(number))
    span = Window(hour(5).start, hour(60).end)
    found = store.portrait("churn", span, PLAN.hash)
    expected = joined({hour(n): slices(n) for n in range(5, 61)}, span)
    assert plainly(found) == plainly(expected)
    assert found[WHOLE].log.windows == 1
    assert found[WHOLE].log.span == span.length.total_seconds()
    assert store.portrait("churn", Window(day(50).start, day(51).end), PLAN.hash) == {}


def test_where_windows_have_no_granules_they_stand_for_themselves(store: Store) -> None:
    store.record(quiet(0))
    store.record(a_day(1))
    store.record(quiet(1, 2))
    store.record(quiet(2))
    span = Window(day(0).start, day(2).end)
    found = store.portrait("churn", span, PLAN.hash)
    own = {day(n): store.portraits("churn", day(n)) for n in (0, 2)}
    expected = joined(own | {hour(n): slices(n) for n in range(24, 48)}, span)
    assert plainly(found) == plainly(expected)
    assert store.portrait("churn", span, "another") == {}


def test_hours_become_days_and_say_the_same(store: Store) -> None:
    for number in range(6):
        store.record(a_day(number))
    span = Window(day(0).start, day(5).end)
    before = store.portrait("churn", span, PLAN.hash)
    rolled = [
        store.roll_up("churn", PLAN.hash, ZoneInfo("UTC"), day(4).start, evening(20), limit=3)
        for _ in range(3)
    ]
    assert rolled == [3, 1, 0]
    after = store.portrait("churn", span, PLAN.hash)
    assert after[WHOLE].rows == before[WHOLE].rows
    for name, column in before[WHOLE].columns.items():
        assert plainly(after[WHOLE].columns[name].counts) == plainly(column.counts)
    assert after[WHOLE].log == before[WHOLE].log
    assert store.granules("churn", PLAN.hash, pulses(*range(96))) == {}
    assert len(store.granules("churn", PLAN.hash, pulses(*range(96, 144)))) == 48


def test_only_days_without_a_gap_become_one(store: Store) -> None:
    store.record(with_granules(0, 1, *(granule(n) for n in range(24) if n != 7)))
    store.record(a_day(1))
    store.record(with_granules(2, 1, granule(48), granule(49)))
    far = day(30).start
    assert store.roll_up("churn", PLAN.hash, ZoneInfo("UTC"), far, far) == 1
    assert store.roll_up("churn", PLAN.hash, BERLIN, far, far) == 0
    assert store.roll_up("churn", "another", ZoneInfo("UTC"), far, far) == 0
    assert store.roll_up("fraud", PLAN.hash, ZoneInfo("UTC"), far, far) == 0


def test_a_day_is_one_of_its_calendar(store: Store) -> None:
    for number in range(3):
        store.record(a_day(number))
    far = day(30).start
    assert store.roll_up("churn", PLAN.hash, BERLIN, far, far) == 2
    span = Window(day(0).start, day(2).end)
    assert store.portrait("churn", span, PLAN.hash)[WHOLE].rows == 72 * 9


def test_what_is_old_goes(store: Store) -> None:
    for number in range(3):
        store.record(a_day(number))
    store.roll_up("churn", PLAN.hash, ZoneInfo("UTC"), day(1).start, evening(9))
    assert [store.prune_granules("churn", day(2).start) for _ in range(2)] == [1 + 24, 0]
    left = store.granules("churn", PLAN.hash, pulses(*range(72)))
    assert left.keys() == {hour(n) for n in range(48, 72)}


def test_how_far_the_ledger_is_settled_is_written_with_a_window(store: Store) -> None:
    assert store.progress("churn") is None
    for number in range(2):
        progress = Progress(START, day(number).start)
        store.record(replace(quiet(number), progress=progress))
        assert store.progress("churn") == progress
    store.record(quiet(2))
    assert store.progress("churn") == progress
    assert store.progress("fraud") is None


def test_damaged_granules_are_told(store: Store, url: str) -> None:
    store.record(a_day())
    run_sql(url, "UPDATE modelmon_granule SET slices = '[]'")
    with pytest.raises(Damaged, match="a stored granule cannot be read"):
        store.granules("churn", PLAN.hash, pulses(3))


def migrated(url: str, revision: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", str(MIGRATIONS))
        command.upgrade(config, revision)
    engine.dispose()


def test_an_upgrade_from_the_first_schema_keeps_what_is_there(url: str) -> None:
    migrated(url, "0001")
    micros = [int(moment.timestamp()) * 10**6 for moment in (day(0).start, day(0).end, evening(0))]
    starts, ends, now = micros
    run_sql(
        url,
        "INSERT INTO modelmon_ledger (model, starts, ends, revision, state, rows, labels,"
        " performance, measured, evaluated_at, known_at, baseline_version, config_hash, version,"
        f" newest_row) VALUES ('churn', {starts}, {ends}, 1, 'final', 200, 150, 0, 0, {now},"
        f" {now}, 1, 'beef', 'v1', {now})",
        f"INSERT INTO modelmon_audit (at, who, what, subject) VALUES ({now}, 'ada', 'x', 'y')",
    )
    with Store.open(url) as store:
        (entry,) = store.ledger("churn")
        assert (entry.window, entry.rows, entry.labels, entry.pulse) == (day(0), 200, 150, None)
        assert [deed.who for deed in store.trail()] == ["ada"]
        store.record(a_day(1))
        assert len(store.ledger("churn")) == 2
        assert len(store.granules("churn", PLAN.hash, pulses(*range(24, 48)))) == 24


def test_what_granules_are_looked_for_is_found_by_an_index(store: Store, url: str) -> None:
    if not url.startswith("sqlite"):
        pytest.skip("the plan of SQLite is looked at")
    store.record(a_day())
    engine = sa.create_engine(url)
    plan = (
        "EXPLAIN QUERY PLAN SELECT id FROM modelmon_granule"
        " WHERE model = 'churn' AND starts >= 5 AND starts < 9"
    )
    with engine.connect() as connection:
        told = " ".join(str(row) for row in connection.execute(sa.text(plan)))
    engine.dispose()
    assert "SEARCH" in told
    assert "model=? AND starts>? AND starts<?" in told
