"""Indexes that are built by workers: the asking side, which loads no model, and theirs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

from index.building import Built
from index.catalogue import Catalogue
from index.embedding import Embedder
from index.engine import Deadline, Engine, patiently
from index.errors import DeadlineExceeded, IndexPending, LibraryBusy, WorkersBusy
from index.generation import GenerationStore
from index.library import Library
from index.postgres.jobs import Job, Jobs
from index.rehearsing import Asked, Compared
from index.types import Document, Golden, Progress, Replayed, Scope

BUILD, REHEARSE = "build", "rehearse"
BEGUN_WITHIN_S = 120.0
"""A worker builds one index at a time, so that another may have to be done first."""
_LONGEST_S = 6 * 3600.0
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

    def _build(self, scope: Scope, progress: Progress) -> Built:
        job = patiently(lambda: self._jobs.put(scope, BUILD, None, _LONGEST_S), Deadline(None))
        try:
            said = self._jobs.wait(
                scope,
                job,
                _LONGEST_S,
                begun_within_s=BEGUN_WITHIN_S,
                told=lambda far: progress(*far),
                withdraw=False,
            )
        except (WorkersBusy, DeadlineExceeded, LibraryBusy) as error:
            raise IndexPending(
                f"the articles of {scope} are stored; they become searchable once a worker has"
                " indexed them"
            ) from error
        generation = self._store.load(scope, said["generation"], None)
        self._loaded.keep(scope, generation)
        return Built(generation, said["embedded"], said["reused"])


def built(engine: Engine, job: Job, progress: Progress) -> dict[str, Any]:
    """What a worker does for ``RemoteLibrary``."""
    report = engine.rebuild(job.scope, wait_s=_BUILT_WITHIN_S, progress=progress)
    return {name: getattr(report, name) for name in ("generation", "embedded", "reused")}


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
        told=lambda far: progress(*far),
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
