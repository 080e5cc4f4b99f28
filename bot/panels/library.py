"""`/library`: what was added, the list with the state of each, one article, a removal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from discord import ButtonStyle, ui
from discord.utils import format_dt

from bot import delivery
from bot.card import CALM, FRIENDLY, GOOD, NAME_CHARS, WARNING, card, facts, listed, row, small
from bot.errors import Gone
from bot.i18n import say
from bot.markdown import fit
from bot.pressing import LastingItem, Press, managed_scope
from bot.source import address, source_words
from index import Added, Article, ArticleNotFound, Check, Engine, Scope

PAGE = 8
REASON_CHARS = 160
MOST_FAILED = 5


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
        *([_turning(locale, page, pages)] if pages > 1 else []),
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


def _turning(locale: object, page: int, pages: int) -> ui.ActionRow[Any]:
    back: ui.Button[Any] = ui.Button(
        label="◀", custom_id=f"shelf:{page - 1}", disabled=page == 0, style=ButtonStyle.grey
    )
    here: ui.Button[Any] = ui.Button(
        label=say(locale, "library.page", page=page + 1, pages=pages),
        custom_id="shelf:here",
        disabled=True,
        style=ButtonStyle.grey,
    )
    forth: ui.Button[Any] = ui.Button(
        label="▶", custom_id=f"shelf:{page + 1}", disabled=page + 1 == pages, style=ButtonStyle.grey
    )
    return row(back, here, forth)


def shelf(engine: Engine, scope: Scope) -> tuple[list[Article], dict[int, Check]]:
    """What the list shows, read at one go."""
    return engine.articles(scope), engine.checks(scope)


class PageButton(LastingItem[ui.Button[Any]], template=r"shelf:-?\d{1,6}"):
    """Turns to the page that its ``custom_id`` names."""

    async def press(self, interaction: Press) -> None:
        scope = managed_scope(interaction)
        await delivery.defer(interaction, private=True, thinking=False)
        bot = interaction.client
        articles, checks = await bot.lookups.run(lambda _: shelf(bot.engine, scope))
        panel = list_panel(interaction.locale, articles, checks, int(self.named))
        await delivery.respond(interaction, panel)


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
        scope, bot = managed_scope(interaction), interaction.client
        match = self.template.fullmatch(self.custom_id)
        assert match is not None
        if match["scope"] != scope.key:
            raise Gone("error.article.gone")
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
