"""Question sets -> groups of passages to learn from.

A group is one question with the passages that are read for it. In an answerable one
the first passage holds the answer; the others are those that BM25 finds in the same
article without it. Unanswerable ones come from the data, from the rules in
``near_misses``, from an article without the paragraph that answers, and from other articles.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np

from index.lexical import LexicalIndex, tokens
from index.training.near_misses import Pools, opposed, swapped, without_sentences
from index.training.written import read_written

PASSAGE_CHARS = (220, 620)
_BETWEEN = "\n\n"
SHORTEST_REST = 120
"""Characters that a passage must keep when the answer's sentence is taken out."""


@dataclass(frozen=True, slots=True)
class Passage:
    """``answers`` are the spans of gold answers in ``text``; none: it does not say."""

    text: str
    answers: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Group:
    question: str
    passages: tuple[Passage, ...]

    @property
    def answerable(self) -> bool:
        return any(passage.answers for passage in self.passages)


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    paragraph: int
    answers: tuple[tuple[int, str], ...]

    @property
    def spans(self) -> tuple[tuple[int, int], ...]:
        return tuple((at, at + len(text)) for at, text in self.answers)

    @property
    def golds(self) -> tuple[str, ...]:
        return tuple(text.casefold() for _, text in self.answers)


@dataclass(frozen=True, slots=True)
class Article:
    contexts: tuple[str, ...]
    questions: tuple[Question, ...]
    words: LexicalIndex
    pools: Pools

    @property
    def text(self) -> str:
        """As a whole, its paragraphs apart by an empty line."""
        return _BETWEEN.join(self.contexts)

    @property
    def starts(self) -> tuple[int, ...]:
        """Where each paragraph begins in the text."""
        lengths = (len(context) + len(_BETWEEN) for context in self.contexts)
        return tuple(accumulate(lengths, initial=0))


def read(path: Path) -> list[Article]:
    """The articles of a file in the format of SQuAD, or of a folder as ``written`` reads it."""
    content = read_written(path) if path.is_dir() else json.loads(path.read_bytes())
    return [_article(raw) for raw in content["data"]]


def _article(raw: dict[str, Any]) -> Article:
    contexts = tuple(p["context"] for p in raw["paragraphs"])
    questions = tuple(
        Question(
            q["question"].strip(),
            number,
            ()
            if q.get("is_impossible")
            else tuple(sorted({(a["answer_start"], a["text"]) for a in q["answers"]})),
        )
        for number, p in enumerate(raw["paragraphs"])
        for q in p["qas"]
    )
    words = LexicalIndex.build([tokens(c) for c in contexts])
    return Article(contexts, questions, words, Pools.of("\n".join(contexts)))


@dataclass(frozen=True, slots=True)
class Mix:
    """How often each sort of unanswerable group is made of an answerable question (0..1).

    ``swapped``: another name, number or thing in the question; ``opposed``: its sense turned
    round; ``removed``: the answer's sentence taken out of the passage; ``left_out``: only what
    retrieval brings beside the answer's paragraph; ``far``: passages of another article.
    ``own`` is the share of the questions themselves, ``negatives`` that of a (second)
    negative beside them. ``again``: how often the unanswerable ones of the data are repeated.
    """

    own: float
    negatives: float
    swapped: float
    far: float
    opposed: float = 0.0
    removed: float = 0.0
    left_out: float = 0.0
    again: int = 0


_NONE = Mix(own=0.0, negatives=0.0, swapped=0.0, far=0.0)


@dataclass(frozen=True, slots=True)
class Mixes:
    """The mix for each sort of file: articles asked as a whole, single passages, and articles
    whose unanswerable questions were written by hand.
    """

    hard: Mix
    easy: Mix = _NONE
    written: Mix = _NONE


FIRST = Mixes(
    hard=Mix(own=1.0, negatives=0.4, swapped=0.22, far=0.03),
    easy=Mix(own=0.6, negatives=0.3, swapped=0.06, far=0.03),
)
VERIFIER = Mixes(
    hard=Mix(own=0.4, negatives=1.0, swapped=0.2, far=0.6, left_out=0.25, again=3),
    written=Mix(own=0.45, negatives=1.0, swapped=0.2, far=0.5, left_out=0.25),
)
SECOND = Mixes(
    hard=Mix(1.0, 0.4, swapped=0.28, far=0.03, opposed=0.15, removed=0.15, left_out=0.12, again=1),
    easy=Mix(0.6, 0.3, swapped=0.06, far=0.03, opposed=0.06, removed=0.12),
)
THIRD = Mixes(
    hard=Mix(own=0.12, negatives=0.4, swapped=0.28, far=0.03, opposed=0.15, removed=0.15),
    easy=Mix(own=0.04, negatives=0.3, swapped=0.06, far=0.03, opposed=0.06, removed=0.12),
    written=Mix(1.0, 0.6, swapped=0.1, far=0.03, opposed=0.05, removed=0.15, left_out=0.15),
)

FOURTH = Mixes(
    hard=Mix(0.6, 0.6, swapped=0.2, far=0.1, opposed=0.05, removed=0.15, left_out=0.15, again=1),
    written=Mix(0.9, 0.6, swapped=0.1, far=0.1, opposed=0.05, removed=0.15, left_out=0.15),
)


