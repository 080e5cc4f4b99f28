"""The Discord client: intents, command tree, command sync, draining, lifecycle."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import signal
from collections.abc import Callable, Iterator
from concurrent import futures
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp
import discord
import yarl
from discord import app_commands
from discord.ext import commands

from bot import delivery, render
from bot.conversation import Conversations
from bot.errors import (
    BadToken,
    BotError,
    ConnectionLost,
    IntentsRefused,
    NotAllowed,
    ShuttingDown,
    words_for,
)
from bot.known import Known
from bot.logins import Logins
from bot.offload import Offload
from bot.policy import SERVER_BURST, SERVER_SHARE, Cooldown
from bot.registered import record_of
from bot.shards import Shards, holding
from bot.translator import CommandWords
from bot.working import Workshop
from index import EngineError

if TYPE_CHECKING:
    from index import Engine

log = logging.getLogger(__name__)

INTENTS = discord.Intents(guilds=True, guild_messages=True, dm_messages=True)
"""Nothing privileged: a message that mentions the bot carries its text anyway."""

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 180.0
"""With it even a session that dies at once, all day, stays below 1,000 logins to the gateway."""
LOOK_S = 0.2
"""How often a thread that waits for the event loop looks whether the bot closes."""
STEADY_S = 300.0
"""A session that lasted so long is no failure of the one before: the next try comes soon."""


@dataclass(frozen=True, slots=True)
class BotOptions:
    """What the client can be told. ``user_cooldown_s`` is seconds for one question, by user
    and server (0: none); ``sync_guild`` limits the commands to one server, for development;
    ``message_content`` asks Discord for the text of all messages, for watched channels.
    ``shard_count`` None leaves it to Discord, ``shard_ids`` None takes all of them.
    """

    data_dir: Path
    workers: int = 1
    queue_limit: int = 256
    answer_timeout_s: float = 20.0
    user_cooldown_s: float = 3.0
    max_question_chars: int = 1000
    max_article_mb: float = 10.0
    threshold: float = 0.1
    sync_guild: int | None = None
    message_content: bool = False
    refresh_hours: float = 24.0
    drain_s: float = 20.0
    progress_every_s: float = 1.5
    shard_count: int | None = None
    shard_ids: tuple[int, ...] | None = None


def _intents(options: BotOptions) -> discord.Intents:
    intents = discord.Intents(INTENTS.value)
    intents.message_content = options.message_content
    return intents


class AnswerTree(app_commands.CommandTree["ArticleBot"]):
    """Turns every error of a command into words, and takes none while closing."""

    async def interaction_check(self, interaction: discord.Interaction[ArticleBot], /) -> bool:
        if self.client.closing:
            await interaction.response.send_message(
                view=render.notice(words_for(ShuttingDown(), locale=interaction.locale)),
                ephemeral=True,
            )
        return not self.client.closing

    async def on_error(
        self,
        interaction: discord.Interaction[ArticleBot],
        error: app_commands.AppCommandError,
        /,
    ) -> None:
        private = [value for _, value in interaction.namespace if isinstance(value, str)]
        view = render.notice(words_for(_cause(error), locale=interaction.locale, private=private))
        with contextlib.suppress(discord.NotFound):
            await delivery.tell(interaction, view)


def _cause(error: app_commands.AppCommandError) -> BaseException:
    """The error of ours inside one of discord's."""
    match error:
        case app_commands.CommandInvokeError():
            return error.original
        case app_commands.MissingPermissions():
            return NotAllowed("error.not_manager")
        case app_commands.CheckFailure():
            return NotAllowed("error.not_here")
        case _:
            return error


