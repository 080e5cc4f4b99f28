"""Every sentence that people read on Discord, in every language that the bot speaks.

The words stand in ``locales/``: one JSON object a language, from key to text. A text may
be two, ``one`` and ``other``, of which ``count`` picks. Knows nothing of Discord: a locale
is whatever prints as a language tag, such as ``de`` or ``en-GB``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources

ENGLISH = "en"
LANGUAGES = (ENGLISH, "de")
"""English first: it is complete, and stands in for every language that is not here."""

_GROUPING = {ENGLISH: ",", "de": "."}
_DECIMAL = {ENGLISH: ".", "de": ","}

Text = str | dict[str, str]


def language_of(locale: object) -> str:
    """The language to speak where ``locale`` is set: ``de`` for ``de-AT``, English for others."""
    language = str(locale).partition("-")[0]
    return language if language in LANGUAGES else ENGLISH


def say(locale: object, key: str, /, **values: object) -> str:
    """The text of ``key`` with ``values`` in its places; numbers are written the local way.

    Nothing is escaped: what an article or a person wrote passes through `bot.markdown`
    first. A key that no language has is a KeyError.
    """
    language = language_of(locale)
    text = words(language).get(key) or words(ENGLISH)[key]
    if isinstance(text, dict):
        text = text["one" if values["count"] == 1 else "other"]
    return text.format(**{name: shown(language, value) for name, value in values.items()})


def shown(locale: object, value: object) -> str:
    """A number as people write it there, with one decimal if it has any; else its text."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    language = language_of(locale)
    text = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}"
    places = {",": _GROUPING[language], ".": _DECIMAL[language]}
    return "".join(places.get(character, character) for character in text)


@cache
def words(language: str) -> Mapping[str, Text]:
    """All texts of one of ``LANGUAGES``."""
    file = resources.files("bot") / "locales" / f"{language}.json"
    texts: dict[str, Text] = json.loads(file.read_text("utf-8"))
    return texts
