"""A window that is put together from granules is what one pass over its rows makes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, Plan
from monitor.config import load, parse
from monitor.findings import WHOLE
from monitor.learn import learn
from monitor.model import Model
from monitor.reading import Reader, Reading
from monitor.sources import Columns, Horizon, Pulse, Source
from monitor.sources._pulse import pulse_batches
from monitor.sources._rows import profile_batches
from monitor.store import Entry, Record, Store
from monitor.windows import Calendar, Every, Schedule, State, Window
from tests.shared import model_toml
from tests.sources.logs import START, assert_same, at

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
COLUMNS = Columns("ts", "id", None, "prediction", "score", "label", "label_ts", ("x",), ("kind",))
PLAN = Plan(
    {
        "x": NumericPlan(exact=30),
        "kind": CategoricalPlan(("a", "b")),
        "label": CategoricalPlan(("0", "1")),
    },
    BinaryPlan("1", "0"),
    roles={"label": "label"},
    segments={"kind": ("a",)},
)


@dataclass
class Log:
    """A log in memory, told apart by what of it was read."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    profiled: list[Window] = field(default_factory=list)

    def batches(self) -> Iterator[pa.RecordBatch]:
        kinds = {"ts": pa.timestamp("us", "UTC"), "id": pa.string(), "x": pa.float64()}
        kinds |= {"kind": pa.string(), "prediction": pa.string(), "score": pa.float64()}
        kinds |= {"label": pa.string(), "label_ts": pa.timestamp("us", "UTC")}
        arrays = {n: pa.array([row[n] for row in self.rows], kind) for n, kind in kinds.items()}
        yield pa.record_batch(arrays)

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        return pulse_batches(columns, windows, horizon, self.batches())

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Any, Any]]:
        self.profiled += windows
        return profile_batches(plan, columns, windows, horizon, self.batches, spans=spans)


@dataclass(frozen=True)
class Recording:
    """A source, and which windows of it were profiled."""

    source: Source
    profiled: list[Window] = field(default_factory=list)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.source, name)

    def profile(self, plan: Plan, columns: Columns, windows: Any, *rest: Any) -> Any:
        self.profiled.extend(windows)
        return self.source.profile(plan, columns, windows, *rest)


def row(
    moment: float, number: int, *, arrives: float | None = None, label: str = "1", **more: Any
) -> dict[str, Any]:
    """A row so many hours from the start; its label arrives at ``arrives``, or never."""
    made = {
        "ts": at(moment),
        "id": f"p{number}",
        "x": float(number % 7),
        "kind": "ab"[number % 2],
        "prediction": str(number % 2),
        "score": (number % 9) / 10,
        "label": None if arrives is None else label,
        "label_ts": None if arrives is None else at(arrives),
    }
    return made | more


NAMES = count()


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with Store.open(f"sqlite:///{tmp_path_factory.mktemp('reading')}/state.db") as opened:
        yield opened


def model_of(log: Any, *, every: str = "1d", columns: Columns = COLUMNS, **more: Any) -> Model:
    """A model over a log in memory."""
    tree = {
        "models": {
            "shop": {
                "source": {"type": "csv", "path": "log.csv"},
                "columns": {"timestamp": "ts"},
                "reference": {"path": "past.csv"},
            }
        }
    }
    schedule = Schedule(Calendar(Every.parse(every)), labels_within=timedelta(days=7), **more)
    (model,) = parse(tree, Path("monitor.toml")).models.values()
    name = f"shop{next(NAMES)}"
    return replace(model, name=name, source=log, columns=columns, schedule=schedule)


def day(number: int) -> Window:
    return Window(START + number * DAY, START + (number + 1) * DAY)


