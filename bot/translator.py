"""The commands' own words: descriptions, options and menu entries, for Discord's list.

A command is written with `described("ask")`; Discord is told the English text and, when
the commands are registered, every translation. The names of slash commands stay the same
in all languages, so that people can tell each other what to type.
"""

from __future__ import annotations

from discord import Locale, app_commands

from bot.i18n import ENGLISH, language_of, say


def described(name: str) -> app_commands.locale_str:
    """The text of ``command.<name>``, to be translated when the commands are registered."""
    key = f"command.{name}"
    return app_commands.locale_str(say(ENGLISH, key), key=key)


class CommandWords(app_commands.Translator):
    """Hands `described` texts to Discord in each of its languages that the bot speaks."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        """None where Discord should show the English text."""
        del context  # the key says it all
        key = string.extras.get("key")
        if key is None or language_of(locale) == ENGLISH:
            return None
        return say(locale, key)
