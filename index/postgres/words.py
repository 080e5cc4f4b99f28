"""BM25 from a table of terms: each word of a generation with the texts that hold it.

The scores are worked out when the generation is built, from its own texts alone, as in
``index.lexical``: PostgreSQL's own ranking knows no word's frequency.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from index.database import Database
from index.lexical import Scores, idf
from index.postgres.tables import postings
from index.recent import Recent

SENTENCES, WINDOWS, CHUNKS = range(3)
"""Of which texts the words are."""

Posting = tuple[npt.NDArray[np.int32], Scores]
_NOWHERE: Posting = (np.empty(0, np.int32), np.empty(0, np.float32))


class Terms:
    """The words of one generation. Those asked for last stay in ``recent``, which all share."""

    def __init__(
        self, database: Database, recent: Recent[dict[int, Posting]], scope: str, generation: str
    ) -> None:
        self._database = database
        self._recent = recent
        self._key = (scope, generation)

    def of(self, words: Sequence[str]) -> Mapping[str, dict[int, Posting]]:
        """For each word that stands anywhere, its postings by kind."""
        found: dict[str, dict[int, Posting]] = {}
        missing = []
        for word in dict.fromkeys(words):
            known = self._recent.get((*self._key, word))
            if known is None:
                missing.append(word)
            else:
                found[word] = known
        if missing:
            found |= self._fetched(missing)
        return found

    def _fetched(self, words: Sequence[str]) -> dict[str, dict[int, Posting]]:
        scope, generation = self._key
        query = sa.select(
            postings.c.word, postings.c.kind, postings.c["rows"], postings.c.scores
        ).where(
            postings.c.scope == scope,
            postings.c.generation == generation,
            postings.c.word.in_(words),
        )
        found: dict[str, dict[int, Posting]] = {word: {} for word in words}
        with self._database.reading() as connection:
            for word, kind, rows, scores in connection.execute(query):
                found[word][kind] = (np.frombuffer(rows, "<i4"), np.frombuffer(scores, "<f4"))
        for word, of_kind in found.items():
            if of_kind:  # a standby that is behind may know it later
                self._recent.keep((*self._key, word), of_kind)
        return found


def weight(of_kind: Mapping[int, Posting]) -> int:
    """The bytes that the postings of a word take."""
    return 200 + sum(rows.nbytes + scores.nbytes for rows, scores in of_kind.values())


@dataclass(frozen=True, slots=True)
class RowWords:
    """The words of one kind of text of a generation, a ``WordIndex``."""

    terms: Terms
    kind: int
    size: int

    def __len__(self) -> int:
        return self.size

    def scores(self, query: Sequence[str]) -> Scores:
        found = self.terms.of(query)
        scores = np.zeros(self.size, dtype=np.float32)
        for word in query:
            rows, added = found[word].get(self.kind, _NOWHERE)
            scores[rows] += added
        return scores

    def idf(self, words: Sequence[str]) -> Scores:
        found = self.terms.of(words)
        holding = [len(found[word].get(self.kind, _NOWHERE)[0]) for word in words]
        return idf(self.size, holding)
