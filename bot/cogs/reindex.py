"""`/reindex`, with its progress in the message, while asking goes on."""

from __future__ import annotations

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot import delivery, policy
from bot.card import notice
from bot.client import ArticleBot
from bot.errors import NotAllowed, words_for
from bot.panels.rehearsal import Held, RehearsalButton, rehearsal_panel
from bot.panels.reindex import report_panel
from bot.policy import Standing, Target
from bot.translator import described
from bot.working import Progress
from index import Rehearsal, ReindexReport, Scope

REFUSALS = {
    Target.NOT_MANAGER: "error.reindex.not_manager",
    Target.NOT_OWNER: "error.reindex.not_owner",
}


class Reindex(commands.Cog):
    """Reads a server's articles again, or the shared ones for who may."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self.held = Held()

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(RehearsalButton)

    @app_commands.command(description=described("reindex"))
    @app_commands.allowed_installs(guilds=True, users=False)
    @app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
    @app_commands.default_permissions(manage_guild=True)
    async def reindex(self, interaction: discord.Interaction[ArticleBot]) -> None:
        with self.bot.answering():
            await delivery.defer(interaction)
            await delivery.respond(interaction, await self._view(interaction))

    async def _view(self, interaction: discord.Interaction[ArticleBot]) -> ui.LayoutView:
        locale = interaction.locale
        try:
            scope = await self._allowed_scope(interaction)
            asked_in = Scope.guild(interaction.guild_id or 0)
            done = await self.bot.workshop.run(
                interaction, scope, lambda told: self._rehearsed(scope, asked_in, told)
            )
        except Exception as error:  # noqa: BLE001 - every error becomes words, in one place
            return notice(words_for(error, locale=locale))
        if isinstance(done, Rehearsal):
            return rehearsal_panel(locale, done, self.held.keep(done))
        return report_panel(locale, done, shared=scope == Scope.shared())

    def _rehearsed(
        self, scope: Scope, asked_in: Scope, told: Progress
    ) -> ReindexReport | Rehearsal:
        """The published re-index, or what it would change where that loses something."""
        engine = self.bot.engine
        rehearsal = engine.rehearse(scope, asked_in=asked_in, progress=told)
        return engine.promote(rehearsal, progress=told) if rehearsal.is_safe else rehearsal

    async def _allowed_scope(self, interaction: discord.Interaction[ArticleBot]) -> Scope:
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
