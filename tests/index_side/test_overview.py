"""Questions about the articles themselves: never guessed, never empty-handed, in bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from index import Engine, Fact, Kind, Scope, Turn
from index.answering import Reading
from index.confidence import Signals
from index.intent import Wish
from index.sources.byline import byline

LOCAL = Scope.local()
STORY = (
    b"---\ntitle: The king's ship\nauthor: Ann Lee\ndate: 2024-05-06\n---\n\n"
    b"The king has a ship and a crew of ninety sailors from the island.\n\n"
    b"The queen has gold in a cellar that nobody but her doctor may enter.\n\n"
    b"A storm came to the island and broke the mast in two.\n\n"
    b"An apple fell from the oldest tree of them all, and nobody saw it fall."
)


@pytest.mark.parametrize(
    ("question", "fact", "text"),
    [
        ("Who wrote this?", Fact.AUTHOR, "Ann Lee"),
        ("When was it published?", Fact.PUBLISHED, "2024-05-06"),
        ("What is the title?", Fact.TITLE, "The king's ship"),
        ("How long is the article?", Fact.LENGTH, "55 words"),
    ],
)
def test_what_an_article_tells_about_itself(
    engine: Engine, question: str, fact: Fact, text: str
) -> None:
    engine.add(LOCAL, STORY, media_type="text/markdown")
    answer = engine.ask(LOCAL, question)
    assert (answer.kind, answer.fact, answer.text) == (Kind.ABOUT, fact, text)
    assert answer.quotes == ()
    assert answer.passages


def test_what_it_does_not_tell_is_said_to_be_unknown(engine: Engine) -> None:
    engine.add(LOCAL, b"The king has a ship.", title="A tale")
    answer = engine.ask(LOCAL, "Who is the author?")
    assert (answer.kind, answer.answered, answer.confidence) == (Kind.ABOUT, False, 0.0)
    assert [about.title for about in answer.about] == ["A tale"]


def test_in_a_conversation_it_may_be_what_was_spoken_of(engine: Engine) -> None:
    engine.add(LOCAL, STORY, media_type="text/markdown")
    answer = engine.ask(LOCAL, "When was it made?", history=[Turn("Who has a ship?", "The king")])
    assert answer.kind is not Kind.ABOUT


def test_a_summary_is_of_the_articles_own_sentences_in_order(engine: Engine) -> None:
    engine.add(LOCAL, STORY, media_type="text/markdown")
    answer = engine.ask(LOCAL, "tl;dr")
    (article,) = engine.articles(LOCAL)
    stored = engine._catalogue.text(LOCAL, article.id, article.version)
    assert answer.kind is Kind.SUMMARY
    assert len(answer.quotes) == 3
    assert [q.start for q in answer.quotes] == sorted(q.start for q in answer.quotes)
    assert all(stored[q.start : q.end] == q.text for q in answer.quotes)


def test_of_several_articles_the_one_that_is_named_counts(engine: Engine) -> None:
    engine.add(LOCAL, STORY, media_type="text/markdown")
    engine.add(LOCAL, b"The doctor has an apple.", title="Rules of the house")
    named = engine.ask(LOCAL, "Summarise the rules of the house")
    assert [quote.text for quote in named.quotes] == ["The doctor has an apple."]
    both = engine.ask(LOCAL, "What is this about?")
    assert [quote.article for quote in both.quotes] == ["The king's ship", "Rules of the house"]


def test_a_summary_of_a_part_is_read_like_any_question(engine: Engine) -> None:
    engine.add(LOCAL, STORY, media_type="text/markdown")
    answer = engine.ask(LOCAL, "Summarise the storm", threshold=0)
    assert answer.kind is Kind.SENTENCES
    assert "storm" in answer.quotes[0].text


def test_a_removed_article_is_not_told_about(engine: Engine) -> None:
    engine.add(LOCAL, STORY, media_type="text/markdown")
    gone = engine.add(LOCAL, b"The doctor has an apple.", title="Rules of the house")
    engine.remove(LOCAL, gone.id)
    assert [about.title for about in engine.ask(LOCAL, "What's the title?").about] == [
        "The king's ship"
    ]


def test_a_list_under_a_heading_that_says_so(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text(
        "# Island\n\nThe queen came.\n\n## Gold of the king\n\n- a ring\n- a crown\n\nThe end."
    )
    engine.add(LOCAL, path)
    answer = engine.ask(LOCAL, "What kinds of gold are the king's?", threshold=0)
    assert (answer.kind, [q.text for q in answer.quotes]) == (Kind.LIST, ["a ring", "a crown"])


def test_a_list_that_was_announced_may_have_but_one_item(engine: Engine) -> None:
    engine.add(LOCAL, b"The king has gold.")
    (quote,) = engine.ask(LOCAL, "Who has gold?", threshold=0).quotes
    signals = Signals(0, 0, 0, 0, 0, 0, 0)
    reading = Reading(0, 1, quote, (quote,), signals, (), itemised=True, announced=0.6)
    assert reading.is_whole(Wish.LIST)


def test_the_steps_of_a_procedure_answer_together_and_one_of_them_by_itself(
    engine: Engine,
) -> None:
    steps = "1. Call the doctor.\n2. Find the ship.\n3. Sell the gold.\n4. Sink it.\n5. Rest."
    text = f"# Island\n\nThe queen came.\n\n{steps}\n\nThe end."
    engine.add(LOCAL, text.encode(), media_type="text/markdown")
    whole = engine.ask(LOCAL, "How is the doctor called?", threshold=0)
    assert [quote.text for quote in whole.quotes] == steps.splitlines()
    assert whole.text == " ".join(steps.splitlines())
    assert (whole.start, whole.end) == (whole.quotes[0].start, whole.quotes[-1].end)
    one = engine.ask(LOCAL, "How is the gold sold?", threshold=0)
    assert one.quotes[0].text == "3. Sell the gold."
    assert one.text in one.quotes[0].text


def test_a_procedure_of_many_words_is_told_to_its_end(engine: Engine) -> None:
    steps = [f"{n}. Turn the key of the {n} doors. Then wait a while." for n in range(1, 9)]
    steps[0] = steps[0].replace("key", "doctor")
    text = "# Island\n\nThe queen came.\n\n" + "\n".join(steps) + "\n\nThe end."
    engine.add(LOCAL, text.encode(), media_type="text/markdown")
    answer = engine.ask(LOCAL, "How is the doctor turned?", threshold=0)
    assert answer.text == " ".join(steps)


def test_what_merely_stands_before_a_list_answers_by_its_own_words(engine: Engine) -> None:
    text = "The queen came.\n\nThe gold of the king is red\n\n- a length\n- a weight\n\nThe end."
    engine.add(LOCAL, text.encode(), media_type="text/markdown")
    answer = engine.ask(LOCAL, "What kinds of gold are the king's?", threshold=0)
    assert len(answer.quotes) == 3
    assert answer.text == "The gold of the king is red"


def test_a_list_and_what_leads_to_it_answer_together(engine: Engine) -> None:
    text = "The queen came.\n\nThe gold of the king is:\n\n- a ring\n- a crown\n\nThe end."
    engine.add(LOCAL, text.encode(), media_type="text/markdown")
    answer = engine.ask(LOCAL, "What kinds of gold are the king's?", threshold=0)
    assert answer.kind is Kind.LIST
    assert answer.text == "The gold of the king is: a ring a crown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Title\n\nBy Anna van der Berg, 3 May 2021\n\nText.", ("Anna van der Berg", "3 May 2021")),
        (
            "Title\nWritten by Ann Lee\nPublished on May 4, 2020\n\nText.",
            ("Ann Lee", "May 4, 2020"),
        ),
        ("By then she had left.\nBy Monday he came.", ("", "")),
        ("x\n" * 20 + "By Ann Lee", ("", "")),
        ("2024-05-06\n\nText.", ("", "2024-05-06")),
    ],
)
def test_a_byline_is_a_line_that_says_nothing_else(text: str, expected: tuple[str, str]) -> None:
    assert byline(text) == expected
