"""Text -> vectors.

The packaged model is all-MiniLM-L6-v2 (Wang et al. 2020, "MiniLM: Deep
Self-Attention Distillation"; trained and published by the sentence-transformers
project). Its weights come from an installed package and are checked before use.
"""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from index.bert import Bert, Rows
from index.errors import ModelError
from index.settings import PACKAGED_MODEL
from index.weights import (
    PUBLISHED_SHA256,
    packaged_model,
    packaged_tokenizer,
    packaged_weights,
)

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

Vectors = npt.NDArray[np.float32]
Step = Callable[[int, int], None]

_BATCH = 32


class Embedder(Protocol):
    """What turns texts into vectors."""

    @property
    def fingerprint(self) -> str:
        """Names the model and its exact weights; vectors of different ones never mix."""

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int:
        """How many tokens of a text the model reads; what is beyond would be cut silently."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without the special ones."""

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        """Vectors of shape (len(texts), dimension), float32, L2-normalised."""


class PackagedEmbedder:
    """The packaged model without torch, loaded when it is first needed. Thread-safe."""

    fingerprint = f"{PACKAGED_MODEL}@{PUBLISHED_SHA256[:12]}"
    dimension = 384
    max_tokens = 254

    def __init__(self, *, threads: int = 1) -> None:
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: tuple[Bert, Tokenizer] | None = None

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        _, tokenizer = self._model()
        rows = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(row.ids) for row in rows]

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        network, tokenizer = self._model()
        encodings = tokenizer.encode_batch_fast(list(texts))
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Texts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            batch = Rows.of([encodings[i] for i in rows], most=self.max_tokens + 2)
            mask = batch.mask[:, :, None].astype(np.float32)
            means = (network(batch) * mask).sum(axis=1) / mask.sum(axis=1)
            vectors[rows] = means / np.linalg.norm(means, axis=1, keepdims=True)
            if step:
                step(begin + len(rows), len(order))
        return vectors

    def _model(self) -> tuple[Bert, Tokenizer]:
        with self._lock:
            if self._loaded is None:
                weights = packaged_weights()
                self._loaded = Bert(weights, threads=self._threads), packaged_tokenizer()
                weights.release()
        return self._loaded


class SentenceTransformerEmbedder:
    """Any sentence-transformers model, loaded when it is first needed. Thread-safe.

    With the packaged one it is the reference for ``PackagedEmbedder``.
    """

    def __init__(self, model: str = PACKAGED_MODEL, *, threads: int = 1) -> None:
        self._name = model
        self._threads = threads
        self._lock = threading.Lock()
        self._loaded: SentenceTransformer | None = None
        self._counter: Any = None
        self._fingerprint = ""

    @property
    def fingerprint(self) -> str:
        if self._name == PACKAGED_MODEL:
            return f"{PACKAGED_MODEL}@{PUBLISHED_SHA256[:12]}"  # known before the model is loaded
        self._model()
        return self._fingerprint

    @property
    def dimension(self) -> int:
        dimension = self._model().get_embedding_dimension()
        assert dimension is not None
        return dimension

    @property
    def max_tokens(self) -> int:
        # Two places are taken by the tokens that begin and end a text.
        return int(self._model().max_seq_length or 256) - 2

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        if not texts:
            return []
        self._model()
        rows = self._counter(list(texts), add_special_tokens=False, truncation=False, verbose=False)
        return [len(ids) for ids in rows["input_ids"]]

    def encode(self, texts: Sequence[str], step: Step | None = None) -> Vectors:
        model = self._model()
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        # Texts of like length share a batch, so that little of it is padding.
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
        for begin in range(0, len(order), _BATCH):
            rows = order[begin : begin + _BATCH]
            vectors[rows] = model.encode(
                [texts[i] for i in rows],
                batch_size=_BATCH,
                normalize_embeddings=True,
                show_progress_bar=False,
            )
            if step:
                step(begin + len(rows), len(order))
        return vectors

    def _model(self) -> SentenceTransformer:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded

    def _load(self) -> SentenceTransformer:
        path = packaged_model() if self._name == PACKAGED_MODEL else self._name
        # Seconds of imports: only whoever embeds pays them.
        import torch  # noqa: PLC0415
        from sentence_transformers import SentenceTransformer  # noqa: PLC0415
        from transformers.utils import logging as transformers_logging  # noqa: PLC0415

        # A terminal's progress bars are for its own program to draw.
        transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        torch.set_num_threads(self._threads)
        try:
            model = SentenceTransformer(str(path), device="cpu")
        except Exception as error:
            raise ModelError(
                f"the embedding model {self._name!r} cannot be loaded ({error});"
                f" set MODEL to {PACKAGED_MODEL}, to a sentence-transformers name"
                " that this machine can download, or to a folder"
            ) from error
        if self._name != PACKAGED_MODEL:
            self._fingerprint = f"{self._name}@{_weights_digest(model)}"
        # A call that truncates otherwise than the last changes the tokenizer for all threads.
        self._counter = copy.deepcopy(model.tokenizer)
        return model


def _weights_digest(model: SentenceTransformer) -> str:
    """Twelve hexadecimal digits that change with any weight of the model."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:12]
