"""monitor.toml, read into frozen objects; every problem at once, with its place and a way out."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, make_dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import alerts
import checks
import monitor.sources
from alerts.channels import UnknownChannel, channel_type
from alerts.delivery import Channel
from alerts.incident import Policy
from alerts.secret import Secret
from checks.check import catalogue
from checks.text import canonical
from checks.verdict import Limit
from monitor.binding import Problems, Table, bind
from monitor.evaluate import Rule, kinds_of
from monitor.hints import suggest
from monitor.model import Config, ConfigError, Daemon, Model, Reference, Task
from monitor.sources import Columns, Source, source_type
from monitor.windows import Calendar, Every, Schedule, Window

_LATER_TASKS = ("ranking", "clustering")


@dataclass(frozen=True, slots=True)
class _Head:
    """The plain keys of a model's table."""

    task: Literal["binary", "multiclass", "regression", "ranking", "clustering", "none"] = "none"
    every: Every = Every(1, "d")  # noqa: RUF009 (immutable)
    granule: Every | None = None
    timezone: ZoneInfo = ZoneInfo("UTC")  # noqa: RUF009 (immutable)
    settle: timedelta = timedelta(0)
    labels_within: timedelta = timedelta(days=7)
    mature_at: float = 0.95
    budget: str = ""
    notify: tuple[str, ...] = ()
    remind_after: timedelta = timedelta(hours=24)
    speak_from: Literal["critical", "warning"] = "critical"
    positive: str | int | bool | None = None
    threshold: float = 0.5
    runbook: str = ""

    def __post_init__(self) -> None:
        if self.granule is not None and not self.granule.tiles(self.every):
            raise ValueError(f"granule: {self.granule} does not divide a window of {self.every}")
        if not 0 < self.mature_at <= 1:
            raise ValueError("mature_at: must be a share above 0 and at most 1")
        if self.remind_after <= timedelta(0):
            raise ValueError("remind_after: must be longer than 0s")
        if self.budget and not re.fullmatch(r"\d+ per \d+[dw]", self.budget):
            raise ValueError(f"budget: {self.budget!r} is no budget such as '1 per 30d'")


_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)
_RECIPE = ("task", "timezone", "every", "positive", "threshold", "columns", "reference")
_TABLES = ("source", "columns", "reference", "checks")


def load(path: Path) -> Config:
    """Read a monitor.toml; ConfigError holds every problem found."""
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError([f"{path}: no such file; `modelmon init LOG` writes one"]) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError([f"{path}: cannot be read as TOML: {error}"]) from None
    return parse(tree, path)


def parse(tree: Mapping[str, Any], path: Path) -> Config:
    """The configuration in a tree of TOML values; paths in it are relative to its file."""
    problems, folder = Problems(), path.resolve().parent
    for key in tree.keys() - {"daemon", "models", "alerts"}:
        problems.add(key, f"unknown; {suggest(key, ('daemon', 'models', 'alerts'))}")
    daemon = bind(Daemon, tree.get("daemon", {}), "daemon", problems, folder) or Daemon()
    daemon = replace(daemon, state=_local(daemon.state, folder))
    _plug(daemon.plugins, problems)
    try:
        catalogue()
    except (SyntaxError, ImportError, NameError, AttributeError, TypeError, ValueError) as error:
        problems.add("daemon.plugins", f"a check cannot be loaded: {type(error).__name__}: {error}")
        raise ConfigError(problems.found) from None
    channels = {
        name: channel
        for name, table in _tables(tree, "alerts", problems)
        if (channel := _channel(table, f"alerts.{name}", problems, folder)) is not None
    }
    named = {name for name, _ in _tables(tree, "alerts", Problems())}
    models = {
        name: model
        for name, table in _tables(tree, "models", problems)
        if (model := _Reader(name, table, problems, folder).model(named)) is not None
    }
    if not models and not problems.found:
        problems.add("models", "there is none; add a [models.NAME] table")
    if problems.found:
        raise ConfigError(problems.found)
    return Config(path, daemon, models, channels, tuple(problems.notes), tuple(problems.secrets))


