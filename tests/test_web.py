from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from alerts.secret import Secret
from checks.check import Stat
from checks.verdict import Verdict
from monitor import web
from monitor._version import __version__
from monitor.export import Board
from monitor.findings import ModelSnapshot, Slice, Snapshot
from monitor.status_page import content_security_policy, status_page
from monitor.web import ListenError, Server
from monitor.windows import State
from tests.fleet import churn, elec2, finding, fleet, fraud
from tests.servers import free_port

GOLDEN = Path(__file__).parent / "golden" / "status.html"
SECONDS = 10


@pytest.fixture
def board() -> Board:
    board = Board()
    board.publish(fleet())
    return board


@pytest.fixture
def server(board: Board) -> Iterator[Server]:
    with Server(board, port=0) as server:
        yield server


def get(server: Server, path: str, **options: object) -> requests.Response:
    return requests.get(server.url + path, timeout=SECONDS, **options)  # type: ignore[arg-type]


def raw(server: Server, request: bytes) -> bytes:
    with socket.create_connection(server.address, timeout=SECONDS) as wire:
        wire.sendall(request)
        return b"".join(iter(lambda: wire.recv(65_536), b""))


def test_metrics_come_as_text_or_openmetrics_and_packed_if_wanted(server, board):
    plain = get(server, "/metrics", headers={"Accept-Encoding": "identity"})
    assert plain.status_code == 200
    assert plain.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert plain.content == board.exposition().body
    assert "Content-Encoding" not in plain.headers
    packed = get(server, "/metrics", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert packed.content == plain.content
    other = get(server, "/metrics", headers={"Accept": "application/openmetrics-text"})
    assert other.headers["Content-Type"].startswith("application/openmetrics-text")
    assert other.content.endswith(b"# EOF\n")


def test_a_scrape_sees_what_was_published_last(server, board):
    board.publish(fleet(runs=999))
    assert 'modelmon_runs_total{model="churn"} 999.0' in get(server, "/metrics").text


def test_health_follows_the_daemon(board):
    living = threading.Event()
    with Server(board, port=0, alive=living.is_set) as server:
        assert get(server, "/healthz").status_code == 503
        assert "no longer makes progress" in get(server, "/").text
        living.set()
        assert get(server, "/healthz").status_code == 200
        assert "no longer makes progress" not in get(server, "/").text


def test_readiness_follows_the_snapshot():
    board = Board()
    with Server(board, port=0) as server:
        assert get(server, "/readyz").status_code == 503
        board.publish(fleet())
        assert get(server, "/readyz").status_code == 200


def test_other_paths_are_not_found_and_name_those_that_are(server):
    answer = get(server, "/metric")
    assert answer.status_code == 404
    assert "/metrics" in answer.text
    assert get(server, "/%ff%00<script>").status_code == 404
    assert get(server, "/../etc/passwd").status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"])
def test_only_get_and_head_are_answered(server, method):
    answer = requests.request(method, server.url + "/metrics", timeout=SECONDS, data=b"x")
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("path", ["/", "/metrics", "/healthz", "/nowhere"])
def test_head_is_get_without_a_body(server, path):
    head = requests.head(server.url + path, timeout=SECONDS)
    assert head.status_code == get(server, path).status_code
    assert raw(server, f"HEAD {path} HTTP/1.0\r\n\r\n".encode()).endswith(b"\r\n\r\n")
    unpacked = {"Accept-Encoding": "identity"}
    head = requests.head(server.url + path, timeout=SECONDS, headers=unpacked)
    assert int(head.headers["Content-Length"]) == len(get(server, path, headers=unpacked).content)


def test_responses_say_nothing_about_the_software_beneath(server):
    for response in (get(server, "/"), requests.get(server.url + "/nowhere", timeout=SECONDS)):
        assert response.headers["Server"] == "modelmon"
    assert b"Python" not in raw(server, b"GET / HTTP/9.9\r\n\r\n")


TOKEN = "s3cret \u00e4"


@pytest.fixture
def guarded(board: Board) -> Iterator[Server]:
    with Server(board, port=0, token=Secret(TOKEN)) as server:
        yield server


def basic(text: str) -> str:
    return "Basic " + base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(f":{TOKEN}"), basic(f"anyone:{TOKEN}")]
)
def test_a_token_opens_as_bearer_or_as_a_password(guarded, header):
    headers = {"Authorization": header.encode()}
    assert get(guarded, "/metrics", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "header",
    [
        None, "", "Bearer", "Bearer ", "Bearer s3cret", TOKEN, f"Token {TOKEN}", "Basic",
        "Basic !!!", "Basic \xff", basic(TOKEN), basic("anyone:"), basic("s3cret:anyone"),
    ],
)  # fmt: skip
def test_anything_else_is_unauthorised(guarded, header):
    headers = {} if header is None else {"Authorization": header.encode("latin-1", "ignore")}
    for path in ("/", "/metrics", "/nowhere"):
        answer = get(guarded, path, headers=headers)
        assert answer.status_code == 401
        assert "Basic" in answer.headers["WWW-Authenticate"]
        assert "churn" not in answer.text


