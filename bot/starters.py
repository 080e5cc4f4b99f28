"""Questions to begin with, made of what an article says by rules that can be read. Pure.

They are only proposed here: whoever offers one has the engine answer it first.
"""

from __future__ import annotations

import calendar
import re
from collections import Counter
from collections.abc import Iterable, Iterator

from index import Article

BUNDLED = "configured:bundled"
FOR_BUNDLED = (
    "How much value did China's crackdown wipe off its Big Tech companies?",
    "Which gaming company signed a partnership with Hangzhou?",
    "Who is the mayor of Beijing?",
)
LONGEST = 80
"""As many characters as a button's label holds."""
MOST_PROPOSED = 8

_WORD = r"[A-Z][\w\u2019'-]*\w"
_NAME = re.compile(rf"(?<![.!?:]\s)(?<!^)\b{_WORD}(?:\s{_WORD})*")
_ROLE = re.compile(rf"\b({_WORD}(?:\s{_WORD})+), (?:the|an?|who)\b")
_BUILT = re.compile(
    rf"^(The [a-z][\w -]{{2,40}}|{_WORD}(?:\s{_WORD})*) was"
    r" (built|founded|born|opened|established|created|invented|published|launched) in \d{4}\b"
)
_CALENDAR = frozenset({*calendar.month_name, *calendar.day_name})


def proposed(article: Article, sentences: Iterable[str]) -> list[str]:
    """Questions that the sentences seem to answer, likeliest first, each short enough."""
    if article.source == BUNDLED:
        return list(FOR_BUNDLED)
    kept = list(sentences)
    found = [*_when(kept), *_who(kept), *_about(kept)]
    return [q for q in dict.fromkeys(found) if len(q) <= LONGEST][:MOST_PROPOSED]


def _when(sentences: list[str]) -> Iterator[str]:
    """``The lighthouse was built in 1862`` answers when it was built."""
    for sentence in sentences:
        if match := _BUILT.search(sentence):
            subject = f"the {match[1][4:]}" if match[1].startswith("The ") else match[1]
            yield f"When was {subject} {match[2]}?"


def _who(sentences: list[str]) -> Iterator[str]:
    """``Yin Li, the head of …`` answers who that is; a name may also be a thing's."""
    for sentence in sentences:
        for match in _ROLE.finditer(sentence):
            yield f"Who or what is {match[1]}?"


def _about(sentences: list[str]) -> Iterator[str]:
    """What names come up most."""
    names = Counter(match[0] for sentence in sentences for match in _NAME.finditer(sentence))
    for name, _ in names.most_common():
        if not _CALENDAR & set(name.split()):
            yield f"What does the article say about {name}?"
