"""Pictures over time: a metric with its interval window by window, and strips of verdicts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from checks.verdict import Verdict
from monitor.findings import Finding
from monitor.report.svg import across, coordinate, element, labels, line, note, ticks
from monitor.report.words import brief, counted, measured, word
from monitor.windows import Window

WIDTH, HEIGHT = 480, 190
MOST_POINTS = 180
CELL, CELL_GAP, STRIP_HEIGHT = 8, 2, 16

_LEFT, _RIGHT, _TOP, _FLOOR = 46.0, 398.0, 12.0, 160.0
_CROWDED = 60
_NAME = 14.0
_BEYOND = {Verdict.CRITICAL: "dot critical", Verdict.WARNING: "dot warning"}
_SHAPES = {
    "dot": "m-3 0a3 3 0 1 1 6 0a3 3 0 1 1 -6 0z",
    "dot critical": "m-4.5 -4.5h9v9h-9z",
    "dot warning": "m0 -5.5l5.5 9.5h-11z",
}
_SMALL = {
    "dot": "m-2 0a2 2 0 1 1 4 0a2 2 0 1 1 -4 0z",
    "dot critical": "m-2 -2h4v4h-4z",
    "dot warning": "m0 -3l3 5h-6z",
}


@dataclass(frozen=True, slots=True)
class Point:
    """One window of a course: a finding, and whether its labels were still coming in."""

    finding: Finding
    provisional: bool = False

    @property
    def value(self) -> float | None:
        return _finite(self.finding.value)

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The ends of the 95 % interval."""
        stat = self.finding.stat
        low, high = (None, None) if stat is None else (_finite(stat.low), _finite(stat.high))
        return None if low is None or high is None else (low, high)

    @property
    def limit(self) -> float | None:
        return _finite(self.finding.threshold)

    @property
    def middle(self) -> float:
        """The middle of the window, in seconds."""
        window = self.finding.window
        return (window.start.timestamp() + window.end.timestamp()) / 2


def course(name: str, points: Sequence[Point], norm: float | None = None) -> Markup | None:
    """A metric over time with its 95 % interval, limit and reference value.

    ``points`` are in order of time, of which the newest 180 are drawn; a window without a value
    and a missing window leave a gap. None where no window has a value.
    """
    points = points[-MOST_POINTS:]
    values = [point.value for point in points if point.value is not None]
    if not values:
        return None
    axes, limits = _Axes.of(points, norm), _limits_of(points)
    shapes = (
        *axes.grid(),
        *_dates(points, axes),
        *_bands(points, axes),
        *_limits(limits, points, axes),
        *([] if norm is None else [across(_LEFT, _RIGHT, axes.y(norm), "norm")]),
        *_lines(points, axes),
        *_dots(points, axes),
        *_names(values[-1], limits, norm, axes),
    )
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {WIDTH} {HEIGHT}",
        role="img",
        aria_label=_course_words(name, points, values),
    )


def strip(verdicts: Sequence[Verdict | None]) -> Markup:
    """One cell for each window: the taller the worse, a hollow ring where nothing was judged.

    None is a window without a finding and stays empty. Where there is no room for all, the oldest
    windows give way.
    """
    paths: dict[str, list[str]] = {}
    for place, verdict in enumerate(verdicts):
        if verdict is not None:
            kind, shape = _cell(verdict)
            paths.setdefault(kind, []).append(f"M{place * (CELL + CELL_GAP)} {shape}")
    width = max(len(verdicts) * (CELL + CELL_GAP) - CELL_GAP, 1)
    shapes = (element("path", d="".join(path), class_=kind) for kind, path in paths.items())
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {width} {STRIP_HEIGHT}",
        width=width,
        height=STRIP_HEIGHT,
        preserveAspectRatio="xMaxYMid slice",
        aria_hidden="true",
    )


