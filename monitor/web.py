"""The web server: metrics, probes and a status page, all from the newest snapshot."""

from __future__ import annotations

import base64
import binascii
import errno
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from socketserver import TCPServer, ThreadingMixIn
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from alerts.secret import Secret
from monitor.export import Board
from monitor.status_page import content_security_policy, status_page

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

MOST_CONNECTIONS = 32
READ_SECONDS = 10.0
CONNECTION_SECONDS = 60.0

_POLL_SECONDS = 0.25
_TEXT = "text/plain; charset=utf-8"
_OPEN_PATHS = ("/healthz", "/readyz")
_EVERY_RESPONSE = (
    ("Server", "modelmon"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
)
_ALLOWED = (("Allow", "GET, HEAD"),)
_CHALLENGES = (
    ("WWW-Authenticate", 'Basic realm="modelmon", charset="UTF-8"'),
    ("WWW-Authenticate", 'Bearer realm="modelmon"'),
)

log = logging.getLogger("modelmon.web")

Headers = tuple[tuple[str, str], ...]


class ListenError(Exception):
    """The server cannot listen at the address it was given."""


class Response(NamedTuple):
    """What a request is answered with."""

    status: str
    body: bytes
    content_type: str = _TEXT
    headers: Headers = ()


def application(
    board: Board, *, token: Secret | None = None, alive: Callable[[], bool] = lambda: True
) -> WSGIApplication:
    """The web application over a board.

    ``alive`` says whether the daemon still makes progress. With a ``token`` every path but the
    probes asks for it, as ``Authorization: Bearer TOKEN`` or as the password of any user.
    """

    def answer(environ: WSGIEnvironment) -> Response:
        pages: Mapping[str, Callable[[], Response]] = {
            "/": lambda: _status(board, alive()),
            "/metrics": lambda: _metrics(board, environ),
            "/healthz": lambda: _health(alive()),
            "/readyz": lambda: _readiness(board),
        }
        path = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return Response("405 Method Not Allowed", b"only GET and HEAD\n", headers=_ALLOWED)
        if path not in _OPEN_PATHS and not _admitted(environ, token):
            return Response("401 Unauthorized", b"a token is needed\n", headers=_CHALLENGES)
        if path not in pages:
            return Response("404 Not Found", f"not found; there are {', '.join(pages)}\n".encode())
        return pages[path]()

    def run(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        response = answer(environ)
        sizes = ("Content-Length", str(len(response.body)))
        kind = ("Content-Type", response.content_type)
        start_response(response.status, [kind, sizes, *_EVERY_RESPONSE, *response.headers])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [response.body]

    return run


class Server:
    """Serves a board in a thread of its own, from `start` to `stop`.

    With ``port`` 0 the system chooses one, and ``address`` says which.
    """

    def __init__(
        self,
        board: Board,
        host: str = "127.0.0.1",
        port: int = 9108,
        *,
        token: Secret | None = None,
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self.address = (host, port)
        self._application = application(board, token=token, alive=alive)
        self._listener: _Listener | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def start(self) -> None:
        """Listen, and answer from now on.

        Raises:
            ListenError: the address is in use, not of this machine, or not allowed.
        """
        self._listener = _listen(self.address, self._application)
        self.address = (self.address[0], self._listener.server_port)
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(_POLL_SECONDS,), name="web", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Close the port; answers in flight are finished in their own threads."""
        if self._listener is None or self._thread is None:
            return
        self._listener.shutdown()
        self._thread.join()
        self._listener.server_close()
        self._listener = self._thread = None

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _status(board: Board, alive: bool) -> Response:
    body = status_page(board.snapshot, alive=alive).encode()
    policy = (("Content-Security-Policy", content_security_policy()),)
    return Response("200 OK", body, "text/html; charset=utf-8", policy)


def _metrics(board: Board, environ: WSGIEnvironment) -> Response:
    compress = _takes_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
    made = board.exposition(environ.get("HTTP_ACCEPT", ""), compress=compress)
    headers: Headers = (("Vary", "Accept, Accept-Encoding"),)
    if compress:
        headers += (("Content-Encoding", "gzip"),)
    return Response("200 OK", made.body, made.content_type, headers)


def _health(alive: bool) -> Response:
    if alive:
        return Response("200 OK", b"alive\n")
    return Response("503 Service Unavailable", b"the daemon no longer makes progress\n")


def _readiness(board: Board) -> Response:
    if board.snapshot.ready:
        return Response("200 OK", b"ready\n")
    return Response("503 Service Unavailable", b"starting: no model has been looked at yet\n")


def _takes_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header names gzip and does not refuse it.

    >>> _takes_gzip("deflate, gzip;q=0.5"), _takes_gzip("gzip;q=0"), _takes_gzip("")
    (True, False, False)
    """
    for part in accept_encoding.lower().split(","):
        coding, _, quality = part.replace(" ", "").partition(";q=")
        if coding == "gzip":
            return quality.strip("0.") != "" or quality == ""
    return False


def _admitted(environ: WSGIEnvironment, token: Secret | None) -> bool:
    """Whether a request carries the token; secrets compare in constant time."""
    if token is None:
        return True
    scheme, _, rest = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    octets = rest.strip().encode("latin-1", "replace")
    if scheme.lower() == "basic":
        try:
            octets = base64.b64decode(octets, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return Secret(octets.decode("utf-8", "replace")) == token


def _listen(address: tuple[str, int], application: WSGIApplication) -> _Listener:
    host, port = address
    try:
        return _Listener(address, application)
    except OSError as error:
        way_out = "set `listen` in [daemon] to another address"
        if error.errno == errno.EADDRINUSE:
            said = f"{host}:{port} is in use by another program: stop that one, or {way_out}"
        else:
            said = f"cannot listen on {host}:{port} ({error.strerror}): {way_out}"
        raise ListenError(said) from None


class _Listener(ThreadingMixIn, WSGIServer):
    """A thread for each connection, of which there are few and none lives long."""

    daemon_threads = True
    request_queue_size = MOST_CONNECTIONS

    def __init__(self, address: tuple[str, int], application: WSGIApplication) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._opened: dict[socket.socket, float] = {}
        self._counting = threading.Lock()
        super().__init__(address, _Request)
        self.set_app(application)

    def server_bind(self) -> None:
        # HTTPServer would look the name of the address up, which may take a name server's time-out
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()

    def process_request(self, request: socket.socket, client_address: tuple[str, int]) -> None:  # type: ignore[override]
        with self._counting:
            crowded = len(self._opened) >= MOST_CONNECTIONS
            if not crowded:
                self._opened[request] = time.monotonic()
        if crowded:
            log.warning(
                "%s: turned away, %d connections are open", client_address[0], MOST_CONNECTIONS
            )
            self.shutdown_request(request)
        else:
            super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:  # type: ignore[override]
        with self._counting:
            self._opened.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End the connections of clients that send or read a byte now and then, for ever."""
        too_old = time.monotonic() - CONNECTION_SECONDS
        with self._counting:
            late = [request for request, opened in self._opened.items() if opened < too_old]
        for request in late:
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: tuple[str, int]) -> None:  # noqa: ARG002
        log.info("%s: the connection broke", client_address[0], exc_info=True)


class _Request(WSGIRequestHandler):
    timeout = READ_SECONDS
    server_version = "modelmon"
    sys_version = ""

    def log_message(self, form: str, *values: object) -> None:
        log.debug(f"%s: {form}", self.client_address[0], *values)
