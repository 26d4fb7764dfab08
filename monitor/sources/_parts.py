"""The names of the columns that are made of texts and of vectors."""

from __future__ import annotations

from checks.plan import VOCABULARY
from monitor.sources import Columns

COUNTED = ("characters", "words")
SHARES = ("letters", "digits", "uppercase", "non_ascii")
UNKNOWN = "unknown_words"
NAMED_WORDS = 500
"""Words of a column of texts that are counted each by itself, the most frequent ones."""

OTHER_WORDS = "other words"
"""The level of words that are not counted each by itself; no word has a space in it."""

OF_TEXTS = (*COUNTED, *SHARES, UNKNOWN, VOCABULARY)
"""What a column of texts is turned into; see docs/texts.md."""

OF_EMBEDDINGS = ("norm", "distance", "cosine_distance")
"""What a column of vectors is turned into, besides a profile of the vectors themselves."""


def made_of(columns: Columns) -> dict[str, str]:
    """The names of the columns that are made, each with that of the column it is made of.

    >>> made_of(Columns(embeddings=("v",)))
    {'v.norm': 'v', 'v.distance': 'v', 'v.cosine_distance': 'v'}
    """
    texts = {f"{name}.{part}": name for name in columns.text for part in OF_TEXTS}
    return texts | {f"{name}.{part}": name for name in columns.embeddings for part in OF_EMBEDDINGS}
