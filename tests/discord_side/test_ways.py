"""Every way of asking: with one article picked, by reply, directly, in a thread, from a menu."""

from __future__ import annotations

from dataclasses import replace

import discord
import pytest
import simcord

from bot.client import ArticleBot
from index import Article, Preferences, Scope, StorageError, Turn

from .stand_in import (
    SENTENCES,
    TITLE,
    StandInEngine,
    World,
    article_of,
    buttons,
    runs_outside,
    texts,
)

pytestmark = pytest.mark.simcord(shard_count=1)

QUESTION = "When was the lighthouse built?"


class TestOneArticle:
    @pytest.fixture
    def articles(self, world: World, engine: StandInEngine) -> list[Article]:
        own = [article_of(world.scope, 1, "Harbour rules"), article_of(world.scope, 2, "Fees")]
        shared = [article_of(Scope.shared(), 1, TITLE)]
        foreign = [article_of(Scope.guild(1), 1, "Fees of the others")]
        engine.owned = {world.scope: own, Scope.shared(): shared, Scope.guild(1): foreign}
        return own + shared

    async def offers(self, world: World, typed: str) -> list[str]:
        choices = await world.ann.autocomplete(world.channel, "ask", "article", typed, question="?")
        return [choice["name"] for choice in choices]

    async def test_the_titles_of_the_server_and_the_shared_ones_are_offered(
        self, world: World, articles: list[Article]
    ) -> None:
        assert await self.offers(world, "") == ["Harbour rules", "Fees", TITLE]
        assert await self.offers(world, "LIGHT") == [TITLE]
        assert await self.offers(world, "others") == []

    async def test_completion_reads_the_articles_once_and_never_asks(
        self, world: World, engine: StandInEngine, articles: list[Article]
    ) -> None:
        for typed in ("", "f", "fe", "fee"):
            await self.offers(world, typed)
        assert sorted(engine.listed, key=str) == [world.scope, Scope.shared()]
        assert engine.asked == []

    async def test_what_was_picked_is_asked_alone(
        self, world: World, engine: StandInEngine, articles: list[Article]
    ) -> None:
        choices = await world.ann.autocomplete(world.channel, "ask", "article", "f", question="?")
        await world.ann.slash(world.channel, "ask", question=QUESTION, article=choices[0]["value"])
        assert engine.told[-1]["only"] == articles[1]

    async def test_a_title_may_be_typed_and_one_that_is_none_is_told(
        self, world: World, engine: StandInEngine, articles: list[Article]
    ) -> None:
        await world.ann.slash(world.channel, "ask", question=QUESTION, article="fees")
        assert engine.told[-1]["only"] == articles[1]
        result = await world.ann.slash(world.channel, "ask", question=QUESTION, article="Taxes")
        assert texts(result.response)[1].startswith("There is no article here that is called so.")
        assert len(engine.asked) == 1

    async def test_the_articles_of_another_server_cannot_be_picked(
        self, world: World, engine: StandInEngine, articles: list[Article]
    ) -> None:
        await world.ann.slash(world.channel, "ask", question=QUESTION, article="guild:1#1")
        assert engine.asked == []

    async def test_a_catalogue_out_of_reach_offers_nothing(
        self, world: World, engine: StandInEngine
    ) -> None:
        engine.failure = RuntimeError("disk")
        assert await self.offers(world, "") == []


class TestPrivate:
    async def test_the_asker_may_have_the_answer_alone(self, world: World) -> None:
        result = await world.ann.slash(world.channel, "ask", question=QUESTION, private=True)
        assert result.ephemeral
        assert f"> {SENTENCES[0]}" in texts(result.response)
        assert "Continue in a thread" not in buttons(result.response)

    async def test_a_server_may_keep_answers_private_unless_the_asker_shows_them(
        self, world: World, engine: StandInEngine
    ) -> None:
        engine.journal.prefer(world.scope, private=True)
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        assert result.ephemeral
        result = await world.ann.slash(world.channel, "ask", question=QUESTION, private=False)
        assert not result.ephemeral

    async def test_a_mention_then_learns_how_to_ask_in_private(
        self, world: World, engine: StandInEngine
    ) -> None:
        engine.journal.prefer(world.scope, private=True)
        await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
        (words,) = texts(world.replies()[0])
        assert words.startswith("This server keeps my answers private. Use `/ask`")
        assert engine.asked == []


