"""Does a turn lean on the one before it, and what does it mean then? Pure.

A turn leans when it names somebody or something that stands outside of it: by a pronoun
without an antecedent ("When did they disband?"), by words that compare with what was said
("Who else?", "any other deals"), or by leaving out what it is about ("Why?", "And in
2020?"). Definite descriptions ("the band") are not counted: an article has one of each.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.types import Turn

_WORD = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*")

_PERSONAL = frozenset(
    [
        *("he", "him", "his", "she", "her", "hers", "they", "them", "their", "theirs", "himself"),
        *("herself", "themselves", "he's", "she's", "they're", "he'd", "she'd"),
        *("they'd", "they've"),
    ]
)
_NEUTER = frozenset(("it", "its", "itself", "it's"))
# These follow what they stand for within one clause: "What do combs do for their owners?".
_POSSESSIVE = frozenset(("its", "their", "theirs", "itself", "themselves", "himself", "herself"))
# These open a second clause, and its pronoun stands for something in the first.
_SUBORDINATING = frozenset(
    [
        *("before", "after", "when", "while", "because", "if", "as", "since", "until", "that"),
        *("than", "though", "although", "once", "where", "and", "so", "whether"),
    ]
)
_DEMONSTRATIVE = frozenset(("this", "these", "those", "that", "that's"))
_COMPARING = frozenset(("else", "other", "others", "another", "also", "too", "instead", "besides"))
_COMPARING_PHRASE = re.compile(
    r"\b(?:what about|how about|how so|why not|what happened (?:next|then)|after(?:wards| that)"
    r"|before that|since then|(?:at|by) (?:that|the) time|which ones?"
    r"|the (?:first|second|last|other|former|latter) ones?"
    r"|(?<!no )(?<!any )one (?:is|was|has|does|did|can|will|gets|wants|of (?:them|these|those)))\b"
    r"|\b(?:any(?:thing)? more|tell me more|the same|how come|what happened after|until then)\W*$"
)
_OPENING = frozenset(("and", "but", "or", "so", "then", "also", "because"))
# "It" stands for nothing in "how long does it take to ...", "is it true that ...".
_EMPTY_IT = re.compile(
    r"\bit(?:'s)?\s+(?:\w+ly\s+)?(?:(?:be|is|was|been)\s+)?"
    r"(?:(?:take|takes|took|cost|costs)\b.*\bto\b|mean(?:s|t)?\s+to\b"
    r"|(?:true|possible|legal|safe|important|necessary|common|likely|hard|easy|difficult|ok|okay"
    r"|worth|better|best)\b|rain|snow)"
)
_QUESTION_WORDS = frozenset(
    [
        *("who", "what", "when", "where", "why", "how", "which", "whom", "whose", "much", "many"),
        *("long", "old", "often", "far", "big", "really", "exactly", "what's"),
        *("who's", "where's"),
    ]
)
# Words that carry a turn's grammar and not its subject.
_GRAMMAR = _QUESTION_WORDS | frozenset(
    [
        *("a", "an", "the", "is", "are", "was", "were", "be", "been", "do", "does", "did", "has"),
        *("have", "had", "can", "could", "will", "would", "should", "may", "might", "of", "in"),
        *("on", "at", "to", "for", "by", "with", "from", "about", "as", "not", "no", "yes"),
        *("any", "some", "there", "happen", "happened", "happens", "next", "now", "please"),
        *("you", "me", "i", "tell", "mean", "one", "ones", "more", "first", "anything"),
        *("something", "anyone", "kind", "thing", "things"),
    ]
)


# "How many years?", "why two versions?": too short to say what it is about.
_LEFT_OUT = re.compile(r"(?:how (?:many|much)|which|what|why|since when|by whom) \w+(?: \w+)?")


def leans(question: str) -> bool:
    """Whether the turn cannot be understood without the one before it.

    A question that names what it asks about does not lean, even if it also has a pronoun:
    "Did Jack Ma say he was sorry?".
    """
    words = _WORD.findall(question.replace("\u2019", "'"))
    lower = [word.lower() for word in words]
    if not lower:
        return False
    if _LEFT_OUT.fullmatch(" ".join(lower)):
        return True
    if lower[0] in _OPENING or _COMPARING_PHRASE.search(question.lower()):
        return True
    return _is_fragment(lower) or any(_points_out(words, lower, i) for i in range(len(words)))


def _is_fragment(lower: list[str]) -> bool:
    """Whether only grammar and numbers are left, as in "Why?", "How many?", "In 2020?"."""
    return all(word in _GRAMMAR or word.isdigit() for word in lower)


def _points_out(words: list[str], lower: list[str], i: int) -> bool:
    """Whether the i-th word refers to something that is not in the turn before it."""
    word = lower[i]
    if word in _PERSONAL or word in _NEUTER:
        is_empty = word in {"it", "it's"} and _EMPTY_IT.match(" ".join(lower[i:]))
        return not (is_empty or _has_name(words[:i]) or _has_noun(lower, i))
    if word in _DEMONSTRATIVE:
        return _is_pronoun(lower, i)
    return word in _COMPARING and not _is_idiom(lower, i)


def _has_name(words: list[str]) -> bool:
    """Whether a capital letter after the first word names somebody or something."""
    return any(word[0].isupper() and word != "I" for word in words[1:])


def _has_noun(lower: list[str], i: int) -> bool:
    """Whether a thing named earlier in the turn is likely what the i-th word stands for."""
    if lower[i] not in _POSSESSIVE and not _SUBORDINATING.intersection(lower[max(0, i - 3) : i]):
        return False
    return not _is_fragment([word for word in lower[:i] if word not in _SUBORDINATING])


def _is_pronoun(lower: list[str], i: int) -> bool:
    """Whether "this" or "that" points back, and is no conjunction ("say that the ...")."""
    if not lower[i].startswith("that"):
        return True
    at_end = i + 1 == len(lower)
    after_verb = i > 0 and lower[i - 1] in {"is", "was", "did", "does", "do", "are", "were", "had"}
    after_preposition = i > 0 and lower[i - 1] in {"of", "in", "on", "at", "for", "by", "with"}
    return at_end or after_verb or after_preposition or lower[i] == "that's"


def _is_idiom(lower: list[str], i: int) -> bool:
    """Whether it compares with nothing that was said, as in "each other", "too many"."""
    if lower[i] == "too":
        return i + 1 < len(lower)
    return lower[i] in {"other", "another"} and (
        (i > 0 and lower[i - 1] in {"each", "one"}) or lower[i + 1 : i + 2] == ["than"]
    )


# --- What it stands for.

_LONGEST_NAME_CHARS = 80
_POINTING = re.compile(
    r"\b(?:he|she|him|her|his|hers|they|them|their|theirs|it|its)\b", re.IGNORECASE
)
_OWNING = frozenset(("his", "her", "their", "its"))
_JOINING = r"(?:of|the|and|de|von|van|der|for|&|in)"
_NAME = re.compile(rf"[A-Z][\w'\u2019.&-]*(?: {_JOINING}(?= [A-Z])| [A-Z][\w'\u2019.&-]*)*")
# Words with a capital letter because they begin a sentence.
_NO_NAME = frozenset(word.capitalize() for word in _GRAMMAR | _SUBORDINATING | _OPENING) | {
    *("He", "She", "They", "It", "His", "Her", "Their", "Its", "We", "You", "Our", "My"),
    *("That", "This", "These", "Those", "Would", "Should", "Am", "Whom", "Besides"),
}
_ASKS_NAME = re.compile(
    r"\W*(?:and |so )?(?:who|whom|(?:which|what) (?:\w+ )?(?:person|man|woman|company|band|group"
    r"|team|city|town|country|firm|club|artist|writer|author|player))\b",
    re.IGNORECASE,
)


def resolved(question: str, history: Sequence[Turn]) -> str:
    """A turn that leans on ``history`` (oldest first, not empty), as it could stand alone.

    A pronoun gives way to the name that was last asked for or about; without one, or where
    the turn leaves out what it is about, the last question is said again after it.
    """
    words = [word.lower() for word in _WORD.findall(question.replace("\u2019", "'"))]
    found = list(_POINTING.finditer(question))
    # "How long did it take him to ...": nothing stands behind that "it".
    found = [match for match in found if not _EMPTY_IT.match(question.lower(), match.start())]
    personal, neuter = (_antecedent(history, neuter=kind) for kind in (False, True))
    if personal is None or neuter is None or not found or _is_fragment(words):
        last = history[-1]
        # "Why?" asks about what was said, if that was more than a name or a number.
        said = (last.answer or "").split()
        is_why = words[:1] == ["why"] or words[:2] == ["how", "come"]
        return f"{question} {last.answer if is_why and len(said) > 3 else last.question}"
    parts, at = [], 0
    for match in found:
        word = match[0].lower()
        # "her" without a noun after it is no possessive.
        owns = word in _OWNING and re.match(r"\s+\w", question[match.end() :])
        name = neuter if word in _NEUTER else personal
        parts += [question[at : match.start()], name, "'s" if owns else ""]
        at = match.end()
    return "".join([*parts, question[at:]])


def _antecedent(history: Sequence[Turn], *, neuter: bool) -> str | None:
    """What a pronoun most likely stands for: the answer to "who", or what was asked about.

    ``neuter``: it is "it", which hardly stands for whoever was the answer.
    """
    for turn in reversed(history):
        asked = _first_name(turn.question)
        said = (turn.answer or "").strip()
        told = _first_name(said) if len(said) <= _LONGEST_NAME_CHARS else None
        if not (_ASKS_NAME.match(turn.question) and told):
            told = None
        found = (asked or told) if neuter else (told or asked)
        if found:
            return found
    return None


def _first_name(text: str) -> str | None:
    for match in _NAME.finditer(text):
        words = match[0].split()
        while words and words[0] in _NO_NAME:
            del words[0]
        name = re.sub(r"['\u2019]s$", "", " ".join(words).rstrip("."))
        if name:
            return name
    return None
