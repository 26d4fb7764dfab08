"""What can go wrong with the state database, as one small tree.

StoreError                the state database refuses; the sentence says what to do
├── StoreUnreachable      not there, locked, full or down: worth another try
├── SchemaTooOld          it must be upgraded first
├── SchemaTooNew          a newer modelmon wrote it
├── AlreadyRecorded       this revision of this window is in the ledger
└── Damaged               what was read is not what was written
"""

from __future__ import annotations

from typing import ClassVar


class StoreError(Exception):
    """The state database cannot do what was asked; ``reason`` becomes a metric label."""

    reason: ClassVar[str] = "store"


class StoreUnreachable(StoreError):
    """The database does not answer or cannot be written now; another try may help."""

    reason = "store_unreachable"


class SchemaTooOld(StoreError):
    """The database lacks tables of this version of the program."""

    reason = "schema_too_old"


class SchemaTooNew(StoreError):
    """The database was written by a newer version of the program, which this one must not touch."""

    reason = "schema_too_new"


class AlreadyRecorded(StoreError):
    """Somebody recorded the same revision of the same window before; nothing was changed."""

    reason = "already_recorded"


class Damaged(StoreError):
    """Stored bytes do not match their fingerprint or cannot be read."""

    reason = "damaged"