def _tables(tree: Mapping[str, Any], key: str, problems: Problems) -> list[tuple[str, Table]]:
    group = tree.get(key, {})
    if not isinstance(group, Mapping):
        problems.add(key, "must be a table")
        return []
    good = []
    for name, table in group.items():
        if isinstance(table, Mapping):
            good.append((name, table))
        else:
            problems.add(f"{key}.{name}", "must be a table")
    return good


def _plug(plugins: Path | None, problems: Problems) -> None:
    """Let the folders of a plugin folder count as parts of our packages."""
    if plugins is None:
        return
    if not plugins.is_dir():
        problems.add("daemon.plugins", f"there is no folder {plugins}")
        return
    for package, name in ((checks, "checks"), (alerts, "alerts"), (monitor.sources, "sources")):
        folder = str(plugins / name)
        if Path(folder).is_dir() and folder not in package.__path__:
            package.__path__.append(folder)


def _channel(table: Table, place: str, problems: Problems, folder: Path) -> Channel | None:
    kind = table.get("type")
    if not isinstance(kind, str):
        problems.add(f"{place}.type", 'is missing; write type = "slack" or another channel')
        return None
    try:
        cls = channel_type(kind)
    except UnknownChannel as error:
        problems.add(f"{place}.type", str(error))
        return None
    rest = {key: value for key, value in table.items() if key != "type"}
    return cast("Channel | None", bind(cls, rest, place, problems, folder))


