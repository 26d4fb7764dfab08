"""What the tests of alerts share: a real message, a history player, servers on loopback."""

from __future__ import annotations

import os
import socket
import ssl
import struct
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
import trustme
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP as Server
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword, Session
from pytest_httpserver import HTTPServer

from alerts.incident import Announcement, Incident, Policy, Signal, review
from alerts.message import Cause, Link, Message, Picture
from alerts.records import RANK

START = datetime(2024, 3, 14, tzinfo=UTC)
STATUSES = {"C": "critical", "W": "warning", ".": "clear", "?": "unknown"}


def png(width: int = 8, height: int = 8, grey: int = 90) -> bytes:
    """A real picture of one colour."""
    rows = b"".join(b"\0" + bytes([grey]) * width for _ in range(height))

    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


OPENED = Message(
    key="credit/features/20240314T060000Z",
    model="credit",
    cause="features",
    severity="critical",
    reason="opened",
    title="features drifted: age, income and 2 more",
    at=datetime(2024, 3, 14, 8, tzinfo=UTC),
    since=datetime(2024, 3, 14, 6, tzinfo=UTC),
    facts=(
        ("Window", "2024-03-14 07:00 to 08:00 UTC"),
        ("Rows", "12,345"),
        ("Expected effect", "ROC AUC 0.81 -> 0.74 (estimated) & more <refusals>"),
    ),
    causes=(
        Cause("psi", "age", 0.4123456, 0.25, "critical", "age is 11 years lower than usual."),
        Cause("psi", "income", 1234567.0, 0.25, "critical", "income: 31 % are above 90,000 €."),
        Cause("missing", "postal_code", 0.062, 0.05, "warning", "postal_code is missing in 6.2 %."),
        Cause("schema", "branch", None, None, "critical", "branch is gone."),
    ),
    pictures=(Picture("age", "age: reference in grey, this window in colour", png()),),
    links=(
        Link("Status page", "https://mon.example/models/credit?window=1&tab=age"),
        Link("Runbook", "https://wiki.example/credit"),
        Link("Baseline", "see the wiki"),
    ),
    command="modelmon explain credit/features/20240314T060000Z",
)


