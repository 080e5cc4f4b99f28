"""`/ask`: acknowledged first, answered in the response, refused in words."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import discord
import pytest
import simcord

from bot.client import ArticleBot, BotOptions
from bot.errors import Overloaded, ShuttingDown, TookTooLong, words_for
from index import QuestionError, Scope

from .stand_in import SENTENCES, TITLE, StandInEngine, World, placed, runs_outside, texts

pytestmark = pytest.mark.simcord(shard_count=1)


async def test_an_answer_fills_the_response_that_was_deferred_first(world: World) -> None:
    result = await world.ann.slash(world.channel, "ask", question="What is the keeper called?")
    assert world.callbacks() == [5]
    assert not result.ephemeral
    assert texts(result.response) == [
        "-# What is the keeper called?",
        f"> {SENTENCES[1]}",
        placed(2, "▁█▁", "in the middle"),
    ]
    interaction = [
        r for r in world.env.http_requests if "@original" in r.path or "/callback" in r.path
    ]
    assert [r.method for r in interaction] == ["POST", "PATCH"]


async def test_a_question_reads_the_articles_of_its_server(
    world: World, engine: StandInEngine
) -> None:
    await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert engine.asked == [(world.scope, "When was it built?")]


async def test_a_question_in_a_direct_message_reads_the_askers_own(
    env: simcord.Env, engine: StandInEngine
) -> None:
    ben = env.create_user("ben")
    result = await ben.slash("ask", question="When was it built?")
    assert f"> {SENTENCES[0]}" in texts(result.response)
    assert engine.asked == [(Scope.direct(ben.id), "When was it built?")]


async def test_what_the_article_does_not_say_is_said_to_be_missing(world: World) -> None:
    result = await world.ann.slash(world.channel, "ask", question="Who won yesterday?")
    assert texts(result.response)[1] == "## The article does not say"


async def test_a_greeting_is_answered_with_help(world: World) -> None:
    result = await world.ann.slash(world.channel, "ask", question="hello there")
    assert TITLE in texts(result.response)[2]


async def test_blanks_get_help_in_private(world: World, engine: StandInEngine) -> None:
    result = await world.ann.slash(world.channel, "ask", question="   ")
    assert result.ephemeral
    assert texts(result.response)[0] == "## Ask me a question"
    assert engine.asked == []


async def test_the_question_has_between_1_and_1000_characters(world: World) -> None:
    for question in ("", "x" * 1001):
        with pytest.raises(simcord.OptionError):
            await world.ann.slash(world.channel, "ask", question=question)


async def test_hostile_text_is_shown_as_it_is_and_pings_nobody(world: World) -> None:
    question = (
        f"@everyone {world.manager.mention} [click](https://evil.example) when built? " + "#" * 800
    )
    result = await world.ann.slash(world.channel, "ask", question=question)
    response = result.response
    assert response is not None
    assert texts(response)[0].startswith(r"-# \@everyone \<\@")
    assert response.message.mentions == []
    assert not response.message.mention_everyone
    (edit,) = world.requests("PATCH", "/messages/@original")
    assert edit.json["allowed_mentions"] == {"parse": []}


@pytest.mark.parametrize(
    "failure", [QuestionError("Only English is understood."), TookTooLong(), RuntimeError("?")]
)
async def test_a_failing_question_is_answered_in_words(
    world: World, engine: StandInEngine, failure: Exception
) -> None:
    engine.failure = failure
    result = await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert texts(result.response)[1].split(" (")[0] == words_for(failure).split(" (")[0]


async def test_an_unexpected_error_shows_an_id_that_the_log_has_without_the_question(
    world: World, engine: StandInEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.failure = RuntimeError("lost at 'When was it built?'")
    result = await world.ann.slash(world.channel, "ask", question="When was it built?")
    error_id = texts(result.response)[1].removesuffix(").")[-8:]
    (record,) = [record for record in caplog.records if record.name == "bot.errors"]
    assert error_id in record.getMessage()
    assert "lost at '[withheld]'" in record.getMessage()
    assert "When was it built?" not in caplog.text


class TestCooldown:
    @pytest.fixture
    def options(self, tmp_path: Path) -> BotOptions:
        return BotOptions(data_dir=tmp_path, user_cooldown_s=30)

    async def test_too_many_questions_are_answered_in_private_with_the_wait(
        self, world: World, engine: StandInEngine
    ) -> None:
        for _ in range(3):
            await world.ann.slash(world.channel, "ask", question="When was it built?")
        result = await world.ann.slash(world.channel, "ask", question="When was it built?")
        assert result.ephemeral
        assert texts(result.response) == ["Give me 30 seconds, please, then ask again."]
        assert len(engine.asked) == 3

    async def test_commands_and_mentions_share_the_cooldown_of_a_user_in_a_server(
        self, world: World, engine: StandInEngine
    ) -> None:
        for _ in range(3):
            await world.ann.send(world.channel, f"{world.mention} When was it built?")
        result = await world.ann.slash(world.channel, "ask", question="When was it built?")
        assert texts(result.response) == ["Give me 30 seconds, please, then ask again."]
        result = await world.manager.slash(world.channel, "ask", question="When was it built?")
        assert f"> {SENTENCES[0]}" in texts(result.response)

    async def test_after_the_wait_questions_are_answered_again(self, world: World) -> None:
        for _ in range(4):
            await world.ann.slash(world.channel, "ask", question="When was it built?")
        await world.env.advance_time(31)
        result = await world.ann.slash(world.channel, "ask", question="When was it built?")
        assert f"> {SENTENCES[0]}" in texts(result.response)


class TestOverload:
    @pytest.fixture
    def options(self, tmp_path: Path) -> BotOptions:
        return BotOptions(data_dir=tmp_path, user_cooldown_s=0, queue_limit=0)

    async def test_a_full_queue_and_a_slow_engine_are_told_in_words(
        self, world: World, engine: StandInEngine, bot: ArticleBot
    ) -> None:
        runs_outside(world.env, bot.questions)
        engine.gate.clear()
        slow = await world.ann.slash(world.channel, "ask", question="When was it built?")
        full = await world.ann.slash(world.channel, "ask", question="Who is the keeper?")
        assert texts(full.response)[1] == words_for(Overloaded())
        assert slow.deferred
        await world.env.advance_time(20)
        assert texts(slow.response)[1] == words_for(TookTooLong())
        assert len(engine.asked) == 1


async def test_a_response_that_was_deleted_meanwhile_is_no_error(world: World) -> None:
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=404, code=10008)
    await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert world.env.errors == []


async def test_an_edit_that_failed_on_discords_side_is_repeated(world: World) -> None:
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=503)
    result = await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert f"> {SENTENCES[0]}" in texts(result.response)


async def test_an_error_that_escapes_the_command_is_told_in_words_too(world: World) -> None:
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=400, code=50035)
    result = await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert texts(result.response)[0].startswith("Something went wrong on my side (error ")
    simcord.assert_error(world.env, discord.HTTPException, code=50035)


async def test_an_expired_token_sends_the_answer_to_the_channel(world: World) -> None:
    world.env.inject_error("PATCH", "/webhooks/*/messages/@original", status=401, code=50027)
    await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert f"> {SENTENCES[0]}" in texts(world.replies()[-1])


async def test_while_closing_no_question_is_taken(world: World, bot: ArticleBot) -> None:
    assert await bot.drain()
    result = await world.ann.slash(world.channel, "ask", question="When was it built?")
    assert result.ephemeral
    assert texts(result.response) == [words_for(ShuttingDown())]
    assert world.env.errors == []


async def test_closing_lets_the_accepted_questions_be_answered(
    world: World, engine: StandInEngine, bot: ArticleBot
) -> None:
    runs_outside(world.env, bot.questions)
    engine.gate.clear()
    accepted = await world.ann.slash(world.channel, "ask", question="When was it built?")
    draining = asyncio.create_task(bot.drain())
    await asyncio.sleep(0.05)
    assert not draining.done()
    engine.gate.set()
    assert await draining
    assert f"> {SENTENCES[0]}" in texts(accepted.response)


async def test_commands_are_registered_once_and_again_only_when_they_changed(
    engine: StandInEngine, options: BotOptions
) -> None:
    async def syncs(bot: ArticleBot) -> int:
        async with simcord.run(bot, shard_count=1) as env:
            env.backend.application_id = 7
            sent = [r for r in env.http_requests if r.method == "PUT"]
        await bot.close()
        return len(sent)

    record = options.data_dir / "discord-commands.json"
    assert await syncs(ArticleBot(engine, options)) == 1
    known = json.loads(record.read_text())
    (place,) = known
    assert place.endswith(":global")
    assert await syncs(ArticleBot(engine, options)) == 0
    record.write_text(json.dumps({place: "of other commands"}))
    assert await syncs(ArticleBot(engine, options)) == 1
    assert json.loads(record.read_text()) == known


async def test_a_guild_for_development_gets_the_commands_at_once(
    engine: StandInEngine, options: BotOptions
) -> None:
    bot = ArticleBot(engine, replace(options, sync_guild=77))
    async with simcord.run(bot, shard_count=1) as env:
        (put,) = [r for r in env.http_requests if r.method == "PUT"]
    assert put.path.endswith("/guilds/77/commands")
    assert {"ask", "reindex"} < {command["name"] for command in put.json}
    await bot.close()


def test_nothing_privileged_is_requested_and_nobody_can_be_pinged(bot: ArticleBot) -> None:
    privileged = discord.Intents(message_content=True, members=True, presences=True)
    assert not bot.intents.value & privileged.value
    assert bot.allowed_mentions is not None
    assert bot.allowed_mentions.to_dict() == {"parse": []}
