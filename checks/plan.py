"""The profile plan: how each column of a log is reduced, frozen with the baseline and hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Literal

Role = Literal["feature", "prediction", "score", "label"]

EXACT_VALUES = 5000
MOST_ATOMS = 64
MOST_LEVELS = 1000
SEGMENT_SHIFT = 2


@dataclass(frozen=True, slots=True)
class NumericPlan:
    """How a numeric column is counted.

    ``centre`` places the grid, ``shift`` drops mantissa bits (segments use 2), ``atoms`` are exact
    values that many rows share, and a profile keeps its distinct values while they are at most
    ``exact``.
    """

    centre: float = 0.0
    shift: int = 0
    atoms: tuple[float, ...] = ()
    exact: int = EXACT_VALUES


@dataclass(frozen=True, slots=True)
class CategoricalPlan:
    """The level dictionary of a categorical column, most frequent first.

    ``complete`` tells that the dictionary holds every level of the reference, so that a row
    outside it is an unseen level and not merely a rare one.
    """

    levels: tuple[str, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class BinaryPlan:
    """How predictions meet the truth of a binary classifier.

    Labels and predicted classes are compared as text (see ``checks.text.canonical``). A row
    without a predicted class counts as positive when its score reaches ``threshold``.
    """

    positive: str
    negative: str
    threshold: float = 0.5


@dataclass(frozen=True, slots=True)
class RegressionPlan:
    """How predictions meet the truth of a regression: sums are taken about ``centre``."""

    centre: float = 0.0


ColumnPlan = NumericPlan | CategoricalPlan
OutcomePlan = BinaryPlan | RegressionPlan

_KINDS: dict[str, type[NumericPlan | CategoricalPlan | BinaryPlan | RegressionPlan]] = {
    kind.__name__: kind for kind in (NumericPlan, CategoricalPlan, BinaryPlan, RegressionPlan)
}


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides what a profile contains; profiles of unequal plans never merge.

    ``columns`` maps each watched column to its plan, ``roles`` says which of them are not
    features, ``found`` the type family each had in the reference, ``segments`` the columns whose
    values cut the log into slices, ``timestamp_unit`` the unit of integer timestamps.
    """

    columns: Mapping[str, ColumnPlan] = field(default_factory=dict)
    outcome: OutcomePlan | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    found: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timestamp_unit: str | None = None

    def role(self, column: str) -> Role:
        return self.roles.get(column, "feature")

    def to_json(self) -> str:
        """A canonical text: equal plans give equal texts."""
        tree = asdict(self)
        for name, column in self.columns.items():
            tree["columns"][name]["kind"] = type(column).__name__
        if self.outcome is not None:
            tree["outcome"]["kind"] = type(self.outcome).__name__
        return json.dumps(tree, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        tree = json.loads(text)
        columns = {name: _revive(column) for name, column in tree["columns"].items()}
        outcome = None if tree["outcome"] is None else _revive(tree["outcome"])
        return cls(
            columns,  # type: ignore[arg-type]
            outcome,  # type: ignore[arg-type]
            tree["roles"],
            tree["found"],
            {name: tuple(values) for name, values in tree["segments"].items()},
            tree["timestamp_unit"],
        )

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that name this plan."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()[:16]


def _revive(tree: dict[str, object]) -> NumericPlan | CategoricalPlan | BinaryPlan | RegressionPlan:
    kind = _KINDS[str(tree.pop("kind"))]
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in tree.items()})  # type: ignore[arg-type]
