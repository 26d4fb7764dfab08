"""The first schema: baselines, ledger, findings, incidents, letters, runs and the audit trail."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Moment = sa.BigInteger


def upgrade() -> None:
    """Create all tables."""
    _baselines()
    _ledger()
    _findings()
    _incidents()
    _letters()
    _totals()
    _runs()
    _audit()


def _baselines() -> None:
    op.create_table(
        "modelmon_baseline",
        _number(),
        _column("model", sa.Text),
        _column("version", sa.Integer),
        _column("plan", sa.Text),
        _column("plan_hash", sa.Text),
        _column("fingerprint", sa.Text),
        _column("starts", _Moment),
        _column("ends", _Moment),
        _column("rows", sa.BigInteger),
        _column("accepted_at", _Moment),
        _column("accepted_by", sa.Text),
        _column("note", sa.Text),
        _column("recipe", sa.Text),
        sa.CheckConstraint("ends > starts", name=op.f("ck_modelmon_baseline_period")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modelmon_baseline")),
        sa.UniqueConstraint("model", "version", name=op.f("uq_modelmon_baseline_model")),
    )
    _create_part(
        "modelmon_baseline_portrait",
        "modelmon_baseline",
        "baseline",
        _column("version", sa.Text),
        _column("segment", sa.Text),
    )
    _create_part(
        "modelmon_baseline_window",
        "modelmon_baseline",
        "baseline",
        _column("starts", _Moment),
        _column("ends", _Moment),
    )


def _ledger() -> None:
    op.create_table(
        "modelmon_ledger",
        _number(),
        _column("model", sa.Text),
        _column("starts", _Moment),
        _column("ends", _Moment),
        _column("revision", sa.Integer),
        _column("state", sa.Text),
        _column("rows", sa.BigInteger),
        _column("labels", sa.BigInteger),
        _column("performance", sa.BigInteger),
        _column("measured", sa.BigInteger),
        _column("evaluated_at", _Moment),
        _column("known_at", _Moment),
        _column("baseline_version", sa.Integer),
        _column("config_hash", sa.Text),
        _column("version", sa.Text),
        _column("newest_row", _Moment, nullable=True),
        sa.CheckConstraint("ends > starts", name=op.f("ck_modelmon_ledger_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modelmon_ledger")),
        sa.UniqueConstraint(
            "model", "starts", "ends", "revision", name=op.f("uq_modelmon_ledger_model")
        ),
    )
    _index("modelmon_ledger", "newest", "model", "ends", "starts")
    _index("modelmon_ledger", "time", "starts", "ends", "model", "revision")
    _create_part(
        "modelmon_portrait",
        "modelmon_ledger",
        "entry",
        _column("version", sa.Text),
        _column("segment", sa.Text),
    )


def _findings() -> None:
    numbers = ("value", "corrected", "low", "high", "floor", "ceiling", "p_value")
    op.create_table(
        "modelmon_finding",
        _column("entry", _Key, autoincrement=False),
        _column("position", sa.Integer, autoincrement=False),
        _column("version", sa.Text),
        _column("segment", sa.Text),
        _column("check_name", sa.Text),
        _column("column_name", sa.Text),
        *(_column(name, sa.Double, nullable=True) for name in numbers),
        _column("n_reference", sa.BigInteger, nullable=True),
        _column("n_current", sa.BigInteger, nullable=True),
        _column("place", sa.Text, nullable=True),
        _column("threshold", sa.Double, nullable=True),
        _column("rule", sa.Text),
        _column("verdict", sa.Text),
        _column("reason", sa.Text),
        _column("cause", sa.Text),
        sa.CheckConstraint(
            "(value IS NULL) = (n_current IS NULL) AND (value IS NULL) = (n_reference IS NULL)",
            name=op.f("ck_modelmon_finding_measured"),
        ),
        _child_of("modelmon_finding", "modelmon_ledger", "entry"),
        sa.PrimaryKeyConstraint("entry", "position", name=op.f("pk_modelmon_finding")),
    )
    _index("modelmon_finding", "check", "entry", "check_name", "column_name")


def _incidents() -> None:
    op.create_table(
        "modelmon_incident",
        _column("key", sa.Text),
        _column("model", sa.Text),
        _column("cause", sa.Text),
        _column("severity", sa.Text),
        _column("state", sa.Text),
        _column("since", _Moment),
        _column("last_seen", _Moment),
        _column("content", sa.Text),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_modelmon_incident")),
    )
    _index("modelmon_incident", "state", "state", "model")
    _index("modelmon_incident", "since", "since")


def _letters() -> None:
    op.create_table(
        "modelmon_letter",
        _number(),
        _column("channel", sa.Text),
        _column("key", sa.Text),
        _column("incident", sa.Text),
        _column("model", sa.Text),
        _column("severity", sa.Text),
        _column("reason", sa.Text),
        _column("title", sa.Text),
        _column("at", _Moment),
        _column("queued_at", _Moment),
        _column("attempts", sa.Integer),
        _column("retry_at", _Moment, nullable=True),
        _column("sent_at", _Moment, nullable=True),
        _column("failed_at", _Moment, nullable=True),
        _column("failure", sa.Text, nullable=True),
        _column("handle", sa.Text, nullable=True),
        _column("content", sa.Text),
        sa.CheckConstraint(
            "(retry_at IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL) OR"
            " (retry_at IS NULL AND sent_at IS NOT NULL AND failed_at IS NULL) OR"
            " (retry_at IS NULL AND sent_at IS NULL AND failed_at IS NOT NULL)",
            name=op.f("ck_modelmon_letter_fate"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modelmon_letter")),
        sa.UniqueConstraint("channel", "key", name=op.f("uq_modelmon_letter_channel")),
    )
    _index("modelmon_letter", "waiting", "retry_at", "id")
    _index("modelmon_letter", "conversation", "channel", "incident")
    _index("modelmon_letter", "queued", "queued_at")


def _totals() -> None:
    op.create_table(
        "modelmon_delivery_total",
        _column("channel", sa.Text),
        _column("reason", sa.Text),
        _column("letters", sa.BigInteger),
        sa.PrimaryKeyConstraint("channel", "reason", name=op.f("pk_modelmon_delivery_total")),
    )
    op.create_table(
        "modelmon_run_total",
        _column("model", sa.Text),
        _column("reason", sa.Text),
        _column("runs", sa.BigInteger),
        _column("rows", sa.BigInteger),
        _column("windows", sa.BigInteger),
        _column("last_at", _Moment),
        sa.PrimaryKeyConstraint("model", "reason", name=op.f("pk_modelmon_run_total")),
    )


def _runs() -> None:
    op.create_table(
        "modelmon_run",
        _number(),
        _column("model", sa.Text),
        _column("started", _Moment),
        _column("finished", _Moment),
        _column("ok", sa.Boolean),
        _column("reason", sa.Text),
        _column("rows", sa.BigInteger),
        _column("windows", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modelmon_run")),
    )
    _index("modelmon_run", "model", "model", "id")


def _audit() -> None:
    op.create_table(
        "modelmon_audit",
        _number(),
        _column("at", _Moment),
        _column("who", sa.Text),
        _column("what", sa.Text),
        _column("subject", sa.Text),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modelmon_audit")),
    )
    _index("modelmon_audit", "subject", "subject", "id")


def _create_part(table: str, parent: str, owner: str, *keys: sa.Column[Any]) -> None:
    """A table of portraits that belong to a row of another."""
    names = (owner, *(key.name for key in keys))
    op.create_table(
        table,
        _column(owner, _Key, autoincrement=False),
        *keys,
        _column("content", sa.LargeBinary),
        _child_of(table, parent, owner),
        sa.PrimaryKeyConstraint(*names, name=op.f(f"pk_{table}")),
    )


def _child_of(table: str, parent: str, owner: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_{owner}")
    return sa.ForeignKeyConstraint([owner], [f"{parent}.id"], name=name, ondelete="CASCADE")


def _number() -> sa.Column[Any]:
    return _column("id", _Key)


def _column(name: str, kind: Any, *, nullable: bool = False, **more: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=nullable, **more)


def _index(table: str, name: str, *columns: str) -> None:
    op.create_index(f"ix_{table}_{name}", table, list(columns))
