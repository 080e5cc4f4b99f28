"""`/status`: what is indexed, how fresh it is, and how the bot is doing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from discord import ui
from discord.utils import format_dt

from bot.card import FRIENDLY, WARNING, card, facts, rule, small
from bot.i18n import say
from bot.panels.titles import newest_titles
from index import Article, Tally

MOST_TITLES = 8


@dataclass(frozen=True, slots=True)
class Status:
    """``own`` are the server's articles, ``shared`` those of every server."""

    own: tuple[Article, ...]
    shared: tuple[Article, ...]
    tally: Tally
    gateway_s: float
    version: str
    since: datetime


def status_panel(locale: object, status: Status) -> ui.LayoutView:
    articles = [
        *_articles(locale, "status.own", status.own),
        *_articles(locale, "status.shared", status.shared),
    ]
    return card(
        say(locale, "status.title"),
        *(articles or [say(locale, "status.empty")]),
        rule(),
        small(
            *_questions(locale, status.tally),
            facts(*_speed(locale, status)),
            say(
                locale,
                "status.version",
                version=status.version,
                since=format_dt(status.since, "R"),
            ),
        ),
        colour=FRIENDLY if articles else WARNING,
    )


def _articles(locale: object, key: str, articles: Sequence[Article]) -> list[str]:
    """The newest titles with their age, or nothing."""
    if not articles:
        return []
    return [
        f"{say(locale, key, count=len(articles))}\n{newest_titles(locale, articles, MOST_TITLES)}"
    ]


def _questions(locale: object, tally: Tally) -> list[str]:
    if not tally.asked:
        return []
    share = f"{round(100 * tally.answered / tally.asked)} %"
    return [say(locale, "status.asked", count=tally.asked, share=share)]


def _speed(locale: object, status: Status) -> list[str]:
    """What has been measured so far."""
    found = []
    if status.tally.median_ms is not None:
        found.append(say(locale, "status.answers", ms=max(1, round(status.tally.median_ms))))
    if math.isfinite(status.gateway_s):
        found.append(say(locale, "status.gateway", ms=round(status.gateway_s * 1000)))
    return found
