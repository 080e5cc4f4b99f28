"""One process of several: when it logs in, what it registers, and what it leaves to others."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import simcord

from bot import logins
from bot.client import ArticleBot, BotOptions
from bot.cogs.guilds import Guilds
from bot.logins import Logins
from bot.offload import Offload
from index import DatabaseAway, LibraryBusy, Scope
from index.postgres.database import PostgresDatabase
from index.postgres.turns import Turns

from .stand_in import StandInEngine, World

pytestmark = pytest.mark.simcord(shard_count=1)

MINE, OTHERS = (5 << 22) + 77, (6 << 22) + 77
"""Servers of the shards 5 and 6."""
IN_A_MONTH = timedelta(days=31)


@pytest.fixture
def turns_of(postgres_url: str) -> Iterator[Callable[[], Turns]]:
    """Makes the turns of one more process."""
    opened: list[PostgresDatabase] = []

    def one() -> Turns:
        opened.append(PostgresDatabase.open(postgres_url))
        return Turns(opened[-1])

    yield one
    for database in opened:
        database.close()


@pytest.fixture
async def offload() -> AsyncIterator[Offload]:
    made = Offload(workers=2, queue_limit=10, deadline_s=2.5)
    yield made
    await made.close(0)


@dataclass
class Script:
    """Gives out these waits, and raises what is an error, one after the other."""

    waits: list[float | Exception]
    turns: Any = None
    asked: list[int] = field(default_factory=list)
    within_s: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.turns = self

    def slot(self, bucket: int, *, every_s: float, within_s: float) -> float:
        assert every_s == logins.IDENTIFY_EVERY_S + logins.LATE_S
        self.asked.append(bucket)
        self.within_s.append(within_s)
        given = self.waits.pop(0)
        if isinstance(given, Exception):
            raise given
        return given


class TestLogins:
    @pytest.fixture(autouse=True)
    def _hurried(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(logins, "FIRST_RETRY_S", 0.01)

    async def test_a_shard_waits_until_its_slot_comes(self, offload: Offload) -> None:
        limits = []

        async def at_once() -> int:
            limits.append(2)
            return 2

        script = Script([0.0, 0.3])
        turn = Logins(script, offload, at_once).turn  # type: ignore[arg-type]
        await turn(4)
        began = time.monotonic()
        await turn(7)
        assert time.monotonic() - began >= 0.3
        assert script.asked == [0, 1]
        assert limits == [2]

    async def test_no_shard_logs_in_without_a_slot_of_its_own(
        self, offload: Offload, caplog: pytest.LogCaptureFixture
    ) -> None:
        script = Script([DatabaseAway("away"), LibraryBusy("many wait"), OSError("cut"), 0.0])
        with caplog.at_level(logging.WARNING):
            await Logins(script, offload, one_at_once).turn(3)  # type: ignore[arg-type]
        assert script.waits == []
        assert caplog.text.count("shard 3 waits with its login") == 3

    async def test_nor_without_knowing_how_many_may(self, offload: Offload) -> None:
        answers: list[int | Exception] = [OSError("cut"), 16]

        async def at_once() -> int:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        script = Script([0.0])
        await Logins(script, offload, at_once).turn(17)  # type: ignore[arg-type]
        assert (script.asked, answers) == ([1], [])

    async def test_a_slot_that_was_slept_over_is_not_used(
        self, offload: Offload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logins, "LATE_S", 0.1)
        script = Script([0.05, 0.0])
        asyncio.get_running_loop().call_later(0.02, time.sleep, 0.4)
        await Logins(script, offload, one_at_once).turn(0)  # type: ignore[arg-type]
        assert script.waits == []

    async def test_a_connection_that_has_waited_too_long_is_given_up(
        self, offload: Offload, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(logins, "STALE_S", 0.2)
        script = Script([LibraryBusy("many wait")] * 100)
        with pytest.raises(TimeoutError):
            await Logins(script, offload, one_at_once).turn(0)  # type: ignore[arg-type]
        assert max(script.within_s) <= 0.2


async def one_at_once() -> int:
    return 1


async def test_without_a_database_a_login_waits_as_discord_py_has_it(
    bot: ArticleBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    await bot.before_identify_hook(0, initial=True)
    await bot.before_identify_hook(1, initial=False)
    assert slept == [5.0]


class TestRegistering:
    async def sent(self, engine: StandInEngine, options: BotOptions) -> int:
        """How often a start sends the commands."""
        bot = ArticleBot(engine, options)  # type: ignore[arg-type]
        async with simcord.run(bot, shard_count=1) as env:
            count = len([one for one in env.http_requests if one.method == "PUT"])
        await bot.close()
        return count

    async def test_what_one_process_has_registered_no_other_sends(
        self,
        engine: StandInEngine,
        options: BotOptions,
        turns_of: Callable[[], Turns],
    ) -> None:
        engine.turns = turns_of()
        assert await self.sent(engine, options) == 1
        engine.turns = turns_of()
        assert await self.sent(engine, options) == 0
        engine.turns = None
        assert await self.sent(engine, options) == 1  # its folder knew nothing of it

    async def test_a_database_that_is_away_costs_the_commands_and_not_the_start(
        self,
        engine: StandInEngine,
        options: BotOptions,
        turns_of: Callable[[], Turns],
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        def away(*_: object) -> None:
            raise DatabaseAway("it does not answer")

        engine.turns = turns_of()
        monkeypatch.setattr(engine.turns, "alone", away)
        assert await self.sent(engine, options) == 0
        assert "could not be registered: it does not answer" in caplog.text


class TestServers:
    @pytest.fixture
    def cog(self, env: simcord.Env, bot: ArticleBot) -> Guilds:
        found = bot.get_cog("Guilds")
        assert isinstance(found, Guilds)
        # As if this process had shard 5 of 16, whose servers it sees.
        bot.shard_count, bot.shard_ids = 16, [5]
        return found

    def test_a_server_belongs_to_the_process_that_has_its_shard(
        self, cog: Guilds, bot: ArticleBot
    ) -> None:
        assert (bot.serves(MINE), bot.serves(OTHERS)) == (True, False)
        bot.shard_ids = None
        assert bot.serves(OTHERS)

    async def test_a_server_whose_shard_another_process_has_now_was_not_left(
        self, engine: StandInEngine, cog: Guilds
    ) -> None:
        cog.servers.known = {MINE, OTHERS}
        await cog.on_ready()
        gone = engine.journal.expired(datetime.now(UTC) + IN_A_MONTH)
        assert gone == [Scope.guild(MINE)]
        assert OTHERS in cog.servers.known

    async def test_what_another_process_may_know_better_is_not_deleted(
        self, engine: StandInEngine, cog: Guilds
    ) -> None:
        for guild in (MINE, OTHERS):
            engine.journal.leave(Scope.guild(guild))
        cog._delete_expired(datetime.now(UTC) + IN_A_MONTH)
        assert engine.forgotten == [Scope.guild(MINE)]


class TestOneAtATime:
    async def test_what_has_expired_is_deleted_by_one_process(
        self,
        world: World,
        engine: StandInEngine,
        bot: ArticleBot,
        turns_of: Callable[[], Turns],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        cog = bot.get_cog("Guilds")
        assert isinstance(cog, Guilds)
        engine.turns, other = turns_of(), turns_of()
        engine.pruned.clear()
        with other.alone("cleaning"), caplog.at_level(logging.INFO):
            cog._delete_expired(datetime.now(UTC))
        assert engine.pruned == []
        assert "another process is cleaning" in caplog.text
        cog._delete_expired(datetime.now(UTC))
        assert len(engine.pruned) == 1

    async def test_pages_are_read_again_by_one_process(
        self,
        world: World,
        engine: StandInEngine,
        bot: ArticleBot,
        turns_of: Callable[[], Turns],
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        cog: Any = bot.get_cog("Refreshing")
        engine.turns, other = turns_of(), turns_of()
        engine.looked.clear()
        with other.alone("refreshing"):
            await cog.look()
        assert engine.looked == []
        await cog.look()
        assert len(engine.looked) == 1
        assert "read later" not in caplog.text
