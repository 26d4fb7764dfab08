"""Canonical text of levels and labels, so that 1, 1.0 and "1" compare as meant."""

from __future__ import annotations

import json
from ast import literal_eval

LONGEST_LEVEL = 200


def canonical(value: object) -> str:
    """The text under which a value is counted as a level.

    Whole numbers lose their ``.0``, booleans become ``true`` and ``false``, and a text longer than
    200 characters is cut.

    >>> canonical(1.0), canonical(True), canonical("  a"), canonical(0.5)
    ('1', 'true', '  a', '0.5')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer() and abs(value) < 2.0**63:
        return str(int(value))
    text = str(value)
    return text if len(text) <= LONGEST_LEVEL else text[: LONGEST_LEVEL - 1] + "…"


def figure(value: float) -> str:
    """A number for a person, to four digits, without an exponent where a person would write none.

    >>> figure(2169.0), figure(0.12345), figure(1e15)
    ('2,169', '0.1235', '1e+15')
    """
    return f"{value:,.0f}" if 1e3 <= abs(value) < 1e12 else f"{value:.4g}"


def labels_in(text: str, separator: str = ",") -> list[str]:
    """The labels that a cell of text names: a JSON array, a list of Python, or with a separator.

    >>> labels_in("red, green"), labels_in('["a,b", 7]'), labels_in("[]"), labels_in("['x']")
    (['red', 'green'], ['a,b', '7'], [], ['x'])
    """
    if text.lstrip().startswith("["):
        for read in (json.loads, literal_eval):
            try:
                found = read(text)
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
            if isinstance(found, list):
                return [canonical(each) for each in found if isinstance(each, str | int | float)]
    return [part.strip() for part in text.split(separator) if part.strip()]
