"""Many at once, on the real engine: acknowledged in time, answered all, while it re-indexes."""

from __future__ import annotations

import asyncio
import contextlib
import time
import types
from collections.abc import AsyncIterator, Coroutine, Generator
from typing import Any

import pytest
import simcord

from bot.client import ArticleBot
from bot.render import answer_view
from index import Engine, Scope

from .stand_in import World, lines, runs_outside, texts, until

QUESTIONS = (
    "How much value did the crackdown wipe off the companies?",
    "When did China turn on its tech sector?",
    "How many new deals have been struck?",
    "Which company is based in Beijing?",
    "Who reached a partnership with Hangzhou in July?",
)
AT_ONCE = 200

pytestmark = pytest.mark.simcord(shard_count=1, settle_timeout=60)


@pytest.fixture
def engine(library: Engine) -> Engine:
    return library


@types.coroutine
def rest_of(command: Coroutine[Any, Any, Any]) -> Generator[Any, Any, Any]:
    """Finish a coroutine that was begun by hand; asyncio's ``await`` refuses that."""
    sent = None
    while True:
        try:
            waited_for = command.send(sent)
        except StopIteration as done:
            return done.value
        sent = yield waited_for


async def all_at_once(
    commands: list[Coroutine[Any, Any, simcord.InteractionResult]],
) -> list[simcord.InteractionResult]:
    """Hand every command to Discord in the same instant, then wait for each."""
    for command in commands:
        command.send(None)
    return [await rest_of(command) for command in commands]


class Watch:
    """When each deferral was first seen, in seconds after the commands were given, and how
    late the event loop was for a task that wants to run every five milliseconds.
    """

    EVERY_S = 0.005

    def __init__(self, world: World) -> None:
        self.world = world
        self.after_s: list[float] = []
        self.late_s: list[float] = []

    async def run(self) -> None:
        begun = time.perf_counter()
        while True:
            slept_at = time.perf_counter()
            await asyncio.sleep(self.EVERY_S)
            now = time.perf_counter()
            self.late_s.append(now - slept_at - self.EVERY_S)
            seen = len(self.world.callbacks())
            self.after_s += [now - begun] * (seen - len(self.after_s))

    @property
    def p99_ms(self) -> float:
        return sorted(self.late_s)[int(len(self.late_s) * 0.99)] * 1000


@contextlib.asynccontextmanager
async def watching(world: World) -> AsyncIterator[Watch]:
    watch = Watch(world)
    task = asyncio.create_task(watch.run())
    await asyncio.sleep(0.01)
    yield watch
    task.cancel()


def crowd(world: World) -> list[tuple[simcord.MemberActor, simcord.ChannelHandle]]:
    """Fifty people in five servers, and the channel of each."""
    places = []
    for n in range(5):
        guild = world.env.create_guild(f"Server {n}")
        channel = guild.create_text_channel("general")
        members = [guild.add_member(world.env.create_user(f"user{n}-{m}")) for m in range(10)]
        places += [(member, channel) for member in members]
    return places


async def test_200_questions_at_once_are_acknowledged_within_a_second_and_answered(
    world: World, library: Engine
) -> None:
    people = crowd(world)
    # No two alike, so that none is answered from memory.
    rounds = [(QUESTIONS[n % len(QUESTIONS)], n // len(QUESTIONS)) for n in range(AT_ONCE)]
    asked = [question + "?" * number for question, number in rounds]
    async with watching(world) as watch:
        results = await all_at_once(
            [
                member.slash(channel, "ask", question=question)
                for (member, channel), question in zip(people * 4, asked, strict=True)
            ]
        )
    print(
        f"slowest acknowledgement {max(watch.after_s) * 1000:.0f} ms,"
        f" event loop late by p99 {watch.p99_ms:.0f} ms, at most {max(watch.late_s) * 1000:.0f} ms"
    )
    assert world.callbacks() == [5] * AT_ONCE
    assert max(watch.after_s) < 1
    answers = {question: library.ask(world.scope, question) for question in asked}
    expected = {
        question: lines(answer_view(answer, asked=question)) for question, answer in answers.items()
    }
    shown = [texts(result.response) for result in results]
    right = [expected[question] == text for question, text in zip(asked, shown, strict=True)]
    assert sum(right) >= 195
    assert len({answer.text for answer in answers.values()}) >= 4, "answers that can be told apart"
    assert watch.p99_ms <= 50


async def test_a_mention_is_answered_with_the_articles_own_words(
    world: World, library: Engine
) -> None:
    await world.ann.send(world.channel, f"{world.mention} {QUESTIONS[2]}")
    (quote,) = [text for text in texts(world.replies()[0]) if text.startswith("> ")]
    answer = library.ask(Scope.shared(), QUESTIONS[2])
    assert answer.quote is not None
    assert "five" in quote
    assert quote.removeprefix("> ") == answer.quote.text


async def test_questions_are_answered_while_the_shared_article_is_read_again(
    world: World, bot: ArticleBot
) -> None:
    runs_outside(world.env, bot.chores)
    before = await world.ann.slash(world.channel, "ask", question=QUESTIONS[1])
    commands = [world.manager.slash(world.channel, "reindex")]
    commands += [world.ann.slash(world.channel, "ask", question=QUESTIONS[1]) for _ in range(20)]
    reindex, *asked = await all_at_once(commands)
    await until(lambda: not bot.chores.backlog)
    await world.env.settle()
    assert [texts(result.response) for result in asked] == [texts(before.response)] * 20
    assert texts(reindex.response)[0] == "## Re-indexed the shared articles"
    assert "0\u00a0embedded · " in texts(reindex.response)[-1], "nothing changed"