def _local(url: Secret, folder: Path) -> Secret:
    """A SQLite or DuckDB address with a relative path, seen from the folder of monitor.toml."""
    local = r"((?:sqlite(?:\+\w+)?|duckdb):///)(?!/|:|file:)([^?]+)(.*)"
    found = re.fullmatch(local, url.reveal())
    return Secret(f"{found[1]}{folder / found[2]}{found[3]}") if found else url


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads one model's table."""

    name: str
    table: Table
    problems: Problems
    folder: Path

    @property
    def place(self) -> str:
        return f"models.{self.name}"

    def model(self, channels: set[str]) -> Model | None:
        """The model, or None where problems were added."""
        before = len(self.problems.found)
        plain = {k: v for k, v in self.table.items() if k not in _TABLES}
        head = bind(_Head, plain, self.place, self.problems, self.folder, also=_TABLES)
        columns = self._columns()
        source = self._source(self.table.get("source"), f"{self.place}.source")
        reference = self._reference()
        rules = self._rules(columns)
        self._known_columns(rules, columns)
        self._notified(channels)
        if head is not None:
            self._consistent(head, columns)
        schedule = self._schedule(head, columns)
        if len(self.problems.found) > before or not (head and columns and source and schedule):
            return None
        if reference is None:
            return None
        return Model(
            self.name,
            cast("Task", head.task),
            schedule,
            source,
            columns,
            reference,
            rules,
            head.notify,
            _policy(head, schedule),
            None if head.positive is None else _text(head.positive),
            head.threshold,
            head.budget,
            head.runbook,
            "+".join((self._digest(*_RECIPE), *sorted(kind.__name__ for kind in kinds_of(rules)))),
            self._digest(*self.table),
        )

    def _digest(self, *keys: str) -> str:
        part = {key: self.table[key] for key in sorted(keys) if key in self.table}
        return hashlib.sha256(json.dumps(part, sort_keys=True, default=str).encode()).hexdigest()[
            :16
        ]

    def _columns(self) -> Columns | None:
        place = f"{self.place}.columns"
        table = self.table.get("columns", {})
        columns = bind(Columns, table, place, self.problems, self.folder)
        if columns is None:
            return None
        if columns.timestamp is None:
            self.problems.add(f"{place}.timestamp", "is missing; windows need the time of each row")
        self._zone(columns.timezone, f"{place}.timezone")
        both = set(columns.numeric or ()) & set(columns.categorical or ())
        for name in sorted(both):
            self.problems.add(place, f"{name!r} is both numeric and categorical; choose one")
        return columns

    def _zone(self, name: str, place: str) -> ZoneInfo | None:
        try:
            return ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            self.problems.add(place, f"{name!r} is no time zone; write one such as Europe/Berlin")
            return None

    def _source(self, table: object, place: str) -> Source | None:
        if not isinstance(table, Mapping):
            self.problems.add(place, 'is missing; write type = "parquet" and path = ...')
            return None
        kind = table.get("type")
        if not isinstance(kind, str):
            self.problems.add(f"{place}.type", 'is missing; write type = "parquet" or another')
            return None
        try:
            cls = source_type(kind)
        except ValueError as error:
            self.problems.add(f"{place}.type", str(error))
            return None
        rest = {key: value for key, value in table.items() if key != "type"}
        source = bind(cls, rest, place, self.problems, self.folder)
        url = getattr(source, "url", None)
        if source is not None and isinstance(url, Secret):
            source = replace(source, url=_local(url, self.folder))  # type: ignore[type-var]
        return source

    def _reference(self) -> Reference | None:
        place = f"{self.place}.reference"
        table = self.table.get("reference")
        if not isinstance(table, Mapping):
            self.problems.add(place, "is missing; write from and to, or the path of a file")
            return None
        if "from" in table or "to" in table:
            for key in table.keys() - {"from", "to"}:
                self.problems.add(f"{place}.{key}", f"unknown; {suggest(key, ('from', 'to'))}")
            zone = self._calendar_zone()
            start = _moment(table.get("from"), zone, f"{place}.from", self.problems)
            end = _moment(table.get("to"), zone, f"{place}.to", self.problems)
            if start and end and end <= start:
                self.problems.add(place, "to must lie after from")
                return None
            return Reference(Window(start, end)) if start and end else None
        own = self.table.get("source")
        kind = own.get("type") if isinstance(own, Mapping) else None
        source = self._source({"type": kind, **table}, place)
        return None if source is None else Reference(source=source)

    def _calendar_zone(self) -> ZoneInfo:
        try:
            return ZoneInfo(str(self.table.get("timezone", "UTC")))
        except (ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo("UTC")  # said where the key itself is read

    def _schedule(self, head: _Head | None, columns: Columns | None) -> Schedule | None:
        if head is None:
            return None
        labelled = head.task != "none" and columns is not None and columns.label is not None
        return Schedule(
            Calendar(head.every, head.timezone),
            head.settle,
            head.labels_within,
            head.mature_at,
            labelled,
            head.granule,
        )

    def _notified(self, channels: set[str]) -> None:
        """Look for the channels that are named, whatever else is wrong with the table."""
        named = self.table.get("notify")
        for name in named if isinstance(named, list) else ():
            if isinstance(name, str) and name not in channels:
                hint = suggest(name, channels)
                self.problems.add(f"{self.place}.notify", f"there is no [alerts.{name}]; {hint}")

    def _consistent(self, head: _Head, columns: Columns | None) -> None:
        if head.task in _LATER_TASKS:
            self.problems.add(
                f"{self.place}.task",
                f"{head.task!r} is not measured by this version; use 'none' to watch its inputs",
            )
        if head.budget:
            self.problems.note(
                f"{self.place}.budget", "is read but not used yet: static limits decide"
            )
        if head.task == "multiclass" and head.positive is not None:
            self.problems.note(f"{self.place}.positive", "has no effect: no class is special")
        if columns is None or head.task not in ("binary", "multiclass", "regression"):
            return
        if columns.prediction is None and (head.task != "binary" or columns.score is None):
            self.problems.add(f"{self.place}.columns.prediction", f"a {head.task} model needs one")
        if columns.label is None:
            self.problems.note(
                f"{self.place}.columns.label", "without one there is no performance, only drift"
            )

    def _rules(self, columns: Columns | None) -> tuple[Rule, ...]:
        table = self.table.get("checks", {})
        place = f"{self.place}.checks"
        if not isinstance(table, Mapping):
            self.problems.add(place, "must be a table")
            return ()
        known = catalogue()
        for name in table.keys() - known.keys():
            self.problems.add(f"{place}.{name}", f"unknown check; {suggest(name, known)}")
        rules = []
        for name, check in known.items():
            asked = table.get(name, check.default and not self._lacks(check.needs, columns))
            if isinstance(asked, Mapping):
                rule = self._rule(Rule(check), asked, f"{place}.{name}")
                rules += [rule] if rule else []
            elif not isinstance(asked, bool):
                self.problems.add(f"{place}.{name}", "must be true, false or a table")
            elif asked:
                rules.append(Rule(check))
        return tuple(rules)

    def _lacks(self, part: str, columns: Columns | None) -> bool:
        """Whether a part of a log that a check is about is neither a column nor of the source."""
        if not part or columns is None:
            return False
        source = self.table.get("source")
        of_source = source.get(part) if isinstance(source, Mapping) else None
        return not getattr(columns, part, of_source)

    def _known_columns(self, rules: Iterable[Rule], columns: Columns | None) -> None:
        """Where the features are listed, a rule cannot be about another column."""
        if columns is None or columns.numeric is None or columns.categorical is None:
            return
        roles = (columns.prediction, columns.score, columns.label)
        known = [*columns.numeric, *columns.categorical, *filter(None, roles)]
        for rule in rules:
            for name in set(rule.columns or ()) - set(known):
                place = f"{self.place}.checks.{rule.check.name}.columns"
                self.problems.add(place, f"no watched column {name!r}; {suggest(name, known)}")

    def _rule(self, rule: Rule, table: Table, place: str) -> Rule | None:
        check = rule.check
        common: dict[str, Any] = {
            "warning": float,
            "critical": float,
            "columns": tuple[str, ...],
            "min_rows": int,
        }
        shape = _record({**common, **{k: check.types[k] for k in check.parameters}})
        read = bind(shape, table, place, self.problems, self.folder)
        if read is None:
            return None
        given = {key: getattr(read, key) for key in table}
        limit = None
        if "warning" in given or "critical" in given:
            limit = Limit(given.get("warning"), given.get("critical"), check.direction, "config")
            if not _ordered(limit):
                self.problems.add(place, "critical must lie beyond warning")
        return replace(
            rule,
            parameters={k: v for k, v in given.items() if k in check.parameters},
            limit=limit,
            columns=given.get("columns"),
            min_rows=given.get("min_rows", check.minimum),
        )


def _record(shape: Mapping[str, Any]) -> type[Any]:
    """A dataclass with optional fields of the given types."""
    return make_dataclass(
        "Rule", [(name, hint, field(default=None)) for name, hint in shape.items()]
    )


def _policy(head: _Head, schedule: Schedule) -> Policy:
    """Reminders as configured; what follows within two windows is taken for a consequence."""
    window = schedule.calendar.containing(_ANY_TIME).length
    return Policy(
        remind_after=head.remind_after,
        mute_within=max(timedelta(days=1), 2 * window),
        speak_from=head.speak_from,
    )


def _ordered(limit: Limit) -> bool:
    if limit.warning is None or limit.critical is None:
        return True
    if limit.direction == "below":
        return limit.critical <= limit.warning
    return limit.critical >= limit.warning


def _text(value: str | int | bool) -> str:
    return canonical(value)


def _moment(value: object, zone: ZoneInfo, place: str, problems: Problems) -> datetime | None:
    try:
        if isinstance(value, datetime):
            moment = value if value.tzinfo else value.replace(tzinfo=zone)
            return moment.astimezone(UTC)
        if isinstance(value, date):
            return datetime.combine(value, time(), zone).astimezone(UTC)
    except OverflowError:
        problems.add(place, f"{value} lies outside the calendar")
        return None
    if isinstance(value, str):
        problems.add(place, f"{value!r} is text; write a date without quotes, such as 2024-01-31")
        return None
    problems.add(place, "is missing; write a date such as 2024-01-31")
    return None