def groups(
    articles: Sequence[Article], chance: random.Random, mix: Mix, *, hard: bool
) -> Iterator[Group]:
    """One group for each question, and the unanswerable ones made by rule.

    ``hard``: with negatives from the same article; else the passage alone, mostly.
    """
    for article in articles:
        for question in article.questions:
            if chance.random() >= mix.own:
                continue
            for _ in range(1 if question.answers else 1 + mix.again):
                count = int(hard) + (chance.random() < mix.negatives)
                yield _group(article, question, count, chance)
            if question.answers:
                yield from _unanswerable(articles, article, question, mix, chance, hard=hard)


def _unanswerable(
    articles: Sequence[Article],
    article: Article,
    question: Question,
    mix: Mix,
    chance: random.Random,
    *,
    hard: bool,
) -> Iterator[Group]:
    context = article.contexts[question.paragraph]
    near: list[tuple[str | None, str | None]] = []
    if chance.random() < mix.swapped:
        near.append((swapped(question.text, context, article.pools, chance), context))
    if chance.random() < mix.opposed:
        near.append((opposed(question.text, context, chance), context))
    if chance.random() < mix.removed:
        rest = without_sentences(context, question.spans)
        near.append((question.text, rest if is_silent(rest, question) else None))
    for text, passage in near:
        if text is not None and passage is not None:
            cut = Passage(_cut(passage, (), chance, around=question.spans)[0])
            yield Group(roughened(text, chance), (cut,))
    if chance.random() < mix.left_out and (found := _found(article, question, 2, chance)):
        yield Group(roughened(question.text, chance), tuple(found))
    if chance.random() < mix.far and (other := chance.choice(articles)) is not article:
        far = tuple(
            Passage(_cut(chance.choice(other.contexts), (), chance)[0]) for _ in range(1 + hard)
        )
        yield Group(roughened(question.text, chance), far)


def holds(text: str, golds: Sequence[str]) -> bool:
    """Whether one of them, case folded, stands in a text."""
    return any(gold in text.casefold() for gold in golds)


def is_silent(text: str, question: Question) -> bool:
    """Whether a text long enough to be read holds no gold answer."""
    return len(text) >= SHORTEST_REST and not holds(text, question.golds)


def _group(article: Article, question: Question, negatives: int, chance: random.Random) -> Group:
    text, inside = _cut(article.contexts[question.paragraph], question.spans, chance)
    others = _found(article, question, negatives, chance)
    return Group(roughened(question.text, chance), (Passage(text, inside), *others))


def _found(
    article: Article, question: Question, count: int, chance: random.Random
) -> list[Passage]:
    """Passages that BM25 brings from elsewhere in the article, and that hold no gold answer."""
    scores = article.words.scores(tokens(question.text))
    order = [int(i) for i in np.argsort(-scores)[:8] if int(i) != question.paragraph]
    free = [i for i in order if not holds(article.contexts[i], question.golds)]
    # Mostly the best, at times one further down.
    chosen = free[:count] if chance.random() < 0.7 else chance.sample(free, min(count, len(free)))
    return [Passage(_cut(article.contexts[i], (), chance)[0]) for i in chosen]


def _cut(
    context: str,
    spans: Sequence[tuple[int, int]],
    chance: random.Random,
    *,
    around: Sequence[tuple[int, int]] = (),
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A run of whole words of the context, of a length drawn by chance, around the answer.

    ``around`` says where, when there is no answer to stay near.
    """
    size = chance.randint(*PASSAGE_CHARS)
    begin, end = 0, len(context)
    if len(context) > size * 1.15:
        places = [(a, b) for a, b in spans or around if b <= len(context)]
        anchor = chance.choice(places or [(chance.randint(0, len(context) - size),) * 2])
        room = max(0, size - (anchor[1] - anchor[0]))
        begin = max(0, min(anchor[0] - chance.randint(0, room), len(context) - size))
        end = min(len(context), max(begin + size, anchor[1]))
        begin = _sentence_start(context, begin, anchor[0])
        end = _word_end(context, end)
    inside = tuple((a - begin, b - begin) for a, b in spans if begin <= a and b <= end)
    return context[begin:end], inside


def _sentence_start(text: str, at: int, limit: int) -> int:
    if at == 0:
        return 0
    found = re.compile(r"[.!?][\"')]?\s+").search(text, at, limit)
    if found:
        return found.end()
    space = text.find(" ", at, limit)
    return space + 1 if space >= 0 else at


def _word_end(text: str, at: int) -> int:
    space = text.find(" ", at)
    return len(text) if space < 0 else space


def roughened(question: str, chance: random.Random) -> str:
    """As people type: at times in lower case, without a question mark, with a slip."""
    if chance.random() < 0.2:
        question = question.lower()
    if chance.random() < 0.2:
        question = question.rstrip("?. ")
    if chance.random() < 0.08 and len(question) > 12:
        at = chance.randrange(1, len(question) - 2)
        if question[at : at + 2].isalpha():
            swapped = question[at + 1] + question[at]
            question = question[:at] + chance.choice([swapped, question[at]]) + question[at + 2 :]
    return question
