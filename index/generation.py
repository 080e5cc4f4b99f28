"""One published state of a scope's index, and the folder it lives in.

``data_dir/index/<scope>/`` holds the last few generations, each a folder, and
``CURRENT``, a file with the name of the live one. A generation is written in a
temporary folder, checked by reading it back, made durable, renamed into place, and
only then named by ``CURRENT``; so a process killed at any point leaves either the old
or the new one. Nothing in a published folder ever changes.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import tempfile
import threading
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from index.arrays import read_array
from index.errors import GenerationError
from index.lexical import LexicalIndex
from index.types import Published, Scope
from index.vectors import VectorIndex, load

FORMAT = 2
_SMALL = 64_000_000
"""Bytes that one core checks soon enough."""
KEPT = 3
"""Generations that stay on disk, the live one included."""

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
    """What a generation is made of; ``files`` maps each file to its SHA-256."""

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
    def read(cls, folder: Path) -> Self:
        try:
            raw = json.loads((folder / "manifest.json").read_bytes())
            if raw["format"] != FORMAT:
                raise GenerationError(f"{folder} has format {raw['format']}, not {FORMAT}")
            raw["articles"] = tuple(
                IndexedArticle(**{**row, "pages": tuple(row["pages"])}) for row in raw["articles"]
            )
            return cls(**raw)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GenerationError(f"the manifest in {folder} cannot be read: {error}") from error


@dataclass(frozen=True, slots=True)
class Parts:
    """The contents of a generation: arrays and indexes whose rows agree.

    Row i of ``sentences``, ``sentence_vectors``, ``window_vectors``, ``sentence_words``
    and ``window_words`` is the same sentence.
    """

    sentences: npt.NDArray[np.void]
    sentence_vectors: VectorIndex
    window_vectors: VectorIndex
    sentence_words: LexicalIndex
    window_words: LexicalIndex
    chunk_words: LexicalIndex

    def save(self, folder: Path) -> None:
        np.save(folder / "sentences.npy", self.sentences, allow_pickle=False)
        self.sentence_vectors.save(folder / "sentences.faiss")
        self.window_vectors.save(folder / "windows.faiss")
        self.sentence_words.save(folder / "sentence_words")
        self.window_words.save(folder / "window_words")
        self.chunk_words.save(folder / "chunk_words")

    @classmethod
    def load(cls, folder: Path, sentences: int, chunks: int) -> Self:
        try:
            rows = read_array(folder / "sentences.npy")
        except (OSError, ValueError) as error:
            raise GenerationError(f"{folder / 'sentences.npy'} cannot be read: {error}") from error
        return cls(
            rows,
            load(folder / "sentences.faiss"),
            load(folder / "windows.faiss"),
            LexicalIndex.load(folder / "sentence_words", sentences),
            LexicalIndex.load(folder / "window_words", sentences),
            LexicalIndex.load(folder / "chunk_words", chunks),
        )


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


class GenerationStore:
    """The generations of all scopes under one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def folder(self, scope: Scope) -> Path:
        return self._folder / scope.key.replace(":", "-")

    def current(self, scope: Scope) -> str | None:
        """The name of the live generation, None before the first."""
        try:
            name = (self.folder(scope) / "CURRENT").read_text("ascii").strip()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise GenerationError(f"CURRENT of {scope} cannot be read: {error}") from error
        if not _is_name(name):
            raise GenerationError(f"CURRENT of {scope} names no generation: {name[:40]!r}")
        return name

    def kept(self, scope: Scope) -> list[Published]:
        """The generations on disk whose manifests can be read, newest first."""
        home, current, found = self.folder(scope), self.current(scope), []
        for path in home.iterdir() if home.is_dir() else ():
            if not _is_name(path.name):
                continue
            try:
                manifest = Manifest.read(path)
                at = datetime.fromtimestamp((path / "manifest.json").stat().st_mtime, UTC)
            except (GenerationError, OSError):
                continue
            articles = tuple((a.id, a.version, a.title) for a in manifest.articles)
            found.append(
                (manifest.revision, Published(path.name, at, path.name == current, articles))
            )
        return [one for _, one in sorted(found, key=lambda pair: (pair[1].live, pair[0]))[::-1]]

    def load(self, scope: Scope, name: str, model: str) -> Generation:
        """Read a generation whole, every file checked against the manifest.

        Raises:
            GenerationError: it is missing, altered, of another scope, model or format.
        """
        return Generation(name, *self._read(self.folder(scope) / name, scope, model))

    @staticmethod
    def _read(folder: Path, scope: Scope, model: str) -> tuple[Manifest, Parts]:
        manifest = Manifest.read(folder)
        if manifest.scope != scope.key:
            raise GenerationError(f"{folder} belongs to {manifest.scope}, not to {scope}")
        if manifest.model != model:
            raise GenerationError(f"{folder} was made by {manifest.model}, not by {model}")
        if (found := _checksums(folder)) != manifest.files:
            differing = sorted(
                name
                for name in {*found, *manifest.files}
                if found.get(name) != manifest.files.get(name)
            )
            raise GenerationError(f"{folder} was altered: {', '.join(differing)}")
        parts = Parts.load(folder, manifest.sentences, manifest.chunks)
        _check_shape(folder, manifest, parts)
        return manifest, parts

    def forget(self, scope: Scope) -> None:
        """Remove all generations of a scope; the lock stays with whoever holds it."""
        home = self.folder(scope)
        (home / "CURRENT").unlink(missing_ok=True)
        for path in home.iterdir():
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)

    def publish(
        self,
        scope: Scope,
        revision: int,
        model: str,
        articles: Sequence[IndexedArticle],
        parts: Parts,
    ) -> Generation:
        """Write a generation, read it back, and make it the live one.

        Raises:
            OSError: the disk is full or cannot be written; the old one stays live.
        """
        home = self.folder(scope)
        home.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix="building-", dir=home))
        name = f"{revision:08}-{secrets.token_hex(4)}"
        try:
            parts.save(aside)
            manifest = Manifest(
                format=FORMAT,
                scope=scope.key,
                revision=revision,
                model=model,
                dimension=parts.sentence_vectors.dimension,
                sentences=len(parts.sentences),
                chunks=len(parts.chunk_words),
                articles=tuple(articles),
                files=_checksums(aside),
            )
            (aside / "manifest.json").write_text(json.dumps(asdict(manifest)), "utf-8")
            # Read back before it is published, by the very checks that a later start makes.
            checked = self._read(aside, scope, model)
            _make_durable(aside)
            aside.rename(home / name)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        self._point(home, name)
        self._prune(home, name)
        return Generation(name, *checked)

    @staticmethod
    def _point(home: Path, name: str) -> None:
        new = home / "CURRENT.new"
        with new.open("w", encoding="ascii") as file:
            file.write(name)
            file.flush()
            os.fsync(file.fileno())
        new.replace(home / "CURRENT")
        _fsync(home)

    @staticmethod
    def _prune(home: Path, current: str) -> None:
        """Remove all but the last few generations, and what a killed build left behind."""
        named = [path for path in home.iterdir() if _is_name(path.name) and path.name != current]
        named.sort(key=lambda path: path.stat().st_mtime_ns)
        for path in [*named[: -(KEPT - 1)], *home.glob("building-*")]:
            shutil.rmtree(path, ignore_errors=True)


def _is_name(name: str) -> bool:
    revision, _, token = name.partition("-")
    return revision.isdigit() and len(token) == 8 and token.isalnum()


def _checksums(folder: Path) -> dict[str, str]:
    paths = {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "manifest.json"
    }

    def digest(path: Path) -> str:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    if sum(path.stat().st_size for path in paths.values()) < _SMALL:
        return {name: digest(path) for name, path in paths.items()}
    with ThreadPoolExecutor(os.cpu_count(), "checking") as pool:
        return dict(zip(paths, pool.map(digest, paths.values()), strict=True))


def _check_shape(folder: Path, manifest: Manifest, parts: Parts) -> None:
    rows = {len(parts.sentences), len(parts.sentence_vectors), len(parts.window_vectors)}
    fits = rows == {manifest.sentences} and parts.sentences.dtype == SENTENCE
    if not fits or parts.sentence_vectors.dimension != manifest.dimension:
        raise GenerationError(f"the parts of {folder} do not agree with its manifest")


def _make_durable(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        _fsync(path)


def _fsync(path: Path) -> None:
    # Windows can neither open nor flush a folder; a rename is all it offers.
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
