"""The one orchestrator: it calls the stages in turn, and no stage calls another.

    source   -> sources -> catalogue -> building (chunking, embedding) -> generation
    question -> question, intent, followup -> embedding -> generation
             -> answering (ranking, reader, composing, confidence), or overview (summarising)

Synchronous, and safe to use from several threads and processes at once.
"""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from index.answering import Found, Reading, find, passages, read
from index.catalogue import Catalogue, StoredText, content_hash
from index.changes import changes
from index.chunking import paragraphs, quotable
from index.database import mapped
from index.embedding import Embedder, PackagedEmbedder, SentenceTransformerEmbedder, Vectors
from index.errors import (
    ArticleNotFound,
    BadInput,
    DeadlineExceeded,
    LibraryBusy,
    LibraryFull,
    RehearsalOutdated,
    SourceError,
)
from index.followup import leans, resolved
from index.generation import GenerationStore, Searched
from index.intake import (
    CONFIGURED,
    Intake,
    Several,
    Taken,
    can_take_again,
    is_web,
    web_key,
)
from index.intent import Intent, Wish, intent
from index.journal import Journal
from index.lexical import tokens
from index.library import Library, silent
from index.overview import overview
from index.question import Checked, chats, check, normalise
from index.ranking import WEIGHTS
from index.reader import Candidate, Reader, ReadingPassage
from index.reader.picker import SentencePicker
from index.reader.spans import SpanReader
from index.refreshing import due, read_again, refresh
from index.rehearsing import Recalling, compared
from index.settings import PACKAGED_MODEL, IndexSettings
from index.types import (
    Added,
    Answer,
    Article,
    Changes,
    Check,
    Document,
    Hit,
    Kind,
    Passage,
    Progress,
    Published,
    Quote,
    Rehearsal,
    ReindexReport,
    Scope,
    Turn,
    VerifyReport,
    Version,
)

UNDO = timedelta(days=1)
"""How long a removed article can be brought back."""
_REHEARSALS = "rehearsal-"
_MOST_DUE = 20
"""Pages of one scope that are read again at once: the others get their turn."""
_FEED_S = 300.0
"""How long the pages of a feed or the files of a folder are read before the rest is left."""
_TEXTS_IN_MEMORY = 64
_SUMMARISES = re.compile(r"summ?[ae]r|tl;? ?dr|gist|in short|points|sum .*up", re.IGNORECASE)
_TELLS_ITSELF = 0.5
"""The confidence from which the text answers what the article does not tell as an object."""
_CLEARLY_SURER = 0.15
_SHORTEST_REASON = 4
"""Words: a name alone is no reason, and no way to do something."""
_LONGEST_TURN_CHARS = 1000


