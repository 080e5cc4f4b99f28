"""Questions as they come out of hasty fingers: one slip each, in one of the longer words."""

from __future__ import annotations

import random
import re
from dataclasses import replace

from index.evaluation.squad import SquadArticle

_LONGER = re.compile(r"[A-Za-z]{5,}")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def with_slips(article: SquadArticle, chance: random.Random) -> SquadArticle:
    """The article with a slip in each of its questions that has a word of five letters."""
    questions = [replace(q, text=slipped(q.text, chance)) for q in article.questions]
    return replace(article, questions=tuple(questions))


def slipped(text: str, chance: random.Random) -> str:
    """With a letter swapped with the next, left out, typed twice, or that of the key beside it;
    never a word's first.
    """
    words = list(_LONGER.finditer(text))
    if not words:
        return text
    word = chance.choice(words)
    at = word.start() + chance.randrange(1, len(word[0]) - 1)
    letter, following = text[at], text[at + 1]
    typed = chance.choice((following + letter, following, letter * 2 + following,
                           _beside(letter, chance) + following))  # fmt: skip
    return text[:at] + typed + text[at + 2 :]


def _beside(letter: str, chance: random.Random) -> str:
    row = next(row for row in _ROWS if letter.lower() in row)
    at = row.index(letter.lower())
    return chance.choice([row[i] for i in (at - 1, at + 1) if 0 <= i < len(row)])
