"""From a folder to PostgreSQL: all of it, answering alike, and nothing overwritten."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from index import (
    Answer,
    CatalogueError,
    Check,
    Document,
    Engine,
    IndexSettings,
    LibraryBusy,
    Migrated,
    Migration,
    Scope,
    StorageError,
)
from index.catalogue import Catalogue
from index.library import silent
from index.postgres.database import PostgresDatabase
from index.schema import metadata
from tests.conftest import WordEmbedder
from tests.postgres import execute

SHARED, LOCAL = Scope.shared(), Scope.local()
ONE, TWO, EMPTY, SET_UP = (Scope.guild(number) for number in (1, 2, 3, 4))
SCOPES = [SET_UP, ONE, TWO, EMPTY, LOCAL, SHARED]
ASKED = ("Who has a ship?", "Who has gold?", "What sank the ship?", "Where is the doctor?")
VECTORS = 2_100
"""More than are copied at once."""


def opened(folder: Path, url: str | None = None) -> Engine:
    settings = IndexSettings(data_dir=folder, threshold=0, database_url=url)
    return Engine.open(settings, embedder=WordEmbedder())


def fill(folder: Path) -> None:
    """Some of everything that is kept, in scopes that have articles and in some that have none."""
    with opened(folder) as engine:
        engine.add(SHARED, b"The king has a ship. The queen has gold.", title="Shared")
        engine.add(LOCAL, b"Old gold.", title="Removed")
        engine.remove(LOCAL, 1)
        engine.add(LOCAL, b"The doctor has an apple.", title="Tale")
        engine.add(LOCAL, "The doctor is on an island. \U0001f3dd".encode(), title="Tale")
        for scope in (ONE, TWO):
            article = engine.add(scope, f"A storm sank the ship of {scope}.".encode(), title="News")
            engine._watching.record(article, Check(datetime.now(UTC), '"tag"', "", None, 2, "slow"))
            feed = f"https://news.example/{scope}"
            engine._watching.watch(scope, feed, [f"{feed}/1"], Check(datetime.now(UTC)))
            engine.golden.add(scope, "Who sank the ship?", "storm")
            engine.golden.add(scope, "Who sank the gold?", None)
            engine.journal.prefer(scope, keep_questions="all", threshold=0.25, bound=((7, 1),))
            record = engine.journal.record(scope, 2**62, engine.ask(scope, ASKED[2]))
            engine.journal.rate(scope, record.id, 2**62, "down", "It says \u201cstorm\u201d.")
        engine.add(EMPTY, b"Nothing stays.", title="Forgotten")
        engine.forget(EMPTY)
        engine.journal.leave(TWO)
        engine.journal.prefer(SET_UP, threshold=None, watched=(1, 2))
        chance = np.random.default_rng(1)
        engine._catalogue.cache_vectors(
            ONE,
            "another@1",
            {n.to_bytes(16, "big"): row for n, row in enumerate(chance.random((VECTORS, 384)))},
        )


def everything(folder: Path | None = None, url: str | None = None) -> dict[str, list[Any]]:
    """Every row of every table, whatever the order, with times in UTC."""
    with closing(Catalogue.open(folder or Path(), url)) as catalogue, catalogue.reading() as read:
        return {
            name: sorted(
                repr([_plain(value) for value in row]) for row in read.execute(sa.select(table))
            )
            for name, table in metadata.tables.items()
        }


def _plain(value: Any) -> Any:
    return value.replace(tzinfo=UTC).isoformat() if isinstance(value, datetime) else value


def answers(engine: Engine) -> list[Answer]:
    return [engine.ask(scope, question) for scope in (LOCAL, ONE, TWO) for question in ASKED]


def migrate(folder: Path, url: str, progress: Any = silent, **told: Any) -> list[Migrated]:
    with Migration.open(folder, url) as migration:
        return migration.run(progress, **told)


@pytest.fixture(scope="module")
def _filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("filled")
    fill(folder)
    return folder


@pytest.fixture
def folder(_filled: Path, tmp_path: Path) -> Path:
    with opened(_filled) as engine:
        engine.back_up(tmp_path / "data.sqlite")
    (tmp_path / "data").mkdir()
    (tmp_path / "data.sqlite").rename(tmp_path / "data" / "catalogue.sqlite")
    return tmp_path / "data"


def test_every_table_has_rows_to_copy(folder: Path) -> None:
    assert [name for name, rows in everything(folder).items() if not rows] == []


def test_every_row_is_copied_and_the_folder_stays_as_it_was(
    folder: Path, postgres_url: str
) -> None:
    before = everything(folder)
    migrated = migrate(folder, postgres_url)
    assert everything(url=postgres_url) == before
    assert everything(folder) == before
    assert [one.scope for one in migrated] == sorted(SCOPES, key=str)
    assert all(one.copied for one in migrated)
    counted = {one.scope: one.rows for one in migrated}
    assert counted[SET_UP] == {"preferences": 2}
    assert counted[ONE]["vectors"] == VECTORS + 1


def test_it_answers_alike_and_embeds_nothing_anew(folder: Path, postgres_url: str) -> None:
    with opened(folder) as engine:
        before = answers(engine)
    migrated = migrate(folder, postgres_url)
    with opened(folder, postgres_url) as engine:
        for one in migrated:
            engine.catch_up(one.scope)
        assert engine._embedder.encoded == []
        after = answers(engine)
        for scope in SCOPES:
            assert engine.verify(scope).problems == ()
        assert [feed.source for feed in engine.feeds(ONE)] == ["https://news.example/guild:1"]
        assert engine.journal.preferences(ONE).bound == ((7, 1),)
        assert engine.undelete(LOCAL, 1).title == "Removed"
    assert [(a.text, a.start, a.end, a.quotes) for a in after] == [
        (a.text, a.start, a.end, a.quotes) for a in before
    ]
    for one, other in zip(before, after, strict=True):
        assert other.confidence == pytest.approx(one.confidence, abs=0.01)


def test_an_index_is_built_where_it_is_due_and_nowhere_else(
    folder: Path, postgres_url: str
) -> None:
    migrate(folder, postgres_url)
    with opened(folder, postgres_url) as engine:
        engine.catch_up(ONE)
        (first,) = engine.generations(ONE)
        engine.catch_up(ONE)
        engine.catch_up(SET_UP)
        assert engine.generations(ONE) == [first]
        assert engine.generations(SET_UP) == []


class Interrupted(Exception):
    pass


def test_interrupted_it_goes_on_with_the_scopes_that_are_not_there_yet(
    folder: Path, postgres_url: str
) -> None:
    stages: list[str] = []

    def interrupt(stage: str, _done: int, _total: int) -> None:
        stages.append(stage)
        if stages.count(f"copying {EMPTY}") == 2:  # when some of its rows were written
            raise Interrupted

    with pytest.raises(Interrupted):
        migrate(folder, postgres_url, interrupt)
    there = everything(url=postgres_url)
    assert {
        f"guild:{n}" for n in range(5) for rows in there.values() if f"guild:{n}" in str(rows)
    } == {str(scope) for scope in (ONE, TWO)}
    migrated = migrate(folder, postgres_url)
    assert {one.scope for one in migrated if not one.copied} == {ONE, TWO}
    assert everything(url=postgres_url) == everything(folder)
    assert not any(one.copied for one in migrate(folder, postgres_url))


KILLED = """
import os, signal, sys
from pathlib import Path
from index import Migration

