"""Generations as folders of files, on one machine.

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
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from index.arrays import read_array
from index.database import mapped
from index.errors import GenerationError, LibraryBusy
from index.generation import (
    FORMAT,
    KEPT,
    SENTENCE,
    Contents,
    Generation,
    IndexedArticle,
    Manifest,
    Parts,
    new_name,
)
from index.lexical import LexicalIndex
from index.types import Published, Scope
from index.vectors import build, load

_SMALL = 64_000_000
"""Bytes that one core checks soon enough."""


class GenerationFiles:
    """The generations of all scopes under one folder."""

    is_shared = False

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
                manifest = _manifest(path)
                at = datetime.fromtimestamp((path / "manifest.json").stat().st_mtime, UTC)
            except (GenerationError, OSError):
                continue
            articles = tuple((a.id, a.version, a.title) for a in manifest.articles)
            found.append(
                (manifest.revision, Published(path.name, at, path.name == current, articles))
            )
        return [one for _, one in sorted(found, key=lambda pair: (pair[1].live, pair[0]))[::-1]]

    def load(self, scope: Scope, name: str, model: str | None) -> Generation:
        """Read a generation whole, every file checked against the manifest.

        Raises:
            GenerationError: it is missing, altered, of another scope, model or format.
        """
        return Generation(name, *self._read(self.folder(scope) / name, scope, model))

    @staticmethod
    def _read(folder: Path, scope: Scope, model: str | None) -> tuple[Manifest, Parts]:
        manifest = _manifest(folder)
        manifest.require(scope, model, folder)
        if (found := _checksums(folder)) != manifest.files:
            differing = sorted(
                name
                for name in {*found, *manifest.files}
                if found.get(name) != manifest.files.get(name)
            )
            raise GenerationError(f"{folder} was altered: {', '.join(differing)}")
        parts = _parts(folder, manifest.sentences, manifest.chunks)
        _check_shape(folder, manifest, parts)
        return manifest, parts

    def forget(self, scope: Scope) -> None:
        """Remove all generations of a scope; the lock stays with whoever holds it."""
        home = self.folder(scope)
        with mapped():
            (home / "CURRENT").unlink(missing_ok=True)
            for path in home.iterdir():
                if path.is_dir():
                    shutil.rmtree(path, ignore_errors=True)

    @contextmanager
    def writing(self, scope: Scope, wait_s: float) -> Iterator[None]:
        home = self.folder(scope)
        # A lock of its own for each call: threads of one process exclude each other too.
        lock = FileLock(home / "lock", timeout=wait_s)
        try:
            with mapped():
                home.mkdir(parents=True, exist_ok=True)
                lock.acquire()
        except Timeout as error:
            raise LibraryBusy(
                f"the library of {scope} is being changed already; try again in a moment"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def scratch(self, scope: Scope) -> Path:
        home = self.folder(scope)
        home.mkdir(parents=True, exist_ok=True)
        return home

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
        """Write a generation, read it back, and make it the live one.

        Raises:
            OSError: the disk is full or cannot be written; the old one stays live.
        """
        home = self.folder(scope)
        home.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix="building-", dir=home))
        name = new_name(revision)
        try:
            _save(contents, aside, before.parts if before else None)
            manifest = Manifest(
                format=FORMAT,
                scope=scope.key,
                revision=revision,
                model=model,
                dimension=contents.sentence_vectors.shape[1],
                sentences=len(contents.sentences),
                chunks=len(contents.chunk_words),
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


def _save(contents: Contents, folder: Path, before: Parts | None) -> None:
    np.save(folder / "sentences.npy", contents.sentences, allow_pickle=False)
    for vectors, like, name in (
        (contents.sentence_vectors, before.sentence_vectors if before else None, "sentences"),
        (contents.window_vectors, before.window_vectors if before else None, "windows"),
    ):
        build(vectors, like=like).save(folder / f"{name}.faiss")
    contents.sentence_words.save(folder / "sentence_words")
    contents.window_words.save(folder / "window_words")
    contents.chunk_words.save(folder / "chunk_words")


def _manifest(folder: Path) -> Manifest:
    try:
        raw = json.loads((folder / "manifest.json").read_bytes())
    except (OSError, ValueError) as error:
        raise GenerationError(f"the manifest in {folder} cannot be read: {error}") from error
    return Manifest.of(raw, folder)


def _parts(folder: Path, sentences: int, chunks: int) -> Parts:
    try:
        rows = read_array(folder / "sentences.npy")
    except (OSError, ValueError) as error:
        raise GenerationError(f"{folder / 'sentences.npy'} cannot be read: {error}") from error
    return Parts(
        rows,
        load(folder / "sentences.faiss"),
        load(folder / "windows.faiss"),
        LexicalIndex.load(folder / "sentence_words", sentences),
        LexicalIndex.load(folder / "window_words", sentences),
        LexicalIndex.load(folder / "chunk_words", chunks),
    )


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
