"""What each ingredient is worth: the same questions, asked with some of it left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from index.evaluation.asking import Evaluation, evaluate
from index.ranking import WEIGHTS
from index.reader import Reader
from index.reader.picker import SentencePicker
from index.reader.spans import SpanReader
from index.settings import IndexSettings
from index.types import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from index.embedding import Embedder

_SHAPES = ("sentence_cosine", "window_cosine")
_WORDS = ("sentence_bm25", "window_bm25", "chunk_bm25")


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to answer; ``reader`` makes it anew, so that nothing is shared."""

    name: str
    reader: Callable[[], Reader]
    weights: Mapping[str, float]


def variants(threads: int = 1) -> tuple[Variant, ...]:
    """From retrieval alone to all of it, then all of it without one ingredient each."""
    packaged = partial(SpanReader.packaged, threads=threads)
    alone = partial(SpanReader.packaged, threads=threads, prior_weight=0.0)
    return (
        Variant("cosine of sentences alone", SentencePicker, {"sentence_cosine": 1.0}),
        Variant("BM25 of sentences alone", SentencePicker, {"sentence_bm25": 1.0}),
        Variant("all five scores: best sentence", SentencePicker, WEIGHTS),
        Variant("all five scores, and the reader", packaged, WEIGHTS),
        Variant("... its own score without theirs", alone, WEIGHTS),
        Variant("... without cosines", packaged, _only(_WORDS)),
        Variant("... without BM25", packaged, _only(_SHAPES)),
        Variant(
            "... without windows and chunks", packaged, _only(("sentence_cosine", "sentence_bm25"))
        ),
    )


def _only(names: Sequence[str]) -> dict[str, float]:
    return {name: WEIGHTS[name] for name in names}


def ablate(
    files: Sequence[str | Path],
    settings: IndexSettings,
    *,
    embedder: Embedder | None = None,
    progress: Progress | None = None,
) -> Iterator[tuple[str, Evaluation]]:
    """Each variant's name and its evaluation, as soon as it is done."""
    for variant in variants(settings.threads):
        yield (
            variant.name,
            evaluate(
                files,
                settings,
                embedder=embedder,
                reader=variant.reader(),
                weights=variant.weights,
                progress=progress,
            ),
        )
