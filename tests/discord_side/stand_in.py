"""An engine that can be read by eye, values for it, and short words for a simulated server.

The stand-in engine answers with the sentence of its article that shares most words with
the question, so that exact answers can be expected, and it can be told to be slow or to
fail.
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import discord
import simcord

from bot.card import NO_BREAK
from bot.offload import Offload
from index import (
    Added,
    Answer,
    Article,
    ArticleNotFound,
    Changes,
    Check,
    Examined,
    Feed,
    Golden,
    Hit,
    Journal,
    Kind,
    Passage,
    Published,
    Quote,
    Rehearsal,
    ReindexReport,
    Scope,
)
from index.golden import passes

TITLE = "The lighthouse of Aldra"
SENTENCES = (
    "The lighthouse was built in 1862.",
    "Its keeper is called Ann.",
    "The lamp reaches forty kilometres.",
)


def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.casefold()))


def quote_of(sentence: str, paragraph: int = 1, paragraphs: int = 3, start: int = 100) -> Quote:
    return Quote(
        Scope.shared(), 1, 1, TITLE, "lighthouse.md", start, start + len(sentence), sentence,
        paragraph, paragraphs,
    )  # fmt: skip


def answer_of(quote: Quote, text: str | None = None, confidence: float = 0.92) -> Answer:
    """An answer whose text is the quote, or the part of it that ``text`` names."""
    text = quote.text if text is None else text
    start = quote.start + quote.text.index(text)
    return Answer(
        question="?", kind=Kind.SPAN, confidence=confidence, threshold=0.5, elapsed_ms=1.0,
        text=text, start=start, end=start + len(text), quotes=(quote,),
    )  # fmt: skip


def article_of(scope: Scope, number: int, title: str) -> Article:
    return Article(scope, number, 1, title, "rules.md", "text/markdown", "0", 10, datetime.now(UTC))


def passage_of(text: str) -> Hit:
    return Hit(Passage(Scope.shared(), 1, 1, TITLE, 0, len(text), text), 0.2)


def not_said(kind: Kind = Kind.NONE, confidence: float = 0.1) -> Answer:
    passages = (passage_of(SENTENCES[0]),)
    return Answer(
        question="?", kind=kind, confidence=confidence, threshold=0.5, elapsed_ms=1.0,
        passages=passages,
    )  # fmt: skip


def report_of(scope: Scope, **changes: Any) -> ReindexReport:
    values: dict[str, Any] = {
        "scope": scope, "generation": "g7", "articles": 1, "passages": 3, "embedded": 1,
        "reused": 2, "added": (), "changed": (TITLE,), "removed": (), "failed": (), "seconds": 0.25,
    }  # fmt: skip
    return ReindexReport(**{**values, **changes})


@dataclass
class StandInGolden:
    """The golden questions, in memory."""

    kept: dict[Scope, list[Golden]] = field(default_factory=dict)

    def all(self, scope: Scope) -> list[Golden]:
        return self.kept.get(scope, [])

    def remove(self, scope: Scope, number: int) -> bool:
        before = self.all(scope)
        self.kept[scope] = [each for each in before if each.id != number]
        return len(self.kept[scope]) < len(before)


@dataclass
class StandInEngine:
    """The engine's methods that the bot calls. ``gate`` closed holds every question, and
    ``reindex_gate`` every re-index; ``failure`` is raised instead of answering.
    """

    journal: Journal
    failure: Exception | None = None
    owned: dict[Scope, list[Article]] = field(default_factory=dict)
    asked: list[tuple[Scope, str]] = field(default_factory=list)
    told: list[dict[str, Any]] = field(default_factory=list)
    passages: int = 1
    turns: Any = None
    listed: list[Scope] = field(default_factory=list)
    reindexed: list[Scope] = field(default_factory=list)
    refreshed: list[Article | None] = field(default_factory=list)
    added: list[tuple[Scope, str | bytes, str | None]] = field(default_factory=list)
    looked: list[timedelta] = field(default_factory=list)
    pruned: list[datetime] = field(default_factory=list)
    rehearsal: Rehearsal = field(
        default_factory=lambda: Rehearsal(Scope.local(), 1, (), (), 0, (), (), (), (), ())
    )
    changed: Changes = field(default_factory=Changes)
    removed: list[Article] = field(default_factory=list)
    watched: dict[Scope, list[Feed]] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    rolled_back: list[str] = field(default_factory=list)
    golden: StandInGolden = field(default_factory=StandInGolden)
    forgotten: list[Scope] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    reindex_gate: threading.Event = field(default_factory=threading.Event)
    at_reindex_gate: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.gate.set()
        self.reindex_gate.set()

    def ask(self, scope: Scope, question: str, **told: Any) -> Answer:
        self.asked.append((scope, question))
        self.told.append(told)
        assert self.gate.wait(10)
        if self.failure is not None:
            raise self.failure
        if "hello" in words(question):
            return not_said(Kind.CHAT)
        shared = [len(words(question) & words(sentence)) for sentence in SENTENCES]
        best = shared.index(max(shared))
        answer = answer_of(quote_of(SENTENCES[best], best + 1)) if max(shared) else not_said()
        hits = tuple(passage_of(f"Passage {n}.") for n in range(1, self.passages + 1))
        return replace(answer, question=question, passages=hits)

    def paragraph(self, quote: Quote) -> Passage:
        if self.failure is not None:
            raise self.failure
        text = f"Before that. {quote.text} After that."
        start = quote.start - len("Before that. ")
        return Passage(
            quote.scope,
            quote.article_id,
            quote.version,
            quote.article,
            start,
            start + len(text),
            text,
        )

    def articles(self, scope: Scope) -> list[Article]:
        self.listed.append(scope)
        if self.failure is not None:
            raise self.failure
        return self.owned.get(scope, [])

    def add(self, scope: Scope, source: bytes, *, title: str | None, **told: Any) -> Article:
        if self.failure is not None:
            raise self.failure
        self.added.append((scope, source, title))
        number = len(self.owned.setdefault(scope, [])) + 1
        self.owned[scope].append(article_of(scope, number, title or told["filename"]))
        return self.owned[scope][-1]

    def add_page(self, scope: Scope, url: str, *, title: str | None, progress: Any) -> Added:
        article = self.add(scope, url, title=title, filename=url.rpartition("/")[2])  # type: ignore[arg-type]
        return Added((article,))

    def remove(self, scope: Scope, article_id: int) -> Article:
        (found,) = [article for article in self.owned[scope] if article.id == article_id]
        self.owned[scope].remove(found)
        self.removed.append(found)
        return found

    def undelete(self, scope: Scope, article_id: int) -> Article:
        (found,) = [article for article in self.removed if article.id == article_id]
        self.owned[scope].append(found)
        return found

    def refresh_due(self, every: timedelta, now: datetime, *, stop: Any) -> int:
        self.looked.append(every)
        if self.failure is not None:
            raise self.failure
        return 1

    def prune(self, now: datetime) -> int:
        self.pruned.append(now)
        return 0

    def changes(self, article: Article) -> Changes:
        return self.changed

    def checks(self, scope: Scope) -> dict[int, Check]:
        return {}

    def rehearse(
        self, scope: Scope, *, asked_in: Scope, progress: Callable[[str, int, int], None]
    ) -> Rehearsal:
        progress("reading", 0, 1)
        return replace(self.rehearsal, scope=scope)

    def promote(
        self, rehearsal: Rehearsal, *, progress: Callable[[str, int, int], None]
    ) -> ReindexReport:
        return self.reindex(rehearsal.scope, progress=progress)

    def reindex(
        self,
        scope: Scope,
        *,
        progress: Callable[[str, int, int], None],
        only: Article | None = None,
    ) -> ReindexReport:
        self.refreshed.append(only)
        progress("embedding", 1, 3)
        self.at_reindex_gate.set()
        assert self.reindex_gate.wait(10)
        progress("publishing", 3, 3)
        self.reindexed.append(scope)
        return report_of(scope)

    def feeds(self, scope: Scope) -> list[Feed]:
        return self.watched.get(scope, [])

    def unwatch(self, scope: Scope, number: int) -> bool:
        before = self.feeds(scope)
        self.watched[scope] = [feed for feed in before if feed.id != number]
        return len(self.watched[scope]) < len(before)

    def generations(self, scope: Scope) -> list[Published]:
        return self.published

    def roll_back(self, scope: Scope, name: str, *, progress: Any) -> list[Article]:
        progress("embedding", 1, 3)
        if name not in {one.name for one in self.published}:
            raise ArticleNotFound(name)
        self.rolled_back.append(name)
        return self.articles(scope)

    def keep_golden(self, scope: Scope, answer: Answer, expected: str | None) -> Examined:
        kept = self.golden.kept.setdefault(scope, [])
        kept.append(Golden(len(kept) + 1, answer.question, expected))
        return self._examined(kept[-1], answer)

    def examine(self, scope: Scope, *, progress: Any) -> list[Examined]:
        return [
            self._examined(each, self.ask(scope, each.question)) for each in self.golden.all(scope)
        ]

    @staticmethod
    def _examined(golden: Golden, answer: Answer) -> Examined:
        return Examined(golden, answer.text, passes(answer, golden.expected))

    def forget(self, scope: Scope) -> None:
        self.forgotten.append(scope)

    def gives_articles_to(self, scope: Scope) -> None:
        self.owned[scope] = [article_of(scope, 9, "Rules")]


class World:
    """One server with a channel and a member, and short words for what members do."""

    def __init__(self, env: simcord.Env) -> None:
        self.env = env
        self.guild = env.create_guild("Harbour")
        self.channel = self.guild.create_text_channel("general")
        self.ann = self.guild.add_member(env.create_user("ann"))
        managers = self.guild.create_role(
            "Managers", permissions=discord.Permissions(manage_guild=True)
        )
        self.manager = self.guild.add_member(env.create_user("mia"), roles=[managers])

    @property
    def mention(self) -> str:
        return f"<@{self.env.bot.user.id}>"

    @property
    def scope(self) -> Scope:
        return Scope.guild(self.guild.id)

    def replies(self) -> list[discord.Message]:
        """What the bot wrote in the channel."""
        return [m for m in self.channel.history() if m.author.id == self.env.bot.user.id]

    def callbacks(self) -> list[int]:
        """The types of the first responses to interactions: 5 is deferred, 4 a message."""
        return [request.json["type"] for request in self.requests("POST", "/callback")]

    def requests(self, method: str, ending: str) -> list[simcord.HttpLogEntry]:
        return [
            request
            for request in self.env.http_requests
            if request.method == method and request.path.endswith(ending)
        ]


def runs_outside(env: simcord.Env, offload: Offload) -> None:
    """Let the simulation see the offload's work as an external input: a command that waits
    for work that a test holds back then counts as settled, and others can be given.
    """
    run = offload.run

    async def run_outside(work: Callable[[float | None], Any], **told: Any) -> Any:
        return await env.external_wait(run(work, **told), reason="work that the test holds back")

    offload.run = run_outside  # type: ignore[method-assign, assignment]


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what another thread or a server brings about, ten seconds at most."""
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - threads set no event of asyncio's
            await asyncio.sleep(0.001)


