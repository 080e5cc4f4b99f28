"""A question that changes changes its answer; one that is deleted takes it along."""

from __future__ import annotations

import asyncio
import contextlib

import discord
import pytest
import simcord

from bot import delivery
from bot.client import ArticleBot, BotOptions

from .stand_in import SENTENCES, StandInEngine, World, buttons, runs_outside, texts, until

pytestmark = pytest.mark.simcord(shard_count=1)

QUESTION = "When was the lighthouse built?"


async def asked(world: World, question: str = QUESTION) -> discord.Message:
    return await world.ann.send(world.channel, f"{world.mention} {question}")


async def test_an_edited_question_has_its_answer_edited(
    world: World, engine: StandInEngine
) -> None:
    message = await asked(world)
    await world.ann.edit(message, f"{world.mention} Who is its keeper?")
    (reply,) = world.replies()
    assert f"> {SENTENCES[1]}" in texts(reply)
    assert [question for _, question in engine.asked] == [QUESTION, "Who is its keeper?"]
    assert engine.told[1]["history"] == (), "the old question is not what went before"
    shown = await world.ann.click(reply, custom_id=buttons(reply)["Context"])
    assert f"**{SENTENCES[1]}**" in texts(shown.response)[1]


async def test_an_edit_that_leaves_the_question_as_it_was_is_no_reason_to_ask_again(
    world: World, engine: StandInEngine
) -> None:
    message = await asked(world)
    await world.ann.edit(message, f"{QUESTION}   {world.mention}")
    assert len(engine.asked) == 1


async def test_an_edit_that_speaks_to_nobody_any_more_is_left_alone(
    world: World, engine: StandInEngine
) -> None:
    message = await asked(world)
    await world.ann.edit(message, "Never mind.")
    assert f"> {SENTENCES[0]}" in texts(world.replies()[0])
    assert len(engine.asked) == 1


async def test_an_edit_of_talk_between_others_is_left_alone(
    world: World, engine: StandInEngine
) -> None:
    message = await world.ann.send(world.channel, "When was it built?")
    await world.ann.edit(message, "When was it rebuilt?")
    assert world.replies() == []


async def test_a_deleted_question_takes_its_answer_along(world: World) -> None:
    first, second = await asked(world), await asked(world)
    assert len(world.replies()) == 2
    await world.ann.delete(first)
    (left,) = world.replies()
    assert left.reference is not None
    assert left.reference.message_id == second.id


class TestWhileTheAnswerIsUnderWay:
    @pytest.fixture
    def held(
        self,
        env: simcord.Env,
        engine: StandInEngine,
        bot: ArticleBot,
        monkeypatch: pytest.MonkeyPatch,
    ) -> StandInEngine:
        # The simulation takes a typing indicator for work that never settles.
        monkeypatch.setattr(delivery, "typing", contextlib.nullcontext)
        runs_outside(env, bot.questions)
        engine.gate.clear()
        return engine

    async def finished(self, world: World, bot: ArticleBot) -> None:
        messages = bot.get_cog("Messages")
        await until(lambda: not messages._busy)  # type: ignore[union-attr]
        await world.env.settle()

    async def test_a_question_that_is_deleted_leaves_nothing_behind(
        self, world: World, held: StandInEngine, bot: ArticleBot
    ) -> None:
        message = await asked(world)
        deleting = asyncio.create_task(world.ann.delete(message))
        await asyncio.sleep(0.05)
        held.gate.set()
        await deleting
        await self.finished(world, bot)
        assert world.replies() == []

    async def test_a_question_that_is_edited_is_answered_as_it_reads_now(
        self, world: World, held: StandInEngine, bot: ArticleBot
    ) -> None:
        message = await asked(world)
        editing = asyncio.create_task(
            world.ann.edit(message, f"{world.mention} Who is its keeper?")
        )
        await asyncio.sleep(0.05)
        held.gate.set()
        await editing
        await self.finished(world, bot)
        (reply,) = world.replies()
        assert f"> {SENTENCES[1]}" in texts(reply)


async def test_an_answer_that_is_gone_is_not_written_again(
    world: World, engine: StandInEngine
) -> None:
    message = await asked(world)
    (reply,) = world.replies()
    await world.ann.click(reply, custom_id=buttons(reply)["Dismiss"])
    await world.ann.edit(message, f"{world.mention} Who is its keeper?")
    await world.ann.edit(message, f"{world.mention} And the lamp?")
    assert world.replies() == []
    assert len(engine.asked) == 2, "the first edit finds out, the second is no question any more"


async def test_both_work_after_a_restart(
    world: World, engine: StandInEngine, bot: ArticleBot, options: BotOptions
) -> None:
    edited, deleted = await asked(world), await asked(world)
    await bot.close()
    again = ArticleBot(engine, options)  # type: ignore[arg-type] # the stand-in
    await world.env.restart_bot(again)
    await world.ann.edit(edited, f"{world.mention} Who is its keeper?")
    await world.ann.delete(deleted)
    (reply,) = world.replies()
    assert f"> {SENTENCES[1]}" in texts(reply)
    await again.close()


async def test_in_direct_messages_too(env: simcord.Env) -> None:
    ben = env.create_user("ben")
    message = await ben.send_dm(QUESTION)
    await ben.edit(message, "Who is its keeper?")
    (reply,) = [m for m in ben.dm_channel.history() if m.author.bot]
    assert f"> {SENTENCES[1]}" in texts(reply)
    await ben.delete(message)
    assert ben.dm_channel.history() == []


async def test_nothing_is_remembered_of_questions_that_were_answered(
    bot: ArticleBot, world: World
) -> None:
    for _ in range(3):
        await asked(world)
    messages = bot.get_cog("Messages")
    assert messages._busy == {}  # type: ignore[union-attr]
