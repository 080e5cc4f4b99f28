"""The buttons below an answer. Their state is in their ``custom_id``, so that they outlive
a restart: the id of the answer's record, and no more than that about the answer.

A record is looked up in the scope of the place where the button is pressed, and nowhere
else. Whoever sees an answer may look at its surroundings; those show to the presser alone.
"""

from __future__ import annotations

import re

import discord
from discord import ui

from bot.views.dismissing import Dismiss
from bot.views.passages import Context, More, Paging
from bot.views.press import RECORD, AnswerButton, Row, row, turns_of
from bot.views.rating import Rate
from bot.views.threads import Branch
from index import Record

__all__ = ["BUTTONS", "record_of", "rows", "turns_of"]

BUTTONS = (More, Paging, Context, Rate, Dismiss, Branch)
"""What the client must know by their templates before the first button is pressed."""


BUTTONS_A_ROW = 5


def rows(
    record: Record | None, *, asker: int, locale: object = None, can_branch: bool = False
) -> list[Row]:
    """The buttons for an answer; none where it could not be recorded."""
    if record is None:
        return []
    said = bool(record.answer.quotes)
    look: list[AnswerButton] = [More(record.id, locale=locale, nearest=not said)]
    if said:
        look.append(Context(record.id, locale=locale))
    if said and can_branch:
        look.append(Branch(record.id, locale=locale))
    judge: list[AnswerButton] = [
        Rate(record.id, "up"),
        Rate(record.id, "down"),
        Dismiss(record.id, asker, locale=locale),
    ]
    buttons = [*look, *judge]
    return [row(*buttons)] if len(buttons) <= BUTTONS_A_ROW else [row(*look), row(*judge)]


def record_of(message: discord.Message) -> str | None:
    """The id of the record that a message of the bot's shows, by its buttons."""
    view = ui.LayoutView.from_message(message)
    ids = (getattr(item, "custom_id", None) or "" for item in view.walk_children())
    found = (re.fullmatch(rf"ab:more:{RECORD}:\d+", custom_id) for custom_id in ids)
    return next((match["record"] for match in found if match), None)
