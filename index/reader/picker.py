"""The reader without a model: the best sentence, whole."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from index.reader import ReadingPassage, Span

_TIME = re.compile(
    r"\b(?:1\d{3}|20\d{2})s?\b|\b(?:January|February|March|April|May|June|July|August|September"
    r"|October|November|December|Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday"
    r"|century|decade|yesterday|today)\b"
)
_AMOUNT = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty"
    r"|forty|fifty|hundred|thousand|million|billion|trillion|dozen|half|third|quarter|first"
    r"|second|fourth|fifth)\b",
    re.IGNORECASE,
)
_ASKS_TIME = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:year|date|day|month|decade|century)\b", re.IGNORECASE
)
_ASKS_AMOUNT = re.compile(
    r"\bhow (?:many|much|old|long|far|tall|big|large|often|high|fast)\b"
    r"|\bwhat (?:percent|number|percentage|amount)",
    re.IGNORECASE,
)
_TYPE_BONUS = 0.15
"""For a sentence that holds the type of thing asked for; 0.1 to 0.2 did alike in training."""


class SentencePicker:
    """Answers with a whole sentence: the one that retrieval scored best.

    A sentence with a time or an amount in it is preferred when the question asks for one.
    """

    def read(self, question: str, passages: Sequence[ReadingPassage]) -> Span:
        wanted = _wanted(question)
        spans = []
        for number, passage in enumerate(passages):
            for sentence in passage.sentences:
                holds = wanted and wanted.search(passage.text, sentence.start, sentence.end)
                score = sentence.score + (_TYPE_BONUS if holds else 0.0)
                spans.append(Span(number, sentence.start, sentence.end, score, lead=0.0))
        spans.sort(key=lambda span: -span.score)
        second = spans[1].score if len(spans) > 1 else 0.0
        return replace(spans[0], lead=spans[0].score - second)


def _wanted(question: str) -> re.Pattern[str] | None:
    if _ASKS_TIME.search(question):
        return _TIME
    return _AMOUNT if _ASKS_AMOUNT.search(question) else None
