from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from alerts.delivery import Rejected, Unavailable
from alerts.message import Cause, Link, Message
from alerts.secret import Secret
from alerts.slack import Channel, as_blocks, escape

Make = Callable[..., Message]
PATH = "/services/T0/B1/sEcReT"


@pytest.fixture
def slack(httpserver: HTTPServer) -> Channel:
    return Channel(Secret(httpserver.url_for(PATH)), timeout=5)


def answer(httpserver: HTTPServer, status: int, text: str = "", **headers: str) -> None:
    httpserver.expect_request(PATH).respond_with_data(text, status, headers)


def failure(slack: Channel, message: Message) -> Any:
    with pytest.raises((Unavailable, Rejected)) as caught:
        slack.send(message, "key", None)
    return caught.value


def texts(payload: dict[str, Any]) -> list[str]:
    found = [payload["text"]]
    for block in payload["blocks"]:
        parts = [block.get("text"), *block.get("fields", []), *block.get("elements", [])]
        found += [part["text"] for part in parts if part]
    return found


def within_limits(payload: dict[str, Any]) -> bool:
    blocks = payload["blocks"]
    sections = [block for block in blocks if "text" in block]
    return (
        len(blocks) <= 50
        and all(0 < len(block["text"]["text"]) <= 3000 for block in sections)
        and all(
            len(block["text"]["text"]) <= 150 for block in sections if block["type"] == "header"
        )
        and all(len(block.get("fields", [])) <= 10 for block in blocks)
        and all(len(text) <= 2000 for block in blocks for text in _fields(block))
        and sum(map(len, texts(payload))) <= 10_000
    )


def _fields(block: dict[str, Any]) -> list[str]:
    return [part["text"] for part in block.get("fields", [])]


def test_an_opened_page_reads_as_kept(message: Make, golden: Callable[[str, str], None]) -> None:
    page = json.dumps(as_blocks(message(), "<!here>"), indent=2, ensure_ascii=False)
    golden("slack_opened.json", page + "\n")


def test_slack_gets_the_blocks_as_json(
    slack: Channel, message: Make, httpserver: HTTPServer
) -> None:
    answer(httpserver, 200, "ok")
    assert slack.send(message(), "key", None) is None
    ((request, _),) = httpserver.log
    assert request.method == "POST"
    assert request.headers["Content-Type"].startswith("application/json")
    assert json.loads(request.get_data()) == as_blocks(message())


@pytest.mark.parametrize(
    ("changes", "called"),
    [
        ({}, True),
        ({"reason": "worse"}, True),
        ({"severity": "warning"}, False),
        ({"reason": "resolved"}, False),
    ],
)
def test_only_critical_news_call_somebody(
    message: Make, httpserver: HTTPServer, changes: dict[str, str], called: bool
) -> None:
    answer(httpserver, 200)
    channel = Channel(Secret(httpserver.url_for(PATH)), mention="<@U123>")
    channel.send(message(**changes), "key", None)
    assert ("<@U123>" in httpserver.log[0][0].get_data(as_text=True)) is called


@pytest.mark.parametrize("column", ["<!channel>", "<https://evil|x>", "a&b", "<@U1>", "`x`"])
def test_no_text_of_the_data_can_call_or_link(message: Make, column: str) -> None:
    cause = Cause("psi", column, 1.0, 0.5, "critical", f"{column} moved.")
    page = message(title=column, causes=(cause,), facts=((column, column),), command=column)
    payload = as_blocks(page)
    for text in texts(payload)[:1] + texts(payload)[2:]:
        assert column not in text or column == "`x`"
    assert "``" not in "".join(texts(payload))


def test_a_link_is_text_unless_it_is_one(message: Make) -> None:
    links = (Link("Web|>", "https://a.example/?a=1&b=2"), Link("File", "file:///etc/passwd"))
    (line,) = [text for text in texts(as_blocks(message(links=links))) if "a.example" in text]
    assert line == "<https://a.example/?a=1&amp;b=2|Web|&gt;>  ·  File"