def test_probes_need_no_token(guarded):
    assert get(guarded, "/healthz").status_code == 200
    assert get(guarded, "/readyz").status_code == 200


def test_a_port_in_use_is_one_clear_sentence(server, board):
    host, port = server.address
    with pytest.raises(ListenError) as caught:
        Server(board, host, port).start()
    assert str(caught.value) == (
        f"127.0.0.1:{port} is in use by another program: stop that one, "
        "or set `listen` in [daemon] to another address"
    )


def test_an_address_of_another_machine_is_one_clear_sentence(board):
    with pytest.raises(
        ListenError, match=r"^cannot listen on 192\.0\.2\.1:\d+ \(.+\): set `listen`"
    ):
        Server(board, "192.0.2.1", free_port()).start()


def test_a_server_can_be_stopped_and_its_port_taken_again(board):
    server = Server(board, port=0)
    server.start()
    port = server.address[1]
    server.stop()
    server.stop()
    with pytest.raises(requests.ConnectionError):
        get(server, "/healthz")
    with Server(board, port=port) as again:
        assert get(again, "/healthz").status_code == 200


def test_it_listens_on_loopback_unless_told_otherwise(board):
    assert Server(board).address == ("127.0.0.1", 9108)


def test_it_listens_on_ipv6_too(board):
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    with Server(board, "::1", 0) as server:
        assert server.url.startswith("http://[::1]:")
        assert get(server, "/healthz").status_code == 200


