"""What became of one asked question, judged against its gold answers."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from index.evaluation.squad import Gold
from index.intent import Wish, intent
from index.types import Answer

_PUNCTUATION = str.maketrans("", "", string.punctuation)


_FIRST_WORD = re.compile(
    r"\b(how (?:many|much)|who|whom|whose|when|where|which|what|why|how)\b", re.IGNORECASE
)


def sort_of(question: str) -> str:
    """The sort of question, by its question word: "who", "how many", ...; or "yes or no"."""
    if intent(question).wish is Wish.VERDICT:
        return "yes or no"
    found = _FIRST_WORD.search(question)
    word = found[1].lower() if found else "other"
    return {"whom": "who", "whose": "who", "how much": "how many"}.get(word, word)


class Asked(StrEnum):
    """Why a question was asked; off-topic ones belong to another article."""

    ANSWERABLE = "answerable"
    UNANSWERABLE = "unanswerable"
    OFF_TOPIC = "off-topic"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One question, asked without abstaining.

    ``confidence`` is 0 when nothing was quoted. ``hit``: the quote that the answer begins
    in, which is one sentence, holds the words of a gold answer. ``placed``: it covers the very
    place of one. ``exact`` and ``f1`` compare the answer's text as SQuAD does. Of ``quotes``,
    ``byte_exact`` were the article's text at the offsets they claim. ``refused``: the
    engine would not take it.
    """

    file: str
    article: str
    asked: Asked
    question: str
    confidence: float = 0.0
    hit: bool = False
    placed: bool = False
    exact: bool = False
    f1: float = 0.0
    quotes: int = 0
    quote_chars: int = 0
    byte_exact: int = 0
    elapsed_ms: float = 0.0
    refused: bool = False


def judge(
    answer: Answer,
    golds: Sequence[Gold],
    text: str,
    *,
    file: str,
    article: str,
    asked: Asked,
    elapsed_ms: float,
) -> Outcome:
    """Compare an answer with the gold ones; ``text`` is the article that was asked."""
    quotes, quote = answer.quotes, answer.quote
    said = answer.text or ""
    return Outcome(
        file=file,
        article=article,
        asked=asked,
        question=answer.question,
        confidence=answer.confidence if quotes else 0.0,
        hit=quote is not None and any(holds(quote.text, gold.text) for gold in golds),
        placed=quote is not None
        and any(quote.start <= gold.start and gold.end <= quote.end for gold in golds),
        exact=any(squad_words(said) == squad_words(gold.text) for gold in golds),
        f1=max((squad_f1(said, gold.text) for gold in golds), default=0.0),
        quotes=len(quotes),
        quote_chars=sum(len(quote.text) for quote in quotes),
        byte_exact=sum(text[quote.start : quote.end] == quote.text for quote in quotes),
        elapsed_ms=elapsed_ms,
    )


def holds(quote: str, gold: str) -> bool:
    """Whether the quote contains the gold answer, whatever their case and white space."""
    return " ".join(gold.casefold().split()) in " ".join(quote.casefold().split())


def squad_words(text: str) -> list[str]:
    """The words SQuAD's own script compares: no case, punctuation or articles."""
    bare = text.lower().translate(_PUNCTUATION)
    return re.sub(r"\b(a|an|the)\b", " ", bare).split()


def squad_f1(answer: str, gold: str) -> float:
    """Harmonic mean of precision and recall of the words, as SQuAD's script has it."""
    ours, theirs = squad_words(answer), squad_words(gold)
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))
