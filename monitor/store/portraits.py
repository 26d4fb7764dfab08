"""Portraits as bytes: those of a window beside its line of the ledger."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import Connection

from checks.pack import pack, unpack
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.store.columns import storable
from monitor.store.errors import Damaged
from monitor.store.tables import portrait

Packed = Mapping[Slice, bytes]


def packed(portraits: Mapping[Slice, Portrait]) -> Packed:
    """The bytes of each portrait; costs time, so it is done before a transaction begins."""
    return {
        Slice(storable(key.version), storable(key.segment)): pack(each)
        for key, each in portraits.items()
    }


def add(connection: Connection, entry: int, portraits: Packed) -> None:
    """Write the portraits of one line of the ledger."""
    rows = [
        {"entry": entry, "version": key.version, "segment": key.segment, "content": content}
        for key, content in portraits.items()
    ]
    if rows:
        connection.execute(sa.insert(portrait), rows)


def of_entry(connection: Connection, entry: int) -> dict[Slice, Portrait]:
    """The portraits of one line of the ledger."""
    query = sa.select(portrait).where(portrait.c.entry == entry)
    rows = connection.execute(query.order_by(portrait.c.version, portrait.c.segment))
    return {
        Slice(row.version, row.segment): unpacked(row.content, f"entry {entry}") for row in rows
    }


def unpacked(content: bytes, whose: str) -> Portrait:
    """The portrait in bytes that were stored.

    Raises:
        Damaged: they are not what `pack` wrote.
    """
    try:
        return unpack(content)
    except ValueError as error:
        raise Damaged(f"{whose}: a stored portrait cannot be read: {error}") from error
