"""What watching a model will cost, told before it runs from its reference and one window."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from checks.pack import pack
from checks.plan import CategoricalPlan, ColumnPlan, Plan
from checks.portrait import Portrait
from monitor import metrics
from monitor.evaluate import Target, evaluate
from monitor.findings import WHOLE, Finding, ModelSnapshot, Slice, Snapshot
from monitor.granules import joined
from monitor.learn import learn
from monitor.samples import samples
from monitor.sources import Columns, Extent, Horizon, WrongSchema
from monitor.sources._reads import Reads, Telling, queries
from monitor.windows import COARSE_AFTER, DAY, Calendar, Schedule, Window, due

if TYPE_CHECKING:
    from monitor.baseline import Baseline
    from monitor.model import Model
    from monitor.windows import Seen

_NUMBER = 9  # bytes of a number in a row of a database, with its type
_ROW = 60  # bytes of a row besides its values: its header, its key, and its line of the index
_DAY = timedelta(days=1)
_YEAR = 365.25
_TIME_SERIES = len(metrics.RUN_BUCKETS) + 3  # of a histogram: its buckets, +Inf, sum and count


@dataclass(frozen=True, slots=True)
class Watched:
    """A column that is watched, what it is to the model, and how it is counted."""

    column: str
    role: str
    how: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A column of the log that is not watched, and why."""

    column: str
    why: str


@dataclass(frozen=True, slots=True)
class State:
    """Bytes that the state database will grow by, estimated from one window packed.

    ``window`` is what stays of each window: its portraits and its findings. Where windows are made
    up of several granules, ``granule`` is one of them (0: there are none), ``granules`` how many
    are kept as they are, and ``day`` what stays of a day's afterwards.
    """

    window: int
    findings: int
    granule: int
    granules: int
    day: int


@dataclass(frozen=True, slots=True)
class Work:
    """The CPU seconds of this process for the window that was tried, and what it had to do.

    ``elapsed`` are the seconds that it took by the clock, with the work of a database; 0 where no
    clock was given.
    """

    seconds: float
    rows: int
    columns: int
    queries: int
    elapsed: float = 0.0

    @property
    def rate(self) -> float:
        """Values (rows times columns) a CPU second."""
        return self.rows * self.columns / self.seconds if self.seconds > 0 else 0.0


@dataclass(frozen=True, slots=True)
class Forecast:
    """What watching a model will cost.

    ``window_rows`` are the rows of an average window, ``tried`` is the window that was read to
    measure, ``due`` counts the windows that a first pass would evaluate now. ``series`` are the
    model's series as Prometheus would have them after that window, ``dropped`` those beyond the
    cap.
    """

    model: str
    extent: Extent
    reference: Window
    reference_rows: int
    every: str
    windows_a_day: float
    window_rows: float
    due: int
    watched: tuple[Watched, ...]
    left_out: tuple[LeftOut, ...]
    segments: Mapping[str, tuple[str, ...]]
    slices: int
    reads: Reads
    tried: Window
    work: Work
    checks: int
    series: int
    dropped: int
    state: State
    notices: tuple[str, ...]

    @property
    def window_seconds(self) -> float:
        """CPU seconds for an average window, going by the window that was tried."""
        if not self.work.rows or not self.work.rate:
            return self.work.seconds
        return self.window_rows * self.work.columns / self.work.rate

    @property
    def state_a_day(self) -> float:
        """Bytes that the state grows by a day, in the long run."""
        return self.windows_a_day * (self.state.window + self.state.findings) + self.state.day

    @property
    def state_a_year(self) -> float:
        """Bytes of the state after a year: the growth, and the granules that are kept small."""
        return _YEAR * self.state_a_day + self.state.granules * self.state.granule


