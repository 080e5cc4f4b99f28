"""The questions that judge: written from the article before there was a pipeline.

They run on the bundled retelling, and on the original report where ``JUDGED_ARTICLE``
names a file with it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import Engine, IndexSettings, Scope
from index.embedding import PackagedEmbedder
from index.reader.spans import SpanReader

QUESTIONS = Path(__file__).parent.parent / "data" / "article_questions.jsonl"


def questions(kind: str) -> list[dict]:
    lines = QUESTIONS.read_text("utf-8").splitlines()
    return [question for line in lines if (question := json.loads(line))["kind"] == kind]


@pytest.fixture(scope="module")
def retelling(
    minilm: PackagedEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    settings = IndexSettings(data_dir=tmp_path_factory.mktemp("retelling"))
    with Engine.open(settings, embedder=minilm, reader=SpanReader.packaged()) as engine:
        engine.publish_shared()
        yield engine


@pytest.fixture(scope="module")
def original(
    minilm: PackagedEmbedder, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Engine]:
    path = os.environ.get("JUDGED_ARTICLE")
    if path is None:
        pytest.skip("JUDGED_ARTICLE names no file with the original report")
    settings = IndexSettings(data_dir=tmp_path_factory.mktemp("original"))
    with Engine.open(settings, embedder=minilm, reader=SpanReader.packaged()) as engine:
        engine.add(Scope.shared(), path)
        yield engine


@pytest.mark.parametrize("text", ["retelling", "original"])
def test_at_least_32_of_40_quotes_hold_the_answer(
    text: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(text)
    asked = questions("answerable")
    wrong, declined = [], []
    for question in asked:
        answer = engine.ask(Scope.local(), question["question"])
        if not answer.answered:
            declined.append(question["id"])
        elif not any(gold in answer.quotes[0].text for gold in question[text]):
            wrong.append(question["id"])
    print(f"{text}: wrong {wrong}, declined {declined}")
    assert len(asked) == 40
    assert len(asked) - len(wrong) - len(declined) >= 32


@pytest.mark.parametrize("text", ["retelling", "original"])
def test_at_most_one_off_topic_question_is_answered(
    text: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(text)
    asked = questions("off_topic")
    answered = [q["id"] for q in asked if engine.ask(Scope.local(), q["question"]).answered]
    near = [
        q["id"] for q in questions("near_miss") if engine.ask(Scope.local(), q["question"]).answered
    ]
    print(f"{text}: off-topic answered {answered}; near-misses answered {len(near)} of 15: {near}")
    assert len(asked) == 10
    assert len(answered) <= 1


def test_a_sentence_that_leans_on_the_one_before_it_is_believed(retelling: Engine) -> None:
    question = "In which fields has Alibaba become a key contributor?"
    answer = retelling.ask(Scope.local(), question)
    assert answer.answered
    assert answer.quotes[0].text.startswith("It said that the e-commerce giant")


@pytest.mark.parametrize("text", ["retelling", "original"])
def test_every_quote_and_passage_is_an_exact_span(
    text: str, request: pytest.FixtureRequest
) -> None:
    engine: Engine = request.getfixturevalue(text)
    (article,) = engine.articles(Scope.shared())
    stored = engine._catalogue.text(Scope.shared(), article.id, article.version)
    pieces = [
        piece
        for question in questions("answerable")
        for answer in [engine.ask(Scope.local(), question["question"], threshold=0)]
        for piece in (*answer.quotes, *(hit.passage for hit in answer.passages))
    ]
    assert len(pieces) > 40
    assert [p for p in pieces if stored[p.start : p.end] != p.text] == []
