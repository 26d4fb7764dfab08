"""A secret that cannot be shown, logged or stored by accident."""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable
from typing import NoReturn
from urllib.parse import quote, quote_plus, urlsplit

MASK = "***"


class Secret:
    """A password, token or webhook address; only `reveal` gives its text.

    >>> password = Secret("hunter2")
    >>> password, f"{password:>40}", password == Secret("hunter2")
    (Secret(***), '***', True)
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"a secret is made from a str, not from {type(text).__name__}")
        self._text = text

    def reveal(self) -> str:
        """The text itself: call it where the text is handed over, and keep nothing of it."""
        return self._text

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(_octets(self._text), _octets(other._text))

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be pickled; store the reference to it (env:, file:)")


def redact(text: str, secrets: Iterable[Secret]) -> str:
    """The text with every secret in it, plain or escaped for a URL or JSON, replaced by `***`.

    Of a secret that is a URL its password, and its path where the scheme is http, are secret on
    their own: libraries print host and path apart.

    >>> redact("GET /hook?t=a%2Fb", [Secret("a/b")])
    'GET /hook?t=***'
    """
    forms = {form for secret in secrets for form in _forms(secret.reveal())}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, MASK)
    return text


def _forms(secret: str) -> set[str]:
    plain = {part for part in (secret, *_url_parts(secret)) if part}
    quoted = {quote(part, safe=safe, errors="replace") for part in plain for safe in ("", "/")}
    plus = {quote_plus(part, errors="replace") for part in plain}
    return plain | quoted | plus | {json.dumps(part)[1:-1] for part in plain}


def _url_parts(secret: str) -> tuple[str, ...]:
    try:
        url = urlsplit(secret)
    except ValueError:
        return ()
    password = url.password or ""
    if url.scheme not in ("http", "https") or url.path in ("", "/"):
        return (password,)
    return (password, url.path, f"{url.path}?{url.query}")


def _octets(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
