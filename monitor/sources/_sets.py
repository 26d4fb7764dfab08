"""Sets of labels: lists of Arrow, JSON arrays, or labels with a separator between them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from numpy.typing import NDArray

from checks.grid import Counts, Floats
from checks.outcome_labels import LabelSets, MultilabelOutcome
from checks.plan import MultilabelPlan
from checks.text import canonical, labels_in
from monitor.sources._arrow import Bools, codes, encoded, is_text, plain, present
from monitor.sources._columns import NULL, TEXT, Levels, Rows
from monitor.sources._reading import Reading

_BETWEEN = "\x1f"  # the unit separator of ASCII: no label holds it

_Parse = Callable[[str], Iterable[str]]


def is_list(kind: pa.DataType) -> bool:
    return bool(pt.is_list(kind) or pt.is_large_list(kind) or pt.is_fixed_size_list(kind))


def sets_of(
    array: pa.Array | pa.ChunkedArray, separator: str = ",", reading: Reading | None = None
) -> Levels:
    """The set of each row as a level, whose text is the JSON array of its labels in order.

    A cell of text is a JSON array or a list of Python, or labels with the separator between them;
    ``[]`` is the empty set, an empty cell is none. Any other cell is a set of one label.
    """
    array = plain(array)
    if is_list(array.type):
        joined = _joined(array)
        return _levels(joined, lambda text: filter(None, text.split(_BETWEEN)), blank=True)
    if pt.is_dictionary(array.type):
        array = plain(array.dictionary_decode())
    if is_text(array.type):
        return _levels(array, lambda text: labels_in(text, separator), blank=False)
    levels = (reading or Reading()).levels(array)
    return Levels(levels.places, levels.kinds, tuple(_text([text]) for text in levels.texts))


def labels_of(text: str) -> list[str]:
    """The labels of a level that `sets_of` made."""
    found: list[str] = json.loads(text)
    return found


def _text(labels: Iterable[str]) -> str:
    return json.dumps(sorted({canonical(each) for each in labels}), ensure_ascii=False)


def _joined(array: pa.Array) -> pa.StringArray:
    """The labels of each list in one text; those that are null are left out."""
    if not pt.is_list(array.type):
        array = array.cast(pa.list_(array.type.value_type))
    values = array.values
    if pt.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pt.is_floating(values.type) or pt.is_decimal(values.type):
        values = _whole(values.cast(pa.float64(), safe=False))
    try:
        texts = pc.fill_null(values.cast(pa.string()), "")
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):  # lists of records
        texts = pa.nulls(len(values), pa.string()).fill_null("")
    lists = pa.ListArray.from_arrays(array.offsets, texts)
    there = pa.py_buffer(np.packbits(present(array), bitorder="little"))
    joined = plain(pc.binary_join(lists, _BETWEEN))
    if not array.null_count:
        return joined
    return pa.StringArray.from_buffers(len(joined), joined.buffers()[1], joined.buffers()[2], there)


def _whole(values: pa.DoubleArray) -> pa.Array:
    """Numbers that are whole as integers, so that 1.0 and 1 are one label."""
    try:
        return values.cast(pa.int64())
    except pa.ArrowInvalid:
        return values


def _levels(array: pa.StringArray, parse: _Parse, *, blank: bool) -> Levels:
    """Each distinct cell is parsed once; a ``blank`` one is the empty set or none."""
    cells = encoded(array)
    common: dict[str, int] = {}
    moved = [
        common.setdefault(_text(parse(text)), len(common)) if blank or text.strip() else -1
        for text in cells.dictionary.to_pylist()
    ]
    places = np.array([*moved, -1], np.int32)[codes(cells)]
    return Levels(places, np.where(places < 0, np.uint8(NULL), np.uint8(TEXT)), tuple(common))


@dataclass(frozen=True, slots=True, eq=False)
class Tagged:
    """Rows of which each may have any number of labels: those predicted and those true."""

    plan: MultilabelPlan
    told: Levels
    label: Levels

    @property
    def labelled(self) -> Bools:
        return np.greater_equal(self.label.places, 0)

    def seen(self, rows: Rows) -> tuple[Floats, Floats]:
        """The share of labels of each of these rows that were wrong or missed, and no score."""
        told, label = self.told.at(rows), self.label.at(rows)
        both = np.stack((told.places, label.places), axis=1)
        pairs, place = np.unique(both, axis=0, return_inverse=True)
        nothing = np.full(len(both), np.nan)
        loss = [_unlike(told, label, *pair) for pair in pairs.tolist()]
        return (np.array([*loss, np.nan])[place.ravel()] if len(both) else nothing), nothing

    def outcome(self, rows: Rows, counts: Counts | None = None) -> MultilabelOutcome:
        """The outcome of these rows; each stands for itself."""
        del counts
        known = {text: place for place, text in enumerate(self.plan.labels)}
        sides = [_coded(each.at(rows), known) for each in (self.told, self.label)]
        return MultilabelOutcome.of(self.plan, *sides)


def _unlike(told: Levels, label: Levels, said: int, true: int) -> float:
    """1 less the Jaccard index of two sets; NaN where either is missing."""
    if said < 0 or true < 0:
        return np.nan
    one, other = set(labels_of(told.texts[said])), set(labels_of(label.texts[true]))
    return len(one ^ other) / max(len(one | other), 1)


def _coded(column: Levels, known: dict[str, int]) -> LabelSets:
    """The sets of rows by number; labels that are not ``known`` become so."""
    met, place = np.unique(column.places, return_inverse=True)  # not the texts of all other rows
    distinct = [
        [known.setdefault(label, len(known)) for label in labels_of(column.texts[each])]
        if each >= 0
        else []
        for each in met.tolist()
    ]
    sizes = np.array([*map(len, distinct)], np.int64)
    flat = np.array([*chain.from_iterable(distinct)], np.int64)
    starts = np.cumsum(sizes) - sizes
    many = sizes[place]
    row = np.repeat(np.arange(len(column)), many)
    first = np.cumsum(many) - many
    turn = np.arange(len(row)) - np.repeat(first, many)
    code = flat[np.repeat(starts[place], many) + turn]
    return LabelSets(np.greater_equal(column.places, 0), row, code)


def outside(plan: MultilabelPlan, column: Levels) -> Bools:
    """Which rows have a label that is none of the plan's."""
    known = set(plan.labels)
    odd = [bool(set(labels_of(text)) - known) for text in column.texts]
    found: NDArray[np.bool_] = np.array([*odd, False])[column.places]
    return found
