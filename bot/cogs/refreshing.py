"""Web pages are read again as they come due, so that what is answered stays true."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta

from discord.ext import commands, tasks

from bot.client import ArticleBot
from bot.errors import BotError
from index import EngineError

log = logging.getLogger(__name__)

LOOK_EVERY = timedelta(minutes=5)


class Refreshing(commands.Cog):
    """Looks every few minutes for pages that are due, off the event loop."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        if self.bot.options.refresh_hours > 0:
            self.look.start()

    async def cog_unload(self) -> None:
        self.look.cancel()

    @tasks.loop(seconds=LOOK_EVERY.total_seconds())
    async def look(self) -> None:
        every = timedelta(hours=self.bot.options.refresh_hours)
        engine, now = self.bot.engine, datetime.now(UTC)
        try:
            count = await self.bot.chores.run(lambda _: engine.refresh_due(every, now))
        except (BotError, EngineError) as error:
            log.warning("pages that are due are read later: %s", error)
            return
        if count:
            log.info("read %d pages again", count)

    @look.before_loop
    async def _until_ready(self) -> None:
        await self.bot.wait_until_ready()
