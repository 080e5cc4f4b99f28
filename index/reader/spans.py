"""The span reader: a small network marks the very words that answer.

All passages of a question go through it in one batch. It was trained so that scores
of different passages can be compared (Clark and Gardner 2018, shared normalisation);
how it was trained, on what, and how good it is, stands in ``index/data/READER.md``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import numpy.typing as npt

from index.errors import ModelError
from index.reader import Candidate, ReadingPassage, Span
from index.weights import packaged_model

if TYPE_CHECKING:
    from torch import Tensor

MAX_TOKENS = 256
QUESTION_TOKENS = 64
LONGEST_ANSWER = 30
"""In tokens, as is usual for SQuAD."""
RETRIEVAL_WEIGHT = 15.0
"""What a fused score of 1 is worth beside the network's; 10 to 20 did alike in development."""

Scores = npt.NDArray[np.float32]
Network = Callable[[dict[str, Any]], "tuple[Tensor, Tensor]"]
"""Tokenized rows -> scores of shape (rows, tokens), for answers that begin, and that end, there."""


@dataclass(frozen=True, slots=True)
class _Read:
    """The network's view of one passage: for each of its tokens, scores and characters."""

    start: Scores
    end: Scores
    null: float
    offsets: npt.NDArray[np.int64]


class SpanReader:
    """Loads network and tokenizer with ``load`` when first needed. Thread-safe.

    ``retrieval_weight`` is what a fused score of 1 is worth beside the network's.
    """

    def __init__(
        self,
        load: Callable[[], tuple[Network, Any]],
        *,
        threads: int = 1,
        retrieval_weight: float = RETRIEVAL_WEIGHT,
        half: bool | None = None,
    ) -> None:
        self._load_network = load
        self._threads = threads
        self._retrieval_weight = retrieval_weight
        self._half = half
        self._lock = threading.Lock()
        self._loaded: tuple[Network, Any, bool] | None = None

    @classmethod
    def packaged(cls, weights: Path | None = None, **options: Any) -> Self:
        """The reader that comes with the program, or others trained like it (``weights``)."""
        shipped = Path(str(resources.files("index") / "data" / "reader.safetensors"))
        return cls(partial(_packaged, weights or shipped), **options)

    @classmethod
    def named(cls, name: str, **options: Any) -> Self:
        """Any extractive model that transformers loads by name or folder."""
        return cls(partial(_named, name), **options)

    def read(self, question: str, passages: Sequence[ReadingPassage]) -> Span:
        spans = [
            span
            for number, (passage, read) in enumerate(
                zip(passages, self._scores(question, passages), strict=True)
            )
            for sentence in passage.sentences
            if (span := _best(number, passage, sentence, read, self._retrieval_weight)) is not None
        ]
        if not spans:  # every sentence lies beyond what the network reads
            return _whole(passages)
        spans.sort(key=lambda span: -span.score)
        second = spans[1].score if len(spans) > 1 else spans[0].score - self._retrieval_weight
        return replace(spans[0], lead=spans[0].score - second)

    def _scores(self, question: str, passages: Sequence[ReadingPassage]) -> list[_Read]:
        import torch  # noqa: PLC0415 - seconds; only whoever reads pays them

        model, tokenizer, half = self._model()
        with self._lock:  # a call sets the tokenizer's truncation and padding for all threads
            words = tokenizer(
                question,
                add_special_tokens=False,
                truncation=True,
                max_length=QUESTION_TOKENS,
                return_offsets_mapping=True,
            )
            end = words["offset_mapping"][-1][1] if words["offset_mapping"] else 0
            rows = tokenizer(
                [question[:end]] * len(passages),
                [passage.text for passage in passages],
                truncation="only_second",
                max_length=MAX_TOKENS,
                padding=True,
                return_offsets_mapping=True,
                return_tensors="pt",
            )
        offsets = rows.pop("offset_mapping").numpy()
        with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=half):
            begins, finishes = model(dict(rows))
        starts, ends = begins.float().numpy(), finishes.float().numpy()
        found = []
        for row in range(len(passages)):
            inside = np.array([part == 1 for part in rows.sequence_ids(row)])
            found.append(
                _Read(
                    starts[row][inside],
                    ends[row][inside],
                    float(starts[row][0] + ends[row][0]),
                    offsets[row][inside],
                )
            )
        return found

    def _model(self) -> tuple[Network, Any, bool]:
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
        return self._loaded

    def _load(self) -> tuple[Network, Any, bool]:
        import torch  # noqa: PLC0415

        torch.set_num_threads(self._threads)
        network, tokenizer = self._load_network()
        half = _has_fast_bfloat16() if self._half is None else self._half
        return network, tokenizer, half


def _packaged(weights: Path) -> tuple[Network, Any]:
    from transformers import AutoTokenizer  # noqa: PLC0415

    from index.reader.model import SpanModel  # noqa: PLC0415

    folder = packaged_model()
    try:
        model = SpanModel.from_embedding(folder)
        model.load(weights)
        return model.eval(), AutoTokenizer.from_pretrained(folder)
    except Exception as error:
        raise ModelError(
            f"the reader cannot be loaded from {weights} ({error});"
            " install article-bot again, or set READER to none"
        ) from error


def _named(name: str) -> tuple[Network, Any]:
    from index.reader.model import load_named  # noqa: PLC0415

    try:
        return load_named(name)
    except Exception as error:
        raise ModelError(
            f"READER names {name!r}, which cannot be loaded as an extractive"
            f" question-answering model ({error}); give a name or folder of one,"
            " packaged, or none"
        ) from error


def _has_fast_bfloat16() -> bool:
    import torch  # noqa: PLC0415

    # The question may only be asked where torch was built with oneDNN.
    return torch.backends.mkldnn.is_available() and bool(  # type: ignore[no-untyped-call]
        torch.ops.mkldnn._is_mkldnn_bf16_supported()  # noqa: SLF001
    )


def _best(
    number: int, passage: ReadingPassage, sentence: Candidate, read: _Read, weight: float
) -> Span | None:
    """The best answer within one sentence; None when the network did not read so far."""
    begins, finishes = read.offsets[:, 0], read.offsets[:, 1]
    tokens = np.flatnonzero((begins >= sentence.start) & (finishes <= sentence.end))
    if not len(tokens):
        return None
    scores = read.start[tokens][:, None] + read.end[tokens][None, :]
    # An answer does not end before it begins, nor does it run on and on.
    allowed = np.triu(np.ones_like(scores)) - np.triu(np.ones_like(scores), LONGEST_ANSWER)
    scores = np.where(allowed > 0, scores, -np.inf)
    first, last = divmod(int(scores.argmax()), len(tokens))
    start, end = _whole_words(
        passage.text, int(begins[tokens[first]]), int(finishes[tokens[last]]), sentence
    )
    margin = float(scores[first, last]) - read.null
    return Span(number, start, end, margin + weight * sentence.score, lead=0.0, margin=margin)


def _whole_words(text: str, start: int, end: int, sentence: Candidate) -> tuple[int, int]:
    while start > sentence.start and text[start - 1].isalnum() and text[start].isalnum():
        start -= 1
    while end < sentence.end and text[end - 1].isalnum() and text[end].isalnum():
        end += 1
    return start, end


def _whole(passages: Sequence[ReadingPassage]) -> Span:
    number, sentence = max(
        ((n, s) for n, passage in enumerate(passages) for s in passage.sentences),
        key=lambda pair: pair[1].score,
    )
    return Span(number, sentence.start, sentence.end, sentence.score, lead=0.0, margin=0.0)
