"""A first monitor.toml, written from a look at a log."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerts.secret import Secret
from monitor.oneoff import guessed, open_log
from monitor.planning import Outlook, plan_of
from monitor.sources import ALL_TIME, Columns, Extent, Horizon, Source, Survey, WrongSchema
from monitor.windows import Calendar, Every

ROWS_A_WINDOW = 300
_REFERENCE_SHARE = 0.3
_TWO = 2


def scaffold(log: str, name: str | None, folder: Path) -> tuple[str, tuple[str, ...]]:
    """The text of a monitor.toml in ``folder`` for a log, and notices for its author.

    Raises:
        SourceError: the log cannot be read, or no column tells the time of a row.
    """
    source = open_log(log)
    survey = source.survey(Columns(), ALL_TIME)
    columns = guessed(source)
    if columns.timestamp is None:
        raise WrongSchema(
            f"{log}: no column is named like a time (timestamp, ts, time, …); "
            "a monitor needs to know when each row happened"
        )
    now = datetime.now(UTC)
    extent = source.extent(columns, Horizon(now, now))
    if extent.first is None or extent.last is None:
        raise WrongSchema(f"{log}: no row has a usable time in {columns.timestamp!r}")
    task = _task(survey, columns)
    plan, notices = plan_of(survey, _settled(columns, task), Outlook())
    features = [column for column in plan.columns if plan.role(column) == "feature"]
    numeric = [c for c in features if survey.columns[c].family == "number"]
    categorical = [c for c in features if c not in numeric]
    every = _every(extent)
    start, end = _reference(extent, every)
    title = re.sub(r"\W+", "_", name or Path(log.partition("#")[0]).stem) or "model"
    lines = [
        "# Written by `modelmon init`; every key may be changed.",
        "",
        "[daemon]",
        'state  = "sqlite:///modelmon.db"',
        'listen = "127.0.0.1:9108"',
        "",
        f"[models.{title}]",
        f"task   = {_toml(task)}  # binary, regression, or none to watch inputs only",
        f"every  = {_toml(str(every))}  # one window: 15m, 1h, 1d, 1w or 1mo",
        'settle = "0s"  # how long to wait for late rows',
        'labels_within = "7d"  # after this a window is final, whatever has come',
        "notify = []  # names of [alerts.NAME] tables, such as the one below",
        "",
        f"[models.{title}.source]",
        *_source_lines(source, log, folder),
        "",
        f"[models.{title}.columns]",
        *_role_lines(columns),
        f"numeric = {_toml(numeric)}",
        f"categorical = {_toml(categorical)}",
        "",
        f"[models.{title}.reference]  # what is normal",
        f"from = {start:%Y-%m-%d}",
        f"to   = {end:%Y-%m-%d}",
        "",
        f"[models.{title}.checks]  # left out: the defaults",
        "# missing = { warning = 0.05, critical = 0.2 }",
        "# psi = false",
        "",
        "# [alerts.oncall]",
        '# type = "slack"',
        '# url  = "env:SLACK_WEBHOOK_URL"',
        "",
    ]
    return "\n".join(lines), notices


def _task(survey: Survey, columns: Columns) -> str:
    if columns.label is None or columns.prediction is None:
        return "none"
    label = survey.columns[columns.label]
    if len(label.levels) == _TWO or label.family == "boolean":
        return "binary"
    return "regression" if label.family == "number" else "none"


def _settled(columns: Columns, task: str) -> Columns:
    return replace(columns, label=None) if task == "none" else columns


def _every(extent: Extent) -> Every:
    """The shortest usual window that holds enough rows to judge."""
    assert extent.first is not None  # noqa: S101  (the caller looked)
    assert extent.last is not None  # noqa: S101
    hours = max((extent.last - extent.first) / timedelta(hours=1), 1.0)
    rate = extent.rows / hours
    for text, length in (("1h", 1.0), ("1d", 24.0), ("1w", 168.0)):
        if rate * length >= ROWS_A_WINDOW and hours >= 10 * length:
            return Every.parse(text)
    return Every.parse("1w" if hours >= 10 * 168 else "1d")


def _reference(extent: Extent, every: Every) -> tuple[datetime, datetime]:
    """The first part of the log, in whole days."""
    assert extent.first is not None  # noqa: S101
    assert extent.last is not None  # noqa: S101
    calendar = Calendar(Every.parse("1d") if every.unit in "mh" else every)
    start = calendar.containing(extent.first).start
    share = extent.first + (extent.last - extent.first) * _REFERENCE_SHARE
    end = max(calendar.containing(share).start, calendar.containing(extent.first).end)
    return start, end


def _source_lines(source: Source, log: str, folder: Path) -> list[str]:
    kind = type(source).__module__.rpartition(".")[2]
    if isinstance(getattr(source, "url", None), Secret):
        url, _, table = log.rpartition("#")
        address = url if "://" in url else f"sqlite:///{url}"
        if not address.startswith("sqlite"):
            note = "  # better: env:NAME or file:PATH, no password in a file"
            return [
                f"type = {_toml(kind)}",
                f"url = {_toml(address)}{note}",
                f"table = {_toml(table)}",
            ]
        path = address.partition(":///")[2]
        address = f"sqlite:///{os.path.relpath(path, folder)}"
        return [f"type = {_toml(kind)}", f"url = {_toml(address)}", f"table = {_toml(table)}"]
    return [f"type = {_toml(kind)}", f"path = {_toml(os.path.relpath(log, folder))}"]


def _role_lines(columns: Columns) -> list[str]:
    roles = (
        "timestamp",
        "id",
        "version",
        "prediction",
        "score",
        "label",
        "label_timestamp",
    )
    return [f"{role} = {_toml(getattr(columns, role))}" for role in roles if getattr(columns, role)]


def _toml(value: str | list[str]) -> str:
    """A string or list of strings as TOML (which reads JSON strings)."""
    return json.dumps(value, ensure_ascii=False)
