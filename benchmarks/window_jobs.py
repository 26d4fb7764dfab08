"""Jobs of the window benchmark."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Protocol
from zoneinfo import ZoneInfo

from benchmarks.peers.clock import measured
from benchmarks.registry import job

if TYPE_CHECKING:
    from checks.plan import Plan
    from checks.portrait import Portrait
    from monitor.findings import Slice
    from monitor.planning import Outlook
    from monitor.sources import Columns, Horizon, Source
    from monitor.windows import Window

MODEL = "bench"
_DAY = timedelta(days=1)


class Profile(Protocol):
    """A way to the portraits of windows of a source."""

    def __call__(
        self,
        source: Source,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
    ) -> Mapping[Window, Mapping[Slice, Portrait]]: ...


@job("make-window")
def make_window(side: str, rows: str, target: str) -> None:
    """Write one side of a comparison."""
    from benchmarks.made import write_parquet

    write_parquet(side, int(rows), Path(target))


@job("learn-window")
def learn_window(reference: str, target: str) -> None:
    """Keep the baseline of a reference in a state database in a folder."""
    from benchmarks.made import REFERENCE_DAY
    from monitor.sources.parquet import Source as Files

    keep_baseline(Files(Path(reference)), REFERENCE_DAY, Path(target))


def keep_baseline(source: Source, start: datetime, target: Path) -> None:
    """Learn a day of a log as the daemon does, and keep it."""
    from monitor.learn import summarise
    from monitor.sources import Horizon
    from monitor.store import Store
    from monitor.windows import Calendar, Every, Window

    end = start + _DAY
    calendar = Calendar(Every.parse("1d"), ZoneInfo("UTC"))
    columns, outlook = _roles()
    period, horizon = Window(start, end), Horizon(end, end)
    learnt, _ = summarise(MODEL, source, columns, outlook, calendar, period, horizon)
    target.mkdir(parents=True)
    with Store.open(f"sqlite:///{target}/state.db") as store:
        store.save_baseline(learnt, end)


def _roles() -> tuple[Columns, Outlook]:
    from monitor.planning import Outlook
    from monitor.sources import Columns

    columns = Columns("timestamp", "prediction_id", None, "prediction", "score", "label")
    return columns, Outlook("binary")


@job("window")
def window(stored: str, current: str) -> None:
    """Judge the current day against the stored baseline."""
    from monitor.sources.parquet import Source as Files

    judge_day(Path(stored), Files(Path(current)))


def as_it_profiles(
    source: Source, plan: Plan, columns: Columns, windows: Sequence[Window], horizon: Horizon
) -> Mapping[Window, Mapping[Slice, Portrait]]:
    """What the source itself makes of windows."""
    return source.profile(plan, columns, windows, horizon)


def judge_day(stored: Path, source: Source, profile: Profile = as_it_profiles) -> None:
    """Measure a day's window: the baseline from the state, the rows from the log, every check."""
    from benchmarks.made import CURRENT_DAY
    from monitor.evaluate import Target, evaluate
    from monitor.findings import WHOLE
    from monitor.oneoff import default_rules
    from monitor.sources import Horizon
    from monitor.store import Store
    from monitor.windows import Window

    day = Window(CURRENT_DAY, CURRENT_DAY + _DAY)
    columns, _ = _roles()
    rules = default_rules()
    with measured() as facts:
        with Store.open(f"sqlite:///{stored}/state.db", upgrade=False) as store:
            baseline = store.baseline(MODEL)
        assert baseline is not None
        slices = profile(source, baseline.plan, columns, [day], Horizon(day.end, day.end))[day]
        target = Target(MODEL, day)
        found = evaluate(target, baseline.plan, rules, baseline.portraits, slices)
        facts |= {"rows": slices[WHOLE].rows, "findings": len(found)}
    assert facts["rows"] > 0


@job("compare")
def compare_sides(reference: str, current: str) -> None:
    """What ``modelmon drift`` does with two files."""
    import monitor.sources.parquet  # noqa: F401  (imports are not part of the work)
    from monitor.oneoff import compare, open_log

    columns, outlook = _roles()
    now = datetime.now(UTC)
    with measured() as facts:
        then, today = open_log(reference), open_log(current)
        result = compare(MODEL, then, today, columns, outlook, now)
        facts |= {"rows": result.portrait.rows, "findings": len(result.findings)}
