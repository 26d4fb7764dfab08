from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest

from alerts.delivery import Rejected, Unavailable
from alerts.email import PICTURE_BYTES, PICTURES, Channel
from alerts.message import Message, Picture, as_text
from alerts.secret import Secret

Make = Callable[..., Message]


@pytest.fixture
def mailer(post_office: Any) -> Channel:
    return Channel(
        host="127.0.0.1",
        port=post_office.port,
        sender="modelmon <mon@ops.example>",
        to=("ada@ops.example", "Grace <grace@ops.example>"),
        user="mon",
        password=Secret("s3cret!"),
        ca_file=post_office.ca_file,
        timeout=5,
    )


def failure(mailer: Channel, message: Message) -> Any:
    with pytest.raises((Unavailable, Rejected)) as caught:
        mailer.send(message, "key", None)
    assert "s3cret!" not in str(caught.value)
    return caught.value


# What arrives


def test_a_mail_arrives_over_tls_with_text_page_and_pictures(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    mailer.send(message(), "key", None)
    (mail,) = post_office.mails
    text, related = mail.iter_parts()
    page, picture = related.iter_parts()
    assert mail.get_content_type() == "multipart/alternative"
    assert text.get_content().replace("\r\n", "\n") == as_text(message())
    assert (related.get_content_type(), page.get_content_type()) == (
        "multipart/related",
        "text/html",
    )
    assert picture.get_content() == message().pictures[0].png
    assert picture["Content-ID"].strip("<>") in page.get_content()


def test_a_mail_says_that_a_machine_wrote_it(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    mailer.send(message(), "key", None)
    (mail,) = post_office.mails
    assert mail["From"] == "modelmon <mon@ops.example>"
    assert mail["To"] == "ada@ops.example, Grace <grace@ops.example>"
    assert mail["Subject"] == "[CRITICAL] credit: features since 2024-03-14 06:00 UTC"
    assert mail["List-Id"] == "<credit.modelmon.ops.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Precedence"] == "bulk"
    assert len(mail["X-Alert-Fingerprint"]) == 20
    assert parsedate_to_datetime(mail["Date"]).utcoffset() is not None


def test_the_mails_of_an_incident_are_one_thread(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    handle = mailer.send(message(), "k1", None)
    later = message(reason="resolved", title="other", at=message().at + timedelta(days=1))
    mailer.send(later, "k2", handle)
    mailer.send(message(reason="worse"), "k3", None)
    mailer.send(message(key="another"), "k4", None)
    first, second, third, other = post_office.mails
    assert {mail["In-Reply-To"] for mail in (first, second, third)} == {handle}
    assert {mail["References"] for mail in (first, second, third)} == {handle}
    assert {mail["Subject"].partition("] ")[2] for mail in (first, second, third)} == {
        "credit: features since 2024-03-14 06:00 UTC"
    }
    assert other["In-Reply-To"] != handle
    assert len({mail["Message-ID"] for mail in post_office.mails}) == 4


def test_a_repeated_delivery_has_the_same_identifier(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    mailer.send(message(), "k1", None)
    mailer.send(message(), "k1", None)
    first, second = post_office.mails
    assert first["Message-ID"] == second["Message-ID"]


def test_no_text_of_the_data_becomes_a_header_or_markup(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    evil = 'x\r\nBcc: eve@evil.example\r\n\r\n<script>alert(1)</script>"\u2028'
    page = message(key=evil, model=evil, cause=evil, title=evil, facts=((evil, evil),))
    mailer.send(page, evil, None)
    (mail,) = post_office.mails
    assert mail["Bcc"] is None
    assert post_office.inbox[0].count(b"\r\n\r\n") == post_office.inbox[0].count(b"\n\r\n")
    html = mail.get_body(("html",)).get_content()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert mail["List-Id"].isprintable()


def test_a_page_without_pictures_is_plain_html(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    mailer.send(message(pictures=()), "key", None)
    (mail,) = post_office.mails
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_pictures_that_would_make_the_mail_too_large_stay_out(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    big = Picture("big", "too big", b"x" * (PICTURE_BYTES + 1))
    small = Picture("small", "fits", b"x" * 10)
    mailer.send(message(pictures=(big, *[small] * 20)), "key", None)
    _, related = post_office.mails[0].iter_parts()
    assert len(list(related.iter_parts())) - 1 == PICTURES - 1


def test_a_model_without_latin_letters_still_has_a_list(
    mailer: Channel, message: Make, post_office: Any
) -> None:
    mailer.send(message(model="信用"), "key", None)
    assert post_office.mails[0]["List-Id"] == "<model.modelmon.ops.example>"
    assert "信用: features" in post_office.mails[0]["Subject"]


# What is refused


def test_a_wrong_password_is_rejected(mailer: Channel, message: Make, post_office: Any) -> None:
    told = failure(replace(mailer, password=Secret("wrong")), message())
    assert (type(told), told.reason) == (Rejected, "authentication")
    assert told.detail.startswith("535 ")
    assert post_office.inbox == []


def test_a_server_that_wants_a_login_and_gets_none_is_rejected(
    mailer: Channel, message: Make
) -> None:
    told = failure(replace(mailer, user="", password=None), message())
    assert (type(told), told.reason) == (Rejected, "authentication")
    assert told.detail.startswith("530 ")


def test_a_server_that_wants_tls_and_gets_none_is_rejected(mailer: Channel, message: Make) -> None:
    told = failure(replace(mailer, tls="none", user="", password=None), message())
    assert (type(told), told.reason) == (Rejected, "authentication")
    assert "STARTTLS" in told.detail


def test_a_password_never_travels_to_a_server_without_tls(mailer: Channel, message: Make) -> None:
    heard: list[bytes] = []
    with plain_server(heard) as port:
        told = failure(replace(mailer, port=port), message())
    assert (type(told), told.reason) == (Rejected, "not_supported")
    assert not any(b"AUTH" in line for line in heard)


def test_a_certificate_nobody_signed_is_unavailable(mailer: Channel, message: Make) -> None:
    told = failure(replace(mailer, ca_file=""), message())
    assert (type(told), told.reason) == (Unavailable, "tls")
    assert "CERTIFICATE_VERIFY_FAILED" in told.detail


def test_a_certificate_of_another_host_is_unavailable(mailer: Channel, message: Make) -> None:
    told = failure(replace(mailer, host="localhost"), message())
    assert (type(told), told.reason) == (Unavailable, "tls")


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), ("x", "no certificate")])
def test_a_missing_or_wrong_ca_file_is_rejected_by_name(
    mailer: Channel, message: Make, tmp_path: Path, content: str | None, why: str
) -> None:
    file = tmp_path / "authority.pem"
    if content is not None:
        file.write_text(content)
    told = failure(replace(mailer, ca_file=str(file)), message())
    assert (type(told), told.reason) == (Rejected, "ca_file")
    assert why in told.detail
    assert str(file) in told.detail


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        (("550 no such user", "550 no such user"), Rejected),
        (("451 greylisted, come back", "451 greylisted, come back"), Unavailable),
        (("550 no such user", "451 greylisted, come back"), Unavailable),
        (("550 no such user", None), Rejected),
        (("451 greylisted, come back", None), Rejected),
    ],
)
def test_refused_recipients_are_named(
    mailer: Channel, message: Make, post_office: Any, answers: tuple[str, str | None], kind: type
) -> None:
    names = ("ada@ops.example", "grace@ops.example")
    refused = {name: said for name, said in zip(names, answers, strict=True) if said}
    post_office.refuse = refused
    told = failure(mailer, message())
    assert (type(told), told.reason) == (kind, "recipient_refused")
    for name, said in refused.items():
        assert name in told.detail
        assert said in told.detail
    assert len(post_office.inbox) == (1 if None in answers else 0)


@pytest.mark.parametrize(
    ("answer", "kind", "reason"),
    [
        ("451 try later", Unavailable, "smtp_451"),
        ("452 mailbox full", Unavailable, "smtp_452"),
        ("500 what?", Rejected, "smtp_500"),
        ("552 too large", Rejected, "smtp_552"),
        ("554 s3cret! is spam", Rejected, "smtp_554"),
    ],
)
def test_an_answer_4xx_is_for_later_and_5xx_for_good(
    mailer: Channel, message: Make, post_office: Any, answer: str, kind: type, reason: str
) -> None:
    post_office.data_answer = answer
    told = failure(mailer, message())
    assert (type(told), told.reason) == (kind, reason)
    assert told.detail == answer.replace("s3cret!", "***")


def test_a_port_nobody_listens_on_is_unavailable(
    mailer: Channel, message: Make, free_port: int
) -> None:
    told = failure(replace(mailer, port=free_port), message())
    assert (type(told), told.reason) == (Unavailable, "connection")
    assert told.detail == "127.0.0.1: Connection refused"


@pytest.mark.parametrize("mode", ["starttls", "implicit"])
def test_a_server_that_says_nothing_is_unavailable(
    mailer: Channel, message: Make, mode: Any
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        told = failure(replace(mailer, port=port, tls=mode, timeout=0.3), message())
    assert (type(told), told.reason) == (Unavailable, "timeout")


@pytest.mark.parametrize(
    ("greeting", "kind", "reason"),
    [
        (b"", Unavailable, "connection"),
        (b"421 busy\r\n", Unavailable, "smtp_421"),
        (b"554 not you\r\n", Rejected, "smtp_554"),
        (b"HTTP/1.1 200 OK\r\n\r\n", Unavailable, "smtp_-1"),
    ],
)
def test_a_server_that_turns_us_away_at_the_door_is_understood(
    mailer: Channel, message: Make, greeting: bytes, kind: type, reason: str
) -> None:
    with plain_server([], greeting=greeting) as port:
        told = failure(replace(mailer, port=port), message())
    assert (type(told), told.reason) == (kind, reason)


def test_a_server_that_hangs_up_after_the_mail_was_accepted_has_it(
    mailer: Channel, message: Make
) -> None:
    heard: list[bytes] = []
    with plain_server(heard, dies_at=b"QUIT") as port:
        plain = replace(mailer, port=port, tls="none", user="", password=None)
        assert plain.send(message(), "key", None)
    assert any(b"Subject: [CRITICAL]" in line for line in heard)


def test_implicit_tls_delivers_too(mailer: Channel, message: Make, implicit: Any) -> None:
    mailer.__class__(
        **{name: getattr(mailer, name) for name in ("host", "sender", "to", "ca_file", "timeout")},
        port=implicit.port,
        tls="implicit",
    ).send(message(), "key", None)
    assert len(implicit.mails) == 1


@contextmanager
def plain_server(
    heard: list[bytes], greeting: bytes = b"220 mail\r\n", dies_at: bytes = b"never"
) -> Iterator[int]:
    """A mail server that knows no TLS and no login, for one conversation."""

    def talk() -> None:
        line, _ = server.accept()
        with line, line.makefile("rb") as lines:
            line.sendall(greeting)
            if not greeting.startswith(b"220"):
                return
            in_data = False
            for text in lines:
                heard.append(text)
                if text.upper().startswith(dies_at):
                    return
                if in_data:
                    in_data = text != b".\r\n"
                    answer = b"" if in_data else b"250 kept\r\n"
                else:
                    in_data = text.upper().startswith(b"DATA")
                    answer = b"354 go\r\n" if in_data else b"250 OK\r\n"
                line.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=talk)
        thread.start()
        yield server.getsockname()[1]
        thread.join(10)


# Settings

GOOD = {"host": "mail.example", "sender": "mon@ops.example", "to": ("ada@ops.example",)}


@pytest.mark.parametrize(
    ("keys", "problem"),
    [
        ({"sender": "mon"}, "sender: 'mon' is no address"),
        ({"sender": "mon@ops.example\r\nBcc: eve@evil.example"}, "sender: 'mon@ops"),
        ({"to": ()}, "to: is empty"),
        ({"to": ("ada",)}, "to: 'ada' is no address"),
        ({"to": ("ädä@ops.example",)}, "to: 'ädä@ops.example' is no address; use name@host in AS"),
        ({"to": ("a@b.example\n",)}, "to: 'a@b.example ' is no address"),
        ({"to": ("a@b.example, c@d.example",)}, "to: "),
        ({"host": "a..b"}, "host: 'a..b' is no name"),
        ({"host": ""}, "host: '' is no name"),
        ({"port": 0}, "port: 0; use 1 to 65535"),
        ({"port": 70000}, "port: 70000; use"),
        ({"tls": "ssl"}, "tls: 'ssl'; use one of starttls, implicit, none"),
        ({"tls": "none"}, "tls: mail.example must be reached by"),
        ({"user": "mon"}, "user: a login needs both"),
        ({"password": Secret("x")}, "user: a login needs both"),
        ({"user": "mon", "password": Secret("pässword")}, "password: a login may hold ASCII"),
        ({"timeout": -1}, "timeout: -1; use"),
    ],
)
def test_a_setting_that_cannot_work_is_refused(keys: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{problem}") as caught:
        Channel(**GOOD | keys)
    assert "pässword" not in str(caught.value)


def test_three_settings_are_enough() -> None:
    assert Channel(**GOOD).tls == "starttls"  # type: ignore[arg-type]


def test_the_password_is_not_shown() -> None:
    shown = repr(Channel(**GOOD | {"user": "mon", "password": Secret("s3cret!")}))  # type: ignore[arg-type]
    assert "s3cret!" not in shown
