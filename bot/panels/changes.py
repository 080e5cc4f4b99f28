"""`/whatchanged`: the sentences that were added, removed and changed since the last version."""

from __future__ import annotations

from collections.abc import Sequence

from discord import ui
from discord.utils import format_dt

from bot.card import FRIENDLY, TITLE_CHARS, card, small
from bot.i18n import say
from bot.markdown import fit
from index import Article, Changes

MOST = 5
"""Sentences of each kind that are shown; more would not fit a message."""
SENTENCE_CHARS = 170


def changes_panel(locale: object, article: Article, changes: Changes) -> ui.LayoutView:
    title = say(locale, "changes.title", title=fit(article.title, TITLE_CHARS))
    if changes.older is None or changes.newer is None:
        return card(title, say(locale, "changes.first"), colour=FRIENDLY)
    if not changes.any:
        return card(title, say(locale, "changes.none"), _when(locale, changes), colour=FRIENDLY)
    pairs = [f"{_sentence(old)}\n  → {_sentence(new)}" for old, new in changes.changed]
    return card(
        title,
        *_group(locale, "changed", pairs),
        *_group(locale, "added", [_sentence(text) for text in changes.added]),
        *_group(locale, "removed", [_sentence(text) for text in changes.removed]),
        _when(locale, changes),
        colour=FRIENDLY,
    )


def _group(locale: object, kind: str, lines: Sequence[str]) -> list[str]:
    if not lines:
        return []
    shown = [f"- {line}" for line in lines[:MOST]]
    if len(lines) > MOST:
        shown.append(f"- {say(locale, 'list.more', count=len(lines) - MOST)}")
    return [say(locale, f"changes.{kind}", count=len(lines)) + "\n" + "\n".join(shown)]


def _sentence(text: str) -> str:
    return fit(text, SENTENCE_CHARS)


def _when(locale: object, changes: Changes) -> str:
    assert changes.older is not None
    assert changes.newer is not None
    return small(
        say(
            locale,
            "changes.when",
            older=changes.older.number,
            then=format_dt(changes.older.read_at, "D"),
            newer=changes.newer.number,
            now=format_dt(changes.newer.read_at, "D"),
        )
    )
