"""Answers about the articles themselves: in short, and what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from discord import ui

from bot.card import CALM, FRIENDLY, TITLE_CHARS, card, facts, rule, small
from bot.i18n import say
from bot.markdown import fit
from bot.source import source_words
from index import About, Answer, Fact

Rows = Sequence[ui.ActionRow[Any]]

SENTENCE_CHARS = 400
VALUE_CHARS = 200
WORDS_A_MINUTE = 200


def summary_view(
    answer: Answer, *, asked: str | None = None, locale: object = None, buttons: Rows = ()
) -> ui.LayoutView:
    """The article's own sentences that tell most of it; of several, one each."""
    if len({(quote.scope, quote.article_id) for quote in answer.quotes}) == 1:
        body = "\n".join(f"- {fit(quote.text, SENTENCE_CHARS)}" for quote in answer.quotes)
        of = small(
            fit(answer.quotes[0].article, TITLE_CHARS),
            facts(say(locale, "summary.how", count=len(answer.quotes))),
        )
    else:
        body = "\n".join(
            f"- **{fit(quote.article, TITLE_CHARS)}**: {fit(quote.text, SENTENCE_CHARS)}"
            for quote in answer.quotes
        )
        of = small(facts(say(locale, "summary.each")))
    title = f"## {say(locale, 'summary.title')}"
    return card(title, body, rule(), of, *buttons, colour=FRIENDLY, asked=asked)


def about_view(
    answer: Answer, *, asked: str | None = None, locale: object = None, buttons: Rows = ()
) -> ui.LayoutView:
    """What was asked of the article as an object, or that it does not tell."""
    assert answer.fact is not None
    fact = answer.fact
    if len(answer.about) == 1:
        (about,) = answer.about
        value = _value(about, fact, locale)
        title = value or say(locale, f"about.unknown.{fact.value}")
        lines = [] if fact is Fact.TITLE else [fit(about.title, TITLE_CHARS)]
        caption = say(locale, f"about.{fact.value}") if value and fact is not Fact.LENGTH else ""
        return card(
            f"## {title}",
            small(caption, *lines),
            *buttons,
            colour=FRIENDLY if value else CALM,
            asked=asked,
        )
    unknown = say(locale, "about.unknown")
    lines = [
        f"- **{fit(one.title, TITLE_CHARS)}**"
        + ("" if fact is Fact.TITLE else f": {_value(one, fact, locale) or unknown}")
        for one in answer.about
    ]
    heading = say(locale, f"about.{fact.value}")
    return card(f"## {heading}", "\n".join(lines), *buttons, colour=FRIENDLY, asked=asked)


def _value(about: About, fact: Fact, locale: object) -> str:
    """The value as Discord shows it, "" where it is unknown."""
    if fact is Fact.SOURCE:
        return source_words(locale, about.source)
    if fact is Fact.LENGTH:
        return _length(about, locale)
    return fit(
        {Fact.TITLE: about.title, Fact.AUTHOR: about.author}.get(fact, about.published), VALUE_CHARS
    )


def _length(about: About, locale: object) -> str:
    minutes = max(1, round(about.words / WORDS_A_MINUTE))
    words = say(locale, "count.words", count=about.words)
    return facts(words, say(locale, "article.minutes", count=minutes))
