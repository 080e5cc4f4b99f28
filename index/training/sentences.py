"""Single sentences, as retrieval brings them: what the verifier learns to tell apart.

The reader marks the likeliest words of whole passages; a verifier looks at the one sentence
that was chosen, and says whether it answers (Hu et al. 2019, "Read + Verify: Machine
Reading Comprehension with Unanswerable Questions"). It is taught with the sentences that
would be chosen by mistake: those that retrieval holds for the likeliest.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from index.gathering import Block
from index.reader.spans import LEANS
from index.training.examples import Article, Group, Mix, Passage, Question, holds, roughened
from index.training.near_misses import swapped
from index.training.retrieved import asked, likeliest

BROUGHT = 6
"""Sentences of which the wrong ones are taken."""
ROUGH = 0.2
"""How often a question may be roughened."""
WITH_BEFORE = 0.5
"""How often a sentence that does not lean on the one before it is shown with that one too."""


class Brought(NamedTuple):
    """A sentence, and the one before it in its passage, if any."""

    before: str
    text: str


def groups(articles: Sequence[Article], chance: random.Random, mix: Mix) -> Iterator[Group]:
    """One group for each question that is drawn, and the unanswerable ones made by rule.

    Of ``mix`` all counts but ``opposed`` and ``removed``.
    """
    for article, question, blocks in asked(articles, chance, mix):
        yield from _groups(article, question, brought(blocks), chance, mix)


def brought(blocks: Sequence[Block]) -> list[Brought]:
    """The sentences of what would be read for a question, the likeliest first."""
    found: list[tuple[float, Brought]] = []
    for block in blocks:
        before = ""
        for one in block.passage.sentences:
            sentence = block.passage.text[one.start : one.end]
            found.append((-one.prior, Brought(before, sentence)))
            before = sentence
    return [sentence for _, sentence in sorted(found, key=lambda pair: pair[0])]


def _groups(
    article: Article,
    question: Question,
    sentences: Sequence[Brought],
    chance: random.Random,
    mix: Mix,
) -> Iterator[Group]:
    golds = tuple(said for _, said in question.answers)
    wrong = [one for one in sentences[:BROUGHT] if not holds(one.before + one.text, question.golds)]
    rough = chance.random() < ROUGH
    text = roughened(question.text, chance) if rough else question.text
    if not golds:
        yield Group(text, tuple(_shown(one, (), chance) for one in wrong[:2]))
        return
    right = next((one for one in sentences if _places(one.text, golds)), None)
    if right is None:
        return
    answering = _shown(right, golds, chance)
    others = likeliest(wrong, chance)
    count = 1 + (chance.random() < mix.negatives)
    yield Group(text, (answering, *(_shown(one, (), chance) for one in others[:count])))
    if chance.random() < mix.swapped:
        changed = swapped(question.text, answering.text, article.pools, chance)
        if changed is not None:
            yield Group(changed, (Passage(answering.text),))
    if wrong and chance.random() < mix.left_out:
        yield Group(text, tuple(_shown(one, (), chance) for one in wrong[:2]))


def _shown(one: Brought, golds: Sequence[str], chance: random.Random) -> Passage:
    """As the verifier gets it, with the places of the gold answers in the sentence itself."""
    if one.before and (LEANS.match(one.text) or chance.random() < WITH_BEFORE):
        at = len(one.before) + 1
        text = f"{one.before} {one.text}"
    else:
        at, text = 0, one.text
    return Passage(text, tuple(span for span in _places(text, golds) if span[0] >= at))


def _places(text: str, golds: Sequence[str]) -> list[tuple[int, int]]:
    """Where the gold answers stand in a text, as words of their own."""
    found = (re.finditer(rf"(?<!\w){re.escape(gold)}(?!\w)", text, re.IGNORECASE) for gold in golds)
    return [match.span() for matches in found for match in matches]
