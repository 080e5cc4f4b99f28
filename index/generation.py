"""One published state of a scope's index: what it is made of, and what it finds."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt

from index.errors import GenerationError
from index.lexical import LexicalIndex, WordIndex
from index.types import Published, Scope
from index.vectors import VectorIndex, Vectors

FORMAT = 2
KEPT = 3
"""Generations of a scope that stay, the live one included."""

Scores = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

SENTENCE = np.dtype(
    [
        ("article", "<i4"),  # row of manifest.articles
        ("number", "<i4"),  # of the sentence within its article
        ("start", "<i8"),
        ("end", "<i8"),
        ("paragraph", "<i4"),
        ("heading", "?"),
        ("window_start", "<i8"),
        ("window_end", "<i8"),
        ("chunk", "<i4"),  # row of the chunk index
    ]
)


class OtherMaker(GenerationError):
    """A generation that is whole, but of another model or another version of this program."""


@dataclass(frozen=True, slots=True)
class IndexedArticle:
    """An article as a generation knows it."""

    id: int
    version: int
    title: str
    source: str
    paragraphs: int
    pages: tuple[int, ...] = ()
    """Offsets at which its pages begin; () where it has none."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a generation is made of; ``files`` maps each file, if any, to its SHA-256."""

    format: int
    scope: str
    revision: int
    model: str
    dimension: int
    sentences: int
    chunks: int
    articles: tuple[IndexedArticle, ...]
    files: Mapping[str, str]

    @classmethod
    def of(cls, raw: dict[str, Any], where: object) -> Self:
        """What ``asdict`` made of one; GenerationError when it is something else."""
        try:
            if raw["format"] != FORMAT:
                raise OtherMaker(f"{where} has format {raw['format']}, not {FORMAT}")
            articles = tuple(
                IndexedArticle(**{**row, "pages": tuple(row["pages"])}) for row in raw["articles"]
            )
            return cls(**{**raw, "articles": articles})
        except (KeyError, TypeError) as error:
            raise GenerationError(f"the manifest of {where} cannot be read: {error!r}") from error

    def require(self, scope: Scope, model: str | None, where: object) -> None:
        """GenerationError when it is of another scope or, unless that is None, model."""
        if self.scope != scope.key:
            raise GenerationError(f"{where} belongs to {self.scope}, not to {scope}")
        if model is not None and self.model != model:
            raise OtherMaker(f"{where} was made by {self.model}, not by {model}")


@dataclass(frozen=True, slots=True)
class Contents:
    """What a generation is published from: arrays and words whose rows agree.

    Row i of all but ``chunk_words`` is the same sentence. The vectors, of shape
    (sentences, dimension), may be mapped from a file.
    """

    sentences: npt.NDArray[np.void]
    sentence_vectors: Vectors
    window_vectors: Vectors
    sentence_words: LexicalIndex
    window_words: LexicalIndex
    chunk_words: LexicalIndex


@dataclass(frozen=True, slots=True)
class Parts:
    """A generation as it is searched; rows as in ``Contents``."""

    sentences: npt.NDArray[np.void]
    sentence_vectors: VectorIndex
    window_vectors: VectorIndex
    sentence_words: WordIndex
    window_words: WordIndex
    chunk_words: WordIndex


@dataclass(frozen=True, slots=True)
class Candidates:
    """Sentences that may answer: their rows, and an array for each kind of score."""

    rows: Rows
    terms: Mapping[str, Scores]


