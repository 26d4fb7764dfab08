"""Records of a shape of your own: each column is a path into the record."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from monitor.sources._shapes import ID, Broken, Exchange, Options, Record, Row
from monitor.sources._shapes._bodies import parsed, text_of
from monitor.sources._shapes._rows import row_ids

Step = str | int | None
"""A key, a place in a list, or (None) every place of a list."""

_BRACKET = r"\[(?:\d+|\*|\"[^\"]+\"|'[^']+')\]"
_PATH = re.compile(rf"(?:\$\.?)?(?:[\w@-]+|{_BRACKET})(?:\.[\w@-]+|{_BRACKET})*")
_STEP = re.compile(r"\[(\d+)\]|\[(\*)\]|\[[\"']([^\"']+)[\"']\]|([\w@-]+)")


@dataclass(frozen=True, slots=True)
class Shape:
    """``columns`` maps the name of each column to its path, such as ``request.items[*].price``."""

    columns: Options

    def __post_init__(self) -> None:
        if not self.columns:
            raise ValueError('fields: name the columns, as in score = "response.score"')
        for name, path in self.columns.items():
            if not isinstance(path, str):
                raise ValueError(f"fields.{name}: must be a path")  # noqa: TRY004
            try:
                steps_of(path)
            except ValueError as error:
                raise ValueError(f"fields.{name}: {error}") from None

    @staticmethod
    def recognises(record: Record) -> bool:  # noqa: ARG004  (a protocol)
        return False

    @property
    def clock(self) -> tuple[str, ...]:
        return ()

    def exchange(self, record: Record) -> Exchange:
        return Exchange(inputs=self._rows(record))

    def truth(self, record: Record) -> Sequence[Row]:
        return [dict(record)]

    def _rows(self, record: Record) -> list[Row]:
        found = {name: _cells(record, str(path)) for name, path in self.columns.items()}
        lengths = {len(cells) for cells in found.values() if isinstance(cells, list)}
        if len(lengths) > 1:
            told = " and ".join(map(str, sorted(lengths)))
            raise Broken(f"the lists that [*] names have {told} elements")
        rows = lengths.pop() if lengths else 1
        spread: dict[str, Sequence[object]] = {
            name: cells if isinstance(cells, list) else (cells[0],) * rows
            for name, cells in found.items()
        }
        if ID in found and not isinstance(found[ID], list):
            spread[ID] = row_ids(text_of(spread[ID][0]) if rows else None, rows)
        return [{name: cells[i] for name, cells in spread.items()} for i in range(rows)]


@cache
def steps_of(path: str) -> tuple[Step, ...]:
    """The steps of a path.

    >>> steps_of('$.response["p values"][0]'), steps_of("items[*].price")
    (('response', 'p values', 0), ('items', None, 'price'))

    Raises:
        ValueError: it is no path of the subset that is read.
    """
    if not _PATH.fullmatch(path):
        raise ValueError(f"{path!r} is no path such as request.items[*].price")
    steps: list[Step] = []
    for place, star, quoted, key in _STEP.findall(path):
        steps.append(None if star else int(place) if place else quoted or key)
    if steps.count(None) > 1:
        raise ValueError(f"{path!r} has [*] more than once; one list becomes rows")
    return tuple(steps)


def _cells(record: Record, path: str) -> list[object] | tuple[object]:
    """What a path leads to: a list with [*], one value (in a tuple) without, None if not there."""
    steps = steps_of(path)
    if None not in steps:
        return (_follow(record, steps, path),)
    at = steps.index(None)
    among = parsed(_follow(record, steps[:at], path), path)
    if among is None:
        return (None,)
    if not isinstance(among, list):
        raise Broken(f"{path}: there is no list where [*] stands")
    return [_follow(each, steps[at + 1 :], path) for each in among]


def _follow(value: object, steps: Sequence[Step], path: str) -> object:
    for step in steps:
        value = parsed(value, path)
        if isinstance(step, int):
            value = value[step] if isinstance(value, list) and step < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value
