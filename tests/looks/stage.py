"""The real bot on the real engine in a simulated server, and what no engine does on demand."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import simcord

from bot.client import ArticleBot
from index import (
    Answer,
    Article,
    Engine,
    Journal,
    Kind,
    Passage,
    Progress,
    Quote,
    Rehearsal,
    ReindexReport,
    Scope,
)
from tests.discord_side.stand_in import World, buttons

MAYOR = "Who is the mayor of Beijing?"
HOSTILE_TITLE = "@everyone **free** [nitro](https://evil.example) \u202e# ||gift||"
HOSTILE = (
    "The **giraffe** of <@1234567890123456789> is [forty metres](https://evil.example) tall,"
    " says `@everyone` in <#1> at <t:0:R>, ~~maybe~~ ||really|| \u202egnp.exe \u200b\u200bindeed."
    "\n\nThe \u05d2\u05d9\u05e8\u05e4\u05d4 is called \u05d3\u05d5\u05d3 in Hebrew and"
    " \u0632\u0631\u0627\u0641\u0629 in Arabic, writes the zookeeper of Haifa."
    "\n\nThe z\u0300\u0301\u0302\u0303\u0304\u0305\u0306\u0307\u0308ebra weighs three hundred"
    " kilograms\u2060 and sleeps under # a heading, > a quote and 1. a list."
    "\n\nThe telegraph address of the zoo is "
    + "".join("zooaldraharbourmainoffice"[n % 25] for n in range(260))
    + " until further notice."
)
LONG_TITLE = "The regulations of the harbour of Aldra, with all amendments"
LONG = (
    "The harbour fee is forty crowns, "
    + "; ".join(
        f"except that vessels of class {n} which carry salt, timber, grain or passengers, and"
        f" which have lain at pier {n} for more than {n} nights, owe {n * 7} crowns a night"
        for n in range(2, 24)
    )
    + "."
)


@dataclass
class StagedEngine:
    """The real engine, which can also fail, answer with less than a sentence, or stand still."""

    real: Engine
    failure: Exception | None = None
    change: Callable[[Answer], Answer] | None = None
    change_report: Callable[[ReindexReport], ReindexReport] | None = None
    is_shared_alone: bool = False
    shelf: tuple[Article, ...] = ()
    stood_in: dict[str, Callable[..., Any]] = field(default_factory=dict)
    gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()

    def ask(self, scope: Scope, question: str, **options: Any) -> Answer:
        if self.failure is not None:
            raise self.failure
        answer = self.real.ask(scope, question, **options)
        return self.change(answer) if self.change else answer

    @property
    def journal(self) -> Journal:
        return self.real.journal

    def paragraph(self, quote: Quote) -> Passage:
        return self.real.paragraph(quote)

    def __getattr__(self, name: str) -> Any:
        return self.stood_in.get(name) or getattr(self.real, name)

    def articles(self, scope: Scope) -> list[Article]:
        if self.shelf and scope != Scope.shared():
            return list(self.shelf)
        return [] if self.is_shared_alone else self.real.articles(scope)

    def rehearse(self, scope: Scope, *, asked_in: Scope, progress: Progress) -> Rehearsal:
        if self.failure is not None:
            raise self.failure
        stood_in = self.stood_in.get("rehearse")
        return (
            stood_in(scope)
            if stood_in
            else self.real.rehearse(scope, asked_in=asked_in, progress=progress)
        )

    def promote(self, rehearsal: Rehearsal, *, progress: Progress) -> ReindexReport:
        return self.reindex(rehearsal.scope, progress=progress)

    def reindex(self, scope: Scope, *, progress: Progress) -> ReindexReport:
        if self.failure is not None:
            raise self.failure
        if not self.gate.is_set():
            progress("embedding", 512, 1280)
            self.gate.wait()
        report = self.real.reindex(scope, progress=progress)
        return self.change_report(report) if self.change_report else report


class Stage(World):
    """The server in which the scenes are played."""

    def __init__(self, env: simcord.Env, bot: ArticleBot, engine: StagedEngine) -> None:
        super().__init__(env)
        self.bot = bot
        self.engine = engine

    async def asks(self, question: str, **staged: Any) -> simcord.InteractionResult:
        """`/ask` by a member, with the engine told what to do differently meanwhile."""
        return await self._with(staged, self.ann.slash(self.channel, "ask", question=question))

    async def mentions(self, question: str, **staged: Any) -> Any:
        """The bot's reply to a message that mentions it."""
        await self._with(staged, self.ann.send(self.channel, f"{self.mention} {question}".strip()))
        return self.replies()[-1]

    async def presses(self, name: str, question: str = MAYOR) -> simcord.InteractionResult:
        """What a button below the answer to a question shows its presser."""
        asked = await self.asks(question)
        return await self.ann.click(asked.response, custom_id=buttons(asked.response)[name])

    async def reindexes(self, **staged: Any) -> simcord.InteractionResult:
        return await self._with(staged, self.manager.slash(self.channel, "reindex"))

    async def manages(self, command: str, *, given: Any = None, **staged: Any) -> Any:
        """A command of `/library` by a manager, with the options ``given``."""
        action = self.manager.slash(self.channel, command, **(given or {}))
        return await self._with(staged, action)

    async def _with(self, staged: dict[str, Any], action: Any) -> Any:
        before = {name: getattr(self.engine, name) for name in staged}
        for name, value in staged.items():
            setattr(self.engine, name, value)
        try:
            result = await action
            await self.env.settle()
        finally:
            for name, value in before.items():
                setattr(self.engine, name, value)
        return result


def narrowed(part: str, confidence: float | None = None) -> Callable[[Answer], Answer]:
    """Make ``part`` of the quote the answer, as a reader that finds spans does."""

    def change(answer: Answer) -> Answer:
        quote = answer.quotes[0]
        start = quote.start + quote.text.index(part)
        sure = answer.confidence if confidence is None else confidence
        return replace(answer, text=part, start=start, end=start + len(part), confidence=sure)

    return change


def as_sure_as(confidence: float) -> Callable[[Answer], Answer]:
    return lambda answer: replace(answer, confidence=confidence)


def declined(confidence: float, threshold: float) -> Callable[[Answer], Answer]:
    def change(answer: Answer) -> Answer:
        return replace(
            answer, kind=Kind.NONE, confidence=confidence, threshold=threshold, quotes=(),
            text=None, start=None, end=None,
        )  # fmt: skip

    return change
