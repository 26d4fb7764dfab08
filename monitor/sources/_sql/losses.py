"""What a row loses by its score: terms as SQL, whose sums are those of an outcome profile."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Double, case, func

from checks.summing import CALIBRATION_BINS
from monitor.sources._sql.dialects import DIALECTS

_CLIP = sys.float_info.epsilon
_SMALL = 1e-4  # below, four terms of a series are log(1 - p) to the last digit
_NEGLIGIBLE = 1e-70  # the fourth power of less may underflow

Number = ColumnElement[float]


@dataclass(frozen=True, slots=True)
class Losses:
    """Terms of a row with a valid score; their sums over rows are those of an outcome profile."""

    log_loss: Number
    log_loss_squared: Number
    brier: Number
    brier_squared: Number


def losses(score: Number, label: int, dialect: str) -> Losses:
    """The losses of a score (``valid`` of `Gridded`) whose truth is ``label``, 0 or 1."""
    number = DIALECTS[dialect].number
    least, most = number(_CLIP), number(1 - _CLIP)
    clipped = case((score < least, least), (score > most, most), else_=score)
    log = _log_of_rest(clipped, number) if label == 0 else func.ln(clipped, type_=Double)
    vanishing = case((score < number(_NEGLIGIBLE), number(0)), else_=score)
    square = _square(vanishing if label == 0 else number(1) - score)
    return Losses(-log, _square(log), square, _square(square))


def _square(value: Number) -> Number:
    return value * value


def _log_of_rest(p: Number, number: Callable[[float], Number]) -> Number:
    """log(1 - p): by its series where 1 - p would lose digits of p."""
    series = p * (number(1) + p * (number(1 / 2) + p * (number(1 / 3) + p * number(1 / 4))))
    return case((p < number(_SMALL), -series), else_=func.ln(number(1) - p, type_=Double))


def calibration_bin(score: Number, dialect: str) -> ColumnElement[int]:
    """Which of ten equal bins a valid score falls in."""
    facts = DIALECTS[dialect]
    tenths, last = score * facts.number(CALIBRATION_BINS), facts.number(CALIBRATION_BINS - 1)
    return facts.as_integer(case((tenths >= last, last), else_=facts.floor(tenths)))
