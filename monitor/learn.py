"""Learning: the reference of a model, surveyed and profiled, becomes its baseline."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import replace
from functools import reduce
from types import MappingProxyType
from typing import TYPE_CHECKING

from checks.log import LogProfile
from checks.portrait import Portrait
from monitor.baseline import Baseline
from monitor.evaluate import kinds_of, row_rules_of, wants_orphans
from monitor.expression import columns_in
from monitor.findings import WHOLE, Slice
from monitor.hints import suggest
from monitor.planning import Outlook, plan_of
from monitor.sources import ALL_TIME, Columns, Horizon, Source, WrongSchema
from monitor.windows import Calendar, Window

if TYPE_CHECKING:
    from monitor.model import Model

_NO_RULES: Mapping[str, str] = MappingProxyType({})


def _silent(_: str) -> None:
    """Say nothing."""


def learn(
    model: Model, horizon: Horizon, saying: Callable[[str], None] = _silent
) -> tuple[Baseline, tuple[str, ...]]:
    """A new baseline from the configured reference, and notices about it.

    ``saying`` hears what comes next, as it may take long.

    Raises:
        SourceError: the reference cannot be read, or has no rows.
    """
    own = model.reference.source
    columns = model.columns if own is None else timeless(model.columns)
    baseline, notices = summarise(
        model.name,
        own or model.source,
        columns,
        Outlook(model.task, model.positive, model.threshold, model.cutoffs, model.label_separator),
        model.schedule.calendar,
        model.reference.period or ALL_TIME,
        horizon,
        kinds_of(model.rules),
        rules=row_rules_of(model.rules),
        orphans=wants_orphans(model.rules),
        saying=saying,
    )
    return replace(baseline, recipe=model.recipe), notices


def summarise(
    name: str,
    source: Source,
    columns: Columns,
    outlook: Outlook,
    calendar: Calendar,
    period: Window,
    horizon: Horizon,
    kinds: Set[type] = frozenset(),
    *,
    rules: Mapping[str, str] = _NO_RULES,
    orphans: bool = False,
    saying: Callable[[str], None] = _silent,
) -> tuple[Baseline, tuple[str, ...]]:
    """The baseline of a period of a log, planned from a survey of it, and notices about it.

    ``kinds`` are the types of profile that span several columns and are asked for, ``rules`` the
    conditions on rows, ``orphans`` whether labels without a prediction are counted.
    """
    saying("looking at the columns of the reference")
    survey = source.survey(columns, period)
    if not survey.rows:
        why = "; ".join(("", *survey.notices))
        raise WrongSchema(f"{name}: the reference {_named(period)} has no rows{why}")
    plan, notices = plan_of(survey, columns, outlook, kinds)
    if rules:
        _require_columns(rules, source.names())
        plan = replace(plan, rules=rules)
    plan = replace(plan, orphans=orphans)
    whole, pieces = _tiles(calendar, period)
    saying(f"counting the {survey.rows:,} rows of the reference")
    portraits = source.profile(plan, columns, [*whole, *pieces], horizon)
    merged = _merged([portraits[tile] for tile in (*whole, *pieces)])
    if not merged[WHOLE].rows:
        raise WrongSchema(f"{name}: no row of the reference {_named(period)} can be placed in time")
    windows = {tile: portraits[tile][WHOLE].log for tile in whole}
    if windows:
        merged[WHOLE] = replace(merged[WHOLE], log=_norms(windows))
    return Baseline(name, plan, period, merged, windows), notices


def _require_columns(rules: Mapping[str, str], names: Sequence[str]) -> None:
    for rule, text in rules.items():
        for name in sorted(columns_in(text) - set(names)):
            quoted = f'"{name}"' in text
            hint = f"a text stands in single quotes: '{name}'" if quoted else suggest(name, names)
            raise WrongSchema(f"rules.{rule}: there is no column {name!r} in the log; {hint}")


def timeless(columns: Columns) -> Columns:
    """The roles in a reference file of its own, which need not know of times, ids or versions."""
    roles = (columns.timestamp, columns.id, columns.version, columns.label_timestamp)
    return replace(
        columns,
        timestamp=None,
        id=None,
        version=None,
        label_timestamp=None,
        exclude=(*columns.exclude, *filter(None, roles)),
    )


def _norms(windows: Mapping[Window, LogProfile]) -> LogProfile:
    """What whole windows of the log look like; pieces of windows would blur their volume."""
    return reduce(LogProfile.merge, windows.values())


def _tiles(calendar: Calendar, period: Window) -> tuple[list[Window], list[Window]]:
    """The whole windows of a period, and the pieces left over at its ends."""
    if period == ALL_TIME:
        return [], [ALL_TIME]
    whole = list(calendar.between(period.start, period.end))
    if not whole:
        return [], [period]
    edges = ((period.start, whole[0].start), (whole[-1].end, period.end))
    return whole, [Window(start, end) for start, end in edges if start < end]


def _merged(parts: Sequence[Mapping[Slice, Portrait]]) -> dict[Slice, Portrait]:
    places = {place for part in parts for place in part}
    return {
        place: Portrait.merged([part[place] for part in parts if place in part]) for place in places
    }


def _named(period: Window) -> str:
    return "log" if period == ALL_TIME else f"period {period}"
