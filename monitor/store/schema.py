"""The version of the schema: which one the database has, and the way to the one we need."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import Connection

from monitor.store.database import Database
from monitor.store.errors import SchemaTooNew, SchemaTooOld
from monitor.store.tables import VERSION_TABLE

NEWEST = "0004"
"""The last migration that this program brings: the name of its file begins with it."""

MIGRATIONS = Path(__file__).parent / "migrations"

_LOCK = 0x6D6F646D6F6E  # any number, as long as nobody else takes it


def require(database: Database, *, upgrade: bool) -> None:
    """Make sure that the database has the schema of this program.

    Raises:
        SchemaTooNew: it has a later one.
        SchemaTooOld: it has an earlier one, or none, and ``upgrade`` is False.
    """
    if _is_current(database):
        return
    if not upgrade:
        raise SchemaTooOld(
            f"state database {database.place}: its tables are missing or older than this"
            " modelmon needs; run `modelmon db upgrade`"
        )
    with database.writing() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
        _upgrade(connection)  # does nothing where another process was faster


def _is_current(database: Database) -> bool:
    if database.missing:
        return False
    with database.reading() as connection:
        found = _version(connection)
    if found is not None and found > NEWEST:
        raise SchemaTooNew(
            f"state database {database.place}: has schema {found}, and this modelmon knows up to"
            f" {NEWEST}; use the newer modelmon that wrote it"
        )
    return found == NEWEST


def _version(connection: Connection) -> str | None:
    if not sa.inspect(connection).has_table(VERSION_TABLE):
        return None
    table = sa.table(VERSION_TABLE, sa.column("version_num", sa.Text))
    return connection.execute(sa.select(table.c.version_num)).scalar()


def _upgrade(connection: Connection) -> None:
    # Alembic is slow to import, and not needed where the schema is current.
    from alembic import command
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    command.upgrade(config, "head")
