"""What sort of answer does a question ask for?

Pure: text in, an `Intent` out. Asking of the article as a whole, or of the article as an
object, must be unmistakable: whatever else could be meant is read in the article. The
wordings stand in ``data/intents.toml``.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib import resources

from index.types import Fact


class Wish(StrEnum):
    """FACT: the very words. REASON (why) and MANNER (how): up to three sentences, or the steps of a
    procedure. LIST: several things. VERDICT: the sentence that decides. WHOLE: the article in
    short. OBJECT: the article itself.
    """

    FACT = "fact"
    REASON = "reason"
    MANNER = "manner"
    LIST = "list"
    VERDICT = "verdict"
    WHOLE = "whole"
    OBJECT = "object"


@dataclass(frozen=True, slots=True)
class Intent:
    """``fact`` is what is asked of an OBJECT; ``named`` what a WHOLE or OBJECT is said to be of,
    in lower case, "" where it is just "the article".
    """

    wish: Wish
    fact: Fact | None = None
    named: str = ""


def intent(question: str) -> Intent:
    """The sort of answer that a normalised question asks for."""
    clauses = [bare for part in _CLAUSE.split(question) if (bare := _bare(part))]
    of_articles = [_of_articles(clause) for clause in clauses]
    known = [found for found in of_articles if found is not None]
    # "What is this about, short version?"; but not "Summarise this: who won?".
    if known and len(known) == len(clauses):
        return known[0]
    whole = _bare(question)
    for wish, pattern in _wordings().wishes.items():
        if pattern.match(whole):
            return Intent(wish)
    # "I have a card already, does that count?"
    is_verdict = bool(clauses) and _wordings().wishes[Wish.VERDICT].match(clauses[-1])
    return Intent(Wish.VERDICT if is_verdict else Wish.FACT)


def _of_articles(bare: str) -> Intent | None:
    for kind, patterns in _wordings().of_articles.items():
        for pattern in patterns:
            if match := pattern.fullmatch(bare):
                named = match.groupdict().get("named") or ""
                is_fact = isinstance(kind, Fact)
                return Intent(
                    Wish.OBJECT if is_fact else Wish.WHOLE, kind if is_fact else None, named
                )
    return None


def _bare(text: str) -> str:
    """The words in lower case, without apostrophes and without the politeness before them."""
    words = re.findall(r"[^\W_]+", re.sub(r"['\u2019`;]", "", text.lower()))
    return _wordings().polite.sub("", " ".join(_MISSPELT.get(word, word) for word in words))


# Slips in the words that matter here.
_MISSPELT = {
    **dict.fromkeys(("artical", "articel", "aritcle", "artcle", "articl", "artikel"), "article"),
    **dict.fromkeys(("publshed", "publised", "pubished", "publishd", "publihsed"), "published"),
    **dict.fromkeys(("auther", "autor", "auhtor", "athor"), "author"),
    **dict.fromkeys(("titel", "tittle"), "title"),
    "writen": "written",
}


_CLAUSE = re.compile(r"[,;:.!?\u2026()]+(?:\s|$)|\s[\u2013\u2014-]\s")


@dataclass(frozen=True, slots=True)
class _Wordings:
    """``of_articles`` match a whole clause, ``wishes`` its beginning."""

    polite: re.Pattern[str]
    of_articles: Mapping[Fact | None, Sequence[re.Pattern[str]]]
    wishes: Mapping[Wish, re.Pattern[str]]


@cache
def _wordings() -> _Wordings:
    raw = tomllib.loads((resources.files("index") / "data" / "intents.toml").read_text("utf-8"))
    pieces: dict[str, str] = {}
    for name, piece in raw["pieces"].items():
        pieces[name] = _filled(piece, pieces)
    end = pieces["end"]
    of_articles: dict[Fact | None, list[re.Pattern[str]]] = {
        Fact(name): [re.compile(_filled(wording, pieces) + end) for wording in wordings]
        for name, wordings in raw["object"].items()
    }
    of_articles[None] = [
        re.compile(_filled(wording, pieces) + end) for wording in raw["whole"]["wordings"]
    ]
    return _Wordings(
        polite=re.compile(f"^(?:{_any_of(raw['polite']['begins'], pieces)})+"),
        of_articles=of_articles,
        wishes={Wish(name): re.compile(_any_of(w, pieces)) for name, w in raw["wishes"].items()},
    )


def _filled(wording: str, pieces: Mapping[str, str]) -> str:
    for name, piece in pieces.items():
        wording = wording.replace(f"<{name}>", piece)
    return wording.replace("\n", "")


def _any_of(wordings: Sequence[str], pieces: Mapping[str, str]) -> str:
    return "|".join(f"(?:{_filled(wording, pieces)})" for wording in wordings)
