"""Sources: a log of predictions and labels, reduced to profiles where its rows live."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, cast, runtime_checkable

import monitor.sources
from checks.grid import Floats
from checks.plan import Plan
from checks.portrait import Portrait
from monitor.findings import Slice
from monitor.windows import Window

if TYPE_CHECKING:
    import pyarrow as pa

Family = Literal["number", "text", "boolean", "time", "nested", "empty"]

ALL_TIME = Window(datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""The window of every row, with or without a usable timestamp."""


class SourceError(Exception):
    """A log could not be read. ``reason`` becomes a metric label and a verdict's reason.

    SourceError
     +-- Unreachable   the server or file is not there, locked or timed out: worth a retry
     +-- WrongSchema   a column, table or type the configuration names is not there
     +-- Unreadable    the bytes are broken or in another format
    """

    reason: ClassVar[str] = "source"


class Unreachable(SourceError):
    """It is not there, locked, or did not answer in time."""

    reason = "unreachable"


class WrongSchema(SourceError):
    """It does not hold what the configuration names."""

    reason = "wrong_schema"


class Unreadable(SourceError):
    """Its bytes are broken or in another format."""

    reason = "unreadable"


@dataclass(frozen=True, slots=True)
class Columns:
    """Which column of a log plays which part; None where there is none.

    ``numeric`` and ``categorical`` name the features (both None: all other columns are features,
    their kind inferred). ``timezone`` is how timestamps without an offset are to be read. ``query``
    tells which rows of a ranker answer one request, ``horizon`` how far ahead a forecast looks.
    ``lower`` and ``upper`` are the ends of a prediction interval, ``weight`` says how much a row
    counts, ``scores`` which column holds the score of each class.
    ``text`` and ``embeddings`` name features whatever ``numeric`` and ``categorical`` say: texts,
    and vectors of one length, of which columns of numbers are made.
    """

    timestamp: str | None = None
    id: str | None = None
    version: str | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    label_timestamp: str | None = None
    numeric: tuple[str, ...] | None = None
    categorical: tuple[str, ...] | None = None
    exclude: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    timezone: str = "UTC"
    query: str | None = None
    horizon: str | None = None
    text: tuple[str, ...] = ()
    embeddings: tuple[str, ...] = ()
    lower: str | None = None
    upper: str | None = None
    weight: str | None = None
    scores: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def besides(self) -> tuple[tuple[str, str], ...]:
        """Columns that tell more of an outcome: the key that names each, and its name."""
        named = [(key, getattr(self, key)) for key in ("lower", "upper", "weight")]
        named += [(f"scores.{each}", name) for each, name in sorted(self.scores.items())]
        return tuple((key, name) for key, name in named if name is not None)


@dataclass(frozen=True, slots=True)
class ColumnSurvey:
    """What a first look at a column told: enough to plan how to count it.

    ``centre`` is the median of a sample of the finite values, ``atoms`` values that more than
    0.5 % of that sample share, most frequent first. ``levels`` are the canonical texts of *all*
    rows of the period, most frequent first (ties by text), ``complete`` whether none was cut.
    For a numeric column with few distinct values ``levels`` is filled too (<= 50 of them).
    ``distinct`` tells how many different values there are, also where ``levels`` has no room for
    them: of text up to 100,000 (``values`` then counts their rows alone), of numbers exactly up to
    5,000 where all rows were looked at, beyond and elsewhere an estimate from the sample.
    ``edges`` are quantiles of the sample where the bit grid is too coarse for the column,
    ``frequent`` is how many of the ``levels`` have 20 rows or more.
    """

    name: str
    family: Family
    values: int = 0
    nulls: int = 0
    integral: bool = False
    centre: float = 0.0
    atoms: tuple[float, ...] = ()
    levels: tuple[str, ...] = ()
    complete: bool = True
    distinct: int = 0
    edges: tuple[float, ...] = ()
    frequent: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class VectorSurvey:
    """What a first look at a column of vectors told: their mean, and a sample of them (rows)."""

    values: int
    nulls: int
    centre: Floats
    sample: Floats


