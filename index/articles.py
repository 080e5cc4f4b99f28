"""The articles of every scope: added, changed, refreshed, taken away and brought back.

The half of the engine that changes what is stored; the other half answers from it.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from index import following
from index.catalogue import Catalogue
from index.changes import changes
from index.chunking import quotable
from index.errors import (
    ArticleNotFound,
    EngineError,
    LibraryBusy,
    LibraryFull,
    SourceError,
)
from index.following import Follower
from index.intake import CONFIGURED, Intake, Several, Taken, can_take_again, is_web, web_key
from index.library import Library, silent
from index.refreshing import due, refresh
from index.settings import IndexSettings
from index.types import (
    Added,
    Article,
    Changes,
    Check,
    Feed,
    Progress,
    Published,
    ReindexReport,
    Scope,
    VerifyReport,
    Version,
)
from index.watching import Watching

log = logging.getLogger(__name__)

UNDO = timedelta(days=1)
"""How long a removed article can be brought back."""
MOST_FEEDS = 8
"""Feeds of one server that are watched."""
REHEARSALS = "rehearsal-"
_MOST_DUE = 20
"""Pages of one scope that are read again at once: the others get their turn."""
_FEED_S = 300.0
"""How long the pages of a feed or the files of a folder are read before the rest is left."""


class Articles:
    """Adds, refreshes and removes; every change is searchable once the call returns."""

    def __init__(
        self, settings: IndexSettings, catalogue: Catalogue, library: Library, intake: Intake
    ) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._library = library
        self._intake = intake
        self._watching = Watching(catalogue)

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
        ``title`` is for a single article. A feed is watched from then on: the pages that it
        names later are added when it is read again.

        Raises:
            SourceError: there is nothing that can be read at all.
            LibraryBusy, StorageError: as ``add`` does.
        """
        notify, started = progress or silent, time.perf_counter()
        try:
            return Added((self.add(scope, source, title=title, progress=notify),))
        except Several as found:
            several, sources = found, found.sources
            self._check_feeds(scope, several.feed)
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
        articles = self._put(scope, taken, notify)
        if several.feed:
            left = {source for source, _ in failed}
            seen = [page for page in reversed(sources) if page not in left]
            # Asked for anew the next time where a page is still to come.
            said = ("", "") if failed else (several.etag, several.last_modified)
            self._watching.watch(scope, several.feed, seen, Check(datetime.now(UTC), *said))
        return Added(tuple(articles), tuple(failed), several.feed)

    def _check_feeds(self, scope: Scope, feed: str) -> None:
        watched = {one.source for one in self.feeds(scope)}
        if feed and self._most(scope) is not None and len(watched | {feed}) > MOST_FEEDS:
            raise LibraryFull(
                f"At most {MOST_FEEDS} feeds are watched for one server. Stop watching one first."
            )

    def feeds(self, scope: Scope) -> list[Feed]:
        """The feeds of ``scope`` that are watched for new pages, oldest first."""
        return self._watching.feeds(scope)

    def unwatch(self, scope: Scope, number: int) -> bool:
        """Stop watching a feed, whose articles stay; whether there was such a feed."""
        return self._watching.unwatch(scope, number)

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
        documents = [one.document for one in taken]
        articles = self._library.put(scope, documents, notify, most=self._most(scope))
        for article, one in zip(articles, taken, strict=True):
            if can_take_again(article.source):
                check = Check(datetime.now(UTC), one.etag, one.last_modified)
                self._watching.record(article, check)
        return articles

    def _most(self, scope: Scope) -> int | None:
        """How many articles the scope may have; the operator's own have no limit."""
        own = scope in {Scope.local(), Scope.shared()}
        return None if own else self._settings.max_articles

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
        for left in self._settings.data_dir.glob(f"{REHEARSALS}*"):
            with suppress(OSError):
                if now.timestamp() - left.stat().st_mtime > UNDO.total_seconds():
                    shutil.rmtree(left, ignore_errors=True)
        return self._catalogue.prune(now - UNDO, self._settings.kept_versions)

    def checks(self, scope: Scope) -> dict[int, Check]:
        """What came of reading each article's source last, by the article's number."""
        return self._watching.checks(scope)

    def forget(self, scope: Scope) -> None:
        """Delete all that is stored of a scope, articles and index, for good.

        Raises:
            LibraryBusy: the scope is being changed.
        """
        self._library.forget(scope)

    def scopes(self) -> list[Scope]:
        """Every scope that was ever written."""
        return self._catalogue.scopes()

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

        Feeds are read too, and the pages that they name anew are added.

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

        def work(notify: Progress) -> list[tuple[str, str]]:
            failed = refresh(self._catalogue, self._watching, self._intake, articles, notify)
            feeds = [] if only is not None else self.feeds(scope)
            return failed + self._follower(scope).follow(feeds, notify)

        return self._library.reindex(scope, work, progress or silent)

    def _follower(self, scope: Scope, stop: Callable[[], bool] = lambda: False) -> Follower:
        work = (self._catalogue, self._watching, self._intake)
        return Follower(*work, self._most(scope), stop)

    def refresh_due(
        self, every: timedelta, now: datetime, *, stop: Callable[[], bool] = lambda: False
    ) -> int:
        """Read again every web page and feed, of any scope, that was last read ``every`` ago.

        What fails is tried again sooner, and less often the longer it fails. A scope that
        is being changed waits for the next call, and so does all that is left when ``stop``
        becomes true. How many were read.
        """
        count = 0
        for scope in self._catalogue.scopes():
            if stop():
                break
            articles, feeds = self._due(scope, every, now)
            if not articles and not feeds:
                continue
            try:
                self._library.refresh(scope, partial(self._refresh_due, scope, every, now, stop))
            except LibraryBusy:
                continue
            except EngineError as error:  # one server's trouble keeps no other from its turn
                log.warning("the sources of %s are read later: %s", scope, error)
                continue
            count += len(articles) + len(feeds)
        return count

    def _due(
        self, scope: Scope, every: timedelta, now: datetime
    ) -> tuple[list[Article], list[Feed]]:
        checks = self.checks(scope)
        articles = [
            article
            for article in self.articles(scope)
            if is_web(article.source.removeprefix(CONFIGURED))
            and due(article, checks.get(article.id), every) <= now
        ]
        feeds = [feed for feed in self.feeds(scope) if following.due(feed, every) <= now]
        return articles[:_MOST_DUE], feeds

    def _refresh_due(
        self,
        scope: Scope,
        every: timedelta,
        now: datetime,
        stop: Callable[[], bool],
        notify: Progress,
    ) -> list[tuple[str, str]]:
        articles, feeds = self._due(scope, every, now)  # as they are now that it is held
        work = (self._catalogue, self._watching, self._intake)
        failed = refresh(*work, articles, notify, stop=stop)
        return failed + self._follower(scope, stop).follow(feeds, notify)

    def rebuild(
        self, scope: Scope, *, wait_s: float = 0, progress: Progress | None = None
    ) -> ReindexReport:
        """Build the index anew from what is stored, without reading any source.

        Raises:
            LibraryBusy: this scope was being changed for longer than ``wait_s``.
        """
        return self._library.reindex(scope, lambda _: [], progress or silent, wait_s)

    def catch_up(self, scope: Scope, *, progress: Progress | None = None) -> None:
        """Build the index where it does not fit what is stored, without reading any source.

        The first question would do it otherwise.

        Raises:
            LibraryBusy: this scope is being changed already.
        """
        self._library.catch_up(scope, progress or silent)

    def generations(self, scope: Scope) -> list[Published]:
        """The index's generations that are kept: the live one, then the newest first."""
        return self._library.kept(scope)

    def roll_back(
        self, scope: Scope, name: str, *, progress: Progress | None = None
    ) -> list[Article]:
        """Make the articles of ``scope`` what they were in the generation ``name``.

        Changed articles get their old text back, until their sources are read again; removed
        ones return, and added ones are removed. The articles as they are then.

        Raises:
            ArticleNotFound: that generation, or a text that it held, is no longer kept.
            LibraryBusy: this scope is being changed.
        """
        self._library.roll_back(scope, name, progress or silent)
        return self.articles(scope)

    def back_up(self, file: Path) -> None:
        """Copy all that is kept, of every scope, to one file, while the library is in use.

        The indexes are not in it: they are built from it again when they are first needed.

        Raises:
            StorageError: the file cannot be written.
        """
        self._catalogue.back_up(file)

    def verify(self, scope: Scope, *, catalogue: bool = True) -> VerifyReport:
        """Check the live generation file by file, and first the whole ``catalogue``."""
        return self._library.verify(scope, catalogue=catalogue)
