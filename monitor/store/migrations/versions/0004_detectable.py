"""What a finding that is fine could have seen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of findings of before it is not known."""
    op.add_column("modelmon_finding", sa.Column("detectable", sa.Double, nullable=True))
