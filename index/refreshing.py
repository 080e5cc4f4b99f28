"""Sources that may have changed -> the catalogue, with what came of each."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from index.catalogue import Catalogue
from index.errors import ArticleNotFound, SourceError
from index.intake import Intake, Taken
from index.types import Article, Check, Document, Progress
from index.watching import Watching

FIRST_RETRY = timedelta(minutes=10)
LAST_RETRY = timedelta(days=1)
LONGEST_REASON = 500


def refresh(
    catalogue: Catalogue,
    watching: Watching,
    intake: Intake,
    articles: Sequence[Article],
    progress: Progress,
    *,
    stop: Callable[[], bool] = lambda: False,
) -> list[tuple[str, str]]:
    """Read ``articles`` again and store what changed; (title, reason) of each that failed.

    It ends early when ``stop`` becomes true. What fails keeps its stored text, and is
    remembered with its reason.
    """
    failed = []
    for number, article in enumerate(articles):
        if stop():
            break
        progress("reading", number, len(articles))
        reread = read_again(watching, intake, article)
        try:
            if reread.document is not None:
                catalogue.put(article.scope, reread.document, revive=False)
        except ArticleNotFound:
            continue  # removed in the meantime
        if reread.check.failures:
            failed.append((article.title, reread.check.reason))
        watching.record(article, reread.check)
    return failed


class Reread(NamedTuple):
    """What came of reading a source again; no document where it is as it was, or fails."""

    document: Document | None
    check: Check


def read_again(watching: Watching, intake: Intake, article: Article) -> Reread:
    """Read one article's source again, and store nothing."""
    before = watching.checks(article.scope).get(article.id)
    now = datetime.now(UTC)
    try:
        taken = _again(intake, article, before)
    except SourceError as error:
        return Reread(None, failed_check(now, before, str(error)))
    return Reread(None if taken is None else taken.document, _read(now, before, taken))


def _again(intake: Intake, article: Article, before: Check | None) -> Taken | None:
    known = before or Check(article.added_at)
    return intake.take_again(
        article.source,
        media_type=article.media_type,
        title=article.title,
        etag=known.etag,
        last_modified=known.last_modified,
    )


def _read(now: datetime, before: Check | None, taken: Taken | None) -> Check:
    if taken is not None:
        return Check(now, taken.etag, taken.last_modified)
    known = before or Check(now)
    return Check(now, known.etag, known.last_modified)


def failed_check(now: datetime, before: Check | None, reason: str) -> Check:
    known = before or Check(now)
    return Check(
        now,
        known.etag,
        known.last_modified,
        known.failing_since or now,
        known.failures + 1,
        reason[:LONGEST_REASON],
    )


def due(article: Article, check: Check | None, every: timedelta) -> datetime:
    """When a page is to be read again: after ``every``, or sooner and less often as it fails.

    Up to a tenth is added, the same for an article each time, so that sources which were
    added together are not all read at once.
    """
    return due_at(f"{article.scope}#{article.id}", check or Check(article.added_at), every)


def due_at(key: str, check: Check, every: timedelta) -> datetime:
    """As ``due``, of whatever source ``key`` names."""
    jitter = 1 + zlib.crc32(key.encode()) / 2**32 / 10
    if not check.failures:
        return check.checked_at + every * jitter
    doubled = FIRST_RETRY * float(2 ** min(check.failures - 1, 20))
    return check.checked_at + min(doubled, LAST_RETRY, max(every, FIRST_RETRY)) * jitter
