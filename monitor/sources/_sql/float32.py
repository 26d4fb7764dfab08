"""The upper bits of the float32 next to a double as SQL: exponent and leading mantissa.

Where a database tells the bytes of a REAL they are read from these, elsewhere from LN and POWER.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import REAL, ColumnElement, Double, LargeBinary, cast, func, literal_column

from monitor.sources._sql.dialects import Dialect

Number = ColumnElement[float]

_HALF_DIGIT = 2.0**-24  # of a float32 between 1 and 2
_LOG2E = 1.4426950408889634


def exponent_of(magnitude: Number, facts: Dialect) -> Number:
    """The exponent of 2, from 0 for the least normal float32 number.

    Where the database tells them, the bytes of the float32 next to the magnitude instead.
    """
    if facts.real_bytes:
        return octets(magnitude)
    return facts.floor(func.ln(magnitude, type_=Double) * facts.number(_LOG2E) + facts.number(126))


def upper_bits_of(magnitude: Number, exponent: Number, bits: int, facts: Dialect) -> Number:
    """The upper bits of the float32 next to a magnitude: exponent (from 1) and mantissa."""
    if facts.real_bytes:
        return upper_bits(exponent, 1 + 8 + bits)
    number, cells = facts.number, facts.number(2.0**bits)
    mantissa = magnitude * func.power(number(2), number(126) - exponent, type_=Double)
    return facts.floor((mantissa + number(_HALF_DIGIT)) * cells) + exponent * cells


def octets(value: Number) -> ColumnElement[Any]:
    """The four bytes of the float32 next to a double, the highest first."""
    return func.float4send(cast(value, REAL()), type_=LargeBinary)


def upper_bits(told: ColumnElement[Any], bits: int) -> Number:
    """The number that the first bits of some bytes are."""

    def part(place: int, shift: int) -> Number:
        octet = func.get_byte(told, literal_column(str(place)), type_=Double)
        if shift < 0:
            return octet.op(">>")(literal_column(str(-shift)))
        return octet * literal_column(str(1 << shift)) if shift else octet

    whole, rest = divmod(bits, 8)
    first, *others = (part(n, bits - 8 * (n + 1)) for n in range(whole + (rest > 0)))
    return sum(others, first)
