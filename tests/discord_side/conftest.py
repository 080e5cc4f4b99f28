"""A simulated Discord around the real bot, on the stand-in engine or the real one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import simcord

from bot.client import ArticleBot, BotOptions
from index import Engine, IndexSettings, Journal, Scope
from index.catalogue import Catalogue
from index.embedding import PackagedEmbedder

from .stand_in import StandInEngine, World


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[StandInEngine]:
    catalogue = Catalogue.open(tmp_path)
    engine = StandInEngine(Journal(catalogue))
    yield engine
    engine.gate.set()
    engine.reindex_gate.set()
    catalogue.close()


@pytest.fixture
def options(tmp_path: Path) -> BotOptions:
    return BotOptions(data_dir=tmp_path, user_cooldown_s=0, progress_every_s=60)


@pytest.fixture
def bot(engine: Any, options: BotOptions) -> ArticleBot:
    return ArticleBot(engine, options)


@pytest.fixture
def simcord_bot(bot: ArticleBot) -> ArticleBot:
    return bot


@pytest.fixture
async def env(simcord_env: simcord.Env, bot: ArticleBot) -> AsyncIterator[simcord.Env]:
    yield simcord_env
    await bot.close()


@pytest.fixture
def world(env: simcord.Env) -> World:
    return World(env)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, minilm: PackagedEmbedder) -> Iterator[Engine]:
    """The real engine on the bundled article, warm before any simulated Discord starts."""
    settings = IndexSettings(data_dir=tmp_path_factory.mktemp("library"))
    with Engine.open(settings, embedder=minilm) as engine:
        engine.publish_shared()
        engine.warm(Scope.shared())
        yield engine
