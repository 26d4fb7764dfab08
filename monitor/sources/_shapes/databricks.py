"""Inference tables of Databricks: a row for each request, with its status and JSON bodies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from monitor.sources._shapes import Broken, Exchange, Record, Row
from monitor.sources._shapes._bodies import (
    feature_names,
    output_names,
    parsed,
    table,
    text_of,
)

_DURATIONS = ("execution_time_ms", "execution_duration_ms")


@dataclass(frozen=True, slots=True)
class Shape:
    """``features`` and ``outputs`` name the values of lists, in their order."""

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @staticmethod
    def recognises(record: Record) -> bool:
        return {"databricks_request_id", "status_code", "request", "response"} <= record.keys()

    @property
    def clock(self) -> tuple[str, ...]:
        return ("timestamp_ms", "request_time")

    def exchange(self, record: Record) -> Exchange:
        name = text_of(record.get("client_request_id")) or text_of(
            record.get("databricks_request_id")
        )
        if name is None:
            raise Broken("neither client_request_id nor databricks_request_id")
        status = text_of(record.get("status_code"))
        if status is None:
            raise Broken("status_code is missing")
        time = next((record[key] for key in self.clock if record.get(key) is not None), None)
        if status not in ("200", "200.0"):
            return Exchange(name, time, lost="failed_requests")
        request, response = (parsed(record.get(key), key) for key in ("request", "response"))
        if request is None or response is None:
            return Exchange(name, time, lost="unpaired_requests")
        return Exchange(
            name,
            time,
            _version(record),
            table(request, feature_names(self.features), "request"),
            table(response, output_names(self.outputs), "response"),
            {key: record[key] for key in _DURATIONS if record.get(key) is not None},
        )

    def truth(self, record: Record) -> Sequence[Row]:
        return [dict(record)]


def _version(record: Record) -> str | None:
    """The version of the served model: in the metadata, or the entity of an AI Gateway."""
    told = parsed(record.get("request_metadata") or {}, "request_metadata")
    pairs = dict(told) if isinstance(told, list) else told  # Parquet reads a map as pairs
    version = pairs.get("model_version") if isinstance(pairs, dict) else None
    return text_of(version) or text_of(record.get("served_entity_id"))
