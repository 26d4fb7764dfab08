"""The sums of a pass: placed rows are gathered, cut into windows and slices, profiled and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from checks.outcome import Outcome
from checks.plan import SEGMENT_SHIFT, CategoricalPlan, ColumnPlan, NumericPlan, Plan
from checks.portrait import ColumnProfile, Portrait
from checks.profile import Anomaly, LogProfile
from monitor.findings import WHOLE, Slice
from monitor.sources import ALL_TIME
from monitor.sources._columns import NULL, Column, Levels, Numbers, Rows
from monitor.sources._needs import Need, Needs
from monitor.sources._outcomes import Judged, judged
from monitor.sources._times import NAT
from monitor.sources._zones import Micros
from monitor.windows import Window

_MOST_CELLS = 1 << 22  # gathered before they are profiled: some 40 MB

Place = tuple[int, Slice]
"""A window, by its place among those requested, and a slice of it."""


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows of some windows: the window and time of each, and their columns."""

    window: NDArray[np.intp]
    times: Micros
    columns: Mapping[Need, Column]

    def __len__(self) -> int:
        return len(self.window)

    @classmethod
    def join(cls, parts: Sequence[Gathered]) -> Gathered:
        """All rows, ordered by window."""
        window = np.concatenate([part.window for part in parts])
        times = np.concatenate([part.times for part in parts])
        columns = {need: _join([part.columns[need] for part in parts]) for need in parts[0].columns}
        if (window[1:] >= window[:-1]).all():
            return cls(window, times, columns)
        order = np.argsort(window, kind="stable")
        ordered = {need: column.at(order) for need, column in columns.items()}
        return cls(window[order], times[order], ordered)


def _join(parts: Sequence[Column]) -> Column:
    if isinstance(parts[0], Numbers):
        return Numbers.join([part for part in parts if isinstance(part, Numbers)])
    return Levels.join([part for part in parts if isinstance(part, Levels)])


@dataclass(slots=True)
class _Facts:
    """What the profile of a log is made of."""

    rows: int = 0
    first: float = np.inf
    last: float = -np.inf
    labels: int = 0
    versions: Counter[str] = field(default_factory=Counter)

    def add(self, times: Micros, labels: int, versions: Mapping[str, int]) -> None:
        timed = times[times != NAT]
        self.rows += len(times)
        if len(timed):
            self.first = min(self.first, float(timed.min()) / 1e6)
            self.last = max(self.last, float(timed.max()) / 1e6)
        self.labels += labels
        self.versions.update(versions)


