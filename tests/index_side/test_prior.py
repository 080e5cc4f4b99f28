"""What speaks for a sentence before it is read, and how much of a question a text takes up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from index import Engine, Scope
from index.candidates import find
from index.coverage import Coverage
from index.gathering import blocks
from index.generation import Generation
from index.lexical import tokens
from index.prior import Evidence, prior
from index.reader import ReadingPassage, Span

HALF = Evidence(0.5, 0.5, 0.5, 0.5, 0.5)


@pytest.mark.parametrize("name", Evidence._fields)
def test_each_of_its_grounds_speaks_for_a_sentence(name: str) -> None:
    assert prior(HALF._replace(**{name: 0.6})) > prior(HALF)


class TestCoverage:
    def test_it_is_the_share_of_the_words_by_their_rarity(self) -> None:
        coverage = Coverage(["tower", "keeper", "tower"])
        index = _index({"tower": 1.0, "keeper": 3.0})
        assert coverage.of(index, "The Keeper slept.") == 0.75
        assert coverage.of(index, "The tower of the keeper") == 1.0
        assert coverage.of(index, "A gull") == 0.0

    def test_a_question_without_words_is_covered_by_nothing(self) -> None:
        assert Coverage([]).of(_index({}), "Anything") == 0.0

    def test_each_index_is_asked_once_for_its_own_rarities(self) -> None:
        coverage, asked = Coverage(["tower", "keeper"]), []
        one = _index({"tower": 1.0, "keeper": 3.0}, asked)
        other = _index({"tower": 3.0, "keeper": 1.0}, asked)
        found = [coverage.of(index, "a tower") for index in (one, other, one, other)]
        assert found == [0.25, 0.75, 0.25, 0.75]
        assert len(asked) == 2


def _index(rarity: dict[str, float], asked: list[str] | None = None) -> Generation:
    def idf(words: list[str]) -> SimpleNamespace:
        if asked is not None:
            asked.append("once")
        return SimpleNamespace(tolist=lambda: [rarity[word] for word in words])

    class Index:
        parts = SimpleNamespace(window_words=SimpleNamespace(idf=idf))

    return Index()  # type: ignore[return-value]


def test_a_sentence_that_says_it_takes_up_what_the_one_before_it_names(
    engine: Engine,
) -> None:
    """By its own words the third would be the likelier: it holds one more of the question's."""
    text = (
        "The bell tower of Aldra was painted blue. It cost nine crowns in all."
        " The tower cost a keeper his sleep."
    )
    scope = Scope.guild(1)
    question = "What did the bell tower of Aldra cost?"
    engine.add(scope, text.encode(), media_type="text/plain")
    words = tokens(question)
    searched = engine._library.searched(scope)
    found = find(searched, engine._embedder.encode([question])[0], words)
    (block,) = blocks(found, engine._text, Coverage(words))
    by_text = {
        block.passage.text[one.start : one.end]: one.prior for one in block.passage.sentences
    }
    leaning, named = (
        by_text["It cost nine crowns in all."],
        by_text["The tower cost a keeper his sleep."],
    )
    assert leaning > named


def test_a_score_without_weight_is_no_evidence(engine: Engine) -> None:
    scope, question = Scope.guild(1), "Who was king of the island?"
    engine.add(scope, b"The king slept. The queen ruled the island.", media_type="text/plain")
    words, vector = tokens(question), engine._embedder.encode([question])[0]
    searched = engine._library.searched(scope)

    def cosines(weights: dict[str, float]) -> list[float]:
        found = find(searched, vector, words, weights)
        return [
            one.sentence_cosine
            for block in blocks(found, engine._text, Coverage(words))
            for one in block.evidence
        ]

    assert max(cosines({"sentence_cosine": 1.0})) == 1.0
    assert max(cosines({"sentence_bm25": 1.0})) == 0.0


@pytest.mark.parametrize(("lead", "count"), [(5.9, 2), (6.1, 1), (None, 1)])
@pytest.mark.parametrize(("side", "chosen"), [("next_lead", 0), ("previous_lead", 1)])
def test_a_way_takes_in_what_is_beside_it_where_the_reader_finds_nearly_as_much(
    engine: Engine, side: str, chosen: int, lead: float | None, count: int
) -> None:
    class Chooses:
        def read(self, _: str, passages: Sequence[ReadingPassage]) -> Span:
            one = passages[0].sentences[chosen]
            span = Span(0, one.start, one.end, 9.0, lead=1.0, margin=9.0, verified=9.0)
            return replace(span, **{side: lead})

    scope, text = Scope.guild(1), b"The king took a ship. The queen paid gold. The doctor slept."
    engine.add(scope, text, media_type="text/plain")
    engine._reader = Chooses()
    answer = engine.ask(scope, "How did the king take a ship?", threshold=0.0)
    assert len(answer.quotes) == count
    assert answer.quote is answer.quotes[-1 if chosen else 0]
    assert answer.quote.text == ("The king took a ship.", "The queen paid gold.")[chosen]


def test_the_words_around_the_chosen_sentence_are_its_own(engine: Engine) -> None:
    """Not those of the first sentence that is read with it."""
    scope, question = Scope.guild(1), "Which doctor had gold?"
    text = b"The apple fell on an island. A doctor came. She had gold and gold."
    engine.add(scope, text, media_type="text/plain")
    searched, vector = engine._library.searched(scope), engine._embedder.encode([question])[0]
    reading = engine._outcome(searched, question, vector)
    (block,) = engine.read_for(question, scope)
    chosen = [
        one.coverage
        for one, sentence in zip(block.evidence, block.passage.sentences, strict=True)
        if block.passage.text[sentence.start : sentence.end] == reading.quote.text
    ]
    assert [reading.signals.context_coverage] == chosen
    assert len({one.coverage for one in block.evidence}) > 1
