"""Where something happens on Discord: whose articles are read there, and what part it is of."""

from __future__ import annotations

from typing import Any

import discord

from bot import policy
from index import Scope

NEEDED = discord.Permissions(view_channel=True, read_message_history=True)


def is_ours(interaction: discord.Interaction[Any]) -> bool:
    """Whether it happens in a server that the bot has joined, and not just been brought to."""
    guild_id = interaction.guild_id
    return guild_id is not None and interaction.client.get_guild(guild_id) is not None


def scope_of_press(interaction: discord.Interaction[Any]) -> Scope:
    """Whose articles a command or a button reads. A server that the bot has not joined has
    none: there everybody reads their own.
    """
    guild_id = interaction.guild_id if is_ours(interaction) else None
    return policy.scope_of(guild_id, interaction.user.id)


def place_of_press(interaction: discord.Interaction[Any]) -> policy.Place:
    if not is_ours(interaction):
        return policy.Place()
    return place_of(interaction.channel, interaction.user)


def place_of(channel: Any, person: discord.abc.User) -> policy.Place:
    """The channel with the one that it is a thread of, and the roles of a person there."""
    ids = {channel.id, getattr(channel, "parent_id", None)} if channel is not None else set()
    roles = person.roles if isinstance(person, discord.Member) else ()
    return policy.Place(frozenset(ids - {None}), frozenset(role.id for role in roles))


def may_write(message: discord.Message) -> bool:
    """Whether the bot may reply there, as far as the permissions it knows of say."""
    if message.guild is None or message.guild.me is None:
        return True
    try:
        granted = message.channel.permissions_for(message.guild.me)
    except discord.ClientException:  # a thread whose channel is not known yet
        return True
    in_thread = isinstance(message.channel, discord.Thread)
    sends = granted.send_messages_in_threads if in_thread else granted.send_messages
    return sends and granted >= NEEDED


def can_branch(channel: object) -> bool:
    """Whether a thread can grow from a message there."""
    return isinstance(channel, discord.TextChannel)


def locale_of(message: discord.Message) -> object:
    """The language of a message's surroundings; people's own one is told with presses alone."""
    return message.guild.preferred_locale if message.guild else None
