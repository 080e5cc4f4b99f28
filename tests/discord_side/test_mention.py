"""A message that mentions the bot is answered with a reply that pings nobody."""

from __future__ import annotations

import pytest
import simcord

from bot.errors import ShuttingDown, words_for
from bot.policy import Cooldown
from index import QuestionError, Scope

from .stand_in import SENTENCES, StandInEngine, World, texts

pytestmark = pytest.mark.simcord(shard_count=1)

QUESTION = "When was the lighthouse built?"


async def test_a_mention_with_a_question_gets_a_reply(world: World) -> None:
    asked = await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    (reply,) = world.replies()
    assert texts(reply)[0] == f"> {SENTENCES[0]}"
    assert reply.reference is not None
    assert reply.reference.message_id == asked.id
    assert reply.mentions == []


async def test_the_reply_pings_nobody_survives_a_deleted_question_and_has_a_nonce(
    world: World,
) -> None:
    asked = await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    (request,) = world.requests("POST", f"/channels/{world.channel.id}/messages")
    assert request.json["allowed_mentions"] == {"parse": [], "replied_user": False}
    assert request.json["message_reference"]["fail_if_not_exists"] is False
    assert request.json["nonce"] == str(asked.id)
    assert request.json["enforce_nonce"] is True


async def test_the_bot_shows_that_it_is_typing(world: World) -> None:
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    assert len(world.requests("POST", "/typing")) == 1


async def test_every_form_of_mention_is_taken_out_of_the_question(
    world: World, engine: StandInEngine
) -> None:
    me = world.env.bot.user.id
    for mention in (f"<@{me}>", f"<@!{me}>"):
        await world.ann.send(world.channel, f"{mention} {QUESTION}")
        await world.ann.send(world.channel, f"{QUESTION} {mention}")
    assert engine.asked == [(world.scope, QUESTION)] * 4
    assert len(world.replies()) == 4


async def test_a_mention_of_the_bots_own_role_is_answered_if_only_with_help(world: World) -> None:
    """Discord hides the text of a message that mentions the role alone."""
    (role,) = [role.id for role in world.guild.me.roles if role.managed]
    await world.ann.send(world.channel, f"<@&{role}> {QUESTION}")
    assert texts(world.replies()[0])[0] == "## Ask me a question"


async def test_an_empty_mention_gets_help(world: World, engine: StandInEngine) -> None:
    await world.ann.send(world.channel, world.mention)
    assert texts(world.replies()[0])[0] == "## Ask me a question"
    assert engine.asked == []


async def test_talk_between_others_is_left_alone(world: World, engine: StandInEngine) -> None:
    await world.ann.send(world.channel, QUESTION)
    await world.ann.send(world.channel, f"{world.manager.mention} {QUESTION}")
    assert world.replies() == []
    assert engine.asked == []


async def test_bots_and_webhooks_are_never_answered(world: World, engine: StandInEngine) -> None:
    robot = world.guild.add_member(world.env.create_user("robot", bot=True))
    await robot.send(world.channel, f"{world.mention} {QUESTION}")
    await world.guild.create_webhook(world.channel).send(f"{world.mention} {QUESTION}")
    assert world.replies() == []
    assert engine.asked == []


async def test_a_question_that_is_too_long_is_refused_with_the_limit(
    world: World, engine: StandInEngine
) -> None:
    await world.ann.send(world.channel, f"{world.mention} {'x' * 1001}")
    assert texts(world.replies()[0]) == [
        "That is too long: a question has at most 1,000 characters."
    ]
    assert engine.asked == []


async def test_a_failing_question_gets_a_reply_in_words(
    world: World, engine: StandInEngine
) -> None:
    engine.failure = QuestionError("Only English is understood.")
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    assert texts(world.replies()[0]) == [words_for(engine.failure)]


@pytest.mark.parametrize("status", [503, 520])
async def test_a_send_that_discord_failed_is_repeated_once_with_the_same_nonce(
    world: World, status: int
) -> None:
    path = f"/channels/{world.channel.id}/messages"
    world.env.inject_error("POST", path, status=status)
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    first, second = world.requests("POST", path)
    assert first.json == second.json
    assert len(world.replies()) == 1


async def test_a_channel_closed_to_the_bot_is_logged_and_no_error(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    for path in ("typing", "messages"):
        world.env.inject_error(
            "POST", f"/channels/{world.channel.id}/{path}", status=403, code=50013
        )
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    assert world.replies() == []
    assert f"cannot write in channel {world.channel.id}: code 50013" in caplog.text


async def test_hostile_text_in_a_message_pings_nobody(world: World, engine: StandInEngine) -> None:
    engine.failure = QuestionError(f"No words in @everyone {world.manager.mention} [x](https://y)")
    await world.ann.send(world.channel, f"{world.mention} ?!")
    (reply,) = world.replies()
    assert reply.mentions == []
    assert not reply.mention_everyone
    assert texts(reply)[0].startswith(r"No words in \@everyone \<\@")


async def test_one_servers_question_never_reads_anothers_articles(
    world: World, engine: StandInEngine, env: simcord.Env
) -> None:
    other = env.create_guild("Elsewhere")
    channel = other.create_text_channel("general")
    ben = other.add_member(env.create_user("ben"))
    await ben.send(channel, f"{world.mention} {QUESTION}")
    assert engine.asked == [(Scope.guild(other.id), QUESTION)]


async def test_a_mention_while_the_bot_is_going_is_told_so(
    world: World, engine: StandInEngine
) -> None:
    world.env.bot.closing = True
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    await world.ann.send(world.channel, "Talking to nobody here.")
    (reply,) = world.replies()
    assert texts(reply) == [words_for(ShuttingDown())]
    assert engine.asked == []


async def test_everybody_of_a_busy_server_is_told_to_wait_for_themselves(world: World) -> None:
    world.env.bot.server_cooldown = Cooldown(1000.0, burst=1)
    people = [world.guild.add_member(world.env.create_user(name)) for name in ("bea", "cem", "dan")]
    for person in people:
        await person.send(world.channel, f"{world.mention} {QUESTION}")
    assert len(world.replies()) == 3
