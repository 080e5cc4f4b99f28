"""What a re-index would do to the answers, found out beside the live index.

Golden questions and those that the journal keeps are asked of both.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np

from index.articles import REHEARSALS, Articles
from index.building import text_key
from index.catalogue import Catalogue, StoredText, content_hash
from index.database import mapped
from index.embedding import Embedder, Step, Vectors
from index.errors import ArticleNotFound, BadInput, RehearsalOutdated, TryAgain
from index.generation_files import GenerationFiles
from index.golden import GoldenSet, passes
from index.intake import Intake, can_take_again
from index.journal import Journal
from index.library import Library, silent
from index.refreshing import read_again
from index.settings import IndexSettings
from index.types import (
    Answer,
    Article,
    Check,
    Document,
    Examined,
    Golden,
    Progress,
    Rehearsal,
    ReindexReport,
    Replayed,
    Scope,
)

_TRIES, _RETRY_S = 30, 1.0

Asked = tuple[str, Golden | None]
"""A question, and the golden one that it is."""


class Rehearsals(Articles):
    """Changes of articles that are tried on questions before they are published."""

    def __init__(
        self,
        settings: IndexSettings,
        catalogue: Catalogue,
        library: Library,
        intake: Intake,
        embedder: Embedder,
    ) -> None:
        super().__init__(settings, catalogue, library, intake)
        self._embedder = embedder
        self._journal = Journal(catalogue)
        self._golden = GoldenSet(catalogue)

    def ask(self, scope: Scope, question: str, *, threshold: float | None = None) -> Answer:
        """As ``Engine.ask``."""
        raise NotImplementedError

    def _over(self, data_dir: Path, catalogue: Catalogue, embedder: Embedder) -> Rehearsals:
        """An engine with the same reader over another folder."""
        raise NotImplementedError

    @property
    def journal(self) -> Journal:
        """What was asked and answered, and how each scope is set up."""
        return self._journal

    @property
    def golden(self) -> GoldenSet:
        """The questions whose answers are known."""
        return self._golden

    def keep_golden(self, scope: Scope, answer: Answer, expected: str | None) -> Examined:
        """Keep the question of ``answer`` with the words that it must hold, and judge it.

        Raises:
            LibraryFull, QuestionError: as ``GoldenSet.add`` does.
        """
        golden = self.golden.add(scope, answer.question, expected)
        return Examined(golden, answer.text, passes(answer, expected))

    def examine(self, scope: Scope, *, progress: Progress | None = None) -> list[Examined]:
        """Ask a scope's golden questions now, and tell which are answered as they must be."""
        notify, examined = progress or silent, []
        chosen, threshold = self.golden.all(scope), self.journal.preferences(scope).threshold
        for number, each in enumerate(chosen):
            notify("rehearsing", number, len(chosen))
            try:
                answer = self._insist(scope, each.question, threshold)
            except BadInput:  # there is no article to ask, say
                examined.append(Examined(each, None, passes=each.expected is None))
            else:
                examined.append(Examined(each, answer.text, passes(answer, each.expected)))
        return examined

    def rehearse(
        self,
        scope: Scope,
        *,
        asked_in: Scope | None = None,
        progress: Progress | None = None,
    ) -> Rehearsal:
        """Find out what a re-index would change, without changing an article or an answer.

        Sources are read again; where a text changed, an index is built beside the live one.
        The golden questions and the newest of those that the journal keeps of ``asked_in``
        (None: of the same scope) are asked of both.

        Raises:
            StorageError: there is no space for it.
        """
        notify = progress or silent
        revision = self._catalogue.revision(scope)
        checks: list[tuple[Article, Check]] = []
        fresh: dict[int, Document] = {}
        articles = [a for a in self.articles(scope) if can_take_again(a.source)]
        for number, article in enumerate(articles):
            notify("reading", number, len(articles))
            document, found = read_again(self._watching, self._intake, article)
            checks.append((article, found))
            if document is not None and content_hash(document) != article.content_hash:
                fresh[article.id] = document
        asked = self._asked(asked_in or scope) if fresh else []
        threshold = self.journal.preferences(asked_in or scope).threshold
        told = self.replay(scope, fresh, asked, threshold, notify)
        return Rehearsal(
            scope=scope,
            revision=revision,
            changed=tuple(document.title for document in fresh.values()),
            failed=tuple((a.title, found.reason) for a, found in checks if found.failures),
            unchanged=told.unchanged,
            better=told.better,
            lost=told.lost,
            different=told.different,
            documents=tuple(fresh.values()),
            checks=tuple(checks),
        )

    def promote(self, rehearsal: Rehearsal, *, progress: Progress | None = None) -> ReindexReport:
        """Store what a rehearsal read, and publish the index of it.

        Raises:
            RehearsalOutdated: the scope was changed since.
            LibraryBusy: it is being changed.
        """
        scope = rehearsal.scope

        def store(_: Progress) -> list[tuple[str, str]]:
            if self._catalogue.revision(scope) != rehearsal.revision:
                raise RehearsalOutdated(
                    "The articles were changed since this was rehearsed. Re-index again."
                )
            for document in rehearsal.documents:
                with suppress(ArticleNotFound):  # removed in the meantime
                    self._catalogue.put(scope, document, revive=False)
            for article, found in rehearsal.checks:
                self._watching.record(article, found)
            return list(rehearsal.failed)

        return self._library.reindex(scope, store, progress or silent)

    def replay(
        self,
        scope: Scope,
        fresh: Mapping[int, Document],
        asked: Sequence[Asked],
        threshold: float | None,
        progress: Progress,
    ) -> Compared:
        """What becomes of the answers when articles, named by their numbers, change so."""
        if not asked:
            return compared(())
        stored = {item.article.id: _document(item) for item in self._catalogue.texts(scope)}
        documents = [*{**stored, **fresh}.values()]
        return compared(self._replayed(scope, documents, asked, threshold, progress))

    def _insist(self, scope: Scope, question: str, threshold: float | None) -> Answer:
        """Ask, and ask again while workers are busy: hundreds are not given up for one."""
        for _ in range(_TRIES):
            with suppress(TryAgain):
                return self.ask(scope, question, threshold=threshold)
            time.sleep(_RETRY_S)
        return self.ask(scope, question, threshold=threshold)

    def _asked(self, scope: Scope) -> list[Asked]:
        golden = {each.question: each for each in self.golden.all(scope)}
        kept = [each for each in self.journal.questions(scope) if each not in golden]
        return [*golden.items(), *((question, None) for question in kept)]

    def _replayed(
        self,
        scope: Scope,
        documents: Sequence[Document],
        questions: Sequence[Asked],
        threshold: float | None,
        notify: Progress,
    ) -> Iterator[tuple[Asked, Answer, Answer]]:
        """Each question with its answer now, and with that of an index of ``documents``."""
        # Both are asked as members ask: what all servers share is answered from too.
        shared = Scope.shared() if scope != Scope.shared() else None

        def building(_: str, done: int, total: int) -> None:
            notify("rehearsing", done, total)

        data_dir = self._settings.data_dir
        with (
            mapped(),
            TemporaryDirectory(prefix=REHEARSALS, dir=data_dir) as folder,
        ):
            embedder = Recalling(self._embedder, self._catalogue, (scope, Scope.shared()))
            catalogue = Catalogue.open(Path(folder))
            try:
                store = GenerationFiles(Path(folder) / "index")
                library = Library(catalogue, store, embedder)
                library.put(scope, documents, building)
                if shared is not None:
                    texts = self._catalogue.texts(shared)
                    library.put(shared, [_document(item) for item in texts], silent)
                beside = self._over(Path(folder), catalogue, embedder)
                # A question is somebody's: nothing of it is kept.
                embedder.learning = False
                for number, asked in enumerate(questions):
                    notify("rehearsing", number, len(questions))
                    with suppress(BadInput):
                        before = self._insist(scope, asked[0], threshold)
                        yield asked, before, beside.ask(scope, asked[0], threshold=threshold)
            finally:
                catalogue.close()


