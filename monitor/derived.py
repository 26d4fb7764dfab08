"""Planning of texts and embeddings, and of the columns that are made of them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from checks.joint import WAVES, bandwidth_of
from checks.plan import EmbeddingPlan, TextPlan
from monitor.sources import Columns, ColumnSurvey, Survey, WrongSchema
from monitor.sources._parts import NAMED_WORDS, made_of

_FEW = 50
_LOOKED_AT = 200
_SPACES = 2


def made_columns(survey: Survey, columns: Columns) -> Iterator[ColumnSurvey]:
    """What was seen of each column that is made of texts or vectors, but for those left out.

    Raises:
        WrongSchema: a column of vectors holds none.
    """
    for name in columns.embeddings:
        if name not in survey.embeddings:
            raise WrongSchema(
                f"columns.embeddings: {name!r} holds no vectors in the reference: lists of up to "
                "8,192 numbers, or text such as [0.1, 0.2]"
            )
    for name in made_of(columns):
        if name not in columns.exclude:
            yield survey.columns[name]


def texts_of(survey: Survey, columns: Columns) -> dict[str, TextPlan]:
    """The plan of each column of texts."""
    return {name: TextPlan(survey.texts[name], NAMED_WORDS) for name in columns.text}


def embeddings_of(survey: Survey, columns: Columns, *, waves: bool) -> dict[str, EmbeddingPlan]:
    """The plan of each column of vectors, with random waves where a check asks for them."""
    return {name: _embedding(survey, name, waves) for name in columns.embeddings}


def _embedding(survey: Survey, name: str, waves: bool) -> EmbeddingPlan:
    seen = survey.embeddings[name]
    centre = tuple(seen.centre.tolist())
    if not waves:
        return EmbeddingPlan(centre)
    return EmbeddingPlan(centre, WAVES, bandwidth_of(seen.sample, [(0.0, 1.0)] * len(centre)))


def text_hint(seen: ColumnSurvey) -> str:
    """The way out where the values of a column read like texts; empty where they do not.

    >>> text_hint(ColumnSurvey("colour", "text", levels=("red", "dark green"), distinct=2))
    ''
    """
    if seen.family != "text" or seen.distinct <= _FEW or not _are_texts(seen.levels[:_LOOKED_AT]):
        return ""
    return "it reads like texts: list it under text to watch what they are made of"


def _are_texts(levels: Sequence[str]) -> bool:
    """Whether most have several words."""
    return len(levels) > 0 and median(level.strip().count(" ") for level in levels) >= _SPACES
