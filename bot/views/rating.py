"""Thumbs: what people think of an answer, and why."""

from __future__ import annotations

from typing import Any, Literal

import discord
from discord import ui

from bot import delivery
from bot.i18n import say
from bot.markdown import visible
from bot.places import scope_of_press
from bot.pressing import Press, pressed
from bot.views.press import RECORD, AnswerButton, tell

LONGEST_REASON = 500
FORM_LIVES_S = 15 * 60.0

Verdict = Literal["up", "down"]


class Rate(AnswerButton, template=rf"ab:rate:{RECORD}:(?P<verdict>up|down)"):
    """Keeps what somebody thinks of an answer; who says it is wrong may say why."""

    def __init__(self, record_id: str, verdict: Verdict) -> None:
        super().__init__(f"ab:rate:{record_id}:{verdict}", emoji="👍" if verdict == "up" else "👎")
        self.record_id = record_id
        self.verdict: Verdict = verdict

    async def press(self, interaction: Press) -> None:
        if self.verdict == "up":
            await delivery.defer(interaction, private=True)
        # A form has to be the first response, and the press counts even if it is closed.
        if not await _rate(interaction, self.record_id, self.verdict):
            await tell(interaction, "record.gone")
        elif self.verdict == "up":
            await tell(interaction, "rating.thanks")
        else:
            await interaction.response.send_modal(Why(self.record_id, interaction.locale))


async def _rate(interaction: Press, record_id: str, verdict: Verdict, reason: str = "") -> bool:
    bot, scope, user = interaction.client, scope_of_press(interaction), interaction.user.id
    rate = bot.engine.journal.rate
    return await bot.lookups.run(lambda _: rate(scope, record_id, user, verdict, reason))


class Why(ui.Modal):
    """Asks what was wrong with an answer; an empty form is as good as none."""

    def __init__(self, record_id: str, locale: discord.Locale) -> None:
        super().__init__(title=say(locale, "rating.modal.title"), timeout=FORM_LIVES_S)
        self.record_id = record_id
        self.reason: ui.TextInput[Any] = ui.TextInput(
            style=discord.TextStyle.paragraph,
            required=False,
            max_length=LONGEST_REASON,
            placeholder=say(locale, "rating.modal.hint"),
            custom_id="reason",
        )
        self.add_item(ui.Label(text=say(locale, "rating.modal.label"), component=self.reason))

    async def on_submit(self, interaction: discord.Interaction[Any]) -> None:
        await pressed(interaction, self._keep)

    async def _keep(self, interaction: Press) -> None:
        await delivery.defer(interaction, private=True)
        kept = await _rate(interaction, self.record_id, "down", visible(self.reason.value))
        await tell(interaction, "rating.reason" if kept else "record.gone")
