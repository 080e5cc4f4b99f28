"""What was used last is kept, up to a weight."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class Recent(Generic[V]):
    """Values by key; those used longest ago go when all weigh more than ``most``. Thread-safe."""

    def __init__(self, most: int, weight: Callable[[V], int] = lambda _: 1) -> None:
        self._most = most
        self._weight = weight
        self._held = 0
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, V] = OrderedDict()

    def get(self, key: Hashable) -> V | None:
        with self._lock:
            value = self._values.get(key)
            if value is not None:
                self._values.move_to_end(key)
            return value

    def drop(self, key: Hashable) -> None:
        """Keep a value no longer, if it is there."""
        with self._lock:
            value = self._values.pop(key, None)
            if value is not None:
                self._held -= self._weight(value)

    def keep(self, key: Hashable, value: V) -> V:
        """Keep a value, and return it; one that is too heavy by itself is not kept."""
        if self._weight(value) > self._most:
            return value
        with self._lock:
            if key in self._values:
                self._held -= self._weight(self._values.pop(key))
            self._values[key] = value
            self._held += self._weight(value)
            while self._held > self._most:
                _, oldest = self._values.popitem(last=False)
                self._held -= self._weight(oldest)
            return value
