"""Limits that a reference suggests, wide enough to stay quiet on more of the same; pure."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence

from checks.plan import CategoricalPlan, Plan
from checks.portrait import Portrait
from checks.profile import CategoricalProfile, NumericProfile
from checks.text import figure
from monitor.expression import WORDS

MOST_LEVELS = 12
"""Levels of a column that are written out."""

_MOST_SHAPES = 3
_FEWEST = 100
_MISSING = (0.05, 0.2)
_LIMITS = "warning = 0.02, critical = 0.2"
_COUNT = re.compile(r"(?i)(?:^|[\W_])(?:n|nr|num|number|counts?|qty|quantity|times)(?:$|[\W_])")
"""Names of numbers that count, which 1 does not bound."""

_SHAPES = ((r"\d+", str.isdigit), ("[a-z]+", str.islower), ("[A-Z]+", str.isupper))


def check_lines(plan: Plan, windows: Sequence[Portrait]) -> list[str]:
    """Lines for the table of checks, each with what was observed; empty of too few rows."""
    full = [window for window in windows if window.rows]
    if sum(window.rows for window in full) < _FEWEST:
        return []
    facts = (*_volume(full), *_silence(full), *_ids(full))
    return [*facts, *_missing(plan, full), *_pattern(plan, full)]


def rule_lines(model: str, plan: Plan, windows: Sequence[Portrait]) -> list[str]:
    """A table of row rules: what range and which values each column has kept to."""
    lines = []
    for column, profiles in _features(plan, windows):
        if found := _range(column, profiles) or _set(column, profiles):
            condition, seen = found
            rule = f"{{ expression = {_toml(condition)}, {_LIMITS} }}"
            lines.append(f"{_bare(f'{column}_known')} = {rule}  # seen: {seen}")
    return [f"[models.{model}.rules]", *lines] if lines else []


def _features(plan: Plan, windows: Iterable[Portrait]) -> Iterator[tuple[str, list[object]]]:
    full = [window for window in windows if window.rows]
    for column in plan.columns:
        if plan.role(column) == "feature" and all(column in each.columns for each in full):
            yield column, [each.columns[column] for each in full]


def _volume(windows: Sequence[Portrait]) -> Iterator[str]:
    rows = [window.rows for window in windows]
    if len(rows) > 1:
        few, many = min(rows), max(rows)
        seen = f"a window had {few:,} to {many:,} rows"
        yield _line("row_count", _down(few / 2), _down(few / 10), seen)
        yield _line("row_surge", _up(many * 2), _up(many * 5), seen)


def _silence(windows: Sequence[Portrait]) -> Iterator[str]:
    longest = max(window.log.silence for window in windows)
    span = max(window.log.span for window in windows)
    if math.isfinite(longest) and span:
        warning, critical = max(2 * longest, span / 4), max(4 * longest, span / 2)
        seen = f"the newest row was up to {figure(max(longest, 0.0))} s old"
        yield _line("freshness", _up(warning), _up(critical), seen)


def _missing(plan: Plan, windows: Sequence[Portrait]) -> Iterator[str]:
    """One pair of limits for the columns that are hardly ever empty."""
    full, most = [], 0.0
    for column, profiles in _features(plan, windows):
        share = max(_share_missing(each) for each in profiles)
        if share < _MISSING[0] / 5:
            full.append(column)
            most = max(most, share)
    if full:
        yield _line("missing", *_MISSING, f"at most {most:.2%} in a window", full)


def _share_missing(profile: object) -> float:
    rows = getattr(profile, "rows", 0)
    return 1.0 - getattr(profile, "n", 0) / rows if rows else 0.0


def _ids(windows: Sequence[Portrait]) -> Iterator[str]:
    met = [window.log.anomalies.get("duplicate_ids") for window in windows]
    dropped = sum(each.count for each in met if each is not None)
    share = dropped / (dropped + sum(window.rows for window in windows))
    if share < 0.01:
        yield _line("duplicate_ids", 0.02, 0.1, f"{share:.2%} of the rows")


def _pattern(plan: Plan, windows: Sequence[Portrait]) -> Iterator[str]:
    """A pattern for each column of many texts that are all of a few forms."""
    tables = []
    for column, profiles in _features(plan, windows):
        known = plan.columns[column]
        texts = _texts(profiles)
        if isinstance(known, CategoricalPlan) and known.complete and len(texts) > MOST_LEVELS:
            forms = sorted({shape(text) for text in texts})
            if len(forms) <= _MOST_SHAPES:
                regex, columns = _toml("|".join(forms)), _toml([column])
                tables.append(f"{{ {_LIMITS}, regex = {regex}, columns = {columns} }}")
    if tables:
        yield f"pattern = [{', '.join(tables)}]" if len(tables) > 1 else f"pattern = {tables[0]}"


def _line(
    check: str, warning: float, critical: float, seen: str, columns: Sequence[str] = ()
) -> str:
    only = f", columns = {_toml(columns)}" if columns else ""
    limits = f"warning = {warning:.15g}, critical = {critical:.15g}"
    return f"{check} = {{ {limits}{only} }}  # {seen}"


def _toml(value: str | Sequence[str]) -> str:
    """Texts as TOML, which reads those of JSON but for one control character."""
    listed = value if isinstance(value, str) else list(value)
    return json.dumps(listed, ensure_ascii=False).replace("\x7f", "\\u007f")


def shape(text: str) -> str:
    r"""The pattern of a text: its runs of digits and letters of either case, and the rest as it is.

    >>> shape("DE-2024/x"), shape("a.b")
    ('[A-Z]+\\-\\d+/[a-z]+', '[a-z]+\\.[a-z]+')
    """
    parts = re.findall(r"[0-9]+|[a-z]+|[A-Z]+|.", text, re.DOTALL)
    return "".join(_part(part) for part in parts)


def _part(part: str) -> str:
    if part.isascii():
        for pattern, holds in _SHAPES:
            if holds(part):
                return pattern
    return re.escape(part)


def _range(column: str, profiles: Sequence[object]) -> tuple[str, str] | None:
    """The range of a numeric column and half of its width on both sides; no sign it never had.

    What has kept within 0 and 1 is to stay there, unless its name says that it counts.
    """
    numeric = [each for each in profiles if isinstance(each, NumericProfile) and each.n]
    if not numeric or sum(each.n for each in numeric) < _FEWEST:
        return None
    low = min(each.minimum for each in numeric)
    high = max(each.maximum for each in numeric)
    if not (math.isfinite(low) and math.isfinite(high)) or low == high:
        return None
    margin = (high - low) / 2
    lowest = 0.0 if 0 <= low < margin else _outward(low - margin, -1)
    highest = 0.0 if -margin < high <= 0 else _outward(high + margin, 1)
    if low >= 0.0 and high <= 1.0 and not _COUNT.search(column):
        highest = min(highest, 1.0)  # a share, a probability, or yes and no
    name = _quoted(column)
    return f"{name} between {lowest:.15g} and {highest:.15g}", f"{figure(low)} to {figure(high)}"


def _set(column: str, profiles: Sequence[object]) -> tuple[str, str] | None:
    """The few levels of a column of text; of codes that are numbers a range says more."""
    levels = _texts(profiles)
    complete = all(isinstance(each, CategoricalProfile) and not each.other for each in profiles)
    texts = all(set(getattr(each, "found", ())) <= {"text"} for each in profiles)
    if not (complete and texts and 1 < len(levels) <= MOST_LEVELS):
        return None
    listed = ", ".join("'" + level.replace("'", "''") + "'" for level in levels)
    return f"{_quoted(column)} in ({listed})", f"{len(levels)} values"


def _texts(profiles: Iterable[object]) -> list[str]:
    found: set[str] = set()
    for each in profiles:
        if isinstance(each, CategoricalProfile):
            met = zip(each.plan.levels, each.counts.tolist(), strict=True)
            found |= {level for level, rows in met if rows}
    return sorted(found)


def _outward(value: float, sign: int) -> float:
    """A number rounded to two digits, away from the others."""
    if not value:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(abs(value))) - 1)
    return math.ceil(value / unit) * unit if sign > 0 else math.floor(value / unit) * unit


def _down(value: float) -> float:
    return max(_outward(value, -1), 0.0)


def _up(value: float) -> float:
    return _outward(value, 1)


def _quoted(name: str) -> str:
    plain = re.fullmatch(r"[^\W\d]\w*", name)
    return name if plain and name.lower() not in WORDS else '"' + name.replace('"', '""') + '"'


def _bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)
