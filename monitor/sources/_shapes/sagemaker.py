"""Data Capture of SageMaker endpoints: a line for each call, its bodies as text."""

from __future__ import annotations

import base64
import binascii
import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from monitor.sources._shapes import ID, LABEL, Broken, Exchange, Record, Row
from monitor.sources._shapes._bodies import (
    Names,
    feature_names,
    output_names,
    parsed,
    row,
    table,
    text_of,
)
from monitor.sources._shapes._rows import row_ids

_FORMS = ("instances", "predictions", "records", "inputs", "outputs", "dataframe_split")


@dataclass(frozen=True, slots=True)
class Shape:
    """``features`` and ``outputs`` name the values of CSV and of lists in JSON, in their order."""

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @staticmethod
    def recognises(record: Record) -> bool:
        return "captureData" in record and "eventMetadata" in record

    @property
    def clock(self) -> tuple[str, ...]:
        return ()

    def exchange(self, record: Record) -> Exchange:
        captured, event = _part(record, "captureData"), _part(record, "eventMetadata")
        sides = ("endpointInput", "endpointOutput")
        given, answered = (cast("Mapping[str, object] | None", captured.get(key)) for key in sides)
        if not given and not answered:
            raise Broken("captureData has neither endpointInput nor endpointOutput")
        inputs = _rows(given, feature_names(self.features), sides[0]) if given else None
        names, asked = output_names(self.outputs), len(inputs or ())
        outputs = _rows(answered, names, sides[1], asked) if answered else None
        return Exchange(_id(event), event.get("inferenceTime"), None, inputs, outputs)

    def truth(self, record: Record) -> Sequence[Row]:
        told, event = _part(record, "groundTruthData"), _part(record, "eventMetadata")
        rows = _rows(told, Names((), "label_", LABEL, ""), "groundTruthData")
        if any(set(cells) != {LABEL} for cells in rows):
            raise Broken("groundTruthData must be one value for each record")
        ids = row_ids(_id(event), len(rows))
        return [{ID: id_, **cells} for id_, cells in zip(ids, rows, strict=True)]


def _part(record: Record, key: str) -> Record:
    part = record.get(key)
    if not isinstance(part, dict):
        raise Broken(f"{key} is missing")
    return part


def _id(event: Record) -> str:
    found = text_of(event.get("inferenceId")) or text_of(event.get("eventId"))
    if found is None:
        raise Broken("eventMetadata has neither inferenceId nor eventId")
    return found


def _rows(part: object, names: Names, what: str, asked: int = 0) -> list[Row]:
    """The rows of a body, which may answer as many rows as were ``asked`` for."""
    if not isinstance(part, dict) or not isinstance(part.get("data"), str):
        raise Broken(f"{what}.data is missing")
    text, encoding = part["data"], part.get("encoding")
    if encoding == "BASE64":
        text = _decoded(text, what)
        kind = str(part.get("observedContentType", "")).lower()
        encoding = "JSON" if "json" in kind or text.lstrip()[:1] in ("{", "[") else "CSV"
    if encoding == "JSON":
        return [each for value in _json(text, what) for each in _values(value, names, what, asked)]
    if encoding != "CSV":
        raise Broken(f"{what}.encoding is {encoding!r}; CSV, JSON or BASE64 are read")
    lines = [cells for cells in csv.reader(io.StringIO(text)) if cells]
    if len(lines) == 1 and len(lines[0]) == asked > 1:  # some containers answer in one line
        lines = [[cell] for cell in lines[0]]
    return [row([cell.strip() or None for cell in cells], names) for cells in lines]


def _decoded(text: str, what: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        raise Broken(f"{what}.data is no base64 of text") from None


def _json(text: str, what: str) -> list[object]:
    """One JSON value, or one on each line."""
    lines = [line for line in text.splitlines() if line.strip()]
    try:
        return [json.loads(line) for line in lines]
    except json.JSONDecodeError:
        return [parsed(text, f"{what}.data")]


def _values(value: object, names: Names, what: str, asked: int) -> list[Row]:
    """A table, or one record: an object, a list of its values, a value."""
    if isinstance(value, dict):
        if any(key in value for key in _FORMS):
            return table(value, names, what)
        return [row(value, names)]
    flat = isinstance(value, list) and not any(isinstance(each, list | dict) for each in value)
    if isinstance(value, list) and (not flat or len(value) == asked > 1):
        return [row(each, names) for each in value]
    return [row(value, names)]
