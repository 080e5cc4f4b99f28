"""What sort of answer a question asks for; about the article itself only when unmistakable."""

from __future__ import annotations

import pytest

from index.intent import Intent, Wish, intent
from index.types import Fact


@pytest.mark.parametrize(
    "question",
    [
        "What is this about?",
        "whats this article about",
        "tl;dr",
        "TLDR pls",
        "Summarise this please.",
        "can you sum it up for me",
        "give me the main points",
        "what's the gist of it?",
        "So what does the article say?",
        "what is this even about, short version",
        "I haven't read it, what are the main points?",
        "In a nutshell?",
        "tell me about this article",
    ],
)
def test_the_article_as_a_whole(question: str) -> None:
    assert intent(question) == Intent(Wish.WHOLE)


def test_a_summary_of_something_names_it() -> None:
    assert intent("Summarise the Library Rules") == Intent(Wish.WHOLE, named="the library rules")


@pytest.mark.parametrize(
    ("question", "fact"),
    [
        ("Who wrote this?", Fact.AUTHOR),
        ("who's the author", Fact.AUTHOR),
        ("Who wrote these rules?", Fact.AUTHOR),
        ("When was this published?", Fact.PUBLISHED),
        ("how old is this guide, what date is on it", Fact.PUBLISHED),
        ("What's the title of it?", Fact.TITLE),
        ("what is the article called", Fact.TITLE),
        ("Where does this come from?", Fact.SOURCE),
        ("where can I find the original", Fact.SOURCE),
        ("How long is the article?", Fact.LENGTH),
        ("how many words is this artical", Fact.LENGTH),
        ("how long does it take to read it?", Fact.LENGTH),
    ],
)
def test_the_article_as_an_object(question: str, fact: Fact) -> None:
    assert intent(question) == Intent(Wish.OBJECT, fact)


@pytest.mark.parametrize(
    ("question", "wish"),
    [
        ("Who is the mayor of Beijing?", Wish.FACT),
        ("How many deals were made?", Wish.FACT),
        ("How long is it?", Wish.FACT),  # a bridge, perhaps
        ("How many characters are there?", Wish.FACT),
        ("Where is it?", Wish.FACT),
        ("Who made it?", Wish.FACT),
        ("When was it released?", Wish.FACT),
        ("What's the release date?", Wish.FACT),
        ("How big is the particle?", Wish.FACT),
        ("May 2020 elections", Wish.FACT),
        ("Will Smith films", Wish.FACT),
        ("Who wrote the report?", Wish.FACT),
        ("When was the report published?", Wish.FACT),
        ("What is the deal about?", Wish.FACT),
        ("What does the article say about Jack Ma?", Wish.FACT),
        ("What was the date of the first ice hockey game?", Wish.FACT),
        ("Can you tell me who won?", Wish.FACT),
        ("What does the author think?", Wish.FACT),
        ("Why did he resign?", Wish.REASON),
        ("how do I reset my password", Wish.MANNER),
        ("Please explain how the fish came back.", Wish.MANNER),
        ("What happens if I fail?", Wish.MANNER),
        ("Which companies met Yin Li?", Wish.LIST),
        ("what are the known problems", Wish.LIST),
        ("name the three cities", Wish.LIST),
        ("Is Daniel Zhang staying on?", Wish.VERDICT),
        ("can you swim there?", Wish.VERDICT),
        ("I have a card already, does that count?", Wish.VERDICT),
        ("???", Wish.FACT),
    ],
)
def test_all_else_is_read_in_the_article(question: str, wish: Wish) -> None:
    assert intent(question).wish is wish
