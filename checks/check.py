"""Checks: a statistic is one decorated function, and the folder of modules is the registry."""

from __future__ import annotations

import importlib
import inspect
import math
import pkgutil
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from types import UnionType
from typing import Literal, NamedTuple, Protocol

import checks

Direction = Literal["above", "below", "both"]
Parameter = bool | int | float | str


class NotEnoughData(Exception):
    """There are too few rows (or classes, or values) to measure this; ``reason`` says which.

    ``have`` and ``need`` are counts of what is short, looked for ``among`` so many rows: with both
    ``have`` and ``among`` 0 there is no data at all. ``stat`` is the number all the same, where it
    is defined: to be shown, not judged.
    """

    def __init__(
        self,
        reason: str,
        have: int = 0,
        need: int = 1,
        *,
        among: int = 0,
        stat: Stat | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason, self.have, self.need = reason, have, need
        self.among, self.stat = among, stat


class Noise(NamedTuple):
    """The standard error of a number that has no interval: sqrt(error^2 + growth v) where it is v.

    ``floor`` is what has been taken out of it on the squared scale, and no change below ``least``
    is ever proven. ``binding`` tells that the number is judged only where a critical one would be
    noticed; it is off for what is counted, and for a statistic that grows with the values.
    """

    error: float
    growth: float = 0.0
    floor: float = 0.0
    least: float = 0.0
    binding: bool = True


EXACT = Noise(0.0, least=-math.inf, binding=False)
"""That of a number which is counted and not estimated: it breaches its limit or it does not."""


@dataclass(frozen=True, slots=True)
class Stat:
    """One measured number. It never judges.

    ``corrected`` is the value with its expected noise taken out (judged in its place where
    present); ``low`` and ``high`` bound a 95 % interval, ``floor`` and ``ceiling`` are the
    one-sided 99 % bounds that judging uses; ``where`` names the place or category that drives the
    number, or what a reader must know of it. ``scale`` is what a slack in shares is a share of,
    where that is not the value itself; 0 says that this number does not tell what is normal.
    ``noise`` tells how a number without an interval varies.
    """

    value: float
    corrected: float | None = None
    low: float | None = None
    high: float | None = None
    floor: float | None = None
    ceiling: float | None = None
    p_value: float | None = None
    n_reference: int = 0
    n_current: int = 0
    where: str = ""
    scale: float | None = None
    noise: Noise | None = field(default=None, compare=False, repr=False)


class Compute(Protocol):
    """Measure ``current`` against ``reference``, two profiles of one type."""

    def __call__(
        self, reference: typing.Any, current: typing.Any, **parameters: Parameter
    ) -> Stat: ...


@dataclass(frozen=True, slots=True)
class Check:
    """A statistic and what the rest of the program must know of it.

    ``direction`` is the bad side: a breach lies ``above`` or ``below`` the limit. ``warning`` and
    ``critical`` are the default static limits (None: none); ``slack`` the distances from the
    reference's own value that become limits where no static one is set, as shares of that value
    (or of its ``scale``) when ``relative``. ``cause`` files a finding under one of the causes of
    an incident, and an empty ``cause`` leaves that to the column's role. ``minimum`` is the number
    of values that the current profile needs (``profile.n``), and ``default`` tells whether the
    check runs unasked, ``needs`` the part of a log (such as ``label``) that it is about.
    ``within`` is the range of the number where its unit does not tell it. ``weighted`` tells that
    each row counts by its weight, where rows have weights.
    """

    name: str
    compute: Compute
    takes: tuple[type, ...]
    direction: Direction = "above"
    warning: float | None = None
    critical: float | None = None
    slack: tuple[float, float] | None = None
    relative: bool = False
    unit: str = ""
    cause: str = ""
    minimum: int = 0
    default: bool = True
    needs: str = ""
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    types: Mapping[str, type] = field(default_factory=dict)
    within: tuple[float, float] | None = None
    weighted: bool = False

    @property
    def kind(self) -> str:
        """Its name in the catalogue, also where a model asks for it under one of its own."""
        return kind_of(self.name)

    @property
    def bounds(self) -> tuple[float, float]:
        """What its limits lie between: distances are not negative, a share lies in 0 to 1."""
        if self.within is not None:
            return self.within
        if self.direction == "both" or self.unit in ("rows", "seconds"):
            return 0.0, math.inf
        return (0.0, 1.0) if self.unit == "ratio" else (-math.inf, math.inf)

    @property
    def summary(self) -> str:
        """The first line of the docstring."""
        return (inspect.getdoc(self.compute) or "").partition("\n")[0]


def kind_of(name: str) -> str:
    """What the catalogue calls a check that a model may ask for under a name of its own.

    >>> kind_of("quantile.p99"), kind_of("psi")
    ('quantile', 'psi')
    """
    return name.partition(".")[0]


def check(
    *takes: type,
    direction: Direction = "above",
    warning: float | None = None,
    critical: float | None = None,
    slack: tuple[float, float] | None = None,
    relative: bool = False,
    unit: str = "",
    cause: str = "",
    minimum: int = 0,
    default: bool = True,
    needs: str = "",
    within: tuple[float, float] | None = None,
    weighted: bool = False,
) -> Callable[[Callable[..., Stat]], Check]:
    """Make a check of a function of two profiles.

    ``takes`` are the profile types it measures. Its keyword-only arguments are the parameters of
    the check, by name, type and default; its docstring is the help.
    """

    def decorate(compute: Callable[..., Stat]) -> Check:
        hints = typing.get_type_hints(compute)
        keywords = {
            name: parameter.default
            for name, parameter in inspect.signature(compute).parameters.items()
            if parameter.kind is inspect.Parameter.KEYWORD_ONLY
        }
        return Check(
            compute.__name__,
            compute,
            takes,
            direction,
            warning,
            critical,
            slack,
            relative,
            unit,
            cause,
            minimum,
            default,
            needs,
            keywords,
            {name: _plain(hints[name]) for name in keywords},
            within,
            weighted,
        )

    return decorate


def _plain(hint: type | UnionType) -> type:
    """The one concrete type of a parameter."""
    if hint not in (bool, int, float, str):
        raise TypeError(f"a parameter of a check is bool, int, float or str, not {hint}")
    return typing.cast("type", hint)


@cache
def _module(name: str) -> tuple[Check, ...]:
    members = vars(importlib.import_module(name)).values()
    return tuple(m for m in members if isinstance(m, Check) and m.compute.__module__ == name)


def catalogue() -> dict[str, Check]:
    """Every check by name: those of all modules in the folders of the ``checks`` package.

    A check's module need not be listed anywhere, and a folder added to ``checks.__path__`` counts.

    >>> catalogue()["ks"].direction
    'above'
    """
    found: dict[str, Check] = {}
    for module in sorted(info.name for info in pkgutil.iter_modules(checks.__path__)):
        for each in _module(f"checks.{module}"):
            if each.name in found:
                raise ValueError(f"two checks are named {each.name!r}; rename one of them")
            found[each.name] = each
    return found