class TestChosenPlaces:
    async def test_in_other_channels_the_asker_is_told_where(
        self, world: World, engine: StandInEngine
    ) -> None:
        chosen = world.guild.create_text_channel("questions")
        engine.journal.prefer(world.scope, channels=[chosen.id])
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        assert result.ephemeral
        assert texts(result.response) == [
            f"I answer in other channels of this server: <#{chosen.id}>"
        ]
        result = await world.ann.slash(chosen, "ask", question=QUESTION)
        assert not result.ephemeral
        assert len(engine.asked) == 1

    async def test_without_one_of_the_roles_the_asker_is_told_which(
        self, world: World, engine: StandInEngine
    ) -> None:
        role = world.guild.create_role("Readers")
        reader = world.guild.add_member(world.env.create_user("ron"), roles=[role])
        engine.journal.prefer(world.scope, roles=[role.id])
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        assert result.ephemeral
        assert texts(result.response)[0].endswith(f"<@&{role.id}>")
        await reader.send(world.channel, f"{world.mention} {QUESTION}")
        assert f"> {SENTENCES[0]}" in texts(world.replies()[0])

    async def test_the_servers_threshold_counts(self, world: World, engine: StandInEngine) -> None:
        engine.journal.prefer(world.scope, threshold=0.7)
        await world.ann.slash(world.channel, "ask", question=QUESTION)
        await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
        assert [told["threshold"] for told in engine.told] == [0.7, 0.7]


class TestPreferencesOutOfReach:
    @pytest.fixture
    def engine(self, engine: StandInEngine, monkeypatch: pytest.MonkeyPatch) -> StandInEngine:
        def broken(_: Scope) -> Preferences:
            raise StorageError("disk")

        monkeypatch.setattr(engine.journal, "preferences", broken)
        return engine

    async def test_nothing_is_shown_to_all(self, world: World) -> None:
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        assert result.ephemeral
        assert f"> {SENTENCES[0]}" in texts(result.response)


class TestReplies:
    async def test_a_reply_to_an_answer_goes_on_with_its_turns(
        self, world: World, engine: StandInEngine
    ) -> None:
        await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
        first = world.replies()[0]
        await world.manager.send(
            world.channel, f"{world.mention} Who is its keeper?", reply_to=first
        )
        second = world.replies()[1]
        assert f"> {SENTENCES[1]}" in texts(second)
        assert engine.told[1]["history"] == (Turn(QUESTION, SENTENCES[0]),)
        await world.ann.send(world.channel, f"{world.mention} And the lamp?", reply_to=second)
        assert engine.told[2]["history"] == (
            Turn(QUESTION, SENTENCES[0]),
            Turn("Who is its keeper?", SENTENCES[1]),
        )

    async def test_a_reply_to_the_answer_of_a_command_goes_on_too(
        self, world: World, engine: StandInEngine
    ) -> None:
        result = await world.manager.slash(world.channel, "ask", question=QUESTION)
        assert result.response is not None
        await world.ann.send(
            world.channel, f"{world.mention} Its keeper?", reply_to=result.response.message
        )
        assert engine.told[1]["history"] == (Turn(QUESTION, SENTENCES[0]),)

    async def test_who_asks_again_in_the_same_channel_goes_on_and_nobody_else(
        self, world: World, engine: StandInEngine
    ) -> None:
        await world.ann.slash(world.channel, "ask", question=QUESTION)
        await world.ann.send(world.channel, f"{world.mention} Its keeper?")
        await world.manager.send(world.channel, f"{world.mention} Its keeper?")
        assert [len(told["history"]) for told in engine.told] == [0, 1, 0]

    async def test_after_half_an_hour_a_conversation_is_over(
        self, world: World, engine: StandInEngine
    ) -> None:
        await world.ann.slash(world.channel, "ask", question=QUESTION)
        await world.env.advance_time(31 * 60)
        await world.ann.slash(world.channel, "ask", question="Its keeper?")
        assert engine.told[1]["history"] == ()

    async def test_after_a_restart_the_record_tells_what_was_asked_if_that_is_kept(
        self, world: World, engine: StandInEngine, bot: ArticleBot
    ) -> None:
        engine.journal.prefer(world.scope, keep_questions="all")
        await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
        bot.conversations._kept.clear()
        await world.ann.send(
            world.channel, f"{world.mention} Its keeper?", reply_to=world.replies()[0]
        )
        assert engine.told[1]["history"] == (Turn(QUESTION, SENTENCES[0]),)


