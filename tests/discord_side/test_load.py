"""Many at once, on the real engine: acknowledged in time, answered all, while it re-indexes."""

from __future__ import annotations

import asyncio
import time
import types
from collections.abc import Coroutine, Generator
from dataclasses import replace
from typing import Any

import pytest
import simcord

from bot.client import ArticleBot, BotOptions
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
AT_ONCE = 100

pytestmark = pytest.mark.simcord(shard_count=1, settle_timeout=60)


@pytest.fixture
def engine(library: Engine) -> Engine:
    return library


@pytest.fixture
def options(options: BotOptions) -> BotOptions:
    return replace(options, queue_limit=AT_ONCE)


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


class Acknowledgements:
    """When each deferral was first seen, in seconds after the commands were given."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.after_s: list[float] = []
        self.longest_pause_s = 0.0

    async def watch(self, count: int) -> None:
        begun = last = time.perf_counter()
        while len(self.after_s) < count:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            self.longest_pause_s = max(self.longest_pause_s, now - last)
            last = now
            seen = len(self.world.callbacks())
            self.after_s += [now - begun] * (seen - len(self.after_s))


async def test_100_commands_at_once_are_acknowledged_within_a_second_and_all_answered(
    world: World, library: Engine
) -> None:
    asked = [QUESTIONS[n % len(QUESTIONS)] for n in range(AT_ONCE)]
    acknowledgements = Acknowledgements(world)
    watching = asyncio.create_task(acknowledgements.watch(AT_ONCE))
    await asyncio.sleep(0.01)
    results = await all_at_once(
        [world.ann.slash(world.channel, "ask", question=question) for question in asked]
    )
    await watching
    assert world.callbacks() == [5] * AT_ONCE
    assert max(acknowledgements.after_s) < 1
    answers = {question: library.ask(world.scope, question) for question in QUESTIONS}
    assert [texts(result.response) for result in results] == [
        lines(answer_view(answers[question], asked=question)) for question in asked
    ]
    assert len({answer.text for answer in answers.values()}) >= 4, "answers that can be told apart"
    print(
        f"slowest acknowledgement {max(acknowledgements.after_s) * 1000:.0f} ms,"
        f" longest pause of the event loop {acknowledgements.longest_pause_s * 1000:.0f} ms"
    )


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
    assert texts(reindex.response)[0] == "### Re-indexed the shared articles"
    assert " 0 embedded, " in texts(reindex.response)[1], "nothing changed"
