"""Baselines as rows: versioned per model, never changed, checked against their fingerprint."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Row

from checks.pack import pack
from checks.plan import Plan
from checks.portrait import Portrait
from monitor.baseline import Baseline
from monitor.findings import Slice
from monitor.store.columns import microseconds
from monitor.store.database import insert
from monitor.store.errors import Damaged
from monitor.store.portraits import Packed, packed, unpacked
from monitor.store.records import BaselineInfo
from monitor.store.tables import baseline, baseline_portrait, baseline_window
from monitor.windows import Window

_INFO = (
    baseline.c.model,
    baseline.c.version,
    baseline.c.plan_hash,
    baseline.c.fingerprint,
    baseline.c.starts,
    baseline.c.ends,
    baseline.c.rows,
    baseline.c.accepted_at,
    baseline.c.accepted_by,
    baseline.c.note,
    baseline.c.recipe,
)
_NEWEST = (
    sa.select(*_INFO)
    .where(baseline.c.model == sa.bindparam("of"))
    .order_by(baseline.c.version.desc())
    .limit(sa.bindparam("most", type_=sa.Integer))
)


@dataclass(frozen=True, slots=True)
class Content:
    """What makes a baseline what it is, as it is stored."""

    plan: str
    period: Window
    portraits: Packed
    windows: Mapping[Window, bytes]

    @classmethod
    def of(cls, accepted: Baseline) -> Content:
        """The content of a baseline; costs time, so it is done before a transaction begins."""
        bare = partial(Portrait, accepted.plan.hash, {})  # a window leaves the facts of its log
        windows = {window: pack(bare(log)) for window, log in accepted.windows.items()}
        return cls(accepted.plan.to_json(), accepted.period, packed(accepted.portraits), windows)

    @property
    def fingerprint(self) -> str:
        """SHA-256 over all parts, each with its length before it."""
        digest = hashlib.sha256()
        for part in self._parts():
            digest.update(len(part).to_bytes(8, "big"))
            digest.update(part)
        return digest.hexdigest()

    def _parts(self) -> Iterable[bytes]:
        yield self.plan.encode()
        yield _span(self.period)
        for key, content in sorted(self.portraits.items()):
            yield from (key.version.encode(), key.segment.encode(), content)
        for window, content in sorted(self.windows.items()):
            yield from (_span(window), content)


def add(connection: Connection, accepted: Baseline, content: Content, now: datetime) -> Baseline:
    """Write a baseline as the next version of its model, in force from now on."""
    row = {
        "model": accepted.model,
        "plan": content.plan,
        "plan_hash": accepted.plan.hash,
        "fingerprint": content.fingerprint,
        "starts": accepted.period.start,
        "ends": accepted.period.end,
        "rows": accepted.rows,
        "accepted_at": now,
        "accepted_by": accepted.accepted_by,
        "note": accepted.note,
        "recipe": accepted.recipe,
    }
    number, version = _add_next(connection, row)
    _add_content(connection, number, content)
    return replace(accepted, version=version, accepted_at=now)


def _add_next(connection: Connection, row: dict[str, object]) -> tuple[int, int]:
    """Write a row under the next free version; another process may take one before us."""
    newest = sa.select(sa.func.coalesce(sa.func.max(baseline.c.version), 0))
    statement = insert(connection, baseline).on_conflict_do_nothing(
        index_elements=["model", "version"]
    )
    while True:
        version = (
            connection.execute(newest.where(baseline.c.model == row["model"])).scalar_one() + 1
        )
        added = statement.values(**row, version=version).returning(baseline.c.id)
        if (number := connection.execute(added).scalar()) is not None:
            return number, version


def _add_content(connection: Connection, number: int, content: Content) -> None:
    portraits = [
        {"baseline": number, "version": key.version, "segment": key.segment, "content": each}
        for key, each in content.portraits.items()
    ]
    windows = [
        {"baseline": number, "starts": window.start, "ends": window.end, "content": each}
        for window, each in content.windows.items()
    ]
    if portraits:
        connection.execute(sa.insert(baseline_portrait), portraits)
    if windows:
        connection.execute(sa.insert(baseline_window), windows)


def get(connection: Connection, model: str, version: int | None) -> Baseline | None:
    """A version of a model's baseline, or the one in force.

    Raises:
        Damaged: its bytes are not those that were accepted.
    """
    query = sa.select(baseline).where(baseline.c.model == model)
    if version is not None:
        query = query.where(baseline.c.version == version)
    row = connection.execute(query.order_by(baseline.c.version.desc()).limit(1)).first()
    if row is None:
        return None
    content = _content(connection, row)
    whose = f"baseline {row.version} of {model}"
    if content.fingerprint != row.fingerprint:
        raise Damaged(
            f"{whose}: does not match its fingerprint; restore the state database, or accept a new"
            " baseline with `modelmon baseline accept`"
        )
    return _baseline(row, content, whose)


def infos(connection: Connection, model: str, limit: int) -> tuple[BaselineInfo, ...]:
    """All versions of a model's baseline, oldest first, without their content."""
    rows = connection.execute(_NEWEST, {"of": model, "most": limit}).all()
    return tuple(_info(row) for row in reversed(rows))


def _content(connection: Connection, row: Row[Any]) -> Content:
    portraits = connection.execute(
        sa.select(baseline_portrait)
        .where(baseline_portrait.c.baseline == row.id)
        .order_by(baseline_portrait.c.version, baseline_portrait.c.segment)
    )
    windows = connection.execute(
        sa.select(baseline_window)
        .where(baseline_window.c.baseline == row.id)
        .order_by(baseline_window.c.starts, baseline_window.c.ends)
    )
    return Content(
        row.plan,
        Window(row.starts, row.ends),
        {Slice(each.version, each.segment): each.content for each in portraits},
        {Window(each.starts, each.ends): each.content for each in windows},
    )


def _baseline(row: Row[Any], content: Content, whose: str) -> Baseline:
    return Baseline(
        model=row.model,
        plan=Plan.from_json(content.plan),
        period=content.period,
        portraits={key: unpacked(each, whose) for key, each in content.portraits.items()},
        windows={window: unpacked(each, whose).log for window, each in content.windows.items()},
        version=row.version,
        accepted_at=row.accepted_at,
        accepted_by=row.accepted_by,
        note=row.note,
        recipe=row.recipe,
    )


def _info(row: Row[Any]) -> BaselineInfo:
    return BaselineInfo(
        row.model,
        row.version,
        row.plan_hash,
        row.fingerprint,
        Window(row.starts, row.ends),
        row.rows,
        row.accepted_at,
        row.accepted_by,
        row.note,
        row.recipe,
    )


def _span(window: Window) -> bytes:
    return f"{microseconds(window.start)}/{microseconds(window.end)}".encode()
