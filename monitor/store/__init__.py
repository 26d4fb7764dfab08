"""The state database: everything modelmon knows, and the only place where it remembers anything."""

from __future__ import annotations

from monitor.store.errors import (
    AlreadyRecorded,
    Damaged,
    SchemaTooNew,
    SchemaTooOld,
    StoreError,
    StoreUnreachable,
)
from monitor.store.outbox import Outbox
from monitor.store.records import (
    BaselineInfo,
    Deed,
    DeliveryCounts,
    Entry,
    Latest,
    Letters,
    Page,
    Record,
    RunCounts,
)
from monitor.store.state import Store

__all__ = [
    "AlreadyRecorded",
    "BaselineInfo",
    "Damaged",
    "Deed",
    "DeliveryCounts",
    "Entry",
    "Latest",
    "Letters",
    "Outbox",
    "Page",
    "Record",
    "RunCounts",
    "SchemaTooNew",
    "SchemaTooOld",
    "Store",
    "StoreError",
    "StoreUnreachable",
]
