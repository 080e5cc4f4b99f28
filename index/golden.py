"""Questions whose answers are known, by which a change of the articles is judged."""

from __future__ import annotations

import re

import sqlalchemy as sa

from index.catalogue import Catalogue, next_number
from index.errors import LibraryFull, QuestionError
from index.question import normalise
from index.schema import HIGHEST, golden
from index.types import Answer, Golden, Scope

MOST = 200
"""Golden questions of one scope: all are asked twice in every rehearsal."""


class GoldenSet:
    """The golden questions of each scope. Safe to use from several threads and processes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def all(self, scope: Scope) -> list[Golden]:
        """The questions, oldest first."""
        query = sa.select(golden).where(golden.c.scope == scope.key).order_by(golden.c.id)
        with self._catalogue.reading() as connection:
            return [Golden(row.id, row.question, row.expected) for row in connection.execute(query)]

    def add(self, scope: Scope, question: str, expected: str | None) -> Golden:
        """Keep a question with the words that its answer must hold; the same one anew replaces it.

        Raises:
            LibraryFull: there are ``MOST`` already.
            QuestionError: what is expected has no letter and no digit.
        """
        if expected is not None and not _words(expected):
            raise QuestionError("What the answer must hold has no letter and no digit.")
        question = normalise(question)
        mine = golden.c.scope == scope.key
        with self._catalogue.writing(scope) as connection:
            connection.execute(sa.delete(golden).where(mine, golden.c.question == question))
            count = connection.scalar(sa.select(sa.func.count()).select_from(golden).where(mine))
            if count is not None and count >= MOST:
                raise LibraryFull(
                    f"At most {MOST} golden questions are kept for one server. Remove some first."
                )
            number = next_number(connection, scope, "golden")
            connection.execute(
                sa.insert(golden).values(
                    scope=scope.key, id=number, question=question, expected=expected
                )
            )
        return Golden(number, question, expected)

    def remove(self, scope: Scope, number: int) -> bool:
        """Whether there was such a question."""
        if not 0 < number <= HIGHEST:
            return False
        where = (golden.c.scope == scope.key, golden.c.id == number)
        with self._catalogue.writing(scope) as connection:
            return bool(connection.execute(sa.delete(golden).where(*where)).rowcount)


def passes(answer: Answer, expected: str | None) -> bool:
    """Whether an answer, or the sentence around it, holds the expected words in their order.

    Case, accents' spelling and punctuation do not count.
    """
    if expected is None or not answer.answered:
        return expected is None and not answer.answered
    told = " ".join([answer.text or "", *(quote.text for quote in answer.quotes)])
    return f" {_words(expected)} " in f" {_words(told)} "


def _words(text: str) -> str:
    return " ".join(re.findall(r"\w+", normalise(text).casefold()))
