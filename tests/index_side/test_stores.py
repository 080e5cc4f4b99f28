"""What every store of generations must do alike: files with FAISS, and PostgreSQL's rows."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psycopg
import pytest

from index import DatabaseAway, GenerationError, LibraryBusy, Scope
from index.generation import (
    KEPT,
    SENTENCE,
    Contents,
    Generation,
    GenerationStore,
    IndexedArticle,
)
from index.generation_files import GenerationFiles
from index.lexical import LexicalIndex
from index.postgres import database as database_module
from index.postgres.database import PostgresDatabase
from index.postgres.generations import GenerationRows
from index.vectors import Vectors
from tests.postgres import Server, execute

ONE, TWO = Scope.guild(1), Scope.guild(2)
DIMENSION = 384
"""That of the packaged model; products in half precision err by less, the longer the vectors."""
WORDS = tuple(f"word{n}" for n in range(400))
MODEL = "random@1"


def contents(size: int, seed: int = 0) -> Contents:
    """Vectors in clusters, as those of sentences are, and words by Zipf's law."""
    chance = np.random.default_rng(seed)
    records = np.zeros(size, SENTENCE)
    records["number"] = np.arange(size)
    records["heading"] = np.arange(size) % 11 == 1
    records["chunk"] = np.arange(size) // 6

    def texts(count: int) -> list[list[str]]:
        drawn = np.minimum(chance.zipf(1.3, (count, 12)) - 1, len(WORDS) - 1)
        return [[WORDS[n] for n in row] for row in drawn]

    return Contents(
        records,
        clustered(size, chance),
        clustered(size, chance),
        LexicalIndex.build(texts(size)),
        LexicalIndex.build(texts(size)),
        LexicalIndex.build(texts(-(-size // 6))),
    )


def clustered(size: int, chance: np.random.Generator) -> Vectors:
    centres = chance.normal(size=(max(1, size // 20), DIMENSION))
    vectors = centres[chance.integers(len(centres), size=size)]
    return unit(vectors + chance.normal(size=(size, DIMENSION)) * 0.7)


def unit(vectors: np.ndarray) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


def publish(store: GenerationStore, scope: Scope, made: Contents, revision: int = 1) -> Generation:
    article = IndexedArticle(1, 1, "Random", "/random", 1)
    return store.publish(scope, revision, MODEL, [article], made)


@pytest.fixture(scope="module")
def url(postgres: Server) -> Iterator[str]:
    execute(postgres.url(), "CREATE DATABASE stores TEMPLATE empty")
    yield postgres.url(database="stores")
    execute(postgres.url(), "DROP DATABASE stores WITH (FORCE)")


@pytest.fixture(params=["files", "rows", "graph"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[GenerationStore]:
    if request.param == "files":
        yield GenerationFiles(tmp_path)
        return
    url = request.getfixturevalue("postgres_url")
    limits = {"exact_up_to": 50} if request.param == "graph" else {}
    database = PostgresDatabase.open(url)
    yield GenerationRows(database, tmp_path, **limits)
    database.close()


def test_exact_search_finds_the_same_rows_with_the_same_scores(store: GenerationStore) -> None:
    made = contents(700)
    opened = [publish(store, ONE, made), store.load(ONE, str(store.current(ONE)), MODEL)]
    queries = unit(np.random.default_rng(1).normal(size=(20, DIMENSION)))
    among = np.flatnonzero(~made.sentences["heading"])
    few = np.array([3, 5, 699], np.int64)
    for generation in opened:
        for vectors, index in (
            (made.sentence_vectors, generation.parts.sentence_vectors),
            (made.window_vectors, generation.parts.window_vectors),
        ):
            assert len(index) == 700
            assert index.dimension == DIMENSION
            assert np.allclose(index.vectors(few), vectors[few], atol=1e-3)
            for query in queries:
                truth = vectors @ query
                for allowed in (None, among, few):
                    rows, scores = index.search(query, 30, allowed)
                    mine = np.arange(700) if allowed is None else allowed
                    assert len(rows) == len(set(rows.tolist())) == min(30, len(mine))
                    assert set(rows) <= set(mine)
                    assert np.allclose(scores, truth[rows], atol=1e-4)
                    assert np.all(np.diff(scores) <= 1e-6)
                    # The very best ones: what is left out is no better, but for the rounding.
                    best = np.sort(truth[mine])[::-1][: len(rows)]
                    assert np.allclose(scores, best, atol=1e-4)
                assert np.allclose(index.scores(query, few[[2, 0, 2]]), truth[few[[2, 0, 2]]],
                                   atol=1e-4)  # fmt: skip


def test_a_graph_finds_nearly_all_and_is_never_short(url: str, tmp_path: Path) -> None:
    database = PostgresDatabase.open(url)
    store = GenerationRows(database, tmp_path, exact_up_to=1_000)
    made = contents(5_000, seed=3)
    index = publish(store, ONE, made).parts.sentence_vectors
    among = np.flatnonzero(~made.sentences["heading"])
    half = np.arange(0, 5_000, 2)
    found = 0
    queries = unit(np.random.default_rng(2).normal(size=(30, DIMENSION)))
    for query in queries:
        truth = made.sentence_vectors @ query
        for allowed in (None, among, half):
            mine = np.arange(5_000) if allowed is None else allowed
            rows, scores = index.search(query, 256, allowed)
            assert len(rows) == 256
            assert set(rows) <= set(mine)
            assert np.allclose(scores, truth[rows], atol=1e-4)
            best = mine[np.argsort(-truth[mine])[:10]]
            found += len(set(best) & set(rows))
    database.close()
    assert found / (len(queries) * 3 * 10) >= 0.98


def test_words_score_as_in_memory(store: GenerationStore) -> None:
    made = contents(300)
    generation = publish(store, ONE, made)
    parts = generation.parts
    for own, kept in (
        (made.sentence_words, parts.sentence_words),
        (made.window_words, parts.window_words),
        (made.chunk_words, parts.chunk_words),
    ):
        assert len(kept) == len(own)
        for query in (["word0"], ["word3", "word17", "word3"], ["nowhere"], []):
            assert np.array_equal(kept.scores(query), own.scores(query))
        assert np.array_equal(kept.idf(["word0", "word9", "nowhere"]),
                              own.idf(["word0", "word9", "nowhere"]))  # fmt: skip


def test_scopes_know_nothing_of_each_other(store: GenerationStore) -> None:
    publish(store, ONE, contents(40, seed=1))
    made = contents(60, seed=2)
    two = publish(store, TWO, made)
    query = unit(np.random.default_rng(5).normal(size=DIMENSION))
    rows, scores = two.parts.sentence_vectors.search(query, 100)
    assert sorted(rows) == list(range(60))
    assert np.allclose(scores, (made.sentence_vectors @ query)[rows], atol=1e-4)
    assert np.array_equal(two.parts.window_words.scores(["word1"]),
                          made.window_words.scores(["word1"]))  # fmt: skip
    store.forget(TWO)
    assert store.current(TWO) is None
    assert store.kept(TWO) == []
    assert store.current(ONE) is not None
    assert publish(store, TWO, contents(5)).name == store.current(TWO)


def test_only_the_last_few_stay_and_each_is_whole(store: GenerationStore) -> None:
    names = [
        publish(store, ONE, contents(60 + n, seed=n), revision=n).name for n in range(KEPT + 2)
    ]
    kept = store.kept(ONE)
    assert [one.name for one in kept] == names[::-1][:KEPT]
    assert [one.live for one in kept] == [True] + [False] * (KEPT - 1)
    assert len(store.load(ONE, names[-2], MODEL)) == 60 + KEPT
    with pytest.raises(GenerationError):
        store.load(ONE, names[0], MODEL)
    with pytest.raises(GenerationError, match="other@2"):
        store.load(ONE, names[-1], "other@2")


def test_a_scope_without_a_sentence_is_published_too(store: GenerationStore) -> None:
    generation = publish(store, ONE, contents(0))
    assert len(store.load(ONE, generation.name, MODEL)) == 0
    rows, scores = generation.parts.window_vectors.search(np.ones(DIMENSION, np.float32), 5)
    assert len(rows) == len(scores) == 0


def test_one_builder_of_a_scope_at_a_time(store: GenerationStore) -> None:
    with store.writing(ONE, 0):
        with pytest.raises(LibraryBusy, match="try again"), store.writing(ONE, 0):
            raise AssertionError
        with store.writing(TWO, 0):
            pass
    began = threading.Event()

    def hold_a_moment() -> None:
        with store.writing(ONE, 0):
            began.set()
            threading.Event().wait(0.2)

    thread = threading.Thread(target=hold_a_moment)
    thread.start()
    began.wait()
    with store.writing(ONE, 10):
        thread.join(1)
        assert not thread.is_alive()


def test_no_older_index_takes_the_place_of_a_newer(url: str, tmp_path: Path) -> None:
    """As may be tried when a server went down with the lock of a builder."""
    database = PostgresDatabase.open(url)
    store = GenerationRows(database, tmp_path)
    newest = publish(store, TWO, contents(20), revision=9).name
    with pytest.raises(LibraryBusy, match="newer"):
        publish(store, TWO, contents(20), revision=8)
    assert [one.name for one in store.kept(TWO)] == [newest]
    database.close()


def test_rows_that_are_missing_are_noticed(url: str, tmp_path: Path) -> None:
    database = PostgresDatabase.open(url)
    store = GenerationRows(database, tmp_path)
    generation = publish(store, Scope.guild(3), contents(20))
    execute(url, "DELETE FROM embeddings WHERE scope = 'guild:3' AND row = 7")
    query = np.ones(DIMENSION, np.float32)
    with pytest.raises(DatabaseAway, match="replaced meanwhile"):
        generation.parts.sentence_vectors.scores(query, np.array([6, 7]))
    with pytest.raises(GenerationError, match="19 vectors"):
        store.load(Scope.guild(3), generation.name, MODEL)
    database.close()


def test_a_generation_of_another_format_hides_no_other(url: str, tmp_path: Path) -> None:
    database, scope = PostgresDatabase.open(url), Scope.guild(4)
    store = GenerationRows(database, tmp_path)
    old = publish(store, scope, contents(5), revision=1).name
    new = publish(store, scope, contents(5), revision=2).name
    execute(
        url,
        "UPDATE generations SET manifest = jsonb_set(manifest, '{format}', '1')"
        f" WHERE name = '{old}'",
    )
    assert [one.name for one in store.kept(scope)] == [new]
    database.close()


def test_a_backup_that_reads_an_old_index_fails_no_new_one(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        database_module,
        "_SETTINGS",
        database_module._SETTINGS.replace("lock_timeout = '10s'", "lock_timeout = '200ms'"),
    )
    database, scope = PostgresDatabase.open(url), Scope.guild(6)
    store = GenerationRows(database, tmp_path, exact_up_to=10)
    first = publish(store, scope, contents(20), revision=1)
    with psycopg.connect(url) as dumping:
        dumping.execute(f"LOCK TABLE {first.parts.sentence_vectors.table} IN ACCESS SHARE MODE")
        names = [publish(store, scope, contents(20), revision=n).name for n in range(2, KEPT + 3)]
    assert store.current(scope) == names[-1]
    assert len(store.kept(scope)) > KEPT
    publish(store, scope, contents(20), revision=9)
    assert len(store.kept(scope)) == KEPT
    database.close()
