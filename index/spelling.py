"""A question's slips of the finger -> the words that were meant.

A word that nobody writes is taken for a slip when a known word is as near as one slip goes: a
letter too many, too few or mistaken, or two in the wrong order (Damerau 1964). What the passages
hold is preferred, so that their names are found. The first letter is trusted: it is seldom the
wrong one.
"""

from __future__ import annotations

import gzip
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from importlib import resources
from typing import NamedTuple

from rapidfuzz import process
from rapidfuzz.distance import OSA

from index.arrays import give_back
from index.lexical import stemmed
from index.weights import packaged_tokenizer

SHORTEST = 4
"""Letters; what is shorter is near to too much."""
LONG = 9
"""Letters from which a word of the passages may be two slips away."""
MOST = 5
"""Unknown words, beyond which a question is another language, or none."""
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019][^\W\d_]+)*")
_JOINED = re.compile(
    r"(?:is|are|was|were|do|does|did|has|have|had|ca|wo|could|should|would|must|need|ai)nt"
    r"|(?:what|where|who|how|when|why|that|there|here|let|she)s|(?:what|you|they|who)(?:re|ve|ll|d)"
)
"""Two words whose apostrophe was left out."""
_ASKING = ("what", "which", "when", "where", "whose", "does", "were", "have", "many", "much")

ByLetter = Mapping[str, Sequence[str]]


class _Lexicon(NamedTuple):
    """``common`` are the whole words of the packaged model's vocabulary by their first letter, the
    most common first.

    ``all`` holds many more, each between line feeds: a set of them would take twelve megabytes.
    """

    common: ByLetter
    all: bytes


def corrected(question: str, texts: Iterable[str]) -> str:
    """The question with the words that were meant; itself where it has no slip.

    ``texts`` are what it may be about.
    """
    held = Counter(word for text in texts for word in _WORD.findall(text.casefold()))
    stems = frozenset(stemmed(list(held)))
    unknown = {word for word in _WORD.findall(question.casefold()) if _is_slip(word, stems)}
    if not unknown or len(unknown) > MOST:
        return question
    near = _by_letter([word for word, _ in held.most_common()])
    meant = {word: _meant(word, near) for word in unknown}

    def mended(match: re.Match[str]) -> str:
        typed = match[0]
        found = meant.get(typed.casefold())
        if found is None:
            return typed
        return found.capitalize() if typed[0].isupper() else found

    return _WORD.sub(mended, question)


def _is_slip(word: str, stems: frozenset[str]) -> bool:
    # An accent is no slip; nor is an apostrophe.
    if len(word) < SHORTEST or not (word.isascii() and word.isalpha()) or _JOINED.fullmatch(word):
        return False
    if stemmed([word])[0] in stems or packaged_tokenizer().token_to_id(word) is not None:
        return False
    return b"\n%b\n" % word.encode() not in _lexicon().all


def _meant(word: str, near: ByLetter) -> str | None:
    return (
        _nearest(word, _ASKING, 1)
        or _nearest(word, near.get(word[0], ()), 1 + (len(word) >= LONG))
        or _nearest(word, _lexicon().common.get(word[0], ()), 1)
    )


def _nearest(word: str, among: Sequence[str], slips: int) -> str | None:
    """The one at most ``slips`` away, the nearest first; of these one with the same letters in
    another order, then the first.
    """
    found = process.extract(word, among, scorer=OSA.distance, score_cutoff=slips, limit=None)
    return min(
        ((away, sorted(one) != sorted(word), at, one) for one, away, at in found if one != word),
        default=(0, False, 0, None),
    )[-1]


@cache
def _lexicon() -> _Lexicon:
    tokenizer = packaged_tokenizer()
    # One by one: all of them in a dict would leave holes of three megabytes.
    ranked = (tokenizer.id_to_token(number) or "" for number in range(tokenizer.get_vocab_size()))
    common = _by_letter(word for word in ranked if word.isascii() and word.isalpha())
    # From the subtitles of films, which know more words than the model does.
    packed = resources.files("spellchecker") / "resources" / "en.json.gz"
    found = _Lexicon(common, re.sub(rb"[^a-z]+", b"\n", gzip.decompress(packed.read_bytes())))
    give_back()
    return found


def _by_letter(words: Iterable[str]) -> ByLetter:
    found: dict[str, list[str]] = {}
    for word in words:
        if len(word) >= SHORTEST:
            found.setdefault(word[0], []).append(word)
    return found
