"""A turn that leans on another is resolved by names; one that does not is left alone."""

from __future__ import annotations

import pytest

from index.followup import leans, resolved
from index.types import Turn

MAYOR = [Turn("Who is the mayor of Beijing?", "Yin Yong")]
MA = [Turn("When did Jack Ma speak?", "in October 2020")]


@pytest.mark.parametrize(
    ("question", "history", "expected"),
    [
        ("When was he elected?", MAYOR, "When was Yin Yong elected?"),
        ("What did his wife say?", MAYOR, "What did Yin Yong's wife say?"),
        ("Why did they fine him?", MA, "Why did Jack Ma fine Jack Ma?"),
        ("Who praised her?", MA, "Who praised Jack Ma?"),
        (
            "How long did it take him to leave?",
            MA,
            "How long did it take Jack Ma to leave?",
        ),
        ("Why?", MA, "Why? When did Jack Ma speak?"),
        (
            "How come?",
            [Turn("Are lamps allowed?", "We banned lamps in 2021")],
            "How come? We banned lamps in 2021",
        ),
        ("And the others?", MAYOR, "And the others? Who is the mayor of Beijing?"),
        (
            "Where was it?",
            [Turn("how many ships came", "three")],
            "Where was it? how many ships came",
        ),
        (
            "What did it cost?",
            [Turn("Who built the Pont Neuf?", "x" * 200)],
            "What did Pont Neuf cost?",
        ),
        (
            "Is he rich?",
            [Turn("Who founded Xiaomi?", "Lei Jun"), Turn("when was that", "2010")],
            "Is Lei Jun rich?",
        ),
        ("How big is it?", [Turn("Who founded Xiaomi?", "Lei Jun")], "How big is Xiaomi?"),
    ],
)
def test_a_pronoun_gives_way_to_the_name_that_was_spoken_of(
    question: str, history: list[Turn], expected: str
) -> None:
    assert resolved(question, history) == expected


@pytest.mark.parametrize(
    "question",
    [
        "How many years?",
        "why two versions?",
        "which one",
        "How come?",
        "Anything more?",
        "what if one is too light",
    ],
)
def test_a_turn_too_short_to_say_what_it_is_about_leans(question: str) -> None:
    assert leans(question)


@pytest.mark.parametrize("question", ["How many people live in Paris?", "Why did Rome fall?"])
def test_a_turn_that_names_its_matter_does_not(question: str) -> None:
    assert not leans(question)