class ArticleBot(commands.AutoShardedBot):
    """Serves one engine, which it does not own. Made anew for every session with Discord."""

    def __init__(self, engine: Engine, options: BotOptions) -> None:
        super().__init__(
            command_prefix=commands.when_mentioned,
            help_command=None,
            tree_cls=AnswerTree,
            intents=_intents(options),
            allowed_installs=app_commands.AppInstallationType(guild=True, user=True),
            allowed_contexts=app_commands.AppCommandContext(
                guild=True, dm_channel=True, private_channel=True
            ),
            allowed_mentions=discord.AllowedMentions.none(),
            member_cache_flags=discord.MemberCacheFlags.none(),
            chunk_guilds_at_startup=False,
            max_messages=None,
            max_ratelimit_timeout=60.0,
            shard_count=options.shard_count,
            shard_ids=options.shard_ids,  # type: ignore[arg-type] # a tuple or None does as well
        )
        self.engine = engine
        self.options = options
        self.questions = Offload(
            workers=options.workers,
            queue_limit=options.queue_limit,
            deadline_s=options.answer_timeout_s,
            name="question",
        )
        # What a button or a completion needs is small, and must not queue behind questions.
        self.lookups = Offload(workers=2, queue_limit=1024, deadline_s=2.5, name="lookup")
        self.known = Known(engine, self.lookups)
        # A re-index takes its time on a thread of its own, so that asking goes on.
        self.chores = Offload(workers=1, queue_limit=16, deadline_s=None, name="chore")
        self.workshop = Workshop(self)
        # Taking an article away must not wait until another server's pages are fetched.
        self.removals = Offload(workers=1, queue_limit=64, deadline_s=None, name="removal")
        self.queues = {
            "questions": self.questions,
            "lookups": self.lookups,
            "chores": self.chores,
            "removals": self.removals,
        }
        self._logins = Logins(engine, self.lookups, self._logins_at_once)
        self.cooldown = Cooldown(options.user_cooldown_s)
        self.server_cooldown = Cooldown(options.user_cooldown_s / SERVER_SHARE, SERVER_BURST)
        self.conversations = Conversations()
        self.closing = False
        self.has_connected = False
        self._answering = 0
        self._idle = asyncio.Event()
        self._idle.set()

    async def setup_hook(self) -> None:
        from bot.cogs import FEATURES  # noqa: PLC0415 - the cogs import this module
        from bot.views import BUTTONS  # noqa: PLC0415 - the views import this module

        for feature in FEATURES:
            await self.add_cog(feature(self))
        self.add_dynamic_items(*BUTTONS)
        await self.tree.set_translator(CommandWords())
        await self.sync_commands()

    async def sync_commands(self) -> bool:
        """Register the commands when they differ from what was registered last.

        Discord allows 200 creations a day for each server, hence the record. Of processes
        that share a database one sends them. True when it was this one. A failure is logged
        and tried at the next start.
        """
        guild = discord.Object(self.options.sync_guild) if self.options.sync_guild else None
        if guild is not None:
            self.tree.copy_global_to(guild=guild)
        payload = await self._payload(guild)
        record = record_of(self.engine, self.options.data_dir)
        place = f"{self.application_id}:{guild.id if guild else 'global'}"
        loop = asyncio.get_running_loop()

        def once(_: float | None) -> bool:
            with record.alone():
                if record.holds(place, payload) or self.closing:
                    return False
                sending = asyncio.run_coroutine_threadsafe(self.tree.sync(guild=guild), loop)
                # Not for ever: a loop that ends meanwhile would never tell.
                while not (sending.done() or self.closing):
                    futures.wait([sending], LOOK_S)
                if not sending.done():  # it ends with the loop, and is sent again next time
                    return False
                sending.result()
                record.keep(place, payload)
            return True

        try:
            return await self.chores.run(once)
        except (discord.HTTPException, aiohttp.ClientError, EngineError, BotError) as error:
            log.warning("the commands could not be registered: %s", error)
            return False

    async def _payload(self, guild: discord.Object | None) -> list[dict[str, Any]]:
        """The commands as Discord is sent them, translations included."""
        found = self.tree.get_commands(guild=guild)
        translator = self.tree.translator
        if translator is None:
            return [command.to_dict(self.tree) for command in found]
        return [await command.get_translated_payload(self.tree, translator) for command in found]

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        if self.engine.turns is None:
            await super().before_identify_hook(shard_id, initial=initial)
        else:
            await self._logins.turn(shard_id or 0)

    async def _logins_at_once(self) -> int:
        return (await self.fetch_session_start_limits()).max_concurrency

    def serves(self, guild_id: int) -> bool:
        """Whether a server's events come to this process, of those that share the bot."""
        shard = (guild_id >> 22) % (self.shard_count or 1)
        return self.shard_ids is None or shard in self.shard_ids

    def alone(self, name: str) -> contextlib.AbstractContextManager[None]:
        """Work of that name, done by no other process meanwhile; LibraryBusy when one does it."""
        turns = self.engine.turns
        return contextlib.nullcontext() if turns is None else turns.alone(name)

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
        if not self.closing:  # discord.py ends a session by itself over an event it cannot read
            await self.drain()
        for queue in self.queues.values():
            await queue.close(0)
        await super().close()


