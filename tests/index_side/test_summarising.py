"""A summary is some of the article's own sentences that cover it, none said twice."""

from __future__ import annotations

import numpy as np
import pytest

from index.summarising import summary

TOPICS = 8


def article(count: int) -> tuple[list[str], np.ndarray, list[int]]:
    """``count`` sentences in paragraphs of three, each paragraph about a topic of its own."""
    texts = [
        f"Sentence number {i} tells something of its own topic at length." for i in range(count)
    ]
    vectors = np.full((count, TOPICS), 0.05, dtype=np.float32)
    vectors[np.arange(count), np.arange(count) // 3 % TOPICS] = 1.0
    vectors += np.linspace(0, 0.2, count, dtype=np.float32)[:, None] * np.eye(TOPICS)[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return texts, vectors, [i // 3 for i in range(count)]


@pytest.mark.parametrize(("count", "expected"), [(1, 1), (3, 3), (7, 3), (12, 4), (60, 5)])
def test_longer_articles_get_more_sentences_and_five_at_most(count: int, expected: int) -> None:
    assert len(summary(*article(count))) == expected


def test_it_reaches_from_the_beginning_to_the_end_in_order() -> None:
    chosen = summary(*article(24))
    assert chosen == sorted(chosen)
    assert chosen[0] < 6
    assert chosen[-1] >= 18


def test_the_first_sentence_of_a_paragraph_is_preferred() -> None:
    assert [i % 3 for i in summary(*article(24))] == [0, 0, 0, 0, 0]


def test_no_two_sentences_say_the_same() -> None:
    texts, vectors, paragraphs = article(12)
    vectors[:] = vectors[0]
    assert len(summary(texts, vectors, paragraphs)) == 1


def test_a_sentence_that_points_elsewhere_is_left_out() -> None:
    texts, vectors, paragraphs = article(24)
    texts[0] = "This, however, is nothing that anybody could understand alone."
    assert 0 not in summary(texts, vectors, paragraphs)


def test_no_more_than_wanted() -> None:
    assert len(summary(*article(60), most=1)) == 1
