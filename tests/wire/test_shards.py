"""A shard is open in one process: the locks, who waits for them, and who has to end."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

import bot.shards
import index.postgres.database
import index.postgres.turns
from bot.errors import ShardTaken
from bot.exits import Exit, exit_of
from bot.shards import Shards, holding
from index import DatabaseAway, Engine, LibraryBusy
from index.postgres.turns import HeldShards, Turns
from tests.postgres import execute, server

from .loopback import Discord, until
from .payloads import text
from .process import START_WITHIN_S, BotProcess
from .test_asking import HIS_NAME, MAYOR

BOT = "the token of a bot"
SOON_S = 20.0
HOLDERS = """
    FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND mode = 'ExclusiveLock' AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""
"""Who has a shard."""


@pytest.fixture
def engine_of(open_engine: Callable[..., Engine], postgres_url: str) -> Callable[[], Engine]:
    """Makes the engine of one more process."""
    return lambda: open_engine(database_url=postgres_url)


@pytest.fixture
def turns_of(engine_of: Callable[[], Engine]) -> Callable[[], Turns]:
    def one() -> Turns:
        turns = engine_of().turns
        assert turns is not None
        return turns

    return one


def take_soon(shards: HeldShards) -> None:
    """Take them as soon as they are free: a connection that is closed keeps its locks a moment."""
    ends = time.monotonic() + SOON_S
    while True:
        try:
            shards.take()
        except LibraryBusy:
            assert time.monotonic() < ends
            time.sleep(0.005)
        else:
            return


def end_locks(url: str) -> None:
    """Cut the connections that hold a shard, as a restart of the server does."""
    execute(url, f"SELECT pg_terminate_backend(pid) {HOLDERS}")


class TestLocks:
    def test_a_shard_is_held_by_one_process_and_free_when_that_lets_go(
        self, turns_of: Callable[[], Turns]
    ) -> None:
        one, other = turns_of(), turns_of()
        with other.shards(BOT, 8, [3, 4]) as late:
            with one.shards(BOT, 8, [2, 3]) as early:
                early.take()
                with pytest.raises(LibraryBusy, match="shard 3 is open in another process") as told:
                    late.take()
                assert f":{os.getpid()})" in str(told.value)
            take_soon(late)

    def test_what_is_held_may_be_taken_again(self, turns_of: Callable[[], Turns]) -> None:
        with turns_of().shards(BOT, 8, [2, 3]) as shards:
            shards.take()
            shards.take()

    def test_other_shards_and_other_bots_are_not_in_the_way(
        self, turns_of: Callable[[], Turns]
    ) -> None:
        with ExitStack() as stack:
            for bot, numbers in ((BOT, range(4)), (BOT, range(4, 8)), ("another", range(8))):
                stack.enter_context(turns_of().shards(bot, 8, numbers)).take()

    def test_all_agree_on_how_many_shards_there_are(self, turns_of: Callable[[], Turns]) -> None:
        one, other = turns_of(), turns_of()
        with other.shards(BOT, 16, [9]) as late:
            with one.shards(BOT, 0, [0]) as early:
                early.take()
                said = "opens shards of as many as Discord advises in all, and this one of 16"
                with pytest.raises(LibraryBusy, match=said):
                    late.take()
                # Whoever waits keeps nobody out who agrees with those that are there.
                taken_too = turns_of()
                with taken_too.shards(BOT, 0, [1]) as third:
                    third.take()
            take_soon(late)

    def test_of_two_that_want_each_others_shards_one_gets_all(
        self, turns_of: Callable[[], Turns]
    ) -> None:
        one, other, first = turns_of(), turns_of(), turns_of()
        with one.shards(BOT, 4, [1, 0]) as a, other.shards(BOT, 4, [0, 1]) as b:
            with first.shards(BOT, 4, [0]) as held:
                held.take()
                for waiting in (a, b):
                    with pytest.raises(LibraryBusy, match="shard 0"):
                        waiting.take()
            take_soon(b)
            with pytest.raises(LibraryBusy, match="shard 0"):
                a.take()

    def test_a_broken_connection_is_told_at_once(
        self, turns_of: Callable[[], Turns], postgres_url: str
    ) -> None:
        def hold() -> None:
            with turns_of().shards(BOT, 1, [0]) as shards:
                shards.take()
                end_locks(postgres_url)
                shards.watch(SOON_S)

        began = time.monotonic()
        with pytest.raises(DatabaseAway):
            hold()
        assert time.monotonic() - began < SOON_S / 2

    def test_a_server_that_hangs_is_told_too(
        self,
        turns_of: Callable[[], Turns],
        postgres_url: str,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """Nothing breaks then, while a standby may have been promoted in its place."""
        monkeypatch.setattr(index.postgres.turns, "ASKS_EVERY_S", 0.1)
        monkeypatch.setattr(index.postgres.database, "_SILENT_S", 1.0)

        def hold(stopped: list[int]) -> None:
            with turns_of().shards(BOT, 1, [0]) as shards:
                shards.take()
                ((holder,),) = execute(postgres_url, f"SELECT pid {HOLDERS}")
                stopped.append(holder)
                os.kill(holder, signal.SIGSTOP)
                ends = time.monotonic() + SOON_S
                while time.monotonic() < ends:
                    shards.watch(0.1)

        stopped: list[int] = []
        try:
            with pytest.raises(DatabaseAway):
                hold(stopped)
        finally:
            os.kill(*stopped, signal.SIGCONT)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bot.shards, "LOOK_S", 0.05)
    monkeypatch.setattr(bot.shards, "RETAKEN_WITHIN_S", 1.0)


