"""The two indexes against brute force: rows and scores."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import bm25s
import faiss
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from index import GenerationError
from index.lexical import LexicalIndex, tokens
from index.vectors import FlatIndex, LargeIndex, VectorIndex, build, load

matrices = npst.arrays(
    np.float32,
    st.tuples(st.integers(1, 40), st.just(5)),
    elements=st.floats(-4, 4, width=32),
)


@given(matrices, st.integers(1, 50))
def test_search_returns_the_highest_inner_products_of_vectors_of_any_length(
    vectors: np.ndarray, limit: int
) -> None:
    query = np.array([1, -2, 0.5, 0, 3], dtype=np.float32)
    rows, scores = FlatIndex.build(vectors).search(query, limit)
    products = vectors @ query
    assert len(rows) == min(limit, len(vectors))
    assert np.allclose(scores, products[rows], atol=1e-4)
    assert np.allclose(scores, np.sort(products)[::-1][: len(rows)], atol=1e-4)


@given(matrices)
def test_scores_of_given_rows_are_their_inner_products(vectors: np.ndarray) -> None:
    query = np.array([1, -2, 0.5, 0, 3], dtype=np.float32)
    rows = np.arange(len(vectors), dtype=np.int64)[::2]
    assert np.allclose(
        FlatIndex.build(vectors).scores(query, rows), vectors[::2] @ query, atol=1e-4
    )


def test_an_empty_index_finds_nothing() -> None:
    index = FlatIndex.build(np.empty((0, 3), np.float32))
    rows, scores = index.search(np.ones(3, np.float32), 5)
    assert (len(index), rows.tolist(), scores.tolist()) == (0, [], [])


@pytest.mark.parametrize("name", ["v", "v \u00e4\u4e2d", "v\udcff"])
def test_vectors_come_back_from_disk_as_they_were(tmp_path: Path, name: str) -> None:
    if not name.isprintable() and sys.platform != "linux":
        pytest.skip("only Linux has names that are no text")
    vectors = np.eye(3, dtype=np.float32)
    FlatIndex.build(vectors).save(tmp_path / name)
    loaded = load(tmp_path / name)
    assert (len(loaded), loaded.dimension) == (3, 3)
    assert loaded.search(np.array([0, 1, 0.5], np.float32), 2)[0].tolist() == [1, 2]


@pytest.mark.parametrize("content", [b"", b"rubbish" * 20])
def test_a_file_that_is_no_index_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v").write_bytes(content)
    with pytest.raises(GenerationError, match="cannot be read"):
        load(tmp_path / "v")


def test_an_index_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "v").write_bytes(faiss.serialize_index(faiss.IndexFlatL2(3)).tobytes())
    with pytest.raises(GenerationError, match="IndexFlatL2"):
        load(tmp_path / "v")


# Above a size, search is by clusters


def directions(rows: int, seed: int = 0, dimension: int = 24) -> np.ndarray:
    """Unit vectors in clouds, as the vectors of texts are."""
    centres = np.random.default_rng(9).normal(size=(60, dimension))
    chance = np.random.default_rng(seed)
    vectors = centres[chance.integers(60, size=rows)] + 0.7 * chance.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def many() -> np.ndarray:
    return directions(30_000)


@pytest.fixture(scope="module")
def large(many: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> VectorIndex:
    """As it comes back from disk."""
    path = tmp_path_factory.mktemp("large") / "v.faiss"
    build(many, flat_up_to=1_000).save(path)
    return load(path)


def recall(index: VectorIndex, vectors: np.ndarray, among: np.ndarray | None = None) -> float:
    held = 0
    queries = directions(50, seed=1)
    for query in queries:
        rows, scores = index.search(query, 10, among)
        products = vectors @ query
        assert np.allclose(scores, products[rows], atol=0.01)
        assert (np.diff(scores) <= 0).all()
        counted = np.arange(len(vectors)) if among is None else among
        best = counted[np.argsort(-products[counted])[:10]]
        held += len(set(best.tolist()) & set(rows.tolist()))
    return held / (10 * len(queries))


def test_a_large_index_finds_nearly_all_of_the_nearest(
    large: VectorIndex, many: np.ndarray
) -> None:
    assert isinstance(large, LargeIndex)
    assert recall(large, many) >= 0.95


@pytest.mark.parametrize("share", [0.9, 0.001])
def test_a_filtered_search_of_a_large_index_never_comes_back_short(
    large: VectorIndex, many: np.ndarray, share: float
) -> None:
    among = np.flatnonzero(np.random.default_rng(2).random(len(many)) < share)
    assert recall(large, many, among) >= 0.95


def test_where_the_clusters_searched_hold_too_few_that_count_all_are_looked_at(
    large: VectorIndex, many: np.ndarray
) -> None:
    query = directions(1, seed=3)[0]
    far = np.sort(np.argsort(many @ query)[:25_000])
    rows, _ = large.search(query, 300, far)
    assert len(rows) == 300
    assert set(rows.tolist()) <= set(far.tolist())


def test_rows_of_a_large_index_are_looked_up(large: VectorIndex, many: np.ndarray) -> None:
    rows = np.array([7, 29_999, 3])
    assert np.allclose(large.vectors(rows), many[rows], atol=0.02)
    assert np.allclose(large.scores(many[7], rows), many[rows] @ many[7], atol=0.01)
    assert large.scores(many[7], rows[:0]).tolist() == []


def test_a_few_more_vectors_are_put_into_the_clusters_that_are_there(
    large: VectorIndex, many: np.ndarray
) -> None:
    more = np.concatenate([many, directions(100, seed=4)])
    index = build(more, flat_up_to=1_000, like=large)
    assert isinstance(index, LargeIndex)
    assert isinstance(large, LargeIndex)
    centres = [faiss.downcast_index(one.clusters.quantizer) for one in (large, index)]
    first, second = (one.reconstruct_n(0, one.ntotal) for one in centres)
    assert np.array_equal(first, second)
    assert recall(index, more) >= 0.95


def test_the_large_files_of_another_kind_are_refused(many: np.ndarray, tmp_path: Path) -> None:
    build(many, flat_up_to=1_000).save(tmp_path / "v.faiss")
    faiss.write_index(faiss.IndexFlatL2(3), str(tmp_path / "v.faiss"))
    with pytest.raises(GenerationError, match="IndexFlatL2"):
        load(tmp_path / "v.faiss")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The companies were striking deals", ["compani", "strike", "deal"]),
        ("$1,100.50 in Tianjin’s port", ["1100.50", "tianjin", "port"]),
        ("São Paulo, CAFÉ", ["sao", "paulo", "cafe"]),
        ("What is it?", []),
        ("A.I. and 5G", ["5g"]),
    ],
)
def test_tokens_are_stems_without_stop_words_accents_or_case(
    text: str, expected: list[str]
) -> None:
    assert [t for t in tokens(text) if t not in {"s", "i"}] == expected


corpora = st.lists(st.lists(st.sampled_from("abcdef"), max_size=12), min_size=1, max_size=20)


def bm25(corpus: list[list[str]], query: list[str], row: int) -> float:
    """Lucene's BM25, written out."""
    k1, b = 0.9, 0.4
    mean = sum(map(len, corpus)) / len(corpus)
    score = 0.0
    for word in query:
        holding = sum(word in text for text in corpus)
        frequency = corpus[row].count(word)
        if frequency:
            idf = math.log(1 + (len(corpus) - holding + 0.5) / (holding + 0.5))
            norm = k1 * (1 - b + b * len(corpus[row]) / mean)
            score += idf * frequency / (frequency + norm)
    return score