def _document(item: StoredText) -> Document:
    article = item.article
    return Document(
        article.title,
        item.text,
        article.source,
        article.media_type,
        item.headings,
        article.author,
        article.published,
        item.pages,
        article.canonical,
    )


class Compared(NamedTuple):
    """The questions by what would become of their answers."""

    unchanged: int
    better: tuple[Replayed, ...]
    lost: tuple[Replayed, ...]
    different: tuple[Replayed, ...]


def compared(answers: Iterable[tuple[Asked, Answer, Answer]]) -> Compared:
    """Sort what was asked, with the answers before and after, by the difference that is made."""
    unchanged = 0
    better: list[Replayed] = []
    lost: list[Replayed] = []
    different: list[Replayed] = []
    for (question, golden), before, after in answers:
        replayed = Replayed(question, before.text, after.text, golden is not None)
        if golden is not None:
            was, is_now = (passes(answer, golden.expected) for answer in (before, after))
        else:
            was, is_now = before.answered, after.answered
        if (golden is not None and was == is_now) or _words(before) == _words(after):
            unchanged += 1
        elif not was:
            better.append(replayed)
        elif not is_now:
            lost.append(replayed)
        else:
            different.append(replayed)
    return Compared(unchanged, tuple(better), tuple(lost), tuple(different))


def _words(answer: Answer) -> tuple[str | None, ...]:
    return answer.text, *(quote.text for quote in answer.quotes)


class Recalling:
    """An embedder that knows what a catalogue has cached of ``scopes``.

    While it is ``learning``, what is new to it is cached in the first of them.
    """

    def __init__(self, embedder: Embedder, catalogue: Catalogue, scopes: Sequence[Scope]) -> None:
        self._embedder = embedder
        self._catalogue = catalogue
        self._scopes = tuple(dict.fromkeys(scopes))
        self.fingerprint = embedder.fingerprint
        self.max_tokens = embedder.max_tokens
        self.learning = True

    @property
    def dimension(self) -> int:
        return self._embedder.dimension

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._embedder.count_tokens(texts)

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        keys = [text_key(text) for text in texts]
        known: dict[bytes, Vectors] = {}
        for scope in self._scopes:
            left = [key for key in keys if key not in known]
            known |= self._catalogue.cached_vectors(scope, self.fingerprint, left)
        text_of = dict(zip(keys, texts, strict=True))
        missing = [key for key in text_of if key not in known]
        if missing:
            fresh = self._embedder.encode([text_of[key] for key in missing], step)
            new = dict(zip(missing, fresh, strict=True))
            if self.learning:
                self._catalogue.cache_vectors(self._scopes[0], self.fingerprint, new)
            known |= new
        found = np.empty((len(texts), self.dimension), dtype=np.float32)
        for row, key in enumerate(keys):
            found[row] = known[key]
        return found
