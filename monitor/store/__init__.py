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
    Granule,
    Latest,
    Letters,
    Page,
    Progress,
    Record,
    RunCounts,
)
from monitor.store.runs import Run
from monitor.store.state import Store

__all__ = [
    "AlreadyRecorded",
    "BaselineInfo",
    "Damaged",
    "Deed",
    "DeliveryCounts",
    "Entry",
    "Granule",
    "Latest",
    "Letters",
    "Outbox",
    "Page",
    "Progress",
    "Record",
    "Run",
    "RunCounts",
    "SchemaTooNew",
    "SchemaTooOld",
    "Store",
    "StoreError",
    "StoreUnreachable",
]