@dataclass(frozen=True, slots=True)
class Survey:
    """A first look at a period of a log; ``notices`` are sentences a person should read.

    ``sample`` holds the numbers of up to 4,096 rows, the same ones of every numeric column, NaN
    where there is none; it may be empty where a source cannot tell. ``texts`` holds the words that
    some rows of each column of texts have, most frequent first, ``embeddings`` what was seen of
    each column of vectors that holds any.
    """

    columns: Mapping[str, ColumnSurvey]
    rows: int
    timestamp_unit: str | None = None
    notices: tuple[str, ...] = ()
    sample: Mapping[str, Floats] = field(default_factory=dict, compare=False, repr=False)
    texts: Mapping[str, tuple[str, ...]] = field(default_factory=dict, repr=False)
    embeddings: Mapping[str, VectorSurvey] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Extent:
    """Rows of a log and the times of the first and the last that are not in the future."""

    rows: int
    first: datetime | None = None
    last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Pulse:
    """What a light look at a window tells: its rows, how many have a label, and a digest.

    ``digest`` is a text of the source's own making that changes when a row is added or removed, or
    the label of a row is added, revised or removed.
    """

    rows: int = 0
    labels: int = 0
    digest: str = ""


@dataclass(frozen=True, slots=True)
class Horizon:
    """What may be seen: rows and labels up to ``known_at``; past ``clock`` time has not come.

    In live running both are now. In a replay ``known_at`` is the moment replayed, and rows after
    it are merely not known yet, while rows after ``clock`` carry an impossible time.
    """

    known_at: datetime
    clock: datetime


class Source(Protocol):
    """A log. Its module's file name is its ``type``, its dataclass fields are its TOML keys."""

    def names(self) -> Sequence[str]:
        """The columns of the log."""
        ...

    def survey(self, columns: Columns, period: Window) -> Survey: ...

    def extent(self, columns: Columns, horizon: Horizon, since: datetime | None = None) -> Extent:
        """How far the log reaches: all of it, or what has a time from ``since`` on."""
        ...

    def pulse(
        self, columns: Columns, windows: Sequence[Window], horizon: Horizon
    ) -> Mapping[Window, Pulse]:
        """A look at windows that reads no more than times, ids and labels.

        Windows whose pulse stays the same need not be profiled again.
        """
        ...

    def profile(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> Mapping[Window, Mapping[Slice, Portrait]]:
        """One portrait for each window and slice, in one pass over the rows.

        ``spans`` are the stretches of time within which an id counts once, where windows are parts
        of them (each lies inside one); without any, each window is a span of its own.
        """
        ...

    def rows(
        self, names: Sequence[str], columns: Columns, period: Window, horizon: Horizon
    ) -> Iterator[pa.RecordBatch]:
        """The rows of a period as they are, with these columns as far as the log has them."""
        ...


@runtime_checkable
class AtOnce(Protocol):
    """A source for which the pulses of windows that are profiled anyway cost next to nothing."""

    def profile_and_pulse(
        self,
        plan: Plan,
        columns: Columns,
        windows: Sequence[Window],
        horizon: Horizon,
        spans: Sequence[Window] = (),
    ) -> tuple[Mapping[Window, Mapping[Slice, Portrait]], Mapping[Window, Pulse]]:
        """What `Source.profile` and `Source.pulse` give, of one state of the log."""
        ...


def source_types() -> tuple[str, ...]:
    """Names of all sources: the modules of this folder without a leading underscore."""
    names = (info.name for info in pkgutil.iter_modules(monitor.sources.__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def source_type(name: str) -> type[Source]:
    """The class of a source; ValueError with a suggestion where there is none of that name."""
    if name not in source_types():
        near = get_close_matches(name, source_types(), 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(source_types())}"
        raise ValueError(f"unknown; {hint}")
    return cast("type[Source]", importlib.import_module(f"monitor.sources.{name}").Source)
