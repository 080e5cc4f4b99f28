"""A database of every earlier schema is upgraded when it is opened, and keeps what it held."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from index import Answer, Engine, IndexSettings, Kind, Scope
from index.catalogue import Catalogue
from index.journal import Journal
from index.postgres.database import PostgresDatabase, _require
from index.schema import SCHEMA
from index.serialising import to_json
from index.watching import Watching
from tests.conftest import WordEmbedder
from tests.postgres import Server, execute

ONE, TWO = Scope.guild(1), Scope.guild(2)
AT = datetime(2026, 11, 23, 12, 30, tzinfo=UTC)
KEY = b"k" * 16
TEXT = "The king has a ship. \U0001f3dd"
SAID = Answer("Who?", Kind.NONE, 0.0, 0.1, 12.5)
ROWS: dict[str, list[str]] = {
    "0001": [
        "INSERT INTO scopes (scope, revision) VALUES ('guild:1', 4), ('guild:2', 1)",
        "INSERT INTO articles (scope, id, source, version, added_at, removed_at) VALUES"
        " ('guild:1', 1, '/a.txt', 2, :at, NULL), ('guild:1', 2, '/b.txt', 1, :at, :at),"
        " ('guild:2', 1, '/a.txt', 1, :at, NULL)",
        "INSERT INTO versions (scope, article_id, version, title, media_type, text, headings,"
        " content_hash, created_at) VALUES"
        " ('guild:1', 1, 1, 'A', 'text/plain', 'Old.', '[]', 'x', :at),"
        " ('guild:1', 1, 2, 'A', 'text/plain', :text, '[[0, 8]]', 'y', :at),"
        " ('guild:1', 2, 1, 'B', 'text/plain', 'Gold.', '[]', 'z', :at),"
        " ('guild:2', 1, 1, 'C', 'text/plain', 'A storm.', '[]', 'x', :at)",
        "INSERT INTO vectors (scope, model, content_hash, vector)"
        " VALUES ('guild:1', 'model@1', :key, :vector)",
    ],
    "0002": [
        "UPDATE scopes SET left_at = :at WHERE scope = 'guild:2'",
        "INSERT INTO preferences (scope, name, value) VALUES"
        " ('guild:1', 'threshold', '0.25'), ('guild:1', 'channels', '[7, 8]')",
        "INSERT INTO answers (scope, id, asker, asked_at, question, kind, elapsed_ms, answer)"
        " VALUES ('guild:1', 'abc', 4611686018427387904, :at, 'Who?', 'none', 12.5, :answer)",
        'INSERT INTO feedback (scope, answer_id, "user", verdict, reason, given_at)'
        " VALUES ('guild:1', 'abc', 4611686018427387904, 'down', 'no', :at)",
    ],
    "0003": ["UPDATE versions SET author = 'Ann' WHERE article_id = 1 AND version = 2"],
    "0004": [
        "UPDATE versions SET canonical = 'https://a.example/', pages = '[0, 5]'"
        " WHERE article_id = 1 AND version = 2",
        "INSERT INTO checks (scope, article_id, checked_at, etag, last_modified, failing_since,"
        " failures, reason) VALUES ('guild:1', 1, :at, 'tag', '', :at, 2, 'slow')",
    ],
    "0005": [
        "INSERT INTO golden (scope, id, question, expected) VALUES"
        " ('guild:1', 3, 'Who has a ship?', 'king'), ('guild:1', 4, 'Who is it?', NULL)",
        "INSERT INTO feeds (scope, id, source, seen, checked_at, etag, last_modified,"
        " failing_since, failures, reason) VALUES"
        " ('guild:1', 2, 'https://a.example/feed', '[\"https://a.example/1\"]', :at, '', '',"
        " NULL, 0, '')",
        "INSERT INTO counters (scope, name, last) VALUES ('guild:1', 'golden', 4)",
    ],
    "0006": [],
}
"""What each schema can hold more than the one before it."""
VALUES = {
    "text": TEXT,
    "key": KEY,
    "vector": np.ones(3, "<f4").tobytes(),
    "answer": to_json(SAID),
}


def build(connection: sa.Connection, revision: str) -> None:
    """Make the tables as they were then, with rows in all of them."""
    config = Config()
    config.set_main_option("script_location", "index:migrations")
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
    # SQLite's rows have their times without a zone, as SQLAlchemy writes them.
    at = AT if connection.dialect.name == "postgresql" else f"{AT:%Y-%m-%d %H:%M:%S.%f}"
    for schema, statements in ROWS.items():
        for statement in statements if schema <= revision else ():
            query = sa.text(statement)
            given = {name: value for name, value in VALUES.items() if f":{name}" in statement}
            times = {"at": at} if ":at" in statement else {}
            connection.execute(query, {**given, **times})


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[dict[str, Any]]:
    """What ``Catalogue.open`` takes: a folder, or a database without any table."""
    if request.param == "sqlite":
        yield {"data_dir": tmp_path}
        return
    server: Server = request.getfixturevalue("postgres")
    name = f"bare_{secrets.token_hex(4)}"
    execute(server.url(), f"CREATE DATABASE {name} TEMPLATE template0")
    yield {"data_dir": tmp_path, "url": server.url(database=name)}
    execute(server.url(), f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def bare(data_dir: Path, url: str | None = None) -> Iterator[sa.Connection]:
    """A transaction in a database that has no table yet."""
    if url is not None:
        with closing(PostgresDatabase(url)) as database, database.writing() as connection:
            _require(connection, "the database")  # makes pgvector's types known
            yield connection
        return
    engine = sa.create_engine(f"sqlite:///{data_dir / 'catalogue.sqlite'}")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def counted(catalogue: Catalogue) -> dict[str, int]:
    tables = ("scopes", "articles", "versions", "vectors", "preferences", "answers", "feedback",
              "checks", "golden", "feeds", "counters")  # fmt: skip
    with catalogue.reading() as connection:
        return {
            name: int(connection.scalar(sa.text(f"SELECT count(*) FROM {name}")) or 0)
            for name in tables
        }


def test_there_are_rows_for_every_schema() -> None:
    assert list(ROWS)[-1] == SCHEMA


@pytest.mark.parametrize("revision", ROWS)
def test_what_an_earlier_schema_held_is_there_and_used(
    place: dict[str, Any], revision: str
) -> None:
    with bare(**place) as connection:
        build(connection, revision)
    with closing(Catalogue.open(**place)) as catalogue:
        assert catalogue.check() == []
        assert catalogue.revisions([ONE, TWO]) == {ONE: 4, TWO: 1}
        (article,) = catalogue.articles(ONE)
        assert (article.id, article.version, article.title, article.source, article.added_at) == (
            (1, 2, "A", "/a.txt", AT)
        )
        assert article.author == ("Ann" if revision >= "0003" else "")
        assert article.canonical == ("https://a.example/" if revision >= "0004" else "")
        (stored,) = catalogue.texts(ONE)
        assert (stored.text, stored.headings) == (TEXT, ((0, 8),))
        assert stored.pages == ((0, 5) if revision >= "0004" else ())
        assert [version.number for version in catalogue.versions(ONE, 1)] == [1, 2]
        assert catalogue.text(ONE, 1, 1) == "Old."
        assert [other.title for other in catalogue.articles(TWO)] == ["C"]
        found = catalogue.cached_vectors(ONE, "model@1", [KEY])
        assert found[KEY].tolist() == [1, 1, 1]
        assert counted(catalogue) == {
            "scopes": 2,
            "articles": 3,
            "versions": 4,
            "vectors": 1,
            "preferences": 2 * (revision >= "0002"),
            "answers": 1 * (revision >= "0002"),
            "feedback": 1 * (revision >= "0002"),
            "checks": 1 * (revision >= "0004"),
            "golden": 2 * (revision >= "0005"),
            "feeds": 1 * (revision >= "0005"),
            "counters": 1 * (revision >= "0005"),
        }
        journal_is_kept(Journal(catalogue), revision)
        checks = Watching(catalogue).checks(ONE)
        assert [(c.etag, c.failures, c.failing_since) for c in checks.values()] == (
            [("tag", 2, AT)] if revision >= "0004" else []
        )
    goes_on(place, revision)


def journal_is_kept(journal: Journal, revision: str) -> None:
    preferences, record = journal.preferences(ONE), journal.recall(ONE, "abc")
    if revision < "0002":
        assert (preferences.threshold, record) == (None, None)
        return
    assert (preferences.threshold, preferences.channels) == (0.25, (7, 8))
    assert record is not None
    assert (record.asker, record.asked_at, record.answer) == (2**62, AT, SAID)
    assert journal.kept_about(2**62).ratings == 1
    assert journal.expired(datetime(2030, 1, 1, tzinfo=UTC)) == [TWO]


def goes_on(place: dict[str, Any], revision: str) -> None:
    """It is asked, and what is new since gets numbers that were never given."""
    settings = IndexSettings(data_dir=place["data_dir"], database_url=place.get("url"), threshold=0)
    with Engine.open(settings, embedder=WordEmbedder()) as engine:
        assert engine.ask(ONE, "Who has a ship?").text == "The king has a ship."
        assert engine.undelete(ONE, 2).title == "B"
        assert engine.add(ONE, b"The queen has gold.", title="New").id == 3
        new = engine.golden.add(ONE, "Who has gold?", "queen")
        assert new.id == (5 if revision >= "0005" else 1)
        assert [feed.id for feed in engine.feeds(ONE)] == [2] * (revision >= "0005")
        assert engine.verify(ONE).problems == ()