class TestDirectMessages:
    async def test_plain_text_is_answered_and_the_conversation_goes_on(
        self, env: simcord.Env, engine: StandInEngine
    ) -> None:
        ben = env.create_user("ben")
        await ben.send_dm(QUESTION)
        await ben.send_dm("Its keeper?")
        first, second = [m for m in ben.dm_channel.history() if m.author.bot]
        assert f"> {SENTENCES[0]}" in texts(first)
        assert f"> {SENTENCES[1]}" in texts(second)
        assert [scope for scope, _ in engine.asked] == [Scope.direct(ben.id)] * 2
        assert engine.told[1]["history"] == (Turn(QUESTION, SENTENCES[0]),)
        assert "Continue in a thread" not in buttons(first)

    async def test_a_message_without_a_visible_word_gets_help(self, env: simcord.Env) -> None:
        ben = env.create_user("ben")
        await ben.send_dm("\u200b")
        assert texts(ben.dm_channel.history()[-1])[0] == "## Ask me a question"


class TestMenu:
    async def test_the_text_of_a_message_is_asked_about(
        self, world: World, engine: StandInEngine
    ) -> None:
        target = await world.manager.send(world.channel, QUESTION)
        result = await world.ann.context_menu(world.channel, "Ask the article about this", target)
        assert texts(result.response)[:2] == [f"-# {QUESTION}", f"> {SENTENCES[0]}"]
        assert engine.asked == [(world.scope, QUESTION)]

    async def test_of_a_long_message_the_last_question_counts(
        self, world: World, engine: StandInEngine
    ) -> None:
        target = await world.manager.send(
            world.channel, f"{'Bla bla. ' * 120}Who is the keeper? {'Bla bla. ' * 20}"
        )
        await world.ann.context_menu(world.channel, "Ask the article about this", target)
        assert engine.asked == [(world.scope, "Who is the keeper?")]

    async def test_a_message_without_text_is_told_to_the_presser_alone(
        self, world: World, engine: StandInEngine
    ) -> None:
        target = await world.manager.send(world.channel, "", attachments=[("a.png", b"png")])
        result = await world.ann.context_menu(world.channel, "Ask the article about this", target)
        assert result.ephemeral
        assert texts(result.response) == ["There is no text in that message that I could look for."]
        assert engine.asked == []


class TestThreads:
    async def opened(self, world: World) -> simcord.ChannelHandle:
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        ids = buttons(result.response)
        await world.manager.click(result.response, custom_id=ids["Continue in a thread"])
        (thread,) = world.channel.threads
        return thread

    async def test_a_button_opens_a_thread_that_is_named_after_the_question(
        self, world: World
    ) -> None:
        thread = await self.opened(world)
        assert thread.name == QUESTION
        assert texts(thread.history()[-1])[0].startswith("Go on here: mention me")

    async def test_the_conversation_goes_on_there_for_everybody(
        self, world: World, engine: StandInEngine
    ) -> None:
        thread = await self.opened(world)
        await world.ann.send(thread, f"{world.mention} Its keeper?")
        await world.manager.send(thread, f"{world.mention} Its lamp?")
        assert engine.told[1]["history"] == (Turn(QUESTION, SENTENCES[0]),)
        assert [turn.question for turn in engine.told[2]["history"]] == [QUESTION, "Its keeper?"]
        assert "Continue in a thread" not in buttons(thread.history()[-1])

    async def test_a_second_press_names_the_thread_there_is(self, world: World) -> None:
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        custom_id = buttons(result.response)["Continue in a thread"]
        await world.ann.click(result.response, custom_id=custom_id)
        again = await world.ann.click(result.response, custom_id=custom_id)
        assert again.ephemeral
        (thread,) = world.channel.threads
        assert texts(again.response) == [f"There is a thread already: <#{thread.id}>"]

    async def test_a_missing_permission_is_told_to_the_presser(self, world: World) -> None:
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        world.env.inject_error("POST", "/channels/*/messages/*/threads", status=403, code=50013)
        pressed = await world.ann.click(
            result.response, custom_id=buttons(result.response)["Continue in a thread"]
        )
        assert pressed.ephemeral
        assert texts(pressed.response)[0].startswith("I may not open threads here.")

    async def test_talk_in_it_is_hidden_without_the_intent_and_left_alone(
        self, world: World, engine: StandInEngine
    ) -> None:
        thread = await self.opened(world)
        await world.ann.send(thread, "What about the lamp?")
        assert len(engine.asked) == 1


