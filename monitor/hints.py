"""Did-you-means for words that are not known."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def suggest(word: str, known: Iterable[str]) -> str:
    """A did-you-mean, or the list of what is known.

    >>> suggest("urll", ["url", "timeout"])
    "did you mean 'url'?"
    """
    choices = sorted(known)
    near = get_close_matches(word, choices, n=1)
    return (
        f"did you mean {near[0]!r}?" if near else f"known here: {', '.join(choices) or 'nothing'}"
    )
