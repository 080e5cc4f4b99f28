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
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from index.bert import Bert, Floats, Rows, fast_bfloat16
from index.errors import ModelError
from index.reader import Candidate, ReadingPassage, Span
from index.weights import packaged_embeddings, packaged_tokenizer

MAX_TOKENS = 256
QUESTION_TOKENS = 64
LONGEST_ANSWER = 30
"""In tokens, as is usual for SQuAD."""
RETRIEVAL_WEIGHT = 15.0
"""What a fused score of 1 is worth beside the network's; 10 to 20 did alike in development."""

Network = Callable[[Rows], Floats]
"""Rows -> shape (rows, tokens, 2): scores of an answer that begins, and that ends, there."""


class Model(NamedTuple):
    """A network and its tokenizer, with the number by which it pads."""

    network: Network
    tokenizer: Tokenizer
    padding: int = 0


@dataclass(frozen=True, slots=True)
class _Read:
    """The network's view of one passage: for each of its tokens, scores and characters."""

    start: Floats
    end: Floats
    null: float
    offsets: npt.NDArray[np.int64]


class SpanReader:
    """Loads network and tokenizer with ``load`` when first needed. Thread-safe.

    ``retrieval_weight`` is what a fused score of 1 is worth beside the network's.
    """

    def __init__(
        self, load: Callable[[], Model], *, retrieval_weight: float = RETRIEVAL_WEIGHT
    ) -> None:
        self._load = load
        self._retrieval_weight = retrieval_weight
        self._lock = threading.Lock()
        self._loaded: tuple[Model, Tokenizer] | None = None

    @classmethod
    def packaged(
        cls,
        weights: Path | None = None,
        *,
        threads: int = 1,
        half: bool | None = None,
        **options: Any,
    ) -> Self:
        """The reader that comes with the program, or others trained like it (``weights``).

        ``half`` computes in bfloat16; None does where the processor is made for it.
        """
        shipped = Path(str(resources.files("index") / "data" / "reader.safetensors"))
        return cls(partial(_packaged, weights or shipped, threads, half), **options)

    @classmethod
    def named(cls, name: str, *, threads: int = 1, **options: Any) -> Self:
        """Any extractive model that transformers loads by name or folder."""
        return cls(partial(_named, name, threads), **options)

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
        model, whole = self._model()
        words = whole.encode(question, add_special_tokens=False).offsets[:QUESTION_TOKENS]
        asked = question[: words[-1][1]] if words else ""
        encodings = model.tokenizer.encode_batch([(asked, passage.text) for passage in passages])
        scores = model.network(Rows.of(encodings, model.padding))
        found = []
        for row, encoding in zip(scores, encodings, strict=True):
            inside = [place for place, part in enumerate(encoding.sequence_ids) if part == 1]
            offsets = np.array(encoding.offsets)[inside]
            found.append(_Read(row[inside, 0], row[inside, 1], float(row[0].sum()), offsets))
        return found

    def _model(self) -> tuple[Model, Tokenizer]:
        """The model, and its tokenizer a second time, which cuts nothing."""
        with self._lock:
            if self._loaded is None:
                model = self._load()
                whole = Tokenizer.from_str(model.tokenizer.to_str())
                for tokenizer in (whole, model.tokenizer):
                    tokenizer.no_padding()
                    tokenizer.no_truncation()
                model.tokenizer.enable_truncation(MAX_TOKENS, strategy="only_second")
                self._loaded = model, whole
        return self._loaded


def _packaged(weights: Path, threads: int, half: bool | None) -> Model:
    embeddings = packaged_embeddings()
    try:
        layers = {
            name.removeprefix("encoder."): value for name, value in load_file(weights).items()
        }
        head = layers["head.weight"], layers["head.bias"]
        half = fast_bfloat16() if half is None else half
        network = Bert({**layers, **embeddings}, head=head, threads=threads, half=half)
    except Exception as error:
        raise ModelError(
            f"the reader cannot be loaded from {weights} ({error});"
            " install article-bot again, or set READER to none"
        ) from error
    return Model(network, packaged_tokenizer())


def _named(name: str, threads: int) -> Model:
    try:
        # Seconds of imports: only whoever names another model pays them.
        from index.reader.model import load_named  # noqa: PLC0415

        return Model(*load_named(name, threads))
    except Exception as error:
        raise ModelError(
            f"READER names {name!r}, which cannot be loaded as an extractive"
            f" question-answering model ({error}); give a name or folder of one,"
            " packaged, or none"
        ) from error


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
