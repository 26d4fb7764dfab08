"""Shapes: logs whose records are requests become rows of predictions, one module for each shape."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Literal, Protocol, cast

Record = Mapping[str, object]
Row = dict[str, object]
Options = Mapping[str, str | list[str]]
Loss = Literal["", "failed_requests", "unpaired_requests"]

TIMESTAMP, ID, VERSION, PREDICTION, LABEL = "timestamp", "id", "version", "prediction", "label"


class Broken(ValueError):
    """A record does not have its shape; the message says what is wrong, the reader says where."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """What one record tells of a request: one row for each prediction asked for and given.

    ``inputs`` and ``outputs`` are None where the record does not hold that part; with ``half`` it
    is in a record of its own with the same ``id``. ``more`` are columns with one value for the
    whole request, and ``lost`` is the anomaly it counts as where it gives no rows.
    """

    id: str | None = None
    time: object = None
    version: object = None
    inputs: Sequence[Row] | None = None
    outputs: Sequence[Row] | None = None
    more: Row = field(default_factory=dict)
    half: bool = False
    lost: Loss = ""


class Shape(Protocol):
    """One shape of records. Its module's file name is its name, its dataclass fields its options.

    All methods raise `Broken` for a record that does not have the shape.
    """

    @staticmethod
    def recognises(record: Record) -> bool:
        """Whether a record surely has this shape."""
        ...

    @property
    def clock(self) -> tuple[str, ...]:
        """Columns that may hold the time of a whole request: by it files are cut to windows."""
        ...

    def exchange(self, record: Record) -> Exchange | None:
        """What a record tells; None where it is about something else than predictions."""
        ...

    def truth(self, record: Record) -> Sequence[Row]:
        """The rows of a record of the truth."""
        ...


def shape_names() -> tuple[str, ...]:
    """Names of all shapes: the modules of this folder without a leading underscore."""
    names = (info.name for info in pkgutil.iter_modules(sys.modules[__name__].__path__))
    return tuple(sorted(name for name in names if not name.startswith("_")))


def _shape_type(name: str) -> type[Shape]:
    found = importlib.import_module(f"monitor.sources._shapes.{name}").Shape
    return cast("type[Shape]", found)


def shape_of(name: str, options: Options) -> Shape:
    """The shape of a name with its options.

    Raises:
        ValueError: there is none of that name, or it has no such option; with a suggestion.
    """
    if name not in shape_names():
        raise ValueError(f"shape = {name!r}: unknown; {_hint(name, shape_names())}")
    kind = _shape_type(name)
    known = [each.name for each in fields(kind)]  # type: ignore[arg-type]
    if known == ["columns"]:
        return kind(columns=options)  # type: ignore[call-arg]
    for key, value in options.items():
        if key not in known:
            raise ValueError(f"fields.{key}: unknown; {_hint(key, known)}")
        if isinstance(value, str) or len(set(value)) < len(value):
            raise ValueError(f"fields.{key}: must be a list of names, each once")
    return kind(**{key: tuple(value) for key, value in options.items()})


def recognised(record: Record) -> str:
    """The name of the shape that a record surely has, or nothing."""
    return next((name for name in shape_names() if _has_shape(record, name)), "")


def _has_shape(record: Record, name: str) -> bool:
    try:
        return _shape_type(name).recognises(record)
    except Broken:
        return False


def _hint(word: str, known: Iterable[str]) -> str:
    choices = sorted(known)
    near = get_close_matches(word, choices, 1)
    return f"did you mean {near[0]!r}?" if near else f"known: {', '.join(choices) or 'none'}"
