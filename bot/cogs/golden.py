"""`/golden`: questions whose answers are known, for those who may manage the server."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot import delivery
from bot.client import ArticleBot
from bot.errors import Gone, Refused
from bot.panels.golden import GoldenPageButton, added_panel, checked_panel, list_panel
from bot.pressing import Press, managed_scope, privately
from bot.translator import described
from index import Examined, Scope


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class GoldenQuestions(
    commands.GroupCog, group_name="golden", group_description=described("golden")
):
    """Adds, lists, checks and removes; a re-index is judged by them before it is published."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(GoldenPageButton)

    @app_commands.command(description=described("golden.add"))
    @app_commands.describe(
        question=described("golden.add.question"),
        expected=described("golden.add.expected"),
        unanswerable=described("golden.add.unanswerable"),
    )
    async def add(
        self,
        interaction: discord.Interaction[ArticleBot],
        question: app_commands.Range[str, 1, 500],
        expected: app_commands.Range[str, 1, 300] | None = None,
        unanswerable: bool = False,
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            if expected is not None and unanswerable:
                raise Refused("error.golden.either")
            examined = await self.bot.questions.run(
                lambda left: self._add(scope, question, expected, unanswerable, left)
            )
            await delivery.respond(interaction, added_panel(interaction.locale, examined))

        await privately(interaction, work)

    def _add(
        self,
        scope: Scope,
        question: str,
        expected: str | None,
        unanswerable: bool,
        left: float | None,
    ) -> Examined:
        """Without words of the manager's, what is answered now is what must be answered."""
        engine = self.bot.engine
        threshold = engine.journal.preferences(scope).threshold
        answer = engine.ask(scope, question, threshold=threshold, deadline_s=left)
        words = None if unanswerable else expected or answer.text
        if words is None and not unanswerable:
            raise Refused("error.golden.declined")
        return engine.keep_golden(scope, answer, words)

    @app_commands.command(name="list", description=described("golden.list"))
    async def list_(self, interaction: discord.Interaction[ArticleBot]) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            golden = await self.bot.lookups.run(lambda _: self.bot.engine.golden.all(scope))
            await delivery.respond(interaction, list_panel(interaction.locale, golden))

        await privately(interaction, work)

    @app_commands.command(description=described("golden.check"))
    async def check(self, interaction: discord.Interaction[ArticleBot]) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            examined = await self.bot.workshop.run(
                interaction,
                scope,
                lambda told: self.bot.engine.examine(scope, progress=told),
                heading="golden.checking",
            )
            await delivery.respond(interaction, checked_panel(interaction.locale, examined))

        await privately(interaction, work)

    @app_commands.command(description=described("golden.remove"))
    @app_commands.describe(number=described("golden.remove.number"))
    async def remove(
        self,
        interaction: discord.Interaction[ArticleBot],
        number: app_commands.Range[int, 1, 1_000_000],
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            golden = self.bot.engine.golden
            if not await self.bot.lookups.run(lambda _: golden.remove(scope, number)):
                raise Gone("error.golden.gone")
            left = await self.bot.lookups.run(lambda _: golden.all(scope))
            await delivery.respond(interaction, list_panel(interaction.locale, left))

        await privately(interaction, work)