def test_500_causes_become_eight_and_a_number(message: Make) -> None:
    cause = Cause("psi", "&" * 300, 1e-9, 1e-9, "warning", "<" * 5000)
    payload = as_blocks(
        message(
            model="&" * 500,
            title="&" * 500,
            causes=(cause,) * 500,
            facts=(("&" * 300, "&" * 3000),) * 50,
            links=(Link("&" * 90, "https://a.example/" + "&" * 390),) * 30,
            command="&" * 5000,
        )
    )
    assert within_limits(payload)
    assert "and 492 more" in texts(payload)[3]


def test_eight_causes_are_all_there(message: Make) -> None:
    payload = as_blocks(message(causes=message().causes[:1] * 8))
    assert texts(payload)[3].count("age is 11 years") == 8
    assert " more" not in texts(payload)[3]


TEXT = st.text(st.sampled_from("ab&<>`*_|\n\0é😀"), max_size=400) | st.text(max_size=50)


@settings(deadline=None)
@given(
    st.lists(st.builds(Cause, TEXT, TEXT, st.floats(), st.floats(), TEXT, TEXT), max_size=12),
    st.lists(st.tuples(TEXT, TEXT), max_size=12),
    st.lists(st.builds(Link, TEXT, TEXT.map("https://a.example/{}".format)), max_size=12),
    TEXT,
)
def test_every_message_keeps_within_the_limits_of_slack(
    opened_page: Message,
    causes: list[Cause],
    facts: list[tuple[str, str]],
    links: list[Link],
    text: str,
) -> None:
    page = Message(
        "k", text, text, "critical", "opened", text, opened_page.at, opened_page.since,
        tuple(facts), tuple(causes), (), tuple(links), text,
    )  # fmt: skip
    payload = as_blocks(page)
    assert within_limits(payload)
    json.dumps(payload).encode()


def test_escaping_leaves_nothing_that_slack_reads() -> None:
    assert escape("<&>") == "&lt;&amp;&gt;"


@pytest.mark.parametrize(
    ("status", "text", "error"),
    [
        (404, "no_service", Rejected("no_service", detail="HTTP 404: no_service")),
        (410, "channel_is_archived", Rejected("channel_is_archived", detail="HTTP 410: chann")),
        (403, "action_prohibited", Rejected("action_prohibited", detail="HTTP 403: action_pro")),
        (400, "invalid_payload", Rejected("invalid_payload", detail="HTTP 400: invalid_payload")),
        (400, "<html>Bad\nthing</html>", Rejected("http_400", detail="HTTP 400: <html>Bad thing")),
        (302, "", Rejected("http_302", detail="HTTP 302")),
        (500, "rollup_error", Unavailable("http_500", detail="HTTP 500: rollup_error")),
    ],
)
def test_the_word_of_slack_is_the_reason(
    slack: Channel, message: Make, httpserver: HTTPServer, status: int, text: str, error: Any
) -> None:
    answer(httpserver, status, text, Location="https://elsewhere.example/")
    told = failure(slack, message())
    assert (type(told), told.reason) == (type(error), error.reason)
    assert told.detail.startswith(error.detail)
    assert len(httpserver.log) == 1


def test_a_refusal_that_echoes_the_address_does_not_tell_it(
    slack: Channel, message: Make, httpserver: HTTPServer
) -> None:
    answer(httpserver, 400, f"no team for {slack.url.reveal()}, {PATH}" + "x" * 100_000)
    told = failure(slack, message())
    assert "sEcReT" not in f"{told} {told!r}"
    assert len(str(told)) < 400


