"""Going on in a thread of its own."""

from __future__ import annotations

import time

import discord

from bot import delivery
from bot.card import FRIENDLY, card
from bot.conversation import Chain, Thread, Turns
from bot.i18n import say
from bot.markdown import visible
from bot.places import is_ours
from bot.pressing import Press
from bot.views.press import RECORD, AnswerButton, recalled, tell, turns_of
from index import Record

LONGEST_NAME = 90
_THREAD_EXISTS = 160004


class Branch(AnswerButton, template=rf"ab:thread:{RECORD}"):
    """Opens a thread below the answer, in which the conversation goes on."""

    def __init__(self, record_id: str, *, locale: object = None) -> None:
        super().__init__(f"ab:thread:{record_id}", say(locale, "button.thread"), emoji="🧵")
        self.record_id = record_id

    async def press(self, interaction: Press) -> None:
        message, guild = interaction.message, interaction.guild
        if message is None or guild is None or not is_ours(interaction):
            await tell(interaction, "thread.forbidden")
            return
        if not interaction.permissions.create_public_threads:
            await tell(interaction, "thread.not_yours")
            return
        await delivery.defer(interaction, private=True)
        # A thread has the id of the message it grew from.
        if guild.get_thread(message.id) is not None:
            await tell(interaction, "thread.exists", thread=f"<#{message.id}>")
            return
        record = await recalled(interaction, self.record_id)
        if record is not None:
            await _grow(interaction, message, record)


async def _grow(interaction: Press, message: discord.Message, record: Record) -> None:
    bot, locale = interaction.client, interaction.guild_locale
    turns = bot.conversations.turns(Chain(message.id), time.monotonic()) or turns_of(record)
    try:
        thread = await message.create_thread(name=_name(record, turns, locale))
    except discord.Forbidden:
        await tell(interaction, "thread.forbidden")
    except discord.HTTPException as error:
        if error.code != _THREAD_EXISTS:
            raise
        # It is in the archive, out of the bot's sight.
        await tell(interaction, "thread.exists", thread=f"<#{message.id}>")
    else:
        bot.conversations.keep((Thread(thread.id),), turns, time.monotonic())
        key = "thread.begin.all" if bot.options.message_content else "thread.begin"
        view = card(say(locale, key), colour=FRIENDLY)
        await thread.send(view=view, nonce=str(interaction.id))
        await tell(interaction, "thread.made", thread=thread.mention)


def _name(record: Record, turns: Turns, locale: object) -> str:
    """The question, as far as it is known; else what it is about."""
    asked = visible(turns[-1].question) if turns else ""
    name = asked or say(locale, "thread.name", title=visible(record.answer.quotes[0].article))
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
