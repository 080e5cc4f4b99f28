"""Question and passages -> the words that answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer: its span within the passage, and its fused score."""

    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True)
class ReadingPassage:
    """A passage as a reader gets it, with the sentences that may be quoted from it."""

    text: str
    sentences: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """``passages[passage].text[start:end]`` answers; the higher the score the surer."""

    passage: int
    start: int
    end: int
    score: float


class Reader(Protocol):
    """What finds the answer in the passages."""

    def read(self, question: str, passages: Sequence[ReadingPassage]) -> Span:
        """The best answer in ``passages``, of which there is at least one with a sentence."""


class SentencePicker:
    """Answers with the sentence that retrieval scored best, whole."""

    def read(self, question: str, passages: Sequence[ReadingPassage]) -> Span:
        del question  # its match with each sentence is in the scores already
        spans = [
            Span(number, sentence.start, sentence.end, sentence.score)
            for number, passage in enumerate(passages)
            for sentence in passage.sentences
        ]
        return max(spans, key=lambda span: span.score)
