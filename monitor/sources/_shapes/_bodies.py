"""Bodies of requests and answers: the ways in which serving protocols write a table in JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod

from monitor.sources._jsonl import cause_of
from monitor.sources._shapes import PREDICTION, Broken, Record, Row

_TABLES = ("instances", "dataframe_records", "predictions", "records")


@dataclass(frozen=True, slots=True)
class Names:
    """What values without a name are called: as ``given`` in the place ``where``, else by their
    number, a single one ``alone``.

    >>> feature_names(()).of(2)
    ('f0', 'f1')
    """

    given: tuple[str, ...]
    prefix: str
    alone: str
    where: str

    def of(self, width: int) -> tuple[str, ...]:
        if self.given and len(self.given) != width:
            values = "value" if width == 1 else "values"
            raise Broken(f"{width} {values} where {self.where} names {len(self.given)}")
        if self.given:
            return self.given
        return (self.alone,) if width == 1 else tuple(f"{self.prefix}{i}" for i in range(width))


def feature_names(given: tuple[str, ...]) -> Names:
    return Names(given, "f", "f0", "fields.features")


def output_names(given: tuple[str, ...]) -> Names:
    return Names(given, "output_", PREDICTION, "fields.outputs")


def parsed(value: object, what: str) -> object:
    """JSON that may stand as text in JSON, read."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        raise Broken(f"{what} is no JSON ({cause_of(error)})") from None


def text_of(value: object) -> str | None:
    """An id or a version as text."""
    return None if value is None or value == "" else str(value)


def table(body: object, names: Names, what: str) -> list[Row]:
    """The rows of a body in any of the known forms; ``what`` it is called in messages.

    >>> table({"instances": [[1, 2], [3, 4]]}, feature_names(("a", "b")), "request")
    [{'a': 1, 'b': 2}, {'a': 3, 'b': 4}]
    >>> table({"dataframe_split": {"columns": ["a"], "data": [[5]]}}, feature_names(()), "request")
    [{'a': 5}]
    >>> table({"predictions": [0.25, 0.5]}, output_names(("score",)), "response")
    [{'score': 0.25}, {'score': 0.5}]
    """
    if not isinstance(body, dict):
        return listed(body, names, what)
    for key in _TABLES:
        if key in body:
            return _either(body[key], names, f"{what}.{key}")
    if "dataframe_split" in body:
        return _split(body["dataframe_split"], f"{what}.dataframe_split")
    for key in ("inputs", "outputs"):
        if key in body:
            return _tensors_or_table(body[key], names, f"{what}.{key}")
    if isinstance(body.get("data"), dict):
        return _seldon(body["data"], names, f"{what}.data")
    raise Broken(f"{what} has none of {', '.join(_TABLES)}, inputs, outputs, dataframe_split, data")


def listed(values: object, names: Names, what: str) -> list[Row]:
    """One row for each element: an object by its keys, a list by place, anything else alone."""
    if not isinstance(values, list):
        raise Broken(f"{what} is no list")
    return [row(value, names) for value in values]


def row(value: object, names: Names) -> Row:
    """One record; some servers take an object that holds its values in a list called features."""
    if isinstance(value, dict):
        only = value.get("features") if len(value) == 1 else None
        return row(only, names) if isinstance(only, list) else named(value)
    if isinstance(value, list):
        return dict(zip(names.of(len(value)), value, strict=True))
    return {names.of(1)[0]: value}


def named(cells: Record) -> Row:
    """An object as a row: what is nested by its path, a list of one value as that value.

    >>> named({"age": [35], "home": {"city": "Ulm"}})
    {'age': 35, 'home.city': 'Ulm'}
    """
    found: Row = {}
    for key, value in cells.items():
        if isinstance(value, dict):
            found |= {f"{key}.{inner}": cell for inner, cell in named(value).items()}
        else:
            found[key] = value[0] if isinstance(value, list) and len(value) == 1 else value
    return found


def _either(values: object, names: Names, what: str) -> list[Row]:
    return _columns(values, what) if isinstance(values, dict) else listed(values, names, what)


