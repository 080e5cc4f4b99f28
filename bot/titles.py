"""Choosing an article by its title, as it is typed. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bot.markdown import visible
from index import Article

MOST_OFFERED = 25
LONGEST_LABEL = 100


def label(article: Article) -> str:
    """The title as a choice shows it."""
    title = visible(article.title) or "-"
    return title if len(title) <= LONGEST_LABEL else f"{title[: LONGEST_LABEL - 2].rstrip()} …"


def value(article: Article) -> str:
    """What a choice stands for: the article, and no other of the same title."""
    return f"{article.scope}#{article.id}"


def offered(articles: Iterable[Article], typed: str) -> list[Article]:
    """What may be meant so far: titles that begin so first, then those that hold it."""
    wanted = visible(typed).casefold()
    held = [each for each in articles if wanted in _folded(each)]
    held.sort(key=lambda each: not _folded(each).startswith(wanted))
    return held[:MOST_OFFERED]


def meant(articles: Iterable[Article], text: str) -> Article | None:
    """The article that a choice's value stands for, or else a typed title; None if none is."""
    kept = list(articles)
    wanted = visible(text).casefold()
    exact = [a for a in kept if value(a) == text] or [a for a in kept if _folded(a) == wanted]
    return next(iter(exact or offered(kept, text)), None)


def _folded(article: Article) -> str:
    return visible(article.title).casefold()
