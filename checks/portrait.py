"""A portrait: all profiles of one slice of a log, added, packed and unpacked as one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import reduce
from typing import TypeVar

from checks.delays import Delays
from checks.embedding import EmbeddingProfile
from checks.joint import Multivariate
from checks.log import LogProfile
from checks.outcome import Outcome
from checks.profile import CategoricalProfile, Fields, NumericProfile, PlanMismatch

ColumnProfile = NumericProfile | CategoricalProfile


class Columns(Mapping[str, ColumnProfile]):
    """Profiles by the name of their column; a numeric one may be its fields until it is asked for.

    Of thousands that are read to be added up, none is ever asked for.
    """

    __slots__ = ("kept",)

    def __init__(self, kept: Mapping[str, ColumnProfile | Fields]) -> None:
        self.kept = dict(kept)

    def __getitem__(self, name: str) -> ColumnProfile:
        kept = self.kept[name]
        if isinstance(kept, tuple):
            kept = self.kept[name] = NumericProfile(*kept)
        return kept

    def __iter__(self) -> Iterator[str]:
        return iter(self.kept)

    def __len__(self) -> int:
        return len(self.kept)

    @classmethod
    def merged(cls, parts: Sequence[Mapping[str, ColumnProfile]]) -> Columns:
        """The profile of each column of the first part in the rows of all of them."""
        kept = [part.kept if isinstance(part, Columns) else part for part in parts]
        return cls({name: _added([each[name] for each in kept]) for name in kept[0]})


def _added(parts: Sequence[ColumnProfile | Fields]) -> ColumnProfile:
    levels = [each for each in parts if isinstance(each, CategoricalProfile)]
    if len(levels) == len(parts):
        return CategoricalProfile.merged(levels)
    if levels:
        raise PlanMismatch("profiles of two kinds do not add")
    return NumericProfile.added(
        [each if isinstance(each, tuple) else each.fields() for each in parts]  # type: ignore[union-attr]
    )


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
