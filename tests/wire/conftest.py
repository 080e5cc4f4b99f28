"""A prepared library, a Discord on this machine, and the bot's process between them."""

from __future__ import annotations

import asyncio
import inspect
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from index import Engine, IndexSettings, Scope
from index.embedding import PackagedEmbedder

from .contract import Contract
from .faults import RESET, Fault
from .loopback import APPLICATION, SLOW, SLOWER, Discord
from .payloads import Payload
from .process import BotProcess

OWN_ARTICLE = b"The lighthouse of Aldra was painted by its keeper, whose name is Anselm."


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of these tests share one event loop, on which their Discords live."""
    for item in items:
        here = Path(__file__).parent in item.path.parents
        if here and inspect.iscoroutinefunction(getattr(item, "function", None)):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, minilm: PackagedEmbedder) -> Path:
    """A data folder with the bundled article; two servers have one of their own."""
    settings = IndexSettings(data_dir=tmp_path_factory.mktemp("prepared") / "data")
    with Engine.open(settings, embedder=minilm) as engine:
        engine.publish_shared()
        for guild in (SLOW, SLOWER):
            engine.add(Scope.guild(int(guild)), OWN_ARTICLE, media_type="text/plain")
    return settings.data_dir


@contextmanager
def held(data: Path) -> Iterator[None]:
    """Keep the catalogue's write lock, as another process does while it writes.

    A question is read and answered, but waits for its record to be kept.
    """
    connection = sqlite3.connect(data / "catalogue.sqlite", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.rollback()
    connection.close()


@pytest.fixture(scope="session")
def data_folder(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a copy of the prepared folder for one process."""
    return lambda: shutil.copytree(prepared, tmp_path_factory.mktemp("wire") / "data")


@pytest.fixture(scope="session")
def contract() -> Contract | None:
    file = os.environ.get("DISCORD_OPENAPI")
    return Contract(Path(file)) if file else None


@pytest.fixture
def described(contract: Contract | None) -> Contract:
    if contract is None:
        pytest.skip("DISCORD_OPENAPI names no file with Discord's description of its API")
    return contract


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running(data_folder: Callable[[], Path]) -> AsyncIterator[BotProcess]:
    """One bot for all tests that leave it running."""
    async with Discord() as discord, BotProcess(discord, data_folder()) as process:
        await process.start()
        yield process


@dataclass
class Unlucky:
    """A process, and the two questions that it is asked before and while all is silent."""

    process: BotProcess
    questions: asyncio.Task[tuple[Payload, Payload]]


@pytest_asyncio.fixture(scope="session", loop_scope="session", autouse=True)
async def _unlucky(
    request: pytest.FixtureRequest, data_folder: Callable[[], Path]
) -> AsyncIterator[Unlucky | None]:
    """discord.py waits a minute for a sign of life. So this bot starts before the first test
    and suffers behind the others, and the test that asks for it waits for the end alone.
    """
    if not any("unlucky" in getattr(item, "fixturenames", ()) for item in request.session.items):
        yield None
        return
    async with Discord() as discord, BotProcess(discord, data_folder()) as process:
        discord.faults = [
            Fault("GET", "/users/@me$", RESET, times=2),
            Fault("GET", "/gateway/bot$", 503),
        ]
        discord.gateway.refusals = 1
        await process.launch()
        questions = asyncio.create_task(_suffers(process))
        yield Unlucky(process, questions)
        await questions


async def _suffers(process: BotProcess) -> tuple[Payload, Payload]:
    await process.connected()
    discord = process.discord
    said = await discord.say(f"<@{APPLICATION}> Who is the mayor of Beijing?")
    await discord.reply(said, within_s=60)
    discord.gateway.fall_silent()
    missed = await discord.say(f"<@{APPLICATION}> Who is the mayor of Beijing?")
    return said, missed


@pytest.fixture
def unlucky(_unlucky: Unlucky | None) -> Unlucky:
    """A bot that started while Discord was down, and whose connection then fell silent."""
    assert _unlucky is not None
    return _unlucky


@pytest.fixture
def discord(running: BotProcess, contract: Contract | None) -> Iterator[Discord]:
    """The Discord that the shared bot is connected to; what it was asked must be allowed."""
    discord = running.discord
    before = len(discord.requests)
    yield discord
    unmet, discord.faults = [f for f in discord.faults if not f.struck], []
    assert unmet == []
    check(discord, contract, before)


def check(discord: Discord, contract: Contract | None, before: int = 0) -> None:
    """Every request is one that Discord knows, and of a shape that it describes."""
    requests = discord.requests[before:]
    assert [request for request in requests if not request.known] == []
    if contract is not None:
        assert [problem for r in requests for problem in contract.problems(r)] == []
