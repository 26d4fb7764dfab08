"""monitor.toml, read into frozen objects; every problem at once, with its place and a way out."""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
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
from checks.check import Check, catalogue
from checks.outcome_ranking import RankingOutcome
from checks.plan import RankingPlan
from checks.text import canonical
from monitor.asked import Asked
from monitor.binding import Problems, Table, bind
from monitor.evaluate import Rule, kinds_of, row_rules_of, wants_orphans
from monitor.hints import suggest
from monitor.model import Config, ConfigError, Daemon, Model, Reference, Task
from monitor.sources import Columns, Source, source_type
from monitor.tasks import NEEDS, OUTCOMES, fits
from monitor.windows import EARLIEST, Calendar, Every, Schedule, Window


@dataclass(frozen=True, slots=True)
class _Head:
    """The plain keys of a model's table."""

    task: Task = "none"
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
    cutoffs: tuple[int, ...] = RankingPlan().cutoffs
    label_separator: str = ","
    runbook: str = ""

    def __post_init__(self) -> None:
        if self.granule is not None and not self.granule.tiles(self.every):
            raise ValueError(f"granule: {self.granule} does not divide a window of {self.every}")
        if not 0 < self.mature_at <= 1:
            raise ValueError("mature_at: must be a share above 0 and at most 1")
        if self.remind_after <= timedelta(0):
            raise ValueError("remind_after: must be longer than 0s")
        if not self.cutoffs or min(self.cutoffs) < 1:
            raise ValueError("cutoffs: must be numbers of first places such as [1, 5, 10]")
        if not self.label_separator:
            raise ValueError("label_separator: is empty; write what stands between two labels")
        if self.budget and not re.fullmatch(r"\d+ per \d+[dw]", self.budget):
            raise ValueError(f"budget: {self.budget!r} is no budget such as '1 per 30d'")


_ANY_TIME = datetime(2024, 1, 1, tzinfo=UTC)
_RECIPE = (
    "task",
    "timezone",
    "every",
    "positive",
    "threshold",
    "cutoffs",
    "label_separator",
    "columns",
    "reference",
)
_USED_BY = {
    "lower": ("regression", "forecasting"),
    "weight": ("binary", "multiclass", "regression", "forecasting"),
    "scores": ("multiclass",),
}
_TABLES = ("source", "columns", "reference", "checks", "importance", "rules")


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


