"""`/article`: what it is, how fresh it is, and questions to start with as buttons."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, Self, cast

from discord import ui
from discord.utils import format_dt

from bot.card import FRIENDLY, TITLE_CHARS, card, facts, row, rule, small
from bot.errors import Gone
from bot.i18n import say
from bot.markdown import fit
from bot.panels.titles import newest_titles
from bot.places import scope_of_press
from bot.pressing import LastingItem, Press
from bot.source import address, source_words
from index import Article, Scope

CHARACTERS_A_MINUTE = 1_200
MOST_LISTED = 20


class Asks(Protocol):
    """What a starter needs of the feature that asks."""

    async def ask_for(self, interaction: Press, question: str, *, only: Article) -> None: ...


@dataclass(frozen=True, slots=True)
class About:
    """An article with what the engine had to be asked: ``starters`` it does answer, and
    how many paragraphs it has (None: not known).
    """

    article: Article
    paragraphs: int | None = None
    starters: tuple[str, ...] = ()


def article_panel(locale: object, about: About) -> ui.LayoutView:
    article = about.article
    minutes = max(1, round(article.characters / CHARACTERS_A_MINUTE))
    counts = [say(locale, "article.minutes", count=minutes)]
    if about.paragraphs is not None:
        counts.insert(0, say(locale, "count.paragraphs", count=about.paragraphs))
    revised = article.version > 1
    return card(
        f"## {fit(article.title, TITLE_CHARS)}",
        say(locale, "article.source", source=source_words(locale, article.source)),
        small(
            say(
                locale,
                "article.added.revised" if revised else "article.added",
                date=format_dt(article.added_at, "D"),
                when=format_dt(article.added_at, "R"),
                version=article.version,
            ),
            facts(*counts),
        ),
        *_open(locale, article.source),
        *_starters(locale, about),
        colour=FRIENDLY,
    )


def _open(locale: object, source: str) -> list[ui.Item[Any]]:
    url = address(source)
    return [row(ui.Button(url=url, label=say(locale, "article.open")))] if url else []


def _starters(locale: object, about: About) -> list[str | ui.Item[Any]]:
    if not about.starters:
        return []
    rows = [
        row(Starter.build(about.article, number, question))
        for number, question in enumerate(about.starters)
    ]
    return [rule(), say(locale, "article.starters"), *rows]


def library_panel(locale: object, articles: tuple[Article, ...]) -> ui.LayoutView:
    """Several articles: their titles, newest first."""
    return card(
        say(locale, "article.list", count=len(articles)),
        newest_titles(locale, articles, MOST_LISTED),
        small(say(locale, "article.list.remark")),
        colour=FRIENDLY,
    )


class Starter(
    LastingItem[ui.Button[Any]],
    template=r"starter:(?P<scope>shared|guild:\d+|direct:\d+):(?P<article>\d+):\d",
):
    """Asks the question on its label, of the article in its ``custom_id``."""

    @classmethod
    def build(cls, article: Article, number: int, question: str) -> Self:
        custom_id = f"starter:{article.scope}:{article.id}:{number}"
        return cls(ui.Button(label=question, custom_id=custom_id))

    async def press(self, interaction: Press) -> None:
        ask = cast("Asks", interaction.client.get_cog("Ask"))
        article = await self._article(interaction)
        await ask.ask_for(interaction, self.item.label or "", only=article)

    async def _article(self, interaction: Press) -> Article:
        """The article, if whoever presses may still read it from here."""
        match = self.template.fullmatch(self.custom_id)
        assert match is not None
        wanted = (Scope(match["scope"]), int(match["article"]))
        here = scope_of_press(interaction)
        for article in await interaction.client.known.articles(here):
            if (article.scope, article.id) == wanted:
                return article
        raise Gone("error.article.gone")
