"""A first look at texts and vectors, and at the columns that are made of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from checks.plan import VOCABULARY
from monitor.sources import Columns, ColumnSurvey, VectorSurvey
from monitor.sources._columns import Column, Numbers, Words
from monitor.sources._derived import of_text
from monitor.sources._looks import numeric_survey
from monitor.sources._parts import NAMED_WORDS, OF_EMBEDDINGS, OTHER_WORDS, UNKNOWN
from monitor.sources._together import row_ranks
from monitor.sources._vectors import VectorLook, cosine_distances, distances, norms
from monitor.sources._zones import Micros

MOST_WORDS = 10_000
"""Words of a vocabulary, the most frequent ones."""

FEWEST_ROWS = 20
"""Rows that must hold a word: a rare one would be known in the reference and nowhere else.

Of words that so many rows of the reference hold by chance, and hardly any others, the reference
knows more than a window does: with 5 rows every other window of a log without drift had unknown
words beyond the limits, with 20 one in fifty (texts of 40 words, 4,000 rows, windows of 400).
"""

_MOST_COUNTED = 1 << 18
_FRACTIONS = 8


@dataclass(slots=True)
class MadeLook:
    """The columns of texts and of vectors of a log as they pass by."""

    columns: Columns
    rows: int = 0
    words: dict[str, Counter[str]] = field(default_factory=dict)
    vectors: dict[str, VectorLook] = field(default_factory=dict)

    def add(self, batch: pa.RecordBatch, times: Micros) -> dict[str, Numbers]:
        """Look at a batch; gives those of the columns that are made which are numbers already."""
        made: dict[str, Column] = {}
        for name in self.columns.text:
            made |= of_text(name, _column(batch, name), len(batch))
            self._count(name, made.pop(f"{name}.{VOCABULARY}"))
            del made[f"{name}.{UNKNOWN}"]
        if self.columns.embeddings:
            ranks = row_ranks(_column(batch, self.columns.id), times, self.rows)
            for name in self.columns.embeddings:
                self.vectors.setdefault(name, VectorLook()).add(_column(batch, name), ranks)
        self.rows += len(batch)
        return {name: column for name, column in made.items() if isinstance(column, Numbers)}

    def _count(self, name: str, column: Column) -> None:
        """Count the rows of each word; of too many those are forgotten that came least often."""
        counts = self.words.setdefault(name, Counter())
        if isinstance(column, Words):
            counts.update(column.counts())
        if len(counts) > _MOST_COUNTED:
            self.words[name] = Counter(dict(counts.most_common(_MOST_COUNTED // 2)))

    def texts(self) -> dict[str, tuple[str, ...]]:
        """The vocabulary of each column of texts."""
        return {name: self._vocabulary(name) for name in self.columns.text}

    def _vocabulary(self, name: str) -> tuple[str, ...]:
        counts = self.words.get(name, Counter())
        shared = [word for word, rows in counts.items() if rows >= FEWEST_ROWS]
        return tuple(sorted(shared, key=lambda word: (-counts[word], word))[:MOST_WORDS])

    def embeddings(self) -> dict[str, VectorSurvey]:
        """What was seen of each column of vectors that holds any."""
        found = {name: look.survey() for name, look in self.vectors.items()}
        return {name: survey for name, survey in found.items() if survey is not None}

    def surveys(self, looked: dict[str, ColumnSurvey]) -> Iterator[ColumnSurvey]:
        """The columns that only now can be told of; ``looked`` are the others."""
        for name, vocabulary in self.texts().items():
            words = looked[f"{name}.words"]
            named = (*vocabulary[:NAMED_WORDS], OTHER_WORDS)
            yield ColumnSurvey(
                f"{name}.{UNKNOWN}", "number", words.values, words.nulls, atoms=_fractions()
            )
            yield ColumnSurvey(
                f"{name}.{VOCABULARY}", "text", words.values, words.nulls, levels=named,
                distinct=len(vocabulary),
            )  # fmt: skip
        for name, survey in self.embeddings().items():
            yield from _of_vectors(name, survey)


def _of_vectors(name: str, survey: VectorSurvey) -> Iterator[ColumnSurvey]:
    rows, centre = survey.sample, survey.centre
    found = norms(rows), distances(rows, centre), cosine_distances(rows, centre)
    for part, sample in zip(OF_EMBEDDINGS, found, strict=True):
        finite = sample[np.isfinite(sample)]
        yield numeric_survey(
            f"{name}.{part}", finite, values=survey.values, nulls=survey.nulls, integral=False
        )


def _fractions() -> tuple[float, ...]:
    """The shares that texts of a few words have most often."""
    pairs = [(part, whole) for whole in range(1, _FRACTIONS + 1) for part in range(whole + 1)]
    return tuple(sorted({part / whole for part, whole in pairs}))


def _column(batch: pa.RecordBatch, name: str | None) -> pa.Array | None:
    return batch.column(name) if name in batch.schema.names else None