def forecast(
    model: Model,
    horizon: Horizon,
    cpu: Callable[[], float],
    seen: Sequence[Seen] = (),
    clock: Callable[[], float] = lambda: 0.0,
) -> Forecast:
    """What a model will cost: its reference is learnt and one window tried; nothing is kept.

    ``cpu`` tells the CPU seconds of this process, ``clock`` those of a clock, ``seen`` what the
    ledger knows already.

    Raises:
        SourceError: the log or the reference cannot be read, or no row has a usable time.
    """
    baseline, notices = learn(model, horizon)
    extent = model.source.extent(model.columns, horizon)
    if extent.first is None or extent.last is None:
        raise WrongSchema(f"no row has a usable time in {model.columns.timestamp!r}")
    schedule = model.schedule
    tried = _newest(schedule.calendar, extent.first, extent.last)
    trial = _try(model, baseline, tried, horizon, cpu, clock)
    series, dropped = _series(model, trial.findings)
    own = model.reference.period is not None
    first = baseline.period.end if own else extent.first
    return Forecast(
        model.name,
        extent,
        baseline.period,
        baseline.rows,
        str(schedule.calendar.every),
        _DAY / tried.length,
        extent.rows / _spanned(schedule.calendar, extent.first, extent.last),
        len(due(schedule, seen, first, extent.last, horizon.known_at)),
        tuple(_watched(baseline.plan)),
        tuple(_left_out(model.source.names(), baseline.plan, model.columns, notices)),
        baseline.plan.segments,
        len(trial.slices),
        _reads(model, baseline.plan, tried, horizon),
        tried,
        trial.work,
        len(trial.findings),
        series,
        dropped,
        _state(schedule, trial, tried),
        notices,
    )


@dataclass(frozen=True, slots=True)
class _Trial:
    """One window, read in its granules and judged."""

    parts: Mapping[Window, Mapping[Slice, Portrait]]
    slices: Mapping[Slice, Portrait]
    findings: tuple[Finding, ...]
    work: Work


def _try(
    model: Model,
    baseline: Baseline,
    window: Window,
    horizon: Horizon,
    cpu: Callable[[], float],
    clock: Callable[[], float],
) -> _Trial:
    granules = model.schedule.granules(window, window.end)
    with queries() as asked:
        begun, started = cpu(), clock()
        parts = model.source.profile(baseline.plan, model.columns, granules, horizon, (window,))
        slices = joined(parts, window) if len(granules) > 1 else parts[window]
        target = Target(model.name, window)
        findings = evaluate(target, baseline.plan, model.rules, baseline.portraits, slices)
        spent, elapsed = cpu() - begun, clock() - started
    work = Work(spent, slices[WHOLE].rows, len(baseline.plan.columns), asked.sent, elapsed)
    return _Trial(parts, slices, findings, work)


def _newest(calendar: Calendar, first: datetime, last: datetime) -> Window:
    """The newest window that the log fills to its end, or the one it ends in if there is none."""
    current = calendar.containing(last)
    before = calendar.before(current)
    return before if before.start >= first else current


def _spanned(calendar: Calendar, first: datetime, last: datetime) -> float:
    """How many windows a log is long, in parts of windows too."""
    return max((last - first) / calendar.containing(last).length, 1.0)


def _watched(plan: Plan) -> Iterator[Watched]:
    for name, each in plan.columns.items():
        yield Watched(name, plan.role(name), _how(each))
    for name, vectors in plan.embeddings.items():
        waves = f", {vectors.waves} random waves" if vectors.waves else ""
        yield Watched(name, plan.role(name), f"mean of {len(vectors.centre):,} components{waves}")


def _how(plan: ColumnPlan) -> str:
    """How a column is counted, in words."""
    if isinstance(plan, CategoricalPlan):
        levels = f"{len(plan.levels):,} level{'s' * (len(plan.levels) != 1)}"
        return levels if plan.complete else f"{levels}, all others as one"
    if plan.edges:
        return f"{len(plan.edges) + 1} quantiles of the reference"
    values = "; distinct values kept" if plan.exact else ""
    many = len(plan.atoms)
    atoms = f"; {many} frequent value{'s' * (many != 1)} counted" if many and not values else ""
    return f"grid about {plan.centre:.4g}{values}{atoms}"


