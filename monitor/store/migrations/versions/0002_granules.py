"""Granules of windows, the pulse of a window, and how far the ledger of a model is settled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_Key = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_Moment = sa.BigInteger


def upgrade() -> None:
    """Add them; what is there stays as it is."""
    op.add_column("modelmon_ledger", sa.Column("pulse", sa.Text, nullable=True))
    op.create_table(
        "modelmon_granule",
        sa.Column("id", _Key, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("starts", _Moment, nullable=False),
        sa.Column("ends", _Moment, nullable=False),
        sa.Column("plan_hash", sa.Text, nullable=False),
        sa.Column("rows", sa.BigInteger, nullable=True),
        sa.Column("labels", sa.BigInteger, nullable=True),
        sa.Column("digest", sa.Text, nullable=True),
        sa.Column("read_at", _Moment, nullable=False),
        sa.Column("slices", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.CheckConstraint("ends > starts", name=op.f("ck_modelmon_granule_window")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_modelmon_granule")),
        sa.UniqueConstraint("model", "starts", "ends", name=op.f("uq_modelmon_granule_model")),
    )
    op.create_table(
        "modelmon_progress",
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("first", _Moment, nullable=False),
        sa.Column("settled", _Moment, nullable=False),
        sa.PrimaryKeyConstraint("model", name=op.f("pk_modelmon_progress")),
    )
