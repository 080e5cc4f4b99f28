"""What a message says to the bot, if anything: the facts that Discord knows about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import discord

from bot import policy
from bot.markdown import visible
from bot.policy import Facts

if TYPE_CHECKING:
    from bot.client import ArticleBot
    from index import Preferences

TYPED_BY_PEOPLE = {
    discord.MessageType.default,
    discord.MessageType.reply,
    discord.MessageType.thread_starter_message,
}


def facts_of(bot: ArticleBot, message: discord.Message) -> Facts:
    """What can be told of a message by itself: whom it addresses, and who wrote it."""
    assert bot.user is not None
    roles = _own_roles(message)
    text = policy.without_mentions(message.content, bot.user.id, roles)
    text = text if visible(text) else ""
    called = bot.user in message.mentions or not roles.isdisjoint(
        role.id for role in message.role_mentions
    )
    return Facts(
        text=text,
        max_chars=bot.options.max_question_chars,
        addressed=called or message.guild is None or (text != "" and _goes_on(bot, message)),
        from_bot=message.author.bot,
        from_webhook=message.webhook_id is not None,
        from_system=message.type not in TYPED_BY_PEOPLE,
    )


def _goes_on(bot: ArticleBot, message: discord.Message) -> bool:
    """Whether it goes on with a conversation without a mention: as a reply to an answer, or
    in a thread that the bot opened, where nobody else is spoken to.
    """
    if message.reference is not None:
        return is_reply_to(bot, message)
    return is_own_thread(bot, message.channel) and not message.raw_mentions


def is_own_thread(bot: ArticleBot, channel: object) -> bool:
    assert bot.user is not None
    return isinstance(channel, discord.Thread) and channel.owner_id == bot.user.id


def is_reply_to(bot: ArticleBot, message: discord.Message) -> bool:
    """Whether a message replies to one of the bot's."""
    replied_to = message.reference.resolved if message.reference else None
    return isinstance(replied_to, discord.Message) and replied_to.author == bot.user


def is_watched(message: discord.Message, preferences: Preferences) -> bool:
    """A message to nobody in particular in a watched channel, or a post in a watched forum."""
    if message.reference is not None or message.raw_mentions:
        return False
    if not isinstance(message.channel, discord.Thread):
        return message.channel.id in preferences.watched
    # The message that opens a forum's post has the id of its thread.
    return message.id == message.channel.id and message.channel.parent_id in preferences.watched


def asked_by(message: discord.Message, facts: Facts) -> str:
    """The question of a message to nobody in particular. A forum's post asks by its title,
    or else somewhere in its text.
    """
    post = message.channel
    if not isinstance(post, discord.Thread) or post.id != message.id:
        return facts.text
    if policy.is_question(post.name):
        return post.name
    return policy.last_question(facts.text, facts.max_chars)


def _own_roles(message: discord.Message) -> frozenset[int]:
    """The roles that Discord made for the bot: mentioning one means mentioning it."""
    if message.guild is None or message.guild.me is None:
        return frozenset()
    return frozenset(role.id for role in message.guild.me.roles if role.managed)
