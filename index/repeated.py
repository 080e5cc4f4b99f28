"""When is a question one that was asked before, to the same end?"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

from index.generation import Searched
from index.types import Turn


def rests_on(
    question: str, history: Sequence[Turn], threshold: float, searched: Sequence[Searched]
) -> Hashable:
    """All that decides an answer: the generations' names change with every change of articles."""
    indexes = tuple(
        (one.generation.scope, one.generation.name, one.live and frozenset(one.live))
        for one in searched
    )
    return question, tuple(history), threshold, indexes
