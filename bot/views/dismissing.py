"""Taking an answer away."""

from __future__ import annotations

import contextlib

import discord

from bot import delivery
from bot.i18n import say
from bot.pressing import Press
from bot.views.press import RECORD, AnswerButton, tell


class Dismiss(AnswerButton, template=rf"ab:dismiss:{RECORD}:(?P<asker>\d{{1,20}})"):
    """Deletes the answer, for its asker and for those who may delete any message there. It
    names the asker itself, so that it works without the record.
    """

    def __init__(self, record_id: str, asker: str | int, *, locale: object = None) -> None:
        super().__init__(f"ab:dismiss:{record_id}:{asker}", say(locale, "button.dismiss"))
        self.asker = int(asker)

    async def press(self, interaction: Press) -> None:
        moderates = interaction.guild_id is not None and interaction.permissions.manage_messages
        if interaction.user.id != self.asker and not moderates:
            await tell(interaction, "dismiss.not_yours")
            return
        await delivery.defer(interaction, thinking=False)
        # By the interaction, which works where the bot has no place in the channel, too.
        with contextlib.suppress(discord.NotFound):
            await interaction.delete_original_response()
