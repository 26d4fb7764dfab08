"""Baselines: a frozen, versioned summary of what is normal for a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from checks.log import LogProfile
from checks.plan import Plan, vocabularies
from checks.portrait import Portrait
from monitor.findings import WHOLE, Slice
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Baseline:
    """The plan, and the portraits of the reference under it.

    ``portraits`` holds one merged portrait a slice, ``windows`` the facts of the log in each of
    the reference's own windows: how many rows came, and when.
    ``version`` counts per model from 1 (0: not stored yet); ``accepted_by`` and ``note`` say who
    took it for normal and why. ``recipe`` is the fingerprint of the configuration it was made
    from: where that changes, a new baseline is due.
    """

    model: str
    plan: Plan
    period: Window
    portraits: Mapping[Slice, Portrait]
    windows: Mapping[Window, LogProfile] = field(default_factory=dict)
    version: int = 0
    accepted_at: datetime | None = None
    accepted_by: str = ""
    note: str = ""
    recipe: str = ""

    @property
    def rows(self) -> int:
        """Rows of the whole reference."""
        words = vocabularies(self.plan.texts)
        profiles = self.portraits[WHOLE].columns.items()
        return max((profile.rows for name, profile in profiles if name not in words), default=0)
