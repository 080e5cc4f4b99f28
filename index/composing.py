"""How far an answer goes on: the sentence that answers, or some that belong to it. Pure.

Why and how need more than a phrase, and things that are listed stand in several sentences
or in the items of a list. Only what stands right beside the answer is added.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from index.intent import Wish
from index.lexical import tokens

MOST_SENTENCES = 3
MOST_ITEMS = 8
MOST_CHARS = 1_200
REACH = 12
"""Sentences on either side that are looked at."""

_GOES_ON = re.compile(
    r"(?:this|that|these|those|it|they|he|she|because|therefore|thus|hence|so|then|also|after"
    r"|before|first|second|third|next|finally|afterwards?|once|when|if"
    r"|otherwise|instead|since|as a result"
    r"|consequently|for (?:example|instance)|in (?:turn|addition|this way|that case)"
    r"|by (?:doing|then)"
    r"|without|such|only then|another|to do (?:this|that|so)|and|but|or)\b",
    re.IGNORECASE,
)
_GIVES_REASON = re.compile(
    r"\b(?:because|since|due to|owing to|so that|in order to|reasons?|therefore|caused|thanks to"
    r"|as a result|led to|which is why|that is why)\b|, (?:as|so|for)\b",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    r"first(?:ly)?(?: of all)?,|at first\b|to begin with\b|the first (?:is|was|stage|step|one)\b",
    re.IGNORECASE,
)
_LISTS_ON = re.compile(
    r"(?:(?:the )?others?|another|also|second|secondly|third|thirdly|finally|lastly|last|next"
    r"|besides|in addition|further|furthermore|moreover|then|and|as well"
    r"|the (?:second|third|last|next)"
    r"|one|two|some)\b|.{0,60}\b(?:also|too|as well)\b",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"\s*\(?\d{1,3}[.)]\s")
_ITEM = re.compile(rf"\s*[•◦‣▪●○·*+\u2013\u2014-]\s|{_NUMBERED.pattern}")


@dataclass(frozen=True, slots=True)
class Beside:
    """A sentence near the answer. ``item``: it is of an item of a list; ``step``: of a numbered
    one.
    """

    text: str
    paragraph: int
    item: bool
    step: bool = False


class AsGood(NamedTuple):
    """Whether the reader holds the sentence before, and the one after, for nearly as good."""

    before: bool = False
    after: bool = False


NEITHER = AsGood()


def belonging(
    wish: Wish,
    sentences: Sequence[Beside],
    chosen: int,
    asked: Sequence[str] = (),
    *,
    as_good: AsGood = NEITHER,
) -> range:
    """Which of neighbouring sentences make the answer together; ``chosen`` is among them.

    ``asked`` are the question's words, stemmed: of several things that it asks for, one may
    stand in the next sentence.
    """
    own = sentences[chosen]
    if wish not in {Wish.LIST, Wish.REASON, Wish.MANNER}:
        return range(chosen, chosen + 1)
    following = sentences[chosen + 1] if chosen + 1 < len(sentences) else None
    end = own.text.rstrip()[-1:]
    # "To enter you need", without a sign at its end, and the items below it.
    after = as_good.after and wish is not Wish.REASON
    leads_in = end == ":" or bool(
        following and following.item and not own.item and (end.isalnum() or after)
    )
    if wish is Wish.LIST and own.item:
        return _list_around(sentences, chosen)
    if own.item or leads_in:  # the steps of a procedure, or what the colon promises
        return _items_from(wish, sentences, chosen, leads_in=leads_in)
    # A sentence that gives no reason is only what happened: the reason stands behind it.
    anything = wish is Wish.REASON and not _GIVES_REASON.search(own.text)
    missing = set(asked) - set(tokens(own.text)) if wish is Wish.LIST else set()

    # What comes in stages was announced: "She has a plan of three stages. First ..."
    announces = wish is Wish.LIST and bool(following and _BEGINS.match(following.text))

    def belongs(one: Beside) -> bool:
        if one is own:
            return True
        if after and one is following:  # in the next paragraph too: the reader has read it
            return True
        follows = (_LISTS_ON if wish is Wish.LIST else _GOES_ON).match(one.text) or (
            announces and one is following
        )
        wanted = anything or bool(follows) or bool(missing.intersection(tokens(one.text)))
        return wanted and one.paragraph == own.paragraph

    first = chosen - (as_good.before and chosen > 0 and _leads_to(sentences[chosen - 1], own))
    # What is listed goes on behind the answer, however much stands before it.
    more = announces + (wish is Wish.LIST and first < chosen)
    found = _until(sentences, first, belongs, MOST_SENTENCES + more)
    last = found.stop - 1
    while last > chosen and _asks(sentences[last]):  # what comes next is another matter
        last -= 1
    if _ends(sentences[last], ":") and last + 1 < len(sentences) and sentences[last + 1].item:
        last = _items_from(wish, sentences, last, leads_in=True).stop - 1
    return range(first, last + 1)


def _items_from(wish: Wish, sentences: Sequence[Beside], at: int, *, leads_in: bool) -> range:
    """The sentence at ``at`` and the items behind it: of a procedure all steps, or none is done."""
    first = at + leads_in
    begins = (
        first < len(sentences)
        and sentences[first].step
        and (first == 0 or not sentences[first - 1].item)
    )
    whole = wish is Wish.LIST or (wish is Wish.MANNER and begins)
    most = MOST_ITEMS if whole else MOST_SENTENCES
    return _until(sentences, at, lambda one: one.item, most + leads_in)


def _leads_to(before: Beside, own: Beside) -> bool:
    fits = len(before.text) + len(own.text) <= MOST_CHARS
    in_prose = before.paragraph == own.paragraph and not before.item
    return fits and in_prose and not _asks(before)


def _asks(sentence: Beside) -> bool:
    return _ends(sentence, "?")


def _ends(sentence: Beside, sign: str) -> bool:
    return sentence.text.rstrip().endswith(sign)


def is_item(text: str, start: int, *, numbered: bool = False) -> bool:
    """Whether what begins at ``start`` is of an item of a list: its line begins with a bullet or
    a number (with ``numbered``: with a number).
    """
    line = text.rfind("\n", 0, start) + 1
    return bool((_NUMBERED if numbered else _ITEM).match(text, line))


def _list_around(sentences: Sequence[Beside], chosen: int) -> range:
    first = last = chosen
    while first > 0 and sentences[first - 1].item:
        first -= 1
    while last + 1 < len(sentences) and sentences[last + 1].item:
        last += 1
    if last + 1 - first > MOST_ITEMS:  # of a long list, what begins with the answer
        first = min(chosen, last + 1 - MOST_ITEMS)
    return _until(sentences, first, lambda one: one.item, MOST_ITEMS)


def _until(
    sentences: Sequence[Beside], first: int, belongs: Callable[[Beside], bool], most: int
) -> range:
    last, used = first, len(sentences[first].text)
    for i in range(first + 1, min(len(sentences), first + most)):
        used += len(sentences[i].text)
        if used > MOST_CHARS or not belongs(sentences[i]):
            break
        last = i
    return range(first, last + 1)
