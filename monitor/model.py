"""What monitor.toml says, as frozen objects."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Literal

from alerts.delivery import Channel
from alerts.incident import Policy
from alerts.secret import Secret
from checks.plan import RankingPlan
from monitor.evaluate import Rule
from monitor.hints import suggest
from monitor.sources import Columns, Source
from monitor.windows import Schedule, Window

Task = Literal[
    "binary",
    "multiclass",
    "multilabel",
    "regression",
    "forecasting",
    "ranking",
    "clustering",
    "none",
]


class ConfigError(Exception):
    """monitor.toml cannot be used; ``problems`` holds one line for each thing to mend."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Daemon:
    """The ``[daemon]`` table.

    ``state`` is the address of the state database, ``listen`` that of the metrics, ``tick`` how
    often the ledger is asked what is due, ``token`` a bearer token for the web server, ``plugins``
    a folder whose ``checks``, ``alerts`` and ``sources`` subfolders add to the built-in ones, and
    ``url`` the address under which people reach the status page (for links in messages).
    """

    state: Secret = Secret("sqlite:///modelmon.db")  # noqa: RUF009 (immutable)
    listen: str = "127.0.0.1:9108"
    tick: timedelta = timedelta(seconds=30)
    token: Secret | None = None
    plugins: Path | None = None
    url: str = ""

    def __post_init__(self) -> None:
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError(f"listen: {self.listen!r} is no host:port such as 127.0.0.1:9108")
        if self.tick < timedelta(seconds=1):
            raise ValueError("tick: must be at least 1s")

    @property
    def address(self) -> tuple[str, int]:
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


@dataclass(frozen=True, slots=True)
class Reference:
    """What is normal: a period of the model's own log, or a log of its own."""

    period: Window | None = None
    source: Source | None = None


@dataclass(frozen=True, slots=True)
class Model:
    """One ``[models.NAME]`` table."""

    name: str
    task: Task
    schedule: Schedule
    source: Source
    columns: Columns
    reference: Reference
    rules: tuple[Rule, ...]
    notify: tuple[str, ...]
    policy: Policy
    positive: str | None
    threshold: float
    budget: str
    runbook: str
    recipe: str
    fingerprint: str
    cutoffs: tuple[int, ...] = RankingPlan().cutoffs
    label_separator: str = ","


@dataclass(frozen=True, slots=True)
class Config:
    """A whole monitor.toml. ``notes`` are remarks for its author, ``secrets`` for redaction."""

    path: Path
    daemon: Daemon
    models: Mapping[str, Model]
    channels: Mapping[str, Channel]
    notes: tuple[str, ...]
    secrets: tuple[Secret, ...] = field(repr=False)

    def model(self, name: str) -> Model:
        """The model of a name; ConfigError with a suggestion where there is none."""
        if name not in self.models:
            raise ConfigError([f"models.{name}: no such model; {suggest(name, self.models)}"])
        return self.models[name]
