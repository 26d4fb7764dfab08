"""One-off comparison of two logs: no configuration, no state."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from glob import glob, has_magic
from pathlib import Path
from zoneinfo import ZoneInfo

from alerts.secret import Secret
from checks.check import catalogue
from checks.log import LogProfile
from checks.portrait import Portrait
from monitor.baseline import Baseline
from monitor.evaluate import Rule, Target, evaluate, kinds_of
from monitor.findings import WHOLE, Finding, Slice
from monitor.hints import suggest
from monitor.learn import summarise
from monitor.planning import Outlook, guess_columns, nested_hint
from monitor.sources import (
    ALL_TIME,
    Columns,
    Horizon,
    Source,
    Unreachable,
    Unreadable,
    WrongSchema,
    source_type,
)
from monitor.sources._parts import made_of
from monitor.sources._shapes._records import shape_in
from monitor.windows import Calendar, Every


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two logs compared: the baseline made of the first, the portrait of the second."""

    name: str
    baseline: Baseline
    portrait: Portrait
    findings: tuple[Finding, ...]
    notices: tuple[str, ...]


def compare(
    name: str,
    reference: Source,
    current: Source,
    columns: Columns,
    outlook: Outlook,
    now: datetime,
    rules: Sequence[Rule] | None = None,
) -> Comparison:
    """Every rule (by default every default check that makes sense without windows) on two logs.

    Raises:
        SourceError: one of them cannot be read or has no rows, or a named column is in neither.
    """
    horizon = Horizon(now, now)
    calendar = Calendar(Every.parse("1d"), ZoneInfo("UTC"))
    before, after = reference.names(), current.names()
    _require_excluded(columns, {*before, *after})
    untimed = _untimed(columns)
    chosen = default_rules(outlook.task, columns) if rules is None else rules
    baseline, notices = summarise(
        name, reference, untimed, outlook, calendar, ALL_TIME, horizon, kinds_of(chosen)
    )
    if not baseline.plan.columns and (nested := nested_hint(reference.survey(untimed, ALL_TIME))):
        raise WrongSchema(f"{name}: no column can be compared; {nested}")
    portraits: Mapping[Slice, Portrait] = current.profile(
        baseline.plan, untimed, [ALL_TIME], horizon
    )[ALL_TIME]
    if not portraits[WHOLE].rows:
        raise Unreadable(f"{name}: no rows; there is nothing to compare")
    findings = evaluate(
        Target(name, ALL_TIME), baseline.plan, chosen, baseline.portraits, portraits
    )
    known = {*before, *baseline.plan.columns, *untimed.exclude}
    fresh = [column for column in after if column not in known]
    return Comparison(name, baseline, portraits[WHOLE], findings, (*notices, *_only_now(fresh)))


def _require_excluded(columns: Columns, names: set[str]) -> None:
    """What is left out must be there: else it is a typing error, and something else stays in."""
    for name in columns.exclude:
        if name not in names and name not in made_of(columns):
            raise WrongSchema(f"exclude: there is no column {name!r}; {suggest(name, names)}")
        if name in (*(columns.numeric or ()), *(columns.categorical or ())):
            raise WrongSchema(f"exclude: {name!r} is to be compared and left out; choose one")


def _untimed(columns: Columns) -> Columns:
    """The roles of columns that are not left out; times are, for there are no windows."""
    gone = (*columns.exclude, *filter(None, (columns.timestamp, columns.label_timestamp)))

    def kept(role: str | None) -> str | None:
        return None if role in gone else role

    return replace(
        columns,
        timestamp=None,
        id=kept(columns.id),
        version=kept(columns.version),
        prediction=kept(columns.prediction),
        score=kept(columns.score),
        label=kept(columns.label),
        label_timestamp=None,
        exclude=gone,
    )


def _only_now(names: Sequence[str]) -> Iterator[str]:
    if names:
        shown = ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
        yield f"only in the current log, so not compared: {shown}"


def default_rules(task: str = "none", columns: Columns | None = None) -> tuple[Rule, ...]:
    """The default checks of columns and outcomes: volume and time say nothing of two files."""
    return tuple(
        Rule(check)
        for check in catalogue().values()
        if check.default
        and LogProfile not in check.takes
        and (check.needs != "clusters" or task == "clustering")
        and (check.needs not in _OPTIONAL or bool(getattr(columns, check.needs, None)))
    )


