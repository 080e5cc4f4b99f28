"""Scores of several kinds -> one order, and the passages from it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.ranking import (
    PASSAGE_CHARS,
    WEIGHTS,
    Place,
    fuse,
    merge_neighbours,
    scale,
    within_budget,
)


def array(*scores: float) -> np.ndarray:
    return np.array(scores, dtype=np.float32)


def test_each_term_is_scaled_before_it_is_weighed() -> None:
    flat = array(7, 7, 7)
    terms = dict.fromkeys(WEIGHTS, flat) | {
        "sentence_cosine": array(0.2, 0.4, 0.3),
        "sentence_bm25": array(10, 0, 30),
    }
    expected = (
        WEIGHTS["sentence_cosine"] * array(0, 1, 0.5)
        + WEIGHTS["sentence_bm25"] * array(1 / 3, 0, 1)
    ) / sum(WEIGHTS.values())
    assert fuse(scale(terms)) == pytest.approx(expected)


@given(st.lists(st.lists(st.floats(-5, 50, width=32), min_size=5, max_size=5), max_size=9))
def test_fused_scores_lie_between_0_and_1(rows: list[list[float]]) -> None:
    columns = np.array(rows, dtype=np.float32).reshape(len(rows), 5)
    scores = fuse(scale({name: columns[:, i] for i, name in enumerate(WEIGHTS)}))
    assert scores.shape == (len(rows),)
    assert ((scores >= 0) & (scores <= 1 + 1e-6)).all()


def test_the_best_are_taken_until_the_budget_is_spent() -> None:
    assert within_budget(array(0.1, 0.9, 0.5, 0.7), [10, 10, 10, 10], 30) == [1, 3, 2]


def test_one_that_is_too_long_is_still_taken_first() -> None:
    assert within_budget(array(0.1, 0.9), [10, 99], 30) == [1]


def test_more_than_the_budget_can_be_asked_for() -> None:
    assert within_budget(array(0.1, 0.9, 0.5), [99, 99, 99], 30, at_least=2) == [1, 2]


def place(number: int, paragraph: int = 0, article: int = 0, size: int = 10) -> Place:
    return Place((0, article), paragraph, number, number * size, (number + 1) * size)


def test_neighbours_become_one_passage_and_the_best_comes_first() -> None:
    places = {7: place(5), 3: place(1), 4: place(2), 9: place(4)}
    assert merge_neighbours(places) == [[9, 7], [3, 4]]


def test_paragraphs_and_articles_keep_neighbours_apart() -> None:
    places = {0: place(0), 1: place(1, paragraph=1), 2: place(2, paragraph=1, article=1)}
    assert merge_neighbours(places) == [[0], [1], [2]]


def test_a_passage_ends_before_it_grows_too_long() -> None:
    size = PASSAGE_CHARS // 2
    places = {n: place(n, size=size) for n in range(3)}
    assert merge_neighbours(places) == [[0, 1], [2]]
