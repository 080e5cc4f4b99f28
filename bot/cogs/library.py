"""`/library`: a server's own articles, for those who may manage it."""

from __future__ import annotations

import discord
from discord import app_commands
from discord.ext import commands

from bot import delivery, titles
from bot.client import ArticleBot
from bot.completing import offered_titles
from bot.errors import Gone, Refused
from bot.panels.library import (
    PageButton,
    RollbackButton,
    UndoButton,
    UnwatchButton,
    added_panel,
    bound_panel,
    feeds_panel,
    info_panel,
    list_panel,
    removed_panel,
    rollback_panel,
    shelf,
)
from bot.panels.reindex import report_panel
from bot.pressing import Press, managed_scope, privately
from bot.translator import described
from bot.working import Progress
from index import Added, Article, Scope


@app_commands.allowed_installs(guilds=True, users=False)
@app_commands.allowed_contexts(guilds=True, dms=False, private_channels=False)
@app_commands.default_permissions(manage_guild=True)
class Library(commands.GroupCog, group_name="library", group_description=described("library")):
    """Adds, lists, refreshes and removes; the right to is judged at each command anew."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(PageButton, RollbackButton, UndoButton, UnwatchButton)

    @app_commands.command(description=described("library.add"))
    @app_commands.describe(
        url=described("library.add.url"),
        file=described("library.add.file"),
        title=described("library.add.title"),
    )
    async def add(
        self,
        interaction: discord.Interaction[ArticleBot],
        url: app_commands.Range[str, 1, 2000] | None = None,
        file: discord.Attachment | None = None,
        title: app_commands.Range[str, 1, 200] | None = None,
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            if (url is None) == (file is None):
                raise Refused("error.library.one_source")
            added = await self._add(interaction, scope, url, file, title)
            articles = await self.bot.lookups.run(lambda _: self.bot.engine.articles(scope))
            panel = added_panel(interaction.locale, added, total=len(articles))
            await delivery.respond(interaction, panel)

        await privately(interaction, work)

    async def _add(
        self,
        interaction: Press,
        scope: Scope,
        url: str | None,
        file: discord.Attachment | None,
        title: str | None,
    ) -> Added:
        engine, data = self.bot.engine, b""
        if file is not None:
            limit = self.bot.options.max_article_mb
            if file.size > limit * 1_000_000:
                raise Refused("error.library.too_large", limit=f"{limit:g}")
            data = await file.read()

        def work(progress: Progress) -> Added:
            if url is not None:
                return engine.add_page(scope, url, title=title, progress=progress)
            assert file is not None
            article = engine.add(
                scope,
                data,
                title=title,
                filename=file.filename,
                media_type=_useful(file.content_type),
                progress=progress,
            )
            return Added((article,))

        added: Added = await self.bot.workshop.run(
            interaction, scope, work, heading="library.adding"
        )
        return added

    @app_commands.command(name="list", description=described("library.list"))
    async def list_(self, interaction: discord.Interaction[ArticleBot]) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            articles, checks = await self.bot.lookups.run(lambda _: shelf(self.bot.engine, scope))
            await delivery.respond(interaction, list_panel(interaction.locale, articles, checks))

        await privately(interaction, work)

    @app_commands.command(description=described("library.info"))
    @app_commands.describe(article=described("library.article"))
    async def info(
        self,
        interaction: discord.Interaction[ArticleBot],
        article: app_commands.Range[str, 1, 200],
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            found = await self._meant(scope, article)
            checks = await self.bot.lookups.run(lambda _: self.bot.engine.checks(scope))
            panel = info_panel(interaction.locale, found, checks.get(found.id))
            await delivery.respond(interaction, panel)

        await privately(interaction, work)

    @app_commands.command(description=described("library.remove"))
    @app_commands.describe(article=described("library.article"))
    async def remove(
        self,
        interaction: discord.Interaction[ArticleBot],
        article: app_commands.Range[str, 1, 200],
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            found = await self._meant(scope, article)
            await self.bot.removals.run(lambda _: self.bot.engine.remove(scope, found.id))
            self.bot.known.forget(scope)
            await delivery.respond(interaction, removed_panel(interaction.locale, found))

        await privately(interaction, work)

    @app_commands.command(description=described("library.refresh"))
    @app_commands.describe(article=described("library.refresh.article"))
    async def refresh(
        self,
        interaction: discord.Interaction[ArticleBot],
        article: app_commands.Range[str, 1, 200] | None = None,
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            found = None if article is None else await self._meant(scope, article)
            report = await self.bot.workshop.run(
                interaction,
                scope,
                lambda told: self.bot.engine.reindex(scope, only=found, progress=told),
            )
            await delivery.respond(
                interaction, report_panel(interaction.locale, report, shared=False)
            )

        await privately(interaction, work)

    @app_commands.command(description=described("library.feeds"))
    async def feeds(self, interaction: discord.Interaction[ArticleBot]) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            feeds = await self.bot.lookups.run(lambda _: self.bot.engine.feeds(scope))
            await delivery.respond(interaction, feeds_panel(interaction.locale, feeds))

        await privately(interaction, work)

    @app_commands.command(description=described("library.rollback"))
    async def rollback(self, interaction: discord.Interaction[ArticleBot]) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            kept = await self.bot.lookups.run(lambda _: self.bot.engine.generations(scope))
            await delivery.respond(interaction, rollback_panel(interaction.locale, scope, kept))

        await privately(interaction, work)

    @app_commands.command(description=described("library.bind"))
    @app_commands.describe(article=described("library.bind.article"))
    async def bind(
        self,
        interaction: discord.Interaction[ArticleBot],
        article: app_commands.Range[str, 1, 200] | None = None,
    ) -> None:
        async def work(interaction: Press) -> None:
            scope = managed_scope(interaction)
            found = None if article is None else await self._meant(scope, article)
            # A thread is bound by the channel that it is in.
            channel = getattr(interaction.channel, "parent_id", None) or interaction.channel_id
            assert channel is not None
            bound = await self.bot.lookups.run(lambda _: self._bind(scope, channel, found))
            self.bot.known.forget(scope)
            panel = bound_panel(interaction.locale, f"<#{channel}>", bound)
            await delivery.respond(interaction, panel)

        await privately(interaction, work)

    def _bind(self, scope: Scope, channel: int, article: Article | None) -> list[Article]:
        """Bind a channel to one more article, or free it; what it is bound to then."""
        journal = self.bot.engine.journal
        own = {each.id: each for each in self.bot.engine.articles(scope)}
        pairs = [pair for pair in journal.preferences(scope).bound if pair[1] in own]
        if article is None:
            pairs = [pair for pair in pairs if pair[0] != channel]
        elif (channel, article.id) not in pairs:
            pairs.append((channel, article.id))
        journal.prefer(scope, bound=tuple(pairs))
        return [own[number] for place, number in pairs if place == channel]

    @bind.autocomplete("article")
    @info.autocomplete("article")
    @remove.autocomplete("article")
    @refresh.autocomplete("article")
    async def _offer(
        self, interaction: discord.Interaction[ArticleBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        if interaction.guild_id is None:
            return []
        scope = Scope.guild(interaction.guild_id)
        return await offered_titles(self.bot, scope, typed, own=True)

    async def _meant(self, scope: Scope, name: str) -> Article:
        """The server's own article of that name, as it stands now."""
        articles = await self.bot.lookups.run(lambda _: self.bot.engine.articles(scope))
        found = titles.meant(articles, name)
        if found is None:
            raise Gone("ask.no_such_article")
        return found


def _useful(content_type: str | None) -> str | None:
    """Discord guesses types by the name; what it guesses for text is left to the content."""
    return None if content_type is None or content_type.startswith("text/plain") else content_type