def hours(profiled: Sequence[Window]) -> list[int]:
    return sorted((window.start - START) // HOUR for window in profiled)


@dataclass
class Watched:
    """A model that is read again and again, as a pass does it, and what the ledger says of it."""

    model: Model
    store: Store
    entries: dict[Window, Entry] = field(default_factory=dict)

    def read(self, now: datetime, *windows: Window) -> dict[Window, Reading]:
        reader = Reader(self.model, PLAN, self.store, Horizon(now, now))
        readings = reader.read(windows, self.entries)
        for window, reading in readings.items():
            if reading.slices is not None:
                self._record(window, reading, now)
        return readings

    def _record(self, window: Window, reading: Reading, now: datetime) -> None:
        slices = reading.slices or {}
        log = slices[WHOLE].log
        revision = self.entries[window].revision + 1 if window in self.entries else 1
        state = self.model.schedule.state(window, log.rows, log.labels, now)
        record = Record(
            self.model.name, window, revision, state, log.rows, log.labels, slices, (), (), (),
            now, now, 1, "", pulse=reading.pulse, granules=reading.granules,
        )  # fmt: skip
        self.store.record(record)
        (self.entries[window],) = self.store.revisions(self.model.name, window)[-1:]

    def alone(self, now: datetime, window: Window) -> Any:
        """The window read in one pass over its rows."""
        source = Log(self.model.source.rows)  # type: ignore[attr-defined]
        return source.profile(PLAN, self.model.columns, [window], Horizon(now, now))


def test_late_labels_cost_their_granules_and_not_the_window(store: Store) -> None:
    log = Log([row(h + 0.5, h, arrives=30 if h == 5 else None) for h in range(24)])
    watched = Watched(model_of(log), store)
    watched.read(at(25), day(0))
    assert hours(log.profiled) == list(range(24))
    log.profiled.clear()
    assert watched.read(at(26), day(0))[day(0)].slices is None
    assert log.profiled == []
    found = watched.read(at(31), day(0))
    assert hours(log.profiled) == [5, 23]  # rows without a place are booked on the newest
    assert found[day(0)].rows == 2
    assert_same({day(0): found[day(0)].slices}, watched.alone(at(31), day(0)))
    assert watched.entries[day(0)].labels == 1


def test_a_label_that_is_revised_or_removed_is_seen_although_the_counts_are_equal(
    store: Store,
) -> None:
    log = Log([row(h + 0.5, h, arrives=h + 1) for h in range(24)])
    watched = Watched(model_of(log, mature_at=2.0), store)
    watched.read(at(25), day(0))
    for changed in ({"label": "0"}, {"label": None, "label_ts": None}):
        log.rows[7] = log.rows[7] | changed
        found = watched.read(at(26), day(0))
        assert_same({day(0): found[day(0)].slices}, watched.alone(at(26), day(0)))
    assert [e.labels for e in store.revisions(watched.model.name, day(0))] == [24, 24, 23]


def test_a_late_row_that_repeats_an_id_of_another_hour_is_left_out_of_one(store: Store) -> None:
    log = Log([row(h + 0.5, h) for h in range(24)])
    watched = Watched(model_of(log), store)
    watched.read(at(25), day(0))
    log.rows.append(row(20.7, 3, score=0.95))
    found = watched.read(at(26), day(0))[day(0)]
    assert found.slices is not None
    anomalies = found.slices[WHOLE].log.anomalies
    assert (anomalies["duplicate_ids"].count, anomalies["conflicting_ids"].count) == (1, 1)
    assert_same({day(0): found.slices}, watched.alone(at(26), day(0)))
    log.profiled.clear()
    log.rows[9] |= {"label": "1", "label_ts": at(27)}
    found = watched.read(at(28), day(0))[day(0)]
    assert len(log.profiled) == 24  # where ids repeat, a window is read as a whole
    assert_same({day(0): found.slices}, watched.alone(at(28), day(0)))


def test_without_ids_a_late_row_costs_its_granule(store: Store) -> None:
    columns = replace(COLUMNS, id=None)
    log = Log([row(h + 0.5, h) for h in range(24)])
    watched = Watched(model_of(log, columns=columns), store)
    watched.read(at(25), day(0))
    log.profiled.clear()
    log.rows.append(row(4.7, 3, score=0.95))
    found = watched.read(at(26), day(0))
    assert hours(log.profiled) == [4, 23]
    assert_same({day(0): found[day(0)].slices}, watched.alone(at(26), day(0)))


def test_rows_without_a_place_are_booked_once(store: Store) -> None:
    lost = [row(1, 90, ts=None), row(1, 91, ts=at(4000))]
    log = Log([row(h + 0.5, h, arrives=30) for h in range(24)] + lost)
    watched = Watched(model_of(log), store)
    for now in (at(25), at(31)):
        found = watched.read(now, day(0))[day(0)]
        assert found.slices is not None
        anomalies = found.slices[WHOLE].log.anomalies
        assert {name: a.count for name, a in anomalies.items() if name != "early_labels"} == {
            "future_rows": 1,
            "untimed_rows": 1,
        }


@pytest.mark.parametrize("every", ["1h", "15m", "90m"])
def test_a_window_no_longer_than_a_granule_is_read_once_and_stored_once(
    store: Store, every: str
) -> None:
    log = Log([row(h / 10, h, arrives=30) for h in range(20)])
    watched = Watched(model_of(log, every=every), store)
    window = watched.model.schedule.calendar.containing(START)
    assert watched.read(at(3), window)[window].granules == ()
    assert log.profiled == [window]
    assert watched.read(at(4), window)[window].slices is None
    assert log.profiled == [window]
    assert store.granules(watched.model.name, PLAN.hash, {window: Pulse()}) == {}
    found = watched.read(at(31), window)[window]
    assert log.profiled == [window, window]
    assert_same({window: found.slices}, watched.alone(at(31), window))


@pytest.mark.parametrize("every", ["1h", "1d"])
def test_a_window_whose_time_is_up_is_not_read_again(store: Store, every: str) -> None:
    log = Log([row(h / 2, h) for h in range(48)])
    watched = Watched(model_of(log, every=every), store)
    window = watched.model.schedule.calendar.containing(START)
    first = watched.read(at(25), window)[window]
    log.profiled.clear()
    last = watched.read(at(24 * 9), window)[window]
    assert log.profiled == []
    assert watched.entries[window].state is State.FINAL
    assert_same({window: first.slices}, {window: last.slices})


def test_granules_of_another_plan_are_not_used(store: Store) -> None:
    log = Log([row(h + 0.5, h, arrives=30) for h in range(24)])
    watched = Watched(model_of(log), store)
    watched.read(at(25), day(0))
    hourly = watched.model.schedule.granules(day(0), at(25))
    pulses = log.pulse(COLUMNS, hourly, Horizon(at(25), at(25)))
    assert len(store.granules(watched.model.name, PLAN.hash, pulses)) == 24
    assert store.granules(watched.model.name, "another", pulses) == {}


def test_a_model_without_labels_takes_no_pulse_of_what_is_done(store: Store) -> None:
    columns = replace(COLUMNS, label=None, label_timestamp=None)
    log = Log([row(h + 0.5, h) for h in range(24)])
    model = model_of(log, columns=columns, labelled=False)
    found = Watched(model, store).read(at(25), day(0))[day(0)]
    assert found.pulse is None
    assert {granule.pulse for granule in found.granules} == {None}


def test_windows_are_read_in_batches_of_so_many_granules(store: Store) -> None:
    weeks = Reader(model_of(Log(), every="1w"), PLAN, store, Horizon(at(0), at(0)))
    calendar = weeks.model.schedule.calendar
    windows = list(calendar.between(START, START + 3650 * DAY))
    sizes = [len(batch) for batch in weeks.batches(windows)]
    assert sum(sizes) == len(windows)
    assert max(sizes) == 32
    wide = replace(PLAN, columns={f"x{i}": NumericPlan() for i in range(300)})
    few = [len(b) for b in replace(weeks, plan=wide).batches(windows)]
    assert max(few) == (1 << 16) // (7 * 300 * 2)  # too many hours: they are cut into days
    wider = replace(PLAN, columns={f"x{i}": NumericPlan() for i in range(3000)})
    assert {len(b) for b in replace(weeks, plan=wider).batches(windows[:20])} == {1}


late_rows = st.tuples(
    st.floats(0, 71.9), st.integers(0, 40), st.one_of(st.none(), st.floats(0, 150)), st.booleans()
)
steps = st.lists(
    st.tuples(st.lists(late_rows, max_size=12), st.floats(1, 30)), min_size=2, max_size=5
)


@settings(max_examples=60)
@given(first=st.lists(late_rows, max_size=30), steps=steps, ids=st.booleans())
def test_any_history_of_late_rows_and_labels_gives_what_one_pass_gives(
    store: Store, first: list[Any], steps: list[Any], ids: bool
) -> None:
    columns = COLUMNS if ids else replace(COLUMNS, id=None)
    log = Log([_made(*one) for one in first])
    watched = Watched(model_of(log, columns=columns, mature_at=2.0), store)
    now = at(72)
    for more, pause in steps:
        readings = watched.read(now, day(0), day(1), day(2))
        for window, reading in readings.items():
            found = reading.slices or store.portraits(watched.model.name, window)
            assert_same({window: found}, watched.alone(now, window))
        log.rows += [_made(*one) for one in more]
        for one in more[:3]:  # labels of rows that were there before come, change or go
            if log.rows:
                place = one[1] % len(log.rows)
                log.rows[place] = log.rows[place] | _label(one[2], one[3])
        now += pause * HOUR


def _made(moment: float, number: int, arrives: float | None, good: bool) -> dict[str, Any]:
    return row(moment, number) | _label(arrives, good)


def _label(arrives: float | None, good: bool) -> dict[str, Any]:
    told = arrives is not None
    return {
        "label": str(int(good)) if told else None,
        "label_ts": at(arrives) if arrives is not None else None,
    }


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin"])
@pytest.mark.parametrize("name", ["elec2", "bike_sharing", "hotel_booking"])
def test_the_weeks_of_a_real_log_are_those_of_one_pass(
    tmp_path: Path, store: Store, name: str, zone: str
) -> None:
    path = tmp_path / "monitor.toml"
    path.write_text(model_toml(name, tmp_path))
    (model,) = load(path).models.values()
    source = Recording(model.source)
    calendar = Calendar(Every.parse("1w"), ZoneInfo(zone))
    model = replace(
        model,
        name=f"{name}{next(NAMES)}",
        source=source,  # type: ignore[arg-type]
        schedule=replace(model.schedule, calendar=calendar),
    )
    late = Horizon(model.reference.period.end, model.reference.period.end)  # type: ignore[union-attr]
    baseline, _ = learn(model, late)
    watched = Watched(model, store)
    week = calendar.after(calendar.containing(late.known_at))
    read = []
    for days in (0.1, 1, 3, 8):
        now = week.end + timedelta(days=days)
        source.profiled.clear()
        reader = Reader(model, baseline.plan, store, Horizon(now, now))
        reading = reader.read([week], watched.entries)[week]
        read.append(len(source.profiled))
        if reading.slices is None:
            continue
        watched._record(week, reading, now)
        alone = model.source.profile(baseline.plan, model.columns, [week], Horizon(now, now))
        assert_same({week: reading.slices}, alone)
    assert read[0] == 168
    assert sum(read[1:]) <= 3 * 168