discord.VoiceClient.warn_nacl = discord.VoiceClient.warn_dave = False  # no voice is used


def reach(*, api_url: str | None, gateway_url: str | None) -> None:
    """Talk to Discord at other addresses than its own; discord.py keeps them in its classes."""
    if api_url is not None:
        discord.http.Route.BASE = api_url
    if gateway_url is not None:
        discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway_url)


async def run(make_bot: Callable[[], ArticleBot], token: str, shards: Shards | None = None) -> None:
    """Serve until SIGTERM or SIGINT, then drain and close; nothing while ``shards`` are not held.

    While Discord cannot be reached, and whenever a session breaks beyond repair, tries
    again with a back-off and a new bot. Raises BadToken, IntentsRefused, ConnectionLost, or
    ShardTaken, when another try would end alike.
    """
    stop = asyncio.Event()
    with _signals_set(stop):
        async with holding(shards, stop):
            await _sessions(make_bot, token, stop)


async def _sessions(make_bot: Callable[[], ArticleBot], token: str, stop: asyncio.Event) -> None:
    """One after the other, until one is over or ``stop`` is set."""
    clock = asyncio.get_running_loop().time
    retry_s, began = FIRST_RETRY_S, clock()
    while not stop.is_set() and not await _session(make_bot(), token, stop):
        if clock() - began >= STEADY_S:
            retry_s = FIRST_RETRY_S
        wait_s = retry_s * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, no secret
        log.warning("no session with Discord; next try in %.0f s", wait_s)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), wait_s)
        retry_s, began = min(retry_s * 2, LONGEST_RETRY_S), clock()


async def _session(bot: ArticleBot, token: str, stop: asyncio.Event) -> bool:
    """One bot from login to close: True when it is over, False when another one may do better."""
    async with bot:
        serving = asyncio.create_task(bot.start(token))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            log.info("told to stop: finishing what was asked")
            await bot.drain()
            serving.cancel()
        stopping.cancel()
        try:
            await serving
        except asyncio.CancelledError:
            return True
        except Exception as error:  # noqa: BLE001 - sorted out by name below
            return stop.is_set() or _ended(error, connected=bot.has_connected)
        return stop.is_set() or bot.has_connected


_LASTING = {4010, 4011, 4012, 4013}  # the gateway refuses the shard, the version, the intents
_TRANSIENT = (OSError, aiohttp.ClientError, discord.GatewayNotFound, discord.RateLimited)


def _ended(error: Exception, *, connected: bool) -> bool:
    """False when another try may help; otherwise raises what the operator needs to know.

    Whatever breaks a session that had connected may: discord.py ends it over a single
    event that it cannot read.
    """
    code = error.code if isinstance(error, discord.ConnectionClosed) else None
    if code == 4004 or isinstance(error, discord.LoginFailure):
        raise BadToken(
            "Discord refused the token: copy it again from the developer portal"
            " (your application, Bot, Reset Token) and set DISCORD_TOKEN."
        ) from error
    if isinstance(error, discord.PrivilegedIntentsRequired):
        raise IntentsRefused(
            "Discord refused an intent: enable Message Content Intent in the developer portal"
            " (your application, Bot)."
        ) from error
    unavailable = isinstance(error, discord.HTTPException) and (
        error.status == 429 or error.status >= 500
    )
    if code not in _LASTING and (connected or unavailable or isinstance(error, _TRANSIENT)):
        expected = unavailable or isinstance(error, (*_TRANSIENT, discord.ConnectionClosed))
        log.warning("the session ended: %s", error, exc_info=None if expected else error)
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
