"""Channels by name: a module of this folder that defines a frozen dataclass `Channel` is one.

The name of its file is its `type` in the configuration, the fields of the dataclass are its other
keys: those annotated `Secret` are secrets, `metadata["help"]` documents each, and `__post_init__`
raises ValueError for a value that cannot work. Nothing is registered anywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import is_dataclass
from difflib import get_close_matches
from importlib import import_module
from pkgutil import iter_modules

import alerts


class UnknownChannel(LookupError):
    """No module of the folder is a channel of that name."""


def channel_type(name: str) -> type:
    """The dataclass of the channel called `name`; imports that one module only.

    Raises:
        UnknownChannel: there is none; the text offers the nearest name.
    """
    found = _channel(name) if name in _modules() else None
    if found is None:
        raise UnknownChannel(_unknown(name))
    return found


def channel_types() -> Mapping[str, type]:
    """Every channel there is, by name; imports all of them."""
    return {name: found for name in _modules() if (found := _channel(name))}


def _modules() -> list[str]:
    return sorted({module.name for module in iter_modules(alerts.__path__) if not module.ispkg})


def _channel(name: str) -> type | None:
    module = import_module(f"{alerts.__name__}.{name}")
    found = getattr(module, "Channel", None)
    if not isinstance(found, type) or not is_dataclass(found):
        return None
    return found if found.__module__ == module.__name__ else None


def _unknown(name: str) -> str:
    known = list(channel_types())
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(known)}"
    return f"{name!r}: unknown channel type; {hint}"
