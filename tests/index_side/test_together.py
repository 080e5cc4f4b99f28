"""Questions of several threads, encoded in one batch."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from index.together import MOST, Together


class Slow:
    """Encodes a text as its length; the first batch waits until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.begun, self.go = threading.Event(), threading.Event()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        self.batches.append(list(texts))
        self.begun.set()
        assert self.go.wait(10)
        if "bad" in texts:
            raise ValueError("bad")
        return np.array([[len(text)] for text in texts], dtype=np.float32)


@pytest.fixture
def slow() -> Slow:
    return Slow()


def asked_at_once(slow: Slow, first: str, others: Sequence[Sequence[str]]) -> list[object]:
    """What each gets when ``others`` come while ``first`` is encoded."""
    together = Together(slow)  # type: ignore[arg-type]

    def encode(texts: Sequence[str]) -> object:
        try:
            return together.encode(texts)[:, 0].tolist()
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(len(others) + 1) as pool:
        results = [pool.submit(encode, [first])]
        assert slow.begun.wait(10)
        results += [pool.submit(encode, texts) for texts in others]
        while sum(len(texts) for texts, _ in together._waiting) < sum(map(len, others)):
            pass
        slow.go.set()
        return [result.result(10) for result in results]


def test_a_lone_question_waits_for_nobody(slow: Slow) -> None:
    slow.go.set()
    assert Together(slow).encode(["abc"]).tolist() == [[3.0]]  # type: ignore[arg-type]
    assert slow.batches == [["abc"]]


def test_those_that_come_meanwhile_make_one_batch_and_each_gets_its_own(slow: Slow) -> None:
    found = asked_at_once(slow, "a", [["bb"], ["ccc", "dddd"], ["eeeee"]])
    assert found == [[1], [2], [3, 4], [5]]
    assert [len(batch) for batch in slow.batches] == [1, 4]


def test_a_batch_is_bounded(slow: Slow) -> None:
    found = asked_at_once(slow, "a", [["b"]] * (MOST + 5))
    assert found == [[1]] * (MOST + 6)
    assert [len(batch) for batch in slow.batches] == [1, MOST, 5]


def test_what_goes_wrong_is_told_to_all_of_the_batch_and_the_next_goes_on(slow: Slow) -> None:
    assert asked_at_once(slow, "a", [["bad"], ["bb"]]) == [[1], "bad", "bad"]
    assert Together(slow).encode(["abc"]).tolist() == [[3.0]]  # type: ignore[arg-type]
