"""How much of a question a text takes up."""

from __future__ import annotations

from collections.abc import Sequence

from index.generation import Generation
from index.lexical import tokens


class Coverage:
    """The share of a question's words that a text holds, weighed by how rare they are.

    ``words`` are the question's, as ``lexical.tokens`` has them. For one question, and one thread.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = sorted(set(words))
        self._rarity: dict[Generation, dict[str, float]] = {}

    def of(self, generation: Generation, text: str) -> float:
        """0..1, by the rarity (IDF) of the words in that index; 0 for a question without words."""
        # Looked up once: in a database each time would be a query.
        if (rarity := self._rarity.get(generation)) is None:
            weights = generation.parts.window_words.idf(self._words)
            rarity = dict(zip(self._words, weights.tolist(), strict=True))
            self._rarity[generation] = rarity
        total = sum(rarity.values())
        return sum(rarity[word] for word in rarity.keys() & tokens(text)) / total if total else 0.0
