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

from checks.plan import BinaryPlan, CategoricalPlan, NumericPlan, OutcomePlan, Plan, RegressionPlan
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
    "by hour within days": (plan(BINARY, 0, ONE), HOURLY, LIVE, DAILY),
    "hours with gaps": (plan(BINARY, 0, {}), GAPPED, LIVE, ()),
    "in the past": (plan(BINARY, 0, {}), DAILY, PAST, ()),
    "all time": (plan(BINARY, 0, ONE), [ALL_TIME], LIVE, ()),
    "without an outcome": (plan(None, 0, {}), DAILY, LIVE, ()),
    "regression": (plan(LINEAR, 0, ONE), DAILY, LIVE, ()),
}


def unlike(found: object, wanted: object) -> list[str]:
    """Where portraits differ, but for the name of the type of lists."""
    return [each for each in differences(found, wanted) if "columns[tags].unseen" not in each]


@pytest.mark.parametrize("case", CASES)
def test_a_database_gives_the_portraits_of_a_file(held: Held, case: str) -> None:
    wanted_plan, windows, horizon, spans = CASES[case]
    columns = replace(COLUMNS, segments=tuple(wanted_plan.segments))
    if isinstance(wanted_plan.outcome, RegressionPlan):
        columns = replace(columns, prediction="usual", label="error", score=None)
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
        assert sum(counted.fetched) < 0.05 * contract.ROWS
        assert "the database counts" in log.pushed_down(asked, columns, DAILY, LIVE)


@pytest.mark.parametrize("horizon", [LIVE, PAST], ids=["now", "in the past"])
def test_pulses_have_the_rows_and_labels_of_a_file(held: Held, horizon: Horizon) -> None:
    for name, file, more in (("log", held.file, {}), ("bare", held.apart, {"labels": "labels"})):
        wanted = file.pulse(COLUMNS, HOURLY, horizon)
        found = held.engine.source(name, **more).pulse(COLUMNS, HOURLY, horizon)
        counts = {window: (pulse.rows, pulse.labels) for window, pulse in found.items()}
        assert counts == {window: (pulse.rows, pulse.labels) for window, pulse in wanted.items()}


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
