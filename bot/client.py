"""The Discord client: intents, command tree, command sync, draining, lifecycle."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
import discord
from discord import app_commands
from discord.ext import commands

from bot import delivery, render
from bot.errors import (
    BadToken,
    ConnectionLost,
    IntentsRefused,
    NotAllowed,
    ShuttingDown,
    words_for,
)
from bot.offload import Offload
from bot.policy import Cooldown
from bot.registered import FILE_NAME, Registered

if TYPE_CHECKING:
    from index import Engine

log = logging.getLogger(__name__)

INTENTS = discord.Intents(guilds=True, guild_messages=True)
"""Nothing privileged: a message that mentions the bot carries its text anyway."""

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0


@dataclass(frozen=True, slots=True)
class BotOptions:
    """What the client can be told. ``user_cooldown_s`` is seconds for one question, by user
    and server (0: none); ``sync_guild`` limits the commands to one server, for development.
    """

    data_dir: Path
    workers: int = 1
    queue_limit: int = 64
    answer_timeout_s: float = 20.0
    user_cooldown_s: float = 5.0
    max_question_chars: int = 1000
    sync_guild: int | None = None
    drain_s: float = 20.0
    progress_every_s: float = 1.5


class AnswerTree(app_commands.CommandTree["ArticleBot"]):
    """Turns every error of a command into words, and takes none while closing."""

    async def interaction_check(self, interaction: discord.Interaction[ArticleBot], /) -> bool:
        if self.client.closing:
            await interaction.response.send_message(
                view=render.notice(words_for(ShuttingDown())), ephemeral=True
            )
        return not self.client.closing

    async def on_error(
        self,
        interaction: discord.Interaction[ArticleBot],
        error: app_commands.AppCommandError,
        /,
    ) -> None:
        private = [value for _, value in interaction.namespace if isinstance(value, str)]
        view = render.notice(words_for(_cause(error), private=private))
        with contextlib.suppress(discord.NotFound):
            if interaction.response.is_done():
                await delivery.respond(interaction, view)
            else:
                await interaction.response.send_message(view=view, ephemeral=True)


def _cause(error: app_commands.AppCommandError) -> BaseException:
    """The error of ours inside one of discord's."""
    match error:
        case app_commands.CommandInvokeError():
            return error.original
        case app_commands.MissingPermissions():
            return NotAllowed("Only people who may manage this server can do that.")
        case app_commands.CheckFailure():
            return NotAllowed("You cannot do that here.")
        case _:
            return error


class ArticleBot(commands.AutoShardedBot):
    """Serves one engine, which it does not own. Made anew for every session with Discord."""

    def __init__(self, engine: Engine, options: BotOptions) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=AnswerTree,
            intents=INTENTS,
            allowed_installs=app_commands.AppInstallationType(guild=True, user=False),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=False
            ),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=60.0,
        )
        self.engine = engine
        self.options = options
        self.questions = Offload(
            workers=options.workers,
            queue_limit=options.queue_limit,
            deadline_s=options.answer_timeout_s,
            name="question",
        )
        # A re-index takes its time on a thread of its own, so that asking goes on.
        self.chores = Offload(workers=1, queue_limit=16, deadline_s=None, name="chore")
        self.cooldown = Cooldown(options.user_cooldown_s)
        self.closing = False
        self.has_connected = False
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def setup_hook(self) -> None:
        from bot.cogs.ask import Ask  # noqa: PLC0415 - the cogs import this module
        from bot.cogs.library import Library  # noqa: PLC0415 - the cogs import this module

        await self.add_cog(Ask(self))
        await self.add_cog(Library(self))
        await self.sync_commands()

    async def sync_commands(self) -> bool:
        """Register the commands when they differ from what was registered last.

        Discord allows 200 creations a day for each server, hence the record in the data
        folder. True when they were sent. A failure is logged and tried at the next start.
        """
        guild = discord.Object(self.options.sync_guild) if self.options.sync_guild else None
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        payload = [command.to_dict(self.tree) for command in self.tree.get_commands(guild=guild)]
        record = Registered(self.options.data_dir / FILE_NAME)
        place = f"{self.application_id}:{guild.id if guild else 'global'}"
        if record.holds(place, payload):
            return False
        try:
            await self.tree.sync(guild=guild)
        except (discord.HTTPException, aiohttp.ClientError) as error:
            log.warning("the commands could not be registered: %s", error)
            return False
        record.keep(place, payload)
        return True

    async def on_connect(self) -> None:
        self.has_connected = True

    async def on_ready(self) -> None:
        log.info("ready as %s in %d servers", self.user, len(self.guilds))

    async def on_message(self, message: discord.Message, /) -> None:
        """Commands are slash commands; messages belong to the cogs' listeners."""

    @contextlib.contextmanager
    def answering(self) -> Iterator[None]:
        """While inside, `drain` waits."""
        self._answering += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._answering -= 1
            if not self._answering:
                self._idle.set()

    async def drain(self) -> bool:
        """Take no more questions and finish the accepted ones; False when time ran out."""
        self.closing = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), self.options.drain_s)
        return self._idle.is_set()

    async def close(self) -> None:
        self.closing = True
        await self.questions.close(0)
        await self.chores.close(0)
        await super().close()


async def run(make_bot: Callable[[], ArticleBot], token: str) -> None:
    """Serve until SIGTERM or SIGINT, then drain and close.

    While Discord cannot be reached at first, tries again with a back-off and a new bot
    each time. Raises BadToken, IntentsRefused, or ConnectionLost once it had connected.
    """
    stop = asyncio.Event()
    with _signals_set(stop):
        retry_s = FIRST_RETRY_S
        while not await _session(make_bot(), token, stop):
            wait_s = retry_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, no secret
            log.warning("Discord cannot be reached; next try in %.0f s", wait_s)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), wait_s)
                return
            retry_s = min(retry_s * 2, LONGEST_RETRY_S)


async def _session(bot: ArticleBot, token: str, stop: asyncio.Event) -> bool:
    """One bot from login to close: True when it is over, False when it never connected."""
    async with bot:
        serving = asyncio.create_task(bot.start(token))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            await bot.drain()
            serving.cancel()
        stopping.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            return True
        except Exception as error:  # noqa: BLE001 - sorted out by name below
            return _ended(error, connected=bot.has_connected)
        return stop.is_set() or bot.has_connected


def _ended(error: Exception, *, connected: bool) -> bool:
    """False when another try may help; otherwise raises what the operator needs to know."""
    refused = isinstance(error, discord.ConnectionClosed) and error.code == 4004
    if refused or isinstance(error, discord.LoginFailure):
        raise BadToken(
            "Discord refused the token: copy it again from the developer portal"
            " (your application, Bot, Reset Token) and set DISCORD_TOKEN."
        ) from error
    if isinstance(error, discord.PrivilegedIntentsRequired):
        raise IntentsRefused(
            "Discord refused an intent: enable Message Content Intent in the developer portal"
            " (your application, Bot)."
        ) from error
    transient = isinstance(
        error,
        OSError | aiohttp.ClientError | discord.GatewayNotFound | discord.DiscordServerError,
    )
    if transient and not connected:
        return False
    raise ConnectionLost(
        f"The session with Discord ended ({type(error).__name__}): start the bot again."
    ) from error


@contextlib.contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    signals = (signal.SIGTERM, signal.SIGINT)
    previous = {}
    for number in signals:
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            previous[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    try:
        yield
    finally:
        for number in signals:
            if number in previous:
                signal.signal(number, previous[number])
            else:
                loop.remove_signal_handler(number)
