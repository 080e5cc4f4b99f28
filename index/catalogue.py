"""The truth: scopes, articles and their versions, and the cache of vectors.

Everything else can be rebuilt from here. SQLAlchemy Core over SQLite in WAL mode.
The scope is the first column of every key, and the first argument of every method.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from index.database import Database, insert_missing
from index.errors import ArticleNotFound, StorageError
from index.schema import HIGHEST, articles, checks, counters, metadata, scopes, vectors, versions
from index.sqlite import SqliteDatabase
from index.types import Article, Document, Scope, Version

if TYPE_CHECKING:
    from index.postgres.turns import Turns

_LOOKUP = 500  # keys in one SELECT, well under SQLite's limit on parameters

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredText:
    """An article's text with what is needed to cut it up and to quote it."""

    article: Article
    text: str
    headings: tuple[tuple[int, int], ...]
    pages: tuple[int, ...] = ()


class StoredVersion(NamedTuple):
    """One version's text, and the spans of its headings."""

    text: str
    headings: tuple[tuple[int, int], ...]


class Catalogue:
    """One database. Safe to use from several threads and processes.

    ``turns`` are those of the processes that share it; None where a folder is its only place.
    """

    turns: Turns | None = None

    def __init__(self, database: Database) -> None:
        self.database = database
        self.reading = database.reading
        self.writing = database.writing
        self.back_up = database.back_up
        self.check = database.check
        self.close = database.close

    @classmethod
    def open(cls, data_dir: Path, url: str | None = None) -> Self:
        """Open the database at ``url``, else ``data_dir/catalogue.sqlite``, upgrading it as needed.

        Raises:
            StorageError: the folder cannot be used.
            CatalogueError: the file is no catalogue, or one of a newer program.
            DatabaseAway: nobody answers at ``url``.
        """
        if url is None:
            return cls(SqliteDatabase.open(data_dir / "catalogue.sqlite"))
        try:  # its driver is installed only where it is used
            from index.postgres.database import PostgresDatabase  # noqa: PLC0415
            from index.postgres.turns import Turns  # noqa: PLC0415
        except ImportError as error:
            raise StorageError(
                f"PostgreSQL cannot be reached without its driver ({error});"
                " pip install 'article-bot[postgres]'"
            ) from error
        database = PostgresDatabase.open(url)
        catalogue = cls(database)
        catalogue.turns = Turns(database)
        return catalogue

    def put(self, scope: Scope, document: Document, *, revive: bool = True) -> Article:
        """Store a document as the article of its source: new, changed, or as it was.

        The version rises only when the title, the author, the date, the text or its
        headings differ.
        """
        now = datetime.now(UTC)
        digest = content_hash(document)
        with self.writing(scope) as connection:
            known = connection.execute(
                sa.select(articles.c.id, articles.c.version, articles.c.removed_at).where(
                    articles.c.scope == scope.key, articles.c.source == document.source
                )
            ).one_or_none()
            if known is None and not revive:  # forgotten meanwhile
                raise ArticleNotFound(f"{document.source} is not in {scope}")
            if known is None:
                article_id, version = self._insert(connection, scope, document.source, now), 1
            else:
                if known.removed_at is not None and not revive:
                    raise ArticleNotFound(f"{document.source} was removed from {scope}")
                article_id, version = known.id, known.version
                same = self._hash(connection, scope, article_id, version) == digest
                if same and known.removed_at is None:
                    return self._get(connection, scope, article_id)
                if not same:  # above all that are stored: it may have been rolled back
                    newest = self._newest(connection, scope, article_id)
                    version = max(newest, known.version) + 1
                connection.execute(
                    sa.update(articles)
                    .where(articles.c.scope == scope.key, articles.c.id == article_id)
                    .values(version=version, added_at=now, removed_at=None)
                )
            if known is None or version != known.version:
                connection.execute(
                    sa.insert(versions).values(
                        scope=scope.key,
                        article_id=article_id,
                        version=version,
                        title=document.title,
                        media_type=document.media_type,
                        text=document.text,
                        headings=[list(span) for span in document.headings],
                        content_hash=digest,
                        created_at=now,
                        author=document.author,
                        published=document.published,
                        canonical=document.canonical,
                        pages=list(document.pages),
                    )
                )
            self._touch(connection, scope)
            return self._get(connection, scope, article_id)

    def remove(self, scope: Scope, article_id: int) -> Article:
        """Mark an article as removed; its text stays for an undo.

        Raises:
            ArticleNotFound: the scope holds no such article.
        """
        with self.writing(scope) as connection:
            article = self._get(connection, scope, article_id)
            connection.execute(
                sa.update(articles)
                .where(articles.c.scope == scope.key, articles.c.id == article_id)
                .values(removed_at=datetime.now(UTC))
            )
            self._touch(connection, scope)
        return article

    def roll_back(self, scope: Scope, to: Mapping[int, int]) -> None:
        """Make the articles of ``to`` (number: version) the live ones, and no others.

        Raises:
            ArticleNotFound: one of these versions is no longer stored; nothing was changed.
        """
        now = datetime.now(UTC)
        with self.writing(scope) as connection:
            for article_id, version in to.items():
                if not self._hash(connection, scope, article_id, version):
                    raise ArticleNotFound(
                        f"version {version} of article {article_id} is no longer stored"
                    )
                connection.execute(
                    sa.update(articles)
                    .where(articles.c.scope == scope.key, articles.c.id == article_id)
                    .values(version=version, removed_at=None)
                )
            # What their servers said of newer texts would hide these from the next reading.
            connection.execute(
                sa.update(checks)
                .where(checks.c.scope == scope.key, checks.c.article_id.in_(list(to)))
                .values(etag="", last_modified="")
            )
            connection.execute(
                sa.update(articles)
                .where(
                    articles.c.scope == scope.key,
                    articles.c.id.not_in(list(to)),
                    articles.c.removed_at.is_(None),
                )
                .values(removed_at=now)
            )
            self._touch(connection, scope)

    def undelete(self, scope: Scope, article_id: int) -> Article:
        """Take a removal back; ArticleNotFound when there is nothing to take back."""
        with self.writing(scope) as connection:
            row = None
            if 0 < article_id <= HIGHEST:
                row = connection.execute(
                    sa.select(articles.c.version).where(
                        articles.c.scope == scope.key,
                        articles.c.id == article_id,
                        articles.c.removed_at.is_not(None),
                    )
                ).one_or_none()
            if row is None or not self._hash(connection, scope, article_id, row.version):
                raise ArticleNotFound(
                    f"article {article_id} of {scope} cannot be brought back: it was never"
                    " there, is not removed, or was removed too long ago"
                )
            connection.execute(
                sa.update(articles)
                .where(articles.c.scope == scope.key, articles.c.id == article_id)
                .values(removed_at=None)
            )
            self._touch(connection, scope)
            return self._get(connection, scope, article_id)

    def versions(self, scope: Scope, article_id: int) -> list[Version]:
        """The stored versions of an article, oldest first."""
        query = sa.select(versions.c.version, versions.c.title, versions.c.created_at)
        with self.reading() as connection:
            rows = connection.execute(
                query.where(
                    versions.c.scope == scope.key, versions.c.article_id == article_id
                ).order_by(versions.c.version)
            )
            return [
                Version(row.version, row.title, row.created_at.replace(tzinfo=UTC)) for row in rows
            ]

    def prune(self, removed_before: datetime, keep: int) -> int:
        """Delete the texts of articles removed before then, and of each other article all but
        the ``keep`` newest versions and the live one; how many articles lost their texts.
        """
        return sum(self._prune(scope, removed_before, keep) for scope in self.scopes())

    def _prune(self, scope: Scope, removed_before: datetime, keep: int) -> int:
        mine = articles.c.scope == scope.key
        newer = versions.alias()
        has_text = sa.exists().where(
            versions.c.scope == scope.key, versions.c.article_id == articles.c.id
        )
        gone = sa.select(articles.c.id).where(
            mine, articles.c.removed_at <= removed_before, has_text
        )
        newest = (
            sa.select(sa.func.max(newer.c.version))
            .where(newer.c.scope == scope.key, newer.c.article_id == versions.c.article_id)
            .scalar_subquery()
        )
        live = sa.exists().where(
            mine,
            articles.c.id == versions.c.article_id,
            articles.c.version == versions.c.version,
        )
        old = (versions.c.scope == scope.key, versions.c.version <= newest - keep, ~live)
        with self.reading() as connection:  # most have nothing to lose, and need not be held
            if not connection.scalar(sa.select(sa.or_(gone.exists(), sa.exists().where(*old)))):
                return 0
        with self.writing(scope) as connection:
            numbers = list(connection.scalars(gone))
            for number in numbers:
                # Its row stays, so that neither its number nor a version is given out again.
                connection.execute(
                    sa.update(articles)
                    .where(mine, articles.c.id == number)
                    .values(version=self._newest(connection, scope, number))
                )
                for table in (checks, versions):
                    connection.execute(
                        sa.delete(table).where(
                            table.c.scope == scope.key, table.c.article_id == number
                        )
                    )
            connection.execute(sa.delete(versions).where(*old))
        return len(numbers)

    def stored(self, scope: Scope, article_id: int, version: int) -> StoredVersion:
        """One stored version with its headings; ArticleNotFound when there is none."""
        with self.reading() as connection:
            row = connection.execute(
                sa.select(versions.c.text, versions.c.headings).where(
                    versions.c.scope == scope.key,
                    versions.c.article_id == article_id,
                    versions.c.version == version,
                )
            ).one_or_none()
        if row is None:
            raise ArticleNotFound(f"no version {version} of article {article_id} in {scope}")
        return StoredVersion(row.text, tuple((a, b) for a, b in row.headings))

    def articles(self, scope: Scope) -> list[Article]:
        """The live articles of ``scope``, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(_ARTICLES.where(articles.c.scope == scope.key))
            return [_article(row) for row in rows]

    def texts(self, scope: Scope) -> list[StoredText]:
        """The live articles of ``scope`` with their texts, oldest first."""
        query = _ARTICLES.add_columns(versions.c.text, versions.c.headings, versions.c.pages)
        with self.reading() as connection:
            return [
                StoredText(
                    _article(row),
                    row.text,
                    tuple((a, b) for a, b in row.headings),
                    tuple(row.pages),
                )
                for row in connection.execute(query.where(articles.c.scope == scope.key))
            ]

    def text(self, scope: Scope, article_id: int, version: int) -> str:
        """One stored version's text; ArticleNotFound when there is none."""
        return self.stored(scope, article_id, version).text

    def revision(self, scope: Scope) -> int:
        """Rises with every change of the scope's articles; 0 before the first."""
        return self.revisions([scope]).get(scope, 0)

    def revisions(self, of: Collection[Scope]) -> dict[Scope, int]:
        """The revisions of those scopes that were ever written, at one moment."""
        keys = [scope.key for scope in of]
        with self.reading() as connection:
            rows = connection.execute(
                sa.select(scopes.c.scope, scopes.c.revision).where(scopes.c.scope.in_(keys))
            )
            return {Scope(row.scope): int(row.revision) for row in rows}

    def scopes(self) -> list[Scope]:
        """Every scope that was ever written."""
        with self.reading() as connection:
            return [Scope(key) for key in connection.scalars(sa.select(scopes.c.scope))]

    def cached_vectors(
        self, scope: Scope, model: str, hashes: Sequence[bytes]
    ) -> dict[bytes, Vectors]:
        """The cached vectors of those texts that have one."""
        found: dict[bytes, Vectors] = {}
        with self.reading() as connection:
            for begin in range(0, len(hashes), _LOOKUP):
                rows = connection.execute(
                    sa.select(vectors.c.content_hash, vectors.c.vector).where(
                        vectors.c.scope == scope.key,
                        vectors.c.model == model,
                        vectors.c.content_hash.in_(hashes[begin : begin + _LOOKUP]),
                    )
                )
                found |= {row.content_hash: np.frombuffer(row.vector, "<f4") for row in rows}
        return found

    def cache_vectors(self, scope: Scope, model: str, new: Mapping[bytes, Vectors]) -> None:
        rows = [
            {
                "scope": scope.key,
                "model": model,
                "content_hash": key,
                "vector": value.astype("<f4").tobytes(),
            }
            for key, value in sorted(new.items())  # two that cache the same lock them alike
        ]
        if rows:
            with self.writing() as connection:
                connection.execute(insert_missing(connection, vectors), rows)

    def forget(self, scope: Scope) -> None:
        """Delete all that is stored of a scope, for good."""
        with self.writing(scope) as connection:
            # The revision stays and rises, so that no number or index of before fits again.
            self._touch(connection, scope)
            connection.execute(
                sa.update(scopes).where(scopes.c.scope == scope.key).values(left_at=None)
            )
            for table in reversed(metadata.sorted_tables):
                if table is not scopes:
                    connection.execute(sa.delete(table).where(table.c.scope == scope.key))

    @staticmethod
    def _insert(connection: sa.Connection, scope: Scope, source: str, now: datetime) -> int:
        last = connection.scalar(
            sa.select(sa.func.max(articles.c.id)).where(articles.c.scope == scope.key)
        )
        if last is None:  # the revision is at least the highest number ever given here
            last = connection.scalar(
                sa.select(scopes.c.revision).where(scopes.c.scope == scope.key)
            )
        article_id = int(last or 0) + 1
        connection.execute(
            sa.insert(articles).values(
                scope=scope.key, id=article_id, source=source, version=1, added_at=now
            )
        )
        return article_id

    @staticmethod
    def _hash(connection: sa.Connection, scope: Scope, article_id: int, version: int) -> str | None:
        found: str | None = connection.scalar(
            sa.select(versions.c.content_hash).where(
                versions.c.scope == scope.key,
                versions.c.article_id == article_id,
                versions.c.version == version,
            )
        )
        return found

    @staticmethod
    def _newest(connection: sa.Connection, scope: Scope, article_id: int) -> int:
        """The highest version that is stored."""
        found = connection.scalar(
            sa.select(sa.func.max(versions.c.version)).where(
                versions.c.scope == scope.key, versions.c.article_id == article_id
            )
        )
        return int(found or 0)

    @staticmethod
    def _get(connection: sa.Connection, scope: Scope, article_id: int) -> Article:
        row = None
        if 0 < article_id <= HIGHEST:
            row = connection.execute(
                _ARTICLES.where(articles.c.scope == scope.key, articles.c.id == article_id)
            ).one_or_none()
        if row is None:
            raise ArticleNotFound(
                f"there is no article {article_id} in {scope};"
                " list the articles to see their numbers"
            )
        return _article(row)

    @staticmethod
    def _touch(connection: sa.Connection, scope: Scope) -> None:
        updated = connection.execute(
            sa.update(scopes)
            .where(scopes.c.scope == scope.key)
            .values(revision=scopes.c.revision + 1)
        )
        if not updated.rowcount:
            connection.execute(sa.insert(scopes).values(scope=scope.key, revision=1))


