"""Questions of several threads, encoded in one batch."""

from __future__ import annotations

import threading
import time
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


@pytest.fixture
def together(slow: Slow) -> Together:
    return Together(slow)  # type: ignore[arg-type]


def asked_at_once(
    together: Together, slow: Slow, first: str, others: Sequence[Sequence[str]]
) -> list[object]:
    """What each gets when ``others`` come while ``first`` is encoded."""

    def encode(texts: Sequence[str]) -> object:
        try:
            return together.encode(texts)[:, 0].tolist()
        except ValueError as error:
            return str(error)

    with ThreadPoolExecutor(len(others) + 1) as pool:
        results = [pool.submit(encode, [first])]
        assert slow.begun.wait(10)
        results += [pool.submit(encode, texts) for texts in others]
        gives_up = time.monotonic() + 10
        while len(together._waiting) < len(others) and time.monotonic() < gives_up:
            time.sleep(0.001)
        slow.go.set()
        return [result.result(10) for result in results]


def test_a_lone_question_waits_for_nobody(together: Together, slow: Slow) -> None:
    slow.go.set()
    assert together.encode(["abc"]).tolist() == [[3.0]]
    assert slow.batches == [["abc"]]


def test_those_that_come_meanwhile_make_one_batch_and_each_gets_its_own(
    together: Together, slow: Slow
) -> None:
    found = asked_at_once(together, slow, "a", [["bb"], ["ccc", "dddd"], ["eeeee"]])
    assert found == [[1], [2], [3, 4], [5]]
    assert [len(batch) for batch in slow.batches] == [1, 4]


def test_a_batch_is_bounded(together: Together, slow: Slow) -> None:
    found = asked_at_once(together, slow, "a", [["b"]] * (MOST + 5))
    assert found == [[1]] * (MOST + 6)
    assert [len(batch) for batch in slow.batches] == [1, MOST, 5]


def test_what_goes_wrong_is_told_to_all_of_the_batch_and_the_next_goes_on(
    together: Together, slow: Slow
) -> None:
    assert asked_at_once(together, slow, "a", [["bad"], ["bb"]]) == [[1], "bad", "bad"]
    assert together.encode(["abc"]).tolist() == [[3.0]]
