"""Asking by command: `/ask`, and the menu entry of a message."""

from __future__ import annotations

import time
from dataclasses import replace

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot import asking, delivery, hearing, places, policy, render, titles
from bot.asking import Question
from bot.card import card
from bot.client import ArticleBot
from bot.completing import offered_titles
from bot.conversation import Person, Thread
from bot.i18n import say
from bot.markdown import visible
from bot.policy import Decision, Facts, Verdict
from bot.translator import described
from index import Article, Preferences, Scope

MOST_PLACES = 10


class Ask(commands.Cog):
    """Reads the facts, lets the policy decide, asks the engine, fills the response."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self._menu = app_commands.ContextMenu(
            name=described("menu.ask"), callback=self._ask_about_message
        )

    async def cog_load(self) -> None:
        self.bot.tree.add_command(self._menu)  # menus cannot be declared inside of a cog

    @app_commands.command(description=described("ask"))
    @app_commands.describe(
        question=described("ask.question"),
        article=described("ask.article"),
        private=described("ask.private"),
    )
    async def ask(
        self,
        interaction: discord.Interaction,
        question: app_commands.Range[str, 1, 1000],
        article: app_commands.Range[str, 1, 200] | None = None,
        private: bool | None = None,
    ) -> None:
        await self._respond(interaction, question, article=article, private=private)

    @ask.autocomplete("article")
    async def _offer_articles(
        self, interaction: discord.Interaction, typed: str
    ) -> list[app_commands.Choice[str]]:
        return await offered_titles(self.bot, places.scope_of_press(interaction), typed)

    async def _ask_about_message(
        self, interaction: discord.Interaction, message: discord.Message
    ) -> None:
        assert self.bot.user is not None
        text = policy.without_mentions(message.content, self.bot.user.id)
        text = policy.question_in(text, self.bot.options.max_question_chars)
        await self._respond(interaction, text, empty="ask.no_text")

    async def ask_for(
        self, interaction: discord.Interaction[ArticleBot], question: str, *, only: Article
    ) -> None:
        """Ask one article for whoever pressed a button, in a message of its own."""
        await self._respond(interaction, question, article=titles.value(only))

    async def _respond(
        self,
        interaction: discord.Interaction,
        text: str,
        *,
        article: str | None = None,
        private: bool | None = None,
        empty: str | None = None,
    ) -> None:
        scope = places.scope_of_press(interaction)
        with self.bot.answering():  # from here on `drain` waits
            preferences = await self.bot.known.preferences(scope)
            decision = policy.decide(self._facts(interaction, text, preferences))
            hidden = preferences.private if private is None else private
            answered = decision.verdict is Verdict.ANSWER
            await delivery.defer(interaction, private=hidden or not answered)
            if not answered:
                view = excuse(self.bot, decision, preferences, interaction.locale, empty=empty)
                await delivery.respond(interaction, view)
                return
            question = self._question(interaction, scope, text, preferences, hidden=hidden)
            await self._answer(interaction, question, article)

    async def _answer(
        self, interaction: discord.Interaction, question: Question, article: str | None
    ) -> None:
        find = None if article is None else lambda found: titles.meant(found, article)
        outcome = await asking.answer(self.bot, question, asked=question.text, find=find)
        message = await delivery.respond(interaction, outcome.view)
        if message is not None:
            asking.remember(self.bot, question, outcome.answer, message.id)

    def _question(
        self,
        interaction: discord.Interaction,
        scope: Scope,
        text: str,
        preferences: Preferences,
        *,
        hidden: bool,
    ) -> Question:
        key = conversation_key(self.bot, interaction.channel, interaction.user)
        if hidden and isinstance(key, Thread):  # nobody else may go on from it
            key = Person(key.channel, interaction.user.id)
        branches = not hidden and places.is_ours(interaction)
        return Question(
            scope,
            interaction.user.id,
            text,
            key,
            history=self.bot.conversations.turns(key, time.monotonic()),
            threshold=preferences.threshold,
            among=policy.bound_to(preferences, places.place_of_press(interaction)),
            locale=interaction.locale,
            can_branch=branches and places.can_branch(interaction.channel),
        )

    def _facts(
        self, interaction: discord.Interaction, text: str, preferences: Preferences
    ) -> Facts:
        guild_id = interaction.guild_id if places.is_ours(interaction) else None
        return Facts(
            text=visible(text) and text,
            max_chars=self.bot.options.max_question_chars,
            by_command=True,
            place=places.place_of_press(interaction),
            preferences=preferences,
            allowance=take(self.bot, guild_id, interaction.user.id),
        )


def take(bot: ArticleBot, guild_id: int | None, user_id: int) -> policy.Allowance:
    """Spend one question of the person, and one of the server."""
    now = time.monotonic()
    own = bot.cooldown.take((guild_id or 0, user_id), now)
    if own.wait_s > 0 or guild_id is None:
        return own
    # Each person is told for themselves; their own cooldown keeps that from being much.
    return replace(bot.server_cooldown.take((guild_id, 0), now), told=False)


def conversation_key(bot: ArticleBot, channel: object, person: discord.abc.User) -> Thread | Person:
    """Everybody shares the conversation of a thread that the bot opened for one."""
    channel_id = getattr(channel, "id", 0)
    if hearing.is_own_thread(bot, channel):
        return Thread(channel_id)
    return Person(channel_id, person.id)


def excuse(
    bot: ArticleBot,
    decision: Decision,
    preferences: Preferences,
    locale: object,
    *,
    empty: str | None = None,
) -> ui.LayoutView:
    """The words for every verdict but an answer. ``empty`` says what a question lacks."""
    match decision.verdict:
        case Verdict.WAIT:
            view = render.notice(say(locale, "ask.wait", count=_seconds(decision.wait_s)))
        case Verdict.TOO_LONG:
            limit = bot.options.max_question_chars
            view = render.notice(say(locale, "ask.too_long", limit=limit))
        case Verdict.ELSEWHERE:
            channels = dict.fromkeys((*preferences.channels, *preferences.watched))
            shown = " ".join(f"<#{channel}>" for channel in list(channels)[:MOST_PLACES])
            view = card(say(locale, "ask.elsewhere", places=shown))
        case Verdict.NOT_YOU:
            shown = " ".join(f"<@&{role}>" for role in preferences.roles[:MOST_PLACES])
            view = card(say(locale, "ask.not_you", roles=shown))
        case Verdict.BY_COMMAND:
            view = card(say(locale, "ask.by_command"))
        case _ if empty is not None:
            view = render.notice(say(locale, empty))
        case _:
            view = render.help_view(locale=locale)
    return view


def _seconds(wait_s: float) -> int:
    return max(1, round(wait_s + 0.499))
