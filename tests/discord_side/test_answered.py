"""Which answer belongs to which question is known for a day, over a restart too."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.answered import Answered, AnsweredQuestions, digest

ANSWER = Answered(channel=7, message=71, digest=digest("Who?"), at=100.0)


def test_a_question_leads_to_its_answer_until_it_is_dropped() -> None:
    kept = AnsweredQuestions()
    kept.keep(1, ANSWER)
    assert kept.find(1, 100.0) == ANSWER
    assert kept.find(2, 100.0) is None
    assert kept.drop(1, 100.0) == ANSWER
    assert kept.find(1, 100.0) is None


def test_an_answer_is_forgotten_after_its_time_and_when_there_are_too_many() -> None:
    kept = AnsweredQuestions(most=2, lives_s=60)
    kept.keep(1, ANSWER)
    assert kept.find(1, 159.9) == ANSWER
    assert kept.find(1, 160.0) is None
    for question in (2, 3):
        kept.keep(question, ANSWER)
    assert kept.find(1, 100.0) is None
    assert kept.find(3, 100.0) == ANSWER


def test_a_restart_loses_nothing_but_what_is_too_old(tmp_path: Path) -> None:
    path = tmp_path / "answers.json"
    before, after = AnsweredQuestions(lives_s=60), AnsweredQuestions(lives_s=60)
    before.keep(1, ANSWER)
    before.keep(2, Answered(7, 72, "", at=150.0))
    before.save(path, now=170.0)
    after.load(path)
    assert after.find(2, 170.0) == Answered(7, 72, "", at=150.0)
    assert after.find(1, 100.0) is None


@pytest.mark.parametrize("content", [None, "", "[1]", '{"1": 5}', '{"x": {"at": 1}}'])
def test_a_file_that_cannot_be_used_is_as_good_as_none(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "answers.json"
    if content is not None:
        path.write_text(content)
    kept = AnsweredQuestions()
    kept.load(path)
    assert kept.find(1, 0.0) is None


def test_a_folder_that_cannot_be_written_is_logged_and_no_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    AnsweredQuestions().save(tmp_path / "missing" / "answers.json", now=0.0)
    assert "cannot remember" in caplog.text


def test_a_digest_tells_questions_apart_without_their_words() -> None:
    assert digest("Who?") == digest("Who?") != digest("Whom?")
    assert len(digest("\ud800")) == 16
