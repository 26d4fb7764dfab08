from __future__ import annotations

import sqlite3
import traceback
from pathlib import Path

import psycopg
import pytest

from monitor.store import Store, StoreError, StoreUnreachable, database
from tests.servers import free_port
from tests.store.examples import START, record

PASSWORD = "hunt%40er2"
DEED = "deed that nobody may know of"


def sqlite_url(path: Path) -> str:
    return f"sqlite:///{path}"


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://u:hunter2@host:port/db",
        "postgresql://u:hunter2@host:99999999/db",
        "postgresql://u:hun@ter2@host/db",
        "postgresql+psycopg2://u:hunter2@host/db",
        "postgres://u:hunter2@host/db",
        "mysql://u:hunter2@host/db",
        "hunter2",
        "",
    ],
)
def test_an_address_that_cannot_hold_the_state_is_refused_without_its_password(
    address: str,
) -> None:
    with pytest.raises(StoreError) as caught:
        Store.open(address)
    assert "state" in str(caught.value)
    said = "".join(traceback.format_exception(caught.value)).replace(repr(address), "")
    assert "ter2" not in said


def test_a_server_that_is_not_there_is_unreachable_and_its_password_is_not_told() -> None:
    port = free_port()
    with pytest.raises(StoreUnreachable, match=f"state database 127.0.0.1:{port}/db: ") as caught:
        Store.open(f"postgresql://u:{PASSWORD}@127.0.0.1:{port}/db?sslpassword={PASSWORD}")
    said = "".join(traceback.format_exception(caught.value))
    assert "hunt" not in said


def test_a_password_that_the_server_repeats_is_hidden(postgres_server: str) -> None:
    server = postgres_server.replace("postgres@", "postgres:hunter2@").rpartition("/")[0]
    with pytest.raises(StoreUnreachable) as caught:
        Store.open(f"{server}/hunter2")
    assert '"***" does not exist' in str(caught.value)


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(address: str) -> None:
    with pytest.raises(StoreError, match="name a file"):
        Store.open(address)


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "state.db"
    with pytest.raises(StoreUnreachable, match=f"{path}: unable to open database file"):
        Store.open(sqlite_url(path))


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("these are my notes, and no database at all" * 100)
    with pytest.raises(StoreError, match="file is not a database"):
        Store.open(sqlite_url(path))


def test_a_locked_file_is_unreachable_for_writers_and_readable_for_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LOCK_SECONDS", 0.1)
    path = tmp_path / "state.db"
    with Store.open(sqlite_url(path)) as store:
        store.record(record(0))
        other = sqlite3.connect(path)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnreachable, match="database is locked"):
            store.record(record(1))
        assert len(store.ledger("churn")) == 1
        other.rollback()
        other.close()
        store.record(record(1))
        assert len(store.ledger("churn")) == 2


def test_sqlite_survives_power_cuts_and_checks_references(tmp_path: Path) -> None:
    state = database.Database(sqlite_url(tmp_path / "state.db"))
    with state.reading() as connection:
        asked = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        told = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in asked]
    state.close()
    assert told == ["wal", 2, 1, 10_000]


def test_a_reading_transaction_cannot_write_to_postgresql(postgres_server: str) -> None:
    state = database.Database(postgres_server)
    with pytest.raises(StoreError, match="read-only"), state.reading() as connection:
        connection.exec_driver_sql("CREATE TABLE sneaked (id INTEGER)")
    state.close()


def test_a_server_that_dropped_every_connection_is_reached_again(postgres_server: str) -> None:
    name = "dropped"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        with Store.open(postgres_server.rpartition("/")[0] + f"/{name}") as store:
            store.record(record(0))
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            store.record(record(1))
            assert len(store.ledger("churn")) == 2


def test_a_connection_that_breaks_in_the_middle_is_unreachable(postgres_server: str) -> None:
    state = database.Database(postgres_server)
    with pytest.raises(StoreUnreachable, match="terminat"), state.writing() as connection:
        own = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
        with psycopg.connect(postgres_server, autocommit=True) as admin:
            admin.execute("SELECT pg_terminate_backend(%s)", [own])
        connection.exec_driver_sql("SELECT 1")
    state.close()


def test_statements_and_their_values_are_not_in_errors(store: Store) -> None:
    with pytest.raises(StoreError, match="who") as caught:
        store.audit(None, DEED, "subject", START)  # type: ignore[arg-type]
    said = "".join(traceback.format_exception(caught.value))
    assert DEED not in said
    assert "INSERT" not in said
