"""From a question to the message that answers it, and what is kept of both."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from discord import ui

from bot import logs, metrics, render, views
from bot.conversation import Chain, Turns
from bot.errors import Gone, words_for
from index import Answer, Article, EngineError, Kind, Record, Scope, Turn

if TYPE_CHECKING:
    from bot.client import ArticleBot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, by whom, and after which turns. ``key`` names its conversation;
    ``only`` asks one article alone, ``among`` those of the server's that the channel is
    bound to; ``can_branch`` says that a thread may grow from the
    answer; ``if_said`` asks for silence where the article does not say, or where it was
    perhaps not meant: "who made this?" to nobody in particular.
    """

    scope: Scope
    asker: int
    text: str
    key: Hashable
    history: Turns = ()
    threshold: float | None = None
    only: Article | None = None
    among: frozenset[int] = frozenset()
    locale: object = None
    can_branch: bool = False
    if_said: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """The message to show, and what it shows: None where it is an excuse."""

    view: ui.LayoutView
    answer: Answer | None = None


Find = Callable[[Sequence[Article]], Article | None]


async def answer(
    bot: ArticleBot, question: Question, *, asked: str | None = None, find: Find | None = None
) -> Outcome:
    """Ask the engine, keep a record for the buttons; any failure becomes words.

    ``asked`` repeats the question above the answer; ``find`` picks the one article to ask.
    """
    with logs.request(question.scope, bot.shard_count), metrics.question() as counted:
        try:
            if find is not None:
                question = replace(question, only=await _picked(bot, question.scope, find))
            found, record = await bot.questions.run(
                lambda left_s: _ask(bot, question, left_s), turn=question.scope
            )
            counted.answered(found)
            rows = views.rows(
                record, asker=question.asker, locale=question.locale, can_branch=question.can_branch
            )
            view = render.answer_view(found, asked=asked, locale=question.locale, buttons=rows)
        except Exception as error:  # noqa: BLE001 - every error becomes words, in one place
            counted.failed(error)
            private = (question.text, *(turn.question for turn in question.history))
            words = words_for(error, locale=question.locale, private=private)
            return Outcome(render.notice(words, asked=asked))
        log.info(
            "a question was answered",
            extra={"fields": {"kind": found.kind.value, "ms": round(found.elapsed_ms)}},
        )
        return Outcome(view, found)


async def _picked(bot: ArticleBot, scope: Scope, find: Find) -> Article:
    article = find(await bot.known.articles(scope))
    if article is None:
        raise Gone("ask.no_such_article")
    return article


def _ask(bot: ArticleBot, question: Question, left_s: float | None) -> tuple[Answer, Record | None]:
    only: Article | list[Article] | None = question.only
    if only is None and question.among:
        own = bot.engine.articles(question.scope)
        # A channel whose articles are all gone is bound no more.
        only = [article for article in own if article.id in question.among] or None
    found = bot.engine.ask(
        question.scope,
        question.text,
        history=question.history,
        threshold=question.threshold,
        deadline_s=left_s,
        only=only,
    )
    if question.if_said and found.kind in {Kind.SUMMARY, Kind.ABOUT}:
        found = replace(found, kind=Kind.NONE, text=None, quotes=())
    if found.kind is Kind.CHAT or (question.if_said and not found.answered):
        return found, None
    # Nobody manages a direct scope, so nobody may want to see what its articles lack.
    managed = question.scope.key.startswith("guild:")
    kept = found if managed else found.without_question()
    try:
        return found, bot.engine.journal.record(question.scope, question.asker, kept)
    except EngineError as error:
        log.warning("an answer goes out without its buttons: %s", error)
        return found, None


def remember(bot: ArticleBot, question: Question, found: Answer | None, message: int) -> None:
    """Let what follows lean on this turn, whether it comes in the same place or as a reply."""
    if found is None or found.kind is Kind.CHAT:
        return
    turns = (*question.history, Turn(question.text, found.text))
    bot.conversations.keep((question.key, Chain(message)), turns, time.monotonic())