@given(corpora, st.lists(st.sampled_from("abcdefg"), max_size=5))
def test_lexical_scores_are_bm25(corpus: list[list[str]], query: list[str]) -> None:
    scores = LexicalIndex.build(corpus).scores(query)
    expected = [bm25(corpus, query, row) for row in range(len(corpus))]
    assert np.allclose(scores, expected, atol=1e-4)


@given(corpora)
def test_lexical_index_comes_back_from_disk_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, corpus: list[list[str]]
) -> None:
    folder = tmp_path_factory.mktemp("lexical") / "words"
    index = LexicalIndex.build(corpus)
    index.save(folder)
    loaded = LexicalIndex.load(folder, len(corpus))
    assert loaded.scores(["a", "c"]).tolist() == index.scores(["a", "c"]).tolist()
    assert loaded.idf(["a", "zz"]).tolist() == index.idf(["a", "zz"]).tolist()


def test_a_lexical_index_of_another_size_is_refused(tmp_path: Path) -> None:
    LexicalIndex.build([["a"], ["b"]]).save(tmp_path / "words")
    with pytest.raises(GenerationError, match="has 2 texts, not 3"):
        LexicalIndex.load(tmp_path / "words", 3)


def test_a_rare_word_tells_more_than_a_common_one() -> None:
    index = LexicalIndex.build([["a", "b"], ["a"], ["a"]])
    assert np.allclose(index.idf(["a", "b"]), [math.log(1 + 0.5 / 3.5), math.log(1 + 2.5 / 1.5)])


@given(
    st.lists(
        st.lists(st.sampled_from(["gold", "ship", "king", "sea", "a"]), max_size=9), min_size=1
    )
)
def test_bm25_is_that_of_bm25s(texts: list[list[str]]) -> None:
    assume(any(texts))
    reference = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
    reference.index(texts, show_progress=False)
    ours = LexicalIndex.build(texts)
    for word in {word for text in texts for word in text}:
        assert np.allclose(ours.scores([word]), reference.get_scores([word]), atol=1e-6)


def test_an_index_that_bm25s_wrote_is_read(tmp_path: Path) -> None:
    """As the version before did."""
    texts = [["gold", "ship"], ["king", "gold", "gold"], [], ["sea"]]
    written = bm25s.BM25(k1=0.9, b=0.4, method="lucene")
    written.index(texts, show_progress=False)
    written.save(tmp_path / "words", show_progress=False)
    loaded, built = LexicalIndex.load(tmp_path / "words", len(texts)), LexicalIndex.build(texts)
    for word in ("gold", "ship", "king", "sea", "nothing"):
        assert np.allclose(loaded.scores([word]), built.scores([word]), atol=1e-6)
    assert np.allclose(loaded.idf(["gold", "zz"]), built.idf(["gold", "zz"]))


def test_an_index_of_texts_without_words_that_the_version_before_wrote_is_read(
    tmp_path: Path,
) -> None:
    (tmp_path / "words").mkdir()
    assert LexicalIndex.load(tmp_path / "words", 3).scores(["gold"]).tolist() == [0, 0, 0]
