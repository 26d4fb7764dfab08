"""What every channel promises, asked of each one that discovery finds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import FrozenInstanceError, dataclass, fields
from typing import Any, get_type_hints

import pytest
from pytest_httpserver import HTTPServer

from alerts.channels import channel_type, channel_types
from alerts.delivery import DeliveryError, Rejected, Unavailable
from alerts.message import Cause, Link, Message, Picture
from alerts.secret import Secret

Make = Callable[..., Message]
NAMES = sorted(channel_types())
BY_HTTP = [name for name in NAMES if get_type_hints(channel_type(name)).get("url") is Secret]
PATH = "/hook/sEcReT"

AGAIN = {408, 425, 429, *range(100, 200), *range(500, 600)}
EXCEPTIONS: dict[str, dict[int, type[DeliveryError] | None]] = {}
"""By channel and status, where it means something else than by AGAIN, 2xx and the rest."""

HUGE = "x" * 200_000
ODD = "\x00\x1b[31m\r\n.\r\nü€😀\ud83d\u202e<b>&amp;`*_~|@here"
MESSAGES: dict[str, dict[str, Any]] = {
    "as usual": {},
    "resolved": {"reason": "resolved"},
    "a reason of the future": {"reason": "escalated"},
    "nothing but the heading": {
        "causes": (), "facts": (), "links": (), "pictures": (), "command": ""},
    "empty texts": {"title": "", "model": "", "cause": "", "facts": (("", ""),),
                    "links": (Link("", ""),), "causes": (Cause("", "", None, None, "", ""),)},
    "huge texts": {"title": HUGE, "model": HUGE, "cause": HUGE, "command": HUGE,
                   "facts": ((HUGE, HUGE),) * 100, "links": (Link(HUGE, HUGE),) * 100,
                   "causes": (Cause(HUGE, HUGE, 1e300, -1e300, HUGE, HUGE),) * 50},
    "odd texts": {"key": ODD, "title": ODD, "model": ODD, "cause": ODD, "command": ODD,
                  "reason": ODD, "facts": ((ODD, ODD),), "links": (Link(ODD, ODD),),
                  "pictures": (Picture(ODD, ODD, b"not a picture"),),
                  "causes": (Cause(ODD, ODD, 1.0, None, ODD, ODD),)},
    "500 causes": {"causes": (Cause("psi", "age", 1.0, 0.5, "warning", "Moved."),) * 500},
}  # fmt: skip


@dataclass
class Rig:
    """A channel that leads to a real receiver in this process."""

    channel: Any
    received: Callable[[], int]


@pytest.fixture
def rigs(
    httpserver: HTTPServer, post_office: Any, capsys: pytest.CaptureFixture[str]
) -> dict[str, Callable[[], Rig]]:
    """How to try each channel; those with a `url` need no entry."""

    def by_mail() -> Rig:
        channel = channel_type("email")(
            host="127.0.0.1",
            port=post_office.port,
            sender="mon@ops.example",
            to=("ada@ops.example",),
            user="mon",
            password=Secret("s3cret!"),
            ca_file=post_office.ca_file,
        )
        return Rig(channel, lambda: len(post_office.inbox))

    def by_stdout() -> Rig:
        return Rig(channel_type("stdout")(), lambda: capsys.readouterr().out.count("\n"))

    def by_http(name: str) -> Callable[[], Rig]:
        def rig() -> Rig:
            httpserver.expect_request(PATH).respond_with_data("ok")
            channel = channel_type(name)(url=Secret(httpserver.url_for(PATH)))
            return Rig(channel, lambda: len(httpserver.log))

        return rig

    return {"email": by_mail, "stdout": by_stdout} | {name: by_http(name) for name in BY_HTTP}


@pytest.fixture(params=NAMES)
def rig(request: pytest.FixtureRequest, rigs: dict[str, Callable[[], Rig]]) -> Iterator[Rig]:
    assert request.param in rigs, f"write a rig for the channel {request.param!r}"
    yield rigs[request.param]()


@pytest.mark.parametrize("changes", MESSAGES.values(), ids=MESSAGES)
def test_every_message_arrives_once(rig: Rig, message: Make, changes: dict[str, Any]) -> None:
    handle = rig.channel.send(message(**changes), changes.get("key", "key"), None)
    assert handle is None or isinstance(handle, str)
    assert rig.received() == 1


def test_a_handle_leads_back_into_the_conversation(rig: Rig, message: Make) -> None:
    handle = rig.channel.send(message(), "k1", None)
    assert rig.channel.send(message(reason="resolved"), "k2", handle) in (handle, None)


def test_a_channel_is_frozen_and_shows_no_secret(rig: Rig) -> None:
    assert "ecre" not in repr(rig.channel).lower().replace("secret(***)", "")
    for field in fields(rig.channel):
        with pytest.raises(FrozenInstanceError):
            setattr(rig.channel, field.name, None)


@pytest.mark.parametrize("name", BY_HTTP)
def test_every_http_status_is_understood(
    name: str, message: Make, raw_server: Callable[[bytes], str]
) -> None:
    server = raw_server(b"HTTP/1.1 {status} Word\r\nContent-Length: 0\r\n\r\n")
    wrong = {}
    for status in range(100, 600):
        channel = channel_type(name)(url=Secret(f"{server}/{status}{PATH}"))
        wanted = EXCEPTIONS.get(name, {}).get(status, _wanted(status))
        if (got := _outcome(channel, message())) != wanted:
            wrong[status] = got
    assert wrong == {}


@pytest.mark.parametrize("name", BY_HTTP)
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999\r\n",
        b"HTTP/1.1 503 Gone\r\nContent-Length: 900\r\n\r\ncut sh",
        b"HTTP/1.1 503 Gone\r\nContent-Encoding: gzip\r\n\r\nno gzip",
        b"HTTP/1.1 503 Gone\r\nTransfer-Encoding: chunked\r\n\r\nzz",
    ],
)
def test_a_broken_answer_is_unavailable(
    name: str, answer: bytes, message: Make, raw_server: Callable[[bytes], str]
) -> None:
    channel = channel_type(name)(url=Secret(raw_server(answer) + PATH))
    assert _outcome(channel, message()) is Unavailable


def _wanted(status: int) -> type[DeliveryError] | None:
    if 200 <= status < 300:
        return None
    return Unavailable if status in AGAIN else Rejected


def _outcome(channel: Any, message: Message) -> type[DeliveryError] | None:
    try:
        channel.send(message, "key", None)
    except DeliveryError as error:
        assert "sEcReT" not in f"{error} {error!r} {error.reason}"
        assert 0 < len(error.reason) <= 60
        return type(error)
    return None
