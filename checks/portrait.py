"""A portrait: all profiles of one slice of a log, added, packed and unpacked as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import TypeVar

from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.joint import Multivariate
from checks.log import LogProfile
from checks.outcome import Outcome
from checks.profile import CategoricalProfile, NumericProfile, PlanMismatch
from checks.stack import Run, Stack

ColumnProfile = NumericProfile | CategoricalProfile
_AT_ONCE = 64  # columns, whose cells are counted in up to half a megabyte each


class Columns(Mapping[str, ColumnProfile]):
    """Profiles by the name of their column; numeric ones may be places in a stack.

    Of thousands that are read to be added up, none is ever asked for, and so none is made.
    """

    __slots__ = ("kept", "made", "stack")

    def __init__(
        self,
        kept: Mapping[str, ColumnProfile | int] | Iterable[tuple[str, ColumnProfile | int]],
        stack: Stack | None = None,
    ) -> None:
        self.kept, self.stack = dict(kept), stack or Stack()
        self.made: dict[str, NumericProfile] = {}

    def __getitem__(self, name: str) -> ColumnProfile:
        kept = self.kept[name]
        if not isinstance(kept, int):
            return kept
        if name not in self.made:
            self.made[name] = NumericProfile(*self.stack[kept])
        return self.made[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)

    @classmethod
    def merged(cls, parts: Sequence[Mapping[str, ColumnProfile]]) -> Columns:
        """The profile of each column of the first part in the rows of all of them."""
        columns = [part if isinstance(part, Columns) else cls(part) for part in parts]
        levels = [n for n, each in columns[0].kept.items() if isinstance(each, CategoricalProfile)]
        numeric = [name for name in columns[0] if name not in levels]
        found: dict[str, ColumnProfile] = {name: _levels(columns, name) for name in levels}
        for start in range(0, len(numeric), _AT_ONCE):
            names = numeric[start : start + _AT_ONCE]
            added = NumericProfile.added([each.stacked(names) for each in columns])
            found.update(zip(names, added, strict=True))
        return cls({name: found[name] for name in columns[0]})

    def stacked(self, names: Sequence[str]) -> Run:
        """The numeric profiles of these names."""
        kept = [self.kept[name] for name in names]
        if all(isinstance(each, int) for each in kept):
            return self.stack.chosen(kept)  # type: ignore[arg-type]
        if any(isinstance(each, CategoricalProfile) for each in kept):
            raise PlanMismatch("profiles of two kinds do not add")
        made = [self[name] for name in names]
        return NumericProfile.stacked(made), slice(0, len(made))  # type: ignore[arg-type]


def _levels(parts: Sequence[Columns], name: str) -> CategoricalProfile:
    levels = [each.kept[name] for each in parts]
    if not all(isinstance(each, CategoricalProfile) for each in levels):
        raise PlanMismatch("profiles of two kinds do not add")
    return CategoricalProfile.merged(levels)  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, eq=False)
class Portrait:
    """The profiles of the rows of one window (or of many, merged) in one slice.

    ``plan`` is the hash of the plan they were made under; ``columns`` holds one profile for every
    column of that plan, also for one that was absent from the log; ``multivariate`` what is kept of
    several columns together and ``delays`` when labels came, both of the whole population and where
    a check asks for it. ``embeddings`` holds one profile for every column of vectors.
    """

    plan: str
    columns: Mapping[str, ColumnProfile]
    log: LogProfile
    outcome: Outcome | None = None
    multivariate: Multivariate | None = None
    delays: Delays | None = None
    embeddings: Mapping[str, EmbeddingProfile] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return self.log.rows

    def looked_at(self, moment: datetime) -> Portrait:
        """The same, where no label has come until then."""
        if self.delays is None:
            return self
        return replace(self, delays=self.delays.looked_at(moment.timestamp()))

    def merge(self, other: Portrait) -> Portrait:
        """The portrait of both sets of rows."""
        return Portrait.merged([self, other])

    @classmethod
    def merged(cls, parts: Sequence[Portrait]) -> Portrait:
        """The portrait of all rows of the parts, of which there is at least one.

        Each column is added up once, however many parts there are.
        """
        first = parts[0]
        for other in parts:
            if other.plan != first.plan:
                raise PlanMismatch(f"plan {other.plan} does not add to plan {first.plan}")
        columns = Columns.merged([each.columns for each in parts])
        log = reduce(LogProfile.merge, [each.log for each in parts])
        outcomes = [each.outcome for each in parts if each.outcome is not None]
        together = [each.multivariate for each in parts if each.multivariate is not None]
        delays = [each.delays for each in parts if each.delays is not None]
        return cls(
            first.plan,
            columns,
            log,
            _merged(outcomes) if outcomes else None,
            _merged(together) if together else None,
            _merged(delays) if delays else None,
            {
                name: EmbeddingProfile.merged([each.embeddings[name] for each in parts])
                for name in first.embeddings
            },
        )


_P = TypeVar(
    "_P",
    bound=NumericProfile | CategoricalProfile | Outcome | Multivariate | Delays,
)


def _merged(parts: Sequence[_P]) -> _P:
    kind = type(parts[0])
    if any(type(each) is not kind for each in parts):
        raise PlanMismatch("profiles of two kinds do not add")
    return kind.merged(parts)  # type: ignore[arg-type, return-value]