class Engine:
    """Articles in, answers out. Open it with ``Engine.open``; close it or use ``with``."""

    def __init__(
        self,
        settings: IndexSettings,
        catalogue: Catalogue,
        embedder: Embedder,
        reader: Reader,
        *,
        weights: Mapping[str, float] = WEIGHTS,
        intake: Intake | None = None,
    ) -> None:
        self._weights = weights
        self._settings = settings
        self._catalogue = catalogue
        self._embedder = embedder
        self._reader = reader
        store = GenerationStore(settings.data_dir / "index")
        self._intake = intake or Intake(int(settings.max_article_mb * 1_000_000))
        self._library = Library(catalogue, store, embedder)
        self._journal = Journal(catalogue)
        # A stored version never changes, so its text may be kept as long as there is room.
        self._text = lru_cache(_TEXTS_IN_MEMORY)(catalogue.text)

    @classmethod
    def open(
        cls,
        settings: IndexSettings,
        *,
        embedder: Embedder | None = None,
        reader: Reader | None = None,
        weights: Mapping[str, float] = WEIGHTS,
        intake: Intake | None = None,
    ) -> Self:
        """Open the library in ``settings.data_dir``; cheap, the models load when first needed.

        ``embedder`` and ``reader`` stand in for those of the settings; an embedder alone
        comes with the sentence-picker. ``weights`` are those of the ranking, and ``intake``
        is what reads sources.

        Raises:
            StorageError: the folder cannot be used.
            CatalogueError: the catalogue is damaged, or of a newer program.
        """
        catalogue = Catalogue.open(settings.data_dir)
        if embedder is not None:
            return cls(
                settings,
                catalogue,
                embedder,
                reader or SentencePicker(),
                weights=weights,
                intake=intake,
            )
        model, reader = _embedder(settings), reader or _reader(settings)
        return cls(settings, catalogue, model, reader, weights=weights, intake=intake)

    def close(self) -> None:
        self._intake.close()
        self._catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def warm(self, *scopes: Scope) -> None:
        """Load the model and the indexes of ``scopes`` now, so that no question waits for it."""
        self._embedder.encode(["warm"])
        warm = ReadingPassage("It is warm.", (Candidate(0, 11, 1.0),))
        self._reader.read("Is it warm?", [warm])
        for scope in scopes:
            self._library.generation(scope)

    @property
    def journal(self) -> Journal:
        """What was asked and answered, and how each scope is set up."""
        return self._journal

    # Articles

    def add(
        self,
        scope: Scope,
        source: str | Path | bytes,
        *,
        media_type: str | None = None,
        title: str | None = None,
        filename: str | None = None,
        progress: Progress | None = None,
    ) -> Article:
        """Read an article, store it, and make it searchable.

        ``source`` is a path, a web address, or the bytes of an upload, then with its
        ``filename``. The same source again replaces the article when its text has changed.

        Raises:
            SourceError: the source cannot be read as an article.
            LibraryBusy: another process keeps changing this scope.
            StorageError: the disk is full; what was there before stays.
        """
        notify = progress or silent
        notify("reading", 0, 1)
        taken = self._intake.take(source, media_type=media_type, title=title, filename=filename)
        return self._put(scope, [taken], notify)[0]

    def add_page(
        self,
        scope: Scope,
        url: str,
        *,
        title: str | None = None,
        progress: Progress | None = None,
    ) -> Added:
        """Add a web page, or all pages of a feed, on behalf of somebody who is not trusted.

        Raises:
            SourceError: ``url`` is no web address, whatever else it may be, or cannot be read.
            LibraryBusy, StorageError: as ``add`` does.
        """
        if not is_web(url):
            raise SourceError(f"{url[:80]!r} is no web address. Give one with https:// in front.")
        return self.add_all(scope, url, title=title, progress=progress)

    def add_all(
        self,
        scope: Scope,
        source: str | Path,
        *,
        title: str | None = None,
        progress: Progress | None = None,
    ) -> Added:
        """Add every article of a folder or a feed; any other source is added as ``add`` does.

        One that cannot be read is named in ``failed`` and keeps none of the others out.
        ``title`` is for a single article.

        Raises:
            SourceError: there is nothing that can be read at all.
            LibraryBusy, StorageError: as ``add`` does.
        """
        notify, started = progress or silent, time.perf_counter()
        try:
            return Added((self.add(scope, source, title=title, progress=notify),))
        except Several as several:
            sources = several.sources
        taken: list[Taken] = []
        failed: list[tuple[str, str]] = []
        for number, one in enumerate(sources):
            notify("reading", number, len(sources))
            if time.perf_counter() - started > _FEED_S:
                failed.append((one, "There was no time left for it. Add it by itself."))
                continue
            try:
                taken.append(self._intake.take(one))
            except SourceError as error:
                failed.append((one, str(error)))
        if not taken:
            raise SourceError(f"Nothing of {str(source)!r} can be read. {failed[0][1]}")
        return Added(tuple(self._put(scope, taken, notify)), tuple(failed))

    def publish_shared(self, source: str | Path | None = None) -> Article:
        """Make ``source`` (None: the bundled article) the one that the settings name.

        It takes the place of the one they named before; articles that were added to the
        shared scope by hand stay. Nothing is done when all is as it should be. A page that
        cannot be read just now keeps its stored text.
        """
        if source is None:
            document = self._intake.bundled()
        else:
            try:
                read = self._intake.take(source).document
            except SourceError:
                stored = (
                    self._stored(f"{CONFIGURED}{web_key(str(source))}") if is_web(source) else None
                )
                if stored is None:
                    raise
                return stored
            document = replace(read, source=f"{CONFIGURED}{read.source}")
        named = self._library.put(Scope.shared(), [document], silent)[0]
        for article in self.articles(Scope.shared()):
            if article.source.startswith(CONFIGURED) and article.id != named.id:
                self.remove(Scope.shared(), article.id)
        return named

    def _stored(self, source: str) -> Article | None:
        articles = self.articles(Scope.shared())
        return next((article for article in articles if article.source == source), None)

    def _put(self, scope: Scope, taken: Sequence[Taken], notify: Progress) -> list[Article]:
        if scope not in {Scope.local(), Scope.shared()}:
            known = {article.source for article in self.articles(scope)}
            total = len(known | {one.document.source for one in taken})
            if total > self._settings.max_articles:
                raise LibraryFull(
                    f"This would make {total:,} articles, and at most"
                    f" {self._settings.max_articles:,} are kept for one server. Remove some first."
                )
        articles = self._library.put(scope, [one.document for one in taken], notify)
        for article, one in zip(articles, taken, strict=True):
            if can_take_again(article.source):
                check = Check(datetime.now(UTC), one.etag, one.last_modified)
                self._catalogue.record_check(article, check)
        return articles

    def remove(self, scope: Scope, article_id: int) -> Article:
        """Remove an article; no answer comes from it from the next question on.

        Raises:
            ArticleNotFound: the scope has no such article.
        """
        return self._library.remove(scope, article_id)

    def undelete(self, scope: Scope, article_id: int) -> Article:
        """Bring a removed article back, as it was.

        Raises:
            ArticleNotFound: there is no such article, or it is not removed.
        """
        return self._library.undelete(scope, article_id)

    def versions(self, scope: Scope, article_id: int) -> list[Version]:
        """The stored versions of an article, oldest first; [] where there is no such article."""
        return self._catalogue.versions(scope, article_id)

    def changes(self, article: Article, since: int | None = None) -> Changes:
        """How an article's text differs from version ``since``; None: the one before.

        Raises:
            ArticleNotFound: that version is not stored, or no longer.
        """
        known = {version.number: version for version in self.versions(article.scope, article.id)}
        newer = known.get(article.version)
        older = known.get(since if since is not None else article.version - 1)
        if newer is None or older is None:
            if since is not None or newer is None:
                raise ArticleNotFound(
                    f"version {since or article.version} of {article.title!r} is not stored"
                )
            return Changes(newer=newer)
        texts = [
            self._catalogue.stored(article.scope, article.id, version.number)
            for version in (older, newer)
        ]
        before, after = (quotable(stored.text, stored.headings) for stored in texts)
        return replace(changes(before, after), older=older, newer=newer)

    def prune(self, now: datetime) -> int:
        """Delete for good what was removed more than a day ago, and the oldest versions.

        How many articles were deleted. Run it daily.
        """
        # What a killed rehearsal left behind.
        for left in self._settings.data_dir.glob(f"{_REHEARSALS}*"):
            with suppress(OSError):
                if now.timestamp() - left.stat().st_mtime > UNDO.total_seconds():
                    shutil.rmtree(left, ignore_errors=True)
        return self._catalogue.prune(now - UNDO, self._settings.kept_versions)

    def checks(self, scope: Scope) -> dict[int, Check]:
        """What came of reading each article's source last, by the article's number."""
        return self._catalogue.checks(scope)

    def forget(self, scope: Scope) -> None:
        """Delete all that is stored of a scope, articles and index, for good.

        Raises:
            LibraryBusy: the scope is being changed.
        """
        self._library.forget(scope)

    def articles(self, scope: Scope) -> list[Article]:
        """The articles of ``scope`` itself, oldest first."""
        return self._catalogue.articles(scope)

    def reindex(
        self,
        scope: Scope,
        *,
        only: Article | None = None,
        progress: Progress | None = None,
    ) -> ReindexReport:
        """Read the sources that are files or pages again, and publish a new generation.

        Questions are answered from the old generation until the new one is live. A source
        that cannot be read keeps its stored text and is named in ``failed``. ``only`` reads
        a single source again.

        Raises:
            LibraryBusy: this scope is being changed already.
            SourceError: ``only`` is an upload, which cannot be read again.
        """
        if only is not None and not can_take_again(only.source):
            raise SourceError(
                f"{only.title!r} was uploaded, and cannot be read again from where it came."
                " Upload the new version instead."
            )
        chosen = [only] if only is not None else self.articles(scope)
        articles = [article for article in chosen if can_take_again(article.source)]
        return self._library.reindex(
            scope,
            lambda notify: refresh(self._catalogue, self._intake, articles, notify),
            progress or silent,
        )

    def rehearse(
        self,
        scope: Scope,
        *,
        asked_in: Scope | None = None,
        progress: Progress | None = None,
    ) -> Rehearsal:
        """Find out what a re-index would change, without changing an article or an answer.

        Sources are read again; where a text changed, an index is built beside the live one
        and the newest questions that the journal keeps of ``asked_in`` (None: of the same
        scope) are asked of both.

        Raises:
            StorageError: there is no space for it.
        """
        notify = progress or silent
        revision = self._catalogue.revision(scope)
        stored = {item.article.id: _document(item) for item in self._catalogue.texts(scope)}
        checks: list[tuple[Article, Check]] = []
        fresh: list[Document] = []
        articles = [a for a in self.articles(scope) if can_take_again(a.source)]
        for number, article in enumerate(articles):
            notify("reading", number, len(articles))
            document, found = read_again(self._catalogue, self._intake, article)
            checks.append((article, found))
            if document is not None and content_hash(document) != article.content_hash:
                stored[article.id] = document
                fresh.append(document)
        questions = self.journal.questions(asked_in or scope) if fresh else []
        told = compared(self._replayed(scope, list(stored.values()), questions, notify))
        return Rehearsal(
            scope=scope,
            revision=revision,
            changed=tuple(document.title for document in fresh),
            failed=tuple((a.title, found.reason) for a, found in checks if found.failures),
            unchanged=told.unchanged,
            better=told.better,
            lost=told.lost,
            different=told.different,
            documents=tuple(fresh),
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
                self._catalogue.record_check(article, found)
            return list(rehearsal.failed)

        return self._library.reindex(scope, store, progress or silent)

    def _replayed(
        self,
        scope: Scope,
        documents: Sequence[Document],
        questions: Sequence[str],
        notify: Progress,
    ) -> Iterator[tuple[str, Answer, Answer]]:
        """Each question with its answer now, and with that of an index of ``documents``."""
        own = self.articles(scope)
        if not questions or not own:
            return

        def building(_: str, done: int, total: int) -> None:
            notify("rehearsing", done, total)

        data_dir = self._settings.data_dir
        with (
            mapped(data_dir),
            TemporaryDirectory(prefix=_REHEARSALS, dir=data_dir) as folder,
        ):
            settings = self._settings.model_copy(update={"data_dir": Path(folder)})
            catalogue = Catalogue.open(Path(folder))
            embedder = Recalling(self._embedder, self._catalogue, scope)
            beside = Engine(
                settings, catalogue, embedder, self._reader,
                weights=self._weights, intake=self._intake,
            )  # fmt: skip
            try:
                beside._library.put(scope, documents, building)
                # A question is somebody's: nothing of it is kept.
                embedder.learning = False
                for number, question in enumerate(questions):
                    notify("rehearsing", number, len(questions))
                    with suppress(BadInput):
                        before = self.ask(scope, question, only=own)
                        yield question, before, beside.ask(scope, question)
            finally:
                catalogue.close()

    def refresh_due(
        self, every: timedelta, now: datetime, *, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Read again every web page, of any scope, that was last read ``every`` ago.

        What fails is tried again sooner, and less often the longer it fails. A scope that
        is being changed waits for the next call, and so does all that is left when ``stop``
        becomes true. How many pages were read.
        """
        count = 0
        for scope in self._catalogue.scopes():
            if stop():
                break
            checks = self._catalogue.checks(scope)
            articles = [
                article
                for article in self._catalogue.articles(scope)
                if is_web(article.source.removeprefix(CONFIGURED))
                and due(article, checks.get(article.id), every) <= now
            ]
            if not articles:
                continue
            articles = articles[:_MOST_DUE]
            work = partial(refresh, self._catalogue, self._intake, articles, stop=stop)
            with suppress(LibraryBusy):
                self._library.refresh(scope, work)
                count += len(articles)
        return count

    def rebuild(self, scope: Scope, *, progress: Progress | None = None) -> ReindexReport:
        """Build the index anew from what is stored, without reading any source.

        Raises:
            LibraryBusy: this scope is being changed already.
        """
        return self._library.reindex(scope, lambda _: [], progress or silent)

    def generations(self, scope: Scope) -> list[Published]:
        """The index's generations that are kept: the live one, then the newest first."""
        return self._library.kept(scope)

    def roll_back(self, scope: Scope, name: str) -> list[Article]:
        """Make the articles of ``scope`` what they were in the generation ``name``.

        Changed articles get their old text back, until their sources are read again; removed
        ones return, and added ones are removed. The articles as they are then.

        Raises:
            ArticleNotFound: that generation, or a text that it held, is no longer kept.
            LibraryBusy: this scope is being changed.
        """
        self._library.roll_back(scope, name)
        return self.articles(scope)

    def back_up(self, file: Path) -> None:
        """Copy all that is kept, of every scope, to one file, while the library is in use.

        The indexes are not in it: they are built from it again when they are first needed.

        Raises:
            StorageError: the file cannot be written.
        """
        self._catalogue.back_up(file)

    def verify(self, scope: Scope) -> VerifyReport:
        """Check the catalogue, and the live generation file by file against it."""
        return self._library.verify(scope)

    # Questions

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
        """Answer a question from the articles of ``scope`` and the shared ones.

        ``history`` holds earlier turns, oldest first; it counts only when the question
        leans on the last one. Below ``threshold`` (default: the setting's) the answer is
        that the article does not say; 0 never declines. ``only`` asks one article, or
        some, and no other.

        Raises:
            QuestionError: the question is empty, too long, without words, or in a
                language that the model does not know.
            ArticleNotFound: there is no article to ask.
            DeadlineExceeded: ``deadline_s`` seconds ran out.
        """
        started = time.perf_counter()
        checked = check(
            question,
            max_chars=self._settings.max_question_chars,
            english_only=self._settings.model == PACKAGED_MODEL,
        )
        deadline = _Deadline(deadline_s)
        chosen = [only] if isinstance(only, Article) else only
        searched = self._library.searched(scope, chosen)
        deadline.check("opening the index")
        limit = self._settings.threshold if threshold is None else threshold
        wanted = intent(checked.text)
        untold: Answer | None = None
        if checked.kind is not Kind.CHAT and _is_of_articles(wanted, checked.text, history):
            answer = self._overview(checked.text, wanted, searched)
            if answer is not None and answer.answered:
                elapsed_ms = (time.perf_counter() - started) * 1000
                return replace(answer, threshold=limit, elapsed_ms=elapsed_ms)
            untold = answer
            # A part of the article in short, or something else that has a title or a date.
            wanted = Intent(Wish.REASON if wanted.wish is Wish.WHOLE else Wish.FACT)
        readings = _readings(checked.text, history)
        outcomes = []
        vectors = self._embedder.encode(readings)
        for reading, vector in zip(readings, vectors, strict=True):
            deadline.check("searching")
            outcomes.append(self._outcome(searched, reading, vector, wanted.wish))
        # The reading with its history, unless the bare one finds a clearly surer answer.
        best = outcomes[0]
        if outcomes[-1].confidence > best.confidence + _CLEARLY_SURER:
            best = outcomes[-1]
        elapsed_ms = (time.perf_counter() - started) * 1000
        # What the article does not tell as an object, its text may all but spell out.
        if untold is not None and best.confidence < max(limit, _TELLS_ITSELF):
            return replace(untold, threshold=limit, elapsed_ms=elapsed_ms)
        if best.confidence < limit and chats(checked.text, best.signals.coverage):
            checked = replace(checked, kind=Kind.CHAT)
        return _answer(checked, wanted.wish, best, limit, elapsed_ms)

    def search(self, scope: Scope, query: str, *, limit: int = 5) -> list[Hit]:
        """The passages nearest to ``query``, best first, at most ``limit``.

        Raises:
            QuestionError, ArticleNotFound: as ``ask`` does.
        """
        text = check(query, max_chars=self._settings.max_question_chars, english_only=False).text
        searched = self._library.searched(scope)
        vector = self._embedder.encode([text])[0]
        found = _found(searched, vector, tokens(text), self._weights)
        return [run.hit for run in passages(found, self._text, at_least=limit)[:limit]]

    def paragraph(self, quote: Quote) -> Passage:
        """The paragraph that a quote stands in, as it was when the quote was taken.

        Raises:
            ArticleNotFound: that version of the article is no longer stored.
        """
        text = self._text(quote.scope, quote.article_id, quote.version)
        start, end = next(
            ((a, b) for a, b in paragraphs(text) if a <= quote.start < b),
            (quote.start, quote.end),
        )
        return Passage(
            scope=quote.scope,
            article_id=quote.article_id,
            version=quote.version,
            article=quote.article,
            start=start,
            end=end,
            text=text[start:end],
        )

    def _outcome(
        self,
        searched: Sequence[Searched],
        question: str,
        vector: Vectors,
        wish: Wish = Wish.FACT,
    ) -> Reading:
        words = tokens(question)
        found = _found(searched, vector, words, self._weights)
        return read(found, question, words, self._reader, self._text, wish=wish)

    def _overview(
        self, question: str, wanted: Intent, searched: Sequence[Searched]
    ) -> Answer | None:
        vector = self._embedder.encode([question])[0]
        runs = passages(_found(searched, vector, tokens(question), self._weights), self._text)
        hits = tuple(run.hit for run in runs)
        # A server that has articles of its own means those, unless it names a shared one.
        for one in searched if wanted.named else searched[:1]:
            stored = self._catalogue.articles(one.generation.scope)
            answer = overview(question, wanted, one, stored, text_of=self._text, hits=hits)
            if answer is not None:
                return answer
        return None


def _found(
    searched: Sequence[Searched],
    query: Vectors,
    words: Sequence[str],
    weights: Mapping[str, float],
) -> Found:
    found = find(searched, query, words, weights)
    if not len(found):
        raise ArticleNotFound("there is no article to ask any more; add one first")
    return found


class _Deadline:
    """Runs out ``seconds`` after it was made; a stage that has begun is not cut short."""

    def __init__(self, seconds: float | None) -> None:
        self._seconds = seconds
        self._started = time.perf_counter()

    def check(self, stage: str) -> None:
        if self._seconds is not None and time.perf_counter() - self._started > self._seconds:
            raise DeadlineExceeded(
                f"no answer within {self._seconds:g} s (before {stage}); try again in a moment"
            )


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


def _embedder(settings: IndexSettings) -> Embedder:
    if settings.model == PACKAGED_MODEL:
        return PackagedEmbedder(threads=settings.threads)
    return SentenceTransformerEmbedder(settings.model, threads=settings.threads)


def _reader(settings: IndexSettings) -> Reader:
    if settings.reader == "none":
        return SentencePicker()
    if settings.reader == "packaged":
        return SpanReader.packaged(threads=settings.threads)
    return SpanReader.named(settings.reader, threads=settings.threads)


def _readings(text: str, history: Sequence[Turn]) -> list[str]:
    """The question as it stands; before that, when it leans on the last turn, resolved."""
    if not history or not leans(text):
        return [text]
    turns = [
        Turn(
            normalise(turn.question)[:_LONGEST_TURN_CHARS],
            normalise(turn.answer or "")[:_LONGEST_TURN_CHARS],
        )
        for turn in history
    ]
    return [resolved(text, turns), text]


def _is_of_articles(wanted: Intent, question: str, history: Sequence[Turn]) -> bool:
    """Whether a question asks about the articles themselves; "it" may be what was spoken of."""
    if wanted.wish not in {Wish.OBJECT, Wish.WHOLE}:
        return False
    may_point = history and re.search(r"\b(?:it|that)\b", question.lower())
    return not may_point or bool(_SUMMARISES.search(question))


def _marked(wish: Wish, reading: Reading) -> tuple[int, int, str]:
    """The span that answers and its text: the very words, or all that is quoted."""
    if wish is Wish.VERDICT or (wish is Wish.LIST and reading.itemised):
        said = " ".join(quote.text for quote in reading.quotes)
        return reading.quotes[0].start, reading.quotes[-1].end, said
    quote = reading.quote
    said = quote.text[reading.start - quote.start : reading.end - quote.start]
    if wish in {Wish.REASON, Wish.MANNER} and len(said.split()) < _SHORTEST_REASON:
        return quote.start, quote.end, quote.text
    return reading.start, reading.end, said


def _kind(wish: Wish, reading: Reading) -> Kind:
    if wish is Wish.LIST and len(reading.quotes) > 1:
        return Kind.LIST
    return Kind.SENTENCES if wish in {Wish.REASON, Wish.MANNER, Wish.VERDICT} else Kind.SPAN


def _answer(
    checked: Checked, wish: Wish, reading: Reading, threshold: float, elapsed_ms: float
) -> Answer:
    question = checked.text
    hits = tuple(run.hit for run in reading.runs)
    chat = checked.kind is Kind.CHAT
    if chat or reading.confidence < threshold:
        return Answer(
            question=question,
            kind=Kind.CHAT if chat else Kind.NONE,
            confidence=0.0 if chat else reading.confidence,
            threshold=threshold,
            elapsed_ms=elapsed_ms,
            passages=hits,
        )
    start, end, text = _marked(wish, reading)
    return Answer(
        question=question,
        kind=_kind(wish, reading),
        confidence=reading.confidence,
        threshold=threshold,
        elapsed_ms=elapsed_ms,
        text=text,
        start=start,
        end=end,
        quotes=reading.quotes,
        passages=hits,
    )
