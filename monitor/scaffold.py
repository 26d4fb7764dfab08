"""A first monitor.toml, written from a look at a log."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from itertools import islice
from pathlib import Path

from checks.plan import MOST_CLASSES, Plan
from monitor.findings import WHOLE
from monitor.hints import suggest
from monitor.oneoff import open_log, shown, title_of
from monitor.planning import Outlook, guess_columns, nested_hint, plan_of, positive_of
from monitor.sources import (
    ALL_TIME,
    Columns,
    ColumnSurvey,
    Extent,
    Horizon,
    Source,
    Survey,
    Unreadable,
    WrongSchema,
)
from monitor.sources.sql import Source as Tables
from monitor.suggested import check_lines, rule_lines
from monitor.windows import Calendar, Every

ROWS_A_WINDOW = 300
_REFERENCE_SHARE = 0.3
_TWO = 2
_LOOKED_AT = 120  # windows
_FEW_KINDS = 20
_LABELS = (
    *("outcome", "churned", "churn", "is_fraud", "fraud", "converted", "conversion", "clicked"),
    *("defaulted", "default", "result"),
)
"""Names of labels where such a column has two values."""
_LABEL_TABLES = ("labels", "label", "ground_truth", "actuals", "outcomes")
_ROLES = ("timestamp", "id", "version", "prediction", "score", "label", "label_timestamp")
_SAMPLE = " missing = { warning = 0.05, critical = 0.2 }"
_TOML = """\
## Written by `modelmon init`; every key may be changed.
## A line that begins with one # is taken by taking that away.

[daemon]
state  = "sqlite:///modelmon.db"
listen = "127.0.0.1:9108"

[models.{key}]
task   = {task}  # or another: docs/tasks.md lists them; none watches inputs only
{positive}every  = {every}  # one window: 15m, 1h, 1d, 1w or 1mo
settle = "0s"  # how long to wait for late rows
labels_within = "7d"  # after this a window is final, whatever has come
notify = []  # names of [alerts.NAME] tables, such as the one below

[models.{key}.source]
{source}

[models.{key}.columns]
{columns}

[models.{key}.reference]  # what is normal
from = {start}
to   = {end}