def next_number(connection: sa.Connection, scope: Scope, name: str) -> int:
    """A number of that name that the scope was never given before, from 1 on."""
    mine = (counters.c.scope == scope.key, counters.c.name == name)
    last = connection.scalar(sa.select(counters.c.last).where(*mine))
    if last is None:
        connection.execute(sa.insert(counters).values(scope=scope.key, name=name, last=1))
        return 1
    connection.execute(sa.update(counters).where(*mine).values(last=last + 1))
    return int(last) + 1


_ARTICLES = (
    sa.select(
        articles.c.scope,
        articles.c.id,
        articles.c.version,
        articles.c.source,
        articles.c.added_at,
        versions.c.title,
        versions.c.media_type,
        versions.c.content_hash,
        versions.c.author,
        versions.c.published,
        versions.c.canonical,
        sa.func.length(versions.c.text).label("characters"),
    )
    .join(
        versions,
        sa.and_(
            versions.c.scope == articles.c.scope,
            versions.c.article_id == articles.c.id,
            versions.c.version == articles.c.version,
        ),
    )
    .where(articles.c.removed_at.is_(None))
    .order_by(articles.c.id)
)


def _article(row: Any) -> Article:
    return Article(
        scope=Scope(row.scope),
        id=row.id,
        version=row.version,
        title=row.title,
        source=row.source,
        media_type=row.media_type,
        content_hash=row.content_hash,
        characters=row.characters,
        added_at=row.added_at.replace(tzinfo=UTC),
        author=row.author,
        published=row.published,
        canonical=row.canonical,
    )


def content_hash(document: Document) -> str:
    """SHA-256 of what an article says and how it is laid out, hexadecimal."""
    told = [document.author, document.published]
    # Hashes of before authors and dates were read stay as they were.
    parts: list[object] = [document.title, document.text, document.headings]
    parts += told if any(told) else []
    parts += [document.canonical, document.pages] if document.canonical or document.pages else []
    layout = json.dumps(parts)
    return hashlib.sha256(layout.encode()).hexdigest()
