"""Watched feeds -> the pages that they name anew, in the catalogue.

Nobody waits for it and nobody has looked at what a feed names, so all of it is bounded:
pages and time at once, and articles in all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from index.catalogue import Catalogue
from index.errors import SourceError
from index.intake import Intake, Several
from index.refreshing import LONGEST_REASON, due_at, failed_check
from index.types import Check, Feed, Progress, Scope
from index.watching import Watching

MOST_NEW = 20
"""Pages of one feed that are added at once."""
LONGEST_S = 300.0
"""Seconds after which no further page is begun."""
FULL = "There are as many articles as are kept for one server. Remove some first."


def due(feed: Feed, every: timedelta) -> datetime:
    """When a feed is to be read again, as a page is."""
    return due_at(f"{feed.scope}#feed{feed.id}", feed.check, every)


@dataclass(frozen=True, slots=True)
class Follower:
    """Adds what feeds name anew, at most ``most`` articles in all (None: no limit).

    To be used while the scope's library is held.
    """

    catalogue: Catalogue
    watching: Watching
    intake: Intake
    most: int | None
    stop: Callable[[], bool] = lambda: False

    def follow(self, feeds: Sequence[Feed], progress: Progress) -> list[tuple[str, str]]:
        """Read feeds, the oldest pages first; (page, reason) of each that could not be read.

        It ends early when ``stop`` becomes true. What failed, and what there was no time
        for, is tried again the next time.
        """
        until = time.monotonic() + LONGEST_S
        failed: list[tuple[str, str]] = []
        for feed in feeds:
            if self.stop() or time.monotonic() > until:
                break
            failed += self._follow(feed, until, progress)
        return failed

    def _follow(self, feed: Feed, until: float, progress: Progress) -> list[tuple[str, str]]:
        now = datetime.now(UTC)
        tag, date = feed.check.etag, feed.check.last_modified
        try:
            self.intake.take_again(
                feed.source, media_type="", title="", etag=tag, last_modified=date
            )
        except Several as several:
            pages = several.sources
            check = Check(now, several.etag, several.last_modified)
        except SourceError as error:
            reason = str(error)
            self.watching.note(feed, feed.seen, failed_check(now, feed.check, reason))
            return [(feed.source, reason)]
        else:  # as it was, or a page now and no feed: there is nothing new in it
            self.watching.note(feed, feed.seen, Check(now, tag, date))
            return []
        new = [page for page in reversed(pages) if page not in feed.seen]
        added: list[str] = []
        failed: list[tuple[str, str]] = []
        for number, page in enumerate(new):
            progress("reading", number, len(new))
            late = self.stop() or time.monotonic() > until
            if late or len(added) == MOST_NEW or self._is_gone(feed):
                break
            try:
                self._add(feed.scope, page)
            except SourceError as error:
                failed.append((page, str(error)))
            else:
                added.append(page)
        if len(added) < len(new):  # to be asked for anew, whatever its server says of changes
            check = Check(now, reason=failed[0][1][:LONGEST_REASON] if failed else "")
        self.watching.note(feed, [*feed.seen, *added], check)
        return failed

    def _is_gone(self, feed: Feed) -> bool:
        return all(one.source != feed.source for one in self.watching.feeds(feed.scope))

    def _add(self, scope: Scope, page: str) -> None:
        taken = self.intake.take(page, unattended=True)
        sources = {article.source for article in self.catalogue.articles(scope)}
        document = taken.document
        if self.most is not None and len(sources | {document.source}) > self.most:
            raise SourceError(FULL)
        article = self.catalogue.put(scope, document)
        check = Check(datetime.now(UTC), taken.etag, taken.last_modified)
        self.watching.record(article, check)
