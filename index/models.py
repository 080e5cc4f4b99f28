"""The two networks that answer: which the settings ask for, and loading them ahead of need."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from index.embedding import Embedder, PackagedEmbedder, SentenceTransformerEmbedder
from index.errors import ModelError
from index.reader import Candidate, Reader, ReadingPassage
from index.reader.picker import SentencePicker
from index.reader.spans import SpanReader
from index.settings import PACKAGED_MODEL, IndexSettings

_WARM = ReadingPassage("It is warm.", (Candidate(0, 11, 1.0),))


@dataclass(frozen=True, slots=True)
class Models:
    """An embedder and a reader; each loads when it is first needed."""

    embedder: Embedder
    reader: Reader

    @classmethod
    def of(cls, settings: IndexSettings) -> Self:
        return cls(_embedder(settings), _reader(settings))

    def begin_loading(self) -> Self:
        """Load them in the background; what goes wrong is told to whoever needs them."""

        def load() -> None:
            with suppress(ModelError):
                self.warm()

        threading.Thread(target=load, name="loading-models", daemon=True).start()
        return self

    def warm(self) -> None:
        """Load both, side by side: most of it is done outside of Python.

        Raises:
            ModelError: one of them cannot be loaded.
        """
        with ThreadPoolExecutor(1, "loading-reader") as beside:
            reading = beside.submit(self.reader.read, "Is it warm?", [_WARM])
            if not isinstance(self.embedder, PackagedEmbedder):
                # Two threads must not import torch for the first time at once.
                reading.result()
            self.embedder.encode(["Is it warm?"])
            reading.result()


def _embedder(settings: IndexSettings) -> Embedder:
    if settings.model == PACKAGED_MODEL:
        return PackagedEmbedder(threads=settings.threads)
    return SentenceTransformerEmbedder(settings.model, threads=settings.threads)


def _reader(settings: IndexSettings) -> Reader:
    if settings.reader == "none":
        return SentencePicker()
    if settings.reader == "packaged":
        return SpanReader.packaged(threads=settings.threads)
    return SpanReader.named(settings.reader, threads=settings.threads)
