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
REACH = 24
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
_ITEM = re.compile(r"\s*(?:[•◦‣▪●○·*+\u2013\u2014-]|\(?\d{1,3}[.)])\s")
_FIRST_STEP = re.compile(r"\s*\(?1[.)]\s")


@dataclass(frozen=True, slots=True)
class Beside:
    """A sentence near the answer. ``item``: of an item of a list; a number stands in the text."""

    text: str
    paragraph: int
    item: bool


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
    introduces = leads_in(own.text) or bool(
        following and following.item and not own.item and (end.isalnum() or after)
    )
    if wish is Wish.LIST and own.item:
        return _list_around(sentences, chosen)
    if own.item or introduces:  # the steps of a procedure, or what the colon promises
        return _with_items(wish, sentences, chosen, chosen)
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
    if leads_in(sentences[last].text):
        return _with_items(wish, sentences, first, last)
    return range(first, last + 1)


def _with_items(wish: Wish, sentences: Sequence[Beside], first: int, at: int) -> range:
    """From ``first`` to the sentence at ``at``, an item or what leads in to some, and behind it
    three sentences of items; eight of a list, and eight steps of a procedure from its first one on.
    """
    own = sentences[at]
    begin = at + (not own.item or (leads_in(own.text) and not is_first_step(own.text)))
    steps = wish is Wish.MANNER and any(is_first_step(one.text) for one in sentences[begin:][:1])
    most = MOST_ITEMS if steps or wish is Wish.LIST else MOST_SENTENCES
    last, used = at, sum(len(one.text) for one in sentences[first : at + 1])
    for number, one in enumerate(sentences[at + 1 :], at + 1):
        used += len(one.text)
        count = one.paragraph - sentences[begin].paragraph if steps else number - begin
        if not one.item or used > MOST_CHARS or count >= most:
            # No step is told by half.
            while steps and last > at and one.paragraph == sentences[last].paragraph:
                last -= 1
            break
        last = number
    return range(first, last + 1)


def _leads_to(before: Beside, own: Beside) -> bool:
    fits = len(before.text) + len(own.text) <= MOST_CHARS
    in_prose = before.paragraph == own.paragraph and not before.item
    return fits and in_prose and not _asks(before)


def _asks(sentence: Beside) -> bool:
    return sentence.text.rstrip().endswith("?")


def is_item(text: str, start: int) -> bool:
    """Whether what begins at ``start`` is of an item of a list: its line begins with a bullet."""
    line = text.rfind("\n", 0, start) + 1
    return bool(_ITEM.match(text, line))


def leads_in(text: str) -> bool:
    """Whether a sentence promises what stands behind it."""
    return text.rstrip().endswith(":")


def is_first_step(text: str) -> bool:
    """Whether an item is the first of a numbered list."""
    return bool(_FIRST_STEP.match(text))


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
