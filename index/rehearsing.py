"""Kept questions, asked of the live index and of one that is built beside it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from index.building import text_key
from index.catalogue import Catalogue
from index.embedding import Embedder, Step, Vectors
from index.types import Answer, Replayed, Scope


class Compared(NamedTuple):
    """The questions by what would become of their answers."""

    unchanged: int
    better: tuple[Replayed, ...]
    lost: tuple[Replayed, ...]
    different: tuple[Replayed, ...]


def compared(answers: Iterable[tuple[str, Answer, Answer]]) -> Compared:
    """Sort (question, answer before, answer after) by the difference that is made."""
    unchanged = 0
    better: list[Replayed] = []
    lost: list[Replayed] = []
    different: list[Replayed] = []
    for question, before, after in answers:
        replayed = Replayed(question, before.text, after.text)
        if _words(before) == _words(after):
            unchanged += 1
        elif not before.answered:
            better.append(replayed)
        elif not after.answered:
            lost.append(replayed)
        else:
            different.append(replayed)
    return Compared(unchanged, tuple(better), tuple(lost), tuple(different))


def _words(answer: Answer) -> tuple[str | None, ...]:
    return answer.text, *(quote.text for quote in answer.quotes)


class Recalling:
    """An embedder that knows what a catalogue has cached, and while ``learning`` adds to it."""

    def __init__(self, embedder: Embedder, catalogue: Catalogue, scope: Scope) -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._scope = scope
        self.fingerprint = embedder.fingerprint
        self.max_tokens = embedder.max_tokens
        self.learning = True

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        keys = [text_key(text) for text in texts]
        known = self._catalogue.cached_vectors(self._scope, self.fingerprint, keys)
        text_of = dict(zip(keys, texts, strict=True))
        missing = [key for key in text_of if key not in known]
        if missing:
            fresh = self._embedder.encode([text_of[key] for key in missing], step)
            new = dict(zip(missing, fresh, strict=True))
            if self.learning:
                self._catalogue.cache_vectors(self._scope, self.fingerprint, new)
            known |= new
        found = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, key in enumerate(keys):
            found[row] = known[key]
        return found
