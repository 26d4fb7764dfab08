"""Inline SVG: elements, paths and axis ticks, escaped and short."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup, escape

from monitor.report.bins import round_step


def element(name: str, *children: str, **attributes: str | float) -> Markup:
    """One element; ``class_`` gives the attribute ``class``, ``text_anchor`` ``text-anchor``.

    >>> print(element("text", "a < b", x=1.0, class_="muted"))
    <text x="1" class="muted">a &lt; b</text>
    """
    pairs = (
        f' {key.rstrip("_").replace("_", "-")}="{escape(_attribute(value))}"'
        for key, value in attributes.items()
    )
    inside = "".join(escape(child) for child in children)
    head = f"<{name}{''.join(pairs)}"
    return Markup(f"{head}>{inside}</{name}>" if inside else f"{head}/>")  # noqa: S704  escaped above


def coordinate(value: float) -> str:
    """A coordinate to a tenth of a pixel.

    >>> coordinate(12.04), coordinate(0.55), coordinate(-0.01)
    ('12', '0.6', '0')
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def line(points: Iterable[tuple[float, float]]) -> str:
    """The path through points.

    >>> line([(0, 0), (1.5, 2)])
    'M0 0L1.5 2'
    """
    return "".join(
        f"{'L' if place else 'M'}{coordinate(x)} {coordinate(y)}"
        for place, (x, y) in enumerate(points)
    )


def steps(edges: Sequence[float], heights: Sequence[float], floor: float) -> str:
    """The outline of a histogram: from the floor up over each step and down to the floor."""
    path = [f"M{coordinate(edges[0])} {coordinate(floor)}"]
    last = floor
    for left, height in zip(edges[:-1], heights, strict=True):
        if coordinate(height) != coordinate(last):
            path.append(f"H{coordinate(left)}V{coordinate(height)}")
            last = height
    return "".join([*path, f"H{coordinate(edges[-1])}V{coordinate(floor)}"])


def ticks(low: float, high: float, most: int) -> list[float]:
    """At most ``most`` round numbers inside [low, high], at least one.

    >>> ticks(0.0, 1.0, 6), ticks(17.0, 62.0, 4), ticks(0.34, 0.86, 4)
    ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [20.0, 40.0, 60.0], [0.4, 0.6, 0.8])
    """
    if not high > low:
        return [low]
    step = round_step((high - low) / (most + 1))
    while True:
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first < most:
            return [float(f"{step * place:.12g}") for place in range(first, last + 1)] or [low]
        step = round_step(1.5 * step)


def labels(values: Sequence[float]) -> list[str]:
    """Axis labels of one form, precise enough to tell neighbours apart.

    >>> labels([0.0, 0.25, 0.5]), labels([0.0, 5e6])
    (['0', '0.25', '0.50'], ['0', '5M'])
    """
    largest = max(map(abs, values), default=0.0)
    step = min(np.diff(values), default=largest) or 1.0
    if largest >= 1e15 or 0 < largest < 1e-4:
        return [f"{value:.4g}" for value in values]
    for unit, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if largest >= unit and step >= unit / 100:
            scale = 1e3 if letter == "k" else unit
            return ["0" if not value else f"{value / scale:,.4g}{letter}" for value in values]
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    digits += any(abs(value * 10**digits - round(value * 10**digits)) > 1e-6 for value in values)
    return ["0" if not value else f"{value:,.{digits}f}" for value in values]


def percent(share: float) -> str:
    """A share in percent, with a digit more where little or nearly all is meant.

    >>> percent(0.0), percent(0.0004), percent(0.123), percent(0.034), percent(1.0)
    ('0 %', '<0.1 %', '12 %', '3.4 %', '100 %')
    """
    if 0 < share < 0.001:
        return "<0.1 %"
    if 0.999 < share < 1:
        return ">99.9 %"
    text = f"{100 * share:.1f}".removesuffix(".0")
    return f"{text if share < 0.0995 or 0.99 < share < 1 else round(100 * share)} %"


def across(left: float, right: float, y: float, kind: str) -> Markup:
    """A horizontal line."""
    path = f"M{coordinate(left)} {coordinate(y)}H{coordinate(right)}"
    return element("path", d=path, class_=kind)


def note(x: float, y: float, words: str, anchor: str = "start", kind: str = "m") -> Markup:
    """A line of text that starts, ends or has its middle at a place."""
    place = {} if anchor == "start" else {"text_anchor": anchor}
    return element("text", words, x=x, y=y, class_=kind, **place)


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else coordinate(value)
