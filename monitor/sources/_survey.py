"""A first look at the columns of a log: families, centres, mass points and levels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from checks.grid import Floats
from checks.plan import MOST_LEVELS
from monitor.sources import Columns, ColumnSurvey, Family, Survey
from monitor.sources._arrow import cut, family, indices, plain, present, truths
from monitor.sources._derived import require_free
from monitor.sources._labels import FOREVER, LabelIndex
from monitor.sources._looks import LevelLook, NumberLook, Spread, numeric_survey, text_survey
from monitor.sources._made import MadeLook
from monitor.sources._placing import Placer
from monitor.sources._reading import BOOLEAN_TEXT, NUMBER_TEXT, Reading
from monitor.sources._sets import is_list, sets_of
from monitor.sources._times import UNITS
from monitor.sources._together import row_ranks
from monitor.sources._zones import Micros
from monitor.windows import Window

__all__ = ("numeric_survey", "survey_batches", "surveyed", "text_survey")

Kind = Literal["number", "levels", "other"]
Scan = Callable[[], Iterable[pa.RecordBatch]]

_NEARLY_ALL = 0.9
_FEW = 1 << 12
_LISTS = re.compile(r"(fixed_size_|large_)?list<\w+: (double|float|halffloat)")
_VECTORS = "; if they are embeddings, list it under embeddings"
_TIME_TEXT = r"^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?.*)?$"


def surveyed(columns: Columns) -> tuple[str, ...] | None:
    """The columns that a survey must read; None for all."""
    if columns.numeric is None and columns.categorical is None:
        return None
    named = (
        *filter(None, _structure(columns)),
        *filter(None, (columns.version, columns.prediction, columns.score, columns.label)),
        *(columns.numeric or ()),
        *(columns.categorical or ()),
        *columns.segments,
        *filter(None, (columns.horizon,)),
        *columns.text,
        *columns.embeddings,
    )
    return tuple(dict.fromkeys(named))


def _structure(columns: Columns) -> tuple[str | None, ...]:
    """Columns that are never watched: of them a survey tells no more than the family."""
    named = columns.timestamp, columns.id, columns.label_timestamp, columns.query
    return *named, *(name for _, name in columns.besides)


def survey_batches(
    columns: Columns,
    period: Window,
    scan: Scan,
    labels: LabelIndex | None = None,
    *,
    typed: bool = True,
) -> Survey:
    """A survey of the rows of ``period`` among the batches of ``scan`` (see ``profile_batches``).

    Every column met is in the survey but for those excluded. Where cells carry no type
    (``typed`` False) the rows are passed twice, and text of which nine tenths are numbers or ISO
    times is of that family.
    """
    told: dict[str, Family] = {}
    if not typed:
        rows = (batch for batch, _ in _rows(columns, period, scan(), None, labels))
        told = _families(rows, (*columns.text, *columns.embeddings))
    look = _Look(columns, told, typed, MadeLook(columns))
    units: Counter[int] = Counter()
    for batch, times in _rows(columns, period, scan(), units, labels):
        look.add(batch, times)
    unit = UNITS[units.most_common(1)[0][0]] if units else None
    notices = tuple(look.notices())
    return Survey(
        look.surveys(),
        look.spread.passed,
        unit,
        notices,
        look.sample(),
        look.made.texts(),
        look.made.embeddings(),
    )


def _rows(
    columns: Columns,
    period: Window,
    batches: Iterable[pa.RecordBatch],
    units: Counter[int] | None,
    labels: LabelIndex | None,
) -> Iterator[tuple[pa.RecordBatch, Micros]]:
    """The rows of the period, with their truth, and their times; ``units`` counts those of numbers
    for times."""
    placer = Placer(columns, (period,), FOREVER)
    for batch in batches:
        placed = placer.place(batch)
        if units is not None:
            units.update(placed.unit[placed.unit >= 0].tolist())
        told = placed.batch if labels is None else _with_truth(placed.batch, columns, labels)
        yield told, placed.times


def _with_truth(batch: pa.RecordBatch, columns: Columns, labels: LabelIndex) -> pa.RecordBatch:
    if columns.label is None or columns.id not in batch.schema.names:
        return batch
    names = [name for name in batch.schema.names if name != columns.label]
    arrays = [*(batch.column(name) for name in names), labels.join(batch.column(columns.id)).label]
    return pa.RecordBatch.from_arrays(arrays, names=[*names, columns.label])


@dataclass(slots=True)
class _Share:
    """How many cells of text are there, and how many of them read as something else."""

    cells: int = 0
    numbers: int = 0
    booleans: int = 0
    times: int = 0

    def add(self, array: pa.Array) -> None:
        self.cells += len(array) - array.null_count
        self.numbers += _hits(pc.utf8_trim_whitespace(array), NUMBER_TEXT)
        self.booleans += _hits(array, BOOLEAN_TEXT)
        self.times += _hits(array, _TIME_TEXT)

    @property
    def family(self) -> Family:
        if not self.cells:
            return "empty"
        if self.numbers >= _NEARLY_ALL * self.cells:
            return "number"
        if self.times >= _NEARLY_ALL * self.cells:
            return "time"
        return "boolean" if self.booleans == self.cells else "text"


def _hits(array: pa.Array, pattern: str) -> int:
    found = pc.match_substring_regex(array, pattern)
    return int(np.count_nonzero(truths(found) & present(found)))


def _families(batches: Iterable[pa.RecordBatch], known: Sequence[str]) -> dict[str, Family]:
    """The family of each column of text in a format without types, by what its cells read as.

    Those ``known`` are not looked at: they are text whatever they read as.
    """
    shares: dict[str, _Share] = {}
    for batch in batches:
        for name in batch.schema.names:
            if name in known:
                continue
            array = plain(batch.column(name))
            if pa.types.is_dictionary(array.type):
                array = plain(array.dictionary_decode())
            if pa.types.is_string(array.type):
                shares.setdefault(name, _Share()).add(array)
    told: dict[str, Family] = dict.fromkeys(known, "text")
    return told | {name: share.family for name, share in shares.items()}


@dataclass(slots=True)
class _Look:
    """All columns of a log as they pass by; ``told`` are families known beforehand."""

    columns: Columns
    told: dict[str, Family]
    typed: bool
    made: MadeLook
    spread: Spread = field(default_factory=Spread)
    families: dict[str, Family] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    numbers: dict[str, NumberLook] = field(default_factory=dict)
    levels: dict[str, LevelLook] = field(default_factory=dict)
    others: dict[str, tuple[int, int]] = field(default_factory=dict)
    sets: set[str] = field(default_factory=set)
    ranks: Floats = field(default_factory=lambda: np.empty(0))

    def add(self, batch: pa.RecordBatch, times: Micros) -> None:
        require_free(self.columns, batch.schema.names)
        picked = self.spread.pick(len(batch))
        made = self.made.add(batch, times)
        for name, column in made.items():
            self.families[name] = "number"
            self._number_look(name).add(column, picked)
        for name in batch.schema.names:
            if name not in self.columns.exclude and name not in made:
                self._add_column(name, plain(batch.column(name)), picked)
        for name in self.numbers.keys() - made.keys() - set(batch.schema.names):
            self.numbers[name].skip(len(picked))
        self.ranks = np.concatenate((self.ranks, self._ranks(batch, times, picked)))
        factor = self.spread.widen()
        if factor > 1:
            self.ranks = self.ranks[::factor]
            for look in self.numbers.values():
                look.thin(factor)

    def _ranks(self, batch: pa.RecordBatch, times: Micros, picked: NDArray[np.intp]) -> Floats:
        """The rank of each picked row, by its id and time: it does not tell their order."""
        name = self.columns.id
        ids = None
        if name in batch.schema.names:
            ids = batch.column(name).take(indices(picked, np.ones(len(picked), np.bool_)))
        return row_ranks(ids, times[picked], len(self.ranks))

    def _add_column(self, name: str, array: pa.Array, picked: NDArray[np.intp]) -> None:
        if self.families.get(name, "empty") == "empty":
            self.families[name] = self._family(name, array.type)
            if is_list(array.type) and name in (self.columns.prediction, self.columns.label):
                self.sets.add(name)
            self.types[name] = cut(str(array.type))
        reading = Reading(self.told.get(name, ""), self.typed)
        kind = self._kind(name, self.families[name])
        if kind == "number":
            self._number_look(name).add(reading.numbers(array), picked)
        elif kind == "levels":
            of_sets = self.families[name] == "nested"
            levels = sets_of(array) if of_sets else reading.levels(array)
            self.levels.setdefault(name, LevelLook()).add(levels)
        else:
            values, nulls = self.others.get(name, (0, 0))
            there = len(array) - array.null_count
            self.others[name] = values + there, nulls + array.null_count

    def _number_look(self, name: str) -> NumberLook:
        return self.numbers.setdefault(name, NumberLook(sample=[_unknown(len(self.ranks))]))

    def _family(self, name: str, kind: pa.DataType) -> Family:
        of = family(kind)
        return self.told.get(name, "empty") if of == "text" and not self.typed else of

    def _kind(self, name: str, of: Family) -> Kind:
        """Whether a column is looked at as numbers, as levels, or not at all."""
        columns = self.columns
        if of == "empty" or name in (*_structure(columns), *columns.text, *columns.embeddings):
            return "other"
        if name in (*columns.segments, *(columns.categorical or ()), columns.horizon):
            return "levels"
        if name in (columns.numeric or ()) or of == "number":
            return "number"
        if of == "nested":
            return "levels" if name in self.sets else "other"
        return "other" if of == "time" else "levels"

    def surveys(self) -> dict[str, ColumnSurvey]:
        looked = {name: self._survey(name) for name in self.families}
        return looked | {each.name: each for each in self.made.surveys(looked)}

    def _survey(self, name: str) -> ColumnSurvey:
        of = self.families[name]
        before = self.others.get(name, (0, 0))[1]
        if name in self.numbers:
            self.numbers[name].nulls += before
            return self.numbers[name].survey(name, of)
        if name in self.levels:
            self.levels[name].nulls += before
            return self.levels[name].survey(name, of)
        values, nulls = self.others[name]
        return ColumnSurvey(name, of, values, nulls)

    def sample(self) -> dict[str, Floats]:
        """The numbers of a few of the rows, those of the lowest ranks."""
        lowest = np.argsort(self.ranks, kind="stable")[:_FEW]
        return {name: look.cells()[lowest] for name, look in self.numbers.items()}

    def notices(self) -> Iterator[str]:
        """What a person should know of columns that are no features, or no good ones."""
        for name, of in self.families.items():
            if self._kind(name, of) == "other" and of in ("time", "nested"):
                known = (*_structure(self.columns), *self.columns.text, *self.columns.embeddings)
                if name not in known:
                    yield f"{name}: {self.types[name]} values are not profiled; left out" + (
                        _VECTORS if _LISTS.match(self.types[name]) else ""
                    )
            elif name in self.levels and len(self.levels[name].counts) > MOST_LEVELS:
                yield f"{name}: more than {MOST_LEVELS:,} levels; the rarest count as one"


def _unknown(length: int) -> NDArray[np.float64]:
    return np.full(length, np.nan)
