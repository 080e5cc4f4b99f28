"""What the bot is about: `/article`, `/whatchanged`, `/help`, `/privacy`."""

from __future__ import annotations

import re
from collections import OrderedDict

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot import delivery, titles
from bot.client import ArticleBot
from bot.completing import offered_titles
from bot.errors import Gone
from bot.panels.article import About as Facts
from bot.panels.article import Starter, article_panel, library_panel
from bot.panels.changes import changes_panel
from bot.panels.guide import guide_panel
from bot.panels.privacy import PrivacyButton, privacy_panel
from bot.places import scope_of_press
from bot.pressing import Press, pressed
from bot.starters import proposed
from bot.translator import described
from index import Article, ArticleNotFound, BadInput, Engine

PROBE = "What does the article say?"
"""Any question brings its article's passages; this one is of no special part of it."""
MOST_STARTERS = 3
MOST_REMEMBERED = 64
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")


class About(commands.Cog):
    """Tells what can be asked, how, and what is kept of it."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self._read: OrderedDict[tuple[Article, float], Facts] = OrderedDict()

    async def cog_load(self) -> None:
        self.bot.add_dynamic_items(Starter, PrivacyButton)

    @app_commands.command(description=described("article"))
    @app_commands.describe(article=described("article.article"))
    async def article(
        self,
        interaction: discord.Interaction[ArticleBot],
        article: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        scope = scope_of_press(interaction)

        async def show(interaction: Press) -> None:
            await delivery.respond(interaction, await self._article(interaction, article))

        with self.bot.answering():
            private = (await self.bot.known.preferences(scope)).private
            await delivery.defer(interaction, private=private)
            await pressed(interaction, show)

    @app_commands.command(description=described("whatchanged"))
    @app_commands.describe(article=described("article.article"))
    async def whatchanged(
        self,
        interaction: discord.Interaction[ArticleBot],
        article: app_commands.Range[str, 1, 100] | None = None,
    ) -> None:
        async def show(interaction: Press) -> None:
            found = await self._meant(interaction, article)
            changes = await self.bot.questions.run(lambda _: self.bot.engine.changes(found))
            panel = changes_panel(interaction.locale, found, changes)
            await delivery.respond(interaction, panel)

        with self.bot.answering():
            await delivery.defer(interaction, private=True)
            await pressed(interaction, show)

    @article.autocomplete("article")
    @whatchanged.autocomplete("article")
    async def _titles(
        self, interaction: discord.Interaction[ArticleBot], typed: str
    ) -> list[app_commands.Choice[str]]:
        return await offered_titles(self.bot, scope_of_press(interaction), typed)

    async def _article(self, interaction: Press, name: str | None) -> ui.LayoutView:
        scope = scope_of_press(interaction)
        articles = await self.bot.known.articles(scope)
        found = await self._meant(interaction, name)
        if name is None and len(articles) > 1:
            return library_panel(interaction.locale, articles)
        chosen = (await self.bot.known.preferences(scope)).threshold
        threshold = self.bot.options.threshold if chosen is None else chosen
        facts = await self._facts(found, threshold)
        return article_panel(interaction.locale, facts)

    async def _meant(self, interaction: Press, name: str | None) -> Article:
        """The article of that name that can be read here; without a name the newest."""
        articles = await self.bot.known.articles(scope_of_press(interaction))
        if not articles:
            raise ArticleNotFound("no article can be read here")
        if name is None:
            return max(articles, key=lambda article: article.added_at)
        found = titles.meant(articles, name)
        if found is None:
            raise Gone("ask.no_such_article")
        return found

    async def _facts(self, article: Article, threshold: float) -> Facts:
        """What is worth telling; found out once a version."""
        key = (article, threshold)
        if key not in self._read:
            facts = await self.bot.questions.run(
                lambda _: _read(self.bot.engine, article, threshold)
            )
            self._read[key] = facts
            while len(self._read) > MOST_REMEMBERED:
                self._read.popitem(last=False)
        return self._read[key]

    @app_commands.command(description=described("help"))
    async def help(self, interaction: discord.Interaction[ArticleBot]) -> None:
        with self.bot.answering():
            await delivery.defer(interaction, private=True)
            await pressed(interaction, self._help)

    async def _help(self, interaction: Press) -> None:
        scope = scope_of_press(interaction)
        articles = await self.bot.known.articles(scope)
        manages = interaction.guild_id is not None and interaction.permissions.manage_guild
        panel = guide_panel(
            interaction.locale, tuple(each.title for each in articles), manages=manages
        )
        await delivery.respond(interaction, panel)

    @app_commands.command(description=described("privacy"))
    async def privacy(self, interaction: discord.Interaction[ArticleBot]) -> None:
        with self.bot.answering():
            await delivery.defer(interaction, private=True)
            await pressed(interaction, self._privacy)

    async def _privacy(self, interaction: Press) -> None:
        journal, user = self.bot.engine.journal, interaction.user.id
        kept = await self.bot.lookups.run(lambda _: journal.kept_about(user))
        await delivery.respond(interaction, privacy_panel(interaction.locale, kept))


def _read(engine: Engine, article: Article, threshold: float) -> Facts:
    """How many paragraphs it has, and the questions to start with that it really answers."""
    probe = engine.ask(article.scope, PROBE, only=article, threshold=0)
    if probe.quote is None:
        return Facts(article)
    texts = [hit.passage.text for hit in probe.passages]
    sentences = [found.strip() for text in texts for found in _SENTENCE.findall(text)]
    starters = (
        question
        for question in proposed(article, sentences)
        if _answers(engine, article, question, threshold)
    )
    chosen = [question for question, _ in zip(starters, range(MOST_STARTERS), strict=False)]
    return Facts(article, probe.quote.paragraphs, tuple(chosen))


def _answers(engine: Engine, article: Article, question: str, threshold: float) -> bool:
    try:
        return engine.ask(article.scope, question, only=article, threshold=threshold).answered
    except BadInput:  # a name that makes no question the model understands
        return False
