"""The truth: scopes, articles and their versions, and the cache of vectors.

Everything else can be rebuilt from here. SQLAlchemy Core over SQLite in WAL mode.
The scope is the first column of every key, and the first argument of every method.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa
from filelock import FileLock, Timeout

from index.errors import ArticleNotFound, CatalogueError, LibraryBusy, StorageError
from index.types import Article, Document, Scope

metadata = sa.MetaData()

scopes = sa.Table(
    "scopes",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    # Rises with every change of the scope's articles; a generation names the one it holds.
    sa.Column("revision", sa.Integer, nullable=False),
    # When the bot was removed from there.
    sa.Column("left_at", sa.DateTime(timezone=True)),
)

articles = sa.Table(
    "articles",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("added_at", sa.DateTime(timezone=True), nullable=False),
    sa.Column("removed_at", sa.DateTime(timezone=True)),
    sa.UniqueConstraint("scope", "source"),
)

versions = sa.Table(
    "versions",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("article_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("media_type", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("headings", sa.JSON, nullable=False),
    sa.Column("content_hash", sa.Text, nullable=False),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    # As the source tells them, "" where it does not.
    sa.Column("author", sa.Text, nullable=False, server_default=""),
    sa.Column("published", sa.Text, nullable=False, server_default=""),
    sa.ForeignKeyConstraint(["scope", "article_id"], ["articles.scope", "articles.id"]),
)

vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("model", sa.Text, primary_key=True),
    sa.Column("content_hash", sa.LargeBinary(16), primary_key=True),
    # float32, little-endian, as many as the model has dimensions
    sa.Column("vector", sa.LargeBinary, nullable=False),
)

preferences = sa.Table(
    "preferences",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.JSON, nullable=False),
)

answers = sa.Table(
    "answers",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("asker", sa.BigInteger, nullable=False, index=True),
    sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False, index=True),
    # Only where the scope's preferences keep it.
    sa.Column("question", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("elapsed_ms", sa.Float, nullable=False),
    sa.Column("answer", sa.Text, nullable=False),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("scope", sa.Text, primary_key=True),
    sa.Column("answer_id", sa.Text, primary_key=True),
    sa.Column("user", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("verdict", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("given_at", sa.DateTime(timezone=True), nullable=False),
)

SCHEMA = "0003"
"""The newest migration; a catalogue that names it needs none."""

_LOOKUP = 500  # keys in one SELECT, well under SQLite's limit on parameters
_LOCK_TIMEOUT_S = 30

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class StoredText:
    """An article's text with what is needed to cut it up and to quote it."""

    article: Article
    text: str
    headings: tuple[tuple[int, int], ...]


