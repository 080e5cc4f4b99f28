"""The catalogue's articles -> one published generation.

What was embedded once is never embedded again: vectors are cached in the catalogue
by the hash of the text and the fingerprint of the model, as each batch is done, so
that an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from index.catalogue import Catalogue, StoredText
from index.chunking import Chunking, chunk
from index.database import mapped
from index.embedding import Embedder
from index.generation import SENTENCE, Generation, GenerationStore, IndexedArticle, Parts
from index.lexical import LexicalIndex, tokens
from index.types import Progress, Scope
from index.vectors import VectorIndex

Vectors = npt.NDArray[np.float32]

_CACHED_AT_ONCE = 256
"""Texts embedded between two writes to the cache: what a kill can cost."""


@dataclass(frozen=True, slots=True)
class Built:
    """A published generation, and how many distinct texts it had to embed."""

    generation: Generation
    embedded: int
    reused: int


class Builder:
    """Builds generations of any scope; the caller holds the scope's lock."""

    def __init__(self, catalogue: Catalogue, store: GenerationStore, embedder: Embedder) -> None:
        self._catalogue = catalogue
        self._store = store
        self._embedder = embedder

    def build(self, scope: Scope, progress: Progress) -> Built:
        """Cut up, embed and publish what the catalogue holds for ``scope`` now."""
        # Read before the texts: an article added in between only makes the next build due.
        revision = self._catalogue.revision(scope)
        stored = self._catalogue.texts(scope)
        cut = [self._cut(item, number, stored, progress) for number, item in enumerate(stored)]
        texts = [_texts(item.text, chunking) for item, chunking in zip(stored, cut, strict=True)]
        sentences = [text for group in texts for text in group[0]]
        windows = [text for group in texts for text in group[1]]
        chunks = [text for group in texts for text in group[2]]
        vectors, embedded = self._embed(scope, [*sentences, *windows], progress)
        progress("publishing", 0, 1)
        parts = Parts(
            sentences=_rows(cut),
            sentence_vectors=VectorIndex.build(vectors[: len(sentences)]),
            window_vectors=VectorIndex.build(vectors[len(sentences) :]),
            sentence_words=LexicalIndex.build([tokens(text) for text in sentences]),
            window_words=LexicalIndex.build([tokens(text) for text in windows]),
            chunk_words=LexicalIndex.build([tokens(text) for text in chunks]),
        )
        indexed = [_indexed(item, c) for item, c in zip(stored, cut, strict=True)]
        with mapped(self._store.folder(scope)):
            generation = self._store.publish(
                scope, revision, self._embedder.fingerprint, indexed, parts
            )
        progress("publishing", 1, 1)
        return Built(generation, embedded, len({*sentences, *windows}) - embedded)

    def _cut(
        self, item: StoredText, number: int, stored: Sequence[StoredText], progress: Progress
    ) -> Chunking:
        progress("chunking", number, len(stored))
        embedder = self._embedder
        return chunk(item.text, item.headings, embedder.count_tokens, embedder.max_tokens)

    def _embed(self, scope: Scope, texts: Sequence[str], progress: Progress) -> tuple[Vectors, int]:
        """Vectors of ``texts``, shape (len(texts), dimension), and how many were new."""
        model = self._embedder.fingerprint
        keys = [hashlib.sha256(text.encode()).digest()[:16] for text in texts]
        text_of = dict(zip(keys, texts, strict=True))
        known = self._catalogue.cached_vectors(scope, model, list(text_of))
        missing = sorted(text_of.keys() - known.keys(), key=lambda key: len(text_of[key]))
        for begin in range(0, len(missing), _CACHED_AT_ONCE):
            progress("embedding", begin, len(missing))
            batch = missing[begin : begin + _CACHED_AT_ONCE]

            def step(done: int, _total: int, begin: int = begin) -> None:
                progress("embedding", begin + done, len(missing))

            fresh = self._embedder.encode([text_of[key] for key in batch], step)
            new = dict(zip(batch, fresh, strict=True))
            self._catalogue.cache_vectors(scope, model, new)
            known |= new
        vectors = np.empty((len(texts), self._embedder.dimension), dtype=np.float32)
        for row, key in enumerate(keys):
            vectors[row] = known[key]
        return vectors, len(missing)


def _texts(text: str, chunking: Chunking) -> tuple[list[str], list[str], list[str]]:
    """What is indexed of one article: its sentences, its windows, its chunks."""
    return (
        [text[s.start : s.end] for s in chunking.sentences],
        [text[a:b] for a, b in chunking.windows],
        [text[a:b] for a, b in chunking.chunks],
    )


def _indexed(item: StoredText, chunking: Chunking) -> IndexedArticle:
    article = item.article
    return IndexedArticle(
        article.id,
        article.version,
        article.title,
        article.canonical or article.source,
        chunking.paragraphs,
        item.pages,
    )


def _rows(cut: Sequence[Chunking]) -> npt.NDArray[np.void]:
    rows = []
    chunks_before = 0
    for article, chunking in enumerate(cut):
        # An article of headings alone is still worth quoting.
        headings_only = all(sentence.is_heading for sentence in chunking.sentences)
        rows += [
            (
                article,
                number,
                sentence.start,
                sentence.end,
                sentence.paragraph,
                sentence.is_heading and not headings_only,
                *window,
                chunks_before + of_chunk,
            )
            for number, (sentence, window, of_chunk) in enumerate(
                zip(chunking.sentences, chunking.windows, chunking.chunk_of, strict=True)
            )
        ]
        chunks_before += len(chunking.chunks)
    return np.array(rows, dtype=SENTENCE)