def _left_out(
    names: Sequence[str], plan: Plan, columns: Columns, notices: Sequence[str]
) -> Iterator[LeftOut]:
    parts = (
        dict.fromkeys(columns.segments, "splits the rows into segments")
        | {
            columns.prediction: "the prediction: it is scored",
            columns.label: "the truth: predictions are scored by it",
            columns.query: "tells which rows answer one request",
            columns.horizon: "how far ahead a row looks",
            columns.timestamp: "the time of a row",
            columns.id: "the id of a row",
            columns.version: "the version of the model: the rows of each are counted",
            columns.label_timestamp: "when the label came",
        }
        | dict.fromkeys(columns.exclude, "excluded")
    )
    parts |= {name: f"used as {key}" for key, name in columns.besides}
    parts |= dict.fromkeys(plan.texts, "texts: what they are made of is watched")
    listed = columns.numeric is not None or columns.categorical is not None
    told = dict(each.partition(": ")[::2] for each in notices)
    for name in names:
        if name not in plan.columns and name not in plan.embeddings:
            unknown = "not listed" if listed else "holds times, nested values or nothing"
            yield LeftOut(name, parts.get(name) or told.get(name) or unknown)


def _reads(model: Model, plan: Plan, window: Window, horizon: Horizon) -> Reads:
    source = model.source
    if isinstance(source, Telling):
        return source.reads(plan, model.columns, window, horizon)
    return Reads("a source of your own, which does not say how it reads")


def _series(model: Model, findings: tuple[Finding, ...]) -> tuple[int, int]:
    """The series of a model after a window with these findings, and how many the cap drops."""
    window = findings[0].window if findings else None
    snapshot = ModelSnapshot(
        model.name, "1", window, rows=1, labels=1, label_coverage=1.0, source_up=True,
        findings=findings,
    )  # fmt: skip
    made = [each for each in samples(Snapshot((snapshot,))) if "model" in each.metric.labels]
    (dropped,) = [int(each.value) for each in made if each.metric is metrics.SERIES_DROPPED]
    return len(made) + _TIME_SERIES, dropped


def _state(schedule: Schedule, trial: _Trial, window: Window) -> State:
    portraits = _packed(trial.slices)
    findings = sum(map(_stored, trial.findings))
    if len(trial.parts) == 1:
        return State(portraits, findings, 0, 0, 0)
    granule = sum(map(_packed, trial.parts.values())) // len(trial.parts)
    length = next(iter(trial.parts)).length
    kept = schedule.labels_within * schedule.labelled + COARSE_AFTER + window.length
    whole = next(
        iter(Calendar(DAY, schedule.calendar.zone).between(window.start, window.end)), None
    )
    day = 0
    if whole is not None:
        parts = {part: each for part, each in trial.parts.items() if part.start < whole.end}
        day = _packed(joined(parts, whole))
    return State(portraits, findings, granule, int(kept / length), day)


def _packed(slices: Mapping[Slice, Portrait]) -> int:
    return sum(len(pack(each)) for each in slices.values())


def _stored(finding: Finding) -> int:
    """About the bytes of a finding in a database."""
    stat = finding.stat
    numbers = () if stat is None else (
        stat.value, stat.corrected, stat.low, stat.high, stat.floor, stat.ceiling, stat.p_value,
        finding.threshold, stat.n_reference, stat.n_current,
    )  # fmt: skip
    texts = (*finding.slice, finding.check, finding.column, finding.rule, finding.verdict,
             finding.reason, finding.cause, (stat and stat.where) or "")  # fmt: skip
    indexed = len(finding.check) + len(finding.column)
    known = sum(number is not None for number in numbers)
    return _ROW + indexed + _NUMBER * known + sum(len(text.encode()) for text in texts)
