"""The buttons below an answer: what they show, to whom, and that they outlive a restart."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import discord
import pytest
import simcord
import sqlalchemy as sa

from bot import views
from bot.client import ArticleBot, BotOptions
from index import ArticleNotFound, StorageError
from index.schema import feedback

from . import stand_in
from .stand_in import SENTENCES, TITLE, StandInEngine, World, buttons, texts

pytestmark = pytest.mark.simcord(shard_count=1)

QUESTION = "When was the lighthouse built?"
GONE = "I no longer keep that answer, so this button cannot work any more. Please ask again."


@pytest.fixture
async def answer(world: World) -> simcord.ResponseMessage:
    result = await world.ann.slash(world.channel, "ask", question=QUESTION)
    assert result.response is not None
    return result.response


async def press(
    who: simcord.MemberActor, message: simcord.ResponseMessage, name: str
) -> simcord.InteractionResult:
    return await who.click(message, custom_id=buttons(message)[name])


def ratings(engine: StandInEngine) -> list[tuple[int, str, str]]:
    with engine.journal._catalogue.reading() as connection:
        rows = connection.execute(sa.select(feedback.c.user, feedback.c.verdict, feedback.c.reason))
        return [tuple(row) for row in rows]


async def test_an_answer_has_its_six_buttons_in_every_way_of_asking(
    world: World, answer: simcord.ResponseMessage
) -> None:
    names = ["More passages", "Context", "Continue in a thread", "👍", "👎", "Dismiss"]
    assert list(buttons(answer)) == names
    await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
    assert list(buttons(world.replies()[-1])) == names


async def test_not_said_has_the_nearest_passages_behind_a_button(world: World) -> None:
    result = await world.ann.slash(world.channel, "ask", question="Who won yesterday?")
    assert result.response is not None
    assert list(buttons(result.response)) == ["Nearest passages", "👍", "👎", "Dismiss"]
    assert "Passage 1." not in "".join(texts(result.response))
    shown = await press(world.manager, result.response, "Nearest passages")
    assert texts(shown.response) == ["### Nearest passages", "> Passage 1.", f"-# {TITLE}"]


async def test_help_and_excuses_have_no_buttons(world: World, engine: StandInEngine) -> None:
    result = await world.ann.slash(world.channel, "ask", question="hello")
    assert buttons(result.response) == {}
    engine.failure = RuntimeError("?")
    result = await world.ann.slash(world.channel, "ask", question=QUESTION)
    assert buttons(result.response) == {}


def test_every_id_is_short_enough_and_names_no_more_than_the_record_and_the_asker() -> None:
    longest = [
        views.passages.More("f" * 16, 999),
        views.passages.Paging("f" * 16, 999),
        views.passages.Context("f" * 16),
        views.rating.Rate("f" * 16, "down"),
        views.dismissing.Dismiss("f" * 16, 10**19),
        views.threads.Branch("f" * 16),
    ]
    assert {type(item) for item in longest} == set(views.BUTTONS)
    assert all(len(item.custom_id) <= 100 for item in longest)


class TestMorePassages:
    @pytest.fixture
    def engine(self, engine: StandInEngine) -> StandInEngine:
        engine.passages = 7
        return engine

    async def test_they_are_paged_for_the_presser_alone(
        self, world: World, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.manager, answer, "More passages")
        assert shown.ephemeral
        assert shown.response is not None
        assert texts(shown.response) == [
            "### Nearest passages · 1 of 3",
            *(f"> Passage {n}." for n in (1, 2, 3)),
            f"-# {TITLE}",
        ]
        turned = await press(world.manager, shown.response, "Next ›")
        assert turned.deferred
        assert texts(shown.response)[0] == "### Nearest passages · 2 of 3"
        await press(world.manager, shown.response, "Next ›")
        assert texts(shown.response)[1:] == ["> Passage 7.", f"-# {TITLE}"]
        await press(world.manager, shown.response, "‹ Previous")
        assert texts(shown.response)[0] == "### Nearest passages · 2 of 3"
        assert texts(answer)[0] == f"-# {QUESTION}", "the answer stays as it is"

    async def test_at_the_ends_there_is_nowhere_to_turn(
        self, world: World, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.ann, answer, "More passages")
        assert shown.response is not None
        with pytest.raises(simcord.SetupError, match="disabled"):
            await press(world.ann, shown.response, "‹ Previous")

    async def test_pages_show_nothing_dangerous_and_keep_every_limit(
        self, world: World, engine: StandInEngine, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hostile = "@everyone [x](https://evil.example) <@1> ``` \u202e" + "a *b* " * 2000
        plain = stand_in.passage_of
        monkeypatch.setattr(stand_in, "passage_of", lambda _: plain(hostile))
        result = await world.ann.slash(world.channel, "ask", question=QUESTION)
        assert result.response is not None
        shown = await press(world.ann, result.response, "More passages")
        text = "".join(texts(shown.response))
        assert r"\@everyone \[x\](https\://evil.example)" in text
        assert "\u202e" not in text
        assert len(text) < 4000


class TestContext:
    async def test_the_paragraph_shows_to_the_presser_with_the_quote_in_bold(
        self, world: World, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.manager, answer, "Context")
        assert shown.ephemeral
        assert texts(shown.response)[:2] == [
            "### The paragraph around it",
            f"> Before that. **{SENTENCES[0]}** After that.",
        ]

    async def test_a_version_that_is_gone_is_told(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        engine.failure = ArticleNotFound("no version 1")
        shown = await press(world.ann, answer, "Context")
        assert texts(shown.response) == [
            "That version of the article is no longer kept, so I cannot show more of it."
        ]

    async def test_an_unexpected_error_is_told_with_an_id(
        self,
        world: World,
        engine: StandInEngine,
        answer: simcord.ResponseMessage,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        engine.failure = RuntimeError("disk")
        shown = await press(world.ann, answer, "Context")
        (message,) = [m for m in (shown.response, *shown.followups) if m and texts(m)][:1]
        assert texts(message)[0].startswith("Something went wrong on my side (error ")
        assert "RuntimeError: disk" in caplog.text


class TestRating:
    async def test_a_thumb_up_is_kept_with_the_answer(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.manager, answer, "👍")
        assert shown.ephemeral
        assert texts(shown.response) == ["Thank you!"]
        assert ratings(engine) == [(world.manager.id, "up", "")]

    async def test_a_thumb_down_counts_at_once_and_may_say_why(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.ann, answer, "👎")
        assert shown.modal is not None
        assert shown.modal["title"] == "What was wrong?"
        assert ratings(engine) == [(world.ann.id, "down", "")]
        submitted = await world.ann.submit_modal(shown, {"reason": "It was\n1863."})
        assert submitted.ephemeral
        assert texts(submitted.response)[0].startswith("Thank you: ")
        assert ratings(engine) == [(world.ann.id, "down", "It was 1863.")]

    async def test_the_reason_may_be_left_out(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.ann, answer, "👎")
        await world.ann.submit_modal(shown, {})
        assert ratings(engine) == [(world.ann.id, "down", "")]

    async def test_the_last_word_of_each_person_counts(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        await press(world.ann, answer, "👎")
        await press(world.ann, answer, "👍")
        await press(world.manager, answer, "👎")
        assert sorted(ratings(engine)) == [
            (world.ann.id, "up", ""),
            (world.manager.id, "down", ""),
        ]


class TestDismiss:
    async def test_the_asker_takes_the_answer_away(
        self, world: World, answer: simcord.ResponseMessage
    ) -> None:
        await press(world.ann, answer, "Dismiss")
        assert world.replies() == []

    async def test_so_does_who_may_manage_messages(self, world: World) -> None:
        role = world.guild.create_role(
            "Moderators", permissions=discord.Permissions(manage_messages=True)
        )
        moderator = world.guild.add_member(world.env.create_user("mo"), roles=[role])
        await world.ann.send(world.channel, f"{world.mention} {QUESTION}")
        (reply,) = world.replies()
        await moderator.click(reply, custom_id=buttons(reply)["Dismiss"])
        assert world.replies() == []

    async def test_nobody_else_does(self, world: World, answer: simcord.ResponseMessage) -> None:
        shown = await press(world.manager, answer, "Dismiss")
        assert shown.ephemeral
        assert texts(shown.response)[0].startswith("Only who asked")
        assert len(world.replies()) == 1


class TestLater:
    """What a button does when the bot, the record or the place is not what it was."""

    async def test_buttons_work_after_a_restart(
        self,
        world: World,
        engine: StandInEngine,
        options: BotOptions,
        answer: simcord.ResponseMessage,
    ) -> None:
        again = ArticleBot(engine, options)  # type: ignore[arg-type] # the stand-in
        await world.env.restart_bot(again)
        shown = await press(world.manager, answer, "Context")
        assert f"**{SENTENCES[0]}**" in texts(shown.response)[1]
        await press(world.manager, answer, "👍")
        assert ratings(engine) == [(world.manager.id, "up", "")]
        await again.close()

    @pytest.mark.parametrize(
        "name", ["More passages", "Context", "👍", "👎", "Continue in a thread"]
    )
    async def test_they_say_so_when_the_record_is_gone(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage, name: str
    ) -> None:
        engine.journal.purge(datetime.now(UTC) + timedelta(days=31))
        shown = await press(world.ann, answer, name)
        assert shown.ephemeral
        assert texts(shown.response) == [GONE]
        assert world.channel.threads == []

    async def test_a_form_that_outlives_the_record_says_so_too(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        shown = await press(world.ann, answer, "👎")
        engine.journal.forget_user(world.ann.id)
        submitted = await world.ann.submit_modal(shown, {"reason": "?"})
        assert texts(submitted.response) == [GONE]

    async def test_the_asker_can_dismiss_an_answer_without_its_record(
        self, world: World, engine: StandInEngine, answer: simcord.ResponseMessage
    ) -> None:
        engine.journal.forget_user(world.ann.id)
        await press(world.ann, answer, "Dismiss")
        assert world.replies() == []

    async def test_a_record_of_another_place_is_not_found(
        self, world: World, env: simcord.Env, answer: simcord.ResponseMessage
    ) -> None:
        """The id of a record of the first server, pressed in the second one."""
        other = env.create_guild("Elsewhere")
        channel = other.create_text_channel("general")
        ben = other.add_member(env.create_user("ben"))
        theirs = await ben.slash(channel, "ask", question=QUESTION)
        assert theirs.response is not None
        foreign = buttons(answer)["Context"]
        stored = env.backend.get_message(channel.id, theirs.response.id)
        row = stored.components[0]["components"][-2]["components"]
        row[1]["custom_id"] = foreign
        shown = await ben.click(theirs.response, custom_id=foreign)
        assert texts(shown.response) == [GONE]

    async def test_while_closing_a_press_is_told_to_come_again(
        self, world: World, bot: ArticleBot, answer: simcord.ResponseMessage
    ) -> None:
        assert await bot.drain()
        shown = await press(world.ann, answer, "Context")
        assert texts(shown.response) == ["I am restarting. Please try again in a minute."]


async def test_an_answer_that_cannot_be_recorded_goes_out_without_buttons(
    world: World, engine: StandInEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise StorageError("disk full")

    monkeypatch.setattr(engine.journal, "record", full)
    result = await world.ann.slash(world.channel, "ask", question=QUESTION)
    assert f"> {SENTENCES[0]}" in texts(result.response)
    assert buttons(result.response) == {}
