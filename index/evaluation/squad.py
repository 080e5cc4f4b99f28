"""Reads question sets in the format of SQuAD (v1.1, v2.0, and SQuAD-shifts).

Rajpurkar et al., "Know What You Don't Know" (2018). The paragraphs of an article are
joined by blank lines, so that a question is asked across the whole article and not
within the one paragraph it was written for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from index.errors import SourceError

PARAGRAPH_BREAK = "\n\n"

_T = TypeVar("_T")
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMES = {dict: "an object", list: "a list", str: "text", int: "a whole number"}


@dataclass(frozen=True, slots=True)
class Gold:
    """A right answer and its place: ``article.text[start:end] == text``."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class SquadQuestion:
    """A question; ``golds`` is empty when the article does not say."""

    text: str
    golds: tuple[Gold, ...]

    @property
    def answerable(self) -> bool:
        return bool(self.golds)


@dataclass(frozen=True, slots=True)
class SquadArticle:
    title: str
    text: str
    questions: tuple[SquadQuestion, ...]


def read_squad(path: Path) -> tuple[SquadArticle, ...]:
    """Read one file whole; SourceError names the file, the place in it and what is wrong."""
    try:
        content = json.loads(path.read_bytes())
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{path}: is not JSON ({error}).") from error
    try:
        articles = tuple(_articles(content))
    except _MalformedError as error:
        raise SourceError(
            f"{path}: {error}. Expected the format of SQuAD: data[].paragraphs[].qas[]."
        ) from error
    if not any(article.questions for article in articles):
        raise SourceError(f"{path}: holds no question.")
    return articles


class _MalformedError(Exception):
    """A value is missing or of the wrong kind; the message says where."""


def _articles(content: object) -> Iterator[SquadArticle]:
    top = _be(dict, content, "the top level")
    for number, entry in enumerate(_field(list, top, "data", "")):
        where = f"data[{number}]"
        yield _article(_be(dict, entry, where), where, number)


def _article(entry: dict[str, object], where: str, number: int) -> SquadArticle:
    contexts: list[str] = []
    questions: list[SquadQuestion] = []
    offset = 0
    for index, value in enumerate(_field(list, entry, "paragraphs", where)):
        place = f"{where}.paragraphs[{index}]"
        paragraph = _be(dict, value, place)
        context = _field(str, paragraph, "context", place)
        questions += _questions(paragraph, context, offset, place)
        contexts.append(context)
        offset += len(context) + len(PARAGRAPH_BREAK)
    title = entry.get("title")
    return SquadArticle(
        title=title if isinstance(title, str) and title else f"article {number + 1}",
        text=PARAGRAPH_BREAK.join(contexts),
        questions=tuple(questions),
    )


def _questions(
    paragraph: dict[str, object], context: str, offset: int, where: str
) -> Iterator[SquadQuestion]:
    for index, value in enumerate(_field(list, paragraph, "qas", where)):
        place = f"{where}.qas[{index}]"
        entry = _be(dict, value, place)
        text = _field(str, entry, "question", place)
        if entry.get("is_impossible", False) is True:
            yield SquadQuestion(text, ())
            continue
        golds = tuple(_golds(entry, context, offset, place))
        if not golds:
            raise _MalformedError(f"{place} has no answer and is not marked is_impossible")
        yield SquadQuestion(text, golds)


def _golds(entry: dict[str, object], context: str, offset: int, where: str) -> Iterator[Gold]:
    for index, value in enumerate(_field(list, entry, "answers", where)):
        place = f"{where}.answers[{index}]"
        answer = _be(dict, value, place)
        text = _field(str, answer, "text", place)
        start = _field(int, answer, "answer_start", place)
        if not text.strip() or start < 0 or context[start : start + len(text)] != text:
            raise _MalformedError(f"{place}: {text!r} does not stand at {start} of its context")
        yield Gold(text, offset + start, offset + start + len(text))


def _field(kind: type[_T], entry: dict[str, object], name: str, where: str) -> _T:
    place = f"{where}.{name}" if where else name
    if name not in entry:
        raise _MalformedError(f"{place} is missing")
    return _be(kind, entry[name], place)


def _be(kind: type[_T], value: object, where: str) -> _T:
    if not isinstance(value, kind):
        raise _MalformedError(f"{where} is not {_NAMES[kind]}")
    if isinstance(value, str) and not value.isascii() and _SURROGATE.search(value):
        raise _MalformedError(f"{where} holds half a surrogate pair, which is no character")
    return value
