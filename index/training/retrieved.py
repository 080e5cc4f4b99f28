"""Passages as retrieval brings them: what the reader ends its training on.

Until then it reads passages that were cut by chance, beside what BM25 alone finds. A question
is answered in what the engine brings, though: the likeliest sentences with what stands around
them, of which the wrong ones look most like an answer.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, TypeVar

from index.engine import Engine
from index.gathering import Block
from index.settings import IndexSettings
from index.training.examples import (
    Article,
    Group,
    Mix,
    Passage,
    Question,
    holds,
    is_silent,
    roughened,
)
from index.training.near_misses import opposed, swapped, without_sentences
from index.types import Scope

T = TypeVar("T")


class Retrieved(NamedTuple):
    """A question of an article, or of another, and what would be read for it, the best first."""

    article: Article
    question: Question
    blocks: tuple[Block, ...]


def asked(articles: Sequence[Article], chance: random.Random, mix: Mix) -> Iterator[Retrieved]:
    """Each article's questions as often as ``mix`` says: of it ``own``, ``again`` (how many times
    more often than others an unanswerable one of the data is drawn) and ``far`` (how often a
    question of another article is asked, for each of its own) count.
    """
    with (
        tempfile.TemporaryDirectory() as folder,
        Engine.open(IndexSettings(data_dir=Path(folder), reader="none")) as engine,
    ):
        for number, article in enumerate(articles):
            drawn = [q for q in article.questions for _ in range(_times(q, chance, mix))]
            others = [other for other in articles if other is not article and other.questions]
            far = [
                replace(chance.choice(chance.choice(others).questions), answers=())
                for _ in drawn
                if others and chance.random() < mix.far
            ]
            scope = Scope.guild(number)
            engine.add(scope, article.text.encode(), media_type="text/plain", title="an article")
            for question in (*drawn, *far):
                yield Retrieved(article, question, engine.read_for(question.text, scope))


def _times(question: Question, chance: random.Random, mix: Mix) -> int:
    """How often a question is shown."""
    share = mix.own if question.answers else mix.own * (1 + mix.again)
    return int(share + chance.random())


def likeliest(wrong: Sequence[T], chance: random.Random) -> list[T]:
    """Of what retrieval brings and does not answer, the best and another."""
    return [*wrong[:1], *(chance.sample(wrong[1:], 1) if wrong[1:] else ())]


def groups(articles: Sequence[Article], chance: random.Random, mix: Mix) -> Iterator[Group]:
    """One group for each question that is drawn, and the unanswerable ones made by rule.

    The passage with the answer comes first, beside the likeliest that does not hold it (and at
    times, by ``negatives``, another); where nothing brought answers, the likeliest are shown.
    """
    for article, question, blocks in asked(articles, chance, mix):
        passages = [_passage(article, question, block) for block in blocks]
        wrong = [one for one in passages if not holds(one.text, question.golds)]
        others = likeliest(wrong, chance)[: 1 + (chance.random() < mix.negatives)]
        right = next((one for one in passages if one.answers), None)
        text = roughened(question.text, chance)
        if right is not None:
            yield Group(text, (right, *others))
            yield from _near_misses(article, question, right, mix, chance)
        if others and (right is None or chance.random() < mix.left_out):
            yield Group(text, tuple(others))


def _near_misses(
    article: Article, question: Question, right: Passage, mix: Mix, chance: random.Random
) -> Iterator[Group]:
    """What the passage that answers no longer does when one of the two was changed."""
    turned: list[str | None] = []
    if chance.random() < mix.swapped:
        turned.append(swapped(question.text, right.text, article.pools, chance))
    if chance.random() < mix.opposed:
        turned.append(opposed(question.text, right.text, chance))
    for text in filter(None, turned):
        yield Group(roughened(text, chance), (Passage(right.text),))
    if chance.random() < mix.removed:
        rest = without_sentences(right.text, right.answers)
        if is_silent(rest, question):
            yield Group(roughened(question.text, chance), (Passage(rest),))


def _passage(article: Article, question: Question, block: Block) -> Passage:
    """A block, with the gold answers that stand in it whole."""
    text = block.passage.text
    if not question.answers:  # its paragraph may be another article's
        return Passage(text)
    at = article.starts[question.paragraph] - block.start
    spans = [(start + at, end + at) for start, end in question.spans]
    return Passage(text, tuple(span for span in spans if span[0] >= 0 and span[1] <= len(text)))
