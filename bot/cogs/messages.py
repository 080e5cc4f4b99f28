"""Asking by message: a mention, a reply to an answer, a direct message, a thread, a watched
channel. A question that changes changes its answer; one that is deleted takes it along.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from typing import Any

import discord
from discord.ext import commands

from bot import asking, delivery, hearing, places, policy, views
from bot.answered import FILE_NAME, Answered, AnsweredQuestions, digest
from bot.asking import Outcome, Question
from bot.card import card, notice
from bot.client import ArticleBot
from bot.cogs.ask import conversation_key, excuse, take
from bot.conversation import Chain, Turns
from bot.errors import ShuttingDown, TryLater, words_for
from bot.i18n import say
from bot.policy import Decision, Facts, Verdict
from index import EngineError, Preferences, Scope

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Heard:
    """A message that may be a question: whose articles it reads, and what was decided on it."""

    message: discord.Message
    scope: Scope
    facts: Facts
    preferences: Preferences
    decision: Decision


@dataclass(slots=True)
class _Turn:
    """Who may work on a question, and how many want to or do."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    wanted: int = 0


class Messages(commands.Cog):
    """Reads the facts, lets the policy decide, asks the engine, replies."""

    def __init__(self, bot: ArticleBot) -> None:
        self.bot = bot
        self._answered = AnsweredQuestions()
        self._busy: dict[int, _Turn] = {}
        self._closed_channels: set[int] = set()

    async def cog_load(self) -> None:
        self._answered.load(self.bot.options.data_dir / FILE_NAME)

    async def cog_unload(self) -> None:
        self._answered.save(self.bot.options.data_dir / FILE_NAME, time.time())

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        if not self._concerns(message):
            return
        if self.bot.closing:
            await self._tell_closing(message)
            return
        with self.bot.answering():
            async with self._alone_with(message.id):
                heard = await self._hear(message)
                if heard.decision.verdict is Verdict.IGNORE:
                    return
                if places.may_write(message):
                    await self._reply(heard)
                else:
                    await self._tell_privately(heard)

    @commands.Cog.listener()
    async def on_raw_message_edit(self, payload: discord.RawMessageUpdateEvent) -> None:
        if self.bot.closing or not self._knows(payload.message_id):
            return
        with self.bot.answering():
            async with self._alone_with(payload.message_id):
                answered = self._answered.find(payload.message_id, time.time())
                if answered is not None and self._concerns(payload.message):
                    await self._answer_anew(payload.message, answered)

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        await self._take_back(payload.message_id, payload.channel_id, payload.guild_id)

    @commands.Cog.listener()
    async def on_raw_bulk_message_delete(self, payload: discord.RawBulkMessageDeleteEvent) -> None:
        for message_id in payload.message_ids:
            await self._take_back(message_id, payload.channel_id, payload.guild_id)

    # What is heard

    def _concerns(self, message: discord.Message) -> bool:
        """Whether it is worth a look at what the server prefers: most messages are not."""
        facts = hearing.facts_of(self.bot, message)
        listens = self.bot.options.message_content and message.guild is not None
        addressed = facts.addressed or (
            listens and policy.is_question(hearing.asked_by(message, facts))
        )
        machine = facts.from_bot or facts.from_webhook or facts.from_system
        return addressed and not machine

    async def _hear(self, message: discord.Message) -> Heard:
        scope = policy.scope_of(message.guild.id if message.guild else None, message.author.id)
        # Unlike a command, a message need not be acknowledged within three seconds.
        preferences = await self.bot.known.preferences(scope, patience_s=None)
        facts = replace(
            hearing.facts_of(self.bot, message),
            place=places.place_of(message.channel, message.author),
            preferences=preferences if message.guild else None,
        )
        if not facts.addressed and hearing.is_watched(message, preferences):
            facts = replace(facts, watched=True, text=hearing.asked_by(message, facts))
        if policy.decide(facts).verdict is not Verdict.IGNORE:  # else it costs its author nothing
            guild_id = message.guild.id if message.guild else None
            facts = replace(facts, allowance=take(self.bot, guild_id, message.author.id))
        return Heard(message, scope, facts, preferences, policy.decide(facts))

    # What is answered

    async def _reply(self, heard: Heard) -> None:
        message = heard.message
        if heard.decision.verdict is not Verdict.ANSWER:
            await delivery.reply(message, self._excuse(heard))
            return
        question = await self._question(heard)
        outcome = await self._outcome(heard, question)
        if outcome is None:
            return
        reply = await delivery.reply(message, outcome.view)
        if reply is not None:
            self._keep(question, outcome, message, reply.id)

    async def _outcome(self, heard: Heard, question: Question) -> Outcome | None:
        """None where the bot was not asked and has nothing to say."""
        if not heard.facts.watched:
            async with delivery.typing(heard.message.channel):
                return await asking.answer(self.bot, question)
        outcome = await asking.answer(self.bot, question)
        said = outcome.answer is not None and outcome.answer.answered
        return outcome if said else None

    async def _answer_anew(self, message: discord.Message, answered: Answered) -> None:
        if digest(self._text(message)) == answered.digest:
            return  # Discord also tells when it adds a preview of a link
        heard = await self._hear(message)
        if heard.decision.verdict is not Verdict.ANSWER:
            return
        now = time.monotonic()
        turns = self.bot.conversations.turns(Chain(answered.message), now)
        question = replace(await self._question(heard), history=turns[:-1])
        if self.bot.conversations.turns(question.key, now) != turns:  # others came after it
            question = replace(question, key=Chain(answered.message))
        outcome = await self._outcome(heard, question)
        if outcome is None:
            await self._take_back_now(message.id, message.channel)
        elif await delivery.replace(message.channel, answered.message, outcome.view):
            self._keep(question, outcome, message, answered.message)
        else:
            self._answered.drop(message.id, time.time())

    async def _question(self, heard: Heard) -> Question:
        message = heard.message
        key = conversation_key(self.bot, message.channel, message.author)
        return Question(
            heard.scope,
            message.author.id,
            heard.facts.text,
            key,
            history=await self._history(heard, key),
            threshold=heard.preferences.threshold,
            among=policy.bound_to(heard.preferences, heard.facts.place),
            locale=places.locale_of(message),
            can_branch=places.can_branch(message.channel),
            if_said=heard.facts.watched,
        )

    async def _history(self, heard: Heard, key: Any) -> Turns:
        """The turns above a reply, wherever they were asked; else those of the conversation."""
        now, message = time.monotonic(), heard.message
        if not hearing.is_reply_to(self.bot, message):
            return self.bot.conversations.turns(key, now)
        assert message.reference is not None
        assert isinstance(message.reference.resolved, discord.Message)
        replied_to = message.reference.resolved
        turns = self.bot.conversations.turns(Chain(replied_to.id), now)
        return turns or await self._recorded(heard.scope, replied_to)

    async def _recorded(self, scope: Scope, answer: discord.Message) -> Turns:
        """What the record of an answer still tells: after a restart, or much later."""
        record_id = views.record_of(answer)
        if record_id is None:
            return ()
        recall = self.bot.engine.journal.recall
        try:
            record = await self.bot.lookups.run(lambda _: recall(scope, record_id))
        except (TryLater, EngineError):
            return ()
        return views.turns_of(record) if record else ()

    def _excuse(self, heard: Heard) -> discord.ui.LayoutView:
        locale = places.locale_of(heard.message)
        return excuse(self.bot, heard.decision, heard.preferences, locale)

    async def _tell_closing(self, message: discord.Message) -> None:
        """Whoever speaks to the bot while it goes is told; nobody else is bothered."""
        if hearing.facts_of(self.bot, message).addressed and places.may_write(message):
            locale = places.locale_of(message)
            with self.bot.answering():
                await delivery.reply(message, notice(words_for(ShuttingDown(), locale=locale)))

    async def _tell_privately(self, heard: Heard) -> None:
        """The asker is told that the bot may not write there; the log too, once a channel."""
        channel = heard.message.channel
        if channel.id not in self._closed_channels:
            self._closed_channels.add(channel.id)
            log.warning("I may not write in channel %s, where I am asked", channel.id)
        if not heard.facts.watched:
            locale = places.locale_of(heard.message)
            view = card(say(locale, "ask.cannot_write", channel=f"<#{channel.id}>"))
            await delivery.whisper(heard.message.author, view)

    # What is kept

    def _keep(
        self, question: Question, outcome: Outcome, message: discord.Message, answer: int
    ) -> None:
        answered = Answered(message.channel.id, answer, digest(question.text), time.time())
        self._answered.keep(message.id, answered)
        asking.remember(self.bot, question, outcome.answer, answer)

    def _knows(self, question: int) -> bool:
        return question in self._busy or self._answered.find(question, time.time()) is not None

    async def _take_back(self, question: int, channel_id: int, guild_id: int | None) -> None:
        if not self._knows(question):
            return
        channel = self.bot.get_partial_messageable(channel_id, guild_id=guild_id)
        with self.bot.answering():
            async with self._alone_with(question):
                await self._take_back_now(question, channel)

    async def _take_back_now(self, question: int, channel: Any) -> None:
        answered = self._answered.drop(question, time.time())
        if answered is not None:
            await delivery.remove(channel, answered.message)

    def _text(self, message: discord.Message) -> str:
        facts = hearing.facts_of(self.bot, message)
        return facts.text if facts.addressed else hearing.asked_by(message, facts)

    @contextlib.asynccontextmanager
    async def _alone_with(self, question: int) -> AsyncIterator[None]:
        """One at a time for each question: an edit or a deletion waits for the answer."""
        turn = self._busy.setdefault(question, _Turn())
        turn.wanted += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._busy[question]
