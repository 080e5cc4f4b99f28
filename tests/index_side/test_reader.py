"""The sentence-picker."""

from __future__ import annotations

import pytest

from index.reader import Candidate, ReadingPassage, SentencePicker, Span

TEXT = "It was a fine ship. It sank in May 1910 with all hands. Twelve men were lost."
SENTENCES = (Candidate(0, 19, 0.80), Candidate(20, 55, 0.75), Candidate(56, 77, 0.70))
ELSEWHERE = ReadingPassage("Nobody came.", (Candidate(0, 12, 0.60),))


@pytest.mark.parametrize(
    ("question", "start", "end"),
    [
        ("What was it like?", 0, 19),
        ("When did it sink?", 20, 55),
        ("in which year was that", 20, 55),
        ("How many men were lost?", 20, 55),
        ("Whenever was that?", 0, 19),
    ],
)
def test_the_best_sentence_is_picked_whole_and_the_type_asked_for_counts(
    question: str, start: int, end: int
) -> None:
    span = SentencePicker().read(question, [ELSEWHERE, ReadingPassage(TEXT, SENTENCES)])
    assert (span.passage, span.start, span.end) == (1, start, end)


def test_the_type_asked_for_does_not_outweigh_everything() -> None:
    far = (Candidate(0, 19, 0.95), Candidate(20, 55, 0.75))
    span = SentencePicker().read("When did it sink?", [ReadingPassage(TEXT, far)])
    assert span == Span(0, 0, 19, 0.95)
