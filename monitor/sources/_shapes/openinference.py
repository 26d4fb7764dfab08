"""The Open Inference Protocol (V2): requests and answers as named tensors."""

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

_TIMES = ("timestamp", "time", "datetime")


@dataclass(frozen=True, slots=True)
class Shape:
    """``features`` and ``outputs`` name the columns of tensors, in their order."""

    features: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()

    @staticmethod
    def recognises(record: Record) -> bool:
        bodies = [_body(record, key) for key in ("request", "response")]
        return any(_has_tensors(body) for body in (record, *bodies))

    @property
    def clock(self) -> tuple[str, ...]:
        return ()

    def exchange(self, record: Record) -> Exchange:
        """A line of a request, of an answer, or with both (beside each other, or as bodies)."""
        bodies = [_body(record, key) for key in ("request", "response")]
        asked = bodies[0] if "request" in record else record
        told = bodies[1] if "response" in record else record
        inputs = outputs = None
        if "inputs" in asked:
            inputs = table({"inputs": asked["inputs"]}, feature_names(self.features), "request")
        if "outputs" in told:
            outputs = table({"outputs": told["outputs"]}, output_names(self.outputs), "response")
        failed = "error" in told
        if inputs is None and outputs is None and not failed:
            raise Broken("neither inputs nor outputs: no request or answer of the protocol")
        parts = (record, told, asked)
        return Exchange(
            _first(parts, "id"),
            next((part[key] for part in parts for key in _TIMES if part.get(key)), None),
            _first(parts, "model_version"),
            inputs,
            outputs,
            half=inputs is None or (outputs is None and not failed),
            lost="failed_requests" if failed else "",
        )

    def truth(self, record: Record) -> Sequence[Row]:
        return [dict(record)]


def _body(record: Record, key: str) -> Record:
    body = parsed(record.get(key), key)
    return body if isinstance(body, dict) else {}


def _has_tensors(body: Record) -> bool:
    tensors = body.get("inputs", body.get("outputs"))
    first = tensors[0] if isinstance(tensors, list) and tensors else None
    return isinstance(first, dict) and {"name", "shape", "datatype"} <= first.keys()


def _first(parts: Sequence[Record], key: str) -> str | None:
    return next((text for part in parts if (text := text_of(part.get(key)))), None)
