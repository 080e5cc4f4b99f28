"""Asking: the `/ask` command, and a message that mentions the bot."""

from __future__ import annotations

import time
from dataclasses import replace

import discord
from discord import app_commands, ui
from discord.ext import commands

from bot import delivery, policy, render
from bot.client import ArticleBot
from bot.errors import words_for
from bot.policy import Decision, Facts, Verdict, scope_of
from index import Scope

TYPED_BY_PEOPLE = {
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.thread_starter_message,
}


class Ask(commands.Cog):
    """Reads the facts, lets the policy decide, asks the engine, sends the answer."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot

    @app_commands.command(description="Ask the article a question")
    @app_commands.describe(question="What do you want to know?")
    async def ask(
        self, interaction: discord.Interaction, question: app_commands.Range[str, 1, 1000]
    ) -> None:
        decision = policy.decide(self._command_facts(interaction, question))
        answered = decision.verdict is Verdict.ANSWER
        await interaction.response.defer(thinking=True, ephemeral=not answered)
        with self.bot.answering():
            scope = scope_of(interaction.guild_id, interaction.user.id)
            view = await self._view(decision, scope, question, asked=question)
            await delivery.respond(interaction, view)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        facts = self._message_facts(message)
        decision = policy.decide(facts)
        if decision.verdict is Verdict.IGNORE or self.bot.closing:
            return
        scope = scope_of(message.guild.id if message.guild else None, message.author.id)
        with self.bot.answering():
            async with delivery.typing(message.channel):
                view = await self._view(decision, scope, facts.text)
            await delivery.reply(message, view)

    async def _view(
        self, decision: Decision, scope: Scope, question: str, *, asked: str | None = None
    ) -> ui.LayoutView:
        match decision.verdict:
            case Verdict.WAIT:
                return render.notice(
                    f"Give me {_seconds(decision.wait_s)}, please, then ask again."
                )
            case Verdict.TOO_LONG:
                limit = self.bot.options.max_question_chars
                return render.notice(
                    f"That is too long: a question has at most {limit} characters."
                )
            case Verdict.HELP:
                return render.help_view()
            case _:
                return await self._answer(scope, question, asked)

    async def _answer(self, scope: Scope, question: str, asked: str | None) -> ui.LayoutView:
        try:
            answer = await self.bot.questions.run(
                lambda left_s: self.bot.engine.ask(scope, question, deadline_s=left_s)
            )
        except Exception as error:  # noqa: BLE001 - every error becomes words, in one place
            return render.notice(words_for(error, private=(question,)), asked=asked)
        return render.answer_view(answer, asked=asked)

    def _command_facts(self, interaction: discord.Interaction, question: str) -> Facts:
        return Facts(
            text=question,
            max_chars=self.bot.options.max_question_chars,
            by_command=True,
            allowance=self._take(interaction.guild_id, interaction.user.id),
        )

    def _message_facts(self, message: discord.Message) -> Facts:
        me = self.bot.user
        assert me is not None
        roles = _own_roles(message)
        facts = Facts(
            text=policy.without_mentions(message.content, me.id, roles),
            max_chars=self.bot.options.max_question_chars,
            addressed=me in message.mentions
            or not roles.isdisjoint(role.id for role in message.role_mentions),
            from_bot=message.author.bot,
            from_webhook=message.webhook_id is not None,
            from_system=message.type not in TYPED_BY_PEOPLE,
        )
        if policy.decide(facts).verdict is Verdict.IGNORE:
            return facts  # costs its author nothing
        guild_id = message.guild.id if message.guild else None
        return replace(facts, allowance=self._take(guild_id, message.author.id))

    def _take(self, guild_id: int | None, user_id: int) -> policy.Allowance:
        return self.bot.cooldown.take((guild_id or 0, user_id), time.monotonic())


def _own_roles(message: discord.Message) -> frozenset[int]:
    """The roles that Discord made for the bot: mentioning one means mentioning it."""
    if message.guild is None or message.guild.me is None:
        return frozenset()
    return frozenset(role.id for role in message.guild.me.roles if role.managed)


def _seconds(wait_s: float) -> str:
    seconds = max(1, round(wait_s + 0.499))
    return "a second" if seconds == 1 else f"{seconds} seconds"
