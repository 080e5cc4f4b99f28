"""Question sets -> groups of passages to learn from.

A group is one question with the passages that are read for it. In an answerable one
the first passage holds the answer; the others are those that BM25 finds in the same
article without it. Unanswerable ones come from the data, from rules that put another
name or number in the place of one in the question, and from other articles.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from index.lexical import LexicalIndex, tokens

PASSAGE_CHARS = (220, 620)

_NAME = re.compile(r"(?<!^)\b[A-Z][\w'-]+(?: [A-Z][\w'-]+)*")
_NUMBER = re.compile(r"\b\d[\d,.]*\b")


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


@dataclass(frozen=True, slots=True)
class Article:
    contexts: tuple[str, ...]
    questions: tuple[Question, ...]
    words: LexicalIndex
    names: tuple[str, ...]
    numbers: tuple[str, ...]


def read(path: Path) -> list[Article]:
    """The articles of a file in the format of SQuAD."""
    return [_article(raw) for raw in json.loads(path.read_bytes())["data"]]


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
    whole = "\n".join(contexts)
    return Article(
        contexts,
        questions,
        LexicalIndex.build([tokens(c) for c in contexts]),
        tuple(sorted(set(_NAME.findall(whole)))),
        tuple(sorted(set(_NUMBER.findall(whole)))),
    )


def groups(articles: Sequence[Article], chance: random.Random, *, hard: bool) -> Iterator[Group]:
    """One group for each question, and the unanswerable ones made by rule.

    ``hard``: with negatives from the same article; else the passage alone, mostly.
    """
    for article in articles:
        for question in article.questions:
            count = 1 + (chance.random() < 0.4) if hard else int(chance.random() < 0.3)
            if not hard and chance.random() < 0.4:
                continue
            group = _group(article, question, count, chance)
            yield replace(group, question=_roughened(group.question, chance))
            if not question.answers:
                continue
            if chance.random() < (0.22 if hard else 0.06):
                near = _near_miss(article, question, chance)
                if near is not None:
                    yield near
            if chance.random() < 0.03:
                other = chance.choice(articles)
                if other is not article:
                    far = tuple(
                        Passage(_cut(chance.choice(other.contexts), (), chance)[0])
                        for _ in range(1 + hard)
                    )
                    yield Group(_roughened(question.text, chance), far)


def _group(article: Article, question: Question, negatives: int, chance: random.Random) -> Group:
    context = article.contexts[question.paragraph]
    spans = tuple(sorted((at, at + len(text)) for at, text in question.answers))
    text, inside = _cut(context, spans, chance)
    own = Passage(text, inside)
    golds = [text.casefold() for _, text in question.answers]
    others = _found(article, question, negatives, golds, chance)
    return Group(question.text, (own, *others))


def _found(
    article: Article,
    question: Question,
    count: int,
    golds: Sequence[str],
    chance: random.Random,
) -> list[Passage]:
    scores = article.words.scores(tokens(question.text))
    order = [int(i) for i in np.argsort(-scores)[:8] if int(i) != question.paragraph]
    free = [i for i in order if not any(g in article.contexts[i].casefold() for g in golds)]
    # Mostly the best, at times one further down.
    chosen = free[:count] if chance.random() < 0.7 else chance.sample(free, min(count, len(free)))
    return [Passage(_cut(article.contexts[i], (), chance)[0]) for i in chosen]


def _cut(
    context: str, spans: Sequence[tuple[int, int]], chance: random.Random
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """A run of whole words of the context, of a length drawn by chance, around the answer."""
    size = chance.randint(*PASSAGE_CHARS)
    begin, end = 0, len(context)
    if len(context) > size * 1.15:
        anchor = chance.choice(spans) if spans else (chance.randint(0, len(context) - size),) * 2
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


def _near_miss(article: Article, question: Question, chance: random.Random) -> Group | None:
    """The same passage, asked about another name or number that it does not hold."""
    context = article.contexts[question.paragraph]
    for pattern, pool in ((_NUMBER, article.numbers), (_NAME, article.names)):
        found = [m for m in pattern.finditer(question.text) if m[0] in context]
        fits = [x for x in pool if x not in context and x not in question.text]
        if found and fits:
            match = chance.choice(found)
            text = (
                question.text[: match.start()] + chance.choice(fits) + question.text[match.end() :]
            )
            spans = tuple((at, at + len(a)) for at, a in question.answers)
            passage = Passage(_cut(context, spans, chance)[0])
            return Group(_roughened(text, chance), (passage,))
    return None


def _roughened(question: str, chance: random.Random) -> str:
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