class TestMayNotWrite:
    async def test_the_asker_is_told_privately_and_the_log_once(
        self, world: World, engine: StandInEngine, caplog: pytest.LogCaptureFixture
    ) -> None:
        me = world.guild.me
        assert me is not None
        closed = world.guild.create_text_channel(
            "closed", overwrites={me: discord.PermissionOverwrite(send_messages=False)}
        )
        for _ in range(2):
            await world.ann.send(closed, f"{world.mention} {QUESTION}")
        told = [m for m in world.ann.user.dm_channel.history() if m.author.bot]
        assert [texts(m)[0] for m in told] == [
            f"You asked me in <#{closed.id}>, but I may not write there. Somebody who manages the"
            " server can let me, or use `/ask`."
        ] * 2
        assert caplog.text.count(f"may not write in channel {closed.id}") == 1
        assert engine.asked == []


class TestServersCooldown:
    @pytest.fixture
    def bot(self, engine: StandInEngine, options: object) -> ArticleBot:
        return ArticleBot(engine, replace(options, user_cooldown_s=10))  # type: ignore[arg-type, type-var]

    async def test_many_people_of_one_server_wait_and_another_server_does_not(
        self, world: World, engine: StandInEngine
    ) -> None:
        people = [world.guild.add_member(world.env.create_user(f"user{n}")) for n in range(31)]
        for person in people:
            await person.slash(world.channel, "ask", question=QUESTION)
        assert len(engine.asked) == 30
        other = world.env.create_guild("Elsewhere")
        ben = other.add_member(world.env.create_user("ben"))
        await ben.slash(other.create_text_channel("general"), "ask", question=QUESTION)
        assert len(engine.asked) == 31


async def test_a_question_under_way_is_not_held_up_by_completion(
    world: World, engine: StandInEngine, bot: ArticleBot
) -> None:
    runs_outside(world.env, bot.questions)
    engine.gate.clear()
    await world.ann.slash(world.channel, "ask", question=QUESTION)
    engine.gives_articles_to(world.scope)
    choices = await world.ann.autocomplete(world.channel, "ask", "article", "", question="?")
    assert [choice["name"] for choice in choices] == ["Rules"]
    engine.gate.set()


class TestInAServerNotJoined:
    """The app of one person's own account, used where the bot is not a member."""

    @pytest.fixture
    def brought(self, world: World, bot: ArticleBot) -> World:
        guild = bot.get_guild(world.guild.id)
        assert guild is not None
        bot._connection._remove_guild(guild)
        return world

    async def test_the_asker_reads_their_own_articles_and_the_servers_choices_do_not_count(
        self, brought: World, engine: StandInEngine
    ) -> None:
        engine.journal.prefer(brought.scope, channels=[1], private=True)
        result = await brought.ann.slash(brought.channel, "ask", question=QUESTION)
        assert f"> {SENTENCES[0]}" in texts(result.response)
        assert engine.asked == [(Scope.direct(brought.ann.id), QUESTION)]
        assert "Continue in a thread" not in buttons(result.response)

    async def test_all_goes_through_the_interaction(self, brought: World) -> None:
        result = await brought.ann.slash(brought.channel, "ask", question=QUESTION)
        assert result.response is not None
        ids = buttons(result.response)
        shown = await brought.ann.click(result.response, custom_id=ids["Context"])
        assert f"**{SENTENCES[0]}**" in texts(shown.response)[1]
        await brought.ann.click(result.response, custom_id=ids["Dismiss"])
        assert brought.replies() == []
        assert brought.requests("POST", f"/channels/{brought.channel.id}/messages") == []
