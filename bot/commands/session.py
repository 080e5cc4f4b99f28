"""What every command works with: settings, the screen, and the engine it opens."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from bot.settings import Settings
from bot.terminal import Screen
from index import Scope

if TYPE_CHECKING:
    from index import Engine


@dataclass
class Session:
    """One run of the program. The settings are read when first needed, so help needs none.

    ``embedder`` replaces the model of the settings.
    """

    read_settings: Callable[[], Settings]
    screen: Screen
    stdin: BinaryIO
    interactive: bool
    start_discord: Callable[[Engine, Settings], None]
    embedder: Any = None

    @cached_property
    def settings(self) -> Settings:
        return self.read_settings()

    @contextmanager
    def library(self) -> Iterator[Engine]:
        """The stored library, nothing loaded."""
        with self._open(self.settings) as engine:
            yield engine

    @contextmanager
    def asked(self, articles: Sequence[str]) -> Iterator[Engine]:
        """An engine that is ready to be asked in the local scope.

        With ``articles`` it knows these alone, in a folder that is gone afterwards;
        otherwise it is the stored library with the shared article in place.
        """
        if articles:
            with self._temporary(articles) as engine:
                yield engine
            return
        with self._ready() as engine:
            yield engine

    def prepare(self, engine: Engine) -> None:
        """Put the shared article in place and load what the first question needs."""
        with self.screen.working("Loading"):
            engine.publish_shared(self.settings.article)
            engine.warm(Scope.shared(), Scope.local())

    def run_discord(self) -> None:
        if self.settings.answer_in == "workers":
            # They have the models, and put the shared article in place.
            opened: AbstractContextManager[Engine] = self._open(self.settings, queued=True)
        else:
            opened = self._ready()
        with opened as engine:
            self.start_discord(engine, self.settings)

    @contextmanager
    def _ready(self) -> Iterator[Engine]:
        with self._open(self.settings, asked=True) as engine:
            self.prepare(engine)
            yield engine

    @contextmanager
    def _temporary(self, articles: Sequence[str]) -> Iterator[Engine]:
        with tempfile.TemporaryDirectory(prefix="article-bot-") as folder:
            apart = self.settings.model_copy(update={"data_dir": Path(folder)})
            with self._open(apart, asked=True) as engine:
                for source in articles:
                    with self.screen.working(f"Reading {source}") as progress:
                        engine.add(Scope.local(), source, progress=progress)
                with self.screen.working("Loading"):
                    engine.warm(Scope.local())
                yield engine

    def _open(self, settings: Settings, *, asked: bool = False, queued: bool = False) -> Engine:
        """``asked``: it will be, so that the models had better load while the rest starts.

        ``queued``: workers will be, in its place.
        """
        with self.screen.working("Starting"):
            # Seconds of imports; help goes without.
            from index import Models  # noqa: PLC0415

            embedder, reader = self.embedder, None
            if embedder is None:
                models = Models.of(settings)
                embedder, reader = models.embedder, models.reader
                if asked:
                    models.begin_loading()
            from index import Engine  # noqa: PLC0415

            kind = Engine
            if queued:
                from index import QueuedEngine  # noqa: PLC0415 - its driver is seldom installed

                kind = QueuedEngine
            return kind.open(settings, embedder=embedder, reader=reader)