@pytest.fixture
def message() -> Callable[..., Message]:
    """The usual page, with some fields changed."""
    return lambda **changes: replace(OPENED, **changes)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare with a kept file, byte by byte; MODELMON_UPDATE_GOLDEN=1 keeps what is there now."""
    folder = Path(__file__).parents[1] / "golden"

    def compare(name: str, text: str) -> None:
        if os.environ.get("MODELMON_UPDATE_GOLDEN"):
            (folder / name).write_bytes(text.encode())
        assert text.encode() == (folder / name).read_bytes()

    return compare


@pytest.fixture(scope="session")
def opened_page() -> Message:
    """The usual page."""
    return OPENED


@dataclass
class Played:
    """A history told to `review`, one window a day."""

    pages: list[tuple[int, Announcement]] = field(default_factory=list)
    incidents: dict[str, Incident] = field(default_factory=dict)

    @property
    def story(self) -> list[str]:
        """Each page as `day reason cause` with the causes it speaks for as well."""
        return [
            f"{day} {page.reason} {page.incident.cause}"
            + "".join(f" +{one.cause}" for one in page.also)
            for day, page in self.pages
        ]

    def only(self, cause: str) -> Incident:
        (found,) = (one for one in self.incidents.values() if one.cause == cause)
        return found


def play(histories: Mapping[str, str], policy: Policy | None = None) -> Played:
    """Review a history of one letter per cause and day: Critical, Warning, . clear, ? unknown.

    A space is a day on which the cause was not looked at. Incidents pass through their JSON, as
    they do in a store that hands only the open ones back.
    """
    played = Played()
    for day in range(max(map(len, histories.values()))):
        told = tuple(
            Signal("credit", cause, STATUSES[line[day]], at, _causes(cause, line[day]))
            for cause, line in histories.items()
            for at in (START + timedelta(days=day),)
            if day < len(line) and line[day] != " "
        )
        known = [one for one in played.incidents.values() if one.state != "resolved"]
        outcome = review(known, told, START + timedelta(days=day, hours=1), policy or Policy())
        played.incidents |= {
            one.key: Incident.from_json(one.to_json()) for one in outcome.incidents
        }
        played.pages += [(day, page) for page in outcome.announcements]
    return played


def _causes(cause: str, letter: str) -> tuple[Cause, ...]:
    status = STATUSES[letter]
    return (Cause("check", cause, 1.0, 0.5, status, f"{cause} is off."),) if status in RANK else ()


@pytest.fixture
def history() -> Callable[..., Played]:
    """`play`, for the tests."""
    return play


@dataclass
class Post:
    """A mail server in this process: it demands TLS and a login, and keeps what it accepts."""

    inbox: list[bytes] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    data_answer: str = "250 OK"
    port: int = 0
    ca_file: str = ""

    @property
    def mails(self) -> list[EmailMessage]:
        return [BytesParser(policy=default).parsebytes(raw) for raw in self.inbox]

    async def handle_RCPT(
        self, server: Server, session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Server, session: Session, envelope: Envelope) -> str:
        if self.data_answer.startswith("250"):
            self.inbox.append(envelope.content)
        return self.data_answer


def _login(server: Server, session: Session, envelope: Envelope, how: str, data: Any) -> AuthResult:
    good = LoginPassword(b"mon", b"s3cret!")
    return AuthResult(success=data == good, handled=data == good)


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """Who signs for 127.0.0.1 in these tests."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """The server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


class AnyPort(Controller):
    """A mail server on a port the system chooses."""

    def _trigger_server(self) -> None:
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def opened(post: Post, **how: Any) -> Iterator[Post]:
    controller = AnyPort(post, hostname="127.0.0.1", port=0, **how)
    controller.start()
    post.port = controller.port
    yield post
    controller.stop()


@pytest.fixture
def post_office(authority: trustme.CA, tls: ssl.SSLContext, tmp_path: Path) -> Iterator[Post]:
    """A mail server that wants STARTTLS and a login."""
    post = Post(ca_file=str(tmp_path / "ca.pem"))
    authority.cert_pem.write_to_path(post.ca_file)
    rules = {"require_starttls": True, "auth_required": True, "auth_require_tls": True}
    with opened(post, tls_context=tls, authenticator=_login, **rules):
        yield post


@pytest.fixture
def implicit(tls: ssl.SSLContext) -> Iterator[Post]:
    """A mail server that speaks TLS from the first byte and wants no login."""
    with opened(Post(), ssl_context=tls) as post:
        yield post


@pytest.fixture
def free_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def tls_server(tls: ssl.SSLContext) -> Iterator[HTTPServer]:
    """A web server whose certificate only these tests trust."""
    with HTTPServer(host="127.0.0.1", ssl_context=tls) as server:
        yield server


@pytest.fixture
def raw_server() -> Iterator[Callable[[bytes], str]]:
    """The address of a server that answers every request with the same bytes and hangs up.

    `{status}` in them is the first part of the path asked for.
    """
    with ExitStack() as stack:

        def serve(answer: bytes) -> str:
            class Once(StreamRequestHandler):
                def handle(self) -> None:
                    path = self.rfile.readline().split(b"/")[1]
                    headers = list(iter(self.rfile.readline, b"\r\n"))
                    (size,) = [line for line in headers if line.startswith(b"Content-Length")]
                    self.rfile.read(int(size.partition(b":")[2]))
                    self.wfile.write(answer.replace(b"{status}", path))

            server = stack.enter_context(ThreadingTCPServer(("127.0.0.1", 0), Once))
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_address[1]}"

        yield serve
