"""A forecast as text, Markdown and plain values."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from alerts.message import clean, figure
from monitor.forecast import Forecast
from monitor.report.words import brief, counted, period
from monitor.sources import ALL_TIME
from monitor.sources._reads import sized

_NAME = 11
_WIDEST = 100
_LONGEST_NAME = 30


def as_text(made: Forecast, width: int | None = None) -> str:
    """A forecast for a terminal, a topic a line, the columns as a table."""
    width = min(width or shutil.get_terminal_size((_WIDEST, 24)).columns, _WIDEST)
    lines = [f"{made.model}: {_log(made)}"]
    for topic, said in _topics(made):
        lines += _hung(topic, said, width)
    lines += ["  columns", *_table(made, width)]
    lines += (line for notice in made.notices for line in _hung("note", notice, width))
    return "\n".join(lines) + "\n"


def _hung(topic: str, said: str, width: int) -> list[str]:
    """A topic and what is said of it, all lines of which begin in one column."""
    first = f"  {topic:<{_NAME}}"
    return textwrap.wrap(
        clean(said, 1000), width, initial_indent=first, subsequent_indent=" " * len(first),
        break_on_hyphens=False,
    )  # fmt: skip


def _log(made: Forecast) -> str:
    extent = made.extent
    return (
        f"{counted(extent.rows, 'row')}, {extent.first:%Y-%m-%d %H:%M} to "
        f"{extent.last:%Y-%m-%d %H:%M} UTC"
    )


def _topics(made: Forecast) -> Iterator[tuple[str, str]]:
    """What there is to say, each topic with a sentence."""
    rows = counted(made.reference_rows, "row")
    span = "" if made.reference == ALL_TIME else f", {period(made.reference)}"
    yield "reference", rows + span
    yield "windows", f"{made.every}, about {counted(round(made.window_rows), 'row')} each"
    yield "due", f"{counted(made.due, 'window')} now, then {_rate(made.windows_a_day)}"
    yield "slices", _slices(made)
    yield "reads", _reads(made)
    yield "Prometheus", _series(made)
    yield "state", _state(made)
    yield "CPU", _work(made)


def _rate(a_day: float) -> str:
    if a_day >= 1:
        return f"{figure(a_day)} a day"
    return f"one in {figure(1 / a_day)} days"


def _slices(made: Forecast) -> str:
    if made.slices == 1:
        return "none: all rows together"
    shown = [f"{name} ({', '.join(values)})" for name, values in made.segments.items()]
    return f"{made.slices}: all rows, and each of " + ", ".join(shown)


def _reads(made: Forecast) -> str:
    queries = made.work.queries
    return made.reads.sentence + (
        f"; {counted(queries, 'query', 'queries')} a window" * bool(queries)
    )


def _series(made: Forecast) -> str:
    capped = f"; {made.dropped:,} more are dropped, the cap is reached" if made.dropped else ""
    return (
        f"{counted(made.series, 'series', 'series')} from {made.checks:,} findings a window{capped}"
    )


def _state(made: Forecast) -> str:
    state = made.state
    told = (
        f"{sized(state.window + state.findings)} a window ({sized(state.window)} of profiles, "
        f"{sized(state.findings)} of findings), {sized(made.state_a_day)} a day, "
        f"{sized(made.state_a_year)} after a year (estimates)"
    )
    if not state.granules:
        return told
    return (
        f"{told}; parts of windows take {sized(state.granule)} each, {state.granules:,} of them "
        f"are kept, and of older ones {sized(state.day)} a day"
    )


def _work(made: Forecast) -> str:
    work = made.work
    here = " in this process" * bool(work.queries)
    whole = f", {brief(work.elapsed)} s by the clock" * bool(work.elapsed)
    return (
        f"about {brief(made.window_seconds)} s a window{here}; an estimate: "
        f"{period(made.tried)}, {counted(work.rows, 'row')} of {counted(work.columns, 'column')}, "
        f"took {brief(work.seconds)} s{whole}"
    )


def _table(made: Forecast, width: int) -> Iterator[str]:
    rows = [(each.column, each.role, each.how) for each in made.watched]
    rows += [(each.column, "left out", each.why) for each in made.left_out]
    names = [clean(name, 120) for name, _, _ in rows]
    first = min(max(map(len, names), default=0), _LONGEST_NAME)
    for name, (_, role, how) in zip(names, rows, strict=True):
        shown = name if len(name) <= first else f"{name[: first - 1]}…"
        head = f"    {shown:<{first}}  {role:<10}  "
        yield from textwrap.wrap(
            clean(how, 400), width, initial_indent=head, subsequent_indent=" " * len(head),
            break_on_hyphens=False,
        )  # fmt: skip


def as_markdown(made: Forecast) -> str:
    """A forecast as Markdown."""
    lines = [f"## {_cell(made.model)}", "", _log(made), "", "| | |", "|---|---|"]
    lines += (f"| {topic} | {_cell(said)} |" for topic, said in _topics(made))
    lines += ["", "| column | role | how it is counted, or why it is not |", "|---|---|---|"]
    lines += (f"| {_cell(w.column)} | {w.role} | {_cell(w.how)} |" for w in made.watched)
    lines += (f"| {_cell(out.column)} | left out | {_cell(out.why)} |" for out in made.left_out)
    lines += ["", *(f"- {_cell(notice)}" for notice in made.notices)] if made.notices else []
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return clean(text, 1000).replace("\\", "\\\\").replace("|", "\\|")


def as_record(made: Forecast) -> dict[str, Any]:
    """A forecast as plain values; bytes and CPU seconds are estimates."""
    record = asdict(made)
    record["reference"] = None if made.reference == ALL_TIME else asdict(made.reference)
    record["work"]["rate"] = made.work.rate
    record["window_seconds"] = made.window_seconds
    record["state"]["bytes_a_day"] = made.state_a_day
    record["state"]["bytes_a_year"] = made.state_a_year
    return record
