"""The profile plan: how each column of a log is reduced, frozen with the baseline and hashed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from checks import grid
from checks.grid import Cells, Floats

Role = Literal["feature", "prediction", "score", "label"]
Beside = Literal["ranges", "weights", "scores"]

EXACT_VALUES = 5000
MOST_ATOMS = 64
MOST_LEVELS = 1000
SEGMENT_SHIFT = 2
MOST_CLASSES = 50


@dataclass(frozen=True, slots=True)
class NumericPlan:
    """How a numeric column is counted.

    ``centre`` places the grid, ``shift`` drops mantissa bits (segments use 2), ``atoms`` are exact
    values that many rows share, and a profile keeps its distinct values while they are at most
    ``exact`` (0: never, so that no column is sorted to find them).

    ``edges`` (ascending) take the place of the grid for a column that it is too coarse for, such as
    one with a narrow second mode far from the centre: cell i then holds the values from
    ``edges[i - 1]`` to below ``edges[i]``, the first and the last cell are open, and ``shift`` has
    no effect.
    """

    centre: float = 0.0
    shift: int = 0
    atoms: tuple[float, ...] = ()
    exact: int = EXACT_VALUES
    edges: tuple[float, ...] = ()

    def cells_of(self, values: Floats) -> Cells:
        """The cell of each of finite ``values``; never descends where they ascend.

        >>> NumericPlan(edges=(0.0, 1.0)).cells_of(np.array([-5.0, 0.0, 0.5, 1.0])).tolist()
        [0, 1, 1, 2]
        """
        if self.edges:
            return np.searchsorted(np.array(self.edges), values, side="right").astype(np.int32)
        return grid.cells_of(values, self.centre, self.shift)

    def bounds(self, cells: Cells) -> tuple[Floats, Floats]:
        """Lower and upper edge of each cell; the outer edges of the outermost cells are infinite.

        >>> low, high = NumericPlan(edges=(0.0, 1.0)).bounds(np.array([0, 1, 2], np.int32))
        >>> low.tolist(), high.tolist()
        ([-inf, 0.0, 1.0], [0.0, 1.0, inf])
        """
        if not self.edges:
            return grid.bounds(cells, self.centre, self.shift)
        knots = np.array((-np.inf, *self.edges, np.inf, np.inf))  # past the last cell is nothing
        return knots[cells], knots[np.minimum(cells + 1, len(knots) - 1)]

    def span(self) -> tuple[int, int]:
        """The lowest and the highest cell."""
        most = len(self.edges) or grid.outermost(self.shift)
        return 0 if self.edges else -most, most


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

    @property
    def classes(self) -> tuple[str, ...]:
        """The negative and the positive one, as outcomes number them."""
        return self.negative, self.positive


@dataclass(frozen=True, slots=True)
class MulticlassPlan:
    """The classes of a classifier with several of them, most frequent first, as canonical text.

    ``complete`` tells that these are all classes of the reference, so that any other is unknown
    and not merely one of the rare ones.
    """

    classes: tuple[str, ...]
    complete: bool = True


@dataclass(frozen=True, slots=True)
class RegressionPlan:
    """How predictions meet the truth of a regression: sums are taken about ``centre``."""

    centre: float = 0.0


@dataclass(frozen=True, slots=True)
class ForecastPlan(RegressionPlan):
    """How forecasts meet the truth: a regression whose errors are kept for each horizon besides.

    ``horizons`` are the texts of those of the reference; rows of any other count for no horizon.
    """

    horizons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RankingPlan:
    """How ranked items meet their relevance: the first ``cutoffs`` places of a query count."""

    cutoffs: tuple[int, ...] = (1, 3, 5, 10)


@dataclass(frozen=True, slots=True)
class MultilabelPlan:
    """The labels of which a row may have any number, most frequent first, as canonical text.

    ``complete`` tells that these are all labels of the reference. Sets that stand in text are JSON
    arrays, or labels with ``separator`` between them.
    """

    labels: tuple[str, ...]
    complete: bool = True
    separator: str = ","


@dataclass(frozen=True, slots=True)
class MultivariatePlan:
    """What is kept of the numeric ``columns`` together, of the whole population alone.

    They are standardised by ``centres`` and ``scales``, their means and deviations in the
    reference. ``moments`` asks for their pairwise sums, ``waves`` for the means of so many random
    waves (drawn by ``seed``, of a kernel of this ``bandwidth``), ``rows`` for a sample of so many
    rows, which holds the levels of ``categories`` too; ``levels`` names the most frequent of each,
    in the order of its plan. Where there are ``clusters``, so many, the last of the categories is
    the cluster of a row, and ``noise`` the number of the level that stands for none (0: no level
    does). See ``checks.joint`` and ``checks.sample``.
    """

    columns: tuple[str, ...] = ()
    centres: tuple[float, ...] = ()
    scales: tuple[float, ...] = ()
    moments: bool = False
    waves: int = 0
    bandwidth: float = 1.0
    seed: int = 0
    rows: int = 0
    categories: tuple[str, ...] = ()
    levels: tuple[tuple[str, ...], ...] = ()
    clusters: int = 0
    noise: int = 0


VOCABULARY = "vocabulary"
"""What the column is called after its text that counts the words."""


def vocabularies(texts: Iterable[str]) -> frozenset[str]:
    """The columns that count the words of texts: a row has any number of them.

    >>> vocabularies(["review"])
    frozenset({'review.vocabulary'})
    """
    return frozenset(f"{name}.{VOCABULARY}" for name in texts)


@dataclass(frozen=True, slots=True)
class TextPlan:
    """How a column of texts is read: ``vocabulary`` are the words that are known in it.

    They are words that some rows of the reference hold, most frequent first; the first so many are
    ``named``, and counted each by itself.
    """

    vocabulary: tuple[str, ...] = ()
    named: int = 0


@dataclass(frozen=True, slots=True)
class EmbeddingPlan:
    """How a column of vectors is counted: about ``centre``, their mean in the reference.

    ``waves`` asks for the means of so many random waves too (drawn by ``seed``, of a kernel of this
    ``bandwidth``). Vectors of any other length than the centre's are counted as unparsed.
    """

    centre: tuple[float, ...]
    waves: int = 0
    bandwidth: float = 1.0
    seed: int = 0


ColumnPlan = NumericPlan | CategoricalPlan
OutcomePlan = (
    BinaryPlan | RegressionPlan | MulticlassPlan | ForecastPlan | RankingPlan | MultilabelPlan
)

_KINDS: dict[str, type[ColumnPlan | OutcomePlan]] = {
    kind.__name__: kind for kind in (*get_args(ColumnPlan), *get_args(OutcomePlan))
}


class _Named:
    """Room for the hash of a plan, which is asked for time and again."""

    __slots__ = ("_hash",)
    _hash: str


@dataclass(frozen=True, slots=True)
class Plan(_Named):
    """Everything that decides what a profile contains; profiles of unequal plans never merge.

    ``columns`` maps each watched column to its plan, ``roles`` says which of them are not
    features, ``found`` the type family each had in the reference, ``segments`` the columns whose
    values cut the log into slices, ``timestamp_unit`` the unit of integer timestamps,
    ``multivariate`` what is kept of several columns together (None: nothing), ``delays`` whether it
    is kept how long labels took to come. ``texts`` and ``embeddings`` are the columns of texts and
    of vectors, from which some of ``columns`` are made. ``besides`` is what more is kept of
    outcomes: of predictions that are intervals, of weights, of the scores of all classes.
    ``rules`` are conditions on a row by the name of each, such as ``amount >= 0``, ``orphans``
    whether labels are counted that no prediction has.
    """

    columns: Mapping[str, ColumnPlan] = field(default_factory=dict)
    outcome: OutcomePlan | None = None
    roles: Mapping[str, Role] = field(default_factory=dict)
    found: Mapping[str, str] = field(default_factory=dict)
    segments: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    timestamp_unit: str | None = None
    multivariate: MultivariatePlan | None = None
    delays: bool = False
    texts: Mapping[str, TextPlan] = field(default_factory=dict)
    embeddings: Mapping[str, EmbeddingPlan] = field(default_factory=dict)
    besides: tuple[Beside, ...] = ()
    rules: Mapping[str, str] = field(default_factory=dict)
    orphans: bool = False

    def role(self, column: str) -> Role:
        return self.roles.get(column, "feature")

    def to_json(self) -> str:
        """A canonical text: equal plans give equal texts."""
        tree = asdict(self)
        for name, column in self.columns.items():
            tree["columns"][name]["kind"] = type(column).__name__
        if self.outcome is not None:
            tree["outcome"]["kind"] = type(self.outcome).__name__
        for name in ("delays", "texts", "embeddings", "besides", "rules", "orphans"):
            if not tree[name]:
                del tree[name]  # plans of before keep their hash
        return json.dumps(tree, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        tree = json.loads(text)
        columns = {name: _revive(column) for name, column in tree["columns"].items()}
        outcome = None if tree["outcome"] is None else _revive(tree["outcome"])
        together = tree.get("multivariate")
        return cls(
            columns,  # type: ignore[arg-type]
            outcome,  # type: ignore[arg-type]
            tree["roles"],
            tree["found"],
            {name: tuple(values) for name, values in tree["segments"].items()},
            tree["timestamp_unit"],
            None if together is None else MultivariatePlan(**_with_tuples(together)),
            tree.get("delays", False),
            {name: TextPlan(**_with_tuples(each)) for name, each in _part(tree, "texts")},
            {name: EmbeddingPlan(**_with_tuples(each)) for name, each in _part(tree, "embeddings")},
            tuple(tree.get("besides", ())),
            tree.get("rules", {}),
            tree.get("orphans", False),
        )

    @property
    def hash(self) -> str:
        """Sixteen hexadecimal digits that name this plan."""
        try:
            return self._hash
        except AttributeError:
            digest = hashlib.sha256(self.to_json().encode()).hexdigest()
            object.__setattr__(self, "_hash", digest[:16])
            return self._hash


def _part(tree: Mapping[str, Any], name: str) -> Iterable[tuple[str, Any]]:
    found: Mapping[str, Any] = tree.get(name, {})
    return found.items()


def _revive(tree: dict[str, object]) -> ColumnPlan | OutcomePlan:
    kind = _KINDS[str(tree.pop("kind"))]
    return kind(**_with_tuples(tree))


def _with_tuples(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tupled(value) for name, value in tree.items()}


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
