"""The engine end to end, with an embedder whose vectors can be read by eye."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import (
    ArticleNotFound,
    DeadlineExceeded,
    Document,
    Engine,
    IndexSettings,
    Kind,
    LibraryBusy,
    QuestionError,
    Scope,
    SourceError,
    Turn,
    library,
)
from index.embedding import PackagedEmbedder
from index.reader.spans import SpanReader
from index.vectors import LargeIndex, VectorIndex, build
from tests.conftest import AXES, WordEmbedder
from tests.postgres import on_both  # noqa: F401 - a fixture

LOCAL, ONE, TWO = Scope.local(), Scope.guild(1), Scope.guild(2)
TEXT = b"The king has a ship. The queen has gold.\n\nA storm came to the island."


def test_the_answer_is_the_best_sentence_and_says_where_it_stands(engine: Engine) -> None:
    engine.add(LOCAL, TEXT, title="A tale")
    answer = engine.ask(LOCAL, "What storm was there?", threshold=0)
    quote = answer.quote
    assert quote is not None
    assert (answer.kind, answer.text) == (Kind.SPAN, "A storm came to the island.")
    assert (answer.start, answer.end) == (quote.start, quote.end) == (42, 69)
    assert (quote.article, quote.paragraph, quote.paragraphs) == ("A tale", 2, 2)
    assert TEXT.decode()[42:69] == quote.text


def test_below_the_threshold_the_article_does_not_say(engine: Engine) -> None:
    engine.add(LOCAL, TEXT)
    answer = engine.ask(LOCAL, "Which doctor ate the apple?", threshold=0.9)
    assert (answer.kind, answer.answered, answer.text, answer.quotes) == (
        Kind.NONE,
        False,
        None,
        (),
    )
    assert answer.passages != ()
    assert 0 <= answer.confidence < 0.9


def test_a_threshold_of_zero_never_declines(engine: Engine) -> None:
    engine.add(LOCAL, TEXT)
    assert engine.ask(LOCAL, "Which doctor ate the apple?", threshold=0).answered


def test_chat_is_not_answered_but_has_passages(engine: Engine) -> None:
    engine.add(LOCAL, TEXT)
    answer = engine.ask(LOCAL, "hello", threshold=0)
    assert (answer.kind, answer.answered) == (Kind.CHAT, False)
    assert answer.passages != ()


def test_headings_give_context_and_are_never_quoted(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# The king's gold ship\n\nIt sank.\n\nNobody knows of any storm.")
    engine.add(LOCAL, path)
    answer = engine.ask(LOCAL, "What of the gold ship?", threshold=0)
    assert answer.text == "It sank."


def test_without_an_article_there_is_nothing_to_ask(engine: Engine) -> None:
    with pytest.raises(ArticleNotFound, match="add one first"):
        engine.ask(LOCAL, "Who is the king?")


@pytest.mark.parametrize("question", ["", "   ", "?!", "x" * 10_000, "\x00\x07"])
def test_what_is_no_question_is_refused_in_words(engine: Engine, question: str) -> None:
    engine.add(LOCAL, TEXT)
    with pytest.raises(QuestionError):
        engine.ask(LOCAL, question)


def test_one_scope_never_reads_another_and_all_read_the_shared_one(engine: Engine) -> None:
    engine.add(ONE, b"The king has gold.")
    engine.add(TWO, b"The king has a ship.")
    engine.add(Scope.shared(), b"The king has an apple.")
    for scope, own in ((ONE, "The king has gold."), (TWO, "The king has a ship.")):
        hits = engine.search(scope, "king", limit=9)
        assert {hit.passage.text for hit in hits} == {own, "The king has an apple."}
    assert {hit.passage.text for hit in engine.search(LOCAL, "king")} == {"The king has an apple."}


def test_a_removed_article_answers_nothing_from_the_next_question_on(engine: Engine) -> None:
    engine.add(LOCAL, b"The king has gold.")
    engine.add(LOCAL, b"The queen has a ship.")
    engine.remove(LOCAL, 1)
    assert engine.ask(LOCAL, "Who has gold?", threshold=0).text == "The queen has a ship."
    assert [article.id for article in engine.articles(LOCAL)] == [2]


def test_a_removal_counts_at_once_even_while_the_index_is_being_written(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.add(LOCAL, b"The king has gold.")
    engine.add(LOCAL, b"The queen has a ship.")
    monkeypatch.setattr("index.library._WRITE_WAIT_S", 0)
    with FileLock(tmp_path / "data" / "index" / "local" / "lock"):
        engine.remove(LOCAL, 1)
        assert engine.ask(LOCAL, "Who has gold?", threshold=0).text == "The queen has a ship."
    assert engine.reindex(LOCAL).articles == 1


def test_reindexing_an_unchanged_library_embeds_nothing(
    engine: Engine, embedder: WordEmbedder
) -> None:
    engine.add(LOCAL, TEXT)
    embedder.encoded.clear()
    report = engine.reindex(LOCAL)
    assert embedder.encoded == []
    assert (report.embedded, report.reused) == (0, 3)
    assert (report.added, report.changed, report.removed, report.failed) == ((), (), (), ())


def test_reindexing_reads_changed_files_again_and_embeds_only_what_changed(
    engine: Engine, embedder: WordEmbedder, tmp_path: Path
) -> None:
    kept, changed, gone = (tmp_path / name for name in ("kept.txt", "changed.txt", "gone.txt"))
    for path in (kept, changed, gone):
        path.write_text(f"The king has {path.stem} gold.")
        engine.add(LOCAL, path, title=path.stem)
    changed.write_text("The queen has a ship.")
    gone.unlink()
    embedder.encoded.clear()
    report = engine.reindex(LOCAL)
    assert embedder.encoded == ["The queen has a ship."]
    assert (report.articles, len(report.changed), report.added) == (3, 1, ())
    assert [title for title, _ in report.failed] == ["gone"]
    assert engine.ask(LOCAL, "Who has a ship?", threshold=0).text == "The queen has a ship."


def test_progress_is_told_by_stage(engine: Engine) -> None:
    seen: list[tuple[str, int, int]] = []
    engine.add(LOCAL, TEXT, progress=lambda *step: seen.append(step))
    assert list(dict.fromkeys(stage for stage, _, _ in seen)) == [
        "reading",
        "chunking",
        "embedding",
        "publishing",
    ]
    assert all(0 <= done <= total for _, done, total in seen)
    assert seen[-1] == ("publishing", 1, 1)


def test_only_one_reindex_of_a_scope_runs_at_a_time(engine: Engine) -> None:
    engine.add(LOCAL, TEXT)
    errors: list[Exception] = []

    def meanwhile(stage: str, _done: int, _total: int) -> None:
        if stage != "publishing":
            return
        thread = threading.Thread(target=again)
        thread.start()
        thread.join()

    def again() -> None:
        try:
            engine.reindex(LOCAL)
        except LibraryBusy as error:
            errors.append(error)

    engine.reindex(LOCAL, progress=meanwhile)
    assert [str(error) for error in errors] == [
        "the library of local is being changed already; try again in a moment"
    ] * 2


def test_asking_goes_on_while_a_reindex_runs_and_never_mixes_generations(
    open_engine: Callable[..., Engine], tmp_path: Path
) -> None:
    """Each version of the article says one number everywhere; no answer may mix two."""
    path = tmp_path / "a.txt"

    def write(number: int) -> None:
        path.write_text("\n\n".join(f"The {axis} has {number} gold." for axis in AXES))

    engine = open_engine()
    write(0)
    engine.add(LOCAL, path)
    done, mixed, seen = threading.Event(), [], set()

    def ask_on() -> None:
        while not done.is_set():
            answer = engine.ask(LOCAL, "Who has gold?", threshold=0)
            numbers = {hit.passage.text.split()[3] for hit in answer.passages}
            seen.update(numbers)
            if len(numbers) != 1 or answer.text.split()[3] not in numbers:
                mixed.append(numbers)

    threads = [threading.Thread(target=ask_on) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(1, 16):
        write(number)
        engine.reindex(LOCAL)
    done.set()
    for thread in threads:
        thread.join()
    assert mixed == []
    assert len(seen) > 3


def test_another_process_sees_a_new_generation_without_being_told(
    open_engine: Callable[..., Engine],
) -> None:
    first, second = open_engine(), open_engine()
    first.add(LOCAL, b"The king has gold.")
    assert second.ask(LOCAL, "Who has gold?", threshold=0).text == "The king has gold."
    first.add(LOCAL, b"The queen has a ship.")
    assert second.ask(LOCAL, "Who has a ship?", threshold=0).text == "The queen has a ship."


def test_an_article_that_was_stored_but_never_indexed_is_found_after_a_restart(
    open_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = open_engine()
    engine.add(LOCAL, b"The king has gold.")
    with monkeypatch.context() as killed:
        killed.setattr("index.building.Builder.build", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            engine.add(LOCAL, b"The queen has a ship.")
    assert open_engine().ask(LOCAL, "Who has a ship?", threshold=0).text == "The queen has a ship."


def test_a_question_that_leans_on_the_last_turn_is_read_with_it(engine: Engine) -> None:
    engine.add(LOCAL, b"The doctor has gold upon gold. A ship sank. The king has gold.")
    history = (Turn("Where does the king live?", "On a ship."),)
    alone = engine.ask(LOCAL, "Does he have gold?", threshold=0)
    assert alone.text == "The doctor has gold upon gold."
    assert engine.ask(LOCAL, "Does he have gold?", history=history, threshold=0).text == (
        "The king has gold."
    )


def test_history_does_not_colour_a_question_that_stands_alone(engine: Engine) -> None:
    engine.add(LOCAL, b"The king lives on an island. The doctor has gold.")
    history = (Turn("Where does the king live?"),)
    answer = engine.ask(LOCAL, "Which doctor has gold?", history=history, threshold=0)
    assert answer.text == "The doctor has gold."


class TestSlips:
    """A question with slips of the finger in it."""

    def test_it_is_read_without_them_and_says_so(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The doctor has an apple. The king has gold. The queen has a ship.")
        answer = engine.ask(LOCAL, "who has the gokd?", threshold=0)
        assert answer.text == "The king has gold."
        assert (answer.question, answer.read_as) == ("who has the gokd?", "who has the gold?")

    def test_a_question_that_has_none_is_read_once(
        self, engine: Engine, embedder: WordEmbedder
    ) -> None:
        engine.add(LOCAL, b"The king has gold.")
        before = len(embedder.encoded)
        assert engine.ask(LOCAL, "Who has gold?", threshold=0).read_as is None
        assert embedder.encoded[before:] == ["Who has gold?"]

    def test_what_makes_no_answer_surer_is_no_slip(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine.add(LOCAL, b"The doctor has an apple. The king has gold.")
        monkeypatch.setattr("index.engine._SURER", 1.0)
        assert engine.ask(LOCAL, "who has the gokd?", threshold=0).read_as is None

    def test_a_misspelt_title_is_a_slip_too(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The king has gold.", title="Zandoria")
        assert engine.ask(LOCAL, "has zamdoria gokd?", threshold=0).read_as == "has zandoria gold?"

    def test_history_is_no_part_of_what_it_was_read_as(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The doctor has gold upon gold. A ship sank. The king has gold.")
        history = (Turn("Where does the king really lvie?", "On a ship."),)
        answer = engine.ask(LOCAL, "Does he hvae gokd?", history=history, threshold=0)
        assert (answer.text, answer.read_as) == ("The king has gold.", "Does he have gold?")
        plain = engine.ask(LOCAL, "Does he have gold?", history=history, threshold=0)
        assert plain.read_as is None

    def test_a_greeting_with_one_stays_a_greeting(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The king has gold. The queen asks for help.")
        answer = engine.ask(LOCAL, "helo there", threshold=0.99)
        assert (answer.kind, answer.read_as) == (Kind.CHAT, None)

    def test_what_is_not_answered_tells_no_other_question(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The doctor has an apple. The king has gold.")
        answer = engine.ask(LOCAL, "who has the gokd?", threshold=0.999)
        assert (answer.kind, answer.read_as) == (Kind.NONE, None)

    def test_the_answer_in_hand_is_given_where_no_time_is_left(
        self, engine: Engine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine.add(LOCAL, b"The doctor has an apple. The king has gold.")
        outcome = Engine._outcome

        def slow(*args: Any) -> Any:
            found = outcome(*args)
            time.sleep(0.3)
            return found

        monkeypatch.setattr(Engine, "_outcome", slow)
        answer = engine.ask(LOCAL, "who has the gokd?", threshold=0, deadline_s=0.25)
        assert (answer.answered, answer.read_as) == (True, None)

    def test_about_the_article_it_is_understood_too(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The king has gold. The queen has a ship.", title="Of the Island")
        answer = engine.ask(LOCAL, "waht is this article about?")
        assert (answer.kind, answer.read_as) == (Kind.SUMMARY, "what is this article about?")
        assert answer.question == "waht is this article about?"

    def test_its_kind_is_that_of_what_was_meant(self, engine: Engine) -> None:
        engine.add(LOCAL, b"The king has gold. The doctor sails because an island has an apple.")
        answer = engine.ask(LOCAL, "deos the dotcor sail to an ilsand?", threshold=0)
        assert answer.read_as == "does the doctor sail to an island?"
        assert answer.kind is Kind.SENTENCES

    def test_another_model_reads_it_as_it_stands(self, open_engine: Callable[..., Engine]) -> None:
        engine = open_engine(model="another")
        engine.add(LOCAL, b"The doctor has an apple. The king has gold.")
        assert engine.ask(LOCAL, "Who has gokd?", threshold=0).read_as is None


def test_a_deadline_that_has_passed_is_told(engine: Engine) -> None:
    engine.add(LOCAL, TEXT)
    with pytest.raises(DeadlineExceeded, match="try again"):
        engine.ask(LOCAL, "Who has gold?", deadline_s=0)


def test_one_article_can_be_asked_alone(engine: Engine) -> None:
    king = engine.add(ONE, b"The king has gold.")
    queen = engine.add(ONE, b"The queen has a ship.")
    shared = engine.add(Scope.shared(), b"The doctor has an apple.")
    for article, text in ((king, "The king has gold."), (shared, "The doctor has an apple.")):
        answer = engine.ask(ONE, "Who has a ship?", threshold=0, only=article)
        assert answer.text == text
        assert len(answer.passages) == 1
    with pytest.raises(ArticleNotFound):
        engine.ask(TWO, "Who has a ship?", only=queen)


def test_a_quote_is_shown_in_its_paragraph_as_it_was(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("A storm came.\n\nThe king has a ship. The queen has gold.")
    engine.add(LOCAL, path)
    quote = engine.ask(LOCAL, "Who has gold?", threshold=0).quotes[0]
    path.write_text("Nothing is left of it.")
    engine.reindex(LOCAL)
    passage = engine.paragraph(quote)
    assert (passage.start, passage.text) == (15, "The king has a ship. The queen has gold.")


def test_a_forgotten_scope_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    engine.add(ONE, b"The king has gold.")
    engine.add(TWO, b"The queen has a ship.")
    engine.forget(ONE)
    with pytest.raises(ArticleNotFound):
        engine.ask(ONE, "Who has gold?")
    home = tmp_path / "data" / "index" / "guild-1"
    assert [path.name for path in home.iterdir() if path.name != "lock"] == []
    assert engine.ask(TWO, "Who has a ship?", threshold=0).answered
    again = engine.add(ONE, b"The king has gold coins and a ship, and an island.")
    assert again.id > 1
    assert engine.ask(ONE, "Who has gold?", threshold=0).text == (
        "The king has gold coins and a ship, and an island."
    )


def test_the_bundled_article_is_published_once(engine: Engine, embedder: WordEmbedder) -> None:
    article = engine.publish_shared()
    assert article.title.startswith("China courts its tech giants")
    embedder.encoded.clear()
    assert engine.publish_shared() == article
    assert embedder.encoded == []


def test_naming_another_article_replaces_the_one_named_before_and_no_other(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("The king has gold.")
    engine.publish_shared()
    by_hand = engine.add(Scope.shared(), b"The queen has a ship.")
    mine = engine.publish_shared(path)
    assert {article.id for article in engine.articles(Scope.shared())} == {by_hand.id, mine.id}


def test_a_source_that_cannot_be_read_leaves_the_library_as_it_was(
    engine: Engine, tmp_path: Path
) -> None:
    engine.add(LOCAL, TEXT)
    before = engine.reindex(LOCAL)
    with pytest.raises(SourceError):
        engine.add(LOCAL, tmp_path / "missing.txt")
    after = engine.verify(LOCAL)
    assert (after.articles, after.generation, after.problems) == (1, before.generation, ())


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.lists(
        st.lists(st.sampled_from([*AXES, "and", "of"]), min_size=2, max_size=7).map(
            lambda words: " ".join(words).capitalize() + "."
        ),
        min_size=1,
        max_size=12,
        unique=True,
    ),
    st.sampled_from(AXES),
)
def test_every_quote_and_passage_is_an_exact_span_of_the_stored_text(
    open_engine: Callable[..., Engine], sentences: list[str], word: str
) -> None:
    engine = open_engine()
    text = "\n\n".join(" ".join(sentences[i : i + 3]) for i in range(0, len(sentences), 3))
    article = engine.add(LOCAL, text.encode())
    answer = engine.ask(LOCAL, f"Which {word}?", threshold=0)
    for piece in (*answer.quotes, *(hit.passage for hit in answer.passages)):
        assert text[piece.start : piece.end] == piece.text
    assert answer.quote is not None
    assert answer.quote.text in sentences
    engine.remove(LOCAL, article.id)


def test_a_removal_during_a_reindex_is_not_undone(engine: Engine, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(f"The king has {name} gold.")
        engine.add(LOCAL, tmp_path / name, title=name)

    def remove_first(stage: str, done: int, _total: int) -> None:
        if (stage, done) == ("reading", 0):
            engine._catalogue.remove(LOCAL, 1)

    report = engine.reindex(LOCAL, progress=remove_first)
    assert [article.title for article in engine.articles(LOCAL)] == ["b"]
    assert (report.articles, report.removed, report.failed) == (1, ("a",), ())


def test_a_title_that_was_given_stays_when_the_file_is_read_again(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "a.txt"
    path.write_text("# Not Markdown\n\nThe king has gold.")
    engine.add(LOCAL, path, title="Mine", media_type="text/markdown")
    report = engine.reindex(LOCAL)
    (article,) = engine.articles(LOCAL)
    assert (article.title, article.media_type, report.changed) == ("Mine", "text/markdown", ())


def test_headings_and_other_articles_take_no_place_from_what_can_be_quoted(
    engine: Engine, tmp_path: Path
) -> None:
    path = tmp_path / "a.md"
    path.write_text("\n\n".join(["# King gold ship"] * 600) + "\n\nThe queen came alone.")
    small = engine.add(ONE, path)
    assert engine.ask(ONE, "King gold ship?", threshold=0).text == "The queen came alone."
    many = " ".join(f"The king has {n} gold." for n in range(400))
    engine.add(ONE, many.encode())
    answer = engine.ask(ONE, "Has the king gold?", threshold=0, only=small)
    assert answer.text == "The queen came alone."


def test_a_scope_that_is_being_indexed_for_the_first_time_keeps_nobody_waiting(
    engine: Engine, tmp_path: Path
) -> None:
    engine._catalogue.put(LOCAL, Document("A", "The king has gold.", "/a", "text/plain"))
    with engine._library._store.writing(LOCAL, 0), pytest.raises(LibraryBusy, match="try again"):
        engine.ask(LOCAL, "Who has gold?")
    assert engine.ask(LOCAL, "Who has gold?", threshold=0).answered


def test_an_endless_earlier_turn_is_cut(engine: Engine, embedder: WordEmbedder) -> None:
    engine.add(LOCAL, b"The king has gold.")
    engine.ask(LOCAL, "Does he have gold?", history=[Turn("the king " * 100_000)])
    assert max(map(len, embedder.encoded)) < 1100


def test_questions_are_answered_while_real_models_index(
    minilm: PackagedEmbedder, tmp_path: Path
) -> None:
    """A tokenizer is not safe to share: what counts, what embeds and what reads has its own."""
    chosen = IndexSettings(data_dir=tmp_path / "real")
    with Engine.open(chosen, embedder=minilm, reader=SpanReader.packaged()) as engine:
        engine.publish_shared()
        done, errors = threading.Event(), []

        def ask_on() -> None:
            while not done.is_set():
                try:
                    engine.ask(LOCAL, "Who is the mayor of Beijing?")
                except Exception as error:  # noqa: BLE001 - any of them fails the test
                    errors.append(error)

        threads = [threading.Thread(target=ask_on) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in range(12):
            engine.reindex(Scope.shared())
        done.set()
        for thread in threads:
            thread.join()
    assert errors == []


def test_a_heading_counts_for_what_stands_below_it(engine: Engine, tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("# Tales\n\n## Gold\n\nIt was lost at sea.\n\n## Apples\n\nThey were red.")
    engine.add(LOCAL, path)
    assert engine.ask(LOCAL, "Where is the gold?", threshold=0).quotes[0].text == (
        "It was lost at sea."
    )


def test_what_was_said_to_the_bot_gets_a_friendly_line(engine: Engine) -> None:
    engine.add(LOCAL, b"The king has gold.")
    answer = engine.ask(LOCAL, "play some lofi beats")
    assert (answer.kind, answer.answered) == (Kind.CHAT, False)
    assert answer.passages


def test_yes_or_no_is_answered_by_the_sentence_that_decides(engine: Engine) -> None:
    engine.add(LOCAL, b"The king has gold. The queen has a ship.")
    answer = engine.ask(LOCAL, "Does the queen have a ship?", threshold=0)
    assert (answer.kind, answer.text) == (Kind.SENTENCES, "The queen has a ship.")


def test_what_is_kept_from_the_generation_before_is_as_if_built_anew(
    open_engine: Callable[..., Engine],
) -> None:
    engine = open_engine()
    engine.add(LOCAL, TEXT, title="A tale")
    second = engine.add(LOCAL, b"# Gold\n\nThe queen has gold. The ship is the king's.", title="B")
    engine.add(LOCAL, TEXT + b"\n\nThe island has a storm.", title="A tale")
    engine.remove(LOCAL, second.id)
    engine.add(LOCAL, b"The queen has a ship.", title="C")
    kept = engine._library.generation(LOCAL)
    fresh = open_engine()
    fresh.rebuild(LOCAL)
    anew = fresh._library.generation(LOCAL)
    assert kept is not None
    assert anew is not None
    assert kept.name != anew.name
    assert kept.manifest.files == anew.manifest.files


def test_a_repeated_question_is_not_read_again_until_something_changes(
    engine: Engine, embedder: WordEmbedder
) -> None:
    engine.add(LOCAL, TEXT, title="A tale")
    question, asked = "Who has a ship?", {"threshold": 0}
    first = engine.ask(LOCAL, question, **asked)
    embedder.encoded.clear()
    again = engine.ask(LOCAL, f"  {question} ", **asked)
    assert embedder.encoded == []
    assert again.text == first.text
    assert again.elapsed_ms != first.elapsed_ms
    # Another threshold, or one article alone, is another question.
    assert not engine.ask(LOCAL, question, threshold=1).answered
    other = engine.add(LOCAL, b"The queen has a ship too, and the king has none.", title="Other")
    assert engine.ask(LOCAL, question, only=other, threshold=0).quote.article == "Other"
    engine.remove(LOCAL, other.id)
    tale = engine.articles(LOCAL)[0]
    engine.remove(LOCAL, tale.id)
    with pytest.raises(ArticleNotFound):
        engine.ask(LOCAL, question, **asked)


def test_a_library_of_many_slabs_and_clusters_answers_as_a_small_one(
    tmp_path: Path, minilm: PackagedEmbedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = tmp_path / "sources"
    sources.mkdir()
    trades = ("baker", "miller", "tailor", "fisher")
    for n, (trade, town) in enumerate(
        itertools.product(trades, ["Aldra", "Bergen", "Cork", "Delft"])
    ):
        text = f"The {trade} of {town} was born in {1900 + n}. He owned {n + 2} boats. It rained."
        (sources / f"{n:02}.txt").write_text(text)
    asked = [f"When was the {trade} of Cork born?" for trade in trades]

    def told(name: str) -> tuple[list[str | None], list[tuple[int, int]]]:
        settings = IndexSettings(data_dir=tmp_path / name)
        with Engine.open(settings, embedder=minilm) as engine:
            engine.add_all(LOCAL, sources)
            engine.add(LOCAL, b"The weaver of Cork was born in 1999.", media_type="text/plain")
            again = engine.reindex(LOCAL)
            answers = [engine.ask(LOCAL, question, threshold=0) for question in asked]
        assert again.embedded == 0
        return [answer.text for answer in answers], [(again.passages, again.articles)]

    expected = told("small")
    monkeypatch.setattr("index.building._SLAB", 20)
    monkeypatch.setattr("index.building.FLAT_UP_TO", 30)
    built: list[type] = []

    def building(vectors: np.ndarray, like: VectorIndex | None = None) -> VectorIndex:
        index = build(vectors, flat_up_to=30, like=like)
        built.append(type(index))
        return index

    monkeypatch.setattr("index.generation_files.build", building)
    assert told("large") == expected
    assert set(built) == {LargeIndex}


def test_indexes_that_nobody_asks_any_more_are_let_go(
    open_engine: Callable[..., Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "_BYTES_IN_MEMORY", 45_000)
    engine = open_engine(threshold=0)
    guilds = [Scope.guild(number) for number in range(5)]
    for number, guild in enumerate(guilds):
        engine.add(guild, f"The king has gold {number}.".encode())
    for _ in range(2):
        for number, guild in enumerate(guilds):
            assert engine.ask(guild, "Who has gold?").text == f"The king has gold {number}."
            assert len(engine._library._loaded._values) <= 2
