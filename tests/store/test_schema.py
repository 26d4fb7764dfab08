from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from threading import Barrier, Thread

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from monitor.store import SchemaTooNew, SchemaTooOld, Store, StoreError
from monitor.store.schema import MIGRATIONS, NEWEST
from monitor.store.tables import VERSION_TABLE, metadata
from tests.store.examples import record


def run_sql(url: str, *statements: str) -> None:
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))
    engine.dispose()


def tables(url: str) -> set[str]:
    engine = sa.create_engine(url)
    names = set(sa.inspect(engine).get_table_names())
    engine.dispose()
    return names


def test_the_migrations_lead_to_the_tables_of_the_program(url: str) -> None:
    Store.open(url).close()
    engine = sa.create_engine(url)
    with engine.connect() as connection:
        options = {"version_table": VERSION_TABLE}
        found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
    engine.dispose()
    assert found == []
    assert tables(url) == {*metadata.tables, VERSION_TABLE}


def test_the_constraints_of_the_migrations_are_those_of_the_program(url: str) -> None:
    Store.open(url).close()
    engine = sa.create_engine(url)
    inspector = sa.inspect(engine)
    for name, table in metadata.tables.items():
        declared = {str(c.name) for c in table.constraints if isinstance(c, sa.CheckConstraint)}
        assert {check["name"] for check in inspector.get_check_constraints(name)} == declared
        assert inspector.get_pk_constraint(name)["name"] == table.primary_key.name
        keys = inspector.get_foreign_keys(name)
        assert {key["name"] for key in keys} == {c.name for c in table.foreign_key_constraints}
        assert all(key["options"] == {"ondelete": "CASCADE"} for key in keys)
    engine.dispose()


def test_opening_again_keeps_everything(url: str) -> None:
    with Store.open(url) as store:
        store.record(record(0))
    for upgrade in (True, False):
        with Store.open(url, upgrade=upgrade) as store:
            assert len(store.ledger("churn")) == 1


def test_an_empty_database_is_refused_where_no_upgrade_is_wanted(url: str) -> None:
    with pytest.raises(SchemaTooOld, match="run `modelmon db upgrade`"):
        Store.open(url, upgrade=False)
    assert tables(url) == set()


def test_a_file_that_is_not_there_is_not_made_where_no_upgrade_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(SchemaTooOld, match="run `modelmon db upgrade`"):
        Store.open(f"sqlite:///{tmp_path / 'state.db'}", upgrade=False)
    assert list(tmp_path.iterdir()) == []


def test_an_older_schema_is_refused_where_no_upgrade_is_wanted(url: str) -> None:
    Store.open(url).close()
    run_sql(url, f"UPDATE {VERSION_TABLE} SET version_num = '0000'")
    with pytest.raises(SchemaTooOld, match="run `modelmon db upgrade`"):
        Store.open(url, upgrade=False)


@pytest.mark.parametrize("upgrade", [True, False])
def test_a_newer_schema_is_refused_always(url: str, upgrade: bool) -> None:
    Store.open(url).close()
    run_sql(url, f"UPDATE {VERSION_TABLE} SET version_num = '0999'")
    with pytest.raises(SchemaTooNew, match=rf"has schema 0999, .* up to {NEWEST}; use the newer"):
        Store.open(url, upgrade=upgrade)


def test_an_upgrade_that_fails_halfway_leaves_nothing(url: str) -> None:
    run_sql(url, "CREATE TABLE modelmon_run (theirs INTEGER)")
    with pytest.raises(StoreError, match="modelmon_run"):
        Store.open(url)
    assert tables(url) == {"modelmon_run"}
    run_sql(url, "DROP TABLE modelmon_run")
    Store.open(url).close()
    assert tables(url) == {*metadata.tables, VERSION_TABLE}


def test_tables_of_others_in_the_same_database_are_left_alone(url: str) -> None:
    run_sql(
        url,
        "CREATE TABLE alembic_version (version_num VARCHAR(32))",
        "INSERT INTO alembic_version VALUES ('ffff')",
        "CREATE TABLE ledger (id INTEGER)",
    )
    Store.open(url).close()
    assert tables(url) == {*metadata.tables, VERSION_TABLE, "alembic_version", "ledger"}


def test_many_may_open_a_new_database_at_once(url: str) -> None:
    together = Barrier(6)
    opened: list[tuple[object, ...]] = []

    def open_one() -> None:
        together.wait()
        with Store.open(url) as store:
            opened.append(store.ledger("churn"))

    threads = [Thread(target=open_one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened == [()] * 6


def test_every_migration_has_its_number_in_its_name_and_no_way_back() -> None:
    script = ScriptDirectory(str(MIGRATIONS))
    assert script.get_current_head() == NEWEST
    for migration in script.walk_revisions():
        assert Path(migration.path).name.startswith(f"{migration.revision}_")
        assert not hasattr(migration.module, "downgrade")


def test_alembic_is_imported_only_for_an_upgrade(url: str) -> None:
    code = (
        "import sys; from monitor.store import Store\n"
        f"Store.open({url!r}).close(); print('alembic' in sys.modules)"
    )
    root = Path(__file__).parents[2]
    said = [
        subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True)
        for _ in range(2)
    ]
    assert [each.stdout.split() for each in said] == [[b"True"], [b"False"]]
