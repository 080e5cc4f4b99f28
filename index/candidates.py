"""The sentences that may answer a question, from all indexes searched, on one scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from index.errors import GenerationError
from index.generation import Generation, IndexedArticle, Searched
from index.ranking import WEIGHTS, fuse, scale
from index.types import Scope

Scores = npt.NDArray[np.float32]
TextOf = Callable[[Scope, int, int], str]
"""(scope, article id, version) -> the stored text."""

CANDIDATES = 256
"""Sentences taken from each index by each kind of score before they are fused."""


@dataclass(frozen=True, slots=True)
class Found:
    """Candidate sentences from all indexes searched; row i of every array is the same one.

    ``terms`` are the scores of each kind as they are, ``scaled`` those over these candidates.
    """

    generations: tuple[Generation, ...]
    generation_of: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    sentences: npt.NDArray[np.void]
    terms: Mapping[str, Scores]
    scaled: Mapping[str, Scores]
    scores: Scores
    query: Scores

    def __len__(self) -> int:
        return len(self.rows)

    def generation(self, i: int) -> Generation:
        return self.generations[int(self.generation_of[i])]

    def sentence(self, i: int) -> Any:
        """The record of candidate i, with the fields of ``generation.SENTENCE``."""
        return self.sentences[i]

    def article(self, i: int) -> IndexedArticle:
        return self.generation(i).manifest.articles[int(self.sentence(i)["article"])]


def find(
    searched: Sequence[Searched],
    query: Scores,
    words: Sequence[str],
    weights: Mapping[str, float] = WEIGHTS,
) -> Found:
    """Gather candidates from every index and fuse their scores on one scale."""
    parts = [s.generation.candidates(query, words, CANDIDATES, s.live) for s in searched]
    terms = {name: np.concatenate([part.terms[name] for part in parts]) for name in parts[0].terms}
    scaled = scale({name: terms[name] * (name in weights) for name in terms})
    return Found(
        generations=tuple(s.generation for s in searched),
        generation_of=np.repeat(np.arange(len(parts)), [len(part.rows) for part in parts]),
        rows=np.concatenate([part.rows for part in parts]),
        sentences=np.concatenate(
            [
                one.generation.parts.sentences[part.rows]
                for one, part in zip(searched, parts, strict=True)
            ]
        ),
        terms=terms,
        scaled=scaled,
        scores=fuse(scaled, weights),
        query=query,
    )


def exact(text: str, start: int, end: int) -> str:
    """The span, byte for byte; GenerationError when it does not lie in the stored text."""
    if not 0 <= start < end <= len(text):
        raise GenerationError(
            f"the index points at {start}:{end} of a text of {len(text)} characters;"
            " re-index the library"
        )
    return text[start:end]
