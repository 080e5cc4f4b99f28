"""Every query of a question or a change names its scope, so that one node can answer it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from index import Engine, Scope
from index.postgres.tables import fleet
from index.schema import metadata

GUILD = Scope.guild(5)
SCRIPT = Path(__file__).parents[2] / "deploy" / "citus.sql"
OF_A_SCOPE = {
    table.name
    for table in (*metadata.tables.values(), *fleet.tables.values())
    if "scope" in table.c
} | {"embeddings"}
_TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE|COPY)\s+\"?([a-z_]+)")
_NAMED = re.compile(r"\bscope\"? (?:=|IN) |INSERT INTO \"?[a-z_]+\"? \(scope\b|COPY \w+ \(scope\b")


@pytest.fixture
def database_url(postgres_url: str) -> str:
    return postgres_url


@pytest.fixture
def said() -> Iterator[list[str]]:
    """All statements that SQLAlchemy sends meanwhile."""
    statements: list[str] = []

    def keep(_connection, _cursor, statement: str, *_: object) -> None:
        statements.append(" ".join(statement.split()))

    sa.event.listen(sa.Engine, "before_cursor_execute", keep)
    yield statements
    sa.event.remove(sa.Engine, "before_cursor_execute", keep)


def test_every_statement_carries_the_distribution_column(
    open_engine: Callable[..., Engine], said: list[str]
) -> None:
    engine = open_engine(threshold=0)
    said.clear()
    article = engine.add(GUILD, b"The king has gold. The queen sails a ship.")
    engine.add(Scope.shared(), b"The doctor has an apple.")
    answer = engine.ask(GUILD, "Who has gold?")
    assert answer.answered
    engine.search(GUILD, "Who sails a ship?")
    engine.reindex(GUILD)
    journal = engine.journal
    journal.prefer(GUILD, threshold=0.3)
    record = journal.record(GUILD, 7, answer)
    assert journal.recall(GUILD, record.id)
    assert journal.rate(GUILD, record.id, 7, "up")
    journal.tally(GUILD)
    journal.unanswered(GUILD)
    journal.questions(GUILD)
    golden = engine.keep_golden(GUILD, answer, "gold").golden
    engine.examine(GUILD)
    engine.golden.remove(GUILD, golden.id)
    engine.versions(GUILD, article.id)
    engine.remove(GUILD, article.id)
    engine.undelete(GUILD, article.id)
    engine.verify(GUILD)
    journal.leave(GUILD)
    journal.rejoin(GUILD)
    engine.forget(GUILD)
    touching = [one for one in said if OF_A_SCOPE & set(_TABLE.findall(one))]
    assert len(touching) > 60
    assert [one for one in touching if not _NAMED.search(one)] == []


def test_the_script_distributes_every_table_that_has_a_scope() -> None:
    distributed = re.findall(r"create_distributed_table\('(\w+)', 'scope'", SCRIPT.read_text())
    assert sorted(distributed) == sorted(OF_A_SCOPE - {"jobs"})