def _cell(verdict: Verdict) -> tuple[str, str]:
    """The class and the shape of a cell, from its upper left corner."""
    if verdict is Verdict.CRITICAL:
        return "critical", f"0h{CELL}v{STRIP_HEIGHT}h-{CELL}z"
    if verdict is Verdict.WARNING:
        return "warning", f"7h{CELL}v{STRIP_HEIGHT - 7}h-{CELL}z"
    if verdict is Verdict.OK:
        return "ok", f"13h{CELL}v{STRIP_HEIGHT - 13}h-{CELL}z"
    if verdict is Verdict.ERROR:
        return "error", "8l8 8m0 -8l-8 8"
    return "unjudged", "12m1 0a3 3 0 1 1 6 0a3 3 0 1 1 -6 0z"


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where moments and values lie in the picture."""

    first: float
    last: float
    low: float
    high: float

    @classmethod
    def of(cls, points: Sequence[Point], norm: float | None) -> _Axes:
        numbers = [] if norm is None else [norm]
        for point in points:
            numbers += [n for n in (point.value, point.limit) if n is not None]
            numbers += point.bounds or ()
        low, high = min(numbers), max(numbers)
        margin = 0.08 * (high - low) or max(abs(low) * 0.05, 0.01)
        first, last = points[0].middle, points[-1].middle
        if first == last:
            first, last = first - 1, last + 1
        return cls(first, last, low - margin, high + margin)

    def x(self, moment: float) -> float:
        return _LEFT + (moment - self.first) / (self.last - self.first) * (_RIGHT - _LEFT)

    def y(self, value: float) -> float:
        return _FLOOR - (value - self.low) / (self.high - self.low) * (_FLOOR - _TOP)

    def grid(self) -> Iterator[Markup]:
        values = ticks(self.low, self.high, 5)
        for value, name in zip(values, labels(values), strict=True):
            y = self.y(value)
            yield across(_LEFT, _RIGHT, y, "rule")
            yield note(_LEFT - 6, y + 4, name, "end")


def _dates(points: Sequence[Point], axes: _Axes) -> Iterator[Markup]:
    """The starts of four windows, named as finely as the axis is long."""
    days = (points[-1].finding.window.start - points[0].finding.window.start).days
    form = "%b %Y" if days > 300 else "%d %b" if days > 3 else "%d %b %H:%M"
    last = len(points) - 1
    for place in sorted({0, last // 3, 2 * last // 3, last}):
        name = f"{points[place].finding.window.start:{form}}".removeprefix("0")
        yield note(axes.x(points[place].middle), _FLOOR + 20, name, "middle")


def _runs(points: Sequence[Point]) -> list[list[Point]]:
    """Stretches of neighbouring windows with values: a gap in the data is a gap in the line."""
    runs: list[list[Point]] = [[]]
    for point in points:
        run = runs[-1]
        if point.value is None:
            runs.append([])
        elif run and _apart(run[-1].finding.window, point.finding.window):
            runs.append([point])
        else:
            run.append(point)
    return [run for run in runs if run]


def _apart(first: Window, second: Window) -> bool:
    return second.start - first.end > 0.5 * max(first.length, second.length)


def _places(points: Sequence[Point], axes: _Axes) -> list[tuple[float, float]]:
    """Where the values of points lie."""
    return [(axes.x(p.middle), axes.y(p.value)) for p in points if p.value is not None]


def _lines(points: Sequence[Point], axes: _Axes) -> Iterator[Markup]:
    path = "".join(line(_places(run, axes)) for run in _runs(points))
    yield element("path", d=path, class_="line")


def _bands(points: Sequence[Point], axes: _Axes) -> Iterator[Markup]:
    """The area between the bounds of the intervals."""
    path = ""
    for run in _runs(points):
        ends = [(axes.x(p.middle), *map(axes.y, p.bounds)) for p in run if p.bounds]
        if len(ends) == 1:
            (x, low, high), *_ = ends
            ends = [(x - 3, low, high), (x + 3, low, high)]
        if ends:
            upper = [(x, high) for x, _, high in ends]
            lower = [(x, low) for x, low, _ in reversed(ends)]
            path += f"{line(upper + lower)}z"
    if path:
        yield element("path", d=path, class_="band")


@dataclass(frozen=True, slots=True)
class _Limit:
    """The limit that one kind of verdict was held against, at each window."""

    name: str
    values: tuple[float, ...]


def _limits_of(points: Sequence[Point]) -> list[_Limit]:
    """The warning and the critical limit. A finding knows one of them: that which decided."""
    critical: dict[Window, float] = {}
    other: dict[Window, float] = {}
    for point in points:
        if point.limit is not None:
            side = critical if point.finding.verdict is Verdict.CRITICAL else other
            side[point.finding.window] = point.limit
    known = (("critical", critical), ("warning", other))
    found = [_Limit(name, _filled(limits, points)) for name, limits in known if limits]
    if len(found) == 2 and found[0].values != found[1].values:
        return found
    return [_Limit("limit", limit.values) for limit in found[:1]]


def _filled(known: Mapping[Window, float], points: Sequence[Point]) -> tuple[float, ...]:
    """The limit at each window: its own, else that of the last window that tells, or the next."""
    value = next(iter(known.values()))
    values = []
    for point in points:
        value = known.get(point.finding.window, value)
        values.append(value)
    return tuple(values)


def _limits(limits: Sequence[_Limit], points: Sequence[Point], axes: _Axes) -> Iterator[Markup]:
    """Limits as dashed lines, which step where they were changed."""
    for limit in limits:
        path = [f"M{coordinate(_LEFT)} {coordinate(axes.y(limit.values[0]))}"]
        for point, (before, after) in zip(points[1:], pairwise(limit.values), strict=True):
            if before != after:
                path.append(f"H{coordinate(axes.x(point.middle))}V{coordinate(axes.y(after))}")
        path.append(f"H{coordinate(_RIGHT)}")
        yield element("path", d="".join(path), class_=f"bound {limit.name}")


def _dots(points: Sequence[Point], axes: _Axes) -> Iterator[Markup]:
    """Windows as dots: hollow while provisional, squares and triangles beyond a limit.

    Where windows are many, the shapes are smaller and plain dots are left to the line.
    """
    crowded = len(points) > _CROWDED
    shapes = _SMALL if crowded else _SHAPES
    paths: dict[str, str] = {}
    for point in points:
        kind = _BEYOND.get(point.finding.verdict, "dot")
        if crowded and kind == "dot" and not point.provisional and point is not points[-1]:
            continue
        shape = shapes[kind]
        kind = f"{kind} hollow" if point.provisional else kind
        for x, y in _places([point], axes):
            paths[kind] = f"{paths.get(kind, '')}M{coordinate(x)} {coordinate(y)}{shape}"
    return (element("path", d=path, class_=kind) for kind, path in paths.items())


def _names(
    newest: float, limits: Sequence[_Limit], norm: float | None, axes: _Axes
) -> Iterator[Markup]:
    """The newest value and the names of the lines, in the right margin and clear of each other."""
    wanted = [(axes.y(newest), brief(newest), "strong")]
    wanted += [(axes.y(limit.values[-1]), limit.name, "m") for limit in limits]
    wanted += [] if norm is None else [(axes.y(norm), "reference", "m")]
    wanted.sort()
    heights = [wanted[0][0]]
    for y, _, _ in wanted[1:]:
        heights.append(max(y, heights[-1] + _NAME))
    too_low = max(0.0, heights[-1] - _FLOOR)
    for height, (_, name, kind) in zip(heights, wanted, strict=True):
        yield note(_RIGHT + 8, height - too_low + 4, name, kind=kind)


def _course_words(name: str, points: Sequence[Point], values: Sequence[float]) -> str:
    """What the picture of a course shows, in words."""
    newest = next(point for point in reversed(points) if point.value is not None)
    gaps = len(points) - len(values)
    parts = [
        f"{name} over {counted(len(points), 'window')}",
        f"between {brief(min(values))} and {brief(max(values))}",
        f"newest {measured(values[-1], *(newest.bounds or ()))}",
        f"in the window from {newest.finding.window.start:%Y-%m-%d}",
        f"verdict {word(newest.finding.verdict)}",
    ]
    return "; ".join(parts + [f"{counted(gaps, 'window')} without a value"] * bool(gaps))


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
