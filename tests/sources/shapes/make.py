"""Small logs of requests in every shape, all of two made-up days of a credit model.

``python -m tests.sources.shapes.make`` writes them anew. The second half has drifted: amounts are
twice as large and the app is used more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

HERE = Path(__file__).parent
START = datetime(2025, 3, 3, tzinfo=UTC)
REQUESTS, HALF = 64, 32
FEATURES = ("age", "amount", "channel")


@dataclass(frozen=True)
class Request:
    """A request of some rows; ``failed`` ones got no answer, of ``alone`` ones it was lost."""

    number: int
    rows: tuple[dict[str, Any], ...]
    scores: tuple[float, ...]
    labels: tuple[int, ...]
    failed: bool
    alone: bool

    @property
    def id(self) -> str:
        return f"r{self.number:03d}"

    @property
    def time(self) -> datetime:
        """Two days, a request every 45 minutes."""
        return START + timedelta(minutes=45 * self.number)

    @property
    def answered(self) -> datetime:
        return self.time + timedelta(milliseconds=120)

    @property
    def version(self) -> str:
        return "7" if self.number < HALF else "8"

    @property
    def kept(self) -> bool:
        return not self.failed and not self.alone


def requests() -> list[Request]:
    random = Random(20250303)
    return [_request(number, random) for number in range(REQUESTS)]


def _request(number: int, random: Random) -> Request:
    later = number >= HALF
    rows, scores, labels = [], [], []
    for _ in range(1 + number % 8):
        amount = round(random.lognormvariate(6, 0.5) * (2 if later else 1), 2)
        channel = "app" if random.random() < (0.7 if later else 0.2) else "web"
        score = round(min(amount / 4000, 0.99), 4)
        rows.append({"age": random.randint(18, 80), "amount": amount, "channel": channel})
        scores.append(score)
        labels.append(int(random.random() < score))
    packed = tuple(map(tuple, (rows, scores, labels)))
    return Request(number, *packed, failed=number % 20 == 13, alone=number % 30 == 17)


def flat() -> Iterator[dict[str, Any]]:
    """The rows that a log of all requests stands for."""
    for request in requests():
        if request.kept:
            for place, cells in enumerate(request.rows):
                name = request.id if len(request.rows) == 1 else f"{request.id}-{place}"
                told = {"score": request.scores[place], "label": request.labels[place]}
                yield {"id": name, "timestamp": request.time, **cells, **told}


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


# sagemaker: CSV, JSON and base64 by turns; failed calls are not captured


def csv_of(rows: list[list[Any]]) -> str:
    return "\n".join(",".join(map(str, cells)) for cells in rows)


def sagemaker() -> Iterator[dict[str, Any]]:
    for request in requests():
        if request.kept:
            cells = [[row[name] for name in FEATURES] for row in request.rows]
            yield {
                "captureData": {
                    "endpointInput": _captured(request.number, cells, "INPUT"),
                    "endpointOutput": _captured(
                        request.number, [[score] for score in request.scores], "OUTPUT"
                    ),
                },
                "eventMetadata": {"eventId": f"e-{request.id}", "inferenceTime": iso(request.time)}
                | ({"inferenceId": request.id} if request.number % 5 else {}),
                "eventVersion": "0",
            }


def _captured(number: int, rows: list[list[Any]], mode: str) -> dict[str, str]:
    kind, data, encoding = "text/csv", csv_of(rows), "CSV"
    if number % 6 == 1:
        kind, encoding = "application/json", "JSON"
        if mode == "INPUT":
            body = {"instances": [dict(zip(FEATURES, row, strict=True)) for row in rows]}
        else:
            body = {"predictions": [{"score": score} for (score,) in rows]}
        data = json.dumps(body)
    if number % 6 == 4:
        data, encoding = base64.b64encode(data.encode()).decode(), "BASE64"
    if number % 6 == 5 and mode == "OUTPUT":
        data = data.replace("\n", ",")
    return {"observedContentType": kind, "mode": mode, "data": data, "encoding": encoding}


def sagemaker_truth() -> Iterator[dict[str, Any]]:
    for request in requests():
        if request.number % 4 != 3:
            name = request.id if request.number % 5 else f"e-{request.id}"
            yield {
                "groundTruthData": {
                    "data": csv_of([[y] for y in request.labels]),
                    "encoding": "CSV",
                },
                "eventMetadata": {"eventId": name},
                "eventVersion": "0",
            }


# openinference: a line for the request, a later one for the answer


def tensor(name: str, kind: str, cells: list[Any], *width: int) -> dict[str, Any]:
    return {
        "name": name,
        "shape": [len(cells) // (width or (1,))[0], *width],
        "datatype": kind,
        "data": cells,
    }


def asked(request: Request) -> dict[str, Any]:
    kinds = {"age": "INT64", "amount": "FP64", "channel": "BYTES"}
    columns = [tensor(n, kinds[n], [row[n] for row in request.rows]) for n in FEATURES]
    return {"id": request.id, "inputs": columns}


def told(request: Request) -> dict[str, Any]:
    head = {"id": request.id, "model_name": "credit", "model_version": request.version}
    if request.failed:
        return {"id": request.id, "error": "the model is not ready"}
    return head | {"outputs": [tensor("predict_proba", "FP64", list(request.scores), 1)]}


def openinference() -> Iterator[dict[str, Any]]:
    """Answers come two requests later."""
    known = requests()
    for place, request in enumerate([*known, None, None]):
        if request is not None:
            yield {"timestamp": iso(request.time), "model_name": "credit"} | asked(request)
        answer = known[place - 2] if place > 1 else None
        if answer is not None and not answer.alone:
            yield {"timestamp": iso(answer.answered)} | told(answer)


# kserve: V1 bodies and V2 bodies by turns, answers before requests now and then


def event(request: Request, kind: str, data: object, time: datetime) -> dict[str, Any]:
    return {
        "specversion": "1.0",
        "id": request.id,
        "source": "http://localhost:9081/",
        "type": f"org.kubeflow.serving.inference.{kind}",
        "time": iso(time),
        "datacontenttype": "application/json",
        "inferenceservicename": "credit",
        "namespace": "default",
        "component": "predictor",
        "data": data,
    }


def kserve() -> Iterator[dict[str, Any]]:
    for request in requests():
        modern = request.number % 3 == 0
        body = asked(request) if modern else {"instances": list(request.rows)}
        reply = told(request) if modern or request.failed else {"predictions": list(request.scores)}
        pair = [event(request, "request", body, request.time)]
        if not request.alone:
            pair.append(event(request, "response", reply, request.answered))
        yield from reversed(pair) if request.number % 7 == 0 else pair


def seldon() -> Iterator[dict[str, Any]]:
    """Batches split into documents, as an export of the index has them."""
    for request in requests():
        for place, row in enumerate(request.rows if not request.failed else ()):
            name = request.id if len(request.rows) == 1 else f"{request.id}-{place}"
            answer = {
                "elements": {"score": request.scores[place]},
                "ce-time": iso(request.answered),
            }
            given = {"elements": row, "dataType": "tabular", "ce-time": iso(request.time)}
            yield {
                "_id": name.replace("-", "-item-"),
                "_source": {"RequestId": request.id, "ServingEngine": "seldon", "request": given}
                | ({} if request.alone else {"response": answer}),
            }


# databricks: one row a request, bodies as text, in Parquet


def databricks() -> pa.Table:
    return pa.Table.from_pylist([_served(request) for request in requests()], _SERVED)


_SERVED = pa.schema(
    {
        "client_request_id": pa.string(),
        "databricks_request_id": pa.string(),
        "date": pa.date32(),
        "timestamp_ms": pa.int64(),
        "status_code": pa.int32(),
        "execution_time_ms": pa.int64(),
        "sampling_fraction": pa.float64(),
        "request": pa.string(),
        "response": pa.string(),
        "request_metadata": pa.map_(pa.string(), pa.string()),
    }
)


def _served(request: Request) -> dict[str, Any]:
    rows = [list(row.values()) for row in request.rows]
    forms = (
        {"dataframe_split": {"columns": list(FEATURES), "data": rows}},
        {"dataframe_records": list(request.rows)},
        {"inputs": {name: [row[name] for row in request.rows] for name in FEATURES}},
    )
    body = (
        {"error_code": "BAD_REQUEST"} if request.failed else {"predictions": list(request.scores)}
    )
    return {
        "client_request_id": request.id if request.number % 2 else None,
        "databricks_request_id": f"d-{request.id}" if request.number % 2 else request.id,
        "date": request.time.date(),
        "timestamp_ms": int(request.time.timestamp() * 1000),
        "status_code": 400 if request.failed else 200,
        "execution_time_ms": 20 + request.number % 9,
        "sampling_fraction": 1.0,
        "request": json.dumps(forms[request.number % 3]),
        "response": None if request.alone else json.dumps(body),
        "request_metadata": [("model_name", "credit"), ("model_version", request.version)],
    }


# nested: a shape of one's own


def nested() -> Iterator[dict[str, Any]]:
    for request in requests():
        if request.kept:
            yield {
                "meta": {"request id": request.id, "at": iso(request.time)},
                "request": {"items": [{"customer": {"age": r["age"]}, **r} for r in request.rows]},
                "response": {"predictions": [{"score": [s, 1 - s]} for s in request.scores]},
            }


def write(path: Path, records: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(record) + "\n" for record in records))


def make(folder: Path) -> None:
    captured = list(sagemaker())
    write(folder / "sagemaker/captured/03/calls.jsonl", iter(captured[: len(captured) // 2]))
    write(folder / "sagemaker/captured/04/calls.jsonl", iter(captured[len(captured) // 2 :]))
    write(folder / "sagemaker/truth/truth.jsonl", sagemaker_truth())
    lines = list(openinference())
    write(folder / "openinference/a.jsonl", iter(lines[:63]))  # a pair across two files
    write(folder / "openinference/b.jsonl", iter(lines[63:]))
    write(folder / "kserve/events.jsonl", kserve())
    write(folder / "seldon/documents.jsonl", seldon())
    write(folder / "nested/log.jsonl", nested())
    write(folder / "truth/truth.jsonl", ({k: row[k] for k in ("id", "label")} for row in flat()))
    (folder / "databricks").mkdir(exist_ok=True)
    pq.write_table(databricks(), folder / "databricks/payload.parquet", row_group_size=16)


if __name__ == "__main__":
    make(HERE)
