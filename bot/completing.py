"""Titles of articles, offered while one is typed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from discord import app_commands

from bot import titles
from bot.errors import BotError
from index import EngineError, Scope

if TYPE_CHECKING:
    from bot.client import ArticleBot

COMPLETION_S = 2.0


async def offered_titles(
    bot: ArticleBot, scope: Scope, typed: str, *, own: bool = False
) -> list[app_commands.Choice[str]]:
    """What may be meant of the articles readable in ``scope``; ``own``: of its own alone."""
    try:
        async with asyncio.timeout(COMPLETION_S):
            articles = await bot.known.articles(scope)
    except (TimeoutError, BotError, EngineError):
        return []  # nothing to pick from; a title can be typed all the same
    kept = [each for each in articles if not own or each.scope == scope]
    return [
        app_commands.Choice(name=titles.label(each), value=titles.value(each))
        for each in titles.offered(kept, typed)
    ]
