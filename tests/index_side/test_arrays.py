"""What arrays leave in memory."""

from __future__ import annotations

import ctypes
import sys

import pytest

from index.arrays import give_back
from tests.bench.scale import resident_mb


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="only glibc keeps it",
)
def test_memory_that_was_freed_returns_to_the_system() -> None:
    size, count = 100_000, 1_000  # below what malloc maps for itself alone
    held = [bytes([n % 256]) * size for n in range(count)]
    last = held.pop()  # keeps the heap from ending where the rest ended
    before = resident_mb()
    held.clear()
    give_back()
    assert before - resident_mb() > 0.8 * size * count / 1e6
    assert len(last) == size