class Catalogue:
    """One database. Safe to use from several threads and processes."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, data_dir: Path) -> Self:
        """Open ``data_dir/catalogue.sqlite``, creating and upgrading it as needed.

        Raises:
            StorageError: the folder cannot be used.
            CatalogueError: the file is no catalogue, or one of a newer program.
        """
        path = data_dir / "catalogue.sqlite"
        with mapped(path):
            data_dir.mkdir(parents=True, exist_ok=True)
            engine = _connect(path)
            with engine.connect() as connection:
                found = _schema(connection)
            if found != SCHEMA:
                _upgrade(engine, path)
        return cls(engine)

    def close(self) -> None:
        self._engine.dispose()

    def put(self, scope: Scope, document: Document, *, revive: bool = True) -> Article:
        """Store a document as the article of its source: new, changed, or as it was.

        The version rises only when the title, the author, the date, the text or its
        headings differ.
        """
        now = datetime.now(UTC)
        digest = content_hash(document)
        with self.writing() as connection:
            known = connection.execute(
                sa.select(articles.c.id, articles.c.version, articles.c.removed_at).where(
                    articles.c.scope == scope.key, articles.c.source == document.source
                )
            ).one_or_none()
            if known is None:
                article_id, version = self._insert(connection, scope, document.source, now), 1
            else:
                if known.removed_at is not None and not revive:
                    raise ArticleNotFound(f"{document.source} was removed from {scope}")
                article_id, version = known.id, known.version
                same = self._hash(connection, scope, article_id, version) == digest
                if same and known.removed_at is None:
                    return self._get(connection, scope, article_id)
                version += not same
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
                    )
                )
            self._touch(connection, scope)
            return self._get(connection, scope, article_id)

    def remove(self, scope: Scope, article_id: int) -> Article:
        """Mark an article as removed; its text stays for an undo.

        Raises:
            ArticleNotFound: the scope holds no such article.
        """
        with self.writing() as connection:
            article = self._get(connection, scope, article_id)
            connection.execute(
                sa.update(articles)
                .where(articles.c.scope == scope.key, articles.c.id == article_id)
                .values(removed_at=datetime.now(UTC))
            )
            self._touch(connection, scope)
        return article

    def articles(self, scope: Scope) -> list[Article]:
        """The live articles of ``scope``, oldest first."""
        with self.reading() as connection:
            rows = connection.execute(_ARTICLES.where(articles.c.scope == scope.key))
            return [_article(row) for row in rows]

    def texts(self, scope: Scope) -> list[StoredText]:
        """The live articles of ``scope`` with their texts, oldest first."""
        query = _ARTICLES.add_columns(versions.c.text, versions.c.headings)
        with self.reading() as connection:
            return [
                StoredText(_article(row), row.text, tuple((a, b) for a, b in row.headings))
                for row in connection.execute(query.where(articles.c.scope == scope.key))
            ]

    def text(self, scope: Scope, article_id: int, version: int) -> str:
        """One stored version's text; ArticleNotFound when there is none."""
        with self.reading() as connection:
            text = connection.scalar(
                sa.select(versions.c.text).where(
                    versions.c.scope == scope.key,
                    versions.c.article_id == article_id,
                    versions.c.version == version,
                )
            )
        if text is None:
            raise ArticleNotFound(f"no version {version} of article {article_id} in {scope}")
        return str(text)

    def revision(self, scope: Scope) -> int:
        """Rises with every change of the scope's articles; 0 before the first."""
        with self.reading() as connection:
            found = connection.scalar(
                sa.select(scopes.c.revision).where(scopes.c.scope == scope.key)
            )
        return int(found or 0)

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
            for key, value in new.items()
        ]
        if rows:
            with self.writing() as connection:
                connection.execute(sa.insert(vectors).prefix_with("OR IGNORE"), rows)

    def forget(self, scope: Scope) -> None:
        """Delete all that is stored of a scope, for good."""
        with self.writing() as connection:
            # The revision stays and rises, so that no number or index of before fits again.
            self._touch(connection, scope)
            connection.execute(
                sa.update(scopes).where(scopes.c.scope == scope.key).values(left_at=None)
            )
            for table in reversed(metadata.sorted_tables):
                if table is not scopes:
                    connection.execute(sa.delete(table).where(table.c.scope == scope.key))

    def check(self) -> list[str]:
        """What the database's own integrity check complains of; empty when all is well."""
        with self.reading() as connection:
            rows = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
        return [str(row) for row in rows if row != "ok"]

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
    def _hash(connection: sa.Connection, scope: Scope, article_id: int, version: int) -> str:
        return str(
            connection.scalar(
                sa.select(versions.c.content_hash).where(
                    versions.c.scope == scope.key,
                    versions.c.article_id == article_id,
                    versions.c.version == version,
                )
            )
        )

    @staticmethod
    def _get(connection: sa.Connection, scope: Scope, article_id: int) -> Article:
        row = None
        if 0 < article_id < 2**63:  # what an integer of SQLite's can hold
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

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        with mapped(self._engine.url.database), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock from its first statement."""
        engine = self._engine.execution_options(begin="IMMEDIATE")
        with mapped(self._engine.url.database), engine.begin() as connection:
            yield connection


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
    )


def content_hash(document: Document) -> str:
    """SHA-256 of what an article says and how it is laid out, hexadecimal."""
    told = [document.author, document.published]
    # Hashes of before authors and dates were read stay as they were.
    parts = [document.title, document.text, document.headings, *(told if any(told) else [])]
    layout = json.dumps(parts)
    return hashlib.sha256(layout.encode()).hexdigest()


@contextmanager
def mapped(path: object) -> Iterator[None]:
    """Turn the database's and the file system's errors into the engine's."""
    try:
        yield
    except Timeout:
        raise  # an OSError by descent, but the caller knows best what was being waited for
    except sa.exc.DatabaseError as error:
        raise _database_error(path, error) from error
    except OSError as error:
        raise StorageError(
            f"the data folder cannot be used ({error}); check DATA_DIR, its permissions"
            " and the space on the disk"
        ) from error


def _database_error(path: object, error: sa.exc.DatabaseError) -> Exception:
    code = getattr(error.orig, "sqlite_errorcode", 0) & 0xFF
    if code in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}:
        return LibraryBusy("another process is writing to the library; try again in a moment")
    if code == sqlite3.SQLITE_FULL:
        return StorageError(
            f"the disk is full: {path} was left as it was; make space and try again"
        )
    if code in {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR}:
        return StorageError(f"{path} cannot be written ({error.orig}); check DATA_DIR")
    return CatalogueError(
        f"{path} is damaged or no catalogue ({error.orig}); restore it from a backup,"
        " or move it away and add the articles again"
    )


def _connect(path: Path) -> sa.Engine:
    url = sa.URL.create("sqlite", database=str(path))
    engine = sa.create_engine(url, connect_args={"timeout": 10})

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        # The driver's own transaction handling would start none before a SELECT.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: sa.Connection) -> None:
        mode = connection.get_execution_options().get("begin", "DEFERRED")
        connection.exec_driver_sql(f"BEGIN {mode}")

    return engine


def _schema(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
    return found


def _upgrade(engine: sa.Engine, path: Path) -> None:
    """Migrate under a lock, so that two processes that start together do it once."""
    try:
        with FileLock(path.with_suffix(".lock"), timeout=_LOCK_TIMEOUT_S):
            _migrate(engine, path)
    except Timeout as error:
        raise LibraryBusy(f"another process is upgrading {path}; try again in a moment") from error


def _migrate(engine: sa.Engine, path: Path) -> None:
    # A tenth of a second of imports that only a new or old catalogue needs.
    from alembic import command  # noqa: PLC0415
    from alembic.config import Config  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", "index:migrations")
    try:
        with engine.execution_options(begin="IMMEDIATE").begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except CommandError as error:
        raise CatalogueError(
            f"{path} was written by another version of article-bot ({error});"
            " install the version that wrote it, or a newer one"
        ) from error
