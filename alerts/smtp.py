"""One mail handed over by SMTP, and what a refusal means: try again, or never."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Literal

from alerts.delivery import DeliveryError, Rejected, Unavailable
from alerts.message import clean
from alerts.secret import Secret, redact

Tls = Literal["starttls", "implicit", "none"]
Refusals = Mapping[str, tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class Server:
    """Where and how mail is handed over; `name` is who we say we are, `timeout` in seconds."""

    host: str
    port: int
    tls: Tls
    name: str
    user: str
    password: Secret | None
    ca_file: str
    timeout: float


def hand_over(mail: EmailMessage, sender: str, to: Sequence[str], server: Server) -> None:
    """Give one mail to a server, for all recipients.

    Raises:
        Unavailable: no connection, time-out, TLS, or an answer 4xx to everything.
        Rejected: an answer 5xx, or some recipients were refused while others have the mail.
    """
    try:
        refused = _converse(mail, sender, to, server)
    except OSError as error:
        raise _translated(error, server) from None
    if refused:
        # No second try even after a 4xx: those who have the mail would get it again each time.
        raise Rejected("recipient_refused", detail=_said(_names(refused), server))


def _converse(mail: EmailMessage, sender: str, to: Sequence[str], server: Server) -> Refusals:
    line = _connected(server)
    try:
        if server.password:
            line.login(server.user, server.password.reveal())
        refused = line.send_message(mail, sender, list(to))
        # The mail is accepted: how the server says goodbye changes nothing.
        with suppress(OSError):
            line.quit()
        return refused
    finally:
        line.close()


def _connected(server: Server) -> smtplib.SMTP:
    where, name, timeout = (server.host, server.port), server.name, server.timeout
    if server.tls == "none":
        return smtplib.SMTP(*where, name, timeout=timeout)
    trust = _trust(server.ca_file)
    if server.tls == "implicit":
        return smtplib.SMTP_SSL(*where, name, timeout=timeout, context=trust)
    line = smtplib.SMTP(*where, name, timeout=timeout)
    try:
        line.starttls(context=trust)
    except OSError:
        line.close()
        raise
    return line


def _trust(ca_file: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError as error:
        # An SSLError has no strerror: the file is there but is something else.
        why = error.strerror or "holds no certificate"
        raise Rejected("ca_file", detail=f"{ca_file}: {why}") from None


def _translated(error: OSError, server: Server) -> DeliveryError:
    match error:
        case smtplib.SMTPRecipientsRefused():
            # One that may be let in later is reason enough to come back.
            code = min(code for code, _ in error.recipients.values())
            return _by_code(code, "recipient_refused", _said(_names(error.recipients), server))
        case smtplib.SMTPNotSupportedError():
            return Rejected("not_supported", detail=_said(str(error), server))
        case smtplib.SMTPResponseException():
            said = _said(f"{error.smtp_code} {_reply(error.smtp_error)}", server)
            return _by_code(error.smtp_code, _word(error), said)
        case smtplib.SMTPServerDisconnected():
            late = isinstance(error.__context__, TimeoutError)
            return _late(server) if late else _broken(server, "hung up")
        case smtplib.SMTPException():
            return Rejected("authentication", detail=_said(str(error), server))
        case TimeoutError():
            return _late(server)
        case ssl.SSLError():
            why = error.reason or "TLS failed"
            return Unavailable("tls", detail=f"{server.host}: {why}")
        case _:
            return _broken(server, error.strerror or str(error))


def _by_code(code: int, reason: str, detail: str) -> DeliveryError:
    # smtplib makes up -1 for an answer that is no SMTP.
    final = 500 <= code < 600
    return Rejected(reason, detail=detail) if final else Unavailable(reason, detail=detail)


def _word(error: smtplib.SMTPResponseException) -> str:
    login = isinstance(error, smtplib.SMTPAuthenticationError) or error.smtp_code == 530
    return "authentication" if login else f"smtp_{error.smtp_code}"


def _late(server: Server) -> Unavailable:
    return Unavailable("timeout", detail=f"{server.host}: no answer in {server.timeout:g} s")


def _broken(server: Server, how: str) -> Unavailable:
    return Unavailable("connection", detail=f"{server.host}: {how}")


def _names(refused: Refusals) -> str:
    return "; ".join(f"{who}: {code} {_reply(said)}" for who, (code, said) in refused.items())


def _reply(said: bytes | str) -> str:
    return clean(said.decode("utf-8", "replace") if isinstance(said, bytes) else said, 150)


def _said(text: str, server: Server) -> str:
    return redact(text, [server.password] if server.password else [])
