"""Questions that come together are encoded together.

A short text costs the network little more than reading its weights once, so that eight
take hardly longer than one. Whoever comes first encodes at once, and nobody waits for
company: those that come meanwhile make the next batch.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future

from index.embedding import Embedder, Vectors

MOST = 32
"""Texts of one batch; the last who fits may bring a few more."""

_Asked = tuple[Sequence[str], "Future[Vectors]"]


class Together:
    """Encodes what several threads ask for at once. Thread-safe."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._turn = threading.Lock()
        self._waiting: deque[_Asked] = deque()

    def encode(self, texts: Sequence[str]) -> Vectors:
        """As ``Embedder.encode``."""
        mine: Future[Vectors] = Future()
        self._waiting.append((texts, mine))
        while not mine.done():
            with self._turn:
                # Another thread may have encoded it while this one waited for its turn.
                if not mine.done():
                    self._encode_next()
        return mine.result()

    def _encode_next(self) -> None:
        batch: list[_Asked] = []
        while self._waiting and sum(len(texts) for texts, _ in batch) < MOST:
            batch.append(self._waiting.popleft())
        try:
            vectors = self._embedder.encode([text for texts, _ in batch for text in texts])
        except BaseException as error:  # noqa: BLE001 - each of them raises it
            for _, asked in batch:
                asked.set_exception(error)
            return
        begin = 0
        for texts, asked in batch:
            asked.set_result(vectors[begin : begin + len(texts)])
            begin += len(texts)