[models.{key}.checks]  # left out: the defaults
# psi = false
{limits}
# [alerts.oncall]
# type = "slack"
# url  = "env:SLACK_WEBHOOK_URL"
"""


@dataclass(frozen=True, slots=True)
class _Look:
    """What a first look at a log told of it."""

    source: Source
    columns: Columns
    survey: Survey
    extent: Extent
    outlook: Outlook
    plan: Plan
    notices: tuple[str, ...]


def scaffold(
    log: str, name: str | None, folder: Path, timestamp: str | None = None
) -> tuple[str, tuple[str, ...]]:
    """The text of a monitor.toml in ``folder`` for a log, and notices for its author.

    ``timestamp`` is the column of times where no name tells it.

    Raises:
        SourceError: the log cannot be read, or no column tells the time of a row.
    """
    look = _look(log, timestamp)
    every = _every(look.extent)
    start, end = _reference(look.extent, every)
    positive, key = look.outlook.positive, _key(name or title_of(log))
    text = _TOML.format(
        key=key,
        task=_toml(look.outlook.task),
        positive="" if positive is None else f"positive = {_toml(positive)}  # or the other one?\n",
        every=_toml(str(every)),
        source="\n".join(_source_lines(look.source, log, folder)),
        columns="\n".join(_column_lines(look)),
        start=_moment(start),
        end=_moment(end),
        limits="".join(f"#{line}\n" for line in _limits(look, every, start, end, key)),
    )
    return text, look.notices


def _limits(look: _Look, every: Every, start: datetime, end: datetime, key: str) -> list[str]:
    """Limits that the windows of the reference suggest, as lines that wait to be taken.

    Behind a # they are remarks, and those that begin with another one remain so.
    """
    windows = list(islice(Calendar(every).between(start, end), _LOOKED_AT))
    if not windows:
        return [_SAMPLE]
    now = datetime.now(UTC)
    found = look.source.profile(look.plan, look.columns, windows, Horizon(now, now))
    told = [found[window][WHOLE] for window in windows]
    checks, rules = check_lines(look.plan, told), rule_lines(key, look.plan, told)
    sample = [] if any(line.startswith("missing = ") for line in checks) else [_SAMPLE]
    heads = "# Suggested by what the reference holds, with room to spare; take what is meant:"
    suggested = [heads, *(f" {line}" for line in (*checks, *rules))] if checks or rules else []
    return [*sample, *suggested]


def _look(log: str, timestamp: str | None) -> _Look:
    source = open_log(log)
    names = source.names()
    columns = guess_columns(names)
    if timestamp is not None:
        if timestamp not in names:
            raise WrongSchema(f"there is no column {timestamp!r}; {suggest(timestamp, names)}")
        columns = replace(columns, timestamp=timestamp)
    source, columns = _with_labels(source, columns)
    survey = source.survey(columns, ALL_TIME)
    if not survey.rows:
        raise Unreadable(f"{shown(log)}: no rows; there is nothing to look at")
    notices: list[str] = []
    if columns.timestamp is None:
        columns = replace(columns, timestamp=_time_of(log, survey, columns, notices))
    columns = replace(columns, label=columns.label or _label_of(survey, columns))
    if columns.label is None and columns.label_timestamp is not None:
        notices.append(
            f"{columns.label_timestamp}: tells when labels came, and no column is named like one; "
            'write label = "…" and the task if the log has it'
        )
    now = datetime.now(UTC)
    extent = source.extent(columns, Horizon(now, now))
    if extent.first is None or extent.last is None:
        raise WrongSchema(f"{shown(log)}: no row has a usable time in {columns.timestamp!r}")
    outlook = _outlook(survey, columns, notices)
    plan, told = plan_of(survey, columns, outlook)
    notices += [each for each in told if not each.startswith(f"{columns.timestamp}: ")]
    return _Look(source, columns, survey, extent, outlook, plan, tuple(notices))


def _with_labels(source: Source, columns: Columns) -> tuple[Source, Columns]:
    """The log with the table of its labels, where the database has one of a likely name."""
    if not isinstance(source, Tables) or columns.label is not None or columns.id is None:
        return source, columns
    for name in (f"{source.table}_labels", *_LABEL_TABLES):
        try:
            names = replace(source, table=name).names()
        except WrongSchema:
            continue
        guess = guess_columns(names)
        if guess.label is not None and columns.id in names:
            roles = replace(columns, label=guess.label, label_timestamp=guess.label_timestamp)
            return replace(source, labels=name), roles
    return source, columns


def _time_of(log: str, survey: Survey, columns: Columns, notices: list[str]) -> str:
    """The first column of times that has no other role."""
    times = [name for name, seen in survey.columns.items() if seen.family == "time"]
    times = [name for name in times if name != columns.label_timestamp]
    if not times:
        if nested := nested_hint(survey):
            raise WrongSchema(f"{shown(log)}: no column tells the time of a row; {nested}")
        raise WrongSchema(
            f"{shown(log)}: no column is named like a time (timestamp, ts, time, …) or holds "
            "times, and a monitor needs to know when each row happened; --timestamp names one"
        )
    notices.append(f"{times[0]}: taken for the time of each row; --timestamp names another")
    return times[0]


def _label_of(survey: Survey, columns: Columns) -> str | None:
    """The column of two values that is named like what some models predict."""
    lower = {name.lower(): seen for name, seen in survey.columns.items()}
    others = {getattr(columns, role) for role in _ROLES}
    found = (lower[name] for name in _LABELS if name in lower)
    two = (seen.name for seen in found if len(seen.levels) == _TWO and seen.complete)
    return next((name for name in two if name not in others), None)


def _scores_of(look: _Look) -> dict[str, str]:
    """The columns that are named after the classes of a prediction, such as p_setosa."""
    name = look.columns.prediction
    if look.outlook.task != "multiclass" or name is None:
        return {}
    there = {column.lower(): column for column in look.survey.columns}
    found = {
        level: there[f"{start}_{level}".lower()]
        for level in look.survey.columns[name].levels[:MOST_CLASSES]
        for start in ("p", "proba", "prob", "score", "probability")
        if f"{start}_{level}".lower() in there
    }
    return found if len(found) >= _TWO else {}


def _outlook(survey: Survey, columns: Columns, notices: list[str]) -> Outlook:
    """The task that the labels suggest, and which of two classes is the positive one."""
    if columns.label is None or (columns.prediction is None and columns.score is None):
        return Outlook()
    label = survey.columns[columns.label]
    positive = positive_of(label.levels)
    if label.family == "boolean" or positive is not None:
        return Outlook("binary")
    if len(label.levels) == _TWO:
        rarer = label.levels[-1]
        notices.append(f"{label.name}: {rarer!r}, the rarer class, is taken for the positive one")
        return Outlook("binary", rarer)
    told = survey.columns.get(columns.prediction or "")
    if told is not None and _are_classes(label, told):
        if label.family == "number":
            notices.append(
                f"{label.name}: {len(label.levels)} whole numbers are taken for classes; "
                'write task = "regression" if they are amounts'
            )
        return Outlook("multiclass")
    if label.family == "number" and columns.prediction is not None:
        return Outlook("regression")
    notices.append(f"{label.name}: more than two classes; they are watched, not scored")
    return Outlook()


def _are_classes(label: ColumnSurvey, told: ColumnSurvey) -> bool:
    """Whether a label holds a few classes, and predictions are mostly among them."""
    if label.family not in ("text", "number") or (label.family == "number" and not label.integral):
        return False
    known = set(label.levels) & set(told.levels)
    few = _TWO < len(label.levels) <= MOST_CLASSES and label.complete
    return few and len(known) * 2 > len(told.levels)


def _every(extent: Extent) -> Every:
    """The shortest usual window that holds enough rows to judge."""
    first, last = _ends(extent)
    hours = max((last - first) / timedelta(hours=1), 1.0)
    rate = extent.rows / hours
    for text, length in (("1h", 1.0), ("1d", 24.0), ("1w", 168.0)):
        if rate * length >= ROWS_A_WINDOW and hours >= 10 * length:
            return Every.parse(text)
    return Every.parse("1w" if hours >= 10 * 168 else "1d")


def _reference(extent: Extent, every: Every) -> tuple[datetime, datetime]:
    """The first part of the log: whole days of a long one, and whole windows if there are some."""
    first, last = _ends(extent)
    days = every.unit in "mh" and last - first >= timedelta(days=10)
    calendar = Calendar(Every.parse("1d") if days else every)
    opening = calendar.containing(first)
    end = calendar.containing(first + (last - first) * _REFERENCE_SHARE).start
    whole = list(calendar.between(first, end))
    if len(whole) >= _TWO:
        return whole[0].start, end
    return opening.start, max(end, opening.end)


def _ends(extent: Extent) -> tuple[datetime, datetime]:
    assert extent.first is not None  # noqa: S101  (who looked has made sure)
    assert extent.last is not None  # noqa: S101
    return extent.first, extent.last


def _source_lines(source: Source, log: str, folder: Path) -> Iterator[str]:
    yield f"type = {_toml(type(source).__module__.rpartition('.')[2])}"
    if not isinstance(source, Tables):
        yield f"path = {_toml(_seen_from(folder, log))}"
        if shape := getattr(source, "shape", ""):
            yield f"shape = {_toml(shape)}  # its records are requests, not rows"
        return
    url, _, table = log.rpartition("#")
    yield f"url = {_toml(_address(url, folder))}{_warning(url)}"
    yield f"table = {_toml(table)}"
    if source.labels:
        yield f"labels = {_toml(source.labels)}  # the truth, joined on the id"


def _address(url: str, folder: Path) -> str:
    """The address of a database with its path, if it is one, as it is seen from the folder."""
    scheme, _, rest = url.partition(":")
    if scheme == "file" and "://" not in url:
        return f"file:{_seen_from(folder, rest)}"
    if "://" not in url and scheme != "env":
        return f"sqlite:///{_seen_from(folder, url)}"
    if scheme.startswith("sqlite"):
        head, _, path = url.partition(":///")
        return f"{head}:///{_seen_from(folder, path)}"
    return url


def _warning(url: str) -> str:
    return "  # better: env:NAME or file:PATH, no password in a file" if shown(url) != url else ""


def _seen_from(folder: Path, path: str) -> str:
    """A path as it was given, a relative one from another folder."""
    return path if Path(path).is_absolute() else os.path.relpath(path, folder)


def _column_lines(look: _Look) -> Iterator[str]:
    columns, seen = look.columns, look.survey.columns
    for role in _ROLES:
        if name := getattr(columns, role):
            yield f"{role} = {_toml(name)}"
    if scores := _scores_of(look):
        listed = ", ".join(f"{_toml(each)} = {_toml(name)}" for each, name in scores.items())
        yield f"# scores = {{ {listed} }}"
    features = [column for column in look.plan.columns if look.plan.role(column) == "feature"]
    numeric = [column for column in features if seen[column].family == "number"]
    yield f"numeric = {_toml(numeric)}"
    kinds = [c for c in numeric if seen[c].integral and _TWO < len(seen[c].levels) <= _FEW_KINDS]
    if kinds:
        yield f"## few whole numbers, perhaps better categorical: {_toml(kinds)}"
    yield f"categorical = {_toml([column for column in features if column not in numeric])}"


def _key(title: str) -> str:
    """The name of a model as a key of TOML: letters of all scripts stay, anything else is a _.

    >>> _key("credit-v2"), _key("Kündigung 2024"), _key("***")
    ('credit-v2', '"Kündigung_2024"', 'model')
    """
    name = re.sub(r"[^\w-]+", "_", title).strip("_") or "model"
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else _toml(name)


def _moment(moment: datetime) -> str:
    """A time as TOML writes it, of a midnight the date."""
    if moment.time() == time():
        return moment.date().isoformat()
    return f"{moment.replace(tzinfo=None).isoformat()}Z"


def _toml(value: str | Sequence[str]) -> str:
    """A string or strings as TOML, which reads those of JSON but for one control character."""
    listed = value if isinstance(value, str) else list(value)
    return json.dumps(listed, ensure_ascii=False).replace("\x7f", "\\u007f")
