"""Host names: which can exist, and which mean this machine."""

from __future__ import annotations

from ipaddress import ip_address


def is_host(name: str) -> bool:
    """Whether a host of this name, or with this address, can exist.

    >>> [is_host(name) for name in ("mail.example.org", "::1", "", "a..b", "a b")]
    [True, True, False, False, False]
    """
    try:
        name.encode("idna")
    except UnicodeError:
        return False
    return bool(name) and not any(sign.isspace() or sign in "/@?#" for sign in name)


def is_loopback(host: str) -> bool:
    """Whether a host name or address never leaves this machine.

    >>> [is_loopback(host) for host in ("localhost", "127.0.0.9", "::1", "10.0.0.1", "a.example")]
    [True, True, True, False, False]
    """
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
