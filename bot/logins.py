"""When a shard may log in to the gateway, where several processes share one bot.

Of the shards whose number leaves the same rest, Discord takes one each five seconds.
discord.py keeps to that within a process; the database does across all of them.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import aiohttp
import discord

from bot.errors import BotError
from bot.offload import Offload
from index import EngineError

if TYPE_CHECKING:
    from index import Engine

log = logging.getLogger(__name__)

IDENTIFY_EVERY_S = 5.0
LATE_S = 0.5
"""By so much a busy process may come after its slot, and still be far enough from the next."""
STALE_S = 50.0
"""discord.py gives up a connection on which nothing was said for a minute."""
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 8.0

_TRANSIENT = (
    EngineError,
    BotError,
    discord.DiscordException,
    aiohttp.ClientError,
    OSError,
)


class Logins:
    """``at_once`` asks Discord for its ``max_concurrency``; it is asked once."""

    def __init__(
        self, engine: Engine, offload: Offload, at_once: Callable[[], Awaitable[int]]
    ) -> None:
        self._engine = engine
        self._offload = offload
        self._ask = at_once
        self._at_once: int | None = None

    async def turn(self, shard_id: int) -> None:
        """Return at the moment when the shard may log in, and never without a slot of its own.

        Raises TimeoutError after STALE_S: whoever waits does so on an open connection, and
        needs a new one by then.
        """
        retry_s, ends = FIRST_RETRY_S, asyncio.get_running_loop().time() + STALE_S
        async with asyncio.timeout_at(ends):
            while True:
                try:
                    if await self._has_come(shard_id, ends):
                        return
                except _TRANSIENT as error:
                    log.warning("shard %d waits with its login: %s", shard_id, error)
                    spread = random.uniform(0.5, 1.0)  # noqa: S311 - no secret
                    await asyncio.sleep(retry_s * spread)
                    retry_s = min(retry_s * 2, LONGEST_RETRY_S)

    async def _has_come(self, shard_id: int, ends: float) -> bool:
        """Take a slot and sleep until it comes; False when that was slept over."""
        if self._at_once is None:
            self._at_once = await self._ask()
        bucket, clock = shard_id % self._at_once, asyncio.get_running_loop().time
        asked = clock()
        wait_s = await self._offload.run(lambda _: self._slot(bucket, ends - asked))
        await asyncio.sleep(wait_s)
        return clock() - asked <= wait_s + LATE_S

    def _slot(self, bucket: int, within_s: float) -> float:
        turns = self._engine.turns
        assert turns is not None
        return turns.slot(bucket, every_s=IDENTIFY_EVERY_S + LATE_S, within_s=within_s)
