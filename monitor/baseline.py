"""Baselines: a frozen, versioned summary of what is normal for a model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import WHOLE, Slice
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Baseline:
    """The plan, and the portraits of the reference under it.

    ``portraits`` holds one merged portrait a slice, ``windows`` those of the reference's own
    windows (whole population only), which say how much windows differ when nothing is wrong.
    ``version`` counts per model from 1 (0: not stored yet); ``accepted_by`` and ``note`` say who
    took it for normal and why. ``recipe`` is the fingerprint of the configuration it was made
    from: where that changes, a new baseline is due.
    """

    model: str
    plan: Plan
    period: Window
    portraits: Mapping[Slice, Portrait]
    windows: Mapping[Window, Portrait] = field(default_factory=dict)
    version: int = 0
    accepted_at: datetime | None = None
    accepted_by: str = ""
    note: str = ""
    recipe: str = ""

    @property
    def rows(self) -> int:
        """Rows of the whole reference."""
        profiles = self.portraits[WHOLE].columns.values()
        return max((profile.rows for profile in profiles), default=0)
