"""Trying out sources and channels before anything depends on them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from alerts.message import Cause, Message
from alerts.secret import Secret, redact
from monitor.baseline import Baseline
from monitor.findings import WHOLE
from monitor.learn import learn, timeless
from monitor.model import Config, Model
from monitor.sources import Horizon, SourceError
from monitor.sources._doubts import doubts
from monitor.store import SchemaTooOld, Store, StoreError

TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Tried:
    """A place of the configuration with its trouble, if any, and what else was seen there."""

    place: str
    trouble: str = ""
    notices: tuple[str, ...] = ()


def try_out(config: Config, horizon: Horizon) -> Iterator[Tried]:
    """The state, each source (and its reference, learnt) and each channel.

    A state database that is not there yet, or older, is no trouble: the daemon makes it.
    """
    try:
        Store.open(config.daemon.state.reveal(), upgrade=False).close()
        trouble = ""
    except SchemaTooOld:
        trouble = ""
    except StoreError as error:
        trouble = redact(str(error), config.secrets)
    yield Tried("daemon.state", trouble)
    for model in config.models.values():
        place = f"models.{model.name}.source"
        try:
            baseline, notices = learn(model, horizon)
            yield Tried(place, notices=(*notices, *_doubts(model, baseline, horizon)))
        except SourceError as error:
            yield Tried(place, redact(str(error), config.secrets))
    for name, channel in config.channels.items():
        yield Tried(f"alerts.{name}", _knock(channel))


def _doubts(model: Model, baseline: Baseline, horizon: Horizon) -> tuple[str, ...]:
    """Columns of the reference that can hardly be what they are named as."""
    own, log = model.reference.source, baseline.portraits[WHOLE].log
    columns = model.columns if own is None else timeless(model.columns)
    found = doubts(own or model.source, columns, model.task, baseline.period, horizon)
    if columns.timestamp is None or log.rows < 2 or log.first < log.last:
        return found
    said = (
        f"columns.timestamp: {columns.timestamp!r} is the same in all {log.rows:,} rows of the "
        "reference: name the column that tells when each row was written"
    )
    return said, *found


def _knock(channel: object) -> str:
    """Open and close a connection to where a channel would send; channels without one are fine."""
    url, host = getattr(channel, "url", None), getattr(channel, "host", None)
    if isinstance(url, Secret):
        parts = urlsplit(url.reveal())
        host, port = parts.hostname, parts.port or (443 if parts.scheme == "https" else 80)
    else:
        port = getattr(channel, "port", 0)
    if not isinstance(host, str) or not port:
        return ""
    try:
        socket.create_connection((host, port), TIMEOUT).close()
    except OSError as error:
        return f"no connection to {host}:{port} ({error.strerror or error})"
    return ""


def trial_message(at: datetime) -> Message:
    """A message that says it is only a test."""
    return Message(
        key="test",
        model="modelmon",
        cause="test",
        severity="warning",
        reason="opened",
        title="this is a test message",
        at=at,
        since=at,
        facts=(("Why", "somebody ran modelmon send-test"),),
        causes=(Cause("test", "", None, None, "warning", "nothing is wrong"),),
        command="modelmon status",
    )
