"""The blocks that every message is built of: one container, and what goes into it.

Discord takes 4,000 characters of text and 40 components in one message.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from discord import ButtonStyle, Colour, ui

from bot.i18n import say
from bot.markdown import fit, visible

QUESTION_CHARS = 120
TITLE_CHARS = 100
SECTION_CHARS = 60
NAME_CHARS = 80
NOTICE_CHARS = 1_500
MOST_NAMES = 5
NO_BREAK = "\u00a0"

GOOD = Colour(0x2E9E5B)
FRIENDLY = Colour(0x3B82C4)
DOUBTFUL = Colour(0xD9A21B)
CALM = Colour(0x8A8F98)
WARNING = Colour(0xD2573B)


def card(
    *parts: str | ui.Item[Any], colour: Colour = CALM, asked: str | None = None
) -> ui.LayoutView:
    """One container: an optional line with the question, then the parts from top to bottom."""
    items: list[ui.Item[Any]] = [
        ui.TextDisplay(part) if isinstance(part, str) else part for part in parts
    ]
    if asked is not None and visible(asked):
        items.insert(0, ui.TextDisplay(f"-# {fit(asked, QUESTION_CHARS)}"))
    view: ui.LayoutView = ui.LayoutView(timeout=None)
    view.add_item(ui.Container(*items, accent_colour=colour))
    return view


def row(*items: ui.Item[Any]) -> ui.ActionRow[Any]:
    """Buttons side by side, or one menu."""
    found: ui.ActionRow[Any] = ui.ActionRow()
    for item in items:
        found.add_item(item)
    return found


def rule() -> ui.Separator[Any]:
    return ui.Separator()


def notice(text: str, *, colour: Colour = WARNING, asked: str | None = None) -> ui.LayoutView:
    """A sentence or two of the bot's own, in plain words."""
    return card(fit(text, NOTICE_CHARS), colour=colour, asked=asked)


def facts(*parts: str) -> str:
    """Facts on a line that breaks between them alone, however narrow the screen."""
    line = " · ".join(part.replace(" ", NO_BREAK) for part in parts if part)
    return line[:1].upper() + line[1:]


def small(*lines: str) -> str:
    return "\n".join(f"-# {line}" for line in lines if line)


def listed(lines: Sequence[str], more: str, most: int = MOST_NAMES) -> str:
    """The first lines as a list, and ``more`` below them where they are not all."""
    shown = [f"- {line}" for line in lines[:most]]
    return "\n".join([*shown, f"- {more}"] if len(lines) > most else shown)


def turning(locale: object, name: str, page: int, pages: int) -> ui.ActionRow[Any]:
    """Buttons to the page before and after; ``name`` begins their ``custom_id``."""
    back: ui.Button[Any] = ui.Button(
        label="◀", custom_id=f"{name}:{page - 1}", disabled=page == 0, style=ButtonStyle.grey
    )
    here: ui.Button[Any] = ui.Button(
        label=say(locale, "list.page", page=page + 1, pages=pages),
        custom_id=f"{name}:here",
        disabled=True,
        style=ButtonStyle.grey,
    )
    forth: ui.Button[Any] = ui.Button(
        label="▶",
        custom_id=f"{name}:{page + 1}",
        disabled=page + 1 == pages,
        style=ButtonStyle.grey,
    )
    return row(back, here, forth)
