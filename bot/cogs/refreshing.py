"""Web pages are read again as they come due, so that what is answered stays true."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from discord.ext import commands, tasks

from bot.client import ArticleBot
from bot.errors import ShuttingDown
from bot.offload import Offload
from index import LibraryBusy

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(minutes=5)


class Refreshing(commands.Cog):
    """Looks every few minutes for pages that are due, off the event loop."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        # A thread of its own: pages may be slow, and nobody waits for them.
        self._reading = Offload(workers=1, queue_limit=1, deadline_s=None, name="refresh")

    async def cog_load(self) -> None:
        if self.bot.options.refresh_hours > 0:
            self.look.start()

    async def cog_unload(self) -> None:
        self.look.cancel()
        await self._reading.close(0)

    @tasks.loop(seconds=LOOK_EVERY.total_seconds())
    async def look(self) -> None:
        every = timedelta(hours=self.bot.options.refresh_hours)
        try:
            count = await self._reading.run(lambda _: self._refresh(every))
        except ShuttingDown:
            return
        except LibraryBusy as error:
            log.debug("no page is read: %s", error)
            return
        except Exception:  # a loop of discord.py's would end for good, for every server
            log.exception("pages that are due are read later")
            return
        if count:
            log.info("read %d pages again", count)

    def _refresh(self, every: timedelta) -> int:
        # Two processes would ask each site twice.
        with self.bot.alone("refreshing"):
            return self.bot.engine.refresh_due(
                every, datetime.now(UTC), stop=lambda: self.bot.closing
            )

    @look.before_loop
    async def _until_ready(self) -> None:
        await self.bot.wait_until_ready()
