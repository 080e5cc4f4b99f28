"""The newest titles with their age, as several panels list them."""

from __future__ import annotations

from collections.abc import Sequence

from discord.utils import format_dt

from bot.card import NAME_CHARS, listed
from bot.i18n import say
from bot.markdown import fit
from index import Article


def newest_titles(locale: object, articles: Sequence[Article], most: int) -> str:
    """A list of at most ``most`` titles, newest first, and how many more there are."""
    newest = sorted(articles, key=lambda article: article.added_at, reverse=True)
    lines = [
        say(
            locale,
            "status.article",
            title=fit(article.title, NAME_CHARS),
            when=format_dt(article.added_at, "R"),
        )
        for article in newest[: most + 1]
    ]
    more = say(locale, "list.more", count=max(0, len(articles) - most))
    return listed(lines, more, most)
