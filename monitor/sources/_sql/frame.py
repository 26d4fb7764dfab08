"""The rows of a log that a database can count, told apart from those that Python must look at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    and_,
    case,
    func,
    literal_column,
    null,
    or_,
    select,
)
from sqlalchemy.types import NullType, TypeEngine

from checks.plan import Beside, ForecastPlan, MultilabelPlan, Plan, RankingPlan
from monitor.sources import ALL_TIME, Columns, Horizon
from monitor.sources._needs import Needs
from monitor.sources._placing import SKEW
from monitor.sources._sql.clock import Clock, Era, NotPlain, clock_of
from monitor.sources._sql.conditions import Writer, tests_of
from monitor.sources._sql.dialects import Dialect
from monitor.sources._sql.ids import Ids
from monitor.sources._sql.pushdown import Test, TimeColumn
from monitor.sources._sql.relation import Relation, Rows
from monitor.sources._zones import micros
from monitor.windows import Window

WINDOW, AT = "modelmon_window", "modelmon_at"
"""The columns of a frame that hold the place of a row's window, and its time."""

ARRIVED = "modelmon_arrived"
"""The cells of a frame that hold when the label of a row arrived."""

_BY_ROW: Mapping[Beside, str] = {
    "ranges": "prediction intervals are held against the truth row by row",
    "weights": "weights are added up row by row",
    "scores": "the scores of all classes are ranked row by row",
}
_MARGIN = timedelta(days=3)
_FIRST, _LAST = datetime(1970, 1, 5, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)

Cell = tuple[ColumnElement[Any], Relation]
"""A column of the rows, and the relation that it is of."""


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """The rows of some windows, joined with their truth.

    ``where`` is what no row of the windows escapes, ``tests`` tell the plain rows among these (none
    of them: all are plain), ``known`` those that may be seen at the horizon. ``cells`` are the
    columns that the plan needs, as far as the log has them.
    """

    log: Relation
    rows: FromClause
    where: Test | None
    tests: Sequence[Test]
    known: Test | None
    clock: Clock | None
    cells: dict[str, Cell]

    def kind(self, name: str) -> TypeEngine[Any]:
        """The declared type of a column."""
        return self.cells[name][1].types[name]

    def odd(self) -> Rows | None:
        """The rows of the windows that are not plain; None where there can be none."""
        if not self.tests:
            return None
        odd = case((and_(*self.tests), 0), else_=1) == 1
        where = odd if self.where is None else and_(self.where, odd)
        return Rows(self.log, where, ordered=True, joined=self.rows)

    def counted(
        self, windows: Sequence[Window], names: Sequence[str], *, first: int = 0
    ) -> FromClause:
        """A subquery of the plain rows: these columns, and the place of each row's window.

        Windows are in order; the place of the first one is ``first``. Of rows in none of them the
        place is NULL.
        """
        chosen = [] if self.where is None else [self.where]
        chosen += [*self.tests, *([] if self.known is None else [self.known])]
        columns = [self.cells[name][0].label(name) for name in names]
        if self.clock is None or tuple(windows) == (ALL_TIME,):
            place: ColumnElement[Any] = _place(first).label(WINDOW)
            at = [] if self.clock is None else [self.clock.key.label(AT)]
            inner = select(*columns, *at, place).select_from(self.rows).where(*chosen)
            return inner.subquery("plain")
        clock, key = self.clock, self.clock.key
        chosen += [key >= clock.bound(micros(windows[0].start))]
        chosen += [key < clock.bound(micros(windows[-1].end))]
        inner = select(*columns, key.label(AT)).select_from(self.rows).where(*chosen)
        plain = inner.subquery("plain")
        kept = {name: plain.c[name] for name in (*names, AT)}
        tree = place_of(plain.c[AT], clock, windows, first)
        return select(*kept.values(), tree.label(WINDOW)).subquery("rows_of_windows")


def place_of(
    key: ColumnElement[Any], clock: Clock, windows: Sequence[Window], first: int = 0
) -> ColumnElement[Any]:
    """The place of the window that a time lies in, NULL for none: a balanced tree of CASE.

    Windows are in order and do not overlap.
    """
    edges: list[int] = []
    leaves: list[ColumnElement[Any]] = [null()]
    for place, window in enumerate(windows, first):
        if edges and edges[-1] == micros(window.start):
            leaves[-1] = _place(place)
        else:
            edges.append(micros(window.start))
            leaves.append(_place(place))
        edges.append(micros(window.end))
        leaves.append(null())

    def tree(low: int, high: int) -> ColumnElement[Any]:
        """The leaves from ``low`` to before ``high``."""
        if high - low == 1:
            return leaves[low]
        middle = (low + high) // 2
        return case(
            (key < clock.bound(edges[middle - 1]), tree(low, middle)), else_=tree(middle, high)
        )

    return tree(0, len(leaves))


