"""Every database gives the portraits that a file with the same log gives, and counts itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from checks.joint import FourierMeans, JointMoments
from checks.multivariate import correlation_shift, mmd
from checks.pack import pack_all
from checks.plan import (
    BinaryPlan,
    CategoricalPlan,
    MulticlassPlan,
    NumericPlan,
    OutcomePlan,
    Plan,
    RegressionPlan,
)
from checks.portrait import Portrait
from monitor import planning
from monitor.findings import WHOLE, Slice
from monitor.planning import Outlook
from monitor.sources import ALL_TIME, Columns, Horizon, parquet
from monitor.sources._sql.log import SqlLog
from monitor.sources._sql.relation import open_table
from monitor.sources._sql.session import Cells, Query, Session
from monitor.windows import Window
from tests.sources import contract
from tests.sources.contract import DAYS, LEVELS, START, Engine
from tests.sources.databases import differences

HOUR = timedelta(hours=1)
COLUMNS = Columns(
    timestamp="at",
    id="id",
    version="version",
    prediction="prediction",
    score="score",
    label="label",
    label_timestamp="label_at",
)
NOW = START + timedelta(days=DAYS + 30)
LIVE = Horizon(NOW, NOW)
PAST = Horizon(START + timedelta(days=2, hours=5, microseconds=3), NOW)


def cut(length: timedelta, *, days: int = DAYS) -> list[Window]:
    count = timedelta(days=days) // length
    return [Window(START + n * length, START + (n + 1) * length) for n in range(count)]


DAILY, HOURLY = cut(timedelta(days=1)), cut(HOUR)
GAPPED = [window for n, window in enumerate(HOURLY) if n % 5 not in (1, 2)]


def plan(outcome: OutcomePlan | None, exact: int, segments: Mapping[str, tuple[str, ...]]) -> Plan:
    numbers = {
        "wide": NumericPlan(3.0, atoms=(0.0, 1e300, 5e-324), exact=exact),
        "usual": NumericPlan(2.9000000953674316, atoms=(3.0, 0.0), exact=exact),
        "offset": NumericPlan(1e15, exact=exact, edges=(1e15, 1e15 + 7, 1e15 + 20.5)),
        "few": NumericPlan(3.0, atoms=(3.0, 2.0)),
        "large": NumericPlan(2.0**61, exact=exact),
        "single": NumericPlan(0.0, exact=exact),
        "price": NumericPlan(10.0, exact=exact),
        "said": NumericPlan(3.0, exact=exact),
        "nothing": NumericPlan(exact=exact),
        "flag": NumericPlan(exact=exact),
        "ghost": NumericPlan(exact=exact),
        "score": NumericPlan(0.4, atoms=(0.5, 0.3), exact=exact),
        "label": NumericPlan(0.0),
    }
    texts = {
        "level": CategoricalPlan(LEVELS[:6], complete=False),
        "many": CategoricalPlan(("c0", "c1", "c17")),
        "born": CategoricalPlan(("2000-01-03",)),
        "tags": CategoricalPlan(),
        "prediction": CategoricalPlan(("0", "1")),
        "lost": CategoricalPlan(("x",)),
        "version": CategoricalPlan(("v1",)),
    }
    if isinstance(outcome, RegressionPlan):
        numbers["error"] = NumericPlan(2.0, exact=exact)
    roles = {"score": "score", "label": "label", "prediction": "prediction"}
    return Plan(numbers | texts, outcome, roles, {}, segments)  # type: ignore[arg-type]


BINARY, LINEAR = BinaryPlan("1", "0", 0.35), RegressionPlan(0.5)
SHOPS = MulticlassPlan(("3", "1", "2"), complete=False)
LETTERS = MulticlassPlan(("a", "A", "e\u0301", "é", "1"))
ONE = {"region": ("north", "North", "nowhere")}
TWO = {"region": ("north", "east "), "shop": ("1", "2")}


@dataclass(frozen=True, slots=True)
class Held:
    """The log in a file and in a database, with the labels in its rows and apart."""

    engine: Engine
    file: parquet.Source
    apart: parquet.Source


SLOW = {"spark": pytest.mark.slow}


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=SLOW.get(name, ())) for name in contract.ENGINES],
)
def held(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Held]:
    name = str(request.param)
    folder = tmp_path_factory.mktemp(name)
    with contract.ENGINES[name](folder) as engine:
        table = engine.adapt(contract.log())
        bare, labels = contract.labels(table)
        for each, part in {"log": table, "bare": bare, "labels": labels}.items():
            pq.write_table(part, folder / f"{each}.parquet", row_group_size=5000)
            engine.write(each, part)
        yield Held(
            engine,
            parquet.Source(folder / "log.parquet"),
            parquet.Source(folder / "bare.parquet", labels=folder / "labels.parquet"),
        )


CASES = {
    "by day": (plan(BINARY, 5000, {}), DAILY, LIVE, ()),
    "by day on the grid": (plan(BINARY, 0, {}), DAILY, LIVE, ()),
    "one segment": (plan(BINARY, 0, ONE), DAILY, LIVE, ()),
    "two segments": (plan(BINARY, 0, TWO), DAILY[:2], LIVE, ()),
    "by hour within days": (plan(BINARY, 0, ONE), HOURLY[:48], LIVE, DAILY[:2]),
    "hours with gaps": (plan(BINARY, 0, {}), GAPPED, LIVE, ()),
    "in the past": (plan(BINARY, 0, {}), DAILY, PAST, ()),
    "all time": (plan(BINARY, 0, ONE), [ALL_TIME], LIVE, ()),
    "without an outcome": (plan(None, 0, {}), DAILY, LIVE, ()),
    "regression": (plan(LINEAR, 0, ONE), DAILY, LIVE, ()),
    "classes": (plan(SHOPS, 0, ONE), DAILY, LIVE, ()),
    "classes without scores": (plan(LETTERS, 0, TWO), DAILY[:2], LIVE, ()),
}
ROLES = {
    "regression": {"prediction": "usual", "label": "error", "score": None},
    "classes": {"prediction": "shop", "label": "few"},
    "classes without scores": {"prediction": "level", "label": "level", "score": None},
}


def unlike(found: object, wanted: object) -> list[str]:
    """Where portraits differ, but for the name of the type of lists."""
    return [each for each in differences(found, wanted) if "columns[tags].unseen" not in each]


@pytest.mark.parametrize("case", CASES)
def test_a_database_gives_the_portraits_of_a_file(held: Held, case: str) -> None:
    wanted_plan, windows, horizon, spans = CASES[case]
    columns = replace(COLUMNS, segments=tuple(wanted_plan.segments), **ROLES.get(case, {}))
    wanted = held.file.profile(wanted_plan, columns, windows, horizon, spans)
    found = held.engine.source("log").profile(wanted_plan, columns, windows, horizon, spans)
    assert unlike(found, wanted) == []


@pytest.mark.parametrize("horizon", [LIVE, PAST], ids=["now", "in the past"])
def test_labels_apart_from_the_log_meet_it_as_in_files(held: Held, horizon: Horizon) -> None:
    asked = plan(BINARY, 0, ONE)
    columns = replace(COLUMNS, segments=tuple(ONE))
    wanted = held.apart.profile(asked, columns, DAILY, horizon)
    found = held.engine.source("bare", labels="labels").profile(asked, columns, DAILY, horizon)
    assert unlike(found, wanted) == []


@pytest.mark.parametrize("horizon", [LIVE, PAST], ids=["now", "in the past"])
@pytest.mark.parametrize("push_down", [False, True])
def test_labels_without_a_prediction_are_those_of_a_file(
    held: Held, horizon: Horizon, push_down: bool
) -> None:
    asked = Plan({"few": NumericPlan(3.0)}, orphans=True)
    source = held.engine.source("bare", labels="labels", push_down=push_down)
    found = source.profile(asked, COLUMNS, HOURLY, horizon, DAILY)
    wanted = held.apart.profile(asked, COLUMNS, HOURLY, horizon, DAILY)
    at_once, _ = source.profile_and_pulse(asked, COLUMNS, HOURLY, horizon, DAILY)
    counted = 0
    for window in HOURLY:
        logs = [each[window][WHOLE].log.anomalies for each in (found, wanted, at_once)]
        for name in ("dated_labels", "orphan_labels"):
            met = {log.get(name) for log in logs}
            assert len(met) == 1, (window, name, met)
            counted += sum(each.count for each in met if each is not None)
    assert counted > 100


def test_a_query_is_counted_as_a_table_is(held: Held) -> None:
    asked = plan(BINARY, 0, ONE)
    columns = replace(COLUMNS, segments=tuple(ONE))
    source = held.engine.source("", query=held.engine.query)
    assert "the database counts" in source.reads(asked, columns, DAILY[0], LIVE).sentence
    wanted = held.file.profile(asked, columns, DAILY, LIVE)
    found = unlike(source.profile(asked, columns, DAILY, LIVE), wanted)
    # SQLite stores 0 and 1: that they are truths is declared, which of a query nobody tells.
    lost = "columns[flag].found" if held.engine.url.startswith("sqlite") else "no such column"
    assert [each for each in found if lost not in each] == []


def test_of_ids_that_are_repeated_by_the_thousand_one_row_counts(
    held: Held, tmp_path: Path
) -> None:
    table = held.engine.adapt(contract.log(4000))
    ids = [f"r{place // 2}" if place % 7 else f"s{place % 21}" for place in range(4000)]
    table = table.set_column(0, "id", pa.array(ids, pa.string()))
    # Of rows at one time the one that was written last counts: not every database tells which.
    kept = np.unique(np.array(table["at"].to_pylist(), "O").astype(str), return_index=True)[1]
    table = table.take(pa.array(np.sort(kept)))
    held.engine.write("twice", table)
    pq.write_table(table, tmp_path / "twice.parquet")
    file, source = parquet.Source(tmp_path / "twice.parquet"), held.engine.source("twice")
    asked = Plan({"few": NumericPlan(3.0), "level": CategoricalPlan(LEVELS)}, BINARY)
    for spans in ((), DAILY, [Window(START, START + timedelta(days=DAYS))]):
        wanted = file.profile(asked, COLUMNS, HOURLY, LIVE, spans)
        found = source.profile(asked, COLUMNS, HOURLY, LIVE, spans)
        assert unlike(found, wanted) == []


def test_several_columns_are_seen_together_as_in_a_file(held: Held) -> None:
    columns = replace(COLUMNS, numeric=("few", "large", "single", "usual"), categorical=())
    kinds, outlook = frozenset((FourierMeans, JointMoments)), Outlook()
    source, first = held.engine.source("log"), DAILY[0]
    found, wanted = (
        planning.plan_of(each.survey(columns, first), columns, outlook, kinds)[0]
        for each in (source, held.file)
    )
    assert found.multivariate == wanted.multivariate
    values = []
    for each in (source, held.file):
        days = each.profile(wanted, columns, DAILY[:2], LIVE)
        then, now = (days[day][WHOLE].multivariate for day in DAILY[:2])
        assert then is not None
        assert now is not None
        values += [mmd.compute(then.fourier, now.fourier).value]
        values += [correlation_shift.compute(then.moments, now.moments).value]
    assert values[:2] == pytest.approx(values[2:], rel=1e-9)
    assert min(values) > 0


def packed(slices: Mapping[Slice, Portrait]) -> tuple[tuple[Slice, ...], bytes]:
    return tuple(slices), pack_all(list(slices.values()))


@dataclass(frozen=True, slots=True)
class Counted:
    """A session that counts the rows it hands over."""

    session: Session
    fetched: list[int]

    @property
    def place(self) -> str:
        return self.session.place

    @property
    def dialect(self) -> str:
        return self.session.dialect

    @property
    def sqlite(self) -> bool:
        return self.session.sqlite

    def rows(self, query: Query) -> Cells:
        rows = self.session.rows(query)
        self.fetched.append(len(rows))
        return rows

    def stream(self, query: Query, size: int) -> Iterator[Cells]:
        for rows in self.session.stream(query, size):
            self.fetched.append(len(rows))
            yield rows

    def columns(self, query: Query) -> Sequence[tuple[str, object]]:
        return self.session.columns(query)

    def table(self, name: str, schema: str) -> Mapping[str, object]:
        return self.session.table(name, schema)


def test_the_database_counts_and_few_rows_are_fetched(held: Held) -> None:
    asked = Plan({"few": NumericPlan(3.0), "level": CategoricalPlan(LEVELS)}, roles={})
    columns = Columns(timestamp="at", id="id")
    with held.engine.session() as opened:
        counted = Counted(opened, [])
        log = SqlLog(open_table(counted, "log", ""), push_down=True)  # type: ignore[arg-type]
        log.profile(asked, columns, DAILY, LIVE)
        assert sum(counted.fetched) < 0.2 * contract.ROWS
        assert "the database counts" in log.pushed_down(asked, columns, DAILY, LIVE)


@pytest.mark.parametrize("horizon", [LIVE, PAST], ids=["now", "in the past"])
def test_pulses_have_the_rows_and_labels_of_a_file(held: Held, horizon: Horizon) -> None:
    for name, file, more in (("log", held.file, {}), ("bare", held.apart, {"labels": "labels"})):
        wanted = file.pulse(COLUMNS, HOURLY, horizon)
        found = held.engine.source(name, **more).pulse(COLUMNS, HOURLY, horizon)
        counts = {window: (pulse.rows, pulse.labels) for window, pulse in found.items()}
        assert counts == {window: (pulse.rows, pulse.labels) for window, pulse in wanted.items()}


@pytest.mark.parametrize("horizon", [LIVE, PAST], ids=["now", "in the past"])
@pytest.mark.parametrize("push_down", [None, False, True])
def test_what_is_told_at_once_is_what_is_told_apart(
    held: Held, horizon: Horizon, push_down: bool | None
) -> None:
    asked = Plan({"few": NumericPlan(3.0), "level": CategoricalPlan(LEVELS)}, roles={})
    for name, more in (("log", {}), ("bare", {"labels": "labels"})):
        source = held.engine.source(name, push_down=push_down, **more)
        profiles, pulses = source.profile_and_pulse(asked, COLUMNS, HOURLY, horizon, DAILY)
        assert pulses == source.pulse(COLUMNS, HOURLY, horizon)
        apart = source.profile(asked, COLUMNS, HOURLY, horizon, DAILY)
        assert {w: packed(found) for w, found in profiles.items()} == {
            w: packed(found) for w, found in apart.items()
        }


def test_a_revised_label_changes_the_pulse_of_its_window_alone(held: Held) -> None:
    table = held.engine.adapt(contract.log(2000))
    held.engine.write("first", table)
    place = 1200
    label = table["label"].to_pylist()
    label[place] = 1 - (label[place] or 0)
    at = table.column_names.index("label")
    held.engine.write("revised", table.set_column(at, "label", pa.array(label, pa.int64())))
    first = held.engine.source("first").pulse(COLUMNS, HOURLY, LIVE)
    again = held.engine.source("first").pulse(COLUMNS, HOURLY, LIVE)
    revised = held.engine.source("revised").pulse(COLUMNS, HOURLY, LIVE)
    moment = table["at"][place].as_py()
    assert first == again
    assert [window for window in HOURLY if first[window] != revised[window]] == [
        window for window in HOURLY if window.start <= moment < window.end
    ]


@pytest.mark.slow
def test_a_million_categories_are_counted_in_blocks(held: Held, tmp_path: Path) -> None:
    rows = 1_000_000
    moments = int(START.timestamp() * 1e6) + np.arange(rows) * 300_000
    names = pa.array([f"name {place * 7919 % rows}" for place in range(rows)])
    table = pa.table({"at": pa.array(moments, pa.timestamp("us", "UTC")), "name": names})
    held.engine.write("million", table)
    pq.write_table(table, tmp_path / "million.parquet")
    asked = Plan({"name": CategoricalPlan(("name 1", "name 2"), complete=False)})
    columns = Columns(timestamp="at")
    wanted = parquet.Source(tmp_path / "million.parquet").profile(asked, columns, DAILY, LIVE)
    found = held.engine.source("million").profile(asked, columns, DAILY, LIVE)
    assert unlike(found, wanted) == []
