"""Values of the engine -> messages of Discord, inside every limit of Discord's.

The limits: 4,000 characters of text and 40 components in one message. Every text that
comes from an article or a person passes through `bot.markdown`.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

from discord import ui

from bot import evidence
from bot.card import (
    CALM,
    DOUBTFUL,
    FRIENDLY,
    GOOD,
    NO_BREAK,
    QUESTION_CHARS,
    SECTION_CHARS,
    TITLE_CHARS,
    card,
    facts,
    notice,
    rule,
    small,
)
from bot.certainty import percent, words
from bot.i18n import say
from bot.markdown import fit, marked, plain, size, visible
from bot.panels.overview import about_view, summary_view
from index import Answer, Kind, Passage, Quote, Record

__all__ = [
    "answer_view",
    "card",
    "context_view",
    "help_view",
    "notice",
    "passages_view",
]

HEADING_CHARS = 80
ANSWER_CHARS = 1_200
QUOTES_CHARS = 1_200
EVIDENCE_CHARS = 400
"""A sentence around its answer may be shorter than one that is the answer."""
PASSAGE_CHARS = 900
CONTEXT_CHARS = 3_000
PASSAGES_A_PAGE = 3
MOST_QUOTES = 16

Rows = Sequence[ui.ActionRow[Any]]

COLOURS = {
    "very sure": GOOD,
    "sure": FRIENDLY,
    "fairly sure": DOUBTFUL,
    "not sure": CALM,
}


def answer_view(
    answer: Answer, *, asked: str | None = None, locale: object = None, buttons: Rows = ()
) -> ui.LayoutView:
    """The message for an answer of any kind. ``asked`` repeats the question above it,
    for places where the reader cannot see it.
    """
    if answer.kind is Kind.CHAT:
        return help_view(*_titles(answer), asked=asked, locale=locale)
    if answer.kind is Kind.SUMMARY:
        return summary_view(answer, asked=asked, locale=locale, buttons=buttons)
    if answer.kind is Kind.ABOUT:
        return about_view(answer, asked=asked, locale=locale, buttons=buttons)
    if answer.text is None or not answer.quotes:
        return not_said_view(answer, asked=asked, locale=locale, buttons=buttons)
    unsure = words(answer.confidence) == "not sure"
    place = _place(answer.quotes, locale, answer.quote)
    return card(
        *_read_as(answer, locale),
        *([small(say(locale, "answer.unsure"))] if unsure else []),
        *_short_answer(answer),
        *_quotes(answer, locale),
        rule(),
        small(
            _titled(answer.quotes),
            facts(_strip(answer.quotes, locale), *place, _sureness(answer, locale)),
        ),
        *buttons,
        colour=COLOURS[words(answer.confidence)],
        asked=asked,
    )


def _read_as(answer: Answer, locale: object) -> list[str]:
    """The question without its slips, so that a name taken for one is seen."""
    if answer.read_as is None:
        return []
    return [small(say(locale, "answer.read_as", question=fit(answer.read_as, QUESTION_CHARS)))]


def _short_answer(answer: Answer) -> list[str]:
    """The answer on its own, unless the quotes say it as well without it."""
    text = visible(answer.text or "")
    own = answer.quote.text if answer.quote else ""
    if text in {visible(own), visible(" ".join(quote.text for quote in answer.quotes))}:
        return []
    if size(text) <= HEADING_CHARS:
        return [f"## {plain(text)}"]
    return [] if _is_inside(answer) else [fit(text, ANSWER_CHARS)]


def _quotes(answer: Answer, locale: object) -> list[str]:
    """Each quote; of several, each with its place, unless they share one."""
    shown = answer.quotes[:MOST_QUOTES]
    together = sum(len(quote.text) for quote in shown)
    budget = QUOTES_CHARS // (1 if together <= QUOTES_CHARS else len(shown))
    lines = [
        _evidence(answer, quote, budget) if quote is answer.quote else fit(quote.text, budget)
        for quote in shown
    ]
    if _place(answer.quotes, locale):
        return [f"> {line}" for line in lines]
    title_each = not _titled(answer.quotes)
    return [
        f"> {line}\n{_own_place(quote, locale, title_each)}"
        for line, quote in zip(lines, shown, strict=True)
    ]


def _own_place(quote: Quote, locale: object, titled: bool) -> str:
    # One link is enough for one message.
    return small(_titled([quote]) if titled else "", facts(*_place([quote], locale)[:1]))


def _evidence(answer: Answer, quote: Quote, budget: int) -> str:
    if not _is_inside(answer):
        return fit(quote.text, budget)
    start, end = _span_in(answer, quote)
    return marked(quote.text, start, end, min(budget, EVIDENCE_CHARS))


def _is_inside(answer: Answer) -> bool:
    """Whether the answer is a part of the quote that it begins in, and not all of it."""
    quote = answer.quote
    if quote is None or answer.start is None or answer.end is None:
        return False
    within = quote.start <= answer.start < answer.end <= quote.end
    return within and (answer.start, answer.end) != (quote.start, quote.end)


def _span_in(answer: Answer, quote: Quote) -> tuple[int, int]:
    assert answer.start is not None
    assert answer.end is not None
    return answer.start - quote.start, answer.end - quote.start


def _titled(quotes: Sequence[Quote]) -> str:
    """The title, and the section, that all quotes share; nothing where each has its own title."""
    if len({(quote.scope, quote.article_id) for quote in quotes}) > 1:
        return ""
    title = fit(quotes[0].article, TITLE_CHARS)
    sections = {quote.section for quote in quotes}
    section = sections.pop() if len(sections) == 1 else ""
    return f"{title} › {fit(section, SECTION_CHARS)}" if section else title


def _place(quotes: Sequence[Quote], locale: object, own: Quote | None = None) -> list[str]:
    """The page that all quotes share, or the paragraphs that they stand in one behind the other,
    as a link to the sentence, which is ``own`` or the first, where its source has an address; none
    where they stand apart.
    """
    quote = own or quotes[0]
    if not evidence.are_adjacent(quotes):
        return []
    first, last = min(one.paragraph for one in quotes), max(one.paragraph for one in quotes)
    pages = [one.page for one in quotes if one.page is not None]
    if quote.page is not None and (first == last or min(pages) == max(pages)):
        text = say(locale, "answer.page", number=quote.page)
    elif pages:
        text = say(locale, "answer.pages", first=min(pages), last=max(pages))
    elif first == last:
        text = say(locale, "answer.paragraph", number=first, total=quote.paragraphs)
    else:
        text = say(locale, "answer.paragraphs", first=first, last=last, total=quote.paragraphs)
    address = evidence.link(quote)
    if address is None:
        return [text]
    return [text, f"[{say(locale, 'answer.jump')}]({address})".replace(" ", NO_BREAK)]


def _strip(quotes: Sequence[Quote], locale: object) -> str:
    cells = evidence.strip(quotes)
    if not cells:
        return ""
    place = evidence.where(quotes)
    if place is evidence.Where.SPREAD and evidence.are_adjacent(quotes):
        return f"`{cells}`"
    return f"`{cells}` {say(locale, f'answer.where.{place.name.lower()}')}"


def _sureness(answer: Answer, locale: object) -> str:
    band = say(locale, f"certainty.{words(answer.confidence).replace(' ', '_')}")
    return f"{band} ({percent(answer.confidence)})"


def _titles(answer: Answer) -> list[str]:
    """The articles that the nearest passages are from."""
    return list(dict.fromkeys(hit.passage.article for hit in answer.passages))


def not_said_view(
    answer: Answer, *, asked: str | None = None, locale: object = None, buttons: Rows = ()
) -> ui.LayoutView:
    titles = _titles(answer)
    return card(
        f"## {say(locale, 'notsaid.many' if len(titles) > 1 else 'notsaid.one')}",
        say(locale, "notsaid.explanation"),
        rule(),
        small(
            fit(titles[0], TITLE_CHARS) if len(titles) == 1 else "",
            facts(
                # Rounded down, so that it never looks like enough.
                say(locale, "notsaid.best", percent=percent(floor(answer.confidence * 100) / 100)),
                say(locale, "notsaid.needed", percent=percent(answer.threshold)),
            ),
        ),
        *buttons,
        asked=asked,
    )


def help_view(*titles: str, asked: str | None = None, locale: object = None) -> ui.LayoutView:
    """What the bot does and how to ask it; for greetings, orders and empty mentions."""
    if len(titles) == 1:
        promise = say(locale, "help.promise.one", title=fit(titles[0], TITLE_CHARS))
    else:
        promise = say(locale, "help.promise.many")
    return card(
        f"## {say(locale, 'help.title')}",
        promise,
        small(say(locale, "help.how")),
        colour=FRIENDLY,
        asked=asked,
    )


def passages_view(
    record: Record, page: int, *, locale: object = None, buttons: Rows = ()
) -> ui.LayoutView:
    """One page of the passages nearest to a question, best first. Pages count from 0."""
    hits = record.answer.passages
    first = page * PASSAGES_A_PAGE
    titles = _titles(record.answer)
    each = len(titles) > 1
    parts = [
        f"> {fit(hit.passage.text, PASSAGE_CHARS)}"
        + (f"\n{small(fit(hit.passage.article, TITLE_CHARS))}" if each else "")
        for hit in hits[first : first + PASSAGES_A_PAGE]
    ]
    title = say(locale, "passages.title")
    if pages(record) > 1:
        title = f"{title} · {say(locale, 'button.page', page=page + 1, pages=pages(record))}"
    below = [] if each or not titles else [small(fit(titles[0], TITLE_CHARS))]
    return card(
        f"### {title}",
        *(parts or [say(locale, "passages.none")]),
        *below,
        *buttons,
        colour=FRIENDLY,
    )


def pages(record: Record) -> int:
    """How many pages of passages there are to show, at least one."""
    return max(1, -(-len(record.answer.passages) // PASSAGES_A_PAGE))


def context_view(answer: Answer, paragraph: Passage, *, locale: object = None) -> ui.LayoutView:
    """The paragraph around the answer, with its sentence in bold."""
    quote = answer.quote
    assert quote is not None
    start, end = quote.start - paragraph.start, quote.end - paragraph.start
    return card(
        f"### {say(locale, 'context.title')}",
        f"> {marked(paragraph.text, start, end, CONTEXT_CHARS)}",
        rule(),
        small(
            fit(quote.article, TITLE_CHARS),
            facts(_strip([quote], locale), *_place([quote], locale)),
        ),
        colour=FRIENDLY,
    )
