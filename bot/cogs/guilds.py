"""Coming and going: the hint on joining a server, the end of what is kept after leaving it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable
from datetime import UTC, datetime, timedelta

import aiohttp
import discord
from discord.ext import commands, tasks

from bot.client import ArticleBot
from bot.errors import BotError
from bot.offload import Offload
from bot.panels.guide import welcome_panel
from bot.servers import FILE_NAME, Servers
from index import EngineError, LibraryBusy, Scope

log = logging.getLogger(__name__)

NEW_FOR = timedelta(days=1)
"""A server joined before that, unknown as it may be, is not greeted any more."""
CLEAN_EVERY = timedelta(days=1)


class Guilds(commands.Cog):
    """Each server is greeted once, and nothing here pings anybody."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self.servers = Servers(bot.options.data_dir / FILE_NAME)
        # One thread of its own: in order, and neither behind a re-index nor before one.
        self._housework = Offload(workers=1, queue_limit=1024, deadline_s=None, name="housework")

    async def cog_load(self) -> None:
        await self.bot.lookups.run(lambda _: self.servers.load())
        self.clean.start()

    async def cog_unload(self) -> None:
        self.clean.cancel()
        await self._housework.close(0)

    # Coming and going

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """Catch up with what happened while the bot was down."""
        here = {guild.id: guild for guild in self.bot.guilds}
        joined, gone = here.keys() - self.servers.known, self.servers.known - here.keys()
        # The others may be where another process is: its shards were this one's before.
        left = {guild_id for guild_id in gone if self.bot.serves(guild_id)}
        await self._note(joined=joined, left=left)
        for guild_id in joined:
            if _is_new(here[guild_id]):
                await self._welcome(here[guild_id])

    @commands.Cog.listener()
    async def on_guild_join(self, guild: discord.Guild) -> None:
        if guild.id not in self.servers.known:
            await self._note(joined={guild.id})
            await self._welcome(guild)

    @commands.Cog.listener()
    async def on_guild_remove(self, guild: discord.Guild) -> None:
        await self._note(left={guild.id})

    async def _note(
        self, *, joined: Collection[int] = frozenset(), left: Collection[int] = frozenset()
    ) -> None:
        """Keep where the bot is; a failure must not end the session."""
        if not (joined or left):
            return
        self.servers.known.update(joined)
        self.servers.known.difference_update(left)
        known, journal = frozenset(self.servers.known), self.bot.engine.journal

        def work(_: float | None) -> None:
            for guild_id in joined:
                journal.rejoin(Scope.guild(guild_id))
            for guild_id in left:
                journal.leave(Scope.guild(guild_id))
            self.servers.save(known)

        try:
            await self._housework.run(work)
        except (BotError, EngineError) as error:
            log.warning("cannot note which servers were joined or left: %s", error)

    async def _welcome(self, guild: discord.Guild) -> None:
        channel = _first_open(guild)
        if channel is None:
            return
        try:
            articles = await self.bot.known.articles(Scope.guild(guild.id))
            titles = tuple(article.title for article in articles)
            await channel.send(view=welcome_panel(guild.preferred_locale, titles), silent=True)
        except (BotError, EngineError, discord.HTTPException, aiohttp.ClientError) as error:
            log.info("server %s gets no hint: %s", guild.id, error)

    # What is kept ends

    @tasks.loop(hours=CLEAN_EVERY / timedelta(hours=1))
    async def clean(self) -> None:
        """Delete what has been kept long enough, and all of the servers left long ago."""
        try:
            await self._housework.run(lambda _: self._delete_expired(datetime.now(UTC)))
        except (BotError, EngineError) as error:
            log.warning("what has expired stays until tomorrow: %s", error)

    @clean.before_loop
    async def _until_servers_are_known(self) -> None:
        await self.bot.wait_until_ready()

    def _delete_expired(self, now: datetime) -> None:
        engine = self.bot.engine
        for scope in engine.journal.expired(now):
            if scope in {Scope.guild(guild.id) for guild in tuple(self.bot.guilds)}:
                engine.journal.rejoin(scope)  # nobody noticed the return
            elif self._may_tell(scope):
                engine.forget(scope)
                log.info("deleted %s, which was left long ago", scope)
        try:
            with self.bot.alone("cleaning"):
                engine.journal.purge(now)
                engine.prune(now)
        except LibraryBusy as error:
            log.info("nothing that has expired was deleted: %s", error)

    def _may_tell(self, scope: Scope) -> bool:
        """Whether this process would see it if the bot were back in that server."""
        kind, _, number = scope.key.partition(":")
        return kind != "guild" or self.bot.serves(int(number))


def _is_new(guild: discord.Guild) -> bool:
    joined_at = guild.me.joined_at if guild.me else None
    return joined_at is not None and datetime.now(UTC) - joined_at < NEW_FOR


def _first_open(guild: discord.Guild) -> discord.TextChannel | None:
    """The system channel, or else the first, that everybody reads and the bot may write in."""
    candidates: Iterable[discord.TextChannel | None] = (guild.system_channel, *guild.text_channels)
    return next((each for each in candidates if each and _is_open(each)), None)


def _is_open(channel: discord.TextChannel) -> bool:
    mine = channel.permissions_for(channel.guild.me)
    return mine.view_channel and mine.send_messages
