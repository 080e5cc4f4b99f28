"""A generation is published whole or not at all, and nothing that does not fit is read."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import Engine, GenerationError, Scope, StorageError, generation_files
from index.generation import KEPT
from index.generation_files import GenerationFiles
from index.lexical import LexicalIndex, tokens
from tests.conftest import AXES, WordEmbedder

LOCAL = Scope.local()
TEXT = b"The king has a ship. The queen has gold.\n\nA storm came to the island."


@pytest.fixture
def store(engine: Engine, tmp_path: Path) -> GenerationFiles:
    engine.add(LOCAL, TEXT)
    return GenerationFiles(tmp_path / "data" / "index")


def live(store: GenerationFiles) -> Path:
    name = store.current(LOCAL)
    assert name is not None
    return store.folder(LOCAL) / name


def load(store: GenerationFiles, model: str = WordEmbedder.fingerprint):
    return store.load(LOCAL, live(store).name, model)


def test_what_was_published_is_loaded(store: GenerationFiles) -> None:
    generation = load(store)
    assert (len(generation), generation.manifest.dimension) == (3, WordEmbedder.dimension)
    assert [article.paragraphs for article in generation.manifest.articles] == [2]


def test_every_file_is_checked_against_the_manifest(store: GenerationFiles) -> None:
    files = [path for path in live(store).rglob("*") if path.is_file()]
    assert len(files) > 5
    for path in files:
        content = path.read_bytes()
        for damaged in (content[:-1], content[:-1] + bytes([content[-1] ^ 1]), b""):
            path.write_bytes(damaged)
            with pytest.raises(GenerationError):
                load(store)
        path.write_bytes(content)
        load(store)


def test_a_missing_or_foreign_file_is_noticed(store: GenerationFiles) -> None:
    (live(store) / "stray").write_text("x")
    with pytest.raises(GenerationError, match="stray"):
        load(store)
    (live(store) / "stray").unlink()
    (live(store) / "sentences.npy").unlink()
    with pytest.raises(GenerationError, match=r"sentences\.npy"):
        load(store)


def test_an_index_of_another_model_is_refused(store: GenerationFiles) -> None:
    with pytest.raises(GenerationError, match="made by words@1, not by other@2"):
        load(store, "other@2")


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [("format", 99, "has format 99"), ("scope", "guild:1", "belongs to guild:1")],
)
def test_an_index_of_another_format_or_scope_is_refused(
    store: GenerationFiles, field: str, value: object, message: str
) -> None:
    path = live(store) / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {field: value}))
    with pytest.raises(GenerationError, match=message):
        load(store)


@pytest.mark.parametrize("name", ["../elsewhere", "", "00000001", "\u00e9"])
def test_current_must_name_a_generation(store: GenerationFiles, name: str) -> None:
    (store.folder(LOCAL) / "CURRENT").write_text(name, "utf-8")
    with pytest.raises(GenerationError, match="CURRENT"):
        store.current(LOCAL)


def test_only_the_last_few_stay(engine: Engine, store: GenerationFiles) -> None:
    left_behind = store.folder(LOCAL) / "building-killed"
    left_behind.mkdir()
    for _ in range(KEPT + 2):
        engine.reindex(LOCAL)
    folders = [path for path in store.folder(LOCAL).iterdir() if path.is_dir()]
    assert len(folders) == KEPT
    assert live(store) in folders
    assert not left_behind.exists()


def test_a_disk_that_fills_up_while_building_leaves_the_old_one_live(
    engine: Engine, store: GenerationFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = live(store)

    def full(_contents: object, folder: Path, _before: object) -> None:
        (folder / "half").write_text("x")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(generation_files, "_save", full)
    with pytest.raises(StorageError, match="No space left"):
        engine.reindex(LOCAL)
    assert live(store) == before
    assert engine.ask(LOCAL, "Who has gold?", threshold=0).text == "The queen has gold."
    assert [path.name for path in store.folder(LOCAL).glob("building-*")] == []


@pytest.mark.parametrize("damage", ["truncate", "remove", "current", "model"])
def test_a_damaged_index_is_rebuilt_from_the_catalogue(
    open_engine: Callable[..., Engine],
    store: GenerationFiles,
    damage: str,
    embedder: WordEmbedder,
) -> None:
    if damage == "truncate":
        (live(store) / "sentences.faiss").write_bytes(b"")
    elif damage == "remove":
        (live(store) / "manifest.json").unlink()
    elif damage == "current":
        (store.folder(LOCAL) / "CURRENT").write_text("nonsense")
    else:
        embedder.fingerprint = "words@2"
    with open_engine() as again:
        assert again.verify(LOCAL).problems != ()
        assert again.ask(LOCAL, "Who has gold?", threshold=0).text == "The queen has gold."
        assert again.verify(LOCAL).problems == ()


WORDS = st.sampled_from([*AXES, "and", "sail"])
SENTENCES = st.lists(
    st.lists(WORDS, min_size=2, max_size=5).map(lambda words: " ".join(words).capitalize() + "."),
    min_size=1,
    max_size=9,
)


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(SENTENCES, st.sampled_from(AXES))
def test_candidates_and_their_scores_are_those_of_brute_force(
    engine: Engine, tmp_path: Path, sentences: list[str], word: str
) -> None:
    engine.forget(LOCAL)
    engine.add(LOCAL, " ".join(sentences).encode())
    store = GenerationFiles(tmp_path / "data" / "index")
    generation = load(store)
    query = WordEmbedder().encode([word])[0]
    found = generation.candidates(query, tokens(word), limit=100)
    rows = range(len(sentences))
    windows = [" ".join(sentences[max(0, i - 1) : i + 2]) for i in rows]
    cosines = WordEmbedder().encode(sentences) @ query
    weighed = [
        vector * len(text)
        for vector, text in zip(WordEmbedder().encode(sentences), sentences, strict=True)
    ]
    sums = [np.sum(weighed[max(0, i - 1) : i + 2], axis=0) for i in rows]
    around = [(one / np.linalg.norm(one)) @ query for one in sums]
    assert found.rows.tolist() == list(rows)
    assert np.allclose(found.terms["sentence_cosine"], cosines, atol=1e-5)
    best = [max(around[max(0, i - 1) : i + 2]) for i in rows]
    assert np.allclose(found.terms["window_cosine"], best, atol=1e-5)
    for name, texts in (("sentence_bm25", sentences), ("window_bm25", windows)):
        expected = LexicalIndex.build([tokens(text) for text in texts]).scores(tokens(word))
        assert np.allclose(found.terms[name], expected, atol=1e-5)
