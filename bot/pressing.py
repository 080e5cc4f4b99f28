"""Buttons and menus that work after a restart, and tell every error in words.

What one does stands in its ``custom_id`` alone. discord.py would only log an exception of
its callback, and the presser would wait in vain.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Awaitable, Callable
from typing import Any, Self, TypeVar

import discord
from discord import ui

from bot import delivery
from bot.card import notice
from bot.client import ArticleBot
from bot.errors import NotAllowed, ShuttingDown, words_for
from index import Scope

Press = discord.Interaction[ArticleBot]
ItemT = TypeVar("ItemT", bound="ui.Item[Any]")


class LastingItem(ui.DynamicItem[ItemT], template=r"(?!)"):
    """A button or menu, known again by the template that its class names."""

    @classmethod
    async def from_custom_id(
        cls,
        interaction: discord.Interaction[Any],  # noqa: ARG003 - discord.py passes it
        item: ui.Item[Any],
        match: re.Match[str],  # noqa: ARG003 - the same
        /,
    ) -> Self:
        return cls(item)  # type: ignore[arg-type] # of the type that carries this custom_id

    @property
    def named(self) -> str:
        """What stands behind the first colon of the ``custom_id``."""
        return self.custom_id.partition(":")[2]

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await pressed(interaction, self.press)

    async def press(self, interaction: Press) -> None:
        """What the press does; it may raise."""
        raise NotImplementedError


async def pressed(interaction: Press, work: Callable[[Press], Awaitable[None]]) -> None:
    """Do the work of a press; whatever it raises is told to the presser alone, in words."""
    bot = interaction.client
    try:
        if bot.closing:
            raise ShuttingDown
        with bot.answering():
            await work(interaction)
    except Exception as error:  # noqa: BLE001 - every error becomes words, in one place
        await _tell(interaction, words_for(error, locale=interaction.locale))


async def privately(interaction: Press, work: Callable[[Press], Awaitable[None]]) -> None:
    """Do the work of a command whose answer only who gave it sees."""
    with interaction.client.answering():
        await delivery.defer(interaction, private=True)
        await pressed(interaction, work)


async def _tell(interaction: Press, text: str) -> None:
    with contextlib.suppress(discord.NotFound):  # it expired: nobody waits any more
        await delivery.tell(interaction, notice(text))


def managed_scope(interaction: discord.Interaction[Any]) -> Scope:
    """The scope of the server, for those who may manage it; NotAllowed for others.

    Asked at every press, since a message outlives its reader's rights.
    """
    if interaction.guild_id is None or not interaction.permissions.manage_guild:
        raise NotAllowed("error.not_manager")
    return Scope.guild(interaction.guild_id)
