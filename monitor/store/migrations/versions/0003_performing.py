"""Where the lines of the ledger are whose performance was looked at: a model may have none."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the index; what is there stays as it is."""
    looked = sa.text("performance > 0")
    op.create_index(
        "ix_modelmon_ledger_performing",
        "modelmon_ledger",
        ["model", "ends", "starts"],
        sqlite_where=looked,
        postgresql_where=looked,
    )
