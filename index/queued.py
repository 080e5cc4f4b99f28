"""Questions and indexes that are asked for here and made elsewhere, by workers that share the
database.

The asking process loads no model. Nobody counts the workers: whether there are enough
is told by how long questions wait. One that would only wait too is refused at once
(``REFUSED_FROM_S``, ``MOST_WAITING``), and one that no worker begins is given up
(``BEGUN_WITHIN_S``). It stays as a sign of that until a worker comes and prunes it, so that
without workers all but the first are refused at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from index.catalogue import Catalogue
from index.embedding import Embedder
from index.engine import Deadline, Engine, patiently
from index.errors import StorageError, WorkersBusy
from index.library import Library, store_of
from index.postgres.jobs import Job, Jobs, Waiting
from index.question import normalise
from index.rehearsing import Asked, Compared, compared
from index.remote_library import (
    BUILD,
    REHEARSE,
    RemoteLibrary,
    built,
    rehearsed,
    rehearsed_elsewhere,
)
from index.serialising import from_json, to_json
from index.settings import IndexSettings
from index.types import Answer, Article, Document, Progress, Scope, Turn
from index.worker import Task, Told, Worker

log = logging.getLogger(__name__)

REFUSED_FROM_S = 2.0
"""A new question is refused while the oldest that nobody has begun waits for longer."""
MOST_WAITING = 256
"""A new question is refused while so many wait."""
BEGUN_WITHIN_S = 6.0
"""A question that no worker has begun by then is given up."""
_WITHDRAWN_WITHIN_S = 1.0
_LONGEST_S = 60.0
"""For a question without a deadline."""
_QUESTION = "question"


class QueuedEngine(Engine):
    """An engine whose models are with workers: they answer questions and build indexes.

    It reads sources and keeps articles itself.
    """

    def __init__(self, settings: IndexSettings, *parts: Any, **named: Any) -> None:
        self._jobs = Jobs.open(_url(settings))
        try:
            super().__init__(settings, *parts, **named)
        except BaseException:
            self._jobs.close()
            raise

    def _library_over(self, catalogue: Catalogue, embedder: Embedder, folder: Path) -> Library:
        store = store_of(catalogue.database, folder)
        return RemoteLibrary(catalogue, store, embedder, self._jobs)

    def close(self) -> None:
        self._jobs.close()
        super().close()

    def warm(self, *scopes: Scope) -> None:
        """Nothing: the workers have the models."""

    def waiting(self) -> Waiting:
        """The questions of all processes that no worker has begun.

        Raises:
            DatabaseAway: nobody can tell just now.
        """
        return self._jobs.waiting(_QUESTION)

    def replay(
        self,
        scope: Scope,
        fresh: Mapping[int, Document],
        asked: Sequence[Asked],
        threshold: float | None,
        progress: Progress,
    ) -> Compared:
        """As ``Rehearsals.replay``, by a worker.

        Raises:
            WorkersBusy: no worker begins it.
        """
        if not asked:
            return compared(())
        return rehearsed_elsewhere(
            self._jobs, scope, fresh, asked, threshold=threshold, progress=progress
        )

    def ask(
        self,
        scope: Scope,
        question: str,
        *,
        history: Sequence[Turn] = (),
        threshold: float | None = None,
        deadline_s: float | None = None,
        only: Article | Collection[Article] | None = None,
    ) -> Answer:
        """As ``Engine.ask``, by a worker; ``elapsed_ms`` counts the waiting too.

        Raises:
            QuestionError, ArticleNotFound, DeadlineExceeded: as ``Engine.ask`` does. Without
                a deadline, a minute is allowed.
            WorkersBusy: there is no worker, or too much to do; at once where that is known.
        """
        started = time.perf_counter()
        limit_s = _LONGEST_S if deadline_s is None else deadline_s
        asked = {
            "question": normalise(question),
            "history": [[_sent(turn.question), _sent(turn.answer)] for turn in history],
            "threshold": self._settings.threshold if threshold is None else threshold,
            "has_deadline": deadline_s is not None,
            "only": _keys(only),
        }
        with self._jobs.within(limit_s + _WITHDRAWN_WITHIN_S):
            said = self._said(scope, asked, limit_s)
        return replace(from_json(said), elapsed_ms=(time.perf_counter() - started) * 1000)

    def _said(self, scope: Scope, asked: Mapping[str, Any], limit_s: float) -> str:
        deadline = Deadline(limit_s)
        waiting = patiently(self.waiting, deadline)
        if waiting.oldest_s > REFUSED_FROM_S or waiting.count >= MOST_WAITING:
            raise WorkersBusy(
                f"{waiting.count} questions wait for a worker, the oldest for"
                f" {waiting.oldest_s:.0f} s; try again in a moment"
            )
        # One that was put twice, as its confirmation was lost, is answered twice and read once.
        job = patiently(lambda: self._jobs.put(scope, _QUESTION, asked, limit_s), deadline)
        said: str = self._jobs.wait(scope, job, limit_s, begun_within_s=BEGUN_WITHIN_S)
        return said


def answer_queued(
    engine: Engine,
    settings: IndexSettings,
    *,
    threads: int,
    stop: threading.Event,
    told: Told | None = None,
) -> None:
    """Do what every ``QueuedEngine`` over the same database asks for, until ``stop`` is set.

    ``threads`` questions at once, and beside them one index. What was begun is ended even
    then; ``told`` hears of each job: its kind, whether it succeeded, and its seconds.

    Raises:
        StorageError: the settings name no database.
    """
    with Jobs.open(_url(settings)) as jobs:
        long = (BUILD, REHEARSE)
        worker = Worker(jobs, tasks(engine), threads=threads, long=long, told=told)
        log.info("worker %s answers questions, %d at once", worker.name, threads)
        worker.run(stop)
        log.info("worker %s has stopped", worker.name)


def tasks(engine: Engine) -> Mapping[str, Task]:
    """What a worker with this engine does."""

    def answer(job: Job, _: Progress) -> str:
        asked = job.asked
        answer = engine.ask(
            job.scope,
            asked["question"],
            history=[Turn(*turn) for turn in asked["history"]],
            threshold=asked["threshold"],
            deadline_s=round(job.left_s, 3) if asked["has_deadline"] else None,
            only=_articles(engine, asked["only"]),
        )
        return to_json(answer)

    return {
        _QUESTION: answer,
        BUILD: partial(built, engine),
        REHEARSE: partial(rehearsed, engine),
    }


def _sent(text: str | None) -> str | None:
    """Without what PostgreSQL cannot hold; the engine normalises what it reads anyway."""
    return None if text is None else normalise(text)


def _keys(only: Article | Collection[Article] | None) -> list[list[Any]] | None:
    if only is None:
        return None
    chosen = [only] if isinstance(only, Article) else only
    return [[article.scope.key, article.id] for article in chosen]


def _articles(engine: Engine, keys: list[list[Any]] | None) -> list[Article] | None:
    """The articles of ``_keys`` that are still there."""
    if keys is None:
        return None
    wanted = {(Scope(key), number) for key, number in keys}
    scopes = {scope for scope, _ in wanted}
    there = [article for scope in scopes for article in engine.articles(scope)]
    return [article for article in there if (article.scope, article.id) in wanted]


def _url(settings: IndexSettings) -> str:
    if settings.database_url is None:
        raise StorageError("workers need PostgreSQL; set DATABASE_URL")
    return settings.database_url.get_secret_value()
