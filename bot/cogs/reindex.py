"""The library: `/reindex`, with its progress in the message, while asking goes on."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp
import discord
from discord import app_commands, ui
from discord.ext import commands

from bot import delivery, policy
from bot.card import notice
from bot.client import ArticleBot
from bot.errors import AlreadyRunning, NotAllowed, ShuttingDown, words_for
from bot.i18n import say
from bot.panels.reindex import progress_panel, report_panel
from bot.policy import Standing, Target
from bot.remaining import Pace
from bot.translator import described
from index import ReindexReport, Scope

REFUSALS = {
    Target.NOT_MANAGER: "error.reindex.not_manager",
    Target.NOT_OWNER: "error.reindex.not_owner",
}


@dataclass(slots=True)
class Progress:
    """Where a re-index stands: written by its thread, read by the event loop."""

    is_closing: Callable[[], bool]
    pace: Pace = field(default_factory=Pace)

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Called by the engine; ends the re-index, unpublished, when the bot is closing."""
        if self.is_closing():
            raise ShuttingDown
        self.pace.follow(stage, done, total)

    @property
    def seen(self) -> tuple[str, int, int]:
        return self.pace.stage, self.pace.done, self.pace.total


class Library(commands.Cog):
    """Keeps at most one re-index a scope."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self._running: dict[Scope, float] = {}

    @app_commands.command(description=described("reindex"))
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.default_permissions(manage_guild=True)
    async def reindex(self, interaction: discord.Interaction) -> None:
        with self.bot.answering():
            await delivery.defer(interaction)
            await delivery.respond(interaction, await self._view(interaction))

    async def _view(self, interaction: discord.Interaction) -> ui.LayoutView:
        locale = interaction.locale
        try:
            scope = await self._allowed_scope(interaction)
            report = await self._reindex(interaction, scope)
        except Exception as error:  # noqa: BLE001 - every error becomes words, in one place
            return notice(words_for(error, locale=locale))
        return report_panel(locale, report, shared=scope == Scope.shared())

    async def _allowed_scope(self, interaction: discord.Interaction) -> Scope:
        """The scope to re-index, judged here again: Discord's own check is only a default."""
        assert interaction.guild_id is not None
        scope = Scope.guild(interaction.guild_id)
        articles = await self.bot.questions.run(lambda _: self.bot.engine.articles(scope))
        target = policy.reindex_target(
            Standing(
                manages_guild=interaction.permissions.manage_guild,
                owns_bot=await self.bot.is_owner(interaction.user),
                guild_has_articles=bool(articles),
                is_only_guild=[guild.id for guild in self.bot.guilds] == [interaction.guild_id],
            )
        )
        if target in REFUSALS:
            raise NotAllowed(REFUSALS[target])
        return scope if target is Target.GUILD else Scope.shared()

    async def _reindex(self, interaction: discord.Interaction, scope: Scope) -> ReindexReport:
        if scope in self._running:
            when = _ago(interaction.locale, self._running[scope])
            raise AlreadyRunning("error.reindex.running", when=when)
        self._running[scope] = time.monotonic()
        progress = Progress(lambda: self.bot.closing)
        editing = asyncio.Lock()
        showing = asyncio.create_task(self._show(interaction, progress, editing))
        try:
            return await self.bot.chores.run(
                lambda _: self.bot.engine.reindex(scope, progress=progress)
            )
        finally:
            del self._running[scope]
            async with editing:  # so that no late edit lands on top of the result
                showing.cancel()

    async def _show(
        self, interaction: discord.Interaction, progress: Progress, editing: asyncio.Lock
    ) -> None:
        """Edit the message whenever something changed, at most once an interval."""
        shown = None
        while True:
            if progress.seen != shown:
                shown = progress.seen
                view = progress_panel(interaction.locale, *shown, left_s=progress.pace.left_s)
                # The result matters, not a lost step on the way to it.
                with contextlib.suppress(discord.HTTPException, aiohttp.ClientError):
                    async with editing:
                        await interaction.edit_original_response(view=view)
            await asyncio.sleep(self.bot.options.progress_every_s)


def _ago(locale: object, since: float) -> str:
    seconds = int(time.monotonic() - since)
    if seconds < 2:
        return say(locale, "ago.now")
    return say(locale, "ago.seconds", count=seconds)
