"""A re-index rehearsed: what it would change in the answers, and nothing else changed."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index import (
    Engine,
    LibraryFull,
    QuestionError,
    RehearsalOutdated,
    Scope,
    WorkersBusy,
    rehearsing,
)
from tests.conftest import WordEmbedder

LOCAL = Scope.local()
QUESTIONS = ("Who has a ship?", "Who has gold?", "What came to the island?")
BEFORE = "The king has a ship. The queen has gold."


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    file = tmp_path / "tale.txt"
    file.write_text(BEFORE)
    return file


@pytest.fixture
def engine(open_engine, tale: Path) -> Engine:
    engine: Engine = open_engine(threshold=0.5)
    engine.add(LOCAL, tale)
    engine.journal.prefer(LOCAL, keep_questions="all")
    for question in QUESTIONS:
        engine.journal.record(LOCAL, 1, engine.ask(LOCAL, question))
    return engine


def test_what_would_change_is_told_and_nothing_changes(engine: Engine, tale: Path) -> None:
    before = (engine.articles(LOCAL), engine.verify(LOCAL), engine.checks(LOCAL))
    answers = {question: engine.ask(LOCAL, question).text for question in QUESTIONS}
    tale.write_text("The king has two ships and a ship. A storm came to the island.")
    found = engine.rehearse(LOCAL)
    assert found.changed == ("tale",)
    after = {r.question: r.after for r in (*found.better, *found.lost, *found.different)}
    assert {r.question for r in found.different} <= {QUESTIONS[0]}
    assert found.unchanged + len(after) == 3
    assert not found.is_safe
    assert (engine.articles(LOCAL), engine.verify(LOCAL), engine.checks(LOCAL)) == before
    assert {question: engine.ask(LOCAL, question).text for question in QUESTIONS} == answers
    engine.promote(found)
    for question in QUESTIONS:
        assert engine.ask(LOCAL, question).text == after.get(question, answers[question])
    assert engine.articles(LOCAL)[0].version == 2
    assert not list(tale.parent.glob("data/rehearsal-*"))


def test_what_only_adds_is_safe(engine: Engine, tale: Path) -> None:
    tale.write_text(f"{BEFORE}\n\nA storm came to the island.")
    found = engine.rehearse(LOCAL)
    assert (found.is_safe, found.lost, found.different) == (True, (), ())


def test_nothing_new_asks_nothing(engine: Engine, embedder: WordEmbedder) -> None:
    embedder.encoded.clear()
    found = engine.rehearse(LOCAL)
    assert (found.changed, found.unchanged, found.is_safe) == ((), 0, True)
    assert embedder.encoded == []
    assert engine.promote(found).embedded == 0


def test_what_the_rehearsal_embedded_is_not_embedded_again(engine: Engine, tale: Path) -> None:
    tale.write_text("The king has gold. The queen has a storm.")
    found = engine.rehearse(LOCAL)
    assert engine.promote(found).embedded == 0


def test_a_rehearsal_that_is_overtaken_is_not_promoted(engine: Engine, tale: Path) -> None:
    tale.write_text("The king has gold.")
    found = engine.rehearse(LOCAL)
    engine.add(LOCAL, b"The island has a queen.", title="new")
    with pytest.raises(RehearsalOutdated, match="Re-index again"):
        engine.promote(found)
    assert engine.articles(LOCAL)[0].version == 1


def test_a_source_that_fails_is_told_and_keeps_its_text(engine: Engine, tale: Path) -> None:
    tale.unlink()
    found = engine.rehearse(LOCAL)
    assert [title for title, _ in found.failed] == ["tale"]
    assert engine.promote(found).failed == found.failed
    assert engine.ask(LOCAL, "Who has a ship?").text == "The king has a ship."
    assert engine.checks(LOCAL)[1].failures == 1


def test_nothing_of_the_questions_is_kept(engine: Engine, tale: Path) -> None:
    tale.write_text("The king has gold. The queen has a storm.")
    engine.rehearse(LOCAL)
    keys = [hashlib.sha256(question.encode()).digest()[:16] for question in QUESTIONS]
    assert engine._catalogue.cached_vectors(LOCAL, WordEmbedder.fingerprint, keys) == {}


def test_the_shared_articles_are_rehearsed_with_a_servers_questions(
    engine: Engine, tale: Path
) -> None:
    shared, guild = Scope.shared(), Scope.guild(7)
    engine.add(shared, tale)
    engine.journal.prefer(guild, keep_questions="all")
    engine.journal.record(guild, 1, engine.ask(guild, QUESTIONS[0]))
    tale.write_text("The island has a storm.")
    found = engine.rehearse(shared, asked_in=guild)
    assert [replayed.question for replayed in found.lost] == [QUESTIONS[0]]


def test_golden_questions_are_judged_by_what_they_must_hold(engine: Engine, tale: Path) -> None:
    engine.journal.forget_user(1)  # no kept question is left
    engine.golden.add(LOCAL, "Who has a ship?", "the KING")
    engine.golden.add(LOCAL, "Who has gold?", "queen")
    engine.golden.add(LOCAL, "Who has a dragon in the cellar?", None)
    assert [each.passes for each in engine.examine(LOCAL)] == [True, True, True]
    # Other words that hold what they must are as good.
    tale.write_text("It is the king that has a ship. The queen has gold.")
    found = engine.rehearse(LOCAL)
    assert (found.unchanged, found.is_safe) == (3, True)
    tale.write_text("The captain has a ship. The queen has gold.")
    found = engine.rehearse(LOCAL)
    assert [(each.question, each.golden) for each in found.lost] == [("Who has a ship?", True)]
    assert (found.unchanged, found.is_safe) == (2, False)
    engine.promote(found)
    assert [each.passes for each in engine.examine(LOCAL)] == [False, True, True]
    # One that fails before and after keeps nothing from being published.
    tale.write_text("The captain has a big ship. The queen has gold.")
    assert engine.rehearse(LOCAL).is_safe


def test_golden_questions_are_judged_as_members_are_answered(engine: Engine, tale: Path) -> None:
    guild = Scope.guild(7)
    engine.add(Scope.shared(), b"The captain has a storm.", title="shared")
    engine.add(guild, tale)
    engine.golden.add(guild, "Who has a storm?", "captain")
    assert [each.passes for each in engine.examine(guild)] == [True]
    tale.write_text(f"{BEFORE} The queen has a storm. The king has a storm.")
    found = engine.rehearse(guild)
    told = engine.examine(guild)
    engine.promote(found)
    # What the shared article answered until now is answered from the new text.
    after = engine.examine(guild)
    assert (told[0].passes, bool(found.lost)) == (True, not after[0].passes)
    engine.journal.prefer(guild, threshold=1.0)
    assert [each.said for each in engine.examine(guild)] == [None]


def test_the_golden_set_is_a_scopes_own_and_bounded(engine: Engine, monkeypatch) -> None:
    guild = Scope.guild(7)
    first = engine.golden.add(guild, " Who  has gold?", "queen")
    assert engine.golden.all(guild) == [first]
    assert engine.golden.all(LOCAL) == []
    again = engine.golden.add(guild, "Who has gold?", "king")
    assert [each.expected for each in engine.golden.all(guild)] == ["king"]
    monkeypatch.setattr("index.golden.MOST", 1)
    with pytest.raises(LibraryFull, match="At most 1 golden"):
        engine.golden.add(guild, "Who has a ship?", None)
    assert engine.golden.remove(guild, again.id)
    assert not engine.golden.remove(guild, again.id)
    assert not engine.golden.remove(guild, 10**20)
    # No number is given out twice.
    assert engine.golden.add(guild, "Who has a ship?", None).id > again.id
    with pytest.raises(QuestionError, match="no letter"):
        engine.golden.add(guild, "Who?", "\u2014")
    engine.forget(guild)
    assert engine.golden.all(guild) == []


def test_a_golden_question_without_any_article_is_declined(engine: Engine) -> None:
    guild = Scope.guild(7)
    engine.golden.add(guild, "Who has gold?", "queen")
    engine.golden.add(guild, "Who has a ship?", None)
    assert [each.passes for each in engine.examine(guild)] == [False, True]


def test_what_a_killed_rehearsal_left_is_swept(engine: Engine, tmp_path: Path) -> None:
    left = tmp_path / "data" / "rehearsal-killed"
    left.mkdir()
    engine.prune(datetime.now(UTC))
    assert left.exists()
    engine.prune(datetime.now(UTC) + timedelta(days=2))
    assert not left.exists()


def test_workers_that_are_busy_end_no_rehearsal(
    engine: Engine, tale: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rehearsing, "_RETRY_S", 0.0)
    ask, tries = Engine.ask, []

    def busy_at_first(self: Engine, *given: object, **named: object):
        tries.append(given)
        if len(tries) <= 2:
            raise WorkersBusy("try again in a moment")
        return ask(self, *given, **named)

    monkeypatch.setattr(Engine, "ask", busy_at_first)
    tale.write_text("The king has two ships. A storm came to the island.")
    found = engine.rehearse(LOCAL)
    told = (*found.better, *found.lost, *found.different)
    assert found.unchanged + len(told) == len(QUESTIONS)
