"""The tables of the state database; nothing outside this package reads or writes them."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    UniqueConstraint,
    text,
)

from monitor.store.columns import Key, Moment, PlainText

VERSION_TABLE = "modelmon_schema"

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)


def _text(name: str, *, nullable: bool = False) -> Column[str]:
    return Column(name, PlainText, nullable=nullable)


def _moment(name: str, *, nullable: bool = False) -> Column[object]:
    return Column(name, Moment, nullable=nullable)


def _count(name: str, *, nullable: bool = False) -> Column[int]:
    return Column(name, BigInteger, nullable=nullable)


def _number(name: str) -> Column[float]:
    return Column(name, Double, nullable=True)


def _part_of(parent: Table, name: str) -> Column[int]:
    """A column of the primary key that names the row this one belongs to and goes with."""
    key = ForeignKey(parent.c.id, ondelete="CASCADE")
    return Column(name, Key, key, primary_key=True, autoincrement=False)


baseline = Table(
    "modelmon_baseline",
    metadata,
    Column("id", Key, primary_key=True),
    _text("model"),
    Column("version", Integer, nullable=False),
    _text("plan"),
    _text("plan_hash"),
    _text("fingerprint"),
    _moment("starts"),
    _moment("ends"),
    _count("rows"),
    _moment("accepted_at"),
    _text("accepted_by"),
    _text("note"),
    _text("recipe"),
    UniqueConstraint("model", "version"),
    CheckConstraint("ends > starts", name="period"),
)

baseline_portrait = Table(
    "modelmon_baseline_portrait",
    metadata,
    _part_of(baseline, "baseline"),
    Column("version", PlainText, primary_key=True),
    Column("segment", PlainText, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

baseline_window = Table(
    "modelmon_baseline_window",
    metadata,
    _part_of(baseline, "baseline"),
    Column("starts", Moment, primary_key=True, autoincrement=False),
    Column("ends", Moment, primary_key=True, autoincrement=False),
    Column("content", LargeBinary, nullable=False),
)

# `performance` counts the window's performance findings and `measured` those of them with a value:
# without these two, finding the newest window that has any would read all findings of a model.
ledger = Table(
    "modelmon_ledger",
    metadata,
    Column("id", Key, primary_key=True),
    _text("model"),
    _moment("starts"),
    _moment("ends"),
    Column("revision", Integer, nullable=False),
    _text("state"),
    _count("rows"),
    _count("labels"),
    _count("performance"),
    _count("measured"),
    _moment("evaluated_at"),
    _moment("known_at"),
    Column("baseline_version", Integer, nullable=False),
    _text("config_hash"),
    _text("version"),
    _moment("newest_row", nullable=True),
    _text("pulse", nullable=True),
    UniqueConstraint("model", "starts", "ends", "revision"),
    CheckConstraint("ends > starts", name="window"),
    Index("ix_modelmon_ledger_newest", "model", "ends", "starts"),
    Index("ix_modelmon_ledger_time", "starts", "ends", "model", "revision"),
    Index(
        "ix_modelmon_ledger_performing",
        "model",
        "ends",
        "starts",
        sqlite_where=text("performance > 0"),
        postgresql_where=text("performance > 0"),
    ),
)

portrait = Table(
    "modelmon_portrait",
    metadata,
    _part_of(ledger, "entry"),
    Column("version", PlainText, primary_key=True),
    Column("segment", PlainText, primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

# All slices of a granule are packed into one content; `slices` names them in its order.
granule = Table(
    "modelmon_granule",
    metadata,
    Column("id", Key, primary_key=True),
    _text("model"),
    _moment("starts"),
    _moment("ends"),
    _text("plan_hash"),
    _count("rows", nullable=True),
    _count("labels", nullable=True),
    _text("digest", nullable=True),
    _moment("read_at"),
    _text("slices"),
    Column("content", LargeBinary, nullable=False),
    UniqueConstraint("model", "starts", "ends"),
    CheckConstraint("ends > starts", name="window"),
)

progress = Table(
    "modelmon_progress",
    metadata,
    Column("model", PlainText, primary_key=True),
    _moment("first"),
    _moment("settled"),
)

finding = Table(
    "modelmon_finding",
    metadata,
    _part_of(ledger, "entry"),
    Column("position", Integer, primary_key=True, autoincrement=False),
    _text("version"),
    _text("segment"),
    _text("check_name"),
    _text("column_name"),
    _number("value"),
    _number("corrected"),
    _number("low"),
    _number("high"),
    _number("floor"),
    _number("ceiling"),
    _number("p_value"),
    _count("n_reference", nullable=True),
    _count("n_current", nullable=True),
    _text("place", nullable=True),
    _number("threshold"),
    _text("rule"),
    _text("verdict"),
    _text("reason"),
    _text("cause"),
    _number("detectable"),
    # A number that was measured has a value and its two counts; one that was not has neither.
    CheckConstraint(
        "(value IS NULL) = (n_current IS NULL) AND (value IS NULL) = (n_reference IS NULL)",
        name="measured",
    ),
    Index("ix_modelmon_finding_check", "entry", "check_name", "column_name"),
)

incident = Table(
    "modelmon_incident",
    metadata,
    Column("key", PlainText, primary_key=True),
    _text("model"),
    _text("cause"),
    _text("severity"),
    _text("state"),
    _moment("since"),
    _moment("last_seen"),
    _text("content"),
    Index("ix_modelmon_incident_state", "state", "model"),
    Index("ix_modelmon_incident_since", "since"),
)

letter = Table(
    "modelmon_letter",
    metadata,
    Column("id", Key, primary_key=True),
    _text("channel"),
    _text("key"),
    _text("incident"),
    _text("model"),
    _text("severity"),
    _text("reason"),
    _text("title"),
    _moment("at"),
    _moment("queued_at"),
    Column("attempts", Integer, nullable=False),
    _moment("retry_at", nullable=True),
    _moment("sent_at", nullable=True),
    _moment("failed_at", nullable=True),
    _text("failure", nullable=True),
    _text("handle", nullable=True),
    _text("content"),
    UniqueConstraint("channel", "key"),
    Index("ix_modelmon_letter_waiting", "retry_at", "id"),
    Index("ix_modelmon_letter_conversation", "channel", "incident"),
    Index("ix_modelmon_letter_queued", "queued_at"),
    # It waits for its next attempt, or it is sent, or it is given up: one of the three.
    CheckConstraint(
        "(retry_at IS NOT NULL AND sent_at IS NULL AND failed_at IS NULL) OR"
        " (retry_at IS NULL AND sent_at IS NOT NULL AND failed_at IS NULL) OR"
        " (retry_at IS NULL AND sent_at IS NULL AND failed_at IS NOT NULL)",
        name="fate",
    ),
)

# Totals that outlive the rows they count: metrics must not fall when old rows are deleted.
delivery_total = Table(
    "modelmon_delivery_total",
    metadata,
    Column("channel", PlainText, primary_key=True),
    Column("reason", PlainText, primary_key=True),
    _count("letters"),
)

run = Table(
    "modelmon_run",
    metadata,
    Column("id", Key, primary_key=True),
    _text("model"),
    _moment("started"),
    _moment("finished"),
    Column("ok", Boolean, nullable=False),
    _text("reason"),
    _count("rows"),
    _count("windows"),
    Index("ix_modelmon_run_model", "model", "id"),
)

run_total = Table(
    "modelmon_run_total",
    metadata,
    Column("model", PlainText, primary_key=True),
    Column("reason", PlainText, primary_key=True),
    _count("runs"),
    _count("rows"),
    _count("windows"),
    _moment("last_at"),
)

audit = Table(
    "modelmon_audit",
    metadata,
    Column("id", Key, primary_key=True),
    _moment("at"),
    _text("who"),
    _text("what"),
    _text("subject"),
    Index("ix_modelmon_audit_subject", "subject", "id"),
)
