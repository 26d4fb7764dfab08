"""Runs: how often a model's pass ran and failed, and how long the last ones took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import Connection

from monitor.store.database import upsert
from monitor.store.records import RunCounts
from monitor.store.tables import run, run_total

KEPT = 500
"""Runs kept one by one for each model; the totals count them all."""

_OK = ""  # the reason under which good runs are counted
_ADDED = frozenset({"runs", "rows", "windows"})
_NEWEST_FIRST = run.c.id.desc()
_OF = run.c.model == sa.bindparam("of")
_TOTALS = sa.select(run_total).where(run_total.c.model == sa.bindparam("of"))
_RECENT = (
    sa.select(run.c.started, run.c.finished)
    .where(_OF)
    .order_by(_NEWEST_FIRST)
    .limit(sa.bindparam("most", type_=sa.Integer))
)
_OLDEST = sa.delete(run).where(
    _OF,
    run.c.id
    <= sa.select(run.c.id)
    .where(_OF)
    .order_by(_NEWEST_FIRST)
    .limit(1)
    .offset(KEPT)
    .scalar_subquery(),
)


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
        totals = upsert(connection.dialect.name, run_total, ("model", "reason"), _ADDED)
        connection.execute(totals, [_total(each) for each in done])
        names = dict.fromkeys(each.model for each in done)
        connection.execute(_OLDEST, [{"of": name} for name in names])


def counts(connection: Connection, model: str) -> RunCounts:
    """The totals of a model."""
    rows = connection.execute(_TOTALS, {"of": model}).all()
    return RunCounts(
        runs=sum(row.runs for row in rows),
        failures={row.reason: row.runs for row in rows if row.reason != _OK},
        rows=sum(row.rows for row in rows),
        windows=sum(row.windows for row in rows),
        last_success=next((row.last_at for row in rows if row.reason == _OK), None),
    )


def recent_seconds(connection: Connection, model: str, last: int) -> tuple[float, ...]:
    """How long the last runs of a model took, oldest first."""
    rows = connection.execute(_RECENT, {"of": model, "most": last}).all()
    return tuple((row.finished - row.started).total_seconds() for row in reversed(rows))


def _total(done: Run) -> dict[str, object]:
    return {
        "model": done.model,
        "reason": _OK if done.ok else done.reason or "unknown",
        "runs": 1,
        "rows": done.rows,
        "windows": done.windows,
        "last_at": done.finished,
    }
