"""What Alembic runs: all missing migrations, in the transaction that it was handed."""

from __future__ import annotations

from alembic import context

from monitor.store.tables import VERSION_TABLE, metadata


def migrate() -> None:
    """Run the migrations on the connection in the attributes of the configuration."""
    context.configure(
        connection=context.config.attributes["connection"],
        target_metadata=metadata,
        version_table=VERSION_TABLE,
        transactional_ddl=True,
    )
    with context.begin_transaction():
        context.run_migrations()


if __name__ == "env_py":  # the name under which Alembic runs this file; an import does nothing
    migrate()
