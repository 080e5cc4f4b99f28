"""Every way of asking, over the wire."""

from __future__ import annotations

from . import payloads
from .loopback import APPLICATION, CHOICES, DEFERRED, Discord, until
from .payloads import EPHEMERAL, text

MAYOR = "Who is the mayor of Beijing?"
HIS_NAME = "Yin Yong"
MENTION = f"<@{APPLICATION}>"


async def test_a_command_is_acknowledged_at_once_and_answered_in_one_message(
    discord: Discord,
) -> None:
    asked = await discord.command("ask", question=MAYOR)
    answer = await discord.answer(asked)
    assert HIS_NAME in text(answer)
    assert asked.acknowledged == DEFERRED
    assert asked.acknowledged_after_s < 1
    assert not answer["flags"] & EPHEMERAL


async def test_a_private_answer_shows_to_the_asker_alone(discord: Discord) -> None:
    asked = await discord.command("ask", question=MAYOR, private=True)
    assert (await discord.answer(asked))["flags"] & EPHEMERAL


async def test_a_mention_is_answered_by_a_reply(discord: Discord) -> None:
    said = await discord.say(f"{MENTION} {MAYOR}")
    assert HIS_NAME in text(await discord.reply(said))


async def test_a_reply_to_an_answer_goes_on_from_it(discord: Discord) -> None:
    first = await discord.say(f"{MENTION} {MAYOR}")
    answer = await discord.reply(first)
    second = await discord.say("To whom did he speak?", reply_to=answer)
    assert HIS_NAME in text(await discord.reply(second))


async def test_a_direct_message_needs_no_mention(discord: Discord) -> None:
    said = await discord.say(MAYOR, channel=discord.direct)
    assert HIS_NAME in text(await discord.reply(said))


async def test_the_menu_of_a_message_asks_what_the_message_says(discord: Discord) -> None:
    said = await discord.say(MAYOR, author=discord.bob)
    asked = await discord.menu(said)
    assert HIS_NAME in text(await discord.answer(asked))
    assert discord.replies(said) == []


async def test_where_only_its_user_has_brought_it_the_bot_answers_by_interaction_alone(
    discord: Discord,
) -> None:
    asked = await discord.command_by_install("ask", question=MAYOR)
    assert HIS_NAME in text(await discord.answer(asked))
    assert discord.posts(discord.foreign) == []


async def test_who_reads_german_is_answered_in_german(discord: Discord) -> None:
    asked = await discord.command_in_german("ask", question=MAYOR)
    answer = await discord.answer(asked)
    assert HIS_NAME in text(answer)
    assert "Absatz\N{NO-BREAK SPACE}12\N{NO-BREAK SPACE}von\N{NO-BREAK SPACE}18" in text(answer)


async def test_titles_are_offered_while_one_is_typed(discord: Discord) -> None:
    asked = await discord.type_title("ask", "article", "tech giants")
    await until(lambda: asked.acknowledged)
    assert asked.acknowledged == CHOICES
    (choice,) = asked.data["choices"]
    assert choice["name"].startswith("China courts its tech giants again")


async def test_what_is_not_addressed_to_the_bot_is_not_answered(discord: Discord) -> None:
    chatter = await discord.say(MAYOR)
    machine = payloads.user("another bot", bot=True)
    by_machine = await discord.say(f"{MENTION} {MAYOR}", author=machine)
    await discord.reply(await discord.say(f"{MENTION} {MAYOR}"))
    assert discord.replies(chatter) == []
    assert discord.replies(by_machine) == []


async def test_a_question_that_changes_changes_its_answer(discord: Discord) -> None:
    said = await discord.say(f"{MENTION} Who won the football World Cup in 1998?")
    answer = await discord.reply(said)
    assert HIS_NAME not in text(answer)
    await discord.edit(said, f"{MENTION} {MAYOR}")
    await until(lambda: HIS_NAME in text(answer))
    assert discord.replies(said) == [answer]


async def test_a_question_that_is_deleted_takes_its_answer_along(discord: Discord) -> None:
    said = await discord.say(f"{MENTION} {MAYOR}")
    await discord.reply(said)
    await discord.delete(said)
    await until(lambda: not discord.replies(said))
