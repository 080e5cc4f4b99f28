"""What the reader learns from: answers stay where they were, near-misses do not answer."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from index.training.examples import FIRST, SECOND, groups, read
from index.training.near_misses import Pools, opposed, swapped, without_sentences

PASSAGE = "Ann Lee built the largest tower in 1862. It stands in Aldra. The keeper is Tom Ray."


@pytest.fixture
def file(tmp_path: Path) -> Path:
    other = "In 1901 Eve Moss sank the ship near Borin. It held 40 crates of tea for the harbour."

    def asked(context: str, question: str, answer: str) -> dict:
        spans = [{"text": answer, "answer_start": context.index(answer)}] if answer else []
        return {"question": question, "answers": spans, "is_impossible": not answer}

    paragraphs = [
        (PASSAGE, [("Who built the largest tower?", "Ann Lee"), ("Who painted it?", "")]),
        (other, [("How many crates did the ship hold?", "40"), ("Who sank the ship?", "Eve Moss")]),
    ]
    data = [
        {
            "title": "Towers",
            "paragraphs": [
                {"context": context, "qas": [asked(context, *one) for one in questions]}
                for context, questions in paragraphs
            ],
        }
    ]
    path = tmp_path / "train.json"
    path.write_text(json.dumps({"data": data}))
    return path


@pytest.mark.parametrize("mixes", [FIRST, SECOND])
@pytest.mark.parametrize("hard", [True, False])
def test_marked_answers_are_the_gold_ones(file: Path, mixes: dict, hard: bool) -> None:
    golds = {"Ann Lee", "40", "Eve Moss"}
    for seed in range(20):
        for group in groups(read(file), random.Random(seed), mixes[hard], hard=hard):
            for passage in group.passages:
                assert {passage.text[a:b] for a, b in passage.answers} <= golds


def test_the_same_seed_gives_the_same_groups(file: Path) -> None:
    def made() -> list:
        return list(groups(read(file), random.Random(3), SECOND[True], hard=True))

    assert made() == made()


def test_more_is_unanswerable_in_the_second_stage(file: Path) -> None:
    def share(mixes: dict) -> float:
        found = [
            group.answerable
            for seed in range(50)
            for group in groups(read(file), random.Random(seed), mixes[True], hard=True)
        ]
        return 1 - sum(found) / len(found)

    assert share(SECOND) > share(FIRST) > 0.2


def test_a_swapped_name_or_number_is_not_in_the_passage() -> None:
    pools = Pools.of(PASSAGE + " Eve Moss came in 1901.")
    for seed in range(20):
        text = swapped("When did Ann Lee build it in 1862?", PASSAGE, pools, random.Random(seed))
        assert text is not None
        assert ("1901" in text) or ("Eve Moss" in text)


def test_a_question_is_turned_round_by_a_word_that_the_passage_lacks() -> None:
    chance = random.Random(1)
    assert opposed("Who built the largest tower?", PASSAGE, chance) in {
        "Who built the smallest tower?",
        "Who demolished the largest tower?",
    }
    assert opposed("Who is Tom Ray?", "He is not here.", chance) is None


def test_the_sentence_with_the_answer_is_taken_out_whole() -> None:
    at = PASSAGE.index("Aldra")
    assert without_sentences(PASSAGE, [(at, at + 5)]) == (
        "Ann Lee built the largest tower in 1862. The keeper is Tom Ray."
    )
