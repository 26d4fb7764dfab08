"""Columns that are made of others: what texts are made of, and where embeddings lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.types as pt

from checks.grid import Counts, Floats
from checks.plan import VOCABULARY, EmbeddingPlan, Plan, TextPlan
from monitor.sources import Columns, WrongSchema
from monitor.sources._arrow import Bools, codes, cut, family, is_binary, mask, plain, present
from monitor.sources._columns import NESTED, NULL, NUMBER, Column, Numbers, Words
from monitor.sources._letters import Look, look
from monitor.sources._parts import (
    COUNTED,
    OF_TEXTS,
    OTHER_WORDS,
    SHARES,
    UNKNOWN,
    made_of,
)
from monitor.sources._vectors import cosine_distances, distances, norms, read_vectors


def logged(plan: Plan) -> tuple[str, ...]:
    """The columns of a log that a plan is about: those it watches, or of which it makes some."""
    made = made_of(Columns(text=tuple(plan.texts), embeddings=tuple(plan.embeddings)))
    watched = (name for name in plan.columns if name not in made)
    return (*watched, *plan.texts, *plan.embeddings)


def require_free(columns: Columns, names: Mapping[str, object] | tuple[str, ...]) -> None:
    """Refuse a log that has a column under the name of one that is to be made."""
    for made, name in made_of(columns).items():
        if made in names and made not in columns.exclude:
            raise WrongSchema(
                f"columns: {made!r} is made of {name!r}, but the log has a column of that name; "
                "rename one, or exclude the log's"
            )


def derived(batch: pa.RecordBatch, plan: Plan) -> dict[str, Column]:
    """The columns that a plan makes of those of a batch, by name."""
    made: dict[str, Column] = {}
    for name, text in plan.texts.items():
        made |= of_text(name, _column(batch, name), len(batch), text)
    for name, embedding in plan.embeddings.items():
        made |= of_embedding(name, _column(batch, name), len(batch), embedding)
    return made


def _column(batch: pa.RecordBatch, name: str) -> pa.Array | None:
    return batch.column(name) if name in batch.schema.names else None


def of_text(
    name: str, array: pa.Array | None, length: int, plan: TextPlan | None = None
) -> dict[str, Column]:
    """The columns made of texts; without a plan no word is known, nor unknown.

    The shares of an empty text, and the unknown ones of no words, are null.
    """
    if array is None:
        return _absent(name, length)
    array = plain(array)
    if pt.is_dictionary(array.type):
        distinct = of_text(name, array.dictionary, len(array.dictionary), plan)
        return {made: _spread(column, codes(array)) for made, column in distinct.items()}
    there = present(array)
    if family(array.type) in ("nested", "empty"):
        return _no_texts(name, array, there)
    seen = look(_texts(array, there))
    made: dict[str, Column] = dict(_numbers(name, seen, there, plan))
    at = np.concatenate((np.zeros(1, np.int64), np.cumsum(there)))
    words = seen.vocabulary if plan is None else _named(seen.vocabulary, plan)
    return made | {f"{name}.{VOCABULARY}": Words(words.edges[at], words.places, words.texts)}


def _texts(array: pa.Array, there: Bools) -> pa.StringArray:
    chosen = array if there.all() else array.filter(mask(there))
    if pt.is_string(chosen.type):
        return chosen
    if family(chosen.type) == "time":
        chosen = chosen.view(pa.int32() if chosen.type.bit_width == 32 else pa.int64())
    return chosen.cast(pa.string())


def _named(vocabulary: Words, plan: TextPlan) -> Words:
    """The same with one word in place of all that are not counted each by itself."""
    texts = (*plan.vocabulary[: plan.named], OTHER_WORDS)
    known = {word: place for place, word in enumerate(texts)}
    moved = [known.get(word, len(texts) - 1) for word in vocabulary.texts]
    return Words(vocabulary.edges, np.array(moved, np.int32)[vocabulary.places], texts)


def _numbers(
    name: str, seen: Look, there: Bools, plan: TextPlan | None
) -> Iterator[tuple[str, Numbers]]:
    for part in COUNTED:
        yield f"{name}.{part}", _filled(getattr(seen, part).astype(np.float64), there)
    for part in SHARES:
        yield f"{name}.{part}", _filled(_share(getattr(seen, part), seen.seen), there)
    unknown = seen.words if plan is None else seen.unknown(frozenset(plan.vocabulary))
    yield f"{name}.{UNKNOWN}", _filled(_share(unknown, seen.words), there)


def _share(part: Counts, whole: Counts) -> Floats:
    """A share of each row, NaN where the whole is 0."""
    return np.where(whole > 0, part / np.maximum(whole, 1), np.nan)


def _filled(found: Floats, there: Bools) -> Numbers:
    """Numbers of the rows that are there as a column of all; what is NaN is null."""
    loose = np.full(len(there), np.nan)
    loose[there] = found
    kinds = np.where(np.isnan(loose), np.uint8(NULL), np.uint8(NUMBER))
    return Numbers(loose, kinds)


def _absent(name: str, length: int) -> dict[str, Column]:
    made: dict[str, Column] = {
        f"{name}.{part}": Numbers.absent(length) for part in OF_TEXTS if part != VOCABULARY
    }
    return made | {f"{name}.{VOCABULARY}": Words.absent(length)}


def _no_texts(name: str, array: pa.Array, there: Bools) -> dict[str, Column]:
    """What is no text counts as unparsed in each of the columns."""
    of = "bytes" if is_binary(array.type) else str(array.type)
    kinds = np.where(there, np.uint8(NESTED), np.uint8(NULL))
    odd = np.where(there, 0, -1).astype(np.int32) if there.any() else None
    strange = Numbers(np.zeros(len(there)), kinds, odd, (cut(f"<{of}>"),) if there.any() else ())
    return {
        made: Words.absent(len(there)) if isinstance(column, Words) else strange
        for made, column in _absent(name, 0).items()
    }


def _spread(column: Column, places: Counts) -> Column:
    """Columns of distinct values as those of rows, of which these are the places (-1: null)."""
    known = places >= 0
    if isinstance(column, Words):
        padded = Words(np.append(column.edges, column.edges[-1]), column.places, column.texts)
        return padded.at(np.where(known, places, len(column)))
    if not isinstance(column, Numbers) or not len(column):
        return Numbers(np.zeros(len(places)), np.full(len(places), NULL, np.uint8))
    return column.at(places).hide(~known)


def of_embedding(
    name: str, array: pa.Array | None, length: int, plan: EmbeddingPlan
) -> dict[str, Column]:
    """The columns made of vectors, and under the name of theirs the vectors themselves."""
    centre = np.array(plan.centre)
    read = read_vectors(array, length, len(centre))
    usable = read.vectors.usable()
    far = read.numbers(cosine_distances(usable, centre))
    undefined = read.vectors.there & np.isnan(far.values)
    return {
        name: read.vectors,
        f"{name}.norm": read.numbers(norms(usable)),
        f"{name}.distance": read.numbers(distances(usable, centre)),
        f"{name}.cosine_distance": far.hide(undefined) if undefined.any() else far,
    }