class Generation:
    """One loaded generation; immutable, so that any number of threads may read it."""

    def __init__(self, name: str, manifest: Manifest, parts: Parts) -> None:
        self.name = name
        self.manifest = manifest
        self.parts = parts
        self.scope = Scope(manifest.scope)
        self._is_heading: Flags = np.ascontiguousarray(parts.sentences["heading"])
        # The title, which stands above all of an article, tells its sentences apart by nothing.
        self._headings = np.flatnonzero(self._is_heading).astype(np.int64)
        self._headings = self._headings[parts.sentences["number"][self._headings] > 0]
        self._lock = threading.Lock()
        self._quoted = self._worked_out(None)

    def __len__(self) -> int:
        return self.manifest.sentences

    def candidates(
        self,
        query: Scores,
        words: Sequence[str],
        limit: int,
        live: Collection[int] | None = None,
    ) -> Candidates:
        """The best ``limit`` sentences by each kind of score, together, headings apart.

        ``live`` are the ids of the articles that still count; None: all do.
        """
        parts = self.parts
        by_sentence, by_window, by_chunk = (
            index.scores(words)
            for index in (parts.sentence_words, parts.window_words, parts.chunk_words)
        )
        quotable, among = self._quotable(live)
        found = [
            index.search(query, limit, among)[0]
            for index in (parts.sentence_vectors, parts.window_vectors)
        ]
        found += [_best(scores, limit, quotable) for scores in (by_sentence, by_window)]
        rows = np.unique(np.concatenate(found))
        terms = {
            "sentence_cosine": parts.sentence_vectors.scores(query, rows),
            "window_cosine": self._best_window(query, rows),
            "sentence_bm25": by_sentence[rows],
            "window_bm25": by_window[rows],
            "chunk_bm25": by_chunk[parts.sentences["chunk"][rows]],
        }
        return Candidates(rows, terms)

    def heading_above(self, row: int) -> int | None:
        """The row of the heading that a sentence stands under, the title left aside."""
        above = int(self._headings_above(np.array([row]))[0])
        return None if above < 0 else above

    def _quotable(self, live: Collection[int] | None) -> tuple[Flags, Rows]:
        """What may be quoted: whether each row, and which rows."""
        with self._lock:  # all that is asked of a large index at once needs it but once
            if self._quoted[0] != live:
                self._quoted = self._worked_out(live)
            _, flags, rows = self._quoted
            return flags, rows

    def _worked_out(
        self, live: Collection[int] | None
    ) -> tuple[Collection[int] | None, Flags, Rows]:
        flags = ~self._is_heading
        if live is not None:
            alive = np.array([a.id in live for a in self.manifest.articles], bool)
            flags &= alive[self.parts.sentences["article"]]
        return live, flags, np.flatnonzero(flags).astype(np.int64)

    def _best_window(self, query: Scores, rows: Rows) -> Scores:
        """The cosine of the best window that holds the sentence: its own or a neighbour's."""
        article = self.parts.sentences["article"]
        beside = np.clip(rows + np.array([[0], [-1], [1]]), 0, len(self) - 1)
        beside = np.where(article[beside] == article[rows], beside, rows)
        distinct, places = np.unique(beside, return_inverse=True)
        cosines: Scores = self.parts.window_vectors.scores(query, distinct)
        best: Scores = cosines[places.reshape(beside.shape)].max(axis=0)
        return np.maximum(best, self._heading_above(query, rows))

    def _heading_above(self, query: Scores, rows: Rows) -> Scores:
        """The cosine of the heading that a sentence stands under; -1 where there is none."""
        above = self._headings_above(rows)
        cosines = self.parts.sentence_vectors.scores(query, np.maximum(above, 0))
        return np.where(above >= 0, cosines, np.float32(-1.0))

    def _headings_above(self, rows: Rows) -> Rows:
        """For each sentence the row of the heading above it, -1 where there is none."""
        sentences, headings = self.parts.sentences, self._headings
        if not len(headings):
            return np.full(len(rows), -1, dtype=np.int64)
        above = headings[np.maximum(np.searchsorted(headings, rows) - 1, 0)]
        own = (above < rows) & (sentences["article"][above] == sentences["article"][rows])
        return np.where(own, above, -1)


@dataclass(frozen=True, slots=True)
class Searched:
    """An index to search. ``live``: the ids of its articles that count; None: all of them."""

    generation: Generation
    live: Collection[int] | None


def _best(scores: Scores, limit: int, among: Flags) -> Rows:
    """Rows of the ``limit`` highest scores above zero, of those that count."""
    rows = np.flatnonzero(scores > 0)
    rows = rows[among[rows]]
    if len(rows) > limit:
        rows = rows[np.argpartition(-scores[rows], limit - 1)[:limit]]
    return rows.astype(np.int64)


class GenerationStore(Protocol):
    """The generations of all scopes. One is the live one of its scope; none ever changes."""

    is_shared: bool
    """Whether processes that know nothing of each other publish here."""

    def current(self, scope: Scope) -> str | None:
        """The name of the live generation, None before the first."""

    def kept(self, scope: Scope) -> list[Published]:
        """The generations that can still be rolled back to, the live one first, then newest."""

    def load(self, scope: Scope, name: str, model: str | None) -> Generation:
        """Open a generation, checked against its manifest; None: whatever its model.

        Raises:
            GenerationError: it is missing, altered, of another scope, model or format.
        """

    def publish(
        self,
        scope: Scope,
        revision: int,
        model: str,
        articles: Sequence[IndexedArticle],
        contents: Contents,
        *,
        before: Generation | None = None,
    ) -> Generation:
        """Write a generation, and make it the live one; what fails leaves the old one live.

        ``before`` may lend what takes long to find, such as the clusters of its vectors.

        Raises:
            OSError, StorageError: there is no space for it.
        """

    def forget(self, scope: Scope) -> None:
        """Remove all generations of a scope."""

    def writing(self, scope: Scope, wait_s: float) -> AbstractContextManager[None]:
        """Hold the one lock under which a scope's articles and index change.

        Raises LibraryBusy when another has it for longer than ``wait_s``.
        """

    def scratch(self, scope: Scope) -> Path:
        """A folder for what a build need not keep in memory."""


def new_name(revision: int) -> str:
    return f"{revision:08}-{secrets.token_hex(4)}"


def revision_of(name: str) -> int:
    """Of the articles that the generation of this name was built from."""
    return int(name.partition("-")[0])
