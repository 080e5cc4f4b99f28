"""What several processes over one PostgreSQL must not do to each other."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from index import (
    ArticleNotFound,
    CatalogueError,
    DatabaseAway,
    Document,
    Engine,
    EngineError,
    GenerationError,
    IndexSettings,
    Scope,
    StorageError,
)
from index.catalogue import Catalogue
from index.postgres.database import PostgresDatabase
from tests.conftest import WordEmbedder
from tests.postgres import Server, execute, free_port, home

ONE = Scope.guild(1)
TALE = b"The king has gold. The queen sails a ship."


def engine_at(url: str, folder: Path, embedder: WordEmbedder | None = None) -> Engine:
    settings = IndexSettings(data_dir=folder, database_url=url, threshold=0)
    return Engine.open(settings, embedder=embedder or WordEmbedder())


def test_a_standby_that_is_behind_changes_nothing(tmp_path: Path) -> None:
    with home() as (programs, folder):
        primary = Server(programs, folder / "primary", free_port())
        standby: Server | None = None
        try:
            primary.create()
            primary.start()
            PostgresDatabase.open(primary.url()).close()
            standby = primary.standby(folder / "standby")
            standby.configure(recovery_min_apply_delay="2s")
            standby.start()
            # The one that is behind is named first.
            with engine_at(standby.url(primary), tmp_path) as engine:
                engine.add(ONE, TALE)
                assert engine.ask(ONE, "Who has gold?").text == "The king has gold."
                engine.add(ONE, b"The doctor has an apple.")
                assert engine.ask(ONE, "Who has an apple?").text == "The doctor has an apple."
            assert execute(primary.url(), "SELECT count(*) FROM generations") == [(2,)]
        finally:
            primary.stop()
            if standby is not None:
                standby.stop()


def test_what_is_added_again_while_old_texts_are_deleted_stays(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = PostgresDatabase.open(postgres_url)
    catalogue = Catalogue(database)
    tale = Document("A", "The king has gold.", "/a", "text/plain")
    article = catalogue.put(ONE, tale)
    catalogue.remove(ONE, article.id)
    adding = threading.Thread(target=lambda: catalogue.put(ONE, tale))
    newest = Catalogue._newest

    def meanwhile(*given) -> int:
        monkeypatch.undo()
        adding.start()
        adding.join(0.3)  # it waits until the deletion is through
        return newest(*given)

    monkeypatch.setattr(Catalogue, "_newest", staticmethod(meanwhile))
    assert catalogue.prune(datetime.now(UTC) + timedelta(days=1), keep=1) == 1
    adding.join(10)
    assert [stored.text for stored in catalogue.texts(ONE)] == ["The king has gold."]
    catalogue.close()


def test_two_models_do_not_replace_each_others_index(postgres_url: str, tmp_path: Path) -> None:
    other = WordEmbedder()
    other.fingerprint = "words@2"
    with (
        engine_at(postgres_url, tmp_path / "a") as mine,
        engine_at(postgres_url, tmp_path / "b", other) as theirs,
    ):
        mine.add(ONE, TALE)
        for _ in range(2):
            assert mine.ask(ONE, "Who has gold?").answered
            with pytest.raises(GenerationError, match="same MODEL everywhere"):
                theirs.ask(ONE, "Who has gold?")
        assert execute(postgres_url, "SELECT count(*) FROM generations") == [(1,)]
        # Whoever means it may change the model, which the others then tell.
        theirs.reindex(ONE)
        assert theirs.ask(ONE, "Who has gold?").answered
        with pytest.raises(GenerationError, match=r"words@2.*same MODEL everywhere"):
            mine.ask(ONE, "Who has gold?")


@pytest.mark.parametrize("number", [0, -1, 2**31, 2**63])
def test_a_number_that_no_article_can_have_is_not_found(
    postgres_url: str, tmp_path: Path, number: int
) -> None:
    with engine_at(postgres_url, tmp_path) as engine:
        engine.add(ONE, TALE)
        for change in (engine.remove, engine.undelete):
            with pytest.raises(ArticleNotFound):
                change(ONE, number)
        assert not engine.golden.remove(ONE, number)


def told_by(url: str) -> Exception:
    with pytest.raises(EngineError) as caught:
        PostgresDatabase.open(url).close()
    return caught.value


def test_each_thing_that_is_wrong_with_a_database_has_its_own_cure(postgres: Server) -> None:
    for statement in (
        "CREATE USER plain",
        "CREATE DATABASE busy OWNER plain",
        "CREATE DATABASE bare OWNER plain",
    ):
        execute(postgres.url(), statement)
    execute(postgres.url(database="busy"), "CREATE EXTENSION vector")
    execute(postgres.url(database="busy"), "CREATE TABLE articles (id int)")
    mine = postgres.url(database="bare").replace("postgres@", "plain@")
    port = str(postgres.port)
    for url, kind, said in (
        (postgres.url(database="nowhere"), CatalogueError, "createdb -O USER"),
        (postgres.url().replace("postgres@", "nobody_here@"), CatalogueError, "createuser"),
        (postgres.url(database="busy"), CatalogueError, "take an empty database"),
        (mine, CatalogueError, "have a superuser run CREATE EXTENSION vector"),
        (postgres.url() + "?sslmode=require", CatalogueError, "DATABASE_URL is right"),
        (postgres.url().replace(port, "abc"), CatalogueError, "DATABASE_URL is right"),
        (postgres.url().replace(port, str(free_port())), DatabaseAway, "try again in a moment"),
        ("postgresql://bot:pre@S3CRET@127.0.0.1/x", StorageError, "%40 for an @"),
        ("postgresql://bot:S3/CRET@127.0.0.1/x", StorageError, "%2F for a /"),
        ("postgresql://bot:S3/?CRET@127.0.0.1/x", StorageError, "%2F for a /"),
        ("postgresql://bot:S3CRET@h/x?sslmod=require", StorageError, "(sslmode=..., perhaps?)"),
        ("postgresql://bot:S3CRET@h/x?S3=CRET", StorageError, "see what follows the ?"),
    ):
        error = told_by(url)
        assert type(error) is kind, error
        assert said in str(error)
        assert "S3" not in str(error)
        assert "CRET" not in str(error)


@pytest.mark.parametrize(
    "said",
    ["SSL SYSCALL error: EOF detected", "SSL connection has been closed unexpectedly"],
)
def test_a_primary_that_dies_behind_tls_is_away_and_not_misconfigured(said: str) -> None:
    error = psycopg.OperationalError(said)
    told = PostgresDatabase("postgresql://me@one/library")._told(error, error)
    assert type(told) is DatabaseAway
