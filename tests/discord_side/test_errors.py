"""Every error becomes words in one place; the log learns what people need not."""

from __future__ import annotations

import logging
import re

import pytest

from bot.errors import (
    AlreadyRunning,
    BadNumber,
    BadToken,
    BotError,
    CannotRun,
    Gone,
    NotAllowed,
    Overloaded,
    Refused,
    ShuttingDown,
    TookTooLong,
    TryLater,
    explain,
    words_for,
)
from index import (
    ArticleNotFound,
    BadInput,
    DeadlineExceeded,
    LanguageError,
    LibraryBusy,
    ModelError,
    QuestionError,
)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotAllowed("error.not_here"), "You cannot do that here."),
        (AlreadyRunning("error.reindex.running", when="at noon"), "it began at noon."),
        (Overloaded(), "more questions than I can handle"),
        (ShuttingDown(), "I am restarting"),
        (TookTooLong(), "took too long"),
        (DeadlineExceeded("late"), "took too long"),
        (LibraryBusy("locked"), "articles are being changed"),
        (ArticleNotFound("none in guild:1"), "no article to answer from"),
        (QuestionError("A question needs words."), "A question needs words."),
        (LanguageError("This looks like no English: 'Wer?'"), "Please ask in English."),
    ],
)
def test_an_expected_error_has_words_and_leaves_no_trace(
    error: Exception, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert words in words_for(error)
    assert caplog.records == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (NotAllowed("error.not_here"), "Das geht hier nicht."),
        (Overloaded(), "Gerade habe ich mehr Fragen"),
        (LanguageError("This looks like no English: 'Wer?'"), "Bitte frag auf Englisch."),
        (QuestionError("The question is empty."), "Mit dieser Frage kann ich nichts anfangen."),
        (BadInput("No such *file*."), "So lässt sich das nicht verwenden: No such *file*."),
        (ModelError("/srv/model is broken"), "(Fehler "),
        (KeyError("shelf"), "Bei mir ist etwas schiefgegangen (Fehler "),
    ],
)
def test_every_error_has_words_in_the_persons_language(error: Exception, words: str) -> None:
    assert words in words_for(error, locale="de")


def test_an_operators_error_keeps_its_detail_from_users() -> None:
    text = explain(ModelError("/srv/model is broken"), "ab12").text
    assert (
        text
        == "I cannot reach my articles right now; my operator has to look into it (error ab12)."
    )


def test_an_unexpected_error_gives_an_id_and_the_log_its_trace(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def broken() -> None:
        raise KeyError("shelf")

    with pytest.raises(KeyError) as caught:
        broken()
    text = words_for(caught.value)
    (error_id,) = re.findall(r"^Something went wrong on my side \(error (\w{8})\)\.$", text)
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert f"error {error_id}" in record.getMessage()
    assert "in broken" in record.getMessage()
    assert "KeyError: 'shelf'" in record.getMessage()


@pytest.mark.parametrize("question", ['Who is "Ann\'s" boss?', "line\none", "ümlaut\u200b"])
def test_a_question_never_reaches_the_log_even_inside_an_exception(
    question: str, caplog: pytest.LogCaptureFixture
) -> None:
    for error in (RuntimeError(f"cannot parse {question}"), KeyError(question)):
        words_for(error, private=(question,))
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert logged.count("[withheld]") == 2
    assert question not in logged
    assert repr(question) not in logged


def test_the_tree_is_as_drawn() -> None:
    assert issubclass(BadToken, CannotRun)
    assert {Overloaded, TookTooLong, ShuttingDown} == set(TryLater.__subclasses__())
    assert {TryLater, Refused, CannotRun} == set(BotError.__subclasses__())
    assert {NotAllowed, AlreadyRunning, Gone, BadNumber} <= set(Refused.__subclasses__())
