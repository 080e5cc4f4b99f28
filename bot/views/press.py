"""What the buttons below an answer share."""

from __future__ import annotations

import re
from typing import Any, Self

import discord
from discord import ButtonStyle, ui

from bot import delivery
from bot.card import FRIENDLY, card
from bot.conversation import Turns
from bot.i18n import say
from bot.places import scope_of_press
from bot.pressing import LastingItem, Press
from index import Record, Turn

RECORD = r"(?P<record>[0-9a-f]{16})"

Button = ui.Button[Any]
Row = ui.ActionRow[Any]


class AnswerButton(LastingItem[Button], template=r"(?!)"):
    """A button that is made again from its id alone: the groups of the template, in order,
    are the first arguments of its class.
    """

    def __init__(
        self,
        custom_id: str,
        label: str | None = None,
        *,
        emoji: str | None = None,
        disabled: bool = False,
    ) -> None:
        button: Button = ui.Button(
            label=label,
            emoji=emoji,
            custom_id=custom_id,
            disabled=disabled,
            style=ButtonStyle.grey,
        )
        super().__init__(button)

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        del interaction, item  # the id says it all
        return cls(*match.groups())


def row(*items: ui.Item[Any]) -> Row:
    made: Row = ui.ActionRow()
    for item in items:
        made.add_item(item)
    return made


async def recalled(interaction: Press, record_id: str) -> Record | None:
    """The record, where it was made in this place and is still kept; else the presser is told."""
    bot, scope = interaction.client, scope_of_press(interaction)
    found = await bot.lookups.run(lambda _: bot.engine.journal.recall(scope, record_id))
    if found is None:
        await tell(interaction, "record.gone")
    return found


async def tell(interaction: Press, key: str, **values: object) -> None:
    """A sentence for the presser alone, with values of our own that may be markup."""
    view = card(say(interaction.locale, key, **values), colour=FRIENDLY)
    await delivery.tell(interaction, view)


def turns_of(record: Record) -> Turns:
    """What a record still tells of its conversation: nothing where the question is not kept."""
    question = record.answer.question
    return (Turn(question, record.answer.text),) if question else ()
