"""Indexes that are built by workers: the asking side, which loads no model, and theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from functools import partial
from typing import Any

from index.building import Built
from index.catalogue import Catalogue
from index.embedding import Embedder
from index.engine import Deadline, Engine, patiently
from index.errors import ArticleNotFound, IndexPending, TryAgain
from index.generation import Generation, GenerationStore, revision_of
from index.library import Library
from index.postgres.jobs import Job, Jobs
from index.rehearsing import Asked, Compared
from index.types import Document, Golden, Progress, Replayed, Scope

BUILD, REHEARSE = "build", "rehearse"
BEGUN_WITHIN_S = 120.0
"""A worker builds one index at a time, so that another may have to be done first."""
_LONGEST_S = 6 * 3600.0
FORGOTTEN_WITHIN_S = 30.0
_BUILT_WITHIN_S = 600.0
"""By whoever builds the same index, before the worker begins."""
_SORTS = ("better", "lost", "different")
"""Of ``Compared``."""


class RemoteLibrary(Library):
    """A library whose indexes workers build; it changes the articles itself."""

    def __init__(
        self, catalogue: Catalogue, store: GenerationStore, embedder: Embedder, jobs: Jobs
    ) -> None:
        super().__init__(catalogue, store, embedder)
        self._jobs = jobs

    @property
    def _model(self) -> None:
        return None  # it is the workers'

    def _changing(self, scope: Scope, wait_s: float) -> AbstractContextManager[None]:
        # Not the lock of whoever builds: that is the worker's, while this one waits for it.
        assert self._catalogue.turns is not None
        return self._catalogue.turns.alone(f"changing the articles of {scope}", wait_s)

    def forget(self, scope: Scope) -> None:
        with self._changing(scope, FORGOTTEN_WITHIN_S):
            self._jobs.withdraw_all(scope)
            super().forget(scope)

    def _load(self, scope: Scope) -> Generation | None:
        return self._published(scope, asked=True)

    def _build(self, scope: Scope, progress: Progress) -> Built:
        try:
            asked = {"revision": self._catalogue.revision(scope)}
            job = patiently(lambda: self._jobs.put(scope, BUILD, asked, _LONGEST_S), Deadline(None))
            said = self._jobs.wait(
                scope,
                job,
                _LONGEST_S,
                begun_within_s=BEGUN_WITHIN_S,
                told=partial(_tell, progress),
                withdraw=False,
            )
            generation = self._store.load(scope, said["generation"], None)
        except TryAgain as error:
            raise IndexPending(
                f"the articles of {scope} are stored; they become searchable once a worker has"
                " indexed them"
            ) from error
        self._loaded.keep(scope, generation)
        return Built(generation, said["embedded"], said["reused"])


def built(engine: Engine, job: Job, progress: Progress) -> dict[str, Any]:
    """What a worker does for ``RemoteLibrary``; nothing where another did it since it was asked."""
    live = next((one for one in engine.generations(job.scope) if one.live), None)
    if live is None and not engine.articles(job.scope):
        raise ArticleNotFound(f"{job.scope} was forgotten meanwhile")
    if live and live.at > job.put_at and revision_of(live.name) >= job.asked["revision"]:
        return {"generation": live.name, "embedded": 0, "reused": 0}
    report = engine.rebuild(job.scope, wait_s=_BUILT_WITHIN_S, progress=progress)
    return {name: getattr(report, name) for name in ("generation", "embedded", "reused")}


def _tell(progress: Progress, far: tuple[str, int, int] | None) -> None:
    """Whoever waits is called all the while, and may end it."""
    progress(*(far or ("waiting", 0, 0)))


def rehearsed_elsewhere(
    jobs: Jobs,
    scope: Scope,
    fresh: Mapping[int, Document],
    asked: Sequence[Asked],
    *,
    threshold: float | None,
    progress: Progress,
) -> Compared:
    """``Rehearsals.replay``, by a worker.

    Raises:
        WorkersBusy: no worker begins it.
    """
    job = jobs.put(
        scope,
        REHEARSE,
        {
            "fresh": {number: asdict(document) for number, document in fresh.items()},
            "asked": [[question, golden and asdict(golden)] for question, golden in asked],
            "threshold": threshold,
        },
        _LONGEST_S,
    )
    said = jobs.wait(
        scope,
        job,
        _LONGEST_S,
        begun_within_s=BEGUN_WITHIN_S,
        told=partial(_tell, progress),
    )
    told = {name: tuple(Replayed(**one) for one in said[name]) for name in _SORTS}
    return Compared(unchanged=said["unchanged"], **told)


def rehearsed(engine: Engine, job: Job, progress: Progress) -> dict[str, Any]:
    """What a worker does for ``rehearsed_elsewhere``."""
    fresh = {int(number): _document(raw) for number, raw in job.asked["fresh"].items()}
    asked = [(question, raw and Golden(**raw)) for question, raw in job.asked["asked"]]
    told = engine.replay(job.scope, fresh, asked, job.asked["threshold"], progress)
    sorts = {name: [asdict(one) for one in getattr(told, name)] for name in _SORTS}
    return {"unchanged": told.unchanged, **sorts}


def _document(raw: dict[str, Any]) -> Document:
    headings = tuple((start, end) for start, end in raw["headings"])
    return Document(**{**raw, "headings": headings, "pages": tuple(raw["pages"])})
