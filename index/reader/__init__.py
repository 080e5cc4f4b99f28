"""Question and passages -> the words that answer.

Two readers stand behind the protocol: ``SpanReader`` marks the very words, and
``SentencePicker`` takes the sentence that retrieval scored best.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Candidate:
    """A sentence that may answer: its span within the passage, its fused score (0..1), and its
    prior, which is on the scale of a reader's margin.
    """

    start: int
    end: int
    score: float
    prior: float = 0.0


@dataclass(frozen=True, slots=True)
class ReadingPassage:
    """A passage as a reader gets it, with the sentences that may be quoted from it."""

    text: str
    sentences: tuple[Candidate, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """``passages[passage].text[start:end]`` answers; the higher the score the surer.

    ``lead`` is how far it is ahead of the best answer in another sentence (0 where that one has
    the higher score and was not chosen all the same), ``next_lead`` and ``previous_lead`` of the
    best ones in the sentences after and before its own (below 0 likewise), where these can be
    quoted; ``margin``, how
    far ahead of "not here", and ``verified`` the same when its sentence is read without what
    stands around it: both are None from a reader that cannot tell.
    """

    passage: int
    start: int
    end: int
    score: float
    lead: float
    next_lead: float | None = None
    previous_lead: float | None = None
    margin: float | None = None
    verified: float | None = None


class Reader(Protocol):
    """What finds the answer in the passages."""

    def read(self, question: str, passages: Sequence[ReadingPassage]) -> Span:
        """The best answer in ``passages``, of which there is at least one with a sentence."""
