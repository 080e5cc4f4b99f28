"""How to ask the bot: `/help`, and the hint for a server that it has just joined."""

from __future__ import annotations

from discord import ui

from bot.card import FRIENDLY, TITLE_CHARS, card, rule, small
from bot.i18n import say
from bot.markdown import fit

WAYS = ("command", "mention", "reply", "direct", "menu")
COMMANDS = ("article", "status", "privacy")


def guide_panel(locale: object, titles: tuple[str, ...], *, manages: bool) -> ui.LayoutView:
    """Every way of asking; ``manages`` adds what only managers can use."""
    return card(
        say(locale, "help.title.command"),
        _promise(locale, titles),
        "\n".join(say(locale, f"help.way.{way}") for way in WAYS),
        rule(),
        small(
            *(say(locale, f"help.command.{name}") for name in COMMANDS),
            say(locale, "help.commands.managers") if manages else "",
        ),
        colour=FRIENDLY,
    )


def welcome_panel(locale: object, titles: tuple[str, ...]) -> ui.LayoutView:
    """The one message that a server gets unasked, when the bot joins it."""
    return card(
        say(locale, "welcome.title"),
        _promise(locale, titles),
        say(locale, "welcome.steps"),
        small(say(locale, "welcome.remark")),
        colour=FRIENDLY,
    )


def _promise(locale: object, titles: tuple[str, ...]) -> str:
    if len(titles) == 1:
        return say(locale, "help.promise.one", title=fit(titles[0], TITLE_CHARS))
    return say(locale, "help.promise.many")
