"""What a report holds: findings, the profiles they compare, and what came before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from checks.portrait import ColumnProfile
from monitor.findings import Finding
from monitor.windows import Window


@dataclass(frozen=True, slots=True)
class Compared:
    """What was held against what: two labels for a person, the rows behind each, the baseline.

    ``baseline`` names the accepted baseline, such as ``version 3 of 2026-03-01``; it is empty
    where there is none.
    """

    reference_label: str
    current_label: str
    reference_rows: int
    current_rows: int
    baseline: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that is said of one model at one moment; how it looks is decided elsewhere.

    ``reference`` and ``current`` hold profiles of the whole population by column and are used for
    pictures only. ``history`` may repeat ``findings``; of two revisions of a window the newer
    counts. ``provisional`` names the windows whose labels were not all there yet, ``norms`` the
    value that a check of the outcome has on the reference itself. ``version`` is that of modelmon.
    """

    title: str
    model: str
    generated_at: datetime
    compared: Compared
    findings: tuple[Finding, ...]
    reference: Mapping[str, ColumnProfile] = field(default_factory=dict)
    current: Mapping[str, ColumnProfile] = field(default_factory=dict)
    history: tuple[Finding, ...] = ()
    notices: tuple[str, ...] = ()
    version: str = ""
    provisional: frozenset[Window] = frozenset()
    norms: Mapping[str, float] = field(default_factory=dict)
