"""For admins: `/settings`, and `/status` for everybody."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version

import discord
from discord import app_commands
from discord.ext import commands

from bot import delivery
from bot.client import ArticleBot
from bot.panels.settings import MENUS, settings_panel, setup_of
from bot.panels.status import Status, status_panel
from bot.places import scope_of_press
from bot.pressing import Press, managed_scope, pressed
from bot.translator import described
from index import Scope


class Admin(commands.Cog):
    """Shows how the bot is set up and doing."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self.since = datetime.now(UTC)

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(*MENUS)

    @app_commands.command(description=described("settings"))
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.default_permissions(manage_guild=True)
    async def settings(self, interaction: discord.Interaction[ArticleBot]) -> None:
        with self.bot.answering():
            await delivery.defer(interaction, private=True)
            await pressed(interaction, self._settings)

    async def _settings(self, interaction: Press) -> None:
        scope, journal = managed_scope(interaction), self.bot.engine.journal
        preferences = await self.bot.lookups.run(lambda _: journal.preferences(scope))
        panel = settings_panel(interaction.locale, setup_of(interaction, preferences))
        await delivery.respond(interaction, panel)

    @app_commands.command(description=described("status"))
    async def status(self, interaction: discord.Interaction[ArticleBot]) -> None:
        with self.bot.answering():
            await delivery.defer(interaction, private=True)
            await pressed(interaction, self._status)

    async def _status(self, interaction: Press) -> None:
        scope = scope_of_press(interaction)
        status = await self.bot.lookups.run(lambda _: self._read_status(scope))
        await delivery.respond(interaction, status_panel(interaction.locale, status))

    def _read_status(self, scope: Scope) -> Status:
        engine = self.bot.engine
        return Status(
            own=tuple(engine.articles(scope)),
            shared=tuple(engine.articles(Scope.shared())),
            tally=engine.journal.tally(scope),
            gateway_s=self.bot.latency,
            version=_version(),
            since=self.since,
        )


def _version() -> str:
    try:
        return version("article-bot")
    except PackageNotFoundError:  # run from a checkout
        return "dev"