@pytest.mark.parametrize(
    ("retry_after", "date", "seconds"),
    [
        ("30", None, 30),
        ("0", None, 0),
        ("1.5", None, 1.5),
        ("-5", None, 0),
        ("Thu, 14 Mar 2024 08:02:00 GMT", "Thu, 14 Mar 2024 08:00:00 GMT", 120),
        ("Thu, 14 Mar 2024 07:00:00 GMT", "Thu, 14 Mar 2024 08:00:00 GMT", 0),
        ("Thu, 14 Mar 2024 08:02:00", "Thu, 14 Mar 2024 08:00:00 GMT", None),
        ("99999999999", None, 86_400),
        ("nan", None, None),
        ("inf", None, None),
        ("soon", None, None),
        (None, None, None),
    ],
)
def test_a_rate_limit_says_when_to_come_back(
    message: Make,
    raw_server: Callable[[bytes], str],
    retry_after: str | None,
    date: str | None,
    seconds: float | None,
) -> None:
    headers = {"Retry-After": retry_after, "Date": date, "Content-Length": "12"}
    lines = [f"{name}: {value}" for name, value in headers.items() if value]
    reply = "\r\n".join(["HTTP/1.1 429 Wait", *lines, "", "rate_limited"])
    told = failure(Channel(Secret(raw_server(reply.encode()) + PATH)), message())
    assert (type(told), told.reason) == (Unavailable, "rate_limited")
    assert told.retry_after == (None if seconds is None else timedelta(seconds=seconds))


def test_a_server_that_does_not_answer_in_time_is_unavailable(
    message: Make, httpserver: HTTPServer
) -> None:
    def slow(request: Request) -> Response:
        time.sleep(0.6)
        return Response("ok")

    httpserver.expect_request(PATH).respond_with_handler(slow)
    told = failure(Channel(Secret(httpserver.url_for(PATH)), timeout=0.2), message())
    assert (type(told), told.reason) == (Unavailable, "timeout")
    assert "sEcReT" not in str(told)


def test_a_port_nobody_listens_on_is_unavailable(message: Make, free_port: int) -> None:
    told = failure(Channel(Secret(f"http://127.0.0.1:{free_port}{PATH}")), message())
    assert (type(told), told.reason) == (Unavailable, "connection")
    assert "sEcReT" not in str(told)
    assert told.__suppress_context__


@pytest.mark.parametrize(
    ("proxy", "kind", "reason"),
    [("http://127.0.0.1:{port}", Unavailable, "proxy"), ("http:///", Rejected, "invalid_request")],
)
def test_a_proxy_that_is_down_or_wrong_is_named(
    message: Make,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
    proxy: str,
    kind: type,
    reason: str,
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy.format(port=free_port))
    monkeypatch.setenv("NO_PROXY", "")
    told = failure(Channel(Secret(f"https://hooks.example{PATH}")), message())
    assert (type(told), told.reason) == (kind, reason)
    assert "proxy" in told.detail
    assert "sEcReT" not in str(told)


def test_a_certificate_that_is_not_trusted_is_unavailable(
    message: Make, tls_server: HTTPServer
) -> None:
    told = failure(Channel(Secret(tls_server.url_for(PATH))), message())
    assert (type(told), told.reason) == (Unavailable, "tls")
    assert tls_server.log == []


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"url": "http://hooks.example/x"}, "url: hooks.example must be reached by https"),
        ({"url": "ftp://127.0.0.1/x"}, "url: 127.0.0.1 must be reached by https"),
        ({"url": "hooks.example/x"}, "url: is not an address"),
        ({"url": "https://"}, "url: is not an address"),
        ({"url": "https://[/sEcReT"}, "url: is not an address"),
        ({"url": "https://a..b/sEcReT"}, "url: is not an address"),
        ({"url": "https://a.example:99999/"}, "url: is not an address"),
        ({"url": ""}, "url: is not an address"),
        ({"mention": "@here"}, "mention: use <!here>"),
        ({"mention": "<!here> <script>"}, "mention: use <!here>"),
        ({"timeout": 0}, "timeout: 0; use"),
        ({"timeout": float("nan")}, "timeout: nan; use"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(keys: dict[str, Any], problem: str) -> None:
    settings = {"url": "https://hooks.example/x"} | keys
    with pytest.raises(ValueError, match="^" + problem.replace("[", r"\[")) as caught:
        Channel(**settings | {"url": Secret(settings["url"])})
    assert "sEcReT" not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1", "[::1]:80"])
def test_http_is_for_this_machine(host: str) -> None:
    assert Channel(Secret(f"http://{host}/x")).timeout == 10
