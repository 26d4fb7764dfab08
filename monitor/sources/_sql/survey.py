"""Surveys of logs in a database: of a long one the server counts values and levels."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa
from sqlalchemy import ColumnElement, Date, DateTime, Float, and_, case, func, literal, or_, select

from checks.plan import MOST_LEVELS
from monitor.sources import ALL_TIME, Columns, ColumnSurvey, Survey
from monitor.sources._labels import LabelIndex
from monitor.sources._looks import FEW_LEVELS, SAMPLE, scaled_distinct, text_survey
from monitor.sources._reading import Reading
from monitor.sources._sql.cells import to_array
from monitor.sources._sql.relation import Rows
from monitor.sources._sql.session import Cells, Query
from monitor.sources._survey import survey_batches
from monitor.windows import Window

_MOST_DISTINCT = 100_000
_PRECISE = 2.0**53


def survey_of(
    rows: Rows,
    columns: Columns,
    period: Window,
    names: Sequence[str],
    labels: LabelIndex | None,
    size: int,
) -> Survey:
    """A survey of these columns of the rows, all of which are looked at.

    Only in a long log on PostgreSQL, if the rows of the period can be told exactly, does the
    database count values and levels, and every n-th row (a power of two) is looked at for the rest.
    """
    made = columns.text or columns.embeddings  # of rows that are all looked at
    if (
        not made
        and rows.log.session.dialect == "postgresql"
        and rows.exact
        and (count := rows.count()) > SAMPLE
    ):
        survey = _Long(rows, columns, count, labels).survey(period, names, size)
        if survey is not None:
            return survey
    survey = survey_batches(columns, period, lambda: rows.batches(names, size), labels)
    return _without_times(survey, rows, columns) if rows.log.session.sqlite else survey


def _without_times(survey: Survey, rows: Rows, columns: Columns) -> Survey:
    """SQLite holds times as text or numbers; a column declared to hold them is no feature."""
    roles = (columns.timestamp, columns.id, columns.label_timestamp, columns.query, columns.horizon)
    part = (*roles, *columns.segments)
    chosen = {*part, *(columns.numeric or ()), *(columns.categorical or ())}
    times = {
        name: str(kind)
        for name, kind in rows.log.types.items()
        if isinstance(kind, DateTime | Date) and name in survey.columns and name not in chosen
    }
    looks = dict(survey.columns)
    for name in times:
        looks[name] = ColumnSurvey(name, "time", looks[name].values, looks[name].nulls)
    kept = [notice for notice in survey.notices if notice.partition(": ")[0] not in times]
    left_out = [f"{name}: {kind} values are not profiled; left out" for name, kind in times.items()]
    return replace(survey, columns=looks, notices=(*kept, *left_out))


@dataclass(frozen=True, slots=True, eq=False)
class _Long:
    """``count`` rows that are exactly those of a period, their labels perhaps in another table."""

    rows: Rows
    columns: Columns
    count: int
    labels: LabelIndex | None

    def survey(self, period: Window, names: Sequence[str], size: int) -> Survey | None:
        """A survey of these columns; None where only a look at all rows would do.

        That is so when the sample of a column holds nothing though the column does, or a column to
        be read as numbers is of another type.
        """
        sampled = survey_batches(
            self.columns, period, lambda: self._sample(names, size), self.labels
        )
        told = {name: sampled.columns[name] for name in names}
        there = dict(zip(names, self._counts(names), strict=True))
        if any(not self._suits(look, there[name]) for name, look in told.items()):
            return None
        full = {name: self._full(look, there[name]) for name, look in told.items()}
        if self.labels is not None and self.columns.label is not None:
            full[self.columns.label] = self._label(self.columns.label, self.labels)
        notices = (*sampled.notices, *_too_many(full, sampled.notices))
        return Survey(full, self.count, None, notices, sampled.sample)

    def _suits(self, look: ColumnSurvey, there: int) -> bool:
        if look.family == "empty":
            return not there
        return look.family == "number" or look.name not in (self.columns.numeric or ())

    def _sample(self, names: Sequence[str], size: int) -> Iterator[pa.RecordBatch]:
        """Every n-th row, as the look at a whole log picks them."""
        log, stride = self.rows.log, 1
        while -(-self.count // stride) > SAMPLE:
            stride *= 2
        cells = [log.readable(name).label(f"c{place}") for place, name in enumerate(names)]
        numbered = select(*cells, func.row_number().over().label("place")).select_from(log.rows)
        if self.rows.where is not None:
            numbered = numbered.where(self.rows.where)
        inner = numbered.subquery("numbered")
        chosen = [inner.c[f"c{place}"] for place in range(len(names))]
        query = select(*chosen).where((inner.c.place - 1) % stride == 0)
        for rows in log.session.stream(query, size):
            yield from log.batches(names, rows)

    def _counts(self, names: Sequence[str]) -> list[int]:
        """Cells that are there, of each column."""
        return self._integers(*(func.count(self.rows.log.rows.c[name]) for name in names))

    def _full(self, look: ColumnSurvey, there: int) -> ColumnSurvey:
        """What the sample told of a column, with the counts of all its rows."""
        columns, name = self.columns, look.name
        nulls = self.count - there
        if name in (columns.timestamp, columns.id, columns.label_timestamp, columns.query):
            return replace(look, values=there, nulls=nulls)
        if name in (*columns.segments, *(columns.categorical or ()), columns.horizon):
            return self._levels(look, nulls)
        if look.family == "number":
            return self._numbers(look, there)
        if look.family in ("text", "boolean"):
            return self._levels(look, nulls)
        return replace(look, values=there, nulls=nulls)

    def _levels(self, look: ColumnSurvey, nulls: int) -> ColumnSurvey:
        groups = self._groups(look.name, _MOST_DISTINCT + 1)
        counts, lost = _texts(groups[:_MOST_DISTINCT])
        complete = len(groups) <= _MOST_DISTINCT
        return text_survey(look.name, look.family, counts, nulls=nulls + lost, complete=complete)

    def _numbers(self, look: ColumnSurvey, there: int) -> ColumnSurvey:
        cells, infinite = self.rows.log.rows.c[look.name], literal(float("inf"), Float())
        size = func.abs(cells)
        odd = or_(cells != func.floor(cells), and_(size >= _PRECISE, size < infinite))
        is_nan = cells == literal(float("nan"), Float())
        fractions, nan = self._integers(func.count(case((odd, 1))), func.count(case((is_nan, 1))))
        levels: tuple[str, ...] = ()
        distinct = scaled_distinct(look.distinct, look.values, there - nan)
        if look.levels:
            groups = self._groups(look.name, FEW_LEVELS + 1)
            counts, _ = _texts(groups)
            levels = text_survey(look.name, "text", counts, nulls=0).levels
            distinct = len(levels)
        return replace(
            look,
            values=there - nan,
            nulls=self.count - there + nan,
            integral=not fractions and there > nan,
            levels=levels if len(levels) <= FEW_LEVELS else (),
            distinct=distinct,
        )

    def _groups(self, name: str, most: int) -> Cells:
        """Distinct values of a column and their rows, most frequent first."""
        log, cells, rows = self.rows.log, self.rows.log.readable(name), func.count()
        query: Query = (
            select(cells, rows).select_from(log.rows).where(log.rows.c[name].is_not(None))
        )
        if self.rows.where is not None:
            query = query.where(self.rows.where)
        return log.session.rows(query.group_by(log.rows.c[name]).order_by(rows.desc()).limit(most))

    def _label(self, name: str, labels: LabelIndex) -> ColumnSurvey:
        """The survey of labels that live in a table of their own."""
        batch = pa.RecordBatch.from_arrays([labels.label], [name])
        apart = replace(self.columns, timestamp=None, id=None, segments=())
        look = survey_batches(apart, ALL_TIME, lambda: [batch]).columns[name]
        return replace(look, nulls=self.count - look.values)

    def _integers(self, *values: ColumnElement[Any]) -> list[int]:
        return [int(value) for value in self.rows.aggregate(*values)]


def _texts(groups: Cells) -> tuple[Counter[str], int]:
    """Rows of each canonical text, and those of values that are none (NaN)."""
    counts: Counter[str] = Counter()
    if not groups:
        return counts, 0
    levels, lost = Reading().levels(to_array([row[0] for row in groups])), 0
    for place, row in zip(levels.places.tolist(), groups, strict=True):
        if place < 0:
            lost += int(row[1])
        else:
            counts[levels.texts[place]] += int(row[1])
    return counts, lost


def _too_many(looks: Mapping[str, ColumnSurvey], told: Sequence[str]) -> Iterator[str]:
    """Notices of levels that the sample has not shown."""
    for name, look in looks.items():
        if not look.complete and not any(notice.startswith(f"{name}: ") for notice in told):
            yield f"{name}: more than {MOST_LEVELS:,} levels; the rarest count as one"