calls = 0

def progress(stage, done, total):
    global calls
    calls += 1
    if calls == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)

with Migration.open(Path(sys.argv[1]), sys.argv[2]) as migration:
    migration.run(progress)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="it has no SIGKILL")
def test_killed_again_and_again_it_loses_and_doubles_nothing(
    folder: Path, postgres_url: str
) -> None:
    """At calls of progress that come further each time, since what is there is passed over."""
    expected = everything(folder)
    for calls in (2, 7, 12, 9):
        command = [sys.executable, "-c", KILLED, folder, postgres_url, str(calls)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
        there = everything(url=postgres_url)
        assert all(set(rows) <= set(expected[name]) for name, rows in there.items())
    migrate(folder, postgres_url)
    assert everything(url=postgres_url) == expected


@pytest.mark.parametrize("revisions", [1, 2])
def test_a_database_that_holds_something_else_is_refused_and_left_alone(
    folder: Path, postgres_url: str, revisions: int
) -> None:
    document = Document("Other", "The king has gold.", "upload:Shared", "text/plain")
    with closing(Catalogue.open(folder, postgres_url)) as catalogue:
        for _ in range(revisions):
            catalogue.put(SHARED, document)
            document = Document("Other", "The king has a storm.", "upload:Shared", "text/plain")
    before = everything(url=postgres_url)
    with pytest.raises(CatalogueError, match=r"shared \((vectors, )?.*articles.*\)") as caught:
        migrate(folder, postgres_url)
    assert "Nothing was copied or overwritten" in str(caught.value)
    assert everything(url=postgres_url) == before


def test_a_scope_that_went_on_in_the_database_is_not_taken_back(
    folder: Path, postgres_url: str
) -> None:
    migrate(folder, postgres_url)
    with opened(folder, postgres_url) as engine:
        engine.add(ONE, b"The queen has an apple.", title="Newer")
    before = everything(url=postgres_url)
    with pytest.raises(CatalogueError, match=r"guild:1 \(articles, scopes, versions\)"):
        migrate(folder, postgres_url)
    assert everything(url=postgres_url) == before


def test_scopes_that_the_folder_lacks_stay(folder: Path, postgres_url: str) -> None:
    other = Scope.guild(99)
    with opened(folder, postgres_url) as engine:
        engine.add(other, b"The king has a ship.", title="Elsewhere")
    migrated = migrate(folder, postgres_url)
    assert other not in {one.scope for one in migrated}
    with opened(folder, postgres_url) as engine:
        assert [article.title for article in engine.articles(other)] == ["Elsewhere"]


def test_vectors_that_were_cached_since_are_no_other_content(
    folder: Path, postgres_url: str
) -> None:
    migrate(folder, postgres_url)
    with closing(Catalogue.open(folder, postgres_url)) as catalogue:
        catalogue.cache_vectors(ONE, "newer@1", {b"k" * 16: np.ones(2, np.float32)})
    assert not any(one.copied for one in migrate(folder, postgres_url))


def test_rows_that_come_back_other_than_they_were_written_are_told_and_taken_back(
    folder: Path, postgres_url: str
) -> None:
    execute(
        postgres_url,
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN NEW.question := lower(NEW.question); RETURN NEW; END $$",
    )
    execute(
        postgres_url,
        "CREATE TRIGGER spoil BEFORE INSERT ON golden FOR EACH ROW EXECUTE FUNCTION spoil()",
    )
    with pytest.raises(CatalogueError, match=r"other golden of guild:1 than were written \(2 rows"):
        migrate(folder, postgres_url)
    assert not any(
        "guild:1" in row for rows in everything(url=postgres_url).values() for row in rows
    )
    execute(postgres_url, "DROP TRIGGER spoil ON golden")
    migrate(folder, postgres_url)
    assert everything(url=postgres_url) == everything(folder)


def test_what_postgresql_cannot_store_is_named_before_anything_is_copied(
    folder: Path, postgres_url: str
) -> None:
    with closing(Catalogue.open(folder)) as catalogue:
        catalogue.put(ONE, Document("B", "The king\0 has gold.", "/b.pdf", "application/pdf"))
        with catalogue.writing() as connection:
            kept = {"scope": ONE.key, "name": "escaped", "value": "a\0b"}
            connection.execute(sa.insert(metadata.tables["preferences"]).values(**kept))
    with pytest.raises(CatalogueError, match=r"U\+0000.* version 1 of article 2 of guild:1;"):
        migrate(folder, postgres_url)
    assert not any(everything(url=postgres_url).values())
    migrate(folder, postgres_url, replace_nul=True)
    with opened(folder, postgres_url) as engine:
        assert engine._catalogue.text(ONE, 2, 1) == "The king\ufffd has gold."
        assert engine.ask(ONE, ASKED[1]).text == "The king\ufffd has gold."
    migrate(folder, postgres_url, replace_nul=True)


def test_nobody_writes_to_the_folder_meanwhile_and_one_migrates_at_a_time(
    folder: Path, postgres_url: str
) -> None:
    told = []

    def intrude(stage: str, done: int, total: int) -> None:
        with (
            closing(sqlite3.connect(folder / "catalogue.sqlite", timeout=0)) as other,
            pytest.raises(sqlite3.OperationalError, match="locked"),
        ):
            other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LibraryBusy, match="another process migrates to PostgreSQL at"):
            migrate(folder, postgres_url)
        told.append(stage)

    migrate(folder, postgres_url, intrude)
    assert {f"copying {scope}" for scope in SCOPES} == set(told)


def test_a_folder_without_a_library_is_told_and_stays_empty(
    tmp_path: Path, postgres_url: str
) -> None:
    with pytest.raises(StorageError, match="holds no library"):
        Migration.open(tmp_path, postgres_url)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_folder_is_not_copied(folder: Path, postgres_url: str) -> None:
    file = folder / "catalogue.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        (page,) = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'preferences'"
        ).fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as whole:
        whole.seek((page - 1) * size)
        whole.write(b"\xff" * 100)
    with pytest.raises(CatalogueError, match=r"restore .* backup"):
        migrate(folder, postgres_url)
    assert not any(everything(url=postgres_url).values())


def test_the_lock_of_a_migration_is_free_afterwards(folder: Path, postgres_url: str) -> None:
    migrate(folder, postgres_url)
    with (
        closing(PostgresDatabase.open(postgres_url)) as database,
        database.locked("migrate", 0, ""),
    ):
        pass
