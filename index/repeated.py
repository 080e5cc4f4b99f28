"""Answers to questions that are asked again while nothing that they rest on has changed."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable, Sequence

from index.generation import Searched
from index.types import Answer, Turn

MOST = 1024
"""Answers that are held, a few kilobytes each."""


class Repeated:
    """The answers given last, by all that they rest on. Thread-safe."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._answers: OrderedDict[Hashable, Answer] = OrderedDict()

    def get(self, key: Hashable) -> Answer | None:
        with self._lock:
            answer = self._answers.get(key)
            if answer is not None:
                self._answers.move_to_end(key)
            return answer

    def keep(self, key: Hashable, answer: Answer) -> None:
        with self._lock:
            self._answers[key] = answer
            self._answers.move_to_end(key)
            while len(self._answers) > self._most:
                self._answers.popitem(last=False)


def rests_on(
    question: str, history: Sequence[Turn], threshold: float, searched: Sequence[Searched]
) -> Hashable:
    """All that decides an answer: the generations' names change with every change of articles."""
    indexes = tuple(
        (one.generation.scope, one.generation.name, one.live and frozenset(one.live))
        for one in searched
    )
    return question, tuple(history), threshold, indexes
