"""A question's slips of the finger -> the words that were meant.

A word that neither the passages nor the packaged model's vocabulary know is taken for a slip
when a known word is as near as one slip goes: a letter too many, too few or mistaken, or two in
the wrong order (Damerau 1964). What the passages hold is preferred, so that their names are
found. The first letter is trusted: it is seldom the wrong one.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.lexical import stemmed
from index.weights import packaged_tokenizer

SHORTEST = 4
"""Letters; what is shorter is near to too much."""
LONG = 9
"""Letters from which a word of the passages may be two slips away."""
_WORD = re.compile(r"[^\W\d_]+")
_JOINED = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|ca|wo|could|should|would|must|need|ai)nt"
    r"|(?:what|where|who|how|when|why|that|there|here|let|she)s|(?:what|you|they|who)(?:re|ve|ll|d)"
)
"""Two words whose apostrophe was left out."""


class _Common(NamedTuple):
    """The vocabulary's whole words, the most common first, and the stems of them all."""

    words: Sequence[str]
    stems: frozenset[str]


def corrected(question: str, texts: Iterable[str]) -> str:
    """The question with the words that were meant; itself where it has no slip.

    ``texts`` are what it may be about.
    """
    held = Counter(word for text in texts for word in _WORD.findall(text.casefold()))
    stems = frozenset(stemmed(list(held)))
    common = _common()

    def meant(match: re.Match[str]) -> str:
        typed = match[0]
        word = typed.casefold()
        # An accent is no slip.
        if len(word) < SHORTEST or not word.isascii() or _JOINED.fullmatch(word):
            return typed
        if not {word, *stemmed([word])}.isdisjoint(stems | common.stems):
            return typed
        found = _nearest(word, [one for one, _ in held.most_common()], 1 + (len(word) >= LONG))
        found = found or _nearest(word, common.words, 1)
        if found is None:
            return typed
        return found.capitalize() if typed[0].isupper() else found

    return _WORD.sub(meant, question)


def _nearest(word: str, among: Sequence[str], slips: int) -> str | None:
    """The first of the nearest; ``slips`` is how many it may be away."""
    likely = [one for one in among if len(one) >= SHORTEST and one[0] == word[0]]
    near = process.extract(word, likely, scorer=OSA.distance, score_cutoff=slips, limit=1)
    return near[0][0] if near else None


@cache
def _common() -> _Common:
    ranked = sorted(packaged_tokenizer().get_vocab().items(), key=lambda pair: pair[1])
    words = [word for word, _ in ranked if word.isalpha() and len(word) >= SHORTEST]
    return _Common(words, frozenset(stemmed(words)))
