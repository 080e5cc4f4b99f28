"""`/library`: what was added, the list with the state of each, one article, a removal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Self

from discord import ButtonStyle, ui
from discord.utils import format_dt

from bot import delivery
from bot.card import (
    CALM,
    FRIENDLY,
    GOOD,
    NAME_CHARS,
    WARNING,
    card,
    facts,
    listed,
    row,
    small,
    turning,
)
from bot.errors import Gone
from bot.i18n import say
from bot.markdown import fit
from bot.pressing import LastingItem, Press, managed_scope
from bot.source import address, source_words
from index import Added, Article, ArticleNotFound, Check, Engine, Feed, Published, Scope

PAGE = 8
REASON_CHARS = 160
MOST_FAILED = 5
MOST_TITLES = 4
SHORT_NAME_CHARS = 40


def added_panel(locale: object, added: Added, *, total: int) -> ui.LayoutView:
    """What became of a source; ``total`` is how many articles the server has now."""
    names = [fit(article.title, NAME_CHARS) for article in added.articles]
    failed = [
        f"{fit(source, NAME_CHARS)}: {fit(reason, REASON_CHARS)}" for source, reason in added.failed
    ]
    parts = [listed(names, say(locale, "list.more", count=max(0, len(names) - PAGE)), PAGE)]
    if failed:
        more = say(locale, "list.more", count=max(0, len(failed) - MOST_FAILED))
        label = say(locale, "library.failed", count=len(failed))
        parts.append(f"{label}\n{listed(failed, more, MOST_FAILED)}")
    return card(
        say(locale, "library.added", count=len(names)),
        *parts,
        small(
            say(locale, "library.added.remark", count=len(names)),
            say(locale, "library.added.feed") if added.feed else "",
            say(locale, "library.total", count=total),
        ),
        colour=WARNING if failed else GOOD,
    )


def list_panel(
    locale: object, articles: Sequence[Article], checks: Mapping[int, Check], page: int = 0
) -> ui.LayoutView:
    """A page of the server's own articles, newest first, with the state of each."""
    if not articles:
        return card(say(locale, "library.empty"), colour=FRIENDLY)
    newest = sorted(articles, key=lambda article: -article.id)
    pages = -(-len(newest) // PAGE)
    page = min(max(page, 0), pages - 1)
    shown = newest[page * PAGE : (page + 1) * PAGE]
    return card(
        say(locale, "library.list", count=len(articles)),
        "\n".join(_entry(locale, article, checks.get(article.id)) for article in shown),
        *([turning(locale, "shelf", page, pages)] if pages > 1 else []),
        colour=FRIENDLY,
    )


def info_panel(locale: object, article: Article, check: Check | None) -> ui.LayoutView:
    """One article: where it is from, how fresh it is, what is known of it."""
    url = address(article.canonical or article.source)
    told = [fit(told, NAME_CHARS) for told in (article.author, article.published) if told]
    failing = check is not None and check.failures > 0
    return card(
        f"## {fit(article.title, NAME_CHARS)}",
        say(locale, "article.source", source=source_words(locale, article.source)),
        *([facts(*told)] if told else []),
        state(locale, article, check),
        small(
            say(
                locale,
                "library.version",
                version=article.version,
                date=format_dt(article.added_at, "D"),
            ),
            say(locale, "library.number", number=article.id),
        ),
        *([row(ui.Button(url=url, label=say(locale, "article.open")))] if url else []),
        colour=WARNING if failing else FRIENDLY,
    )


def bound_panel(locale: object, channel: str, articles: Sequence[Article]) -> ui.LayoutView:
    """What a channel is bound to now; nothing: it asks all."""
    if not articles:
        return card(say(locale, "library.unbound", channel=channel), colour=FRIENDLY)
    names = [fit(article.title, NAME_CHARS) for article in articles]
    more = say(locale, "list.more", count=max(0, len(names) - PAGE))
    return card(
        say(locale, "library.bound", channel=channel),
        listed(names, more, PAGE),
        small(say(locale, "library.bound.remark")),
        colour=GOOD,
    )


def removed_panel(locale: object, article: Article) -> ui.LayoutView:
    return card(
        say(locale, "library.removed", title=fit(article.title, NAME_CHARS)),
        row(UndoButton.build(locale, article)),
        small(say(locale, "library.removed.remark")),
        colour=CALM,
    )


def state(locale: object, article: Article, check: Check | None) -> str:
    """Fresh, or since when it cannot be read and why, or that it was uploaded."""
    if article.source.startswith("upload:"):
        return say(locale, "library.state.upload")
    if check is None:
        return say(locale, "library.state.unchecked")
    if check.failing_since is None:
        return say(locale, "library.state.fresh", when=format_dt(check.checked_at, "R"))
    return say(
        locale,
        "library.state.failing",
        since=format_dt(check.failing_since, "R"),
        reason=fit(check.reason, REASON_CHARS),
    )


def _entry(locale: object, article: Article, check: Check | None) -> str:
    name = f"**{article.id}** · {fit(article.title, NAME_CHARS)}"
    where = source_words(locale, article.source)
    return f"{name}\n-# {where} · {state(locale, article, check)}"


def shelf(engine: Engine, scope: Scope) -> tuple[list[Article], dict[int, Check]]:
    """What the list shows, read at one go."""
    return engine.articles(scope), engine.checks(scope)


def feeds_panel(locale: object, feeds: Sequence[Feed]) -> ui.LayoutView:
    """The watched feeds, each with a button that ends the watching."""
    if not feeds:
        return card(say(locale, "library.feeds.none"), colour=FRIENDLY)
    return card(
        say(locale, "library.feeds", count=len(feeds)),
        *(
            ui.Section(
                f"{fit(feed.source.partition('://')[2], NAME_CHARS)}\n"
                f"-# {_feed_state(locale, feed)}",
                accessory=UnwatchButton.build(locale, feed).item,
            )
            for feed in feeds
        ),
        small(say(locale, "library.feeds.remark")),
        colour=FRIENDLY,
    )


def rollback_panel(locale: object, scope: Scope, generations: Sequence[Published]) -> ui.LayoutView:
    """The states of the library that can be gone back to."""
    if not any(not one.live for one in generations):
        return card(say(locale, "library.rollback.none"), colour=FRIENDLY)
    return card(
        say(locale, "library.rollback"),
        *(
            ui.Section(
                _generation(locale, one),
                accessory=RollbackButton.build(locale, scope, one.name, live=one.live).item,
            )
            for one in generations
        ),
        small(say(locale, "library.rollback.remark")),
        colour=FRIENDLY,
    )


def _generation(locale: object, one: Published) -> str:
    titles = [fit(title, SHORT_NAME_CHARS) for _, _, title in one.articles[:MOST_TITLES]]
    rest = len(one.articles) - len(titles)
    if rest:
        titles.append(say(locale, "list.more", count=rest))
    count = say(locale, "count.articles", count=len(one.articles))
    return f"**{format_dt(one.at, 'f')}** · {count}\n-# {', '.join(titles)}"


def _feed_state(locale: object, feed: Feed) -> str:
    if feed.check.failing_since is None:
        read = say(locale, "library.feed.read", when=format_dt(feed.check.checked_at, "R"))
        if not feed.check.reason:
            return read
        reason = fit(feed.check.reason, REASON_CHARS)
        return f"{read}; {say(locale, 'library.feed.partly', reason=reason)}"
    return say(
        locale,
        "library.state.failing",
        since=format_dt(feed.check.failing_since, "R"),
        reason=fit(feed.check.reason, REASON_CHARS),
    )


class PageButton(LastingItem[ui.Button[Any]], template=r"shelf:-?\d{1,6}"):
    """Turns to the page that its ``custom_id`` names."""

    async def press(self, interaction: Press) -> None:
        scope = managed_scope(interaction)
        await delivery.defer(interaction, private=True, thinking=False)
        bot = interaction.client
        articles, checks = await bot.lookups.run(lambda _: shelf(bot.engine, scope))
        panel = list_panel(interaction.locale, articles, checks, int(self.named))
        await delivery.respond(interaction, panel)


def _meant(item: LastingItem[Any], interaction: Press, gone: str) -> tuple[Scope, re.Match[str]]:
    """The presser's server, and what the ``custom_id`` names; Gone where it is another's."""
    scope = managed_scope(interaction)
    match = item.template.fullmatch(item.custom_id)
    assert match is not None
    if match["scope"] != scope.key:
        raise Gone(gone)
    return scope, match


class UndoButton(
    LastingItem[ui.Button[Any]], template=r"undo:(?P<scope>guild:\d+):(?P<article>\d+)"
):
    """Brings a removed article back."""

    @classmethod
    def build(cls, locale: object, article: Article) -> Self:
        custom_id = f"undo:{article.scope}:{article.id}"
        label = say(locale, "library.undo")
        return cls(ui.Button(label=label, custom_id=custom_id, style=ButtonStyle.grey))

    async def press(self, interaction: Press) -> None:
        bot, (scope, match) = interaction.client, _meant(self, interaction, "error.article.gone")
        await delivery.defer(interaction, private=True, thinking=False)
        number = int(match["article"])
        try:
            article = await bot.removals.run(lambda _: bot.engine.undelete(scope, number))
        except ArticleNotFound as error:
            raise Gone("error.library.no_undo") from error
        bot.known.forget(scope)
        title = fit(article.title, NAME_CHARS)
        panel = card(say(interaction.locale, "library.restored", title=title), colour=GOOD)
        await delivery.respond(interaction, panel)


class UnwatchButton(
    LastingItem[ui.Button[Any]], template=r"unwatch:(?P<scope>guild:\d+):(?P<feed>\d{1,9})"
):
    """Ends the watching of a feed, whose articles stay."""

    @classmethod
    def build(cls, locale: object, feed: Feed) -> Self:
        label = say(locale, "library.unwatch")
        custom_id = f"unwatch:{feed.scope}:{feed.id}"
        return cls(ui.Button(label=label, custom_id=custom_id, style=ButtonStyle.grey))

    async def press(self, interaction: Press) -> None:
        bot, (scope, match) = interaction.client, _meant(self, interaction, "error.feed.gone")
        await delivery.defer(interaction, private=True, thinking=False)
        if not await bot.lookups.run(lambda _: bot.engine.unwatch(scope, int(match["feed"]))):
            raise Gone("error.feed.gone")
        feeds = await bot.lookups.run(lambda _: bot.engine.feeds(scope))
        await delivery.respond(interaction, feeds_panel(interaction.locale, feeds))


class RollbackButton(
    LastingItem[ui.Button[Any]],
    template=r"rollback:(?P<scope>guild:\d+):(?P<name>[0-9a-f-]{1,40})",
):
    """Makes the articles what they were in an earlier generation."""

    @classmethod
    def build(cls, locale: object, scope: Scope, name: str, *, live: bool) -> Self:
        label = say(locale, "library.rollback.live" if live else "library.rollback.go")
        custom_id = f"rollback:{scope}:{name}"
        return cls(
            ui.Button(label=label, custom_id=custom_id, style=ButtonStyle.grey, disabled=live)
        )

    async def press(self, interaction: Press) -> None:
        bot, (scope, match) = interaction.client, _meant(self, interaction, "error.generation.gone")
        await delivery.defer(interaction, private=True, thinking=False)
        try:
            articles = await bot.workshop.run(
                interaction,
                scope,
                lambda told: bot.engine.roll_back(scope, match["name"], progress=told),
                heading="library.rolling_back",
            )
        except Exception as error:
            # It can be tried again: the progress gives way to what is kept now.
            kept = await bot.lookups.run(lambda _: bot.engine.generations(scope))
            await delivery.respond(interaction, rollback_panel(interaction.locale, scope, kept))
            if isinstance(error, ArticleNotFound):
                raise Gone("error.generation.gone") from error
            raise
        panel = card(
            say(interaction.locale, "library.rolled_back", count=len(articles)),
            small(say(interaction.locale, "library.rolled_back.remark")),
            colour=GOOD,
        )
        await delivery.respond(interaction, panel)