def test_an_endless_request_line_is_refused(server):
    assert b" 414 " in raw(server, b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n")


def test_endless_headers_are_refused(server):
    header = b"X-Long: " + b"a" * 70_000 + b"\r\n"
    assert b" 431 " in raw(server, b"GET / HTTP/1.1\r\n" + header + b"\r\n")
    many = b"".join(b"X-%d: a\r\n" % number for number in range(200))
    assert b" 431 " in raw(server, b"GET / HTTP/1.1\r\n" + many + b"\r\n")


@pytest.mark.parametrize("garbage", [b"\r\n", b"\x00\xff\r\n\r\n", b"GET\r\n\r\n", b""])
def test_garbage_does_not_end_the_server(server, garbage):
    with socket.create_connection(server.address, timeout=SECONDS) as wire:
        wire.sendall(garbage)
    assert get(server, "/healthz").status_code == 200


def test_a_silent_client_keeps_nobody_waiting_and_is_let_go(server, monkeypatch):
    monkeypatch.setattr(web._Request, "timeout", 0.3)
    with socket.create_connection(server.address, timeout=SECONDS) as silent:
        assert get(server, "/healthz").status_code == 200
        assert silent.recv(1) == b""


def test_a_client_that_drips_is_let_go_after_all(server, monkeypatch):
    monkeypatch.setattr(web, "CONNECTION_SECONDS", 0.5)
    with socket.create_connection(server.address, timeout=SECONDS) as dripping:
        deadline = time.monotonic() + SECONDS
        with pytest.raises(OSError, match=r"Broken pipe|reset"):
            while time.monotonic() < deadline:
                dripping.sendall(b"x")
                time.sleep(0.05)


def test_too_many_connections_are_turned_away_and_room_comes_back(server):
    crowd = [socket.create_connection(server.address, timeout=SECONDS) for _ in range(40)]
    try:
        turned_away = 0
        for wire in reversed(crowd):
            wire.settimeout(0.2)
            try:
                turned_away += wire.recv(1) == b""
            except TimeoutError:
                break
        assert turned_away == 40 - web.MOST_CONNECTIONS
    finally:
        for wire in crowd:
            wire.close()
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            assert get(server, "/healthz").status_code == 200
        except requests.ConnectionError:
            time.sleep(0.05)
        else:
            return
    pytest.fail("no room came back")


def test_many_scrapes_at_once_get_the_same_bytes(server, board):
    bodies: list[bytes] = []

    def scrape() -> None:
        with closing(http.client.HTTPConnection(*server.address, timeout=SECONDS)) as wire:
            wire.request("GET", "/metrics", headers={"Accept-Encoding": "gzip"})
            bodies.append(gzip.decompress(wire.getresponse().read()))

    threads = [threading.Thread(target=scrape) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert bodies == [board.exposition().body] * 20


def test_the_status_page_is_the_golden_file():
    made = status_page(fleet()).replace(__version__, "VERSION")
    if os.environ.get("MODELMON_UPDATE_GOLDEN") == "1":
        GOLDEN.write_text(made)
    assert made == GOLDEN.read_text()


def test_the_status_page_loads_nothing_and_runs_nothing(server):
    answer = get(server, "/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert policy == content_security_policy()
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy
    for forbidden in ("<script", "http://", "https://", " src=", "@import", " style=", " on"):
        assert forbidden not in answer.text.replace(style, "").replace(" on-call", "")
    assert "url(" not in style


def test_the_status_page_escapes_every_name():
    evil = '"><script>alert(1)</script>&'
    worst = finding(
        evil, evil, Verdict.CRITICAL, Stat(1.0), 0.5, place=Slice(evil, evil), reason=evil
    )
    model = ModelSnapshot(
        evil, evil, findings=(worst,), run_failures=((evil, 1),), incidents=((evil, 1),)
    )
    page = status_page(Snapshot((model,), ((evil, 1),), ((evil, evil, 1),), ready=True))
    assert "<script" not in page
    assert page.count("&lt;script&gt;") >= 8


def test_every_verdict_is_said_in_words_not_by_colour_alone():
    page = status_page(fleet())
    for words in ("critical", "warning", "error", "no data", "insufficient", "undecided", "ok"):
        assert re.search(rf"</span> (\d+ )?{words}", page), words


@pytest.mark.parametrize(
    ("models", "headline"),
    [
        ((), "No model is monitored"),
        ((elec2(),), "1 model, everything within its limits"),
        ((churn(),), "1 of 1 model needs attention"),
        ((churn(), elec2(), fraud()), "2 of 3 models need attention"),
        (
            (elec2(), ModelSnapshot("new")),
            "No trouble found, but 1 of 2 models cannot be fully judged",
        ),
        ((replace(elec2(), incidents=(("warning", 1),)),), "1 of 1 model needs attention"),
        (
            (replace(elec2(), findings=(finding("ks", verdict=Verdict.UNDECIDED),)),),
            "No trouble found, but 1 of 1 model undecided",
        ),
    ]
    + [
        (
            (elec2(), replace(elec2(), findings=(finding("ks", verdict=verdict),))),
            "No trouble found, but 1 of 2 models cannot be fully judged",
        )
        for verdict in (Verdict.NO_DATA, Verdict.INSUFFICIENT, Verdict.ERROR)
    ],
)
def test_the_headline_is_only_good_where_everything_was_judged(models, headline):
    page = status_page(Snapshot(models, ready=True))
    assert f"<h1>{headline}</h1>" in page


@pytest.mark.parametrize("state", [State.PROVISIONAL, State.FINAL])
def test_labels_that_still_come_are_no_trouble(state):
    about_labels = replace(finding("missing", "label", verdict=Verdict.NO_DATA), cause="nulls")
    well = elec2()
    model = replace(well, state=state, label="label", findings=(*well.findings, about_labels))
    page = status_page(Snapshot((model,), ready=True))
    fine = "<h1>1 model, everything within its limits</h1>" in page
    assert fine is (state is State.PROVISIONAL)
    assert ("Waiting for labels" in page) is fine
    assert ("1 no data" in page) is not fine


def test_a_daemon_that_has_not_begun_says_that_it_is_starting():
    page = status_page(Snapshot())
    assert "<h1>Starting</h1>" in page
    assert "No model has been looked at yet" in page


def test_models_in_trouble_come_first():
    page = status_page(fleet())
    places = [page.index(f"<h2>{name}") for name in ("churn", "fraud", "elec2")]
    assert places == sorted(places)
