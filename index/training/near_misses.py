"""Questions that a passage nearly answers: made by rule from those that it does answer.

Real ones are few (two thousand in the data), so answerable questions are turned: another
name, number or thing stands in the place of one; the sense is turned round; or the
sentence with the answer is taken out of the passage. Pure: text and chance in, text out.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Self

_NAME = re.compile(r"(?<!^)\b[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")
_THING = re.compile(r"(?<=\bthe )[a-z]{5,}\b|(?<=\bof )[a-z]{5,}\b|(?<=\bmany )[a-z]{5,}\b")
_SENTENCE_END = re.compile(r"[.!?][\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9])")
_NEGATABLE = re.compile(r"\b(?:is|are|was|were|did|does|do|can|could|has|have|had|will|would)\b")


@dataclass(frozen=True, slots=True)
class Pools:
    """The names, numbers and things of an article, to be put in the place of others."""

    names: tuple[str, ...]
    numbers: tuple[str, ...]
    things: tuple[str, ...]

    @classmethod
    def of(cls, text: str) -> Self:
        found = (tuple(sorted(set(kind.findall(text)))) for kind in (_NAME, _NUMBER, _THING))
        return cls(*found)


def swapped(question: str, passage: str, pools: Pools, chance: random.Random) -> str | None:
    """The question about another name, number or thing, which the passage does not hold."""
    kinds = [(_NUMBER, pools.numbers), (_NAME, pools.names), (_THING, pools.things)]
    if chance.random() < 0.3:
        kinds.reverse()
    for pattern, pool in kinds:
        found = [m for m in pattern.finditer(question) if m[0] in passage]
        fits = [word for word in pool if word not in passage and word not in question]
        if found and fits:
            return _put(question, chance.choice(found), chance.choice(fits))
    return None


@cache
def _opposites() -> tuple[tuple[str, ...], ...]:
    words = (resources.files("index") / "training" / "opposites.txt").read_text("utf-8")
    return tuple(tuple(pair.split("/")) for pair in words.split())


def opposed(question: str, passage: str, chance: random.Random) -> str | None:
    """The question with its sense turned round, by a word that the passage does not hold."""
    words = {word: match for match in re.finditer(r"[a-z]+", question) for word in [match[0]]}
    turned = [
        (words[word], other)
        for pair in _opposites()
        for word, other in (pair, pair[::-1])
        if word in words and not re.search(rf"\b{other}\b", passage)
    ]
    if turned:
        return _put(question, *chance.choice(turned))
    verb = _NEGATABLE.search(question, 1)
    negated = re.search(r"\bno[tr]?\b|n't\b|\bnever\b", f"{question} {passage}")
    # Rare: not every question with "not" in it is to look unanswerable.
    if verb and not negated and chance.random() < 0.25:
        return _put(question, verb, f"{verb[0]} not")
    return None


def without_sentences(passage: str, spans: Sequence[tuple[int, int]]) -> str:
    """The passage without the sentences that the spans touch."""
    ends = [match.end() for match in _SENTENCE_END.finditer(passage)]
    sentences = zip([0, *ends], [*ends, len(passage)], strict=True)
    return "".join(
        passage[begin:end]
        for begin, end in sentences
        if not any(first < end and begin < last for first, last in spans)
    ).strip()


def _put(text: str, match: re.Match[str], word: str) -> str:
    return text[: match.start()] + word + text[match.end() :]
