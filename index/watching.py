"""What came of reading the sources last, and the feeds whose new pages are added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from index.catalogue import Catalogue, next_number
from index.schema import HIGHEST, articles, checks, feeds
from index.types import Article, Check, Feed, Scope

MOST_SEEN = 500
"""Pages that are remembered of a feed, the newest."""


class Watching:
    """Safe to use from several threads and processes."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def checks(self, scope: Scope) -> dict[int, Check]:
        """What is known of each article's source, by the article's number."""
        with self._catalogue.reading() as connection:
            rows = connection.execute(sa.select(checks).where(checks.c.scope == scope.key))
            return {row.article_id: _check(row) for row in rows}

    def record(self, article: Article, check: Check) -> None:
        """Keep what came of reading an article's source."""
        key = {"scope": article.scope.key, "article_id": article.id}
        with self._catalogue.writing(article.scope) as connection:
            updated = connection.execute(
                sa.update(checks)
                .where(*(checks.c[name] == value for name, value in key.items()))
                .values(**asdict(check))
            )
            known = sa.select(articles.c.id).where(
                articles.c.scope == article.scope.key, articles.c.id == article.id
            )
            # One that was forgotten meanwhile has nothing to be kept about.
            if not updated.rowcount and connection.scalar(known) is not None:
                connection.execute(sa.insert(checks).values(**key, **asdict(check)))

    def feeds(self, scope: Scope) -> list[Feed]:
        """The watched feeds of a scope, oldest first."""
        query = sa.select(feeds).where(feeds.c.scope == scope.key).order_by(feeds.c.id)
        with self._catalogue.reading() as connection:
            return [
                Feed(scope, row.id, row.source, tuple(row.seen), _check(row))
                for row in connection.execute(query)
            ]

    def watch(self, scope: Scope, source: str, seen: Sequence[str], check: Check) -> None:
        """Watch a feed from now on; one that is watched already has named these pages too."""
        key = (feeds.c.scope == scope.key, feeds.c.source == source)
        with self._catalogue.writing(scope) as connection:
            known = connection.scalar(sa.select(feeds.c.seen).where(*key))
            if known is not None:
                new = [page for page in seen if page not in known]
                values = _noted([*known, *new], check)
                connection.execute(sa.update(feeds).where(*key).values(**values))
                return
            number = next_number(connection, scope, "feeds")
            new_key = {"scope": scope.key, "id": number, "source": source}
            connection.execute(sa.insert(feeds).values(**new_key, **_noted(seen, check)))

    def note(self, feed: Feed, seen: Sequence[str], check: Check) -> None:
        """Keep what came of reading a feed, if it is still watched."""
        key = (feeds.c.scope == feed.scope.key, feeds.c.id == feed.id)
        with self._catalogue.writing(feed.scope) as connection:
            connection.execute(sa.update(feeds).where(*key).values(**_noted(seen, check)))

    def unwatch(self, scope: Scope, number: int) -> bool:
        """Stop watching a feed, whose articles stay; whether there was one."""
        if not 0 < number <= HIGHEST:
            return False
        key = (feeds.c.scope == scope.key, feeds.c.id == number)
        with self._catalogue.writing(scope) as connection:
            return bool(connection.execute(sa.delete(feeds).where(*key)).rowcount)


def _noted(seen: Sequence[str], check: Check) -> dict[str, Any]:
    return {"seen": list(seen)[-MOST_SEEN:], **asdict(check)}


def _check(row: Any) -> Check:
    since = row.failing_since
    return Check(
        checked_at=row.checked_at.replace(tzinfo=UTC),
        etag=row.etag,
        last_modified=row.last_modified,
        failing_since=since and since.replace(tzinfo=UTC),
        failures=row.failures,
        reason=row.reason,
    )
