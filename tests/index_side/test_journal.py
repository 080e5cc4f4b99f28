"""What is kept, how long, and that it goes when asked to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from index import Answer, Document, Hit, Kind, Passage, Quote, Scope
from index.catalogue import Catalogue
from index.journal import KEPT_DAYS, Journal, Kept, Preferences
from tests.postgres import on_both  # noqa: F401 - a fixture

ONE, TWO = Scope.guild(1), Scope.guild(2)
QUOTE = Quote(ONE, 1, 1, "A", "/a", 0, 8, "It sank.", 1, 1)
SAID = Answer(
    "When?",
    Kind.SPAN,
    0.8,
    0.1,
    12.5,
    "It sank.",
    0,
    8,
    (QUOTE,),
    (Hit(Passage(ONE, 1, 1, "A", 0, 8, "It sank."), 0.9),),
)
UNSAID = Answer("Why?", Kind.NONE, 0.0, 0.1, 10.0)


def later() -> datetime:
    return datetime.now(UTC) + timedelta(days=KEPT_DAYS, minutes=1)


@pytest.fixture
def catalogue(tmp_path: Path, database_url: str | None) -> Iterator[Catalogue]:
    opened = Catalogue.open(tmp_path, database_url)
    yield opened
    opened.close()


@pytest.fixture
def journal(catalogue: Catalogue) -> Journal:
    return Journal(catalogue)


def test_preferences_have_defaults_and_change_one_by_one(journal: Journal) -> None:
    assert journal.preferences(ONE) == Preferences()
    journal.prefer(ONE, threshold=0.4, watched=(7, 8))
    assert journal.prefer(ONE, private=True) == Preferences(
        threshold=0.4, private=True, watched=(7, 8)
    )
    assert journal.preferences(ONE) == Preferences(threshold=0.4, private=True, watched=(7, 8))
    assert journal.preferences(TWO) == Preferences()
    assert journal.prefer(ONE, threshold=None).threshold is None
    with pytest.raises(TypeError):
        journal.prefer(ONE, colour="red")


@pytest.mark.parametrize(
    ("keep", "said", "unsaid"),
    [("off", "", ""), ("unanswered", "", "Why?"), ("all", "When?", "Why?")],
)
def test_questions_are_kept_as_far_as_the_scope_says(
    journal: Journal, keep: str, said: str, unsaid: str
) -> None:
    journal.prefer(ONE, keep_questions=keep)
    first, second = journal.record(ONE, 5, SAID), journal.record(ONE, 5, UNSAID)
    assert journal.recall(ONE, first.id).answer == replace(SAID, question=said)
    assert journal.recall(ONE, second.id).answer == replace(UNSAID, question=unsaid)
    assert journal.unanswered(ONE) == ([unsaid] if unsaid else [])


def test_a_question_that_is_not_kept_is_not_kept_as_it_was_read_either(journal: Journal) -> None:
    said = replace(SAID, question="Wehn?", read_as="When?")
    journal.prefer(ONE, keep_questions="off")
    assert "When?" not in repr(journal.recall(ONE, journal.record(ONE, 7, said).id))
    journal.prefer(ONE, keep_questions="all")
    kept = journal.recall(ONE, journal.record(ONE, 7, said).id)
    assert kept is not None
    assert kept.answer.read_as == "When?"
    without = said.without_question()
    assert (without.question, without.read_as, without.text) == ("", None, said.text)


def test_a_record_is_found_in_its_own_scope_alone(journal: Journal) -> None:
    record = journal.record(ONE, 5, SAID)
    assert journal.recall(ONE, record.id) == record
    assert journal.recall(TWO, record.id) is None
    assert journal.recall(ONE, "0" * 16) is None


def test_the_last_rating_of_a_person_counts(journal: Journal) -> None:
    record = journal.record(ONE, 5, SAID)
    journal.record(ONE, 5, UNSAID)
    assert journal.rate(ONE, record.id, 6, "up")
    assert journal.rate(ONE, record.id, 6, "down", "wrong year")
    assert journal.rate(ONE, record.id, 7, "up")
    assert not journal.rate(ONE, "0" * 16, 7, "up")
    tally = journal.tally(ONE)
    assert (tally.asked, tally.answered, tally.up, tally.down) == (2, 1, 1, 1)
    assert tally.median_ms == 12.5


def test_a_person_sees_what_is_kept_and_can_have_it_deleted(journal: Journal) -> None:
    mine = journal.record(ONE, 5, UNSAID)
    journal.record(TWO, 5, SAID)
    theirs = journal.record(ONE, 6, SAID)
    journal.rate(ONE, theirs.id, 5, "up")
    journal.rate(ONE, mine.id, 6, "down")
    assert journal.kept_about(5) == Kept(answers=2, questions=1, ratings=1)
    assert journal.forget_user(5) == Kept(2, 1, 1)
    assert journal.kept_about(5) == Kept(0, 0, 0)
    assert journal.recall(ONE, theirs.id) is not None
    assert journal.kept_about(6) == Kept(1, 0, 0)


def test_answers_go_after_their_time(journal: Journal) -> None:
    record = journal.record(ONE, 5, SAID)
    journal.rate(ONE, record.id, 6, "up")
    assert journal.purge(datetime.now(UTC)) == 0
    assert journal.purge(later()) == 1
    assert journal.recall(ONE, record.id) is None
    assert journal.tally(ONE).up == 0


def test_a_scope_that_was_left_expires_unless_the_bot_returns(
    journal: Journal, catalogue: Catalogue
) -> None:
    catalogue.put(ONE, Document("A", "One.", "/a", "text/plain"))
    journal.leave(ONE)
    journal.leave(TWO)
    assert journal.expired(datetime.now(UTC)) == []
    assert set(journal.expired(later())) == {ONE, TWO}
    journal.rejoin(TWO)
    assert journal.expired(later()) == [ONE]
    catalogue.forget(ONE)
    assert catalogue.articles(ONE) == []
    assert catalogue.revision(ONE) > 1
    assert journal.expired(later()) == []
