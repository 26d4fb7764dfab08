"""One HTTP POST, and what its answer means: delivered, try again, or never."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from alerts.delivery import Rejected, Unavailable
from alerts.hosts import is_host, is_loopback
from alerts.message import clean
from alerts.secret import Secret, redact

_BODY = 1024
_AGAIN = {408: "timeout", 425: "too_early", 429: "rate_limited"}
_LONGEST = 86_400.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: the body of a refusal is kept, cleaned and without secrets."""

    status: int
    text: str = ""
    retry_after: timedelta | None = None


def require_private(url: Secret) -> None:
    """Refuse an address that would send a message in the clear over a network.

    Raises:
        ValueError: not https, or http to another machine, or no such host can exist.
    """
    try:
        parts = urlsplit(url.reveal())
        host = parts.hostname or ""
        usable = is_host(host) and parts.port != 0
    except ValueError:
        raise ValueError("url: is not an address; use https://host/path") from None
    if not usable:
        raise ValueError("url: is not an address; use https://host/path")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise ValueError(f"url: {host} must be reached by https; http is for this machine only")


def post(
    url: Secret,
    body: bytes,
    *,
    headers: Mapping[str, str],
    timeout: float,
    secrets: Iterable[Secret] = (),
) -> Answer:
    """Send `body` and return the answer, whatever its status; redirects are not followed.

    `timeout` is in seconds, for the connection and for each wait on the server. `secrets` are
    kept out of the answer's text, as is the address.

    Raises:
        Unavailable: there was no answer.
        Rejected: the request cannot be sent at all.
    """
    host = urlsplit(url.reveal()).hostname
    sending = {"Accept-Encoding": "identity", "User-Agent": "modelmon", **headers}
    try:
        with requests.post(
            url.reveal(),
            data=body,
            headers=sending,
            timeout=timeout,
            allow_redirects=False,
            stream=True,
        ) as response:
            text = "" if response.ok else redact(_start(response), (url, *secrets))
            return Answer(response.status_code, clean(text, 200), _retry_after(response))
    except requests.Timeout:
        raise Unavailable("timeout", detail=f"{host}: no answer in {timeout:g} s") from None
    except requests.exceptions.SSLError:
        raise Unavailable("tls", detail=f"{host}: its certificate is not trusted") from None
    except requests.exceptions.ProxyError:
        raise Unavailable("proxy", detail=f"{host}: the proxy does not let us through") from None
    except ValueError:
        what = f"{host}: the address, or that of the proxy, cannot be used"
        raise Rejected("invalid_request", detail=what) from None
    except requests.RequestException:
        raise Unavailable("connection", detail=f"{host}: no connection") from None


def accept(answer: Answer, reason: str = "") -> None:
    """Return if the answer means delivered; `reason` is the server's own word for a refusal.

    Raises:
        Unavailable: 408, 425, 429, 5xx, or an interim 1xx where a final answer belongs.
        Rejected: any other status but 2xx.
    """
    status = answer.status
    if 200 <= status < 300:
        return
    detail = f"HTTP {status}{': ' if answer.text else ''}{answer.text}"
    if status in _AGAIN or status < 200 or status >= 500:
        word = _AGAIN.get(status, f"http_{status}")
        raise Unavailable(word, answer.retry_after, detail=detail)
    raise Rejected(reason or f"http_{status}", detail=detail)


def _start(response: requests.Response) -> str:
    try:
        start: bytes = next(response.iter_content(_BODY), b"")
    except requests.RequestException:
        return ""
    return start.decode("utf-8", "replace")


def _retry_after(response: requests.Response) -> timedelta | None:
    asked = response.headers.get("Retry-After", "")
    try:
        seconds = float(asked)
    except ValueError:
        return _until(asked, response.headers.get("Date", ""))
    return _bounded(seconds)


def _until(asked: str, sent: str) -> timedelta | None:
    # Both by the server's clock, so that ours may be wrong.
    try:
        wait = parsedate_to_datetime(asked) - parsedate_to_datetime(sent)
    except (ValueError, TypeError):
        return None
    return _bounded(wait.total_seconds())


def _bounded(seconds: float) -> timedelta | None:
    return timedelta(seconds=min(max(seconds, 0.0), _LONGEST)) if math.isfinite(seconds) else None
