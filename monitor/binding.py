"""Binding: a table of monitor.toml becomes a frozen dataclass, with every problem and its place."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError, create_model
from pydantic_core import ErrorDetails

from alerts.secret import Secret
from monitor.hints import suggest
from monitor.windows import Every, parse_duration

Table = Mapping[str, object]
_T = TypeVar("_T")
_MESSAGES: Mapping[str, str] = {
    "missing": "is missing",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "tuple_type": "must be a list",
}


@dataclass(slots=True)
class Problems:
    """What is wrong with a configuration: a dotted place and a sentence each, in order found."""

    found: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    secrets: list[Secret] = field(default_factory=list)

    def add(self, place: str, sentence: str) -> None:
        self.found.append(f"{place}: {sentence}")

    def note(self, place: str, sentence: str) -> None:
        """Something that is not wrong but may not be what was meant."""
        self.notes.append(f"{place}: {sentence}")


def resolve_secret(text: str, folder: Path) -> Secret:
    """The secret that ``env:NAME`` or ``file:PATH`` names; any other text is the secret itself.

    ValueError (without the secret) where the variable is not set or the file cannot be read.
    """
    scheme, _, rest = text.partition(":")
    if scheme == "env":
        if rest not in os.environ:
            raise ValueError(f"the environment variable {rest} is not set")
        return Secret(os.environ[rest])
    if scheme == "file":
        try:
            return Secret((folder / rest).read_text(encoding="utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"the secret file {rest} cannot be read ({_cause(error)})") from None
    if scheme in ("cmd", "vault"):
        raise ValueError(f"secrets by {scheme}: are not read by this version; use env: or file:")
    return Secret(text)


def _cause(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or "no access") if isinstance(error, OSError) else "it is not text"


def bind(
    kind: type[_T],
    table: object,
    place: str,
    problems: Problems,
    folder: Path,
    also: Sequence[str] = (),
) -> _T | None:
    """An object of the frozen dataclass ``kind`` made from a table; None where problems were added.

    Field types are bool, int, float, str, Path, Secret, timedelta (written ``7d``), Every (``1d``),
    ZoneInfo, tuples and unions of these; unknown keys are problems with a suggestion, among which
    are those of ``also``, which are read elsewhere.
    """
    if not isinstance(table, Mapping):
        problems.add(place, "must be a table")
        return None
    hints = typing.get_type_hints(kind)
    members = {f.name: f for f in fields(kind) if f.init}  # type: ignore[arg-type]
    fitting = _Fitting(folder, problems, place)
    shape: dict[str, Any] = {  # under names of its own, so that no key meets one of pydantic's
        f"key_{name}": (
            fitting.of(hints[name]),
            Field(default=... if _required(member) else None, alias=name),
        )
        for name, member in members.items()
    }
    model = create_model(
        kind.__name__,
        __config__=ConfigDict(extra="forbid", strict=True, arbitrary_types_allowed=True),
        **shape,
    )
    try:
        read = model.model_validate(dict(table))
    except ValidationError as error:
        for detail in error.errors(include_url=False, include_context=True, include_input=False):
            _report(detail, place, (*members, *also), problems)
        return None
    try:
        return kind(**{name: getattr(read, f"key_{name}") for name in members if name in table})
    except ValueError as error:  # what a __post_init__ refuses
        problems.add(place, str(error))
        return None


def _required(member: Any) -> bool:
    return member.default is MISSING and member.default_factory is MISSING


def _report(detail: ErrorDetails, place: str, members: Sequence[str], problems: Problems) -> None:
    path = ".".join([place, *(str(step) for step in detail["loc"] if not _internal(step))])
    if detail["type"] == "extra_forbidden":
        problems.add(path, f"unknown; {suggest(str(detail['loc'][-1]), members)}")
    elif detail["type"] == "literal_error":
        problems.add(path, f"must be one of {detail['ctx']['expected']}")
    elif detail["type"] == "value_error":
        problems.add(path, str(detail["ctx"]["error"]))
    else:
        problems.add(path, _MESSAGES.get(detail["type"], detail["msg"].lower()))


def _internal(step: int | str) -> bool:
    """Whether a step of pydantic's path names a type and not a key."""
    return isinstance(step, str) and (
        step in ("str", "int", "float", "bool", "none", "nullable") or "[" in step
    )


@dataclass(frozen=True, slots=True)
class _Fitting:
    """Turns annotations of our dataclasses into ones that read TOML values strictly."""

    folder: Path
    problems: Problems
    place: str

    def of(self, hint: Any) -> Any:
        before = self._before(hint)
        if before is not None:
            return Annotated[hint, BeforeValidator(before)]
        origin, inner = typing.get_origin(hint), typing.get_args(hint)
        if origin is tuple:
            fitted = types.GenericAlias(tuple, (self.of(inner[0]), ...))
            return Annotated[fitted, BeforeValidator(_listed)]
        if origin in (types.UnionType, typing.Union):
            options = [self.of(option) for option in inner if option is not types.NoneType]
            return typing.Union[(*options, types.NoneType)]
        return hint

    def _before(self, hint: Any) -> Callable[[object], object] | None:
        if hint is Secret:
            return self._secret
        if hint is Path:
            return self._path
        if hint in _READERS:
            return _READERS[hint]
        return None

    def _secret(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("must be text such as env:NAME")  # noqa: TRY004 (pydantic reads it)
        secret = resolve_secret(value, self.folder)
        if not secret.reveal():
            raise ValueError("is empty")
        self.problems.secrets.append(secret)
        if secret.reveal() == value and _holds_password(value):
            self.problems.note(self.place, "a secret stands in the file; env:NAME keeps it out")
        return secret

    def _path(self, value: object) -> object:
        if not isinstance(value, str):
            raise ValueError("must be a path")  # noqa: TRY004
        if "://" in value:  # where a URL may stand, it is read as text
            keys = value.partition("://")[2].partition("?")[0].rpartition("@")[0]
            self.problems.secrets += [Secret(key) for key in keys.split(":") if key]
            raise ValueError("must be a path, not a URL")
        return self.folder / Path(value).expanduser()


def _holds_password(text: str) -> bool:
    """Whether a text is a secret all through, or an address with a password in it."""
    scheme, found, rest = text.partition("://")
    if not found or scheme.startswith("http"):
        return True
    return ":" in rest.partition("@")[0] and "@" in rest


def _listed(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


def _duration(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be a duration such as 1h or 7d")  # noqa: TRY004
    try:
        return parse_duration(value)
    except OverflowError:
        raise ValueError(f"{value!r} is longer than time itself; write 7d or 2w") from None


def _every(value: object) -> object:
    if not isinstance(value, str):
        raise ValueError("must be text such as 1h or 1d")  # noqa: TRY004 (pydantic reads it)
    return Every.parse(value)


def _zone(value: object) -> object:
    try:
        return ZoneInfo(str(value))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{value!r} is no time zone; write one such as Europe/Berlin") from None


def _real(value: object) -> object:
    if isinstance(value, float) and (value != value or abs(value) == float("inf")):  # noqa: PLR0124
        raise ValueError("must be a finite number")
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


_READERS: Mapping[Any, Callable[[object], object]] = {
    timedelta: _duration,
    float: _real,
    Every: _every,
    ZoneInfo: _zone,
}
