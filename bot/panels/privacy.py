"""`/privacy`: what is kept about the asker, and its deletion after a second thought."""

from __future__ import annotations

from typing import Any, Self

import discord
from discord import ButtonStyle, ui

from bot import delivery
from bot.card import CALM, FRIENDLY, GOOD, WARNING, card, row, small
from bot.i18n import say
from bot.pressing import LastingItem, Press
from index import Kept


def privacy_panel(locale: object, kept: Kept) -> ui.LayoutView:
    """How much there is, why, for how long, and a button that deletes it."""
    if not (kept.answers or kept.ratings):
        return card(
            say(locale, "privacy.title"),
            say(locale, "privacy.nothing"),
            small(say(locale, "privacy.why")),
            colour=FRIENDLY,
        )
    return card(
        say(locale, "privacy.title"),
        _amounts(locale, kept),
        small(say(locale, "privacy.why")),
        row(PrivacyButton.build(locale, "ask", ButtonStyle.danger)),
        colour=FRIENDLY,
    )


def confirm_panel(locale: object) -> ui.LayoutView:
    return card(
        say(locale, "privacy.confirm"),
        row(
            PrivacyButton.build(locale, "delete", ButtonStyle.danger),
            PrivacyButton.build(locale, "keep", ButtonStyle.secondary),
        ),
        colour=WARNING,
    )


def deleted_panel(locale: object, kept: Kept) -> ui.LayoutView:
    return card(say(locale, "privacy.deleted"), _amounts(locale, kept), colour=GOOD)


def _amounts(locale: object, kept: Kept) -> str:
    return "\n".join(
        [
            say(locale, "privacy.answers", count=kept.answers),
            say(locale, "privacy.questions", count=kept.questions),
            say(locale, "privacy.ratings", count=kept.ratings),
        ]
    )


class PrivacyButton(LastingItem[ui.Button[Any]], template=r"privacy:(ask|delete|keep)"):
    """Always about whoever presses it, never about anybody else."""

    @classmethod
    def build(cls, locale: object, step: str, style: discord.ButtonStyle) -> Self:
        label = say(locale, f"privacy.button.{step}")
        return cls(ui.Button(custom_id=f"privacy:{step}", label=label, style=style))

    async def press(self, interaction: Press) -> None:
        await delivery.defer(interaction, private=True, thinking=False)
        await delivery.respond(interaction, await self._next(interaction))

    async def _next(self, interaction: Press) -> ui.LayoutView:
        locale = interaction.locale
        match self.named:
            case "ask":
                return confirm_panel(locale)
            case "delete":
                return deleted_panel(locale, await self._delete(interaction))
            case _:
                return card(say(locale, "privacy.kept"), colour=CALM)

    async def _delete(self, interaction: Press) -> Kept:
        bot, user = interaction.client, interaction.user.id
        bot.conversations.forget(user)
        return await bot.lookups.run(lambda _: bot.engine.journal.forget_user(user))
