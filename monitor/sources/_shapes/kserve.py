"""CloudEvents of the loggers of KServe and Seldon, and the documents Seldon makes of batches."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from monitor.sources._shapes import Broken, Exchange, Record, Row
from monitor.sources._shapes._bodies import (
    Names,
    feature_names,
    named,
    output_names,
    parsed,
    row,
    table,
    text_of,
)

_SERVERS = ("org.kubeflow.serving.inference", "io.seldon.serving.inference")


@dataclass(frozen=True, slots=True)
class Shape:
    """``features`` and ``outputs`` name the values of lists and tensors, in their order."""

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @staticmethod
    def recognises(record: Record) -> bool:
        return _kind(_plain(record)) in ("request", "response") or _is_document(record)

    @property
    def clock(self) -> tuple[str, ...]:
        return ()

    def exchange(self, record: Record) -> Exchange | None:
        if _is_document(record):
            return self._document(record)
        event = _plain(record)
        kind = _kind(event)
        if kind not in ("request", "response"):
            if not kind:
                raise Broken("type is missing: no event of an inference logger")
            return None
        name = text_of(event.get("requestid")) or text_of(event.get("id"))
        if name is None:
            raise Broken("the event has no id")
        body, time = _data(event), event.get("time")
        if kind == "request":
            inputs = table(body, feature_names(self.features), "data")
            return Exchange(name, time, inputs=inputs, half=True)
        told = body if isinstance(body, dict) else {}
        if "error" in told:
            return Exchange(name, time, outputs=(), half=True, lost="failed_requests")
        outputs = table(body, output_names(self.outputs), "data")
        return Exchange(name, time, text_of(told.get("model_version")), None, outputs, half=True)

    def _document(self, record: Record) -> Exchange:
        """One row of a batch, as Seldon's request logger writes it: both halves in time."""
        source = _source(record)
        asked, told = (_mapping(source.get(key)) for key in ("request", "response"))
        times = (asked.get("ce-time"), told.get("ce-time"), source.get("@timestamp"))
        time = next(filter(None, times), None)
        name = text_of(record.get("_id")) or text_of(source.get("RequestId"))
        inputs = _element(asked, feature_names(self.features))
        outputs = _element(told, output_names(self.outputs))
        lost = inputs is None or outputs is None
        return Exchange(name, time, None, inputs, outputs, lost="unpaired_requests" if lost else "")

    def truth(self, record: Record) -> Sequence[Row]:
        return [dict(record)]


def _plain(record: Record) -> Record:
    """The attributes of an event; those of the binary mode are headers that begin with ce-."""
    headers = _mapping(record.get("headers"))
    return {_attribute(key): value for key, value in (*headers.items(), *record.items())}


@lru_cache(1024)
def _attribute(name: str) -> str:
    low = name.lower()
    return low[3:] if low.startswith(("ce-", "ce_")) else low


def _kind(event: Record) -> str:
    """What an event is of a known logger: request, response, or another word; '' for none."""
    server, _, kind = str(event.get("type", "")).rpartition(".")
    return kind if server in _SERVERS else ""


def _data(event: Record) -> object:
    """The body of an event: JSON, text of JSON, or base64 of it."""
    octets = event.get("data_base64")
    if octets is None:
        return parsed(event.get("data"), "data")
    try:
        return parsed(base64.b64decode(str(octets), validate=True).decode(), "data_base64")
    except (binascii.Error, UnicodeDecodeError):
        raise Broken("data_base64 is no base64 of text") from None


def _source(record: Record) -> Record:
    return _mapping(record.get("_source")) or record


def _is_document(record: Record) -> bool:
    source = _source(record)
    parts = (_mapping(source.get(key)) for key in ("request", "response"))
    return "RequestId" in source and any("elements" in p or "instance" in p for p in parts)


def _mapping(value: object) -> Record:
    return value if isinstance(value, dict) else {}


def _element(part: Record, names: Names) -> list[Row] | None:
    elements = part.get("elements")
    if isinstance(elements, dict) and elements and not names.given:
        return [named(elements)]
    return [row(part["instance"], names)] if "instance" in part else None