def _counts_rows(check: Check, task: Task) -> bool:
    """Whether it is a metric of outcomes of this task that does not look at weights."""
    of_outcomes = check.cause == "performance" and set(check.takes) <= set(OUTCOMES.values())
    return of_outcomes and not check.weighted and fits(check, task)


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
        rules = Asked(self.place, self.table, columns, self.problems, self.folder).rules()
        self._notified(channels)
        if head is not None:
            self._consistent(head, columns)
            self._known_cutoffs(rules, head)
            self._unweighted(rules, head.task, columns)
        schedule = self._schedule(head, columns)
        if len(self.problems.found) > before or not (head and columns and source and schedule):
            return None
        if reference is None:
            return None
        return Model(
            self.name,
            head.task,
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
            self._recipe(rules),
            self._digest(*self.table),
            tuple(sorted(set(head.cutoffs))),
            head.label_separator,
        )

    def _recipe(self, rules: Sequence[Rule]) -> str:
        """What a baseline follows from; limits are none of it."""
        kinds = sorted(kind.__name__ for kind in kinds_of(rules))
        said = row_rules_of(rules)
        written = [hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]] if said else []
        apart = ["orphans"] if wants_orphans(rules) else []
        return "+".join((self._digest(*_RECIPE), *kinds, *apart, *written))

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
        self._apart(columns, place)
        return columns

    def _apart(self, columns: Columns, place: str) -> None:
        """A column of texts or of vectors can be nothing else besides."""
        roles = {
            f"the {key}": (name,)
            for key in ("timestamp", "id", "version", "prediction", "score", "label", "query")
            if (name := getattr(columns, key)) is not None
        }
        lists = ("numeric", "categorical", "segments", "exclude")
        others = roles | {f"in {key}": tuple(getattr(columns, key) or ()) for key in lists}
        for key in ("text", "embeddings"):
            for name in dict.fromkeys(getattr(columns, key)):
                also = [where for where, names in others.items() if name in names]
                also += ["in embeddings"] * (key == "text" and name in columns.embeddings)
                if also:
                    self.problems.add(f"{place}.{key}", f"{name!r} is {also[0]} too; choose one")

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
        judged = head.task not in ("none", "clustering")
        labelled = judged and columns is not None and columns.label is not None
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
        if head.budget:
            self.problems.note(
                f"{self.place}.budget", "is read but not used yet: static limits decide"
            )
        if head.task == "multiclass" and head.positive is not None:
            self.problems.note(f"{self.place}.positive", "has no effect: no class is special")
        if columns is None or head.task == "none":
            return
        for key, why in NEEDS.get(head.task, {}).items():
            if getattr(columns, key) is None:
                place = f"{self.place}.columns.{key}"
                self.problems.add(place, f"a {head.task} model needs {why}")
        if head.task == "binary" and columns.prediction is None and columns.score is None:
            self.problems.add(f"{self.place}.columns.prediction", "a binary model needs one")
        for key, task in (("query", "ranking"), ("horizon", "forecasting")):
            if getattr(columns, key) is not None and head.task != task:
                said = f'has no effect on a {head.task} model; task = "{task}" uses it'
                self.problems.note(f"{self.place}.columns.{key}", said)
        self._besides(head.task, columns)
        if columns.label is None and head.task != "clustering":
            self.problems.note(
                f"{self.place}.columns.label", "without one there is no performance, only drift"
            )

    def _besides(self, task: Task, columns: Columns) -> None:
        """Columns that tell more of an outcome, which not every task has a use for."""
        place = f"{self.place}.columns"
        for key, other in (("lower", "upper"), ("upper", "lower")):
            if getattr(columns, key) is not None and getattr(columns, other) is None:
                self.problems.add(f"{place}.{other}", f"is missing; {key} is one end of two")
        if len(columns.scores) == 1:
            self.problems.add(f"{place}.scores", "names one class; write the column of each class")
        for key, tasks in _USED_BY.items():
            if getattr(columns, key) and task not in tasks:
                said = f"has no effect on a {task} model, only on {' and '.join(tasks)} models"
                self.problems.note(f"{place}.{key}", said)

    def _unweighted(self, rules: Iterable[Rule], task: Task, columns: Columns | None) -> None:
        """Say which metrics count rows where the model has weights."""
        if columns is None or columns.weight is None or task not in _USED_BY["weight"]:
            return
        names = [rule.check.name for rule in rules if _counts_rows(rule.check, task)]
        if names:
            said = f"is not used by {', '.join(names)}: there each row counts the same"
            self.problems.note(f"{self.place}.columns.weight", said)

    def _known_cutoffs(self, rules: Iterable[Rule], head: _Head) -> None:
        """A ranker is measured at its cutoffs alone."""
        for rule in rules:
            k = rule.parameters.get("k", 0)
            if k and k not in head.cutoffs and RankingOutcome in rule.check.takes:
                told = ", ".join(map(str, head.cutoffs))
                place = f"{self.place}.checks.{rule.check.name}.k"
                self.problems.add(place, f"{k} is none of the cutoffs {told}; add it to cutoffs")


def _policy(head: _Head, schedule: Schedule) -> Policy:
    """Reminders as configured; what follows within two windows is taken for a consequence."""
    window = schedule.calendar.containing(_ANY_TIME).length
    return Policy(
        remind_after=head.remind_after,
        mute_within=max(timedelta(days=1), 2 * window),
        speak_from=head.speak_from,
    )


def _text(value: str | int | bool) -> str:
    return canonical(value)


def _moment(value: object, zone: ZoneInfo, place: str, problems: Problems) -> datetime | None:
    if isinstance(value, date) and value.year < EARLIEST:
        problems.add(place, f"{value} lies before {EARLIEST}, as no log does")
        return None
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
