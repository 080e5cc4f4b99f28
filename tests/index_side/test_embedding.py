"""The packaged model: it is the published one, and its vectors are those of the reference."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from index import ModelError
from index.embedding import PackagedEmbedder, SentenceTransformerEmbedder
from index.weights import Weights, packaged_model, verify_weights


def test_vectors_are_normalised_and_of_the_stated_shape(
    minilm: PackagedEmbedder,
) -> None:
    vectors = minilm.encode(["a short text", "another one, which is longer", ""])
    assert (vectors.shape, vectors.dtype) == ((3, 384), np.float32)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_order_is_kept_whatever_the_lengths(minilm: PackagedEmbedder) -> None:
    texts = ["a much longer text about ships and storms", "ship", "gold and silver"]
    together = minilm.encode(texts)
    for text, vector in zip(texts, together, strict=True):
        assert np.allclose(minilm.encode([text])[0], vector, atol=1e-5)


def test_meaning_is_near(minilm: PackagedEmbedder) -> None:
    question, near, far = minilm.encode(
        ["Who runs the city?", "The mayor governs the town.", "Bananas are rich in potassium."]
    )
    assert question @ near > question @ far + 0.2


def test_tokens_are_counted_without_being_cut(minilm: PackagedEmbedder) -> None:
    assert minilm.max_tokens == 254
    assert minilm.count_tokens(["one two three", "", "word " * 400]) == [3, 0, 400]
    assert minilm.count_tokens([]) == []


def test_progress_is_told(minilm: PackagedEmbedder) -> None:
    steps: list[tuple[int, int]] = []
    minilm.encode(["text"] * 40, lambda done, total: steps.append((done, total)))
    assert steps == [(32, 40), (40, 40)]


def test_altered_weights_are_refused(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(b"not the published weights")
    with pytest.raises(ModelError, match="not the published ones"):
        verify_weights(weights, "0" * 64)
    with pytest.raises(ModelError, match="cannot be read"):
        verify_weights(tmp_path / "missing", "0" * 64)


def test_the_packaged_weights_are_the_published_ones() -> None:
    assert (packaged_model() / "model.safetensors").stat().st_size > 90_000_000


def test_a_model_that_cannot_be_loaded_says_what_to_set(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="set MODEL to all-MiniLM-L6-v2"):
        SentenceTransformerEmbedder(str(tmp_path)).encode(["text"])


def test_any_other_model_is_named_by_its_weights() -> None:
    other = SentenceTransformerEmbedder(str(packaged_model()))
    assert other.fingerprint.startswith(str(packaged_model()) + "@")
    assert other.fingerprint != SentenceTransformerEmbedder().fingerprint


def test_vectors_are_those_of_sentence_transformers(minilm: PackagedEmbedder) -> None:
    """On the bundled article's passages, an empty text, and ones that are cut."""
    article = (resources.files("index") / "data" / "article.md").read_text(encoding="utf-8")
    texts = [*article.split("\n\n"), "", "word " * 400, "\u4e2d\u6587 \U0001f600", "[SEP] [MASK]"]
    reference = SentenceTransformerEmbedder()
    assert np.allclose(minilm.encode(texts), reference.encode(texts), atol=1e-5)
    assert minilm.count_tokens(texts) == reference.count_tokens(texts)
    assert minilm.fingerprint == reference.fingerprint
    assert (minilm.dimension, minilm.max_tokens) == (reference.dimension, reference.max_tokens)


def test_weights_are_widened_in_a_file_or_in_memory_and_read_again_when_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    narrow = {"head": np.array([[0.5, -2.0]], np.float16), "bias": np.array([3.0], np.float16)}
    save_file(narrow, tmp_path / "w.safetensors")
    mapped = Weights.widened(tmp_path / "w.safetensors")
    with monkeypatch.context() as no_room:
        no_room.setattr(
            "tempfile.TemporaryFile", lambda **_: (_ for _ in ()).throw(OSError("full"))
        )
        in_memory = Weights.widened(tmp_path / "w.safetensors")
    for weights in (mapped, in_memory):
        weights.release()
        assert sorted(weights) == ["bias", "head"]
        assert weights["head"].dtype == np.float32
        assert weights["head"].tolist() == [[0.5, -2.0]]
        assert weights["bias"].tolist() == [3.0]


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or len(os.sched_getaffinity(0)) < 2,
    reason="told by Linux alone, and by two cores",
)
def test_those_who_ask_at_once_are_not_bound_to_one_core(minilm: PackagedEmbedder) -> None:
    texts = ["Those who ask at once wait for one another. " * 20] * 8
    asking = threading.Thread(target=minilm.encode, args=(texts,))
    free = os.sched_getaffinity(0)
    asking.start()
    seen = {frozenset(cores) for cores in _cores_while_alive(asking)}
    assert seen == {frozenset(free)}


def _cores_while_alive(thread: threading.Thread) -> Iterator[set[int]]:
    while thread.is_alive():
        try:
            yield os.sched_getaffinity(thread.native_id or 0)
        except ProcessLookupError:  # it has just ended
            return


def test_signals_are_taken_after_models_have_come_and_gone() -> None:
    """In a process of its own: OpenVINO once left it with a stack for signals that was freed."""
    program = """
import os, signal
from index.embedding import PackagedEmbedder
models = [PackagedEmbedder(), PackagedEmbedder()]
for model in models:
    model.encode(["warm"])
while models:
    models.pop(0)
signal.signal(signal.SIGTERM, lambda *_: print("taken"))
os.kill(os.getpid(), signal.SIGTERM)
"""
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.returncode, ran.stdout) == (0, "taken\n"), ran.stderr
