"""Runs: how often a model's pass ran and failed, and how long the last ones took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from monitor.store.database import insert
from monitor.store.records import RunCounts
from monitor.store.tables import run, run_total

KEPT = 500
"""Runs kept one by one for each model; the totals count them all."""

_OK = ""  # the reason under which good runs are counted


@dataclass(frozen=True, slots=True)
class Run:
    """One pass over one model; ``reason`` says why where it is not ``ok``."""

    model: str
    started: datetime
    finished: datetime
    ok: bool
    reason: str
    rows: int
    windows: int


def add(connection: Connection, done: Sequence[Run]) -> None:
    """Write runs, add them to the totals, and let the oldest go."""
    if done:
        connection.execute(sa.insert(run), [asdict(each) for each in done])
    for each in done:
        _add_up(connection, each)
    for model in dict.fromkeys(each.model for each in done):
        of_model = sa.select(run.c.id).where(run.c.model == model).order_by(run.c.id.desc())
        oldest = of_model.limit(1).offset(KEPT).scalar_subquery()
        connection.execute(sa.delete(run).where(run.c.model == model, run.c.id <= oldest))


def counts(connection: Connection, model: str) -> RunCounts:
    """The totals of a model."""
    rows = connection.execute(sa.select(run_total).where(run_total.c.model == model)).all()
    return RunCounts(
        runs=sum(row.runs for row in rows),
        failures={row.reason: row.runs for row in rows if row.reason != _OK},
        rows=sum(row.rows for row in rows),
        windows=sum(row.windows for row in rows),
        last_success=next((row.last_at for row in rows if row.reason == _OK), None),
    )


def recent_seconds(connection: Connection, model: str, last: int) -> tuple[float, ...]:
    """How long the last runs of a model took, oldest first."""
    query = sa.select(run.c.started, run.c.finished).where(run.c.model == model)
    rows = connection.execute(query.order_by(run.c.id.desc()).limit(last)).all()
    return tuple((row.finished - row.started).total_seconds() for row in reversed(rows))


def _add_up(connection: Connection, done: Run) -> None:
    statement = insert(connection, run_total).values(
        model=done.model,
        reason=_OK if done.ok else done.reason or "unknown",
        runs=1,
        rows=done.rows,
        windows=done.windows,
        last_at=done.finished,
    )
    new = statement.excluded
    added = {name: run_total.c[name] + new[name] for name in ("runs", "rows", "windows")}
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["model", "reason"], set_={**added, "last_at": new.last_at}
        )
    )