@pytest.fixture
def shards_of(engine_of: Callable[[], Engine], quick: None) -> Callable[..., Shards]:
    """Makes the shards of one more process: shard 0 of one, unless told otherwise."""

    def one(*, patience_s: float = 1.0) -> Shards:
        return Shards(engine_of(), BOT, None, None, patience_s=patience_s)

    return one


class TestWaiting:
    async def test_who_comes_later_waits_until_the_first_has_ended(
        self, shards_of: Callable[..., Shards], caplog: pytest.LogCaptureFixture
    ) -> None:
        entered = asyncio.Event()

        async def later() -> None:
            async with holding(shards_of(patience_s=SOON_S), asyncio.Event()):
                entered.set()

        async with holding(shards_of(), asyncio.Event()):
            waiting = asyncio.create_task(later())
            await until(lambda: "waiting up to 20 s for its end" in caplog.text)
            await asyncio.sleep(0.3)
            assert not entered.is_set()
        await asyncio.wait_for(waiting, SOON_S)
        assert entered.is_set()

    async def test_who_waits_in_vain_ends_and_says_why(
        self, shards_of: Callable[..., Shards]
    ) -> None:
        stop = asyncio.Event()
        async with holding(shards_of(), asyncio.Event()):
            with pytest.raises(ShardTaken) as told:
                async with asyncio.timeout(SOON_S), holding(shards_of(patience_s=0.3), stop):
                    pass
        assert stop.is_set()
        assert "shard 0 is open in another process" in str(told.value)
        assert "SHARD_IDS" in str(told.value)
        assert exit_of(told.value) == Exit.TRY_AGAIN

    async def test_who_is_told_to_stop_waits_no_longer(
        self, shards_of: Callable[..., Shards], caplog: pytest.LogCaptureFixture
    ) -> None:
        stop = asyncio.Event()
        async with holding(shards_of(), asyncio.Event()):
            waiting = asyncio.create_task(_through(shards_of(patience_s=600), stop))
            await until(lambda: "waiting up to 600 s" in caplog.text)
            stop.set()
            await asyncio.wait_for(waiting, SOON_S)

    async def test_locks_that_the_server_lost_are_taken_again(
        self,
        shards_of: Callable[..., Shards],
        postgres_url: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        stop = asyncio.Event()
        async with holding(shards_of(), stop):
            end_locks(postgres_url)
            await until(lambda: "the locks of the shards are held again" in caplog.text)
            with pytest.raises(ShardTaken):
                await _through(shards_of(patience_s=0.3), asyncio.Event())
            assert not stop.is_set()

    async def test_who_lost_a_shard_to_another_process_ends(
        self, shards_of: Callable[..., Shards], postgres_url: str, turns_of: Callable[[], Turns]
    ) -> None:
        stop = asyncio.Event()

        async def lose(other: HeldShards) -> None:
            async with holding(shards_of(), stop):
                taking = asyncio.create_task(asyncio.to_thread(take_soon, other))
                await asyncio.sleep(0.1)
                end_locks(postgres_url)
                await asyncio.wait_for(taking, SOON_S)
                await asyncio.wait_for(stop.wait(), SOON_S)

        said = "shard 0 is open in another process"
        with turns_of().shards(BOT, 0, [0]) as other, pytest.raises(ShardTaken, match=said):
            await lose(other)
        assert stop.is_set()


async def _through(shards: Shards, stop: asyncio.Event) -> None:
    async with asyncio.timeout(SOON_S), holding(shards, stop):
        pass


@pytest.fixture
def two_folders(tmp_path: Path) -> tuple[Path, Path]:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    return first, second


@pytest.mark.long
async def test_a_second_process_with_the_same_shard_ends_and_takes_over_when_the_first_has(
    two_folders: tuple[Path, Path],
) -> None:
    """The first goes on, through a restart of the database too; no question has two answers."""
    quick = "import bot.shards; bot.shards.LEAVING_S = -22"  # of 25 seconds that draining may take
    with server() as database:
        async with (
            Discord() as discord,
            BotProcess(discord, two_folders[0], database_url=database.url()) as first,
            BotProcess(
                discord, two_folders[1], before=quick, database_url=database.url()
            ) as second,
        ):
            await first.start()
            logins = len(discord.gateway.logins)
            await second.launch()
            assert await second.ended() == Exit.TRY_AGAIN
            assert "shard 0 is open in another process" in second.log
            assert len(discord.gateway.logins) == logins
            said = await discord.answer(await discord.command("ask", question=MAYOR), 60)
            assert HIS_NAME in text(said)

            database.kill()
            database.start()
            await until(lambda: "the locks of the shards are held again" in first.log, 60)
            await second.launch()
            assert await second.ended() == Exit.TRY_AGAIN
            assert first.is_running

            patient = "import bot.shards; bot.shards.LEAVING_S = 35"
            third = BotProcess(discord, two_folders[1], before=patient, database_url=database.url())
            third.output = second.output.with_suffix(".third.log")
            async with third:
                await third.launch()
                await until(lambda: "waiting up to 60 s" in third.log, START_WITHIN_S)
                first.terminate()
                assert await first.ended() == Exit.OK
                await until(lambda: len(discord.gateway.logins) > logins, START_WITHIN_S)
                asked = await discord.command("ask", question=MAYOR)
                assert HIS_NAME in text(await discord.answer(asked, 60))
            assert "Traceback" not in first.log + second.log + third.log
