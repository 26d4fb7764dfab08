"""The sums of a pass: placed rows are gathered, cut into windows and slices, profiled and added."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.grid import Counts, Floats
from checks.joint import Multivariate
from checks.log import Anomaly, LogProfile
from checks.outcome import Outcome
from checks.outcome_ranking import QueryRows
from checks.plan import SEGMENT_SHIFT, CategoricalPlan, ColumnPlan, MultilabelPlan, Plan
from checks.portrait import ColumnProfile, Portrait
from monitor.findings import WHOLE, Slice
from monitor.sources import ALL_TIME
from monitor.sources._besides import Besides
from monitor.sources._columns import (
    NULL,
    Column,
    Levels,
    LevelsCount,
    Numbers,
    NumbersCount,
    Rows,
    Vectors,
    Words,
    count_of,
)
from monitor.sources._delayed import delays_of
from monitor.sources._needs import Need, Needs
from monitor.sources._outcomes import Judged, judged
from monitor.sources._ranked import settled
from monitor.sources._times import NAT
from monitor.sources._together import together
from monitor.sources._zones import Micros
from monitor.windows import Window

_MOST_CELLS = 1 << 22  # gathered before they are counted: some 40 MB
_WORDS = 64  # of a text, about
_MOST_OPEN = 128  # columns that are being counted: up to 64 MB
_MOST_PARTS = 16  # outcomes of batches: to merge so many at once costs little more than two

_P = TypeVar("_P", bound=ColumnPlan)

Place = tuple[int, Slice]
"""A window, by its place among those requested, and a slice of it."""

Cuts = Sequence[tuple[Place, Rows]]
"""The rows of each window and slice."""

NO_TIMES: Micros = np.empty(0, np.int64)
NO_VERSIONS: Mapping[str, int] = {}
NO_RANKS: Floats = np.empty(0)


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """Rows of some windows: the window and time of each, and their columns.

    ``ranks`` are those of the rows in a sample, ``arrived`` when their labels came, each where the
    plan asks for it.
    """

    window: NDArray[np.intp]
    times: Micros
    columns: Mapping[Need, Column]
    ranks: Floats = field(default_factory=lambda: NO_RANKS)
    arrived: Micros = field(default_factory=lambda: NO_TIMES)

    def __len__(self) -> int:
        return len(self.window)

    @classmethod
    def join(cls, parts: Sequence[Gathered]) -> Gathered:
        """All rows, ordered by window."""
        window = np.concatenate([part.window for part in parts])
        times = np.concatenate([part.times for part in parts])
        columns = {need: _join([part.columns[need] for part in parts]) for need in parts[0].columns}
        kept = [np.concatenate([getattr(part, n) for part in parts]) for n in ("ranks", "arrived")]
        if (window[1:] >= window[:-1]).all():
            return cls(window, times, columns, *kept)
        order = np.argsort(window, kind="stable")
        ordered = {need: column.at(order) for need, column in columns.items()}
        kept = [each[order] if len(each) else each for each in kept]
        return cls(window[order], times[order], ordered, *kept)


def _join(parts: Sequence[Column]) -> Column:
    if isinstance(parts[0], Numbers):
        return Numbers.join([part for part in parts if isinstance(part, Numbers)])
    if isinstance(parts[0], Words):
        return Words.join([part for part in parts if isinstance(part, Words)])
    if isinstance(parts[0], Vectors):
        return Vectors.join([part for part in parts if isinstance(part, Vectors)])
    return Levels.join([part for part in parts if isinstance(part, Levels)])


@dataclass(slots=True)
class _Facts:
    """What the profile of a log is made of."""

    rows: int = 0
    first: float = np.inf
    last: float = -np.inf
    labels: int = 0
    versions: Counter[str] = field(default_factory=Counter)

    def add(self, rows: int, times: Micros, labels: int, versions: Mapping[str, int]) -> None:
        timed = times[times != NAT]
        self.rows += rows
        if len(timed):
            self.first = min(self.first, float(timed.min()) / 1e6)
            self.last = max(self.last, float(timed.max()) / 1e6)
        self.labels += labels
        self.versions.update(versions)

    def merge(self, other: _Facts) -> _Facts:
        return _Facts(
            self.rows + other.rows,
            min(self.first, other.first),
            max(self.last, other.last),
            self.labels + other.labels,
            self.versions + other.versions,
        )


class Tally:
    """Adds up what every window and slice of a plan needs.

    Rows of one window are counted at once. Rows of several are gathered until there are some four
    million cells, so that a log in no order costs little more than one in order. Neither lets
    memory grow with the log.
    """

    def __init__(self, plan: Plan, needs: Needs, known_at: float = np.inf) -> None:
        self._plan, self._needs, self._hash = plan, needs, plan.hash
        self._most = max(_MOST_CELLS // (len(list(needs)) + _width(plan) + 2), 1)
        self._few = len(slices(plan)) * len(needs.watched) <= _MOST_OPEN
        self._waiting: list[Gathered] = []
        self._facts: dict[Place, _Facts] = {}
        self._open: dict[tuple[Place, str], NumbersCount | LevelsCount] = {}
        self._columns: dict[tuple[Place, str], ColumnProfile] = {}
        self._outcomes: dict[Place, Outcome | QueryRows] = {}
        self._parts: dict[Place, list[Outcome | QueryRows]] = {}
        self._together: dict[Place, Multivariate] = {}
        self._anomalies: dict[int, dict[str, Anomaly]] = {}
        self._delays: dict[Place, Delays] = {}
        self._embeddings: dict[tuple[Place, str], EmbeddingProfile] = {}
        self._known_at = known_at

    def add(self, rows: Gathered) -> None:
        if self._few and len(rows) and _alike(rows.window):
            self._count(rows)
            return
        self._waiting.append(rows)
        if sum(map(len, self._waiting)) >= self._most:
            self._count_waiting()

    def report(self, window: int, name: str, met: Anomaly) -> None:
        """Count rows that break a rule of the log."""
        known = self._anomalies.setdefault(window, {})
        known[name] = met.merge(known.get(name, Anomaly(0)))

    def portraits(self, windows: Sequence[Window]) -> dict[Window, dict[Slice, Portrait]]:
        """The portrait of every window and slice, also where there are no rows."""
        self.settled()
        nothing: Mapping[Need, Column] = {need: need.absent(0) for need in self._needs}
        empty = self._judge(nothing, 0)
        return {
            window: {
                key: self._portrait((place, key), window, nothing, empty)
                for key in slices(self._plan)
            }
            for place, window in enumerate(windows)
        }

    def settled(self) -> Tally:
        """This tally with everything counted: profiles are left in it, and rows of queries."""
        self._count_waiting()
        self._close()
        self._merge_parts()
        return self

    def take(self, other: Tally) -> None:
        """Add the sums of other rows, under the same plan, of a settled tally."""
        self.settled()
        for place, facts in other._facts.items():
            self._facts[place] = facts.merge(self._facts.get(place, _Facts()))
        for (place, name), profile in other._columns.items():
            self.add_profile(place, name, profile)
        for place, outcome in other._outcomes.items():
            self.add_outcome(place, outcome)
        for place, part in other._together.items():
            self._join(place, part)
        for place, delays in other._delays.items():
            self._add_delays(place, delays)
        for (place, name), vectors in other._embeddings.items():
            self._add_embedding(place, name, vectors)
        for window, anomalies in other._anomalies.items():
            for name, met in anomalies.items():
                self.report(window, name, met)

    def _portrait(
        self, place: Place, window: Window, nothing: Mapping[Need, Column], empty: Judged
    ) -> Portrait:
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
            or count_of(sliced(self._plan.columns[name], place[1])).profile()
            for name in self._needs.watched
        }
        none = self._besides(nothing)
        told = none.told(empty.outcome(slice(None)), empty, slice(None))
        outcome = settled(self._outcomes.get(place) or told)
        together, delays = self._multivariate(place, nothing, empty), self._delays_of(place, empty)
        embeddings = {
            name: self._embeddings.get((place, name))
            or EmbeddingProfile.of(Vectors.absent(0, len(plan.centre)).values, plan)
            for name, plan in self._plan.embeddings.items()
        }
        return Portrait(self._hash, columns, log, outcome, together, delays, embeddings)

    def _delays_of(self, place: Place, empty: Judged) -> Delays | None:
        if place[1] != WHOLE or not self._plan.delays:
            return None
        none = delays_of(self._plan, empty, NO_TIMES, NO_TIMES, slice(0), self._known_at)
        return self._delays.get(place) or none

    def _multivariate(
        self, place: Place, nothing: Mapping[Need, Column], empty: Judged
    ) -> Multivariate | None:
        if place[1] != WHOLE:
            return None
        watched = {name: nothing[need] for name, need in self._needs.watched.items()}
        return self._together.get(place) or together(self._plan, watched, NO_RANKS, slice(0), empty)

    def _count_waiting(self) -> None:
        if self._waiting:
            rows, self._waiting = Gathered.join(self._waiting), []
            self._count(rows)

    def _count(self, rows: Gathered) -> None:
        """Count rows that are ordered by window."""
        segments = {name: rows.columns[need] for name, need in self._needs.segments.items()}
        places = list(cuts(self._plan, rows.window, segments))
        found = self._judge(rows.columns, len(rows))
        self._add_judged(rows, places, found)
        self._add_together(rows, places, found)
        for name, need in self._needs.watched.items():
            self.count(name, rows.columns[need], places)
        for name, need in self._needs.embeddings.items():
            self._count_vectors(name, rows.columns[need], places)

    def _count_vectors(self, name: str, column: Column, places: Cuts) -> None:
        if not isinstance(column, Vectors):
            raise TypeError("only vectors can be counted as such")
        plan = self._plan.embeddings[name]
        for place, chosen in places:
            usable = column.at(chosen).usable()
            self._add_embedding(place, name, EmbeddingProfile.of(usable, plan))

    def _add_embedding(self, place: Place, name: str, profile: EmbeddingProfile) -> None:
        before = self._embeddings.get((place, name))
        self._embeddings[place, name] = profile if before is None else before.merge(profile)

    def count(self, name: str, column: Column, places: Cuts, rows: Counts | None = None) -> None:
        """Count the cells of a watched column; ``rows`` says how many rows each stands for."""
        told = column.kinds != NULL if self._plan.role(name) == "label" else None
        for place, chosen in places:
            part, stands = column.at(chosen), None if rows is None else rows[chosen]
            if told is not None and not told[chosen].all():
                there = np.flatnonzero(told[chosen])
                part, stands = part.at(there), None if stands is None else stands[there]
            self._count_of(place, name).add(part, stands)
        if len(self._open) > _MOST_OPEN:
            self._close()

    def _count_of(self, place: Place, name: str) -> NumbersCount | LevelsCount:
        if (place, name) not in self._open:
            plan = sliced(self._plan.columns[name], place[1])
            self._open[place, name] = count_of(plan)
        return self._open[place, name]

    def _close(self) -> None:
        """Turn counts into profiles, which take less room."""
        for (place, name), count in self._open.items():
            self.add_profile(place, name, count.profile())
        self._open.clear()

    def _add_judged(self, rows: Gathered, places: Cuts, found: Judged) -> None:
        version = rows.columns[self._needs.version] if self._needs.version else None
        besides = self._besides(rows.columns)
        for place, chosen in places:
            versions = version.at(chosen).counts() if isinstance(version, Levels) else {}
            labels = int(np.count_nonzero(found.labelled[chosen]))
            times = rows.times[chosen]
            self.add_facts(place, len(times), times, labels=labels, versions=versions)
            self.add_outcome(place, besides.told(found.outcome(chosen), found, chosen))
            if self._plan.delays and place[1] == WHOLE:
                told = rows.times, rows.arrived, chosen, self._known_at
                self._add_delays(place, delays_of(self._plan, found, *told))

    def _add_delays(self, place: Place, delays: Delays) -> None:
        before = self._delays.get(place)
        self._delays[place] = delays if before is None else before.merge(delays)

    def _add_together(self, rows: Gathered, places: Cuts, found: Judged) -> None:
        columns = {name: rows.columns[need] for name, need in self._needs.watched.items()}
        for place, chosen in places:
            part = None
            if place[1] == WHOLE:
                part = together(self._plan, columns, rows.ranks, chosen, found)
            if part is not None:
                self._join(place, part)

    def _join(self, place: Place, part: Multivariate) -> None:
        before = self._together.get(place)
        self._together[place] = part if before is None else before.merge(part)

    def add_facts(
        self,
        place: Place,
        rows: int = 0,
        times: Micros = NO_TIMES,
        *,
        labels: int = 0,
        versions: Mapping[str, int] = NO_VERSIONS,
    ) -> None:
        """Count rows; ``times`` are theirs, or the first and the last of these alone."""
        self._facts.setdefault(place, _Facts()).add(rows, times, labels, versions)

    def add_outcome(self, place: Place, outcome: Outcome | QueryRows | None) -> None:
        """Add the outcome of more rows."""
        if outcome is not None:
            self._parts.setdefault(place, []).append(outcome)
            if sum(map(len, self._parts.values())) >= _MOST_PARTS:
                self._merge_parts()

    def _merge_parts(self) -> None:
        """Add the outcomes that wait to those of their windows and slices."""
        for place, parts in self._parts.items():
            known = [self._outcomes[place]] if place in self._outcomes else []
            self._outcomes[place] = _merged([*known, *parts])
        self._parts.clear()

    def _judge(self, columns: Mapping[Need, Column], length: int) -> Judged:
        needs = self._needs
        parts = (needs.prediction, needs.score, needs.label, needs.group)
        found = (None if need is None else columns[need] for need in parts)
        return judged(self._plan.outcome, length, *found)

    def _besides(self, columns: Mapping[Need, Column]) -> Besides:
        return Besides.of({key: columns[need] for key, need in self._needs.besides.items()})

    def add_profile(self, place: Place, name: str, profile: ColumnProfile) -> None:
        """Add the profile of a watched column in more rows."""
        before = self._columns.get((place, name))
        self._columns[place, name] = profile if before is None else before.merge(profile)  # type: ignore[arg-type]


def _merged(parts: Sequence[Outcome | QueryRows]) -> Outcome | QueryRows:
    """The outcome of all rows of the parts, which are of one kind."""
    first = parts[0]
    if len(parts) == 1:
        return first
    if isinstance(first, QueryRows):
        return reduce(QueryRows.merge, parts)  # type: ignore[arg-type]
    return type(first).merged(parts)  # type: ignore[arg-type]


def _width(plan: Plan) -> int:
    """How many cells the texts, vectors and sets of labels of a row may take."""
    labels = len(plan.outcome.labels) if isinstance(plan.outcome, MultilabelPlan) else 0
    vectors = sum(len(each.centre) for each in plan.embeddings.values())
    return _WORDS * len(plan.texts) + vectors + 2 * labels


def _alike(windows: NDArray[np.intp]) -> bool:
    return len(windows) > 0 and bool((windows == windows[0]).all())


def slices(plan: Plan) -> tuple[Slice, ...]:
    """The whole population, and each segment that the plan lists."""
    return (WHOLE, *(_segment(n, value) for n, values in plan.segments.items() for value in values))


def _segment(name: str, value: str) -> Slice:
    return Slice(segment=f"{name}={value}")


def cuts(
    plan: Plan, windows: NDArray[np.intp], segments: Mapping[str, Column], *, whole: bool = True
) -> Iterator[tuple[Place, Rows]]:
    """The rows of each window and slice that has any, of these segment columns.

    ``windows`` is the place of each row's window, in ascending order.
    """
    found = windows[:1] if _alike(windows) else np.unique(windows)
    starts = np.searchsorted(windows, found)
    ends = np.searchsorted(windows, found, "right")
    for window, start, end in zip(found.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if whole:
            yield (window, WHOLE), slice(start, end)
        for name, cells in segments.items():
            column = cells.at(slice(start, end))
            for value in plan.segments[name]:
                chosen = np.flatnonzero(column.equal(value)) if isinstance(column, Levels) else ()
                if len(chosen):
                    yield (window, _segment(name, value)), np.asarray(chosen) + start


def sliced(plan: _P, key: Slice) -> _P:
    """The plan of a column in a slice: segments are counted on a coarser grid."""
    if isinstance(plan, CategoricalPlan) or key == WHOLE:
        return plan
    return replace(plan, shift=SEGMENT_SHIFT)
