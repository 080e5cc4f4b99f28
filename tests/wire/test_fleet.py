"""Several processes of one bot on one database: who logs in when, who registers, who answers."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pytest

from index import Engine, IndexSettings
from index.embedding import PackagedEmbedder
from tests.postgres import execute

from .conftest import check
from .contract import Contract
from .loopback import HARBOUR, Discord, until
from .payloads import Payload, text
from .process import BotProcess
from .test_asking import HIS_NAME, MAYOR, MENTION

pytestmark = pytest.mark.long

SHARDS, PROCESSES, AT_ONCE = 16, 4, 2
SPACING_S = 0.5
"""In place of Discord's five seconds."""
SLACK_S = 0.1
"""What it takes from a process to the gateway may differ by this much."""
READY_WITHIN_S = 120.0

FIRST = (int(HARBOUR) >> 22) // SHARDS * SHARDS
GUILDS = [str((FIRST + shard) << 22) for shard in range(SHARDS)]


@dataclass
class Fleet:
    discord: Discord
    processes: list[BotProcess]

    def answered(self, process: BotProcess) -> Counter[int]:
        """How many questions a process has answered, by shard."""
        lines = [json.loads(line) for line in process.log.splitlines()]
        return Counter(
            line["shard"] for line in lines if line["message"] == "a question was answered"
        )

    async def ready(self, *processes: BotProcess) -> None:
        await until(
            lambda: all("ready as" in one.log or not one.is_running for one in processes),
            READY_WITHIN_S,
        )
        assert [one.log for one in processes if not one.is_running] == []


@asynccontextmanager
async def fleet(folder: Path, url: str, minilm: PackagedEmbedder) -> AsyncIterator[Fleet]:
    """Sixteen shards over four processes with a library that is in the database already."""
    settings = IndexSettings(data_dir=folder / "first", database_url=url)
    with Engine.open(settings, embedder=minilm) as engine:
        engine.publish_shared()
    each = SHARDS // PROCESSES
    async with AsyncExitStack() as stack:
        discord = await stack.enter_async_context(Discord(GUILDS, at_once=AT_ONCE))
        # So long that all come before the first is done.
        discord.registers_in_s = 4.0
        processes = [
            BotProcess(
                discord,
                shutil.copytree(settings.data_dir, folder / f"process-{number}"),
                before=f"import bot.logins; bot.logins.IDENTIFY_EVERY_S = {SPACING_S}",
                database_url=url,
                log_format="json",
                shard_count=SHARDS,
                shard_ids=f"{number * each}-{number * each + each - 1}",
            )
            for number in range(PROCESSES)
        ]
        for one in processes:
            await stack.enter_async_context(one)
            await one.launch()
        yield Fleet(discord, processes)


def gaps(discord: Discord) -> dict[int, list[float]]:
    """Seconds between the logins of each bucket."""
    return {
        bucket: [
            after.at - before.at
            for before, after in pairwise(
                login for login in discord.gateway.logins if login.shard % AT_ONCE == bucket
            )
        ]
        for bucket in range(AT_ONCE)
    }


async def ask_everywhere(discord: Discord) -> list[Payload]:
    """In each server once by command and once by a mention; one answer each."""
    channels = discord.channels.values()
    asked = [await discord.command("ask", channel=one, question=MAYOR) for one in channels]
    said = [await discord.say(f"{MENTION} {MAYOR}", channel=one) for one in channels]
    shown = [await discord.answer(one, 60) for one in asked]
    shown += [await discord.reply(one, 60) for one in said]
    await asyncio.sleep(0.5)  # a second answer would come now
    assert [len(one.shown) for one in asked] == [1] * SHARDS
    assert [len(discord.replies(one)) for one in said] == [1] * SHARDS
    return shown


async def test_sixteen_shards_over_four_processes(
    tmp_path: Path, postgres_url: str, minilm: PackagedEmbedder, contract: Contract | None
) -> None:
    """No two shards of a bucket log in too soon after each other, the commands are sent once,
    and each question is answered once, by the process that has its shard. A session that
    goes on after a break needs no turn. A process that is killed takes its own shards along and no others, and has them again when it is back.
    """
    async with fleet(tmp_path, postgres_url, minilm) as running:
        discord, processes = running.discord, running.processes
        await running.ready(*processes)
        assert sorted(login.shard for login in discord.gateway.logins) == list(range(SHARDS))

        shown = await ask_everywhere(discord)
        assert [HIS_NAME in text(one) for one in shown] == [True] * 2 * SHARDS
        each = SHARDS // PROCESSES
        assert [running.answered(one) for one in processes] == [
            Counter(dict.fromkeys(range(first, first + each), 2))
            for first in range(0, SHARDS, each)
        ]

        before = execute(postgres_url, "SELECT * FROM identifies ORDER BY bucket")
        await discord.gateway.ask_to_reconnect()
        await until(lambda: len(discord.gateway.resumes) == 1)
        assert execute(postgres_url, "SELECT * FROM identifies ORDER BY bucket") == before

        (dead, *others) = processes
        dead.kill()
        assert await dead.ended() != 0
        last = discord.channels[GUILDS[-1]]
        said = await discord.say(f"{MENTION} {MAYOR}", channel=last)
        assert HIS_NAME in text(await discord.reply(said))
        dead.output.unlink()
        await dead.launch()
        await running.ready(dead)
        said = await discord.say(f"{MENTION} {MAYOR}", channel=discord.channels[GUILDS[0]])
        assert HIS_NAME in text(await discord.reply(said))

        found = gaps(discord)
        print({bucket: [round(gap, 2) for gap in each] for bucket, each in found.items()})
        assert min(gap for each in found.values() for gap in each) >= SPACING_S - SLACK_S
        assert Counter(login.shard for login in discord.gateway.logins) == Counter(
            {shard: 1 + (shard < each) for shard in range(SHARDS)}
        )
        sent = [
            one for one in discord.requests if (one.method, one.path[-9:]) == ("PUT", "/commands")
        ]
        assert len(sent) == 1
        check(discord, contract)
        for one in others:
            assert "Traceback" not in one.log
