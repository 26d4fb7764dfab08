"""Paths of a nested shape that lead nowhere: told, with the nearest that leads somewhere."""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches

from monitor.sources import Survey
from monitor.sources._shapes import Record, Shape
from monitor.sources._shapes.nested import Shape as Nested

_NEAR = 0.6


def told(survey: Survey, shape: Shape, sample: Iterable[Record]) -> Survey:
    """The survey with a notice for each column whose path led to nothing in all rows.

    ``sample`` are records to look for the nearest path in; they are read where there is a need.
    """
    if not isinstance(shape, Nested):
        return survey
    if not survey.rows:
        told_of_sample = tuple(_of_sample(shape, list(sample)))
        names = {each.partition(": ")[0] for each in told_of_sample}
        return replace(survey, notices=(*_without(survey, names), *told_of_sample))
    empty = {name: each for name, each in survey.columns.items() if each.nulls and not each.values}
    lost = {name: str(shape.columns[name]) for name in empty if name in shape.columns}
    if not lost:
        return survey
    known = _known(sample)
    found = [
        f"{name}: {path} was found in none of {empty[name].nulls:,} rows{_hint(path, known)}"
        for name, path in lost.items()
    ]
    return replace(survey, notices=(*_without(survey, lost), *found))


def _without(survey: Survey, names: Container[str]) -> Iterator[str]:
    """The notices of a survey that are not of these columns."""
    return (each for each in survey.notices if each.partition(": ")[0] not in names)


def _of_sample(shape: Nested, sample: list[Record]) -> Iterator[str]:
    """The same of the first records alone, where no row can be placed: a path may be why."""
    rows = [row for record in sample for row in shape.exchange(record).inputs or ()]
    known = _known(sample)
    for name, path in shape.columns.items():
        if rows and all(row[name] is None for row in rows):
            yield f"{name}: {path} is in none of {len(sample)} records{_hint(str(path), known)}"


def _known(sample: Iterable[Record]) -> list[str]:
    return sorted({path for record in sample for path in paths_of(record)})


def paths_of(record: Record) -> Iterator[str]:
    """The paths that lead to the values of a record: of the first list on a way by ``[*]``.

    >>> list(paths_of({"a": {"b c": 1}, "items": [{"x": [2, 3]}]}))
    ['a["b c"]', 'items[*].x[0]']
    """
    yield from _paths(record, "", starred=False)


def _paths(value: object, way: str, *, starred: bool) -> Iterator[str]:
    if isinstance(value, str) and value[:1] in ("{", "["):
        with suppress(json.JSONDecodeError):
            value = json.loads(value)
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _paths(each, way + _step(str(key), first=not way), starred=starred)
    elif isinstance(value, list) and value:
        yield from _paths(value[0], f"{way}[{0 if starred else '*'}]", starred=True)
    elif way:
        yield way


def _step(key: str, *, first: bool) -> str:
    if re.fullmatch(r"[\w@-]+", key):
        return key if first else f".{key}"
    return f'["{key}"]'


def _hint(path: str, known: list[str]) -> str:
    plain = path.removeprefix("$").removeprefix(".")
    near = get_close_matches(plain, known, 1, _NEAR)
    return f"; did you mean {near[0]}?" if near and near[0] != plain else ""