def lines(view: discord.ui.LayoutView) -> list[str]:
    """The text of a view that is yet to be sent, from top to bottom."""
    return [
        item.content for item in view.walk_children() if isinstance(item, discord.ui.TextDisplay)
    ]


def texts(message: discord.Message | simcord.ResponseMessage | None) -> list[str]:
    """The text of a message's components, from top to bottom."""
    assert message is not None
    if isinstance(message, simcord.ResponseMessage):
        message = message.message
    return [
        item.content
        for container in message.components
        for item in container.children
        if isinstance(item, discord.TextDisplay)
    ]


def placed(paragraph: int, cells: str, words: str, sure: str = "very sure (92 %)") -> str:
    """The small print below an answer of the stand-in's article of three paragraphs."""
    facts = (f"`{cells}` {words}", f"paragraph {paragraph} of 3", sure)
    return f"-# {TITLE}\n-# " + " · ".join(fact.replace(" ", NO_BREAK) for fact in facts)


def buttons(message: discord.Message | simcord.ResponseMessage | None) -> dict[str, str]:
    """The ids of a message's buttons by their label, or by their emoji where they have none."""
    assert message is not None
    if isinstance(message, simcord.ResponseMessage):
        message = message.message
    view = discord.ui.LayoutView.from_message(message)
    found = [item for item in view.walk_children() if isinstance(item, discord.ui.Button)]
    return {item.label or str(item.emoji): str(item.custom_id) for item in found}
