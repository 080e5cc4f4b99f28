"""The truth: what is stored stays, in its own scope, and errors say what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from index import ArticleNotFound, CatalogueError, Document, LibraryBusy, Scope, StorageError
from index.catalogue import Catalogue
from index.schema import SCHEMA, metadata
from index.sqlite import SqliteDatabase
from tests.postgres import on_both  # noqa: F401 - a fixture

LOCAL = Scope.local()


def document(text: str, source: str = "/a.txt", title: str = "A") -> Document:
    return Document(title, text, source, "text/plain", ((0, 1),))


@pytest.fixture
def catalogue(tmp_path: Path, database_url: str | None):
    opened = Catalogue.open(tmp_path, database_url)
    yield opened
    opened.close()


def test_the_same_document_again_changes_nothing(catalogue: Catalogue) -> None:
    first = catalogue.put(LOCAL, document("One."))
    assert catalogue.put(LOCAL, document("One.")) == first
    assert catalogue.revision(LOCAL) == 1


def test_a_changed_document_is_a_new_version_and_the_old_text_stays(catalogue: Catalogue) -> None:
    catalogue.put(LOCAL, document("One."))
    article = catalogue.put(LOCAL, document("Two."))
    assert (article.id, article.version, article.characters) == (1, 2, 4)
    assert catalogue.text(LOCAL, 1, 1) == "One."
    assert [stored.text for stored in catalogue.texts(LOCAL)] == ["Two."]
    assert catalogue.revision(LOCAL) == 2


def test_a_removed_article_is_gone_and_can_come_back(catalogue: Catalogue) -> None:
    catalogue.put(LOCAL, document("One."))
    catalogue.remove(LOCAL, 1)
    assert catalogue.articles(LOCAL) == []
    with pytest.raises(ArticleNotFound, match="no article 1 in local"):
        catalogue.remove(LOCAL, 1)
    again = catalogue.put(LOCAL, document("One."))
    assert (again.id, again.version) == (1, 1)
    assert catalogue.revision(LOCAL) == 3


def test_scopes_never_mix(catalogue: Catalogue) -> None:
    one, two = Scope.guild(1), Scope.guild(2)
    catalogue.put(one, document("One."))
    catalogue.put(two, document("Two."))
    key = b"k" * 16
    catalogue.cache_vectors(one, "model", {key: np.ones(2, np.float32)})
    assert [stored.text for stored in catalogue.texts(one)] == ["One."]
    assert [stored.text for stored in catalogue.texts(two)] == ["Two."]
    assert catalogue.cached_vectors(two, "model", [key]) == {}
    assert {scope.key for scope in catalogue.scopes()} == {"guild:1", "guild:2"}


def test_every_key_begins_with_the_scope() -> None:
    keys = [
        constraint
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.PrimaryKeyConstraint | sa.UniqueConstraint)
    ]
    assert len(keys) >= len(metadata.tables)
    assert {next(iter(key.columns)).name for key in keys} == {"scope"}


def test_vectors_are_cached_by_model(catalogue: Catalogue) -> None:
    keys = [bytes([n]) * 16 for n in range(3)]
    new = {key: np.full(2, n, np.float32) for n, key in enumerate(keys)}
    catalogue.cache_vectors(LOCAL, "model", new)
    catalogue.cache_vectors(LOCAL, "model", new)
    found = catalogue.cached_vectors(LOCAL, "model", keys)
    assert {key: value.tolist() for key, value in found.items()} == {
        key: value.tolist() for key, value in new.items()
    }
    assert catalogue.cached_vectors(LOCAL, "other", keys) == {}


def test_the_migrations_make_exactly_the_tables_that_the_code_names(tmp_path: Path) -> None:
    Catalogue.open(tmp_path).close()
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'catalogue.sqlite'}")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_that_the_code_expects() -> None:
    config = Config()
    config.set_main_option("script_location", "index:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == SCHEMA


def test_a_catalogue_of_a_newer_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    Catalogue.open(tmp_path).close()
    with sqlite3.connect(tmp_path / "catalogue.sqlite") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(CatalogueError, match="another version of article-bot"):
        Catalogue.open(tmp_path)


def test_a_file_that_is_no_catalogue_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"not a database" * 100)
    with pytest.raises(CatalogueError, match="restore it from a backup"):
        Catalogue.open(tmp_path)
    assert path.read_bytes() == b"not a database" * 100


def test_a_data_folder_that_is_a_file_is_a_storage_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StorageError, match="DATA_DIR"):
        Catalogue.open(tmp_path / "file")


def test_a_data_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "what?x=1 #\u00e9"
    Catalogue.open(folder).close()
    assert (folder / "catalogue.sqlite").is_file()
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_number_that_no_article_can_have_is_not_found(catalogue: Catalogue) -> None:
    for number in (0, -1, 10**30):
        with pytest.raises(ArticleNotFound):
            catalogue.remove(LOCAL, number)


def test_a_full_disk_loses_nothing_and_says_so(tmp_path: Path) -> None:
    database = SqliteDatabase.open(tmp_path / "catalogue.sqlite")
    catalogue = Catalogue(database)
    catalogue.put(LOCAL, document("One."))
    with database.reading() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

        @sa.event.listens_for(database._engine, "checkout")
        def _limit(raw, _record, _proxy) -> None:
            raw.execute(f"PRAGMA max_page_count={pages}")

    with pytest.raises(StorageError, match="the disk is full"):
        catalogue.put(LOCAL, document("x" * 5_000_000))
    assert [stored.text for stored in catalogue.texts(LOCAL)] == ["One."]
    catalogue.close()


def test_a_second_writer_waits_and_is_then_told_to_try_again(tmp_path: Path) -> None:
    database = SqliteDatabase.open(tmp_path / "catalogue.sqlite")
    catalogue = Catalogue(database)
    catalogue.put(LOCAL, document("One."))

    @sa.event.listens_for(database._engine, "checkout")
    def _impatient(raw, _record, _proxy) -> None:
        raw.execute("PRAGMA busy_timeout=50")

    other = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(LibraryBusy, match="try again"):
        catalogue.put(LOCAL, document("Two."))
    assert [stored.text for stored in catalogue.texts(LOCAL)] == ["One."]
    other.rollback()
    other.close()
    assert catalogue.put(LOCAL, document("Two.")).version == 2
    catalogue.close()


def test_what_one_opening_writes_another_reads(tmp_path: Path) -> None:
    first, second = Catalogue.open(tmp_path), Catalogue.open(tmp_path)
    first.put(LOCAL, document("One."))
    assert [article.title for article in second.articles(LOCAL)] == ["A"]
    first.close()
    second.close()


def test_the_check_passes_on_a_sound_database(catalogue: Catalogue) -> None:
    catalogue.put(LOCAL, document("One."))
    assert catalogue.check() == []
