"""What was asked and answered, what people thought of it, and how a scope is set up.

Kept so that buttons work after a restart, so that admins see what the articles leave
out, and no longer than that: ``purge`` ends what is older than ``KEPT_DAYS``, and a person
can have what is kept about them deleted at any time. Questions themselves are kept only as far
as the scope's preferences say.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import sqlalchemy as sa

from index.catalogue import Catalogue
from index.schema import answers, feedback, preferences, scopes
from index.serialising import from_json, to_json
from index.types import Answer, Kind, Scope

KEPT_DAYS = 30

KeepQuestions = Literal["off", "unanswered", "all"]
Verdict = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Preferences:
    """How a server wants it. ``threshold`` None: the operator's; empty ``channels`` or
    ``roles``: all. ``watched`` channels are listened to without a mention. ``bound`` holds
    (channel, article): in a channel that is named there, only those articles are asked.
    """

    threshold: float | None = None
    private: bool = False
    channels: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    watched: tuple[int, ...] = ()
    keep_questions: KeepQuestions = "unanswered"
    bound: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Record:
    """An answer that was given: by its id a button finds it again.

    ``question`` is empty where it was not to be kept.
    """

    id: str
    scope: Scope
    asker: int
    asked_at: datetime
    answer: Answer


@dataclass(frozen=True, slots=True)
class Kept:
    """How much is kept about one person, over all scopes."""

    answers: int
    questions: int
    ratings: int


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the questions of one scope in the last ``KEPT_DAYS``."""

    asked: int
    answered: int
    up: int
    down: int
    median_ms: float | None