def guessed(source: Source) -> Columns:
    """The roles that the column names of a log suggest."""
    return guess_columns(source.names())


_OPTIONAL = ("lower", "weight", "scores")
_SHOWN = 10
_TYPES = {
    ".parquet": "parquet",
    ".pq": "parquet",
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
}
_DATABASES = (".db", ".sqlite", ".sqlite3")


def open_log(text: str) -> Source:
    """The log that a person means by a path, a folder, a glob, either's URL, or ``URL#TABLE``.

    Files whose first record surely is a request of a known shape are read as logs of that shape.
    The URL may be the path of a SQLite file, or ``env:NAME`` or ``file:PATH`` that hold it.

    Raises:
        Unreachable: there is no such file.
        Unreadable: nothing tells how to read it.
    """
    url, _, table = text.rpartition("#")
    if table and _is_database(url):
        return _source("sql", url=_address(url), table=table)
    if not _formats(text) and _is_database(text):
        raise Unreadable(f"{shown(text)}: which table? write {shown(text)}#TABLE")
    path: Path | str = text if "://" in text else Path(text)
    kinds = _formats(text)
    if len(kinds) != 1:
        raise _unclear(text, kinds)
    kind = kinds.pop()
    shape = shape_in(kind, path)
    return _source(kind, path=path, shape=shape) if shape else _source(kind, path=path)


def shown(text: str) -> str:
    """What a person wrote for a log, without the password in it.

    >>> shown("postgresql://ana:s3cret@db/models#log")
    'postgresql://ana:***@db/models#log'
    """
    text = re.sub(r"(?<=://)([^:/@]*):.*@", r"\1:***@", text)
    return re.sub(r"(?i)(pass\w*=)[^&#]*", r"\1***", text)


def title_of(text: str) -> str:
    """A short name for a log: of a file its name, of a table the table's.

    >>> title_of("logs/churn.csv.gz"), title_of("sqlite:///log.db#january"), title_of("week/*.csv")
    ('churn', 'january', 'week')
    """
    url, _, table = text.rpartition("#")
    if table and _is_database(url):
        return table
    path = Path(text)
    while has_magic(path.name):
        path = path.parent
    return Path(path.resolve().name.removesuffix(".gz")).stem


def _is_database(url: str) -> bool:
    return "://" in url or url.startswith(("env:", "file:")) or Path(url).suffix in _DATABASES


def _address(url: str) -> Secret:
    """The address of a database that a person wrote down, or said where it is written."""
    from monitor.binding import resolve_secret

    if "://" in url:
        return Secret(url)
    if not url.startswith(("env:", "file:")):
        return Secret(f"sqlite:///{url}")
    try:
        return resolve_secret(url, Path.cwd())
    except ValueError as error:
        raise Unreachable(str(error)) from None


def _format(name: str) -> str | None:
    return _TYPES.get(Path(name.lower().removesuffix(".gz")).suffix)


def _formats(text: str) -> set[str]:
    """The formats that the names of one or many files tell."""
    path = Path(text.partition("?")[0] if "://" in text else text)
    if "://" in text:
        names = [path.name]
    elif path.is_dir():
        names = [each.name for each in path.rglob("*")]
    elif has_magic(text) and not path.exists():
        names = glob(text, recursive=True)  # noqa: PTH207  (an absolute pattern may be meant)
    else:
        names = [path.name]
    return {kind for name in names if (kind := _format(name)) is not None}


def _unclear(text: str, kinds: set[str]) -> Unreadable | Unreachable:
    path, known = Path(text), ".parquet, .csv or .jsonl"
    if kinds:
        return Unreadable(
            f"{text}: holds files of several formats ({', '.join(sorted(kinds))}); "
            "name those of one, as in FOLDER/*.csv"
        )
    if path.is_dir() or has_magic(text):
        return Unreachable(f"{text}: there is no {known} file")
    if not path.exists():
        return Unreachable(f"{text}: no such file or folder")
    return Unreadable(
        f"{text}: its name does not tell the format; use {known} files, or URL#TABLE for a database"
    )


def _source(kind: str, **fields: object) -> Source:
    try:
        return source_type(kind)(**fields)
    except ValueError as error:
        raise Unreadable(str(error)) from None
