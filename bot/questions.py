"""Reads questions, one a line: plain text, or a JSON object with the turns before it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from index import QuestionError, Turn


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a question file; ``error`` says why it cannot be asked, if so."""

    question: str
    history: tuple[Turn, ...] = ()
    error: str | None = None


def read_lines(lines: Iterable[bytes]) -> Iterator[Line]:
    """One `Line` for each line, in order; an empty one counts, so that places stay.

    Lines end with a line feed alone: other separators may stand inside a question.
    """
    for number, raw in enumerate(lines):
        content = raw.removeprefix(b"\xef\xbb\xbf") if number == 0 else raw
        yield read_line(content.rstrip(b"\r\n"))


def read_line(raw: bytes) -> Line:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Line(raw.decode(errors="replace"), error="The line is not UTF-8.")
    if not text.lstrip().startswith("{"):
        return Line(text)
    try:
        return _from_json(text)
    except QuestionError as error:
        return Line(text, error=str(error))


def checked(question: str) -> str:
    """The question, if it can be encoded: half a surrogate pair is no character."""
    try:
        question.encode()
    except UnicodeEncodeError as error:
        raise QuestionError("The question holds bytes that are not UTF-8.") from error
    return question


def _from_json(text: str) -> Line:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise QuestionError(f"The line is not valid JSON: {error}.") from error
    question, history = content.get("question"), content.get("history") or []
    if not isinstance(question, str):
        raise QuestionError('The JSON object has no text as "question".')
    if not isinstance(history, list):
        raise QuestionError('"history" must be a list of objects with question and answer.')
    return Line(checked(question), tuple(_turn(entry) for entry in history))


def _turn(entry: object) -> Turn:
    if isinstance(entry, dict):
        question, answer = entry.get("question"), entry.get("answer")
        if isinstance(question, str) and (answer is None or isinstance(answer, str)):
            return Turn(checked(question), answer if answer is None else checked(answer))
    raise QuestionError('"history" must be a list of objects with question and answer.')