class Journal:
    """Safe to use from several threads and processes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    # How a scope is set up

    def preferences(self, scope: Scope) -> Preferences:
        with self._catalogue.reading() as connection:
            rows = connection.execute(
                sa.select(preferences.c.name, preferences.c.value).where(
                    preferences.c.scope == scope.key
                )
            )
            known = {field.name for field in fields(Preferences)}
            stored = {row.name: _frozen(row.value) for row in rows if row.name in known}
        return Preferences(**stored)

    def prefer(self, scope: Scope, **changes: Any) -> Preferences:
        """Change some preferences and return all of them; TypeError for a name that is none."""
        chosen = replace(self.preferences(scope), **changes)
        with self._catalogue.writing(scope) as connection:
            for name in changes:
                key = (preferences.c.scope == scope.key, preferences.c.name == name)
                connection.execute(sa.delete(preferences).where(*key))
                connection.execute(
                    sa.insert(preferences).values(
                        scope=scope.key, name=name, value=getattr(chosen, name)
                    )
                )
        return chosen

    # Answers

    def record(self, scope: Scope, asker: int, answer: Answer) -> Record:
        """Keep an answer, and its question as far as the scope's preferences say."""
        keep = self.preferences(scope).keep_questions
        kept = keep == "all" or (keep == "unanswered" and answer.kind is Kind.NONE)
        record = Record(
            id=secrets.token_hex(8),
            scope=scope,
            asker=asker,
            asked_at=datetime.now(UTC),
            answer=answer if kept else answer.without_question(),
        )
        with self._catalogue.writing() as connection:
            connection.execute(
                sa.insert(answers).values(
                    scope=scope.key,
                    id=record.id,
                    asker=asker,
                    asked_at=record.asked_at,
                    question=record.answer.question or None,
                    kind=answer.kind.value,
                    elapsed_ms=answer.elapsed_ms,
                    answer=to_json(record.answer),
                )
            )
        return record

    def recall(self, scope: Scope, record_id: str) -> Record | None:
        """The record, or None once it is gone."""
        with self._catalogue.reading() as connection:
            row = connection.execute(
                sa.select(answers).where(answers.c.scope == scope.key, answers.c.id == record_id)
            ).one_or_none()
        if row is None:
            return None
        return Record(
            row.id, scope, row.asker, row.asked_at.replace(tzinfo=UTC), from_json(row.answer)
        )

    def unanswered(self, scope: Scope, limit: int = 10) -> list[str]:
        """The latest kept questions that the articles did not answer, newest first."""
        with self._catalogue.reading() as connection:
            found = connection.scalars(
                sa.select(answers.c.question)
                .where(
                    answers.c.scope == scope.key,
                    answers.c.kind == Kind.NONE.value,
                    answers.c.question.is_not(None),
                )
                .order_by(answers.c.asked_at.desc())
                .limit(limit)
            )
            return [str(question) for question in found]

    def questions(self, scope: Scope, limit: int = 50) -> list[str]:
        """The newest different questions that are kept, answered or not."""
        query = (
            sa.select(answers.c.question)
            .where(answers.c.scope == scope.key, answers.c.question.is_not(None))
            .group_by(answers.c.question)
            .order_by(sa.func.max(answers.c.asked_at).desc())
            .limit(limit)
        )
        with self._catalogue.reading() as connection:
            return [str(question) for question in connection.scalars(query)]

    def rate(
        self, scope: Scope, record_id: str, user: int, verdict: Verdict, reason: str = ""
    ) -> bool:
        """Keep what somebody thinks of an answer; the last word counts. False: it is gone."""
        key = (
            feedback.c.scope == scope.key,
            feedback.c.answer_id == record_id,
            feedback.c.user == user,
        )
        there = sa.select(answers.c.id).where(
            answers.c.scope == scope.key, answers.c.id == record_id
        )
        with self._catalogue.writing(scope) as connection:
            if connection.scalar(there) is None:
                return False
            connection.execute(sa.delete(feedback).where(*key))
            connection.execute(
                sa.insert(feedback).values(
                    scope=scope.key,
                    answer_id=record_id,
                    user=user,
                    verdict=verdict,
                    reason=reason,
                    given_at=datetime.now(UTC),
                )
            )
        return True

    def tally(self, scope: Scope) -> Tally:
        since = datetime.now(UTC) - timedelta(days=KEPT_DAYS)
        with self._catalogue.reading() as connection:
            rows = connection.execute(
                sa.select(answers.c.kind, answers.c.elapsed_ms).where(
                    answers.c.scope == scope.key, answers.c.asked_at > since
                )
            ).all()
            verdicts = list(
                connection.scalars(
                    sa.select(feedback.c.verdict).where(
                        feedback.c.scope == scope.key, feedback.c.given_at > since
                    )
                )
            )
        asked = [row for row in rows if row.kind != Kind.CHAT.value]
        times = sorted(row.elapsed_ms for row in asked)
        return Tally(
            asked=len(asked),
            answered=sum(row.kind != Kind.NONE.value for row in asked),
            up=verdicts.count("up"),
            down=verdicts.count("down"),
            median_ms=times[len(times) // 2] if times else None,
        )

    # Privacy

    def kept_about(self, user: int) -> Kept:
        with self._catalogue.reading() as connection:

            def count(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
                query = sa.select(sa.func.count()).select_from(table).where(*where)
                return int(connection.scalar(query) or 0)

            return Kept(
                answers=count(answers, answers.c.asker == user),
                questions=count(answers, answers.c.asker == user, answers.c.question.is_not(None)),
                ratings=count(feedback, feedback.c.user == user),
            )

    def forget_user(self, user: int) -> Kept:
        """Delete what is kept about one person, in every scope; returns how much it was."""
        kept = self.kept_about(user)
        with self._catalogue.writing() as connection:
            connection.execute(sa.delete(feedback).where(feedback.c.user == user))
            _delete_answers(connection, answers.c.asker == user)
        return kept

    def leave(self, scope: Scope) -> None:
        """Note that the bot is no longer there; ``expired`` names the scope in KEPT_DAYS."""
        self._set_left(scope, datetime.now(UTC))

    def rejoin(self, scope: Scope) -> None:
        self._set_left(scope, None)

    def expired(self, now: datetime) -> list[Scope]:
        """The scopes that were left KEPT_DAYS ago or longer, to be deleted."""
        limit = now - timedelta(days=KEPT_DAYS)
        with self._catalogue.reading() as connection:
            keys = connection.scalars(sa.select(scopes.c.scope).where(scopes.c.left_at <= limit))
            return [Scope(key) for key in keys]

    def purge(self, now: datetime) -> int:
        """Delete answers and ratings older than KEPT_DAYS; how many answers it was."""
        with self._catalogue.writing() as connection:
            limit = now - timedelta(days=KEPT_DAYS)
            return _delete_answers(connection, answers.c.asked_at <= limit)

    def _set_left(self, scope: Scope, at: datetime | None) -> None:
        with self._catalogue.writing(scope) as connection:
            updated = connection.execute(
                sa.update(scopes).where(scopes.c.scope == scope.key).values(left_at=at)
            )
            if not updated.rowcount and at is not None:
                connection.execute(
                    sa.insert(scopes).values(scope=scope.key, revision=0, left_at=at)
                )


def _delete_answers(connection: sa.Connection, where: sa.ColumnElement[bool]) -> int:
    """Delete answers and with them their ratings."""
    rated = sa.exists().where(
        answers.c.scope == feedback.c.scope, answers.c.id == feedback.c.answer_id, where
    )
    connection.execute(sa.delete(feedback).where(rated))
    return connection.execute(sa.delete(answers).where(where)).rowcount


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
