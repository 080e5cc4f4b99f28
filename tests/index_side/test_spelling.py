"""Slips of the finger are mended; what only looks strange stays as it is."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.evaluation.slips import slipped
from index.spelling import corrected

TEXT = "The Zandorian lighthouse of Myrkwell burnt whale oil until the keepers' strike in 1902."


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("who lit the lihgthouse?", "who lit the lighthouse?"),
        ("What did the Zandorain lamp burn?", "What did the Zandorian lamp burn?"),
        ("when was the stike", "when was the strike"),
        ("where is myrkwall", "where is myrkwell"),
        ("Whne did the kepers stop?", "When did the keepers stop?"),
        ("what is its oldset part", "what is its oldest part"),
        ("what is the zamdorien lamp", "what is the zandorian lamp"),
        ("wich plans come with it", "which plans come with it"),
        ("how heavy can a parcle be", "how heavy can a parcel be"),
    ],
    ids=lambda text: text[:20],
)
def test_a_slip_is_mended_with_the_passages_words_first(typed: str, meant: str) -> None:
    assert corrected(typed, [TEXT]) == meant


@pytest.mark.parametrize(
    "question",
    [
        "Who lit the lighthouse of Myrkwell?",
        "whats burning, and wasnt it put out? theyll know",
        "How many lighthouses were decommissioned?",
        "Does the wyrmgate have a lamp?",
        "What does the HTTP/2 gateway of v1.4b do?",
        "naïve façade, Straße, 東京, o'er, ¿qué?",
        "was it lit in 1920",
        "why does the washer fail, and are hens, mobs or vegan pies allowed?",
        "couldn't it be tampered with? needn't I retake it? the guests' book?",
        "qwlk wqmd zxcp plkj mnbv hgfd: what is the lihgthouse",
        "",
    ],
    ids=lambda text: text[:20],
)
def test_what_has_no_slip_stays_as_it_is(question: str) -> None:
    assert corrected(question, [TEXT]) == question


def test_a_name_that_no_passage_holds_is_not_taken_for_another_far_away() -> None:
    assert corrected("Where is Zandorheim?", [TEXT]) == "Where is Zandorheim?"


def test_the_first_letter_is_trusted() -> None:
    assert corrected("what is a zighthouse", [TEXT]) == "what is a zighthouse"


def test_of_the_passages_words_the_most_frequent_comes_first() -> None:
    text = "One Marlow. A Marlot, another Marlot, and a third Marlot."
    assert corrected("who is marlok", [text]) == "who is marlot"


def test_a_word_of_the_passages_comes_before_a_more_common_one() -> None:
    assert corrected("what is a quar", ["A quay is a wall."]) == "what is a quay"


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_taken_and_nothing_but_words_is_changed(question: str, text: str) -> None:
    mended = corrected(question, [text])
    assert re.split(r"[^\W\d_]+", mended) == re.split(r"[^\W\d_]+", question)
    assert corrected(mended, [text]) == mended


class TestSlips:
    """What an evaluation with slips asks."""

    @given(st.integers(0, 1000))
    def test_one_word_is_a_slip_away_and_begins_as_it_should(self, seed: int) -> None:
        question = "Which Lighthouse burnt OIL?"
        typed = slipped(question, random.Random(seed))
        changed = [(a, b) for a, b in zip(question.split(), typed.split(), strict=True) if a != b]
        assert len(changed) <= 1  # two equal letters may have changed places
        for meant, found in changed:
            assert len(meant) - 1 <= len(found) <= len(meant) + 1
            assert found[0] == meant[0]

    def test_without_a_longer_word_there_is_none(self) -> None:
        assert slipped("Is it so?", random.Random(1)) == "Is it so?"
