"""The catalogue's articles -> one published generation.

What was embedded once is never embedded again: vectors are cached in the catalogue
by the hash of the text and the fingerprint of the model, as each batch is done, so
that an interrupted build goes on where it stopped.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
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
_PIECES_KEPT = 2_000


def text_key(text: str) -> bytes:
    """The name under which a text's vector is cached: 16 bytes of its SHA-256."""
    return hashlib.sha256(text.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class Built:
    """A published generation, and how many distinct texts it had to embed."""

    generation: Generation
    embedded: int
    reused: int


@dataclass(frozen=True, slots=True)
class _Piece:
    """One article cut up, with the words of each of its sentences."""

    chunking: Chunking
    words: tuple[tuple[str, ...], ...]

    def of(self, spans: Sequence[tuple[int, int]]) -> Iterator[list[str]]:
        """The words of each span: those of the sentences in it."""
        starts = [sentence.start for sentence in self.chunking.sentences]
        for start, end in spans:
            inside = self.words[bisect_left(starts, start) : bisect_left(starts, end)]
            yield [word for words in inside for word in words]


class Builder:
    """Builds generations of any scope; the caller holds the scope's lock."""

    def __init__(self, catalogue: Catalogue, store: GenerationStore, embedder: Embedder) -> None:
        self._catalogue = catalogue
        self._store = store
        self._embedder = embedder
        # What was cut up once is not cut again, so that one more article is soon searchable.
        self._pieces: dict[tuple[Scope, int, str, str], _Piece] = {}

    def build(self, scope: Scope, progress: Progress, before: Generation | None = None) -> Built:
        """Cut up, embed and publish what the catalogue holds for ``scope`` now.

        What is as it was in the generation ``before`` keeps its vectors.
        """
        # Read before the texts: an article added in between only makes the next build due.
        revision = self._catalogue.revision(scope)
        stored = self._catalogue.texts(scope)
        pieces = [self._cut(item, number, stored, progress) for number, item in enumerate(stored)]
        cut = [piece.chunking for piece in pieces]
        sentences = [
            item.text[s.start : s.end]
            for item, chunking in zip(stored, cut, strict=True)
            for s in chunking.sentences
        ]
        windows = [
            item.text[a:b]
            for item, chunking in zip(stored, cut, strict=True)
            for a, b in chunking.windows
        ]
        texts = [*sentences, *windows]
        keys = [text_key(text) for text in texts]
        known = self._kept(before, stored, pieces, keys)
        vectors, embedded = self._embed(scope, dict(zip(keys, texts, strict=True)), known, progress)
        progress("publishing", 0, 1)
        parts = Parts(
            sentences=_rows(cut),
            sentence_vectors=VectorIndex.build(self._rows(vectors, keys[: len(sentences)])),
            window_vectors=VectorIndex.build(self._rows(vectors, keys[len(sentences) :])),
            sentence_words=LexicalIndex.build([w for piece in pieces for w in piece.words]),
            window_words=LexicalIndex.build([w for p in pieces for w in p.of(p.chunking.windows)]),
            chunk_words=LexicalIndex.build([w for p in pieces for w in p.of(p.chunking.chunks)]),
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
    ) -> _Piece:
        progress("chunking", number, len(stored))
        article = item.article
        key = (article.scope, article.id, article.content_hash, self._embedder.fingerprint)
        piece = self._pieces.get(key)
        if piece is None:
            embedder = self._embedder
            cut = chunk(item.text, item.headings, embedder.count_tokens, embedder.max_tokens)
            words = tuple(tuple(tokens(item.text[s.start : s.end])) for s in cut.sentences)
            piece = self._pieces[key] = _Piece(cut, words)
            while len(self._pieces) > _PIECES_KEPT:
                self._pieces.pop(next(iter(self._pieces)), None)
        return piece

    def _kept(
        self,
        before: Generation | None,
        stored: Sequence[StoredText],
        pieces: Sequence[_Piece],
        keys: Sequence[bytes],
    ) -> dict[bytes, Vectors]:
        """The vectors of the texts of articles that ``before`` holds in the same version."""
        known: dict[bytes, Vectors] = {}
        if before is None or before.manifest.model != self._embedder.fingerprint:
            return known
        rows = {(a.id, a.version): row for row, a in enumerate(before.manifest.articles)}
        of_article = before.parts.sentences["article"]
        begin, windows_begin = 0, len(keys) // 2  # as many windows as sentences
        for item, piece in zip(stored, pieces, strict=True):
            count = len(piece.words)
            row = rows.get((item.article.id, item.article.version))
            if row is not None:
                old = np.flatnonzero(of_article == row).astype(np.int64)
                if len(old) == count:
                    for vectors, at in (
                        (before.parts.sentence_vectors, begin),
                        (before.parts.window_vectors, windows_begin + begin),
                    ):
                        found = vectors.vectors(old)
                        known |= zip(keys[at : at + count], found, strict=True)
            begin += count
        return known

    def _embed(
        self,
        scope: Scope,
        text_of: Mapping[bytes, str],
        known: dict[bytes, Vectors],
        progress: Progress,
    ) -> tuple[dict[bytes, Vectors], int]:
        """Add to ``known`` the vectors that it lacks, cached or new; and how many were new."""
        model = self._embedder.fingerprint
        unknown = [key for key in text_of if key not in known]
        known |= self._catalogue.cached_vectors(scope, model, unknown)
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
        return known, len(missing)

    def _rows(self, vectors: Mapping[bytes, Vectors], keys: Sequence[bytes]) -> Vectors:
        """Shape (len(keys), dimension)."""
        found = np.empty((len(keys), self._embedder.dimension), dtype=np.float32)
        for row, key in enumerate(keys):
            found[row] = vectors[key]
        return found


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
