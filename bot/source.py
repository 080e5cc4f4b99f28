"""Where an article is from, in words: never more of a path than the file's name."""

from __future__ import annotations

from pathlib import PurePath, PureWindowsPath
from urllib.parse import urlsplit

from bot.i18n import say
from bot.markdown import fit
from bot.starters import BUNDLED

CONFIGURED = "configured:"
LONGEST_URL = 512
NAME_CHARS = 80


def source_words(locale: object, source: str) -> str:
    """Where it is from, without the folders of the bot's machine."""
    if source in {BUNDLED, ""}:
        return say(locale, "article.source.bundled")
    if source.startswith("upload:"):
        return say(locale, "article.source.upload")
    if url := address(source):
        return fit(urlsplit(url).hostname or url, NAME_CHARS)
    name = source.removeprefix(CONFIGURED)
    windows = "\\" in name and "/" not in name
    path = PureWindowsPath(name) if windows else PurePath(name)
    return fit(path.name, NAME_CHARS)


def address(source: str) -> str | None:
    try:
        parts = urlsplit(source)
    except ValueError:
        return None
    is_web = parts.scheme in {"http", "https"} and parts.hostname
    return source if is_web and len(source) <= LONGEST_URL and " " not in source else None
