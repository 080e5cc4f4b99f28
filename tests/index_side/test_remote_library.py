"""Articles changed where no model is: workers build the indexes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path

import pytest

from index import (
    DatabaseAway,
    Document,
    Engine,
    IndexPending,
    IndexSettings,
    LibraryBusy,
    QueuedEngine,
    Rehearsal,
    ReindexReport,
    Scope,
    StorageError,
    WorkersBusy,
    answer_queued,
    remote_library,
)
from index.embedding import Step, Vectors
from index.postgres.jobs import Jobs
from index.remote_library import BUILD
from tests.conftest import WordEmbedder
from tests.postgres import execute

ONE, TWO, SHARED = Scope.guild(1), Scope.guild(2), Scope.shared()
TEXT = b"The king has a ship. The queen has gold.\n\nA storm came to the island."
TALE = "The king has a ship. The queen has an apple.\n\nA storm came to the island.\n"


class Absent(WordEmbedder):
    """The model of a process that has none."""

    fingerprint = "nobody knows"

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        raise AssertionError(texts)

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        raise AssertionError(texts)


class Slow(WordEmbedder):
    """Does nothing with an article until it may."""

    def __init__(self) -> None:
        super().__init__()
        self.asked, self.may = threading.Event(), threading.Event()
        self.may.set()

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        if len(texts) > 1:
            self.asked.set()
            assert self.may.wait(20)
        return super().encode(texts, step)


@pytest.fixture
def settings(tmp_path: Path, postgres_url: str) -> IndexSettings:
    return IndexSettings(data_dir=tmp_path / "worker", database_url=postgres_url, threshold=0)


@pytest.fixture
def embedder() -> Slow:
    return Slow()


@pytest.fixture
def bot(settings: IndexSettings, tmp_path: Path) -> Iterator[QueuedEngine]:
    apart = settings.model_copy(update={"data_dir": tmp_path / "bot"})
    with QueuedEngine.open(apart, embedder=Absent()) as opened:
        yield opened


@contextmanager
def working(settings: IndexSettings, embedder: WordEmbedder) -> Iterator[None]:
    stop = threading.Event()
    with Engine.open(settings, embedder=embedder) as engine, ThreadPoolExecutor(1) as pool:
        running = pool.submit(answer_queued, engine, settings, threads=1, stop=stop)
        try:
            yield
        finally:
            stop.set()
            running.result(30)


@pytest.fixture
def worker(settings: IndexSettings, embedder: Slow) -> Iterator[None]:
    with working(settings, embedder):
        yield


def said(engine: Engine, question: str, scope: Scope = ONE) -> str | None:
    return engine.ask(scope, question).text


def alike(report: ReindexReport) -> ReindexReport:
    """What does not differ between two libraries."""
    return replace(report, generation="", seconds=0.0)


@pytest.mark.usefixtures("worker")
class TestChanging:
    def test_what_is_added_is_answered_from_once_it_returns(self, bot: QueuedEngine) -> None:
        tale = bot.add(ONE, TEXT, title="A tale")
        assert said(bot, "Who has the gold?") == "The queen has gold."
        assert bot.articles(ONE) == [tale]
        assert bot.verify(ONE).problems == ()

    def test_every_verb_does_what_it_does_in_one_process(
        self, bot: QueuedEngine, tmp_path: Path
    ) -> None:
        source = tmp_path / "tale.txt"
        with Engine.open(
            IndexSettings(data_dir=tmp_path / "alone", threshold=0), embedder=WordEmbedder()
        ) as alone:
            found = []
            for engine in (alone, bot):
                source.write_bytes(TEXT)
                first = engine.add(ONE, source)
                other = engine.add(ONE, b"The doctor ate an apple.", title="Another")
                told = [said(engine, "Who ate the apple?")]
                engine.remove(ONE, other.id)
                told.append(said(engine, "Who ate the apple?"))
                engine.undelete(ONE, other.id)
                told.append(said(engine, "Who ate the apple?"))
                source.write_text(TALE, "utf-8")
                reports = [alike(engine.reindex(ONE))]
                told.append(said(engine, "Who has the apple?"))
                reports.append(alike(engine.reindex(ONE)))
                before = engine.generations(ONE)[-1]
                told.append(str(len(engine.roll_back(ONE, before.name))))
                told.append(said(engine, "Who has the gold?"))
                found.append((first.title, told, reports))
        assert found[0] == found[1]
        assert found[0][1][:3] == ["The doctor ate an apple.", found[0][1][1], found[0][1][0]]
        assert found[0][2][0].changed == ("tale",)

    def test_a_rehearsal_tells_the_same(self, bot: QueuedEngine, tmp_path: Path) -> None:
        source = tmp_path / "tale.txt"
        with Engine.open(
            IndexSettings(data_dir=tmp_path / "alone", threshold=0), embedder=WordEmbedder()
        ) as alone:
            found: list[Rehearsal] = []
            for engine in (alone, bot):
                engine.add(SHARED, b"Everybody sails to the island.", title="Shared")
                source.write_bytes(TEXT)
                engine.add(ONE, source)
                for question, expected in (("Who has the gold?", "gold"), ("What storm?", None)):
                    engine.keep_golden(ONE, engine.ask(ONE, question), expected)
                source.write_text(TALE, "utf-8")
                found.append(engine.rehearse(ONE))
                assert said(engine, "Who has the gold?") == "The queen has gold."
                engine.promote(found[-1])
                assert said(engine, "Who has the apple?") == "The queen has an apple."
        here, there = found
        for each in fields(Rehearsal):
            if each.name not in {"checks", "revision"}:
                assert getattr(there, each.name) == getattr(here, each.name), each.name
        assert [one.question for one in there.lost] == ["Who has the gold?"]
        assert not there.is_safe

    def test_a_rehearsal_leaves_nothing_in_the_queue(
        self, bot: QueuedEngine, tmp_path: Path, postgres_url: str
    ) -> None:
        source = tmp_path / "tale.txt"
        source.write_bytes(TEXT)
        bot.add(ONE, source)
        bot.keep_golden(ONE, bot.ask(ONE, "Who has the gold?"), "gold")
        source.write_text(TALE, "utf-8")
        assert bot.rehearse(ONE).lost
        assert execute(postgres_url, "SELECT count(*) FROM jobs") == [(0,)]

    def test_questions_are_answered_while_an_index_is_built(
        self, bot: QueuedEngine, embedder: Slow
    ) -> None:
        bot.add(TWO, TEXT)
        embedder.may.clear()
        embedder.asked.clear()
        embedding = threading.Event()

        def progress(stage: str, _done: int, _total: int) -> None:
            if stage == "embedding":
                embedding.set()

        with ThreadPoolExecutor(1) as pool:
            text = b"The doctor is here. He ate an apple."
            adding = pool.submit(bot.add, ONE, text, progress=progress)
            assert embedder.asked.wait(10)
            assert said(bot, "Who has the gold?", TWO) == "The queen has gold."
            assert embedding.wait(10)
            assert not adding.done()
            embedder.may.set()
            adding.result(20)
        assert said(bot, "Who is here?") == "The doctor is here."

    def test_two_bots_do_not_change_the_same_articles_at_once(
        self, bot: QueuedEngine, embedder: Slow, settings: IndexSettings, tmp_path: Path
    ) -> None:
        apart = settings.model_copy(update={"data_dir": tmp_path / "other"})
        embedder.may.clear()
        with (
            QueuedEngine.open(apart, embedder=Absent()) as other,
            ThreadPoolExecutor(1) as pool,
        ):
            adding = pool.submit(bot.add, ONE, TEXT)
            assert embedder.asked.wait(10)
            with pytest.raises(LibraryBusy):
                other.reindex(ONE)
            embedder.may.set()
            adding.result(20)
            assert other.reindex(ONE).articles == 1


def test_an_error_of_the_worker_is_the_askers(
    bot: QueuedEngine, settings: IndexSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full(WordEmbedder):
        def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
            raise StorageError("the disk is full")

    with working(settings, Full()), pytest.raises(StorageError, match="the disk is full"):
        bot.add(ONE, TEXT)


def test_without_workers_a_change_is_kept_and_indexed_by_the_first_that_comes(
    bot: QueuedEngine,
    settings: IndexSettings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_library, "BEGUN_WITHIN_S", 0.2)
    with pytest.raises(IndexPending, match="stored; they become searchable"):
        bot.add(ONE, TEXT)
    assert len(bot.articles(ONE)) == 1
    assert bot.generations(ONE) == []
    with working(settings, WordEmbedder()):
        until = time.monotonic() + 10
        while not bot.generations(ONE):
            assert time.monotonic() < until
            time.sleep(0.05)
        assert said(bot, "Who has the gold?") == "The queen has gold."


def test_without_workers_a_removed_article_is_removed(
    bot: QueuedEngine, settings: IndexSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with working(settings, WordEmbedder()):
        bot.add(ONE, b"The doctor ate an apple.", title="Another")
        tale = bot.add(ONE, TEXT)
    monkeypatch.setattr(remote_library, "BEGUN_WITHIN_S", 0.2)
    bot.remove(ONE, tale.id)
    assert [article.title for article in bot.articles(ONE)] == ["Another"]


def test_without_workers_a_rehearsal_is_refused_and_leaves_no_question(
    bot: QueuedEngine,
    settings: IndexSettings,
    tmp_path: Path,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tmp_path / "tale.txt"
    source.write_bytes(TEXT)
    with working(settings, WordEmbedder()):
        bot.add(ONE, source)
        bot.keep_golden(ONE, bot.ask(ONE, "Who has the gold?"), "gold")
    monkeypatch.setattr(remote_library, "BEGUN_WITHIN_S", 0.2)
    source.write_text(TALE, "utf-8")
    with pytest.raises(WorkersBusy):
        bot.rehearse(ONE)
    assert execute(postgres_url, "SELECT asked FROM jobs WHERE kind = 'rehearse'") == [({},)]


def test_builds_of_the_same_articles_that_waited_are_done_at_once(
    bot: QueuedEngine,
    settings: IndexSettings,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_library, "BEGUN_WITHIN_S", 0.1)
    for number in range(4):
        with pytest.raises(IndexPending):
            bot.add(ONE, f"The king has ship {number}.".encode(), title=str(number))
    with working(settings, WordEmbedder()):
        until = time.monotonic() + 10
        while execute(postgres_url, "SELECT count(*) FROM jobs WHERE done_at IS NULL") != [(0,)]:
            assert time.monotonic() < until
            time.sleep(0.05)
    (live,) = bot.generations(ONE)
    assert len(live.articles) == 4


def test_a_build_is_not_taken_for_one_that_began_before_the_change(
    bot: QueuedEngine, settings: IndexSettings, embedder: Slow
) -> None:
    with working(settings, embedder), ThreadPoolExecutor(2) as pool:
        embedder.may.clear()
        first = pool.submit(bot.add, ONE, TEXT)
        assert embedder.asked.wait(10)
        # As another process changes them, which waits for nobody.
        document = Document("Another", "The doctor ate an apple.", "upload:x", "text/plain")
        bot._catalogue.put(ONE, document)
        second = pool.submit(bot._library._build, ONE, lambda *_: None)
        time.sleep(0.3)
        embedder.may.set()
        first.result(20)
        second.result(20)
        assert said(bot, "Who ate the apple?") == "The doctor ate an apple."


def test_a_build_that_the_database_interrupts_is_begun_again(
    bot: QueuedEngine, settings: IndexSettings
) -> None:
    class CutOff(WordEmbedder):
        def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
            if len(texts) > 1 and len(self.encoded) == 0:
                self.encoded.append("tried")
                raise DatabaseAway("for a moment")
            return super().encode(texts, step)

    embedder = CutOff()
    with working(settings, embedder):
        bot.add(ONE, TEXT)
        assert embedder.encoded[0] == "tried"
        assert said(bot, "Who has the gold?") == "The queen has gold."


def test_what_is_forgotten_stays_forgotten(
    bot: QueuedEngine,
    settings: IndexSettings,
    postgres_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(remote_library, "BEGUN_WITHIN_S", 0.1)
    monkeypatch.setattr(remote_library, "FORGOTTEN_WITHIN_S", 0.1)
    with pytest.raises(IndexPending):
        bot.add(ONE, TEXT)
    with bot._library._changing(ONE, 0), pytest.raises(LibraryBusy):
        bot.forget(ONE)
    bot.forget(ONE)
    assert execute(postgres_url, "SELECT count(*) FROM jobs") == [(0,)]
    with working(settings, WordEmbedder()):
        time.sleep(0.5)
    assert bot.articles(ONE) == []
    assert bot.generations(ONE) == []


def test_a_bot_that_closes_does_not_wait_for_a_worker(bot: QueuedEngine) -> None:
    class ClosingError(Exception):
        pass

    def progress(stage: str, _done: int, _total: int) -> None:
        if stage == "waiting":
            raise ClosingError

    with pytest.raises(ClosingError):
        bot.add(ONE, TEXT, progress=progress)
    assert len(bot.articles(ONE)) == 1


def test_a_build_whose_worker_died_is_anothers(
    bot: QueuedEngine, settings: IndexSettings, postgres_url: str
) -> None:
    with ThreadPoolExecutor(1) as pool, Jobs.open(postgres_url) as jobs:
        adding = pool.submit(bot.add, ONE, TEXT)
        until = time.monotonic() + 10
        while (begun := jobs.take("dies", 0.2, [BUILD])) is None:
            assert time.monotonic() < until
            time.sleep(0.02)
        with working(settings, WordEmbedder()):
            adding.result(20)
            assert not jobs.finish(begun, {})
            assert said(bot, "Who has the gold?") == "The queen has gold."
            assert len(bot.generations(ONE)) == 1