def _columns(columns: Record, what: str) -> list[Row]:
    """A table written column by column."""
    lengths = {len(cells) if isinstance(cells, list) else -1 for cells in columns.values()}
    if len(lengths) != 1 or -1 in lengths:
        raise Broken(f"{what} is no table: its columns are not lists of one length")
    rows = zip(*columns.values(), strict=True)
    return [named(dict(zip(columns, cells, strict=True))) for cells in rows]


def _split(body: object, what: str) -> list[Row]:
    split = body if isinstance(body, dict) else {}
    names, rows = (split.get(key) for key in ("columns", "data"))
    if not isinstance(names, list) or not isinstance(rows, list):
        raise Broken(f"{what} needs the lists columns and data")
    for cells in rows:
        if not isinstance(cells, list) or len(cells) != len(names):
            raise Broken(f"{what} has {len(names)} columns and a row of another length")
    return [dict(zip(map(str, names), cells, strict=True)) for cells in rows]


def _tensors_or_table(value: object, names: Names, what: str) -> list[Row]:
    if isinstance(value, list) and value and all(_is_tensor(each) for each in value):
        return tensors(value, names, what)
    return _either(value, names, what)


def _is_tensor(value: object) -> bool:
    return isinstance(value, dict) and {"name", "shape"} <= value.keys()


def tensors(values: Sequence[Record], names: Names, what: str) -> list[Row]:
    """The rows of tensors: one [n, d], or several with n rows each, beside each other."""
    read = [_tensor(each, f"{what}: tensor {each.get('name')!r}") for each in values]
    lengths = {len(rows) for rows in read}
    if len(lengths) != 1:
        raise Broken(f"{what}: the tensors have {' and '.join(map(str, sorted(lengths)))} rows")
    if lengths == {0}:
        return []
    titles = _titles([str(each["name"]) for each in values], read, names)
    return [
        dict(zip(titles, [cell for part in parts for cell in part], strict=True))
        for parts in zip(*read, strict=True)
    ]


def _titles(called: list[str], read: list[list[list[object]]], names: Names) -> Sequence[str]:
    """The names of the columns of tensors; those of several tensors begin with the tensor's."""
    widths = [len(rows[0]) for rows in read]
    if names.given or (len(called) == 1 and (widths[0] > 1 or names.alone == PREDICTION)):
        return names.of(sum(widths))
    return [
        title if width == 1 else f"{title}_{i}"
        for title, width in zip(called, widths, strict=True)
        for i in range(width)
    ]


def _tensor(tensor: Record, what: str) -> list[list[object]]:
    shape = tensor["shape"]
    if not isinstance(shape, list) or not all(type(n) is int and n >= 0 for n in shape):
        raise Broken(f"{what} has no shape of whole numbers")
    if not 1 <= len(shape) <= 2:
        raise Broken(f"{what} has {len(shape)} dimensions; one or two are read")
    cells = _flat(tensor.get("data"))
    if len(cells) != prod(shape):
        raise Broken(f"{what} has {len(cells)} values and the shape {shape}")
    width = shape[1] if len(shape) == 2 else 1
    return [cells[i * width : (i + 1) * width] for i in range(shape[0])]


def _flat(data: object) -> list[object]:
    if not isinstance(data, list):
        return []
    if not any(isinstance(each, list) for each in data):
        return data
    return [cell for each in data for cell in (_flat(each) if isinstance(each, list) else [each])]


def _seldon(data: Record, names: Names, what: str) -> list[Row]:
    """The ``data`` of Seldon's own protocol: ndarray, or tensor with shape and values."""
    called = data.get("names") or []
    lone = names.alone == PREDICTION and isinstance(called, list) and len(called) == 1
    if isinstance(called, list) and called and not lone and not names.given:
        names = replace(names, given=tuple(map(str, called)), where=f"{what}.names")
    flat = data.get("tensor")
    if isinstance(flat, dict):
        cells = _tensor({"shape": flat.get("shape"), "data": flat.get("values")}, f"{what}.tensor")
        return [row(each, names) for each in cells]
    return listed(data.get("ndarray"), names, f"{what}.ndarray")
