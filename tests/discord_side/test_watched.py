"""In watched channels the bot answers what is a question and has evidence, and nothing else."""

from __future__ import annotations

from dataclasses import replace

import pytest
import simcord

from bot.client import ArticleBot, BotOptions

from .stand_in import SENTENCES, StandInEngine, World, buttons, texts

pytestmark = pytest.mark.simcord(shard_count=1)

QUESTION = "When was the lighthouse built?"


@pytest.fixture
def options(options: BotOptions) -> BotOptions:
    return replace(options, message_content=True)


@pytest.fixture
def watched(world: World, engine: StandInEngine) -> World:
    engine.journal.prefer(world.scope, watched=[world.channel.id])
    return world


async def test_a_question_to_nobody_is_answered_with_its_evidence(watched: World) -> None:
    await watched.ann.send(watched.channel, QUESTION)
    (reply,) = watched.replies()
    assert f"> {SENTENCES[0]}" in texts(reply)
    assert "Dismiss" in buttons(reply)


async def test_what_the_article_does_not_say_is_left_to_people(
    watched: World, engine: StandInEngine
) -> None:
    await watched.ann.send(watched.channel, "Who wins tomorrow, do you think?")
    assert watched.replies() == []
    assert engine.journal.tally(watched.scope).asked == 0, "nor is it kept"


async def test_what_is_no_question_is_not_even_asked(watched: World, engine: StandInEngine) -> None:
    for talk in ("The lighthouse was built well.", "built?", "> When was the lighthouse built?"):
        await watched.ann.send(watched.channel, talk)
    assert engine.asked == []


async def test_questions_to_others_are_theirs(watched: World, engine: StandInEngine) -> None:
    first = await watched.ann.send(watched.channel, "I was at the lighthouse.")
    await watched.manager.send(watched.channel, QUESTION, reply_to=first)
    await watched.manager.send(watched.channel, f"{watched.ann.mention} {QUESTION}")
    assert engine.asked == []


async def test_an_error_or_a_long_question_is_no_reason_to_speak_up(
    watched: World, engine: StandInEngine
) -> None:
    engine.failure = RuntimeError("?")
    await watched.ann.send(watched.channel, QUESTION)
    engine.failure = None
    await watched.ann.send(watched.channel, f"When was {'really ' * 200}it built?")
    assert watched.replies() == []


async def test_other_channels_are_not_listened_to(watched: World, engine: StandInEngine) -> None:
    other = watched.guild.create_text_channel("other")
    await watched.ann.send(other, QUESTION)
    assert engine.asked == []


async def test_bots_and_webhooks_are_never_answered(watched: World, engine: StandInEngine) -> None:
    robot = watched.guild.add_member(watched.env.create_user("robot", bot=True))
    await robot.send(watched.channel, QUESTION)
    await watched.guild.create_webhook(watched.channel).send(QUESTION)
    assert engine.asked == []


async def test_a_question_edited_beyond_evidence_loses_its_answer(watched: World) -> None:
    message = await watched.ann.send(watched.channel, QUESTION)
    await watched.ann.edit(message, "Who wins tomorrow, do you think?")
    assert watched.replies() == []


async def test_a_post_in_a_watched_forum_is_answered_by_its_title(
    world: World, engine: StandInEngine
) -> None:
    forum = world.guild.create_forum_channel("help")
    engine.journal.prefer(world.scope, watched=[forum.id])
    post = await opens_post(world, forum, QUESTION, "I was there today and wondered about it.")
    assert engine.asked == [(world.scope, QUESTION)]
    (reply,) = [m for m in post.history() if m.author.id == world.env.bot.user.id]
    assert f"> {SENTENCES[0]}" in texts(reply)
    await world.ann.send(post, "Who is its keeper?")
    assert len(engine.asked) == 1, "what follows in it is between people"


async def test_a_post_whose_title_asks_nothing_is_answered_by_its_text(
    world: World, engine: StandInEngine
) -> None:
    forum = world.guild.create_forum_channel("help")
    engine.journal.prefer(world.scope, watched=[forum.id])
    await opens_post(world, forum, "Lighthouse", "Who is its keeper these days?")
    assert engine.asked == [(world.scope, "Who is its keeper these days?")]


async def opens_post(
    world: World, forum: simcord.ChannelHandle, title: str, text: str
) -> simcord.ChannelHandle:
    """Let a member open a forum's post, which only the simulation's backend can do: the
    message that opens it has the id of its thread.
    """
    backend = world.env.backend
    thread = backend.create_thread(forum.id, title, world.ann.id)
    snowflake = backend.snowflake
    backend.snowflake = lambda: thread.id  # type: ignore[method-assign]
    try:
        backend.create_message(thread.id, world.ann.id, text)
    finally:
        backend.snowflake = snowflake  # type: ignore[method-assign]
    await world.env.settle()
    (post,) = forum.threads
    return post


async def test_in_a_thread_of_its_own_the_bot_needs_no_mention(
    world: World, engine: StandInEngine
) -> None:
    result = await world.ann.slash(world.channel, "ask", question=QUESTION)
    await world.ann.click(
        result.response, custom_id=buttons(result.response)["Continue in a thread"]
    )
    (thread,) = world.channel.threads
    assert texts(thread.history()[-1])[0].startswith("Go on here: just write")
    await world.manager.send(thread, "Who is its keeper?")
    assert f"> {SENTENCES[1]}" in texts(thread.history()[-1])
    assert len(engine.told[1]["history"]) == 1
    await world.ann.send(thread, f"{world.manager.mention} Is that right?")
    assert len(engine.asked) == 2


async def test_a_reply_to_an_answer_needs_no_ping(world: World, engine: StandInEngine) -> None:
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    await world.ann.send(world.channel, "Its keeper?", reply_to=world.replies()[0])
    assert len(engine.told[1]["history"]) == 1


class TestWithoutTheIntent:
    @pytest.fixture
    def options(self, options: BotOptions) -> BotOptions:
        return replace(options, message_content=False)

    async def test_watched_channels_are_silent(self, watched: World, engine: StandInEngine) -> None:
        await watched.ann.send(watched.channel, QUESTION)
        assert engine.asked == []

    def test_the_intent_is_not_asked_for(self, bot: ArticleBot) -> None:
        assert not bot.intents.message_content


def test_the_intent_is_asked_for_when_the_operator_wants_it(bot: ArticleBot) -> None:
    assert bot.intents.message_content
    assert not bot.intents.members
    assert not bot.intents.presences