class Tally:
    """Adds up what every window and slice of a plan needs.

    Rows are gathered until there are some four million cells, so that a log in no order costs
    little more than one in order, and memory does not grow with the log.
    """

    def __init__(self, plan: Plan, needs: Needs) -> None:
        self._plan, self._needs, self._hash = plan, needs, plan.hash
        self._most = max(_MOST_CELLS // (len(list(needs)) + 2), 1)
        self._waiting: list[Gathered] = []
        self._facts: dict[Place, _Facts] = {}
        self._columns: dict[tuple[Place, str], ColumnProfile] = {}
        self._outcomes: dict[Place, Outcome] = {}
        self._anomalies: dict[int, dict[str, Anomaly]] = {}

    def add(self, rows: Gathered) -> None:
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= self._most:
            self._profile_waiting()

    def report(self, window: int, name: str, met: Anomaly) -> None:
        """Count rows that break a rule of the log."""
        known = self._anomalies.setdefault(window, {})
        known[name] = met.merge(known.get(name, Anomaly(0)))

    def portraits(self, windows: Sequence[Window]) -> dict[Window, dict[Slice, Portrait]]:
        """The portrait of every window and slice, also where there are no rows."""
        self._profile_waiting()
        empty = self._judge({need: need.absent(0) for need in self._needs}, 0)
        return {
            window: {key: self._portrait((place, key), window, empty) for key in slices(self._plan)}
            for place, window in enumerate(windows)
        }

    def _portrait(self, place: Place, window: Window, empty: Judged) -> Portrait:
        facts = self._facts.get(place, _Facts())
        log = LogProfile.of_window(
            facts.rows,
            facts.first,
            facts.last,
            window.end.timestamp(),
            labels=facts.labels,
            versions=dict(sorted(facts.versions.items())),
            anomalies=self._anomalies.get(place[0]) if place[1] == WHOLE else None,
            span=0.0 if window == ALL_TIME else window.length.total_seconds(),
        )
        if window == ALL_TIME:
            log = replace(log, silence=-np.inf)
        columns = {
            name: self._columns.get((place, name))
            or _profile(need.absent(0), _sliced(self._plan.columns[name], place[1]))
            for name, need in self._needs.watched.items()
        }
        outcome = self._outcomes.get(place) or empty.outcome(slice(None))
        return Portrait(self._hash, columns, log, outcome)

    def _profile_waiting(self) -> None:
        if not self._waiting:
            return
        rows, self._waiting = Gathered.join(self._waiting), []
        cuts = list(_cuts(self._plan, self._needs, rows))
        self._add_facts(rows, cuts)
        for name, need in self._needs.watched.items():
            column, plan = rows.columns[need], self._plan.columns[name]
            told = column.kinds != NULL if self._plan.role(name) == "label" else None
            for place, chosen in cuts:
                part = column.at(chosen)
                part = part if told is None else part.at(np.flatnonzero(told[chosen]))
                self._add_column(place, name, _profile(part, _sliced(plan, place[1])))

    def _add_facts(self, rows: Gathered, cuts: Sequence[tuple[Place, Rows]]) -> None:
        found = self._judge(rows.columns, len(rows))
        version = rows.columns[self._needs.version] if self._needs.version else None
        for place, chosen in cuts:
            versions = version.at(chosen).counts() if isinstance(version, Levels) else {}
            labels = int(np.count_nonzero(found.labelled[chosen]))
            self._facts.setdefault(place, _Facts()).add(rows.times[chosen], labels, versions)
            outcome = found.outcome(chosen)
            if outcome is not None:
                before = self._outcomes.get(place)
                self._outcomes[place] = outcome if before is None else before.merge(outcome)  # type: ignore[arg-type]

    def _judge(self, columns: Mapping[Need, Column], length: int) -> Judged:
        parts = (self._needs.prediction, self._needs.score, self._needs.label)
        found = (None if need is None else columns[need] for need in parts)
        return judged(self._plan.outcome, length, *found)

    def _add_column(self, place: Place, name: str, profile: ColumnProfile) -> None:
        before = self._columns.get((place, name))
        self._columns[place, name] = profile if before is None else before.merge(profile)  # type: ignore[arg-type]


def slices(plan: Plan) -> tuple[Slice, ...]:
    """The whole population, and each segment that the plan lists."""
    return (WHOLE, *(_segment(n, value) for n, values in plan.segments.items() for value in values))


def _segment(name: str, value: str) -> Slice:
    return Slice(segment=f"{name}={value}")


def _cuts(plan: Plan, needs: Needs, rows: Gathered) -> Iterator[tuple[Place, Rows]]:
    """The rows of each window and slice that has any; windows stand in one piece."""
    found = np.unique(rows.window)
    starts = np.searchsorted(rows.window, found)
    ends = np.searchsorted(rows.window, found, "right")
    for window, start, end in zip(found.tolist(), starts.tolist(), ends.tolist(), strict=True):
        yield (window, WHOLE), slice(start, end)
        for name, values in plan.segments.items():
            column = rows.columns[needs.segments[name]].at(slice(start, end))
            for value in values:
                chosen = np.flatnonzero(column.equal(value)) if isinstance(column, Levels) else ()
                if len(chosen):
                    yield (window, _segment(name, value)), np.asarray(chosen) + start


def _sliced(plan: ColumnPlan, key: Slice) -> ColumnPlan:
    """The plan of a column in a slice: segments are counted on a coarser grid."""
    if isinstance(plan, CategoricalPlan) or key == WHOLE:
        return plan
    return replace(plan, shift=SEGMENT_SHIFT)


def _profile(column: Column, plan: ColumnPlan) -> ColumnProfile:
    if isinstance(plan, NumericPlan) and isinstance(column, Numbers):
        return column.profile(plan)
    if isinstance(plan, CategoricalPlan) and isinstance(column, Levels):
        return column.profile(plan)
    raise TypeError(f"a column read as {type(column).__name__} has no place in {plan}")