def _place(place: int) -> ColumnElement[Any]:
    return literal_column(str(place), Integer())


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a log."""

    plan: Plan
    columns: Columns
    windows: tuple[Window, ...]
    horizon: Horizon
    spans: tuple[Window, ...] = ()

    @property
    def era(self) -> Era:
        """When local clocks matter: from the first window to the last label."""
        first = max(self.windows[0].start, _FIRST)
        last = max(self.windows[-1].end, self.horizon.known_at, self.horizon.clock)
        return Era(first - _MARGIN, max(min(last, _LAST), first) + _MARGIN)


def frame_of(
    log: Relation,
    truth: Relation | None,
    names: Sequence[str],
    asked: Request,
    *,
    once: bool = True,
) -> Frame:
    """The rows of a request; ``names`` are the columns that it needs.

    ``once`` says that an id counts once, so that rows which share theirs are not plain.

    Raises:
        NotPlain: they cannot be told apart in SQL.
    """
    facts = log.dialect
    if facts is None:
        raise NotPlain(f"nothing is known of how {log.session.dialect} counts")
    _require_counts(asked.plan)
    log, columns = log.typed(), asked.columns
    times, clock = _clock(log, asked)
    everything = asked.windows == (ALL_TIME,)
    where = None if times is None or everything else times.within(asked.windows)
    told = _truth(log, truth, clock, where, asked)
    tests, rows = [*_times(times, clock, asked), *told.tests], told.rows
    if once and columns.id in log.types:
        ids = Ids.of(log, str(columns.id))
        if not log.unique(str(columns.id)):
            repeated = ids.repeated(where, _span_of(clock, asked))
            rows, tests = repeated.joined(rows), [*tests, *repeated.test()]
    known = None
    if clock is not None and asked.windows[-1].end > asked.horizon.known_at:
        known = clock.key < clock.bound(micros(asked.horizon.known_at) + 1)
    cells: dict[str, Cell] = {n: (log.readable(n), log) for n in names if n in log.types}
    cells.pop(str(columns.label), None)
    if told.label is not None:
        cells[str(columns.label)] = told.label
    if told.arrived is not None:
        cells[ARRIVED] = told.arrived
    _require_types(log, cells, asked)
    tests += _numbers(cells, facts, asked)
    tests += _ruled(log, cells, facts, asked)
    return Frame(log, rows, where, tests, known, clock, cells)


def _require_counts(plan: Plan) -> None:
    """That counts and sums are all that is kept."""
    if plan.multivariate is not None:
        raise NotPlain("profiles of several columns at once are made of rows")
    if plan.delays:
        raise NotPlain("how long labels took is told by rows")
    if isinstance(plan.outcome, RankingPlan | MultilabelPlan | ForecastPlan):
        raise NotPlain("the metrics of its task are made of rows")
    for each in plan.besides:
        raise NotPlain(_BY_ROW[each])


def _require_types(log: Relation, cells: Mapping[str, Cell], asked: Request) -> None:
    """That rows can be grouped by what parts them: cells of an unknown type may not compare."""
    columns = asked.columns
    parts = (columns.version, columns.prediction, columns.score, columns.label)
    for name in (*filter(None, parts), *asked.plan.segments):
        known = name not in cells or not isinstance(cells[name][1].types[name], NullType)
        if not (known or log.session.sqlite):
            raise NotPlain(f"the type of {name!r} is not known")


def _clock(log: Relation, asked: Request) -> tuple[TimeColumn | None, Clock | None]:
    name, columns = asked.columns.timestamp, asked.columns
    if name is None:
        return None, None
    times = log.times(name, columns.timezone)
    return times, _clock_of(log, times, name, asked)


def _clock_of(log: Relation, times: TimeColumn, name: str, asked: Request) -> Clock:
    told = times.form in ("instant", "wall", "day")
    sample = [] if told else log.sample(name)
    return clock_of(
        times, log.types[name], sample, asked.plan.timestamp_unit, asked.era, log.session.dialect
    )


def _times(times: TimeColumn | None, clock: Clock | None, asked: Request) -> list[Test]:
    """Which rows have a plain time that is not of the future."""
    if times is None or clock is None:
        return []
    tests = [] if clock.plain is None else [clock.plain]
    future = asked.horizon.clock + SKEW
    everything = asked.windows == (ALL_TIME,)
    if everything or not times.exact or asked.windows[-1].end > future:
        tests.append(clock.key < clock.bound(micros(future) + 1))
    return tests


def _span_of(clock: Clock | None, asked: Request) -> ColumnElement[int] | None:
    """The span of each row, where there are several."""
    spans = sorted(set(asked.spans)) or list(asked.windows)
    if clock is None or len(spans) == 1:
        return None
    place = place_of(clock.key, clock, spans)
    return place if clock.plain is None else case((clock.plain, place))


def _numbers(cells: dict[str, Cell], facts: Dialect, asked: Request) -> list[Test]:
    """That no text stands where the outcome needs numbers, where each cell has a type."""
    needs = Needs.of(asked.plan, asked.columns)
    parts = (needs.prediction, needs.score, needs.label) if asked.plan.outcome else ()
    names = [need.name for need in parts if need is not None and need.numeric]
    if not facts.typed_cells:
        return []
    kinds = (func.typeof(cells[name][0]) for name in names if name in cells)
    return [kind.in_(("integer", "real", "null")) for kind in kinds]


def _ruled(log: Relation, cells: Mapping[str, Cell], facts: Dialect, asked: Request) -> list[Test]:
    """That cells are what row rules read them as."""
    if not asked.plan.rules:
        return []
    ours = {name: cell for name, (cell, relation) in cells.items() if relation is log}
    return tests_of(asked.plan, Writer(ours, log.types, facts, log.session.dialect))


@dataclass(frozen=True, slots=True, eq=False)
class _Truth:
    """The rows joined with their labels, the label of each and which of them are plain."""

    rows: FromClause
    label: Cell | None = None
    arrived: Cell | None = None
    tests: Sequence[Test] = ()


def _truth(
    log: Relation, truth: Relation | None, clock: Clock | None, where: Test | None, asked: Request
) -> _Truth:
    """The truth as known at the horizon."""
    label = asked.columns.label
    if label is None or (truth is None and label not in log.types):
        return _Truth(log.rows)
    if truth is None:
        return _in_row(log, label, clock, asked)
    return _apart(log, truth.typed(), label, clock, where, asked)


def _in_row(log: Relation, name: str, clock: Clock | None, asked: Request) -> _Truth:
    arrivals = _arrivals(log, asked)
    if arrivals is None:
        return _Truth(log.rows, (log.readable(name), log))
    seen = arrivals.seen(asked.horizon)
    label, arrived = case((seen, log.readable(name))), case((seen, arrivals.column))
    return _Truth(log.rows, (label, log), (arrived, log), arrivals.tests(clock))


def _apart(
    log: Relation,
    truth: Relation,
    name: str,
    clock: Clock | None,
    where: Test | None,
    asked: Request,
) -> _Truth:
    """The truth from a relation of its own, of ids with one visible label."""
    key = str(asked.columns.id)
    labels = replace(truth, rows=truth.rows.alias("labels"), arrival=None, _times={})
    ours, theirs = Ids.of(log, key), Ids.of(labels, key)
    if ours.kind != theirs.kind:
        raise NotPlain(f"{key!r} is of two types in the log and in its labels")
    arrivals = _arrivals(labels, asked)
    there: list[Test] = [labels.rows.c[name].is_not(None)]
    if arrivals is not None:
        there.append(arrivals.maybe_seen(asked.horizon))
    rows: FromClause = log.rows
    tests: list[Test] = []
    if not truth.unique(key):
        repeated = theirs.repeated(and_(*there, *_labelled(ours, theirs, where)), None)
        repeated = replace(repeated, key=ours.key)
        rows, tests = repeated.joined(rows), repeated.test()
    meet = and_(theirs.key == ours.key, *_exactly(ours, theirs), *there, *tests)
    rows = rows.outerjoin(labels.rows, meet)
    if arrivals is not None:
        tests += [or_(theirs.key.is_(None), test) for test in arrivals.tests(clock)]
    arrived = None if arrivals is None else (arrivals.column, labels)
    return _Truth(rows, (labels.readable(name), labels), arrived, tests)


def _exactly(ours: Ids, theirs: Ids) -> list[Test]:
    """That two texts are equal by their letters, where a database may take more for equal."""
    facts = ours.log.dialect
    if facts is None or not facts.loose_text or ours.kind != "String":
        return []
    return [ours.key.collate(facts.collation) == theirs.key.collate(facts.collation)]


def _labelled(ours: Ids, theirs: Ids, where: Test | None) -> list[Test]:
    if where is None:
        return []
    ids = select(ours.key).select_from(ours.log.rows).where(where).correlate(None)
    return [theirs.key.in_(ids)]


@dataclass(frozen=True, slots=True, eq=False)
class _Arrivals:
    """When labels arrived: the cells, and those of them that are plain."""

    column: ColumnElement[Any]
    clock: Clock

    def seen(self, horizon: Horizon) -> Test:
        """Labels visible at the horizon, of those whose time is plain or missing."""
        arrived = self.clock.key < self.clock.bound(micros(horizon.known_at) + 1)
        live = horizon.known_at >= horizon.clock
        return or_(self.column.is_(None), arrived) if live else arrived

    def maybe_seen(self, horizon: Horizon) -> Test:
        """Labels that may be visible, whatever their time."""
        if self.clock.plain is None:
            return self.seen(horizon)
        odd = case((self.column.is_(None), 0), (self.clock.plain, 0), else_=1) == 1
        return or_(odd, self.seen(horizon))

    def tests(self, prediction: Clock | None) -> list[Test]:
        """Labels without a time, or with a plain one that is not before the prediction's."""
        tests = [] if self.clock.plain is None else [self.clock.plain]
        if prediction is not None:
            tests.append(self.clock.not_before(prediction))
        return [or_(self.column.is_(None), test) for test in tests]


def _arrivals(log: Relation, asked: Request) -> _Arrivals | None:
    name = asked.columns.label_timestamp
    if name is None or name not in log.types:
        return None
    column = log.readable(name)
    times = replace(log.times(name, asked.columns.timezone), column=column)
    clock = _clock_of(log, times, name, asked)
    return _Arrivals(column, clock)
