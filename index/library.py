"""Each scope's articles and its live index, kept in step with each other.

The catalogue is changed first, the index follows. Writers of a scope exclude each
other, across processes too; readers wait for nobody.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from index.arrays import give_back
from index.building import Builder, Built
from index.catalogue import Catalogue
from index.database import Database
from index.embedding import Embedder
from index.errors import (
    ArticleNotFound,
    EngineError,
    GenerationError,
    IndexPending,
    LibraryBusy,
    LibraryFull,
    StorageError,
)
from index.generation import (
    Generation,
    GenerationStore,
    IndexedArticle,
    OtherMaker,
    Searched,
)
from index.generation_files import GenerationFiles
from index.recent import Recent
from index.sqlite import SqliteDatabase
from index.types import (
    Article,
    Document,
    Progress,
    Published,
    ReindexReport,
    Scope,
    VerifyReport,
)

log = logging.getLogger(__name__)

_WRITE_WAIT_S = 30
_BYTES_IN_MEMORY = 400_000_000
"""Of small indexes: those of about two thousand servers that were asked last."""

Refresh = Callable[[Progress], list[tuple[str, str]]]
"""Brings the catalogue up to date; (title, reason) of each article that could not be read."""


def store_of(database: Database, folder: Path) -> GenerationStore:
    """Where generations are kept: beside the catalogue, in PostgreSQL or in ``folder``."""
    if isinstance(database, SqliteDatabase):
        return GenerationFiles(folder)
    from index.postgres.database import PostgresDatabase  # noqa: PLC0415 - its driver is optional
    from index.postgres.generations import GenerationRows  # noqa: PLC0415

    assert isinstance(database, PostgresDatabase)
    return GenerationRows(database, folder)


class Library:
    """The articles and indexes of all scopes under one data folder."""

    def __init__(self, catalogue: Catalogue, store: GenerationStore, embedder: Embedder) -> None:
        self._catalogue = catalogue
        self._store = store
        self._embedder = embedder
        self._builder = Builder(catalogue, store, embedder)
        self._loaded: Recent[Generation] = Recent(_BYTES_IN_MEMORY, _weight)
        self._loading: dict[Scope, threading.Lock] = {}

    def put(
        self,
        scope: Scope,
        documents: Sequence[Document],
        progress: Progress,
        *,
        most: int | None = None,
    ) -> list[Article]:
        """Store documents and make them searchable; nothing is built when nothing changed.

        Raises:
            LibraryFull: the scope would have more than ``most`` articles then.
        """
        with self._changing(scope, _WRITE_WAIT_S):
            if most is not None:
                known = {article.source for article in self._catalogue.articles(scope)}
                total = len(known | {document.source for document in documents})
                if total > most:
                    raise LibraryFull(
                        f"This would make {total:,} articles, and at most {most:,} are kept for"
                        " one server. Remove some first."
                    )
            articles = [self._catalogue.put(scope, document) for document in documents]
            if self._is_due(scope, self._published(scope)):
                self._build(scope, progress)
        return articles

    def undelete(self, scope: Scope, article_id: int) -> Article:
        """Take a removal back; ArticleNotFound when there is nothing to take back."""
        with self._changing(scope, _WRITE_WAIT_S):
            article = self._catalogue.undelete(scope, article_id)
            self._build(scope, silent)
        return article

    def remove(self, scope: Scope, article_id: int) -> Article:
        """Remove an article at once; ArticleNotFound when there is none."""
        article = self._catalogue.remove(scope, article_id)
        try:
            with self._changing(scope, _WRITE_WAIT_S):
                self._build(scope, silent)
        except (LibraryBusy, IndexPending):
            # Questions pass over it from now on; the next build leaves it out.
            log.info("article %d of %s was removed while its index was busy", article_id, scope)
        return article

    def reindex(
        self, scope: Scope, refresh: Refresh, progress: Progress, wait_s: float = 0
    ) -> ReindexReport:
        """Refresh the catalogue and publish a new generation.

        Raises:
            LibraryBusy: another change was under way for longer than ``wait_s``.
        """
        started = time.perf_counter()
        with self._changing(scope, wait_s):
            before = self._indexed(scope)
            failed = refresh(progress)
            built = self._build(scope, progress)
        return _report(scope, before, built, failed, time.perf_counter() - started)

    def kept(self, scope: Scope) -> list[Published]:
        """The generations that are still kept, the live one first, then newest first."""
        return self._store.kept(scope)

    def roll_back(self, scope: Scope, name: str, progress: Progress) -> Built:
        """Make the articles what they were in a kept generation; LibraryBusy when changing."""
        with self._changing(scope, wait_s=0):
            chosen = next((one for one in self.kept(scope) if one.name == name), None)
            if chosen is None:
                raise ArticleNotFound(f"{scope} keeps no generation {name!r} any more")
            self._catalogue.roll_back(scope, {a: version for a, version, _ in chosen.articles})
            return self._build(scope, progress)

    def refresh(self, scope: Scope, refresh: Refresh) -> None:
        """Refresh the catalogue, and build only where that changed something."""
        with self._changing(scope, wait_s=0):
            refresh(silent)
            if self._is_due(scope, self._published(scope)):
                self._build(scope, silent)

    def catch_up(self, scope: Scope, progress: Progress) -> None:
        """Build where the index does not fit the catalogue; LibraryBusy while another builds."""
        with self._changing(scope, wait_s=0):
            if self._is_due(scope, self._published(scope)):
                self._build(scope, progress)

    def verify(self, scope: Scope, *, catalogue: bool = True) -> VerifyReport:
        """Check the catalogue, and the live generation file by file against it."""
        problems = self._catalogue.check() if catalogue else []
        name: str | None = None
        live = {(a.id, a.version) for a in self._catalogue.articles(scope)}
        try:
            name = self._store.current(scope)
            if name is None and live:
                problems.append(f"{scope} has articles but no index; re-index it")
            if name is not None:
                generation = self._store.load(scope, name, self._model)
                problems += self._mismatches(generation, live)
        except EngineError as error:
            problems.append(f"{error}; re-index {scope}")
        return VerifyReport(scope, len(live), name, tuple(problems))

    def forget(self, scope: Scope) -> None:
        """Delete a scope's articles, records and index."""
        with self._store.writing(scope, _WRITE_WAIT_S):
            self._catalogue.forget(scope)
            self._loaded.drop(scope)
            self._store.forget(scope)

    def searched(self, scope: Scope, only: Collection[Article] | None = None) -> list[Searched]:
        """The indexes that a question in ``scope`` reads: its own and the shared one.

        ``only`` leaves these articles of them; ArticleNotFound when none is left.
        """
        searched = []
        scopes = tuple(dict.fromkeys((scope, Scope.shared())))
        revisions = self._catalogue.revisions(scopes)
        for one in scopes:
            generation = self.generation(one) if one in revisions else None
            if generation is None:
                continue
            live: set[int] | None = None
            if only is not None or generation.manifest.revision != revisions[one]:
                # A changed article answers with its old text until the new one is indexed.
                live = {article.id for article in self._catalogue.articles(one)}
            if only is not None and live is not None:
                live &= {article.id for article in only if article.scope == one}
            if len(generation) and live != set():
                searched.append(Searched(generation, live))
        if not searched:
            raise ArticleNotFound("there is no article to ask yet; add one first")
        return searched

    def generation(self, scope: Scope) -> Generation | None:
        """The live generation, loaded once; None when the scope has no article."""
        loaded = self._loaded.get(scope)
        if loaded is not None and loaded.name == self._current(scope):
            return loaded
        with self._loading.setdefault(scope, threading.Lock()):
            generation = self._load(scope)
            if generation is None:
                self._loaded.drop(scope)
                return None
            return self._loaded.keep(scope, generation)

    def _load(self, scope: Scope) -> Generation | None:
        """Load what is published; rebuild it from the catalogue when it does not fit.

        Raises:
            GenerationError: it is another process's, of another model or version: each of the
                two would replace the other's with every question.
        """
        generation = self._published(scope, asked=True)
        if not self._is_due(scope, generation):
            return generation
        try:
            # Nobody waits for another builder: what there is, or its lack, is told at once.
            with self._store.writing(scope, wait_s=0):
                generation = self._published(scope, asked=True)
                if self._is_due(scope, generation):
                    log.info("rebuilding the index of %s from the catalogue", scope)
                    generation = self._build(scope, silent).generation
        except (LibraryBusy, StorageError):
            # What there is answers meanwhile: another builds, or there is no space to.
            if generation is None:
                raise
        return generation

    @property
    def _model(self) -> str | None:
        """Of which model an index must be; None: of any."""
        return self._embedder.fingerprint

    def _changing(self, scope: Scope, wait_s: float) -> AbstractContextManager[None]:
        """Keep all others from changing the articles of ``scope``, as in ``store.writing``."""
        return self._store.writing(scope, wait_s)

    def _build(self, scope: Scope, progress: Progress) -> Built:
        built = self._builder.build(scope, progress, self._published(scope))
        self._loaded.keep(scope, built.generation)
        give_back()
        return built

    def _is_due(self, scope: Scope, generation: Generation | None) -> bool:
        if generation is None:
            return bool(self._catalogue.articles(scope))
        return generation.manifest.revision != self._catalogue.revision(scope)

    def _published(self, scope: Scope, *, asked: bool = False) -> Generation | None:
        """The published generation; None when there is none that can be used."""
        name = self._current(scope)
        loaded = self._loaded.get(scope)
        if name is None or (loaded is not None and loaded.name == name):
            return loaded if name else None
        try:
            return self._store.load(scope, name, self._model)
        except GenerationError as error:
            if asked and self._store.is_shared and isinstance(error, OtherMaker):
                raise GenerationError(
                    f"{error}; run the same version with the same MODEL everywhere, or"
                    f" re-index {scope}"
                ) from error
            log.warning("the index of %s cannot be used: %s", scope, error)
            return None

    def _current(self, scope: Scope) -> str | None:
        try:
            return self._store.current(scope)
        except GenerationError as error:
            log.warning("%s", error)
            return None

    def _indexed(self, scope: Scope) -> dict[int, IndexedArticle]:
        generation = self._published(scope)
        return {a.id: a for a in generation.manifest.articles} if generation else {}

    def _mismatches(self, generation: Generation, live: set[tuple[int, int]]) -> list[str]:
        problems = []
        scope, manifest = generation.scope, generation.manifest
        if {(a.id, a.version) for a in manifest.articles} != live:
            problems.append(f"the index of {scope} is behind the catalogue; re-index it")
        for row, article in enumerate(manifest.articles):
            length = len(self._catalogue.text(scope, article.id, article.version))
            mine = generation.parts.sentences[generation.parts.sentences["article"] == row]
            if len(mine) and int(mine["end"].max()) > length:
                problems.append(f"the index points past the end of {article.title!r}")
        return problems


def _weight(generation: Generation) -> int:
    """About how many bytes it takes."""
    parts = generation.parts
    vectors = parts.sentence_vectors.bytes_in_memory + parts.window_vectors.bytes_in_memory
    return 20_000 + parts.sentences.nbytes + vectors


def silent(_stage: str, _done: int, _total: int) -> None:
    """The progress of work that nobody watches."""


def _report(
    scope: Scope,
    before: dict[int, IndexedArticle],
    built: Built,
    failed: Sequence[tuple[str, str]],
    seconds: float,
) -> ReindexReport:
    manifest = built.generation.manifest
    after = {a.id: a for a in manifest.articles}
    return ReindexReport(
        scope=scope,
        generation=built.generation.name,
        articles=len(after),
        passages=manifest.sentences,
        embedded=built.embedded,
        reused=built.reused,
        added=tuple(a.title for a in manifest.articles if a.id not in before),
        changed=tuple(
            a.title
            for a in manifest.articles
            if a.id in before and before[a.id].version != a.version
        ),
        removed=tuple(a.title for a in before.values() if a.id not in after),
        failed=tuple(failed),
        seconds=seconds,
    )
