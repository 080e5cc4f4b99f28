"""Questions about the articles themselves: in short, and as objects with a title and a date."""

from __future__ import annotations

import re
from collections.abc import Sequence

from index.answering import summarised
from index.candidates import TextOf
from index.generation import IndexedArticle, Searched
from index.intent import Intent, Wish
from index.lexical import tokens
from index.types import About, Answer, Article, Fact, Hit, Kind

MOST_ARTICLES = 5
_SUMMARY_SENTENCES = 5
_UPLOAD = "upload:"


def overview(
    question: str,
    wanted: Intent,
    searched: Searched,
    stored: Sequence[Article],
    *,
    text_of: TextOf,
    hits: tuple[Hit, ...],
) -> Answer | None:
    """The answer to a question about the articles of an index; None when it is no such question.

    ``stored`` are the catalogue's articles of the same scope. Of several articles, those
    count that the question names, or all of them.
    """
    live = _live(searched)
    named = [pair for pair in live if _names(wanted.named, pair[1].title)]
    # A part of the article, or something that it speaks of: read like any other question.
    if wanted.named and (not named or wanted.wish is Wish.OBJECT):
        return None
    chosen = (named or live)[:MOST_ARTICLES]
    if wanted.wish is Wish.WHOLE:
        return _whole(question, searched, [row for row, _ in chosen], text_of, hits)
    known = {article.id: article for article in stored}
    about = [
        _about(article, text_of(article.scope, one.id, one.version))
        for _, one in chosen
        if (article := known.get(one.id))
    ]
    return _told(question, wanted.fact, about, hits) if about and wanted.fact else None


def _whole(
    question: str,
    searched: Searched,
    rows: Sequence[int],
    text_of: TextOf,
    hits: tuple[Hit, ...],
) -> Answer | None:
    """One article in short; of several, the sentence that says most of each."""
    most = _SUMMARY_SENTENCES if len(rows) == 1 else 1
    quotes = [q for row in rows for q in summarised(searched.generation, row, text_of, most)]
    if not quotes:
        return None
    return Answer(
        question=question,
        kind=Kind.SUMMARY,
        confidence=1.0,
        threshold=0.0,
        elapsed_ms=0.0,
        text=" ".join(quote.text for quote in quotes),
        start=quotes[0].start,
        end=max(q.end for q in quotes if q.article_id == quotes[0].article_id),
        quotes=tuple(quotes),
        passages=hits,
    )


def _told(question: str, fact: Fact, about: Sequence[About], hits: tuple[Hit, ...]) -> Answer:
    values = [value for one in about if (value := _value(one, fact))]
    return Answer(
        question=question,
        kind=Kind.ABOUT,
        confidence=1.0 if values else 0.0,
        threshold=0.0,
        elapsed_ms=0.0,
        text="; ".join(values) or None,
        passages=hits,
        fact=fact,
        about=tuple(about),
    )


def _value(about: About, fact: Fact) -> str:
    if fact is Fact.LENGTH:
        return f"{about.words} words"
    return str(getattr(about, fact.value)).removeprefix(_UPLOAD)


def _live(searched: Searched) -> list[tuple[int, IndexedArticle]]:
    """The articles that count, each with its row in the manifest."""
    return [
        (row, article)
        for row, article in enumerate(searched.generation.manifest.articles)
        if searched.live is None or article.id in searched.live
    ]


def _about(article: Article, text: str) -> About:
    return About(
        title=article.title,
        source=_source(article.source),
        words=len(text.split()),
        author=article.author,
        published=article.published,
    )


def _source(source: str) -> str:
    """An address, or the name of a file: its folders are nobody's business."""
    # What an operator configured, and what came with the program.
    source = re.sub(r"^configured:(?:bundled$)?", "", source)
    if source.startswith(_UPLOAD):
        return _UPLOAD
    if re.match(r"https?://", source):
        return source
    return re.split(r"[/\\]", source)[-1]


def _names(said: str, title: str) -> bool:
    """Whether what was said is (most of) a title, and not a part of the article."""
    wanted, held = set(tokens(said)) - {"articl"}, set(tokens(title))
    return bool(wanted) and wanted <= held
