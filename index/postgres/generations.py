"""Generations as rows: every process of a fleet answers from the same ones.

A generation is copied in and made the live one in one transaction, so that a process sees
the old one or the new one. Which one is live is asked with each question, hence no notice
can be missed; its sentences' records stay in memory, its vectors and words in the database.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import sqlalchemy as sa

from index.errors import GenerationError, LibraryBusy, TryAgain
from index.generation import (
    FORMAT,
    KEPT,
    SENTENCE,
    Contents,
    Generation,
    IndexedArticle,
    Manifest,
    Parts,
    new_name,
)
from index.postgres.database import PostgresDatabase, hold
from index.postgres.tables import generations, live, postings
from index.postgres.vectors import EXACT_UP_TO, SHARED_TABLE, RowVectors, copied
from index.postgres.words import CHUNKS, SENTENCES, WINDOWS, RowWords, Terms, weight
from index.recent import Recent
from index.types import Published, Scope

log = logging.getLogger(__name__)

_WORDS_IN_MEMORY = 64_000_000
_PATIENCE = """
    SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '60s';
    SET LOCAL maintenance_work_mem = '256MB'; SET LOCAL max_parallel_maintenance_workers = 0
"""
"""For a graph. Finding it in less memory takes minutes longer; in parallel it takes shared
memory, of which containers have little.
"""


class GenerationRows:
    """A ``GenerationStore`` in PostgreSQL; ``scratch`` is for what a build need not keep."""

    is_shared = True

    def __init__(
        self, database: PostgresDatabase, scratch: Path, *, exact_up_to: int = EXACT_UP_TO
    ) -> None:
        self._database = database
        self._scratch = scratch
        self._exact_up_to = exact_up_to
        self._words: Recent[dict[int, Any]] = Recent(_WORDS_IN_MEMORY, weight)

    def current(self, scope: Scope) -> str | None:
        with self._database.reading() as connection:
            found: str | None = connection.scalar(
                sa.select(live.c.name).where(live.c.scope == scope.key)
            )
        return found

    def kept(self, scope: Scope) -> list[Published]:
        current = self.current(scope)
        query = (
            sa.select(generations.c.name, generations.c.manifest, generations.c.published_at)
            .where(generations.c.scope == scope.key)
            .order_by((generations.c.name == current).desc(), generations.c.published_at.desc())
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        found = []
        for name, raw, at in rows:
            try:
                manifest = Manifest.of(raw, f"generation {name} of {scope}")
            except GenerationError:
                continue  # of another version of this program
            articles = tuple((a.id, a.version, a.title) for a in manifest.articles)
            found.append(Published(name, at, name == current, articles))
        return found

    def load(self, scope: Scope, name: str, model: str | None) -> Generation:
        where = f"generation {name} of {scope}"
        query = sa.select(
            generations.c.manifest, generations.c.sentences, generations.c.own_table
        ).where(generations.c.scope == scope.key, generations.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(query).one_or_none()
            if row is None:
                raise GenerationError(f"{where} is gone")
            own_table = str(row.own_table)
            count = sa.select(sa.func.count()).select_from(sa.table(own_table or SHARED_TABLE))
            mine = sa.column("scope") == scope.key
            if not own_table:
                mine &= sa.column("generation") == name
            vectors = connection.scalar(count.where(mine))
        manifest = Manifest.of(row.manifest, where)
        manifest.require(scope, model, where)
        if len(row.sentences) % SENTENCE.itemsize:
            raise GenerationError(f"{where} has records of another layout")
        sentences = np.frombuffer(row.sentences, SENTENCE)
        if not manifest.sentences == len(sentences) == vectors:
            raise GenerationError(
                f"{where} has {vectors} vectors and {len(sentences)} records,"
                f" not {manifest.sentences}"
            )
        return self._opened(name, manifest, sentences, own_table)

    def publish(
        self,
        scope: Scope,
        revision: int,
        model: str,
        articles: Sequence[IndexedArticle],
        contents: Contents,
        *,
        before: Generation | None = None,  # noqa: ARG002 - a graph is found anew
    ) -> Generation:
        name = new_name(revision)
        size, dimension = contents.sentence_vectors.shape
        own_table = f"embeddings_{secrets.token_hex(8)}" if size > self._exact_up_to else ""
        manifest = Manifest(
            format=FORMAT,
            scope=scope.key,
            revision=revision,
            model=model,
            dimension=dimension,
            sentences=size,
            chunks=len(contents.chunk_words),
            articles=tuple(articles),
            files={},
        )
        records = contents.sentences.astype(SENTENCE, copy=False)
        with self._database.writing() as connection:
            connection.execute(sa.text(_PATIENCE))
            connection.execute(
                sa.insert(generations).values(
                    scope=scope.key,
                    name=name,
                    manifest=asdict(manifest),
                    sentences=records.tobytes(),
                    own_table=own_table,
                    published_at=sa.func.clock_timestamp(),
                )
            )
            _copy_vectors(connection, scope, name, contents, own_table)
            _copy_words(connection, scope, name, contents)
            # Last, for others wait for it: the switch itself.
            hold(connection, f"change {scope.key}")
            _switch(connection, scope, name, revision)
        self._prune(scope, name)
        return self._opened(name, manifest, records, own_table)

    def _prune(self, scope: Scope, current: str) -> None:
        """Remove all but the last few generations, or leave it to the next build."""
        newest = (
            sa.select(generations.c.name)
            .where(generations.c.scope == scope.key, generations.c.name != current)
            .order_by(generations.c.published_at.desc())
            .limit(KEPT - 1)
        )
        try:
            with self._database.writing() as connection:
                _delete(connection, scope, [current, *connection.scalars(newest)])
        except TryAgain as error:  # a backup reads them just now, say
            log.info("old indexes of %s stay for now: %s", scope, error)

    def forget(self, scope: Scope) -> None:
        with self._database.writing(scope) as connection:
            connection.execute(sa.delete(live).where(live.c.scope == scope.key))
            _delete(connection, scope, [])

    def writing(self, scope: Scope, wait_s: float) -> AbstractContextManager[None]:
        busy = f"the library of {scope} is being changed already; try again in a moment"
        return self._database.locked(f"build {scope.key}", wait_s, busy)

    def scratch(self, scope: Scope) -> Path:
        folder = self._scratch / scope.key.replace(":", "-")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def _opened(
        self, name: str, manifest: Manifest, sentences: np.ndarray[Any, Any], own_table: str
    ) -> Generation:
        terms = Terms(self._database, self._words, manifest.scope, name)
        vectors = RowVectors(
            self._database,
            own_table or SHARED_TABLE,
            "sentence",
            manifest.scope,
            name,
            manifest.sentences,
            manifest.dimension,
        )
        parts = Parts(
            sentences,
            vectors,
            replace(vectors, column="window_"),
            RowWords(terms, SENTENCES, manifest.sentences),
            RowWords(terms, WINDOWS, manifest.sentences),
            RowWords(terms, CHUNKS, manifest.chunks),
        )
        return Generation(name, manifest, parts)


def _copy_vectors(
    connection: sa.Connection, scope: Scope, name: str, contents: Contents, own_table: str
) -> None:
    if own_table:
        connection.execute(sa.text(f"CREATE TABLE {own_table} (LIKE {SHARED_TABLE} INCLUDING ALL)"))
    columns = "(scope, generation, row, sentence, window_)"
    into = f"COPY {own_table or SHARED_TABLE} {columns} FROM STDIN WITH (FORMAT binary)"
    vectors = (contents.sentence_vectors, contents.window_vectors)
    with _cursor(connection) as cursor, cursor.copy(into) as copy:
        for part in copied(scope.key, name, *vectors):
            copy.write(part)
    if own_table:
        width = contents.sentence_vectors.shape[1]
        for column in ("sentence", "window_"):
            connection.execute(
                sa.text(
                    f"CREATE INDEX ON {own_table} USING hnsw"
                    f" (({column}::halfvec({width})) halfvec_ip_ops)"
                )
            )


def _copy_words(connection: sa.Connection, scope: Scope, name: str, contents: Contents) -> None:
    into = "COPY postings (scope, generation, kind, word, rows, scores) FROM STDIN (FORMAT binary)"
    indexes = (contents.sentence_words, contents.window_words, contents.chunk_words)
    with _cursor(connection) as cursor, cursor.copy(into) as copy:
        copy.set_types(["text", "text", "int2", "text", "bytea", "bytea"])
        for kind, index in zip((SENTENCES, WINDOWS, CHUNKS), indexes, strict=True):
            for word, rows, scores in index.postings():
                values = (rows.astype("<i4").tobytes(), scores.astype("<f4").tobytes())
                copy.write_row((scope.key, name, kind, word, *values))


def _switch(connection: sa.Connection, scope: Scope, name: str, revision: int) -> None:
    """Make a generation the live one; LibraryBusy where a newer one is already."""
    mine = live.c.scope == scope.key
    found = connection.scalar(sa.select(live.c.revision).where(mine))
    if found is None:
        connection.execute(sa.insert(live).values(scope=scope.key, name=name, revision=revision))
    elif found > revision:  # the lock was lost with its server, and another built meanwhile
        raise LibraryBusy(f"a newer index of {scope} was published meanwhile")
    else:
        connection.execute(sa.update(live).where(mine).values(name=name, revision=revision))


def _delete(connection: sa.Connection, scope: Scope, kept: Sequence[str]) -> None:
    """Delete the generations of a scope but those that are kept."""
    gone = connection.execute(
        sa.select(generations.c.name, generations.c.own_table).where(
            generations.c.scope == scope.key, generations.c.name.not_in(kept)
        )
    ).all()
    names = [row.name for row in gone]
    for row in gone:
        if row.own_table:
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {row.own_table}"))
    embeddings = sa.table(SHARED_TABLE, sa.column("scope"), sa.column("generation"))
    for table in (embeddings, postings):
        connection.execute(
            sa.delete(table).where(table.c.scope == scope.key, table.c.generation.in_(names))
        )
    connection.execute(
        sa.delete(generations).where(
            generations.c.scope == scope.key, generations.c.name.in_(names)
        )
    )


def _cursor(connection: sa.Connection) -> Any:
    """The driver's own, for what SQLAlchemy has no words for."""
    driver = connection.connection.driver_connection
    assert driver is not None
    return driver.cursor()
